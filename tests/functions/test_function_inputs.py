"""What functions refuse, and what they make of very large, very small and tied numbers."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify.balls import exact
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, ElasticNet, Function, GroupL2, Huber, L2Ball, NonNegative, SquaredL2, Zero

ONE = np.ones(3)
LONG = np.arange(30.0)


def refused(call: Callable[[], Any], got: str) -> None:
    """One clear line that says what was got."""
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert got in message
    assert len(message) < 400


CONSTRUCTIONS = {
    "l1 negative": (lambda: L1(-1), "-1"),
    "l1 negative entry": (lambda: L1([1.0, -2.5]), "-2.5"),
    "l1 nan": (lambda: L1(math.nan), "nan"),
    "l1 nan entry": (lambda: L1([1.0, math.nan]), "nan"),
    "l1 inf": (lambda: L1(math.inf), "inf"),
    "l1 bool": (lambda: L1(True), "True"),
    "l1 text": (lambda: L1("0.1"), "'0.1'"),
    "l1 none": (lambda: L1(None), "None"),
    "l1 complex": (lambda: L1(1j), "1j"),
    "l1 complex entries": (lambda: L1([1j]), "complex"),
    "l1 matrix": (lambda: L1([[1.0]]), "(1, 1)"),
    "l1 empty": (lambda: L1([]), "(0,)"),
    "l1 beyond floats": (lambda: L1(10**400), "1000"),
    "squared zero": (lambda: SquaredL2(0), "0"),
    "squared negative": (lambda: SquaredL2(-0.5), "-0.5"),
    "squared vector": (lambda: SquaredL2(LONG), "array"),
    "squared text": (lambda: SquaredL2("a"), "'a'"),
    "elastic negative l1": (lambda: ElasticNet(-1.0, 1.0), "-1.0"),
    "elastic zero l2": (lambda: ElasticNet(1.0, 0.0), "0.0"),
    "elastic nan": (lambda: ElasticNet(math.nan, 1.0), "nan"),
    "box swapped": (lambda: Box(2.0, -1.0), "2.0"),
    "box swapped entry": (lambda: Box([0.0, 3.0], [1.0, 1.0]), "3."),
    "box swapped long": (lambda: Box(LONG, 3.0), "3.0"),
    "box infinite": (lambda: Box(0.0, math.inf), "inf"),
    "box nan": (lambda: Box(math.nan, 1.0), "nan"),
    "box text": (lambda: Box("0", 1.0), "'0'"),
    "box word": (lambda: Box("low", 1.0), "'low'"),
    "box none": (lambda: Box(None, 1.0), "None"),
    "box bool": (lambda: Box(False, True), "False"),
    "box complex": (lambda: Box(1j, 1.0), "1j"),
    "box lengths": (lambda: Box([0.0, 0.0], [1.0, 1.0, 1.0]), "(3,)"),
    "box matrix": (lambda: Box(np.zeros((2, 2)), 1.0), "(2, 2)"),
    "huber zero delta": (lambda: Huber(0.0), "0.0"),
    "huber negative weight": (lambda: Huber(1.0, -2.0), "-2.0"),
    "huber infinite": (lambda: Huber(math.inf), "inf"),
    "ball radius zero": (lambda: L2Ball(0.0), "0.0"),
    "ball radius negative": (lambda: L2Ball(-3), "-3"),
    "ball radius bool": (lambda: L2Ball(True), "True"),
    "group float labels": (lambda: GroupL2([0.0, 1.0]), "float64"),
    "group bool labels": (lambda: GroupL2([True, False]), "bool"),
    "group text labels": (lambda: GroupL2(["a", "b"]), "<U1"),
    "group matrix labels": (lambda: GroupL2([[0, 1]]), "(1, 2)"),
    "group no labels": (lambda: GroupL2([]), "(0,)"),
    "group ragged labels": (lambda: GroupL2([[0, 1], [2]]), "labels"),
    "group negative weight": (lambda: GroupL2([0], -1.0), "-1.0"),
    "group nan weight": (lambda: GroupL2([0], math.nan), "nan"),
}


@pytest.mark.parametrize(("call", "got"), CONSTRUCTIONS.values(), ids=CONSTRUCTIONS)
def test_bad_parameters(call: Callable[[], Any], got: str) -> None:
    refused(call, got)


STEPS = {
    "zero": (0, "0"),
    "negative": (-0.25, "-0.25"),
    "nan": (math.nan, "nan"),
    "inf": (math.inf, "inf"),
    "bool": (True, "True"),
    "text": ("0.1", "'0.1'"),
    "none": (None, "None"),
    "complex": (1j, "1j"),
    "vector": (np.array([0.5, 0.5]), "array"),
    "long vector": (LONG, "array"),
    "beyond floats": (10**400, "1000"),
}


@pytest.mark.parametrize("u", [ONE, exact(ONE)], ids=["floats", "balls"])
@pytest.mark.parametrize(("step", "got"), STEPS.values(), ids=STEPS)
def test_bad_steps(step: Any, got: str, u: Any) -> None:
    refused(lambda: L1(1.0).prox(u, step), got)
    refused(lambda: L1(1.0).envelope(u, step), got)


POINTS: dict[str, tuple[Any, str]] = {
    "nan": ([1.0, math.nan, 0.0], "nan"),
    "inf": ([1.0, math.inf, 0.0], "inf"),
    "scalar": (3.0, "()"),
    "3-D": (np.zeros((3, 2, 2)), "(3, 2, 2)"),
    "short": ([1.0, 2.0], "(2,)"),
    "transposed": (np.zeros((5, 3)), "(5, 3)"),
    "empty": ([], "(0,)"),
    "no samples": (np.zeros((3, 0)), "(3, 0)"),
    "text": (["a", "b", "c"], "a"),
    "complex list": ([1j, 0.0, 0.0], "complex"),
    "complex array": (np.array([1j, 0.0, 0.0]), "complex"),
    "ragged": ([[1.0, 2.0], [3.0], [4.0]], "list"),
    "objects": (np.array([None, 1.0, 2.0]), "None"),
    "beyond floats": ([10**400, 1, 1], "list"),
    "none": (None, "None"),
}
METHODS: dict[str, Callable[[Function, Any], Any]] = {
    "value": lambda g, x: g(x),
    "prox": lambda g, x: g.prox(x, 1.0),
    "conjugate": lambda g, x: g.conjugate(x),
    "envelope": lambda g, x: g.envelope(x, 1.0),
    "subgradient": lambda g, x: g.subgradient(x, ONE),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("point", POINTS)
def test_bad_points(point: str, method: str) -> None:
    x, _ = POINTS[point]
    with pytest.raises(InputError) as caught:
        METHODS[method](L1(np.ones(3)), x)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("g", [L1(ONE), Box(-ONE, 1.0), GroupL2([0, 1, 1])], ids=["l1", "box", "group"])
def test_a_wrong_dimension_names_both_shapes(g: Function) -> None:
    refused(lambda: g(np.zeros(4)), "(4,)")
    refused(lambda: g(np.zeros(4)), "(3,)")


def test_subgradient_wants_one_shape() -> None:
    refused(lambda: L1(1.0).subgradient(ONE, np.ones((3, 2))), "(3, 2)")


@pytest.mark.parametrize(
    "value", [np.float64(0.1), np.float32(0.1), np.int64(3), Fraction(2, 3), 2], ids=lambda v: type(v).__name__
)
@pytest.mark.parametrize(
    "make",
    [
        L1,
        SquaredL2,
        lambda w: ElasticNet(w, w),
        lambda w: Huber(w, w),
        L2Ball,
        lambda w: GroupL2([0, 0, 1], w),
        lambda w: Box(-w, w),
    ],
    ids=["l1", "squared", "elastic", "huber", "ball", "group", "box"],
)
def test_every_kind_of_number_gives_what_the_float_gives(make: Callable[[Any], Function], value: Any) -> None:
    u = np.array([[3.0, 0.2], [-4.0, 0.1], [0.5, 0.0]])
    other, same = make(value), make(float(value))
    for call in (
        lambda g: g.prox(u, 0.3),
        lambda g: g.prox(u, value),
        lambda g: g(u),
        lambda g: g.conjugate(u),
        lambda g: g.envelope(u, 0.3),
    ):
        got, expected = np.asarray(call(other)), np.asarray(call(same))
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=2e-15)
    assert other.prox(exact(u), value).shape == (3, 2)


# -- extreme numbers ----------------------------------------------------------------------------

FUNCTIONS = {
    "zero": Zero(),
    "l1": L1(0.75),
    "l1 vector": L1(np.array([0.75, 0.0, 3.0, 1.0])),
    "squared": SquaredL2(2.0),
    "elastic": ElasticNet(1.0, 2.0),
    "box": Box(-1.0, 2.0),
    "nonnegative": NonNegative(),
    "huber": Huber(1.0, 2.0),
    "l2 ball": L2Ball(2.0),
    "group": GroupL2([0, 0, 1, 1], 1.0),
    "group tiny weight": GroupL2([0, 0, 1, 1], 1e-200),
    "group huge weight": GroupL2([0, 0, 1, 1], 1e200),
    "huber huge": Huber(1.0, 1e200),
    "huber tiny": Huber(1e-200, 1e-200),
    "squared huge": SquaredL2(1e200),
    "l1 huge vector": L1(np.full(4, 1e200)),
    "elastic huge": ElasticNet(1e200, 1e200),
    "l2 ball tiny": L2Ball(1e-200),
    "l2 ball huge": L2Ball(1e300),
}
EXTREMES = {
    "huge": np.array([1e300, -1e300, 3.0, 1e299]),
    "tiny": np.array([1e-300, -1e-300, 5e-324, 1e-310]),
    "zeros": np.zeros(4),
    "mixed": np.array([1e300, 1e-300, 0.0, -1.0]),
    "largest": np.array([1e308, -1e308, 1e308, 0.0]),
    "negative zero": -np.zeros(4),
}


@pytest.mark.parametrize("step", [1e-300, 1e-200, 1.0, 1e200, 1e300])
@pytest.mark.parametrize("at", EXTREMES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_extreme_prox_is_near_its_enclosure(name: str, at: str, step: float) -> None:
    """Warnings are errors here; the ball evaluation, which cannot overflow, says what is right."""
    g, u = FUNCTIONS[name], EXTREMES[at]
    p = g.prox(u, step)
    truth = g.prox(exact(u), step)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p, [float(t.mid()) for t in truth], rtol=1e-13, atol=4e-16 * float(np.max(np.abs(u))))


@pytest.mark.parametrize("at", EXTREMES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_extreme_values_and_subgradients(name: str, at: str) -> None:
    g, x = FUNCTIONS[name], EXTREMES[at]
    assert not math.isnan(g(x))
    assert not math.isnan(g.conjugate(x))
    assert not np.isnan(g.subgradient(x, np.ones(4))).any()


def test_small_and_large_norms_are_norms() -> None:
    x = np.array([3.0, 4.0])
    for scale in (1e-320, 1e-200, 1e-160, 1.0, 1e160, 1e200, 1e307):
        assert GroupL2([0, 0])(scale * x) == pytest.approx(5 * scale, rel=1e-2 if scale < 1e-307 else 1e-14)
        assert L2Ball().conjugate(scale * x) == pytest.approx(5 * scale, rel=1e-2 if scale < 1e-307 else 1e-14)
        np.testing.assert_allclose(GroupL2([0, 0]).subgradient(scale * x, ONE[:2]), [0.6, 0.8], rtol=1e-2)


@pytest.mark.parametrize(("scale", "u"), [(1e6, 0.3), (1e9, -0.3), (1e12, 0.3), (1e15, 123.0)])
def test_huber_prox_keeps_its_digits_in_the_quadratic_part(scale: float, u: float) -> None:
    np.testing.assert_allclose(Huber(1.0, 1.0).prox(np.array([u]), scale), [u / (1 + scale)], rtol=1e-14)


@pytest.mark.parametrize(
    ("g", "u", "step", "expected"),
    [
        pytest.param(
            L1(1.0),
            [2.0, -2.0, 2.0000000000000004],
            2.0,
            [0.0, 0.0, 4.440892098500626e-16],
            id="soft threshold, exactly there",
        ),
        pytest.param(L1(0.1), [0.1, -0.1], 1.0, [0.0, 0.0], id="threshold 0.1"),
        pytest.param(GroupL2([0, 0], 5.0), [3.0, 4.0], 1.0, [0.0, 0.0], id="group exactly at its threshold"),
        pytest.param(Huber(1.0, 1.0), [2.0, -2.0], 1.0, [1.0, -1.0], id="huber, exactly where it turns"),
        pytest.param(Box(-1.0, 2.0), [2.0, -1.0], 1.0, [2.0, -1.0], id="box corners"),
        pytest.param(NonNegative(), [-0.0, 5e-324], 1.0, [0.0, 5e-324], id="relu at zero"),
        pytest.param(
            L1(1.0), [1e300, -1e300], 1e284, [1e300 - 1e284, 1e284 - 1e300], id="huge, with one ulp to take off"
        ),
    ],
)
def test_ties(g: Function, u: list[float], step: float, expected: list[float]) -> None:
    np.testing.assert_array_equal(g.prox(np.array(u), step), expected)


def test_a_point_on_the_sphere_stays_there_up_to_rounding() -> None:
    np.testing.assert_allclose(L2Ball(5.0).prox(np.array([3.0, 4.0]), 1.0), [3.0, 4.0], rtol=2e-15)


def test_zero_groups_stay_zero_and_others_do_not_mind() -> None:
    g = GroupL2([0, 1, 0, 1], 1.0)
    np.testing.assert_allclose(g.prox(np.array([0.0, 3.0, 0.0, 4.0]), 1.0), [0.0, 2.4, 0.0, 3.2], rtol=1e-15)


@pytest.mark.parametrize(
    "labels", [[0, 0, 1], [5, 5, -3], [10**9, 10**9, 0], np.array([1, 1, 0], dtype=np.uint8)], ids=str
)
def test_labels_are_names_not_numbers(labels: Any) -> None:
    np.testing.assert_allclose(GroupL2(labels).prox(np.array([3.0, 4.0, 0.5]), 1.0), [2.4, 3.2, 0.0], rtol=1e-15)
