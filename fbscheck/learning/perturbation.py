r"""How the least value V moves with the data (x_0, b, labels): bounds, and its derivative by the labels.

For the squared loss, (2V)^(1/2) is an infimum of norms of labels' distances from outputs, completed by the penalty:
1-Lipschitz in the root mean square of the labels, for every network and every depth.  For free weights with the
penalty a int |theta|^2, V is Lipschitz in all data where J is bounded, with a constant that no depth changes.
"""

import math

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.learning.families import Free
from fbscheck.learning.losses import Squared
from fbscheck.learning.problem import Problem
from fbscheck.learning.regularisers import Lp

__all__ = ["label_derivative", "value_bound"]

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


def value_bound(problem: Problem, other: Problem) -> float:
    r"""A bound on |V - V'| for two data sets of one problem, the same at all depths and in the limit; in float64.

    With free weights, fixed weight of r and 0 a minimiser of r, values at theta = 0 are at most M, the larger mean of
    (|x_0| + |x*|)^2/2, and so is a int |theta|^2 at a minimiser.  Then int |K| and int |L| are at most
    c = (T M / a)^(1/2), states at most e^c (|x_0| + c |b|), and |V - V'| <= mean of
    Lip (e^c |dx_0| + e^c c |db| + |dx*|), Lip a bound on errors.

    Raises
    ------
    InputError
        If the two differ in more than their data, or a hypothesis is not met.
    """
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
    bound = max(float(np.mean((_norms(known.x0) + _norms(known.target)) ** 2)) / 2 for known in (problem, other))
    c = math.sqrt(float(problem.horizon) * bound / penalty.a)
    growth = math.exp(c)
    sizes = [growth * (_norms(known.x0) + c * _norms(known.b)) + _norms(known.target) for known in (problem, other)]
    steep = np.maximum(*sizes)
    moved = growth * _norms(other.x0 - problem.x0) + growth * c * _norms(other.b - problem.b)
    return float(np.mean(steep * (moved + _norms(other.target - problem.target))))


def _norms(columns: Values) -> Values:
    """Euclidean norms (S,) of columns (d, S)."""
    return np.asarray(np.linalg.norm(columns, axis=0))
