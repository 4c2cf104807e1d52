"""The bound known before anything is computed, where float64 does not know the slope at x_0."""

import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.functions import L1, L2Ball, NegativeEntropy, TotalVariation
from fbscheck.limit import ParameterPath, error_bound
from fbscheck.limit.apriori import constant_rate

ONE = np.ones((1, 1))


def test_a_start_just_inside_a_sphere_is_no_start_on_it() -> None:
    """It moves freely up to the sphere: a float64 slope there, normal to the sphere, hides the initial speed."""
    path = ParameterPath(0 * ONE, ONE, 1.0, L2Ball(1.0), 1)
    x0, b = np.array([1 - 9e-13]), np.array([1e-11])
    truth = error_bound(path, x0, b, 1).lower
    assert truth is not None
    assert 4e-13 < truth <= constant_rate(path, x0, b).bound(1)


def test_a_slope_is_as_inexact_as_float64_knows_it() -> None:
    """1/e in float64 is no minimiser of x log x: there is a speed, if only of 3.4e-17."""
    path = ParameterPath(0 * ONE, ONE, 1.0, NegativeEntropy(), 1)
    found = constant_rate(path, np.array([np.exp(-1)]), np.zeros(1))
    assert found.bound(1) > 1e-18


def test_an_exact_slope_costs_nothing() -> None:
    path = ParameterPath(0 * ONE, 0 * ONE, 0.5, L1(1.0), 1)
    found = constant_rate(path, np.ones(1), np.zeros(1))
    assert found.inexact == 0
    assert found.bound(4) == pytest.approx(0.5 / 4 / 2**0.5, rel=1e-12)


def test_functions_known_in_floating_point_alone_are_refused() -> None:
    with pytest.raises(InputError, match="enclosed"):
        constant_rate(ParameterPath(np.eye(3), np.eye(3), 1.0, TotalVariation(1.0), 1), np.ones(3), np.zeros(3))
