r"""Chapter "gamma": the parts of convergence of training problems, on sequences of parameters that are made for it.

A sequence has parameters theta of the limit, constant on pieces of [0, 1], and those of a network of N layers; g = 0
and the penalty is a int |theta|^p, p even.  Limits are products of exponentials of matrices, in ball arithmetic.

How far losses are apart.  Let X be the piecewise linear interpolant of the network's states, V_n = K_n X_n - L_n b, and
P, Q the primitives of K_N - K and L_N - L.  The difference e = X - x satisfies

    e' = -K e - P' X + Q' b + K_n (X - X_n),

so that w = e + PX - Qb has w' = -Kw + K(PX - Qb) - P V_n + K_n (X - X_n), and by Gronwall's lemma

    |e(1)| <= rho = |P(1) X_N - Q(1) b| + G (k (pB + q|b|) + p int |V| + (h/2) int |K_n V_n|),

G = exp(int mu^-), mu the least eigenvalue of (K + K^T)/2, k = sup |K|, p = sup |P|, q = sup |Q|, B = max |X_n|.  Half
the squares of the errors then differ by (|X_N - x*| + rho/2) rho at most.  In weak convergence p and q tend to 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, matmul, norm, round_up, upper
from fbscheck.certify.spectra import norms_upper
from fbscheck.claims.paths import between, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.network.layers import Values
from fbscheck.network.stability import modulus_ends
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "COERCIVE", "LIMINF", "LIMSUP", "LOSSES", "RECOVERY", "Sequence", "assess", "averages", "replay"]


@final
@dataclass(frozen=True, eq=False)
class Sequence:
    """Limit K (M, d, d), L (M, d, m) and network ``own_K`` (N, d, d), ``own_L`` (N, d, m); M or N divides the other.

    Samples are x_0 (d, S), b (m, S) and labels (d, S); the penalty is a int (|K|^2 + |L|^2)^{p/2}.
    """

    name: str
    K: Values
    L: Values
    own_K: Values
    own_L: Values
    x0: Values
    b: Values
    target: Values
    a: float
    power: int = 2

    @property
    def depth(self) -> int:
        """N."""
        return len(self.own_K)

    @property
    def averaged(self) -> bool:
        """Whether the network's parameters are the limit's averages over cells, exactly."""
        cells = max(1, len(self.K) // self.depth)
        refined = (_refined(own, limit) for own, limit in ((self.own_K, self.K), (self.own_L, self.L)))
        return all(_means(own, cells) == _means(limit, cells) for own, limit in refined)

    @cached_property
    def states(self) -> Any:
        """X_0..X_N (N + 1, d, S) as balls."""
        x, b, h = exact(self.x0), exact(self.b), ball(Fraction(1, self.depth))
        found = [x]
        for K, L in zip(self.own_K, self.own_L, strict=True):
            found.append(found[-1] - h * (matmul(K, found[-1]) - matmul(L, b)))
        return np.array(found)

    @cached_property
    def end(self) -> Any:
        """x(1) (d, S) as balls."""
        d, m = self.L.shape[1:]
        state = np.concatenate([exact(self.x0), exact(self.b)])
        tau = ball(Fraction(1, len(self.K)))
        for K, L in zip(self.K, self.L, strict=True):
            generator = np.zeros((d + m, d + m))
            generator[:d] = np.hstack([-K, L])
            flow = (flint.arb_mat(generator.tolist()) * tau).exp()
            moved = flow * flint.arb_mat(state.tolist())
            state = np.array(moved.entries(), dtype=object).reshape(state.shape)
        return state[:d]

    def loss(self, x: Any) -> Any:
        """The mean over samples of |x - x*|^2/2."""
        error = x - exact(self.target)
        return np.sum(error * error) / (2 * self.x0.shape[1])

    def squares(self, own: bool) -> list[Fraction]:
        """|theta|^2 of each piece of the network's parameters, or of the limit's; exactly."""
        K, L = (self.own_K, self.own_L) if own else (self.K, self.L)
        rows = np.concatenate([K.reshape(len(K), -1), L.reshape(len(L), -1)], axis=1)
        return [sum((Fraction(entry) ** 2 for entry in row), Fraction(0)) for row in rows.tolist()]

    def penalty(self, own: bool) -> Fraction:
        """int |theta|^p, exactly."""
        known = self.squares(own)
        return sum((square ** (self.power // 2) for square in known), Fraction(0)) / len(known)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the sequence again; its arrays are kept in ``arrays``."""
        rows = {name: add(getattr(self, name).reshape(-1, getattr(self, name).shape[2]), arrays) for name in STACKS}
        points = {name: add(getattr(self, name), arrays) for name in ("x0", "b", "target")}
        return {"name": self.name, **rows, **points, "a": str(Fraction(self.a)), "power": self.power}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Sequence":
        """The sequence that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            d = len(arrays[text["x0"]])
            stacks = {name: _stack(arrays[text[name]], d) for name in STACKS}
            points = {name: arrays[text[name]] for name in ("x0", "b", "target")}
            a, power = Fraction(text["a"]), text["power"]
            known = cls(str(text["name"]), **stacks, **points, a=float(a), power=power)
            pieces = sorted((len(known.K), known.depth))
            S, m = known.x0.shape[1], len(known.b)
            fits = (known.b.shape, known.target.shape) == ((m, S), (d, S)) and pieces[1] % pieces[0] == 0
            fits = fits and {stack.shape[1:] for stack in (known.K, known.own_K)} == {(d, d)}
            fits = fits and {stack.shape[1:] for stack in (known.L, known.own_L)} == {(d, m)}
            fits = fits and (len(known.L), len(known.own_L)) == (len(known.K), known.depth)
            if (
                not fits
                or known.describe({}) != dict(text)
                or type(power) is not int
                or power < 2
                or power % 2
                or a <= 0
            ):
                raise ValueError("shapes, the penalty, or more than a sequence")
            return known
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the sequence is incomplete or malformed: {error}") from None

    @cached_property
    def gap(self) -> Any:
        """(|X_N - x*| + rho/2) rho, the mean over samples, as a ball; see the module."""
        h, b, X = ball(Fraction(1, self.depth)), exact(self.b), self.states
        V = [matmul(K, x) - matmul(L, b) for K, L, x in zip(self.own_K, self.own_L, X[:-1], strict=True)]
        KV = [norm(matmul(K, v)) for K, v in zip(self.own_K, V, strict=True)]
        (p, P), (q, Q) = _primitive(self.own_K, self.K), _primitive(self.own_L, self.L)
        k = ball(float(norms_upper(self.K).max()))
        shrink = [max(0.0, -modulus_ends(K)[0]) for K in self.K]
        growth = (sum(map(ball, shrink), ball(0)) / len(shrink)).exp()
        size = np.array([max((x[s] for x in map(norm, X)), key=upper) for s in range(self.x0.shape[1])], dtype=object)
        speed, bend = h * sum(map(norm, V)), h * sum(KV)
        jump = norm(P.dot(X[-1]) - Q.dot(b))
        rho = jump + growth * (k * (p * size + q * norm(b)) + p * speed + h / 2 * bend)
        return np.mean((norm(X[-1] - exact(self.target)) + rho / 2) * rho)


STACKS = ("K", "L", "own_K", "own_L")

AVERAGED = Hypothesis(r"\theta_N = P_N\theta", lambda case: int(case.averaged) - 1)
SQUARE = Hypothesis(r"p = 2", lambda case: int(case.power == 2) - 1)

LOSSES = Claim(
    "gamma.losses",
    "Losses of networks whose parameters converge weakly",
    r"\Bigl|\frac1{2S}\sum_s|x_N-x^*|^2-|x(1)-x^*|^2\Bigr| \leq \omega_N,\quad "
    r"\omega_N=\frac1S\sum_s(|x_N-x^*|+\tfrac12\rho)\rho",
    Relation.AT_MOST,
    "summation by parts and Gronwall, rho from primitives of parameters (ratio of the two sides)",
)
LIMINF = Claim(
    "gamma.liminf",
    "Lower limit along weakly convergent parameters",
    r"J(\theta) \leq J_N(\theta_N)+\omega_N+2a\,\Bigl|\int\langle\theta,\theta_N-\theta\rangle\Bigr|",
    Relation.AT_MOST,
    "losses; convexity of the penalty (J(theta) - J_N(theta_N) against the rest)",
    (SQUARE,),
)
LIMSUP = Claim(
    "gamma.limsup",
    "Upper limit along recovery sequences",
    r"J_N(P_N\theta) \leq J(\theta)+\omega_N",
    Relation.AT_MOST,
    "losses; Jensen's inequality for the penalty (J_N(P_N theta) - J(theta) against the bound)",
    (AVERAGED,),
)
RECOVERY = Claim(
    "gamma.recovery",
    "Averages over layers cost no more",
    r"\int|P_N\theta|^p \leq \int|\theta|^p",
    Relation.AT_MOST,
    "Jensen's inequality; rational arithmetic (ratio of the two sides)",
    (AVERAGED,),
)
COERCIVE = Claim(
    "gamma.coercive",
    "No layer acts by a finite amount",
    r"h\|K_n\| \leq \Bigl(\frac{J_N(0)}a\Bigr)^{1/p}h^{1-1/p}",
    Relation.AT_MOST,
    "one term of the penalty, which is at most J_N(0) (p-th power of the ratio of the two sides)",
    (Hypothesis(r"J_N(\theta_N) \leq J_N(0)", lambda case: Fraction(-upper(_value(case, True) - _nothing(case)))),),
)
CLAIMS = (LOSSES, LIMINF, LIMSUP, RECOVERY, COERCIVE)


def assess(claim: Claim, case: Sequence, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` on a sequence; ``scale`` multiplies its bound (a planted error if it is not 1)."""
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    theory, evidence = _SIDES[claim.id.removeprefix("planted.")](case)
    arrays: Arrays = {}
    witness = scaled({"sequence": case.describe(arrays)}, scale)
    return replace(decide(claim, case.name, squeeze(scale * theory, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the sequence in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"sequence"}:
        raise kernel.Refusal("the witness is no sequence")
    return assess(claim, Sequence.restore(content["sequence"], arrays), float(scale))


def averages(stack: Values, depth: int) -> Values:
    """P_N: the means of (M, ...) over N = ``depth`` cells of equal numbers of pieces, in float64."""
    return np.asarray(stack.reshape(depth, -1, *stack.shape[1:]).mean(axis=1))


Sides = tuple[float, tuple[Evidence, ...]]


def _losses(case: Sequence) -> Sides:
    ratio = abs(case.loss(case.states[-1]) - case.loss(case.end)) / case.gap
    return 1.0, _enclosed(ratio, case)


def _liminf(case: Sequence) -> Sides:
    linear = abs(_linear(case)) * 2 * Fraction(case.a)
    return up(upper(case.gap + ball(linear))), _enclosed(_value(case, False) - _value(case, True), case)


def _limsup(case: Sequence) -> Sides:
    return up(upper(case.gap)), _enclosed(_value(case, True) - _value(case, False), case)


def _recovery(case: Sequence) -> Sides:
    ratio = case.penalty(True) / case.penalty(False)
    method = f"exact sums over {len(case.K)} pieces and {case.depth} layers"
    sides = (Side.ATTAINED, -round_up(-ratio)), (Side.CERTIFIED, round_up(ratio))
    return 1.0, tuple(Evidence(side, value, Rigour.EXACT, method) for side, value in sides)


def _coercive(case: Sequence) -> Sides:
    """(h|K_n|)^p a h^{1-p} / J_N(0), the norm of K from above; from below, that of the layer's largest column."""
    h, power, bound = ball(Fraction(1, case.depth)), case.power, _nothing(case)
    high = ball(float(norms_upper(case.own_K).max()))
    low = max((norm(exact(column)) for K in case.own_K for column in K.T), key=lower)
    ends = [(size**power) * h * ball(case.a) / bound for size in (low, high)]
    return 1.0, between(lower(ends[0]), upper(ends[1]), _method(case))


def _value(case: Sequence, own: bool) -> Any:
    return case.loss(case.states[-1] if own else case.end) + ball(Fraction(case.a) * case.penalty(own))


def _nothing(case: Sequence) -> Any:
    """J_N(0)."""
    return case.loss(exact(case.x0))


def _enclosed(found: Any, case: Sequence) -> tuple[Evidence, ...]:
    return between(lower(found), upper(found), _method(case))


def _method(case: Sequence) -> str:
    return f"{case.depth} layers and {len(case.K)} exponentials of matrices in ball arithmetic"


def _linear(case: Sequence) -> Fraction:
    """int <theta, theta_N - theta>, exactly."""
    total = -case.penalty(False)
    for own, limit in ((case.own_K, case.K), (case.own_L, case.L)):
        one, other = _refined(own, limit)
        pairs = zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)
        total += sum((Fraction(x) * Fraction(y) for x, y in pairs if x and y), Fraction(0)) / len(one)
    return total


def _primitive(own: Values, limit: Values) -> tuple[Any, Any]:
    """The largest norm |.|_F of the primitive of a difference, convex between steps, and the primitive at 1."""
    one, other = _refined(own, limit)
    steps = [exact(x) - exact(y) for x, y in zip(one, other, strict=True)]
    total, most = np.full(own.shape[1:], ball(0)), ball(0)
    for step in steps:
        total = total + step / len(steps)
        most = max(most, norm(total.ravel()), key=upper)
    return most, total


def _refined(own: Values, limit: Values) -> tuple[Values, Values]:
    pieces = max(len(own), len(limit))
    return np.repeat(own, pieces // len(own), axis=0), np.repeat(limit, pieces // len(limit), axis=0)


def _means(stack: Values, cells: int) -> list[Fraction]:
    """The exact means over ``cells`` pieces each, entry by entry."""
    rows = stack.reshape(len(stack) // cells, cells, -1)
    return [sum(map(Fraction, column), Fraction(0)) / cells for cell in rows for column in cell.T.tolist()]


def _stack(rows: Values, d: int) -> Values:
    return rows.reshape(-1, d, rows.shape[1])


_SIDES: dict[str, Callable[[Sequence], Sides]] = {
    LOSSES.id: _losses,
    LIMINF.id: _liminf,
    LIMSUP.id: _limsup,
    RECOVERY.id: _recovery,
    COERCIVE.id: _coercive,
}
