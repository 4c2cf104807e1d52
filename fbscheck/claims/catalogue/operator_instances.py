"""Operators with short dyadic entries, and points where their constants are attained.

``bend`` is a point where the derivative has the Lipschitz constant as its norm, ``flat`` one where the least
eigenvalue of its symmetric part is the modulus of monotonicity; None where no such point is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.operators import (
    Convolution,
    Coupled,
    HuberRegression,
    LeastSquares,
    Linear,
    Logistic,
    Multinomial,
    Operator,
    Poisson,
    Regularised,
    Saddle,
    SmoothedTV,
    StudentT,
    WeightedLeastSquares,
    differences,
    radon,
    rotation,
    skew,
)

__all__ = ["Instance", "attained_along", "instances"]

Points = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Instance:
    """An operator with a name and the points, (d,), where its constants are attained."""

    name: str
    f: Operator
    bend: Points | None = None
    flat: Points | None = None


def entries(rows: int, columns: int, shift: int = 0) -> Points:
    """A matrix of full rank, by rule: multiples of 1/4 between -5/4 and 5/4, and 2 on the diagonal."""
    i, j = np.indices((rows, columns))
    return np.asarray(((7 * i + 3 * j + i * j + shift) % 11 - 5) / 4 + 2 * (i == j))


@cache
def instances() -> Mapping[str, Instance]:
    """All of them by name."""
    A, wide, signs = entries(6, 4), entries(3, 5), np.array([1.0, -1, 1, 1, -1, 1])
    square, point = entries(4, 4), np.array([1.0, -2.0, 0.5, 1.0])
    positive = np.abs(A) + 0.25
    samples = np.column_stack([np.ones(5), entries(5, 2)])
    third_out = np.zeros(9)
    third_out[6] = -64.0
    blur, mixing = np.array([0.25, 1.0, 0.5]), entries(2, 18).reshape(2, 2, 3, 3)
    image = np.ones(20)
    residual = np.linalg.solve(square, square @ point + 3.0)

    def alike(name: str, f: Operator, x: Points | None = None) -> Instance:
        """An operator whose derivative is the same everywhere."""
        still = np.zeros(f.dimension) if x is None else x
        return Instance(name, f, still, still)

    fourth, spread = LeastSquares(A, signs), Linear(np.diag([1.0, 3.0]))
    rows = (
        alike("linear, not symmetric", Linear(square, point)),
        alike("skew", skew(square)),
        alike("rotation by 1", rotation(1.0, 2)),
        alike("least squares, tall", fourth),
        alike("least squares, wide", LeastSquares(wide, signs[:3])),
        alike("weighted least squares", WeightedLeastSquares(A, signs, np.array([1.0, 4, 0.25, 1, 16, 1]))),
        alike("ridge regression", Regularised(LeastSquares(wide, signs[:3]), 0.75)),
        Instance("logistic", Logistic(A, signs), np.zeros(4), 256 * point),
        Instance("multinomial, 3 classes", Multinomial(samples, np.array([0, 1, 2, 0, 1]), 3), third_out, third_out),
        Instance("Huber regression", HuberRegression(square, square @ point, 0.5), point, point + 4096.0),
        Instance(
            "Poisson", Poisson(positive, np.array([0.0, 1, 4, 1, 16, 1]), np.ones(6)), -np.ones(4), np.full(4, 1e9)
        ),
        Instance("Student t, 3 degrees", StudentT(square, square @ point, 3.0), point, residual),
        Instance("smoothed TV, 4 x 5", SmoothedTV((4, 5), 0.5, 2.0), image, image),
        Instance("smoothed TV, 9", SmoothedTV((9,), 0.25), np.ones(9), np.ones(9)),
        alike("deconvolution, 12", LeastSquares(Convolution(blur, (12,)), entries(12, 1)[:, 0])),
        alike(
            "deconvolution, 4 x 3, two channels",
            LeastSquares(Convolution(mixing, (4, 3), "circular", "direct"), np.ones(24)),
        ),
        Instance("deconvolution, 12, zero boundary", LeastSquares(Convolution(blur, (12,), "zero"), np.ones(12))),
        alike("tomography, 4 x 4", LeastSquares(radon(4, [0.25, 1.0, 2.0]), np.ones(12))),
        alike("differences, 3 x 4", LeastSquares(differences((3, 4)), np.ones(24))),
        alike("LISTA, W no multiple of A", Coupled(wide + entries(3, 5, 4) / 8, wide, signs[:3])),
        alike("LISTA, tall", Coupled(A + entries(6, 4, 4) / 8, A, signs)),
        Instance(
            "saddle point, quadratic", Saddle(fourth, Linear(np.diag([1.0, 3.0, 0.0])), entries(3, 4)), flat=np.zeros(7)
        ),
        alike("saddle point, one gradient", Saddle(spread, Linear(np.zeros((1, 1))), np.array([[0.0, 2.0]]))),
        alike("matrix game", Saddle(Linear(np.zeros((4, 4))), Linear(np.zeros((3, 3))), entries(3, 4))),
        Instance("saddle point, logistic", Saddle(Logistic(A, signs), Linear(np.eye(3)), entries(3, 4))),
        Instance("skew, regularised", Regularised(skew(square), 0.5), flat=np.zeros(4)),
        Instance("Student t, regularised", Regularised(StudentT(square, square @ point, 3.0), 4.0), point, residual),
    )
    return {row.name: row for row in rows}


def attained_along(instance: Instance, x: Points, least: bool) -> Points:
    """A unit direction in which the derivative at ``x`` stretches most, or has the least quotient; float64."""
    d = len(x)
    J = instance.f.jacobian(np.tile(x[:, None], d), np.eye(d))
    if least:
        return np.asarray(np.linalg.eigh((J + J.T) / 2)[1][:, 0])
    return np.asarray(np.linalg.svd(J)[2][0])
