"""Stability of least values in the data, and what minimality says of parameters."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from anchors import DECAY, SCALAR, TURN, decay
from problems import problem

from fbscheck.errors import InputError
from fbscheck.functions import L1, Box
from fbscheck.learning import Free, Huber, Lp, Problem
from fbscheck.learning.optimality import projected, row_defect
from fbscheck.learning.perturbation import label_derivative, value_bound

SHARP = {"tolerance": 1e-9, "progress": 1e-14}


def least(known: Problem, depth: int = 10) -> float:
    """V_N of one number decaying: of one variable, so that the minimum found is the global one (checked on a grid)."""
    value = known.train(depth, coarsest=5, **SHARP).value
    grid = np.linspace(-2, 6, 161)
    assert value <= min(known.value(np.tile([k, 0.0], (depth, 1))) for k in grid) + 1e-12
    return value


# -- labels ------------------------------------------------------------------------------------------------


def test_the_root_of_twice_the_value_is_lipschitz_in_the_labels() -> None:
    """With constant 1, which is nearly attained; V less half the square of the label is concave."""
    labels = np.linspace(-3.0, 3.0, 25)
    values = np.array([least(replace(DECAY, target=[label])) for label in labels])
    slopes = np.diff(np.sqrt(2 * values)) / np.diff(labels)
    assert np.abs(slopes).max() <= 1 + 1e-9
    assert np.abs(slopes).max() >= 0.95, "planted: a constant of 0.95 would be refuted"
    bends = np.diff(values - labels**2 / 2, 2)
    assert bends.max() <= 1e-9
    assert np.diff(values - 0.4 * labels**2, 2).max() > 1e-3, "planted: less than half of the square is not enough"


def test_the_derivative_by_the_labels() -> None:
    """Danskin: against differences of values, and the closed form a - e^{-k} in the limit."""
    found = DECAY.train(20, coarsest=5, **SHARP)
    step = 1e-4
    sides = [replace(DECAY, target=[0.2 + s * step]).train(20, coarsest=5, **SHARP).value for s in (1, -1)]
    derivative = label_derivative(DECAY, found.parameters, [[1.0]])
    assert derivative == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-6)
    slopes = [label_derivative(DECAY, DECAY.train(N, coarsest=5, **SHARP).parameters, [[1.0]]) for N in (80, 160)]
    limit = 0.2 - np.exp(-decay(None)[1])
    assert limit == pytest.approx(-0.0869920, abs=1e-7)
    assert 2 * slopes[1] - slopes[0] == pytest.approx(limit, rel=1e-4)
    assert -derivative != pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-2), "planted: its sign"


@pytest.mark.parametrize(("turned", "value"), [(0.1, 0.045789), (0.01, 0.048539), (0.001, 0.048818)])
def test_the_minimiser_jumps_where_the_label_passes_the_opposite_point(turned: float, value: float) -> None:
    """Values move little, the sense of the best rotation changes: argmin is not inner semicontinuous."""
    angle = np.pi - turned
    senses = []
    for sign in (1, -1):
        known = replace(TURN, target=[np.cos(sign * angle), np.sin(sign * angle)])
        best = min(
            (known.train(32, start=[0.0, s, -s, 0.0, 0.0, 0.0], **SHARP) for s in (3.0, -3.0)), key=lambda t: t.value
        )
        assert best.value == pytest.approx(value, abs=1.5e-4), "of 32 layers, at second order"
        senses.append(np.sign(best.parameters[0, 1]))
    assert senses[0] == -senses[1]


# -- all data ----------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[float], dict[str, Any]]] = {
    "start": lambda t: {"x0": [1.0 + t]},
    "data": lambda t: {"b": [t]},
    "label": lambda t: {"target": [0.2 + t]},
    "all": lambda t: {"x0": [1.0 - t], "b": [t], "target": [0.2 - t]},
}


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_values_move_at_most_by_the_bound(change: Callable[[float], dict[str, Any]], size: float) -> None:
    other = replace(DECAY, **change(size))
    bound = value_bound(DECAY, other)
    for depth in (10, 40):
        moved = abs(other.train(depth, coarsest=5, **SHARP).value - DECAY.train(depth, coarsest=5, **SHARP).value)
        assert moved <= bound + 1e-13
    assert value_bound(other, DECAY) == pytest.approx(bound)


def test_the_bound_is_nearly_reached_by_labels_of_a_network_that_cannot_move() -> None:
    """With a dear penalty and nothing to gain the error is the label itself."""
    far = Problem([0.0], [0.0], [5.0], SCALAR, Lp(10.0), 1.0)
    other = replace(far, target=[5.001])
    moved = abs(other.value(np.zeros((4, 2))) - far.value(np.zeros((4, 2))))
    assert 0.99 * value_bound(far, other) < moved <= value_bound(far, other)


# -- rows in the span of the data --------------------------------------------------------------------------


@pytest.mark.parametrize("r", [L1(0.3), Box(-0.6, 0.6)], ids=repr)
def test_rows_of_trained_weights_are_in_the_span_of_the_data(r: Any) -> None:
    rng = np.random.default_rng(1)
    x0, b, target = rng.standard_normal((4, 2)) / 4, rng.standard_normal((3, 2)), rng.standard_normal((4, 2)) / 4
    known = Problem(x0, b, target, Free(4, 3, r, weight=1.0), Lp(0.01), 1.0)
    start = 0.3 * rng.standard_normal((8, known.family.count))
    assert row_defect(known, start) > 0.3
    better = projected(known, start)
    np.testing.assert_allclose(known.outputs(better), known.outputs(start), atol=1e-13)
    assert known.regulariser(better, 1.0) < known.regulariser(start, 1.0) and known.value(better) < known.value(start)
    found = known.train(8, start=start, **SHARP)
    assert row_defect(known, found.parameters) < 1e-5
    K, L, _ = known.family.layers(found.parameters)
    sizes = np.linalg.svd(np.concatenate([K, -L], axis=2), compute_uv=False)
    assert np.all(sizes[:, 2:] < 1e-5 * sizes.max()), "no rank above the number of samples"


def test_a_matrix_that_turns_with_the_state_keeps_its_norm() -> None:
    """Without a prox and data, K' = K^T K - K K^T: |K_n| is constant up to O(h)."""
    norms = []
    for depth in (32, 64):
        found = TURN.train(depth, start=[0.0, 3.0, -3.0, 0.0, 0.0, 0.0], **SHARP)
        norms.append(np.ptp(np.linalg.norm(found.parameters[:, :4], axis=1)))
    assert norms[1] < 1e-4 and np.linalg.norm(found.parameters[0, :4]) == pytest.approx(3.11, abs=5e-3)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "rows with slopes": (lambda: projected(problem(), np.zeros((3, 41))), "free weights and the penalty of L"),
    "another loss": (lambda: value_bound(DECAY, replace(DECAY, loss=Huber())), "squared loss"),
    "another penalty": (lambda: value_bound(DECAY, replace(DECAY, regulariser=Lp(0.01))), "one family, penalty"),
    "trained weight": (lambda: value_bound(p := replace(DECAY, family=Free(1, 1, L1(1.0))), p), "a fixed weight of r"),
    "a box without 0": (
        lambda: value_bound(p := replace(DECAY, family=Free(1, 1, Box(0.5, 1.0), weight=1.0)), p),
        "least at 0",
    ),
    "direction": (lambda: label_derivative(DECAY, np.zeros((2, 2)), [1.0]), r"direction of shape \(1, 1\)"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
