r"""Chapter "deep-limit": the distance of a network from its limit, against limits with a closed form.

A case is a path that is constant on pieces of time (:class:`~fbscheck.claims.limits.limit_case.LimitCase`).  Closed
form and states are enclosed in ball arithmetic, bounds are rounded upward; measured is the largest ratio of the two
sides over nodes and samples, and over times half-way between nodes where the claim is about all times.

Three of the claims are about gradient flows: K symmetric, positive semidefinite, and steady, and
phi(x) = <Kx, x>/2 - <Lb, x> + lambda r(x).  There a layer from x with velocity delta = (x_{n+1} - x_n)/h adds at most
h D + h^3 <K delta, delta>/6 to the square of the distance, D the Bregman distance of lambda r (proof: layer of a
gradient flow); no exponential and no sum of defects is needed.  With K = 0 these are the bounds of Nochetto, Savare
and Verdi (2000) and Rulla (1996).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import accumulate
from operator import mul
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, matmul, norm, upper
from fbscheck.certify.spectra import eigenvalue_bounds, norms_upper
from fbscheck.claims.limits.limit_case import LimitCase
from fbscheck.claims.networks.stability import ratio_evidence
from fbscheck.functions import L1, Box, NonNegative, Zero
from fbscheck.judge import decide, not_applicable, squeeze, undecided
from fbscheck.limit import error_curve
from fbscheck.verdict import Claim, Hypothesis, Relation, Result, planted

__all__ = [
    "CERTIFIED",
    "CLAIMS",
    "ENERGY",
    "ESTIMATOR",
    "INITIAL",
    "PLANTED",
    "UNIFORM",
    "assess",
    "nodal_sides",
    "replay",
]

Sides = list[tuple[Any, float]]
Values = npt.NDArray[np.float64]


def _curvature(case: LimitCase) -> tuple[float, float]:
    """Bounds of the eigenvalues of K, exact where it is diagonal; the lower one is minus |K - K^T| if that is not 0."""
    K = case.path.K.starts[0]  # type: ignore[union-attr]
    if np.count_nonzero(K) == np.count_nonzero(np.diagonal(K)):
        return float(np.diagonal(K).min()), float(np.diagonal(K).max())
    if not np.array_equal(K, K.T):
        return -float(np.abs(K - K.T).max()), float(norms_upper(K[None])[0])
    low, high = eigenvalue_bounds(K[None])
    return float(low[0]), float(high[0])


def _inside(case: LimitCase) -> int:
    """0 if x_0 is in the domain of r, else -1."""
    return int(np.array_equal(case.start, case.x0)) - 1


STEADY = Hypothesis(r"K, L, \lambda\ \mathrm{constant}", lambda case: int(case.steady) - 1)
GRADIENT = Hypothesis(r"K = K^{T} \geq 0", lambda case: _curvature(case)[0])
SHORT = Hypothesis(r"h|K| \leq 1", lambda case: 1 - float(case.step) * _curvature(case)[1])
INSIDE = Hypothesis(r"x_0 \in \mathrm{dom}\ r", _inside)
EXACT_SLOPE = Hypothesis(
    r"r\ \mathrm{polyhedral}", lambda case: int(isinstance(case.path.r, Zero | L1 | Box | NonNegative)) - 1
)
RATIO = "(largest ratio of the two sides)"

CERTIFIED = Claim(
    "deep-limit.certified",
    "The certified distance from the limit",
    r"|x_n-x(t_n)| \leq \beta_n,\quad \beta_n=\Bigl(2\int_0^{t_n}e^{-2\int_s^{t_n}\mu}\,\lambda(\sigma D+\epsilon)"
    r"\,ds\Bigr)^{1/2}+\int_0^{t_n}e^{-\int_s^{t_n}\mu}\,(|F-f(s,X)|+|\xi-\lambda\zeta|)\,ds",
    Relation.AT_MOST,
    f"proof: one-step inequality of the deep-layer limit {RATIO}",
    (INSIDE,),
)
ESTIMATOR = Claim(
    "deep-limit.estimator",
    "Gradient flows: distance from defects",
    r"|X(t)-x(t)|^2 \leq \sum_{t_k<t}\bigl(hD_k+\tfrac{h^3}6\langle K\delta_{k+1},\delta_{k+1}\rangle\bigr),\quad "
    r"D_k=\lambda r(x_k)-\lambda r(x_{k+1})-h\langle\delta_{k+1}+Kx_k-Lb,\delta_{k+1}\rangle",
    Relation.AT_MOST,
    f"proof: layer of a gradient flow {RATIO}",
    (STEADY, GRADIENT, INSIDE),
)
UNIFORM = Claim(
    "deep-limit.uniform",
    "Gradient flows: uniform in time",
    r"|X(t)-x(t)| \leq \frac{h}{\sqrt2}\,|\partial^0\varphi(x_0)|\quad\mathrm{for\ all}\ t \geq 0",
    Relation.AT_MOST,
    f"proof: layer of a gradient flow; proof: defect of a gradient flow {RATIO}",
    (STEADY, GRADIENT, SHORT, INSIDE, EXACT_SLOPE),
)
ENERGY = Claim(
    "deep-limit.energy",
    "Gradient flows: from the energy",
    r"|X(t)-x(t)| \leq \sqrt{h(\varphi(x_0)-\varphi(x_n))}\quad\mathrm{for}\ t \leq t_n",
    Relation.AT_MOST,
    f"proof: layer of a gradient flow; proof: energy of a gradient flow {RATIO}",
    (STEADY, GRADIENT, SHORT, INSIDE),
)
INITIAL = Claim(
    "deep-limit.initial-layer",
    "A start outside the domain",
    r"|x_n-x(t_n)| \leq \beta_n+\prod_{0<k<n}\|W_k\|\,(|Gx_0-x_0|+|GPx_0-Px_0|),\quad n \geq 1,\ Gx=W_0x+U_0b",
    Relation.AT_MOST,
    f"nonexpansiveness, and the certified distance from the projected start {RATIO}",
    (Hypothesis(r"r\ \mathrm{is\ an\ indicator}", lambda case: int(case.path.r.is_indicator) - 1),),
)
CLAIMS = (CERTIFIED, ESTIMATOR, UNIFORM, ENERGY, INITIAL)
FACTORS = {CERTIFIED.id: 0.99, ESTIMATOR.id: 0.9, UNIFORM.id: 0.52, ENERGY.id: 0.52, INITIAL.id: 0.49}
"""Factors just below what known instances attain: bounds that are smaller by these are refuted."""

PLANTED = tuple(planted(claim, f"{FACTORS[claim.id]} of it") for claim in CLAIMS)


def assess(claim: Claim, case: LimitCase) -> Result:
    """Measure one of ``CLAIMS`` on a case, or one of ``PLANTED``, whose bounds are too small."""
    kind = claim.id.removeprefix("planted.")
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    with threadpool_limits(1):
        sides = [(apart, bound) for apart, bound in _SIDES[kind](case) if bound or upper(apart) > 0]
    if not sides:
        return undecided(claim, case.name, "nothing moves")
    evidence = ratio_evidence(sides, f"closed form, {case.depth} layers, in ball arithmetic")
    arrays: Arrays = {}
    witness = {"limit": case.describe(arrays)}
    scale = FACTORS[kind] if claim.control else 1.0
    return replace(decide(claim, case.name, squeeze(scale, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the case in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    if set(witness) != {"limit"}:
        raise kernel.Refusal("the witness is no case of a limit")
    return assess(claim, LimitCase.restore(witness["limit"], arrays))


def nodal_sides(case: LimitCase) -> Sides:
    """The distance at each node of each sample, as a ball, and its certified bound."""
    bounds = error_curve(case.path, case.x0, case.b, case.depth).nodes[1:]
    return _paired(case.layers()[1:] - case.solution[2::2], bounds)


def _initial(case: LimitCase) -> Sides:
    layers, projected = case.network.layers, case.start
    fed = matmul(layers.injections[0], exact(case.b))
    points = [exact(point) for point in (case.x0, projected)]
    lengths = [norm(matmul(layers.transitions[0], point) + fed - point) for point in points]
    first = [ball(upper(a)) + ball(upper(c)) for a, c in zip(*lengths, strict=True)]
    products = accumulate([ball(1), *map(ball, norms_upper(layers.transitions[1:]).tolist())], mul)
    curve = error_curve(case.path, projected, case.b, case.depth).nodes[1:]
    bounds = [
        [upper(ball(beta) + product * length) for beta, length in zip(row, first, strict=True)]
        for row, product in zip(curve.tolist(), products, strict=True)
    ]
    return _paired(case.layers()[1:] - case.solution[2::2], np.array(bounds))


def _estimator(case: LimitCase) -> Sides:
    """At nodes and half-way: both sides, squared on the left, hence roots of the sums."""
    states = case.splitting()
    h, delta = ball(case.step), np.diff(states, axis=0) / ball(case.step)
    values = np.stack([_value(case, x) for x in states])
    K = case.path.K.starts[0]  # type: ignore[union-attr]
    added = []
    for n, velocity in enumerate(delta):
        pull = velocity + matmul(K, states[n]) - case.fed
        bregman = values[n] - values[n + 1] - h * np.sum(pull * velocity, axis=0)
        added.append(h * bregman + h**3 / 6 * np.sum(matmul(K, velocity) * velocity, axis=0))
    return _over_time(case, states, np.cumsum(np.stack(added), axis=0))


def _energy(case: LimitCase) -> Sides:
    states = case.splitting()
    energies = np.stack([_energy_of(case, x) for x in states])
    return _over_time(case, states, ball(case.step) * (energies[0] - energies[1:]))


def _uniform(case: LimitCase) -> Sides:
    """The slope at x_0 is one of dr, near the one of least norm: the bound holds with any."""
    K, weight = case.path.K.starts[0], float(case.path.weights.starts[0])  # type: ignore[union-attr]
    steep = matmul(K, exact(case.x0)) - case.fed
    near = -np.array([[float(v.mid()) for v in row] for row in steep])
    weight = 1.0 if case.path.r.is_indicator else weight
    slope = case.path.r.subgradient(case.x0, near / weight if weight else near)
    size = norm(steep + ball(weight) * exact(slope))
    square = np.array([ball(case.step) ** 2 / 2 * length**2 for length in size], dtype=object)
    states = case.splitting()
    return _over_time(case, states, np.broadcast_to(square, (case.depth, len(square))))


def _value(case: LimitCase, x: Any) -> Any:
    """lambda r (S,); 0 for an indicator, whose domain no state leaves."""
    if case.path.r.is_indicator:
        return np.array([ball(0)] * x.shape[1], dtype=object)
    return ball(float(case.path.weights.starts[0])) * case.path.r(x)  # type: ignore[union-attr]


def _energy_of(case: LimitCase, x: Any) -> Any:
    K = case.path.K.starts[0]  # type: ignore[union-attr]
    return np.sum(matmul(K, x) * x, axis=0) / 2 - np.sum(case.fed * x, axis=0) + _value(case, x)


def _over_time(case: LimitCase, states: Any, squares: Any) -> Sides:
    """Distances at nodes and half-way, with the roots of bounds (N, S) on their squares up to the ends of layers."""
    halves = (states[:-1] + states[1:]) / 2
    solution = case.solution
    roots = np.array([[upper(square.nonnegative_part().sqrt()) for square in row] for row in squares])
    return _paired(halves - solution[1::2], roots) + _paired(states[1:] - solution[2::2], roots)


def _paired(apart: Any, bounds: Values) -> Sides:
    """Distances (N, S) of differences (N, d, S), with their bounds."""
    return [
        (length, bound)
        for difference, row in zip(apart, bounds.tolist(), strict=True)
        for length, bound in zip(norm(difference), row, strict=True)
    ]


_SIDES: dict[str, Callable[[LimitCase], Sides]] = {
    CERTIFIED.id: nodal_sides,
    ESTIMATOR.id: _estimator,
    UNIFORM.id: _uniform,
    ENERGY.id: _energy,
    INITIAL.id: _initial,
}
