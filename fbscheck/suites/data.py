"""Problems to solve: scikit-learn's bundled real data (no download), and synthetic data.

Diabetes: 442 patients, 10 variables.  Breast cancer (Wisconsin): 569 samples, 30 variables that are
10 measurements in 3 statistics.  Digits: 8 x 8 images; the first 200 are a dictionary, later ones
are coded in it.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.claims.fixed_points.problems import Problem
from fbscheck.errors import MissingToolError
from fbscheck.functions import L1, Box, ElasticNet, GroupL2, NonNegative, Zero
from fbscheck.operators import LeastSquares, Logistic

__all__ = ["REAL", "digits", "extremal", "real", "synthetic"]

Points = npt.NDArray[np.float64]

ATOMS = 200
REAL = (
    "diabetes LASSO",
    "diabetes elastic net",
    "diabetes NNLS",
    "diabetes box",
    "breast cancer group LASSO",
    "breast cancer logistic L1",
    "digits LASSO, image 200",
    "digits LASSO, image 300",
    "digits elastic net, image 401",
)


@cache
def _load(name: str) -> tuple[Points, Points]:
    try:
        from sklearn import datasets
    except ImportError:
        raise MissingToolError("Real data come with scikit-learn: pip install 'fbscheck[data]'.") from None
    loaders: dict[str, Any] = {
        "diabetes": datasets.load_diabetes,
        "breast cancer": datasets.load_breast_cancer,
        "digits": datasets.load_digits,
    }
    data, target = loaders[name](return_X_y=True)
    return np.asarray(data, dtype=np.float64), np.asarray(target, dtype=np.float64)


def real(name: str) -> Problem:
    """One of the problems in ``REAL``.

    Raises
    ------
    MissingToolError
        If scikit-learn is not installed.
    """
    if name.startswith("diabetes"):
        return _diabetes(name)
    if name.startswith("breast cancer"):
        return _breast_cancer(name)
    return _digits(name)


def _diabetes(name: str) -> Problem:
    data, target = _load("diabetes")
    f = LeastSquares(data, target - target.mean())
    weight = 0.1 * _largest_correlation(f)
    if name.endswith("LASSO"):
        return Problem(name, f, L1(weight), drawn=True, iterations=3000)
    if name.endswith("net"):
        return Problem(name, f, ElasticNet(weight, 0.05), relative_step=1.5, drawn=True)
    return Problem(name, f, NonNegative() if name.endswith("NNLS") else Box(-200.0, 200.0))


def _breast_cancer(name: str) -> Problem:
    data, target = _load("breast cancer")
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    labels = 2.0 * target - 1.0
    if name.endswith("group LASSO"):
        f = LeastSquares(data, labels)
        groups = np.arange(30) % 10
        correlations = (data.T @ labels) ** 2
        return Problem(name, f, GroupL2(groups, 0.1 * math.sqrt(float(np.bincount(groups, correlations).max()))))
    loss = Logistic(data, labels)
    return Problem(name, loss, L1(0.1 * float(np.abs(data.T @ labels).max())))


def digits() -> Points:
    """The images (1797, 64) of handwritten digits that come with scikit-learn.

    Raises
    ------
    MissingToolError
        If it is not installed.
    """
    return _load("digits")[0]


def _digits(name: str) -> Problem:
    images = digits()
    dictionary = images[:ATOMS].T / np.linalg.norm(images[:ATOMS], axis=1)
    f = LeastSquares(dictionary, images[int(name.rsplit(maxsplit=1)[-1])] / 16.0)
    weight = 0.05 * _largest_correlation(f)
    return Problem(name, f, ElasticNet(weight, 0.1) if "elastic" in name else L1(weight))


def _largest_correlation(f: LeastSquares) -> float:
    return float(np.abs(f.matrix.T @ f.target).max())


def synthetic(kind: str, dimension: int, rng: np.random.Generator) -> Problem:
    """A Gaussian problem with 2d rows and a sparse truth; ``kind`` names F + g."""
    rows = 2 * dimension
    matrix = rng.standard_normal((rows, dimension)) / math.sqrt(rows)
    truth = rng.standard_normal(dimension) * (rng.random(dimension) < 0.3)
    target = matrix @ truth + 0.05 * rng.standard_normal(rows)
    name = f"synthetic {kind}, d={dimension}"
    if kind == "logistic L1":
        labels = np.where(target >= 0, 1.0, -1.0)
        return Problem(name, Logistic(matrix, labels), L1(0.1 * float(np.abs(matrix.T @ labels).max())))
    f = LeastSquares(matrix, target)
    weight = 0.1 * _largest_correlation(f)
    g = {
        "LASSO": L1(weight),
        "elastic net": ElasticNet(weight, 0.1),
        "NNLS": NonNegative(),
        "box": Box(-0.5, 0.5),
        "group LASSO": GroupL2(np.arange(dimension) // 5, 2.0 * weight),
    }[kind]
    return Problem(name, f, g)


def extremal() -> tuple[Problem, ...]:
    """Instances that attain the bounds on iterates and data, in the order Banach, rate, steps, sums, data."""
    one = np.ones((1, 1))
    zero, start = np.zeros(1), np.ones(1)
    return (
        Problem(
            "extremal: f = x/4 or x",
            LeastSquares(np.diag([0.5, 1.0]), np.zeros(2)),
            Zero(),
            1.5,
            20,
            np.array([1.0, 0.0]),
            np.zeros(2),
        ),
        Problem("extremal: f = 0, g = |x|/4", LeastSquares(0 * one, zero), L1(0.25), 1.0, 2, start, zero),
        Problem("extremal: f = x, h = 1.99", LeastSquares(one, zero), Zero(), 1.99, 600, start, zero),
        Problem("extremal: f = 4x - 2b", LeastSquares(2 * one, zero), Zero(), 1.0, 2, start, zero),
    )
