"""Chapter "near": how near networks are to their limits on given data, and limits to their equilibrium and each other.

A case is a path of parameters with a network that samples it, and a deeper one as reference.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.certify.rounded import GUARD, norm_lower, norm_upper
from fbscheck.claims.limits.paths import PathCase, between, up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.inputs import Array, finite_array
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.limit.certificate import ErrorCurve, error_curve
from fbscheck.limit.equilibrium import contraction, contraction_ends, equilibrium_radius, polished
from fbscheck.limit.error import compared
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import Piecewise
from fbscheck.network.stability import flow_enclosures
from fbscheck.operators import Gradient
from fbscheck.verdict import Claim, Hypothesis, Relation, Result

__all__ = ["ACCURACY", "CLAIMS", "CONTROLS", "EQUILIBRIUM", "PERTURBED", "TRAINED", "assess", "replay"]

ACCURACY = Claim(
    "near.accuracy",
    "So many layers are within the wanted distance of the limit",
    r"\max_t|X_N(t)-x(t)| \leq \epsilon",
    Relation.AT_MOST,
    "certificate of the network, after a search for N",
)
EQUILIBRIUM = Claim(
    "near.equilibrium",
    "The limit tends to the minimiser",
    r"|x(t)-x^*| \leq e^{-(\mu+\sigma)t}\,|x_0-x^*|",
    Relation.AT_MOST,
    "monotonicity (largest ratio over the layers; x* by cvxpy, its distance from the minimiser certified)",
    (
        Hypothesis(r"\theta(t) = \theta", lambda case: int(_is_constant(case)) - 1),
        Hypothesis(r"\mu+\sigma > 0", lambda case: contraction(case.path), strict=True),
    ),
)
PERTURBED = Claim(
    "near.perturbed",
    "Two limits with perturbed start and data",
    r"|x(t)-\tilde x(t)| \leq e^{-\int_0^t\mu}\,|x_0-\tilde x_0|+|b-\tilde b|\int_0^te^{-\int_s^t\mu}\|L(s)\|\,ds"
    r"\quad\mathrm{at}\ t=T",
    Relation.AT_MOST,
    "Gronwall (ratio of the two sides; the limits through networks and their certificates)",
    (Hypothesis(r"\theta\ \mathrm{in\ equal\ steps}", lambda case: int(_in_steps(case)) - 1),),
)
TRAINED = Claim(
    "control.trained-limit",
    "A network trained without depth regularisation is near the limit of its own path",
    r"\max_t|X_N(t)-x(t)| \leq \tfrac1{10}\max_n|x_n|",
    Relation.AT_MOST,
    "false: layers vary so much that the path is another system than the network",
    control=True,
)
CLAIMS, CONTROLS = (ACCURACY, EQUILIBRIUM, PERTURBED), (TRAINED,)


def assess(claim: Claim, case: PathCase, extra: Any = None, scale: float = 1.0) -> Result:
    """Squeeze one of ``CLAIMS`` or ``CONTROLS``; ``scale`` multiplies its bound (a planted error if it is not 1).

    ``extra`` is the wanted accuracy of ``ACCURACY``, and the point (d,) near the equilibrium of ``EQUILIBRIUM``.
    """
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    arrays: Arrays = {}
    witness: dict[str, Any] = {"limit": case.describe(arrays)}
    kind, depth = claim.id.removeprefix("planted."), case.depths[0]
    own = error_curve(case.path, case.x0, case.b, depth, case.sampling)
    method = f"certificate of {depth} layers"
    if kind == EQUILIBRIUM.id:
        witness["point"] = add(extra, arrays)
        theory, ends = 1.0, _equilibrium(case, own, extra)
    elif kind == PERTURBED.id:
        theory, ends = 1.0, _perturbed(case, own)
    else:
        fine = error_curve(case.path, case.x0, case.b, case.reference, case.sampling)
        below, above = compared(own, fine)
        ends, method = (float(below.max()), float(above.max())), f"{method}, and {fine.depth} layers, compared"
        theory = float(extra) if kind == ACCURACY.id else up(float(norm_upper(own.states, 1).max()) / 10)
        if kind == ACCURACY.id:
            witness["accuracy"] = str(Fraction(extra))
    bracket = squeeze(scale * theory, between(*ends, method))
    return replace(decide(claim, case.name, bracket, scaled(witness, scale)), arrays=arrays)


def minimiser(path: ParameterPath, b: Array, f: Gradient) -> Array:
    """A minimiser of F + r by cvxpy, after some steps of a constant path with weight 1; f is the gradient of F."""
    from fbscheck.reference.programs import minimise

    return polished(path, minimise(f, path.r), b, 500)


def _equilibrium(case: PathCase, own: ErrorCurve, point: Array) -> tuple[float, float]:
    """The largest ratio over t_1..t_N; an infinite radius leaves nothing certain."""
    radius, (slow, fast) = equilibrium_radius(case.path, point, case.b), map(ball, contraction_ends(case.path))
    apart = own.states[:, :, 0] - np.asarray(point)
    near, far = norm_lower(apart, 1), norm_upper(apart, 1)
    slack = (own.nodes[:, 0] + radius + 1e-13 * (far + norm_upper(np.asarray(point), 0))) * GUARD
    times = [ball(case.path.horizon * n / own.depth) for n in range(own.depth + 1)]
    ratios = []
    for low, high, t in zip(near - slack, (far + slack) * GUARD, times, strict=True):
        ends = ball(max(float(low), 0.0)) * (slow * t).exp(), ball(float(high)) * (fast * t).exp()
        ratios.append((lower(ends[0]), upper(ends[1])))
    (least, most), rest = ratios[0], ratios[1:]
    return (
        max(low for low, _ in rest) / most * (1 - 1e-15),
        max(high for _, high in rest) / least * (1 + 1e-15) if least > 0 else np.inf,
    )


def _perturbed(case: PathCase, own: ErrorCurve) -> tuple[float, float]:
    """The ratio at T for the two samples of the case."""
    K, L = (_steps(curve) for curve in (case.path.K, case.path.L))
    count = max(len(K), len(L))
    K, L = (np.repeat(part, count // len(part), axis=0) for part in (K, L))
    of_start, of_data = flow_enclosures(K, L, case.path.horizon)
    start, data = (norm(exact(part[:, 0]) - exact(part[:, 1])) for part in (case.x0, case.b))
    bound = of_start * start + of_data * data
    last = own.states[-1]
    change = last[:, 0] - last[:, 1]
    slack = float(own.nodes[-1].sum() + 1e-14 * norm_upper(last, 0).sum()) * GUARD
    low, high = max(float(norm_lower(change, 0)) - slack, 0.0), (float(norm_upper(change, 0)) + slack) * GUARD
    return lower(ball(low) / bound), upper(ball(high) / bound)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the path and what was found for it in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    kind = claim.id.removeprefix("planted.")
    wanted = {ACCURACY.id: {"limit", "accuracy"}, EQUILIBRIUM.id: {"limit", "point"}}.get(kind, {"limit"})
    if set(content) != wanted:
        raise kernel.Refusal("the witness is no path, or says more than one")
    extra: Any = None
    if kind == ACCURACY.id:
        extra = float(kernel.rational(content["accuracy"]))
    if kind == EQUILIBRIUM.id:
        extra = finite_array(arrays[content["point"]], "point", 1)
    return assess(claim, PathCase.restore(content["limit"], arrays), extra, float(scale))


def _is_constant(case: PathCase) -> bool:
    return all(curve.constant for curve in (case.path.K, case.path.L, case.path.weights))


def _in_steps(case: PathCase) -> bool:
    return all(
        isinstance(curve, Piecewise) and curve.ends is curve.starts and curve.times is None
        for curve in (case.path.K, case.path.L)
    )


def _steps(curve: Any) -> Any:
    return curve.starts
