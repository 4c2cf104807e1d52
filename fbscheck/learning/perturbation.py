r"""How the least value V moves with the data (x_0, b, labels): bounds, and its derivative by the labels.

For the squared loss, (2V)^(1/2) is an infimum of norms of labels' distances from outputs, completed by the penalty:
1-Lipschitz in the root mean square of the labels, for every network and every depth.  For free weights with the
penalty a int |theta|^2, V is Lipschitz in all data where J is bounded, with a constant that no depth changes.
"""

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import ball, upper
from fbscheck.certify.rounded import GUARD, TINY, UNIT, norm_upper
from fbscheck.errors import InputError
from fbscheck.learning.families import Free
from fbscheck.learning.losses import Squared
from fbscheck.learning.problem import Problem
from fbscheck.learning.regularisers import Lp

__all__ = ["label_derivative", "penalty_bound", "value_bound"]

Values = npt.NDArray[np.float64]


def label_derivative(problem: Problem, theta: npt.ArrayLike, direction: npt.ArrayLike) -> float:
    """The derivative of J_N at fixed ``theta`` by the labels in a ``direction`` (d, S).

    At the only minimiser it is that of V (Danskin); where there are several, V has the least of theirs from one side.

    Raises
    ------
    InputError
        If the direction has another shape than the labels.
    """
    change = np.asarray(direction, dtype=np.float64)
    if change.shape != problem.target.shape:
        raise InputError(f"Need a direction of shape {problem.target.shape}, got {change.shape}.")
    errors = problem.outputs(theta) - problem.target
    return -float(np.sum(problem.loss.gradient(errors) * change)) / problem.samples


def penalty_bound(problem: Problem, other: Problem) -> float:
    """M, rounded up: at theta = 0 neither J is larger, so no minimiser of either has a larger penalty.

    Raises
    ------
    InputError
        As for :func:`value_bound`.
    """
    _require(problem, other)
    means = (_mean_upper((norm_upper(known.x0, 0) + norm_upper(known.target, 0)) ** 2) for known in (problem, other))
    return max(means) / 2 * GUARD + TINY


def value_bound(problem: Problem, other: Problem) -> float:
    r"""A bound on |V - V'| for two data sets of one problem, the same at all depths and in the limit; rounded up.

    With free weights, fixed weight of r and 0 a minimiser of r, values at theta = 0 are at most M, the larger mean of
    (|x_0| + |x*|)^2/2, and so is a int |theta|^2 at a minimiser.  Then int |K| and int |L| are at most
    c = (T M / a)^(1/2), states at most e^c (|x_0| + c |b|), and |V - V'| <= mean of
    Lip (e^c |dx_0| + e^c c |db| + |dx*|), Lip a bound on errors.  The same bounds |J' - J| for all theta with
    a int |theta|^2 <= M (:func:`penalty_bound`).  Where it is beyond float64 it is infinite.

    Raises
    ------
    InputError
        If the two differ in more than their data, or a hypothesis is not met.
    """
    level, penalty = penalty_bound(problem, other), _require(problem, other)
    weights = (ball(Fraction(problem.horizon)) * ball(level) / ball(penalty.a)).sqrt()
    c, growth = upper(weights), upper(weights.exp())
    with np.errstate(over="ignore", invalid="ignore"):
        sizes = [_reach(growth, c, known.x0, known.b, known.target) for known in (problem, other)]
        moved = _reach(growth, c, *(getattr(other, name) - getattr(problem, name) for name in ("x0", "b", "target")))
        bound = _mean_upper(np.where(moved > 0, np.maximum(*sizes) * moved + TINY, 0.0))
    return bound if bound == bound else np.inf


def _reach(growth: float, c: float, x0: Values, b: Values, label: Values) -> Values:
    """e^c (|x_0| + c |b|) + |x*|, a number a sample, up to a few roundings."""
    start, data = norm_upper(x0, 0), norm_upper(b, 0)
    driven = np.where(data > 0, c * data + TINY, 0.0)
    return np.asarray(np.where(start + driven > 0, growth * (start + driven), 0.0) + norm_upper(label, 0))


def _require(problem: Problem, other: Problem) -> Lp:
    family, penalty = problem.family, problem.regulariser
    if (other.family, other.regulariser, other.horizon) != (family, penalty, problem.horizon):
        raise InputError("Need two problems with one family, penalty and horizon, got different ones.")
    if not isinstance(family, Free) or family.weight is None or not isinstance(penalty, Lp) or penalty.p != 2:
        raise InputError("Need free weights, a fixed weight of r and the penalty of L^2.")
    if not all(isinstance(known.loss, Squared) for known in (problem, other)):
        raise InputError("Need the squared loss: of others, other constants hold.")
    zero = np.zeros(family.shape[0])
    if np.any(family.r.prox(zero, 1.0) != 0):
        raise InputError("Need a function r that is least at 0: states are bounded from there.")
    return penalty


def _mean_upper(values: Values) -> float:
    """No less than the mean of nonnegative numbers, each known to a few roundings."""
    total = float(np.sum(values)) * (1 + 4 * (len(values) + 8) * UNIT) * GUARD
    return total / len(values) * GUARD
