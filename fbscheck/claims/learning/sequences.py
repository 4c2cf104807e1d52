r"""Sequences of parameters of networks that tend to those of a limit, weakly or strongly, in ball arithmetic.

A sequence has parameters theta of the limit, constant on pieces of [0, 1], and those of a network of N layers; g = 0
and the penalty is a int |theta|^p, p even.  Limits are products of exponentials of matrices.

How far losses are apart.  Let X be the piecewise linear interpolant of the network's states, V_n = K_n X_n - L_n b, and
P, Q the primitives of K_N - K and L_N - L.  The difference e = X - x satisfies

    e' = -K e - P' X + Q' b + K_n (X - X_n),

so that w = e + PX - Qb has w' = -Kw + K(PX - Qb) - P V_n + K_n (X - X_n), and by Gronwall's lemma

    |e(1)| <= rho = |P(1) X_N - Q(1) b| + G (k (pB + q|b|) + p int |V| + (h/2) int |K_n V_n|),

G = exp(int mu^-), mu the least eigenvalue of (K + K^T)/2, k = sup |K|, p = sup |P|, q = sup |Q|, B = max |X_n|.  Half
the squares of the errors then differ by (|X_N - x*| + rho/2) rho at most.  In weak convergence p and q tend to 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, final

import flint
import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, matmul, norm, upper
from fbscheck.certify.spectra import norms_upper
from fbscheck.network.layers import Values
from fbscheck.network.stability import modulus_ends

__all__ = ["Sequence", "averages", "exact_means", "refined"]

STACKS = ("K", "L", "own_K", "own_L")


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
        pairs = (refined(own, limit) for own, limit in ((self.own_K, self.K), (self.own_L, self.L)))
        return all(exact_means(own, cells) == exact_means(limit, cells) for own, limit in pairs)

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


def averages(stack: Values, depth: int) -> Values:
    """P_N: the means of (M, ...) over N = ``depth`` cells of equal numbers of pieces, in float64."""
    return np.asarray(stack.reshape(depth, -1, *stack.shape[1:]).mean(axis=1))


def _primitive(own: Values, limit: Values) -> tuple[Any, Any]:
    """The largest norm |.|_F of the primitive of a difference, convex between steps, and the primitive at 1."""
    one, other = refined(own, limit)
    steps = [exact(x) - exact(y) for x, y in zip(one, other, strict=True)]
    total, most = np.full(own.shape[1:], ball(0)), ball(0)
    for step in steps:
        total = total + step / len(steps)
        most = max(most, norm(total.ravel()), key=upper)
    return most, total


def refined(own: Values, limit: Values) -> tuple[Values, Values]:
    """Both stacks on the pieces of the finer one."""
    pieces = max(len(own), len(limit))
    return np.repeat(own, pieces // len(own), axis=0), np.repeat(limit, pieces // len(limit), axis=0)


def exact_means(stack: Values, cells: int) -> list[Fraction]:
    """The exact means over ``cells`` pieces each, entry by entry."""
    rows = stack.reshape(len(stack) // cells, cells, -1)
    return [sum(map(Fraction, column), Fraction(0)) / cells for cell in rows for column in cell.T.tolist()]


def _stack(rows: Values, d: int) -> Values:
    return rows.reshape(-1, d, rows.shape[1])
