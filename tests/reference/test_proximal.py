"""The proximal map of a cvxpy function against closed forms, with its stated error."""

from collections.abc import Callable
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from fbscheck.errors import InputError
from fbscheck.reference.proximal import proximal_map


def soft(u: Any) -> Any:
    return np.sign(u) * np.maximum(np.abs(u) - 0.15, 0)


def singular(u: Any) -> Any:
    left, values, right = np.linalg.svd(u, full_matrices=False)
    return left * np.maximum(values - 0.5, 0) @ right


def clipped(u: Any) -> Any:
    return np.clip(u, 0, 0.2)


def shrunk(u: Any) -> Any:
    return u * max(0.0, 1 - 0.5 / np.linalg.norm(u))


ROWS = [
    pytest.param(lambda x: 0.3 * cp.norm1(x), (7,), soft, id="l1"),
    pytest.param(cp.normNuc, (4, 3), singular, id="nuclear"),
    pytest.param(lambda x: cp.transforms.indicator([x >= 0, x <= 0.2]), (6,), clipped, id="box"),
    pytest.param(cp.norm2, (5,), shrunk, id="l2"),
]


def worst(
    function: Callable[[Any], Any], shape: tuple[int, ...], closed: Callable[[Any], Any], step: float
) -> tuple[float, float]:
    """The largest distance to the closed form relative to the stated error, and that error relative to 1 + |u|."""
    rng, proximal = np.random.default_rng(5), proximal_map(function, shape, step)
    apart, errors = [], []
    for size in (1e-3, 0.1, 1.0, 10.0, 1e3):
        u = size * rng.normal(size=shape)
        point, error = proximal(u)
        apart.append(np.linalg.norm(point - closed(u)) / error)
        errors.append(error / (1 + np.linalg.norm(u)))
    return max(apart), max(errors)


@pytest.mark.parametrize(("function", "shape", "closed"), ROWS)
def test_it_is_within_its_error_of_the_closed_form(function: Any, shape: Any, closed: Any) -> None:
    apart, error = worst(function, shape, closed, 0.5)
    assert apart <= 1
    assert error <= 1e-4


@pytest.mark.parametrize(("function", "shape", "closed"), [ROWS[0], ROWS[1], ROWS[3]])
def test_planted_another_step_is_seen(function: Any, shape: Any, closed: Any) -> None:
    assert worst(function, shape, closed, 0.51)[0] > 1


@pytest.mark.parametrize(
    ("function", "says"),
    [
        pytest.param(lambda x: -cp.norm1(x), "convex, got one of curvature CONCAVE", id="concave"),
        pytest.param(lambda x: x, "scalar cvxpy expression", id="vector"),
        pytest.param(lambda x: 1.0, "returns a cvxpy expression, got float", id="number"),
    ],
)
def test_what_is_no_convex_function_is_told(function: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        proximal_map(function, (3,), 1.0)


def test_what_has_no_proximal_point_has_an_infinite_error() -> None:
    empty = proximal_map(lambda x: cp.transforms.indicator([x >= 1, x <= 0]), (2,), 1.0)
    assert empty(np.zeros(2))[1] == np.inf
