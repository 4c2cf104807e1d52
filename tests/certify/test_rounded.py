"""Rounded arrays against exact rationals: what an operation returns is as close to the truth as it says."""

import itertools
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import rounded
from fbscheck.certify.rounded import Rounded, frobenius_upper, matmul, norm_upper

VALUES = [0.0, -0.0, 5e-324, -3e-320, 2.0**-1022, 1e-200, 0.1, 1.0, -1.0, 1 + 2.0**-52, -1 / 3, 7e15, 1e200, -1.7e308]
ERRORS = [0.0, 5e-324, 1e-210, 2.0**-54, 0.25, 3.0, 1e190]


def operands(seed: int) -> Rounded:
    """All values with all errors, and random ones of all sizes."""
    rng = np.random.default_rng(seed)
    value, error = map(np.array, zip(*itertools.product(VALUES, ERRORS), strict=True))
    sizes = 10.0 ** rng.integers(-320, 300, 400)
    more = rng.standard_normal(400) * sizes
    off = np.abs(more) * 10.0 ** rng.uniform(-18, 1, 400)
    return Rounded(np.concatenate([value, more]), np.concatenate([error, off]))


def members(x: Rounded, k: int) -> list[Fraction]:
    """Numbers that entry k may stand for: its middle and both ends, exactly."""
    value, error = (Fraction(float(part[k])) for part in (x.value, np.broadcast_to(x.error, x.shape)))
    return [value - error, value, value + error]


def misses(found: Rounded, k: int, truth: Fraction) -> bool:
    """Whether the truth is farther from the k-th value than its error says; never, if that is infinite or NaN."""
    value, error = float(found.value[k]), float(np.broadcast_to(found.error, found.shape)[k])
    if not np.isfinite([value, error]).all():
        return False
    return abs(truth - Fraction(value)) > Fraction(error)


BINARY: list[Any] = [
    pytest.param(operator.add, id="+"),
    pytest.param(operator.sub, id="-"),
    pytest.param(operator.mul, id="*"),
    pytest.param(operator.truediv, id="/"),
    pytest.param(np.maximum, id="max"),
    pytest.param(np.minimum, id="min"),
]


def exactly(operation: Callable[..., Any], x: Fraction, y: Fraction) -> Fraction | None:
    if operation is np.maximum or operation is np.minimum:
        return max(x, y) if operation is np.maximum else min(x, y)
    return None if operation is operator.truediv and y == 0 else operation(x, y)


def violations(operation: Callable[..., Any], x: Rounded, y: Rounded) -> int:
    with np.errstate(all="ignore"):
        found = operation(x, y)
    return sum(
        misses(found, k, truth)
        for k in range(len(x))
        for a, b in itertools.product(members(x, k), members(y, k))
        if (truth := exactly(operation, a, b)) is not None
    )


@pytest.mark.parametrize("operation", BINARY)
def test_operations_on_two_arrays(operation: Callable[..., Any]) -> None:
    x = operands(0)
    order = np.random.default_rng(1).permutation(len(x))
    assert violations(operation, x, x[order]) == 0
    near = Rounded(-x.value * (1 + 2.0**-52), x.error)
    assert violations(operation, x, near) == 0


@pytest.mark.parametrize("operation", BINARY[:4])
def test_planted_operations_without_their_rounding_are_caught(
    operation: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounded, "_result", lambda value, carried, underflow=0.0: Rounded(value, carried))
    x = operands(0)
    assert violations(operation, x, x[np.random.default_rng(1).permutation(len(x))]) > 20


def test_a_divisor_that_may_be_zero_leaves_everything_open() -> None:
    found = Rounded(np.ones(3)) / Rounded(np.array([0.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0]))
    assert np.isinf(found.error).all()
    assert (Rounded(np.zeros(1)) / 3.0).error == 0


def test_the_larger_of_two_that_are_apart_keeps_its_error() -> None:
    """A state on the wall of a box is in it, whatever is known of the other wall."""
    found = np.maximum(Rounded(np.zeros(1)), Rounded(np.array([-1.0]), 0.5))
    assert (found.upper, found.lower) == (0, 0)


def test_roots() -> None:
    x = operands(2)
    positive = Rounded(np.abs(x.value), x.error)
    with np.errstate(all="ignore"):
        found = positive.sqrt()
    for k in range(len(positive)):
        value, error = float(found.value[k]), float(found.error[k])
        for truth in (t for t in members(positive, k) if t >= 0 and np.isfinite(error)):
            low, high = Fraction(value) - Fraction(error), Fraction(value) + Fraction(error)
            assert high**2 >= truth
            assert low <= 0 or low**2 <= truth
    assert np.isinf(Rounded(np.array([-1.0]), np.array([0.5])).sqrt().error).all()


@pytest.mark.parametrize("length", [1, 2, 7, 200])
def test_sums_in_any_order(length: int) -> None:
    rng = np.random.default_rng(length)
    x = Rounded(rng.standard_normal((length, 12)) * 10.0 ** rng.integers(-320, 300, 12), 0.0)
    cancelling = Rounded(np.concatenate([x.value, -x.value[::-1] * (1 + 2.0**-50)]), 1e-17 * np.abs(x.value).max())
    for array in (x, cancelling):
        found = array.sum(0)
        for k in range(12):
            column = array[:, k]
            assert not misses(found, k, sum((Fraction(v) for v in column.value.tolist()), Fraction(0)))
            assert not misses(found, k, sum((members(column, i)[2] for i in range(len(column))), Fraction(0)))


def test_ends_and_sizes_enclose() -> None:
    x = operands(3)
    for k in range(len(x)):
        low, _, high = members(x, k)
        if np.isfinite([x.lower[k], x.upper[k], x.size[k]]).all():
            assert Fraction(float(x.lower[k])) <= low
            assert Fraction(float(x.upper[k])) >= high
            assert Fraction(float(x.size[k])) >= max(abs(low), abs(high))
    exact = Rounded(np.array([0.1, -2.0]))
    assert exact.upper.tolist() == [0.1, -2.0]


@pytest.mark.parametrize("scale", [1.0, 1e-170, 1e-310, 1e140], ids=str)
@pytest.mark.parametrize("off", [0.0, 1e-9], ids=["known", "with errors"])
def test_products_of_matrices(scale: float, off: float) -> None:
    rng = np.random.default_rng(4)
    stack, x = rng.standard_normal((3, 5, 8)) * scale, rng.standard_normal((3, 8, 2)) * scale
    direction = rng.standard_normal(stack.shape)
    moved = direction / np.linalg.norm(direction, axis=(1, 2), keepdims=True) * off * 0.999
    found = matmul(stack, Rounded(x, np.full(x.shape, off)), off)
    with np.errstate(all="ignore"):
        others = [(stack, x), (stack + moved, x + 0.999 * off * rng.choice([-1, 1], x.shape))]
    for a, c in others:
        truth = np.frompyfunc(Fraction, 1, 1)(a) @ np.frompyfunc(Fraction, 1, 1)(c)
        for index in np.ndindex(truth.shape):
            off_by = abs(truth[index] - Fraction(float(found.value[index])))
            assert off_by <= Fraction(float(np.broadcast_to(found.error, found.shape)[index]))


@pytest.mark.parametrize("scale", [1.0, 1e-320, 1e-160, 1e300], ids=str)
def test_norms_are_no_less_than_they_should_be(scale: float) -> None:
    matrices = np.random.default_rng(5).uniform(-1, 1, (4, 6, 3)) * scale
    for found, known in (
        (frobenius_upper(matrices), matrices.reshape(4, -1)),
        (norm_upper(matrices[0], 0), matrices[0].T),
    ):
        for bound, entries in zip(found, known, strict=True):
            square = sum((Fraction(v) ** 2 for v in entries.ravel().tolist()), Fraction(0))
            assert Fraction(float(bound)) ** 2 >= square
            assert float(bound) <= 1.000001 * float(np.linalg.norm(entries.astype(np.longdouble))) + 1e-300
    assert norm_upper(np.zeros((2, 3)), 0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("entry", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_bounds_nothing(entry: float) -> None:
    x = Rounded(np.array([entry, 1.0]))
    with np.errstate(all="ignore"):
        results = [x + 1.0, x * 2.0, x - x, abs(x)]
    assert not np.isfinite([float(found.upper[0]) for found in results]).any()
    assert not np.isfinite(norm_upper(np.array([[entry], [1.0]]), 0)).any()
    overflow = Rounded(np.array([1e308])) * 10.0
    assert not np.isfinite(overflow.error).any()


@pytest.mark.parametrize("function", [np.exp, np.sign, np.add.reduce, np.max], ids=["exp", "sign", "reduce", "max"])
def test_what_is_not_understood_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError):
        function(Rounded(np.ones(2)))
