r"""Chapter "gamma": upper and lower limits of training problems with a convex part r, such as the l1 norm.

J of the limit is enclosed by a network of many layers (:meth:`fbscheck.learning.Problem.limit_value`), J_N in ball
arithmetic.  With rho a bound on |x_N - x(T)|, losses differ by omega = (|x_N - x*| + rho/2) rho at most, in the mean
over samples.  Along averages over layers rho is the certified distance of the network from the limit.  Along
parameters that converge weakly to constant ones it is the sum of that from the network's own limit and of what
primitives of parameters bound (:mod:`fbscheck.limit.weak`), for which K must be monotone in each layer and in the
limit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flint
import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, exact, lower, norm, upper
from fbscheck.certify.spectra import eigenvalue_bounds, symmetric_part
from fbscheck.claims.learning.sequences import exact_means
from fbscheck.claims.learning.training_case import TrainingCase, concluded, objective, rate, states, stored
from fbscheck.claims.limits.paths import between, up
from fbscheck.judge import not_applicable
from fbscheck.limit import ParameterPath, error_curve
from fbscheck.limit.path import Sampling
from fbscheck.limit.weak import weak_bound
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result

__all__ = ["CLAIMS", "LIMINF", "LIMSUP", "assess", "replay"]

LAYERS = 2**12
"""Of the network that encloses the limit."""


def _averaged(case: TrainingCase) -> int:
    """0 if the second parameters are the averages of the first, exactly; else -1."""
    theta, own = case.pair
    factor = len(theta) // case.depths[0]
    return int(exact_means(theta, factor) == exact_means(own[: case.depths[0]], 1)) - 1


def _constant(case: TrainingCase) -> int:
    return int(np.array_equal(case.pair[0], np.broadcast_to(case.pair[0][0], case.pair[0].shape))) - 1


def _modulus(case: TrainingCase) -> float:
    K, _, _ = case.problem.family.layers(np.concatenate(case.pair))
    return float(np.min(eigenvalue_bounds(*symmetric_part(K))[0]))


LIMSUP = Claim(
    "gamma.limsup-nonlinear",
    "Upper limit along recovery sequences, with an l1 part",
    r"J_N(P_N\theta) \leq J(\theta)+\omega_N,\quad \omega_N=\frac1S\sum_s(|x_N-x^*|+\tfrac12\rho)\rho",
    Relation.AT_MOST,
    "certificate of the network; Jensen's inequality (J_N(P_N theta) - J(theta) against the bound)",
    (Hypothesis(r"\theta_N = P_N\theta", _averaged),),
)
LIMINF = Claim(
    "gamma.liminf-nonlinear",
    "Lower limit along weakly convergent parameters, with an l1 part",
    r"J(\theta) \leq J_N(\theta_N)+\omega_N+2a\,\Bigl|\int\langle\theta,\theta_N-\theta\rangle\Bigr|",
    Relation.AT_MOST,
    "certificate of the network, primitives of parameters (J(theta) - J_N(theta_N) against the rest)",
    (Hypothesis(r"\theta\ \mathrm{constant}", _constant), Hypothesis(r"K_n+K_n^{T},\ K+K^{T} \geq 0", _modulus)),
)
CLAIMS = (LIMSUP, LIMINF)


def assess(claim: Claim, case: TrainingCase, scale: float = 1.0) -> Result:
    """Measure a claim on parameters of the limit (M, P) and of N = ``depths[0]`` layers, repeated up to M rows.

    ``scale`` multiplies the bound (a planted error if it is not 1).
    """
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    with flint.ctx.workprec(PRECISION + 2 * len(case.pair[1])):
        theory, evidence = _SIDES[claim.id.removeprefix("planted.")](case)
    return concluded(claim, case, theory, evidence, scale)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Measure it again on the case in ``witness``.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    case, scale = stored(claim, witness, arrays)
    if len(case.depths) != 1 or case.depths[0] < 1 or case.change is not None or case.sizes:
        raise kernel.Refusal("the witness is no path with parameters of a network")
    theta, _ = case.pair
    if len(theta) % case.depths[0] or LAYERS % len(theta):
        raise kernel.Refusal("numbers of rows do not divide each other")
    return assess(claim, case, scale)


def _limsup(case: TrainingCase) -> tuple[float, tuple[Evidence, ...]]:
    theta, own = case.pair[0], case.pair[1][: case.depths[0]]
    omega = _omega(case, own, case.problem.path(theta), "averages", 0.0)
    return up(upper(omega)), _apart(case, theta, own, 1)


def _liminf(case: TrainingCase) -> tuple[float, tuple[Evidence, ...]]:
    problem = case.problem
    theta, own = case.pair
    path = problem.path(own)
    weak = weak_bound(path, problem.path(theta[:1]), problem.x0, problem.b)
    linear = np.sum(exact(theta) * (exact(own) - exact(theta))) * rate(problem, len(own)) * 2
    return up(upper(_omega(case, own, path, "nodes", weak) + abs(linear))), _apart(case, theta[:1], own, -1)


def _omega(case: TrainingCase, own: Values, path: ParameterPath, sampling: Sampling, more: float) -> Any:
    """The mean of (|x_N - x*| + rho/2) rho, rho by the certificate of the network on the ``path``, and ``more``."""
    problem = case.problem
    curve = error_curve(path, problem.x0, problem.b, len(own), sampling)
    end = states(problem, own)[-1]
    rho = exact(curve.nodes[-1]) + norm(end - exact(curve.states[-1])) + ball(more)
    return np.mean((norm(end - exact(problem.target)) + rho / 2) * rho)


def _apart(case: TrainingCase, theta: Values, own: Values, sign: int) -> tuple[Evidence, ...]:
    """J_N(own) - J(theta), or with the other sign."""
    limit = case.problem.limit_value(theta, LAYERS // len(theta))
    assert limit.lower is not None and limit.upper is not None
    value = objective(case.problem, own)
    ends = [sign * (value - ball(end)) for end in (limit.lower, limit.upper)]
    method = f"{len(own)} layers in ball arithmetic, the limit by a certificate of {LAYERS}"
    return between(min(map(lower, ends)), max(map(upper, ends)), method)


_SIDES: dict[str, Callable[[TrainingCase], tuple[float, tuple[Evidence, ...]]]] = {
    LIMSUP.id: _limsup,
    LIMINF.id: _liminf,
}
