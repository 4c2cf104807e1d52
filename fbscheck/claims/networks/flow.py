"""Chapter "stability": the constants of the limit, and what a network of finite depth adds to them.

A case is a path (K, L), constant on pieces of [0, T] of one length, with g = 0, so that the limit is a product of
exponentials of matrices, which balls enclose.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Any, final

import flint
import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.certify.definite import norm_lower, norm_upper
from fbscheck.claims.networks.stability import ratio_evidence
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.network.layers import Values
from fbscheck.network.parameters import to_lista
from fbscheck.network.stability import flow_enclosures, gap_enclosures, modulus_ends
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "FLOW", "MODULUS", "Path", "UNIFORM", "UNIFORM_DATA", "assess", "replay"]


@final
@dataclass(frozen=True, eq=False)
class Path:
    """K (P, d, d) and L (P, d, m) on P pieces of [0, T]; differences of x_0 (d,) and b (m,); a depth, k P layers."""

    name: str
    K: Values
    L: Values
    horizon: Fraction
    start: Values
    data: Values
    depth: int

    @property
    def transitions(self) -> Values:
        """I - hK (P, d, d) of the network with N = ``depth`` layers, in float64."""
        return to_lista(self.K, self.L, np.zeros(len(self.K)), self.step)[1]

    @property
    def step(self) -> Fraction:
        """h = T/N."""
        return self.horizon / self.depth

    @property
    def steepest(self) -> Fraction:
        """h times the largest modulus, from above."""
        return self.step * max(Fraction(modulus_ends(K)[1]) for K in self.K)

    @property
    def exact(self) -> bool:
        """Whether I - hK is free of rounding."""
        h, eye = self.step, np.eye(self.K.shape[1])
        parts = (part.ravel().tolist() for part in (self.transitions, eye + 0 * self.K, self.K))
        return all(Fraction(w) == Fraction(i) - h * Fraction(k) for w, i, k in zip(*parts, strict=True))

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the path again; its arrays are kept in ``arrays``."""
        rows = {name: add(part.reshape(-1, part.shape[2]), arrays) for name, part in (("K", self.K), ("L", self.L))}
        points = {"start": add(self.start, arrays), "data": add(self.data, arrays)}
        return {"name": self.name, **rows, **points, "horizon": str(self.horizon), "depth": self.depth}

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Path":
        """The path that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            K, L, start, data = (arrays[text[name]] for name in ("K", "L", "start", "data"))
            K, L = K.reshape(-1, K.shape[1], K.shape[1]), L.reshape(-1, K.shape[1], L.shape[1])
            depth, horizon = text["depth"], Fraction(text["horizon"])
            fits = (len(L), *start.shape, *data.shape) == (len(K), K.shape[1], L.shape[2])
            if not (fits and type(depth) is int and depth > 0 and depth % len(K) == 0 and horizon > 0):
                raise ValueError("shapes, depth or horizon")
            if not isinstance(text["name"], str) or len(text) != 7:
                raise TypeError("the name is no text, or there is more than a path")
            return cls(text["name"], K, L, horizon, start, data, depth)
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the path is incomplete or malformed: {error}") from None


FLOW = Claim(
    "stability.flow",
    "Stability of the limit",
    r"|x(T)-\tilde x(T)| \leq e^{-\int_0^T\mu}\,|x_0-\tilde x_0|+|b-\tilde b|\int_0^T e^{-\int_s^T\mu}\|L(s)\|\,ds",
    Relation.AT_MOST,
    "Gronwall (ratio of the two sides, against exponentials of matrices)",
)
EXACT = Hypothesis(r"fl(I-hK_n) = I-hK_n", lambda path: int(path.exact) - 1)
UNIFORM = Claim(
    "stability.uniform",
    "The constant of a network and that of its limit",
    r"\prod_{n<N}\|I-hK_n\| \leq e^{-\int_0^T\mu}\,\exp\Bigl(\frac{h^2}{2}\sum_{n<N}\|K_n\|^2\Bigr)",
    Relation.AT_MOST,
    "proof: layer norm from above (ratio of the two sides)",
    (EXACT,),
)
UNIFORM_DATA = Claim(
    "stability.uniform-data",
    "The constant of a network for its data and that of its limit",
    r"h\sum_{n<N}\Bigl(\prod_{k>n}\|I-hK_k\|\Bigr)\|L_n\| \leq \gamma_N\int_0^T e^{-\int_s^T\mu}\|L(s)\|\,ds,"
    r"\quad \gamma_N=\max_n\frac{h\mu_n}{1-e^{-h\mu_n}}\,\exp\Bigl(\frac{h^2}{2}\sum_{0<n<N}\|K_n\|^2\Bigr)",
    Relation.AT_MOST,
    "proof: layer norm from above; layer by layer (ratio of the two sides)",
    (EXACT, Hypothesis(r"\max|L_n| > 0", lambda path: float(np.abs(path.L).max()), strict=True)),
)
MODULUS = Claim(
    "stability.modulus",
    "The constant of a network is no less than its moduli say",
    r"\prod_{n<N}(1-h\mu_n) \leq \prod_{n<N}\|I-hK_n\|",
    Relation.AT_MOST,
    "proof: layer norm from below (ratio of the two sides)",
    (EXACT, Hypothesis(r"h\mu_n < 1", lambda path: 1 - path.steepest, strict=True)),
)
CLAIMS = (FLOW, UNIFORM, UNIFORM_DATA, MODULUS)


def assess(claim: Claim, path: Path, scale: float = 1.0) -> Result:
    """Measure one of ``CLAIMS`` on a path; ``scale`` multiplies its bound (a planted error if it is not 1)."""
    if (unmet := claim.unmet(path)) is not None:
        return not_applicable(claim, path.name, unmet)
    evidence = _SIDES[claim.id.removeprefix("planted.")](path)
    arrays: Arrays = {}
    witness = scaled({"path": path.describe(arrays)}, scale)
    return replace(decide(claim, path.name, squeeze(scale, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the path in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    if set(content) != {"path"}:
        raise kernel.Refusal("the witness is no path")
    return assess(claim, Path.restore(content["path"], arrays), float(scale))


def _flow(path: Path) -> tuple[Evidence, ...]:
    d, m = path.L.shape[1:]
    state = flint.arb_mat(d + m, 1, [*path.start.tolist(), *path.data.tolist()])
    tau = ball(path.horizon / len(path.K))
    for K, L in zip(path.K, path.L, strict=True):
        generator = np.zeros((d + m, d + m))
        generator[:d] = np.hstack([-K, L])
        state = (flint.arb_mat(generator.tolist()) * tau).exp() * state
    moved = np.array(state.entries()[:d], dtype=object)
    of_start, of_data = flow_enclosures(path.K, path.L, path.horizon)
    bound = of_start * norm(exact(path.start)) + of_data * norm(exact(path.data))
    return ratio_evidence([(norm(moved), bound)], f"{len(path.K)} exponentials of matrices in ball arithmetic")


def _uniform(path: Path) -> tuple[Evidence, ...]:
    return _compared(path, 0)


def _uniform_data(path: Path) -> tuple[Evidence, ...]:
    return _compared(path, 1)


def _compared(path: Path, which: int) -> tuple[Evidence, ...]:
    """A constant of the network against that of the limit times its factor, for x_0 and for b; both are enclosed."""
    limit = flow_enclosures(path.K, path.L, path.horizon)[which]
    bound = limit * gap_enclosures(path.K, path.depth, path.horizon)[which]
    return _ratios([_constants(path, measure)[which] / bound for measure in MEASURES], path)


def _modulus(path: Path) -> tuple[Evidence, ...]:
    """Both sides are enclosed: the least quotient takes moduli and norms from above, the greatest from below."""
    ends = [modulus_ends(K)[::-1] for K in path.K]
    return _ratios(
        [
            _power(path, [1 - ball(path.step) * ball(m[k]) for m in ends]) / _constants(path, measure)[0]
            for k, measure in enumerate(MEASURES[::-1])
        ],
        path,
    )


def _constants(path: Path, measure: Callable[[Values], float]) -> tuple[Any, Any]:
    """The product of the norms of the layers, and the sum of what they inject times the norms that follow."""
    state, data, h = ball(1), ball(0), ball(path.step)
    for W, L in zip(path.transitions, path.L, strict=True):
        factor, fed = ball(measure(W)), h * ball(measure(L))
        for _ in range(path.depth // len(path.K)):
            state, data = factor * state, factor * data + fed
    return state, data


def _power(path: Path, factors: list[Any]) -> Any:
    """The product over all layers of a factor for each piece."""
    return reduce(operator.mul, factors) ** (path.depth // len(path.K))


def _ratios(ends: list[Any], path: Path) -> tuple[Evidence, Evidence]:
    """A ratio that is known from below and from above."""
    method = f"norms of {len(path.K)} matrices, certified from both sides"
    return (
        Evidence(Side.ATTAINED, lower(ends[0]), Rigour.ENCLOSED, method),
        Evidence(Side.CERTIFIED, upper(ends[1]), Rigour.ENCLOSED, method),
    )


MEASURES = (norm_lower, norm_upper)
_SIDES: dict[str, Callable[[Path], tuple[Evidence, ...]]] = {
    FLOW.id: _flow,
    UNIFORM.id: _uniform,
    UNIFORM_DATA.id: _uniform_data,
    MODULUS.id: _modulus,
}
