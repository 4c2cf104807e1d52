"""cvxpy's potentials and minimisers against those of the operators, and against forward-backward iterations."""

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse

from fbscheck.errors import SolverError
from fbscheck.functions import L1, ElasticNet, Scaled, SquaredL2, Tilted
from fbscheck.operators import (
    Convolution,
    HuberRegression,
    LeastSquares,
    Logistic,
    Multinomial,
    Regularised,
    SmoothedTV,
    Sparse,
    StudentT,
    WeightedLeastSquares,
    radon,
)
from fbscheck.reference import programs
from fbscheck.reference.modelling import loss
from fbscheck.splitting import ForwardBackward

A = np.random.default_rng(1).standard_normal((7, 4))
B = np.random.default_rng(2).standard_normal(7)
LOSSES: dict[str, Any] = {
    "weighted": WeightedLeastSquares(A, B, np.linspace(0.5, 2, 7)),
    "huber": HuberRegression(A, 3 * B, 0.5),
    "multinomial": Multinomial(A[:, :2], np.array([0, 1, 2, 2, 1, 0, 1]), 3),
    "smoothed TV": SmoothedTV((3, 4), 0.5, 2.0),
    "smoothed TV, 1-D": SmoothedTV((5,), 0.5),
    "ridge": Regularised(LeastSquares(A, B), 0.5, np.arange(4.0)),
    "deconvolution": LeastSquares(Convolution(np.array([1.0, 0.5, 0.25]), (7,)), B),
    "tomography": LeastSquares(radon(3, [0.3, 1.2, 2.5]), np.ones(9)),
    "logistic, sparse": Logistic(Sparse(scipy.sparse.csr_array(A)), np.sign(B)),
}
every = pytest.mark.parametrize("f", LOSSES.values(), ids=LOSSES)


@every
def test_the_potential_is_the_one_of_cvxpy(f: Any) -> None:
    x = np.random.default_rng(3).standard_normal((f.dimension, 3))
    found = [loss(f, cp.Constant(x[:, k : k + 1])).value for k in range(3)]
    np.testing.assert_allclose(f.potential(x), np.ravel(found), rtol=1e-12)
    assert not np.allclose(1.001 * f.potential(x), np.ravel(found), rtol=1e-5)


@pytest.mark.parametrize(
    "g",
    [
        pytest.param(ElasticNet(0.3, 1.0), id="elastic net"),
        pytest.param(Scaled(ElasticNet(0.15, 0.5), 2.0), id="scaled"),
    ],
)
@every
def test_fixed_points_minimise(f: Any, g: Any) -> None:
    found = ForwardBackward(f, g, 1 / f.lipschitz).fixed_point(np.zeros(f.dimension), tol=1e-13)
    np.testing.assert_allclose(found.point, programs.minimise(f, g), atol=2e-5)


def test_a_tilt_moves_the_minimiser() -> None:
    slope = np.array([1.0, -1.0, 0.5, 0.0])
    f, g = LeastSquares(A, B), Tilted(SquaredL2(1.0), slope)
    expected = np.linalg.solve(A.T @ A + np.eye(4), A.T @ B - slope)
    np.testing.assert_allclose(programs.minimise(f, g), expected, atol=1e-7)


def test_what_is_not_convex_has_no_expression() -> None:
    with pytest.raises(SolverError, match="StudentT"):
        programs.minimise(StudentT(A, B), L1(1.0))
