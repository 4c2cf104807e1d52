"""Training, against minima that are known, other optimisers, and its own promises."""

import io
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anchors import DECAY, DRIVEN, SCALAR, TURN, concentrated, decay, decay_slope, driven, driven_limit, turn, turning
from problems import problem
from scipy.optimize import minimize

from fbscheck.errors import InputError
from fbscheck.functions import L1, Zero
from fbscheck.learning import H1, Alista, Free, Lp, Problem, Tied
from fbscheck.learning.descent import projected_gradient
from fbscheck.learning.training import train

SHARP = {"tolerance": 1e-9, "progress": 1e-14}


# -- minima that are known ---------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [10, 20, 40, 80, 160])
def test_decay(depth: int) -> None:
    found = DECAY.train(depth, coarsest=5, **SHARP)
    value, k = decay(depth)
    assert found.value == pytest.approx(value, abs=1e-11) and found.ending == "stationary"
    np.testing.assert_allclose(found.parameters, np.tile([k, 0.0], (depth, 1)), atol=1e-8)


def test_decay_is_of_first_order() -> None:
    limit = decay(None)
    assert limit == pytest.approx((0.019366356354497353, 1.248300854145999), rel=1e-14)
    errors = [depth * (DECAY.train(depth, coarsest=5, **SHARP).value - limit[0]) for depth in (80, 160)]
    assert 2 * errors[1] - errors[0] == pytest.approx(decay_slope(), rel=1e-3)
    assert decay_slope() == pytest.approx(-0.0194517108, rel=1e-8)
    shifts = [depth * (decay(depth)[1] - limit[1]) for depth in (160, 320)]
    assert 2 * shifts[1] - shifts[0] == pytest.approx(-0.4119910194, rel=1e-4)


@pytest.mark.parametrize("depth", [16, 32, 64, 128])
def test_turning(depth: int) -> None:
    found = TURN.train(depth, starts=2, seed=1, **SHARP)
    assert found.value == pytest.approx(turn(depth)[0], abs=1e-10)
    away = [np.abs(found.parameters - turning(depth, sense)).max() for sense in (1, -1)]
    assert min(away) < 1e-8


def test_turning_has_two_minimisers() -> None:
    """They are mirror images, of one value; which is found depends on the start."""
    best = turning(64)
    found = [TURN.train(64, start=sense * 0.1 * best[0], **SHARP) for sense in (1, -1)]
    first, second = (training.parameters for training in found)
    mirror = np.diag([1.0, -1.0])
    K = [theta[:, :4].reshape(-1, 2, 2) for theta in (first, second)]
    np.testing.assert_allclose(mirror @ K[0] @ mirror, K[1], atol=1e-8)
    assert found[0].value == pytest.approx(found[1].value, abs=1e-12)
    assert found[0].value == pytest.approx(0.0488491, abs=1e-7) and turn(None)[0] == pytest.approx(0.04885927269685)
    apart = np.sqrt(np.sum((first - second) ** 2) / 64)
    expected = np.sqrt(np.sum((best - turning(64, -1)) ** 2) / 64)
    assert apart == pytest.approx(expected, abs=1e-8) and expected == pytest.approx(5.377, abs=1e-3)
    stuck = TURN.train(64, coarsest=64, **SHARP)
    assert stuck.value == pytest.approx(0.588642235686721, abs=1e-12), "from 0 shrinking is all that a descent sees"


@pytest.mark.parametrize("depth", [8, 16, 32, 64, 128])
def test_driven(depth: int) -> None:
    found = DRIVEN.train(depth, **SHARP)
    value, theta = driven(depth)
    assert found.value == pytest.approx(value, abs=1e-11)
    np.testing.assert_allclose(found.parameters, theta, atol=1e-8)


def test_driven_is_of_first_order() -> None:
    limit = driven_limit()
    assert limit == pytest.approx(0.04538943656508, abs=1e-13)
    errors = [depth * (DRIVEN.train(depth, **SHARP).value - limit) for depth in (64, 128)]
    assert 2 * errors[1] - errors[0] == pytest.approx(0.0301, abs=5e-5)


@pytest.mark.parametrize(("depth", "expected"), [(4, 0.03392), (16, 0.04258), (64, 0.04483)])
def test_a_power_above_one_does_not_concentrate(depth: int, expected: float) -> None:
    known = Problem([1.0], [0.0], [0.0], SCALAR, Lp(0.01), 1.0)
    found = known.train(depth, coarsest=4, start=[2.0, 0.0], **SHARP)
    assert found.value == pytest.approx(expected, abs=6e-6)
    assert concentrated(2) == pytest.approx(0.0455844, abs=1e-7)


@pytest.mark.parametrize("depth", [4, 16, 64])
def test_a_power_of_one_does(depth: int) -> None:
    """One layer does everything, at a cost that no depth changes, and that the limit cannot have."""
    known = Problem([1.0], [0.0], [0.0], SCALAR, Lp(0.01, 1.0), 1.0)
    theta = np.zeros((depth, 2))
    theta[depth // 2, 0] = 0.99 * depth
    assert known.value(theta) == pytest.approx(0.01 - 0.01**2 / 2, rel=1e-12)
    assert concentrated(1) == pytest.approx(0.0280259, abs=1e-7) and known.value(theta) < concentrated(1) / 2
    for layer in range(depth):
        moved = theta.copy()
        moved[layer, 0] += 1e-4 * depth
        assert known.value(moved) > known.value(theta), "a minimum in each layer's direction"
    with pytest.raises(InputError, match="p > 1 to train"):
        known.train(depth)


# -- tied weights: no minimiser in the limit ----------------------------------------------------------------

TIED = Tied(1, 1, Zero(), weight=0.0)
BOTH = {"x0": [[1.0, 1.0]], "b": [[1.0, -1.0]], "target": [[0.0, 0.0]]}
OSCILLATING = Problem(**BOTH, family=TIED, regulariser=Lp(0.002, 4.0), horizon=1.0)


def relaxed() -> float:
    """e^{-2k}/2 + k^2/500 at its least: A^2 = k without A."""
    found = minimize(lambda k: np.exp(-2 * k[0]) / 2 + 0.002 * k[0] ** 2, [2.0], tol=1e-12)
    return float(found.fun)


def test_tied_weights_change_sign() -> None:
    """Of all 64 patterns of signs of six layers; by another optimiser of a recursion that is written out."""
    h = 1 / 6

    def value(a: np.ndarray) -> float:
        loss = 0.0
        for b in (1.0, -1.0):
            x = 1.0
            for entry in a:
                x -= h * (entry**2 * x - entry * b)
            loss += x**2 / 4
        return float(loss + 0.002 * h * np.sum(a**4))

    values = {}
    for signs in product((1.0, -1.0), repeat=6):
        found = minimize(value, 1.4 * np.array(signs), method="BFGS", options={"gtol": 1e-7})
        reached = tuple(np.sign(found.x))
        values[reached] = min(found.fun, values.get(reached, np.inf))
    best = min(values, key=lambda signs: values[signs])
    constant = min(values[signs] for signs in values if abs(sum(signs)) == 6)
    assert abs(sum(best)) <= 2 and values[best] < 0.3 * constant, "signs that cancel are far better than one sign"
    trained = OSCILLATING.train(6, coarsest=6, start=1.4 * np.array(best)[:, None], **SHARP)
    assert trained.value == pytest.approx(values[best], abs=1e-9)


def test_tied_weights_have_no_limit() -> None:
    values, means = [], []
    for depth in (32, 64, 128, 256):
        start = 1.4 * (-1.0) ** np.arange(depth)[:, None]
        found = OSCILLATING.train(depth, coarsest=depth, start=start, **SHARP)
        assert np.count_nonzero(np.diff(np.sign(found.parameters[:, 0]))) == depth - 1
        values.append(found.value)
        means.append(np.abs(np.cumsum(found.parameters) / depth).max())
    assert values == sorted(values) and values[-1] < relaxed()
    shrink = np.diff([relaxed() - value for value in values]) / np.array([relaxed() - v for v in values[:-1]])
    np.testing.assert_allclose(shrink, -0.5, atol=0.08)
    np.testing.assert_allclose(np.divide(means[1:], means[:-1]), 0.5, atol=0.06)
    assert OSCILLATING.value(np.zeros((64, 1))) == pytest.approx(0.5), "the weak limit is A = 0"
    constants = [OSCILLATING.value(np.full((256, 1), a)) for a in np.linspace(0.5, 4.0, 71)]
    assert min(constants) > 4 * relaxed()


def test_slopes_in_the_penalty_make_tied_weights_converge() -> None:
    known = Problem(**BOTH, family=TIED, regulariser=H1(0.004, 0.004), horizon=1.0)
    paths = [known.train(depth, start=[1.4], **SHARP) for depth in (64, 128, 256)]
    values = np.diff([training.value for training in paths])
    assert values[1] / values[0] == pytest.approx(0.5, abs=0.1)
    assert all((training.parameters > 0).all() for training in paths)


# -- bounds, levels, starts, files --------------------------------------------------------------------------


def sparse(seed: int = 0, penalty: float = 1e-2) -> Problem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((6, 10))
    A /= np.linalg.norm(A, axis=0)
    x = np.where(rng.random((10, 12)) < 0.2, rng.standard_normal((10, 12)), 0.0)
    return Problem(np.zeros(10), A @ x, x, Alista(A, A, L1(1.0)), H1(penalty, penalty), 4.0)


def test_the_projected_gradient_is_the_minimiser_in_the_box() -> None:
    """Against an optimiser of others; the projection of the preconditioned gradient is another vector."""
    rng = np.random.default_rng(3)
    metric = H1(0.5, 0.001).metric(np.zeros((9, 2)), 1.0)
    gradient, room = rng.standard_normal((9, 2)), np.where(rng.random((9, 2)) < 0.5, 0.0, 0.2)
    room[:, 0] = np.inf
    matrix = np.diag(metric[1]) + np.diag(metric[0, 1:], 1) + np.diag(metric[0, 1:], -1)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        c = flat.reshape(9, 2)
        return float(np.sum(c * gradient) + np.sum(c * (matrix @ c)) / 2), (gradient + matrix @ c).ravel()

    limits = list(zip(-room.ravel(), [None] * 18, strict=True))
    other = minimize(
        value, np.zeros(18), jac=True, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-16, "gtol": 1e-11}
    )
    change, size = projected_gradient(metric, gradient, room)
    np.testing.assert_allclose(change.ravel(), other.x, atol=1e-4)
    assert size == pytest.approx(np.sqrt(np.sum(change * (matrix @ change))))
    naive = np.maximum(-np.linalg.solve(matrix, gradient), -room)
    assert np.abs(naive - change).max() > 0.1


def test_bounds_hold_and_their_multipliers_are_nonnegative() -> None:
    known = Problem([1.0], [1.0], [3.0], Free(1, 1, L1(1.0)), H1(0.02, 0.02, reference=[0.0, 0.0, 0.5]), 1.0)
    found = known.train(32, **SHARP)
    gradient = known.value_and_gradient(found.parameters)[1]
    weights, slopes = found.parameters[:, -1], gradient[:, -1]
    assert weights.min() == 0.0 and weights.max() > 0
    assert np.abs(slopes[weights > 0]).max() < 1e-8 and slopes[weights == 0].min() >= 0
    other = minimize(
        lambda q: known.value(q.reshape(33, 3)),
        found.parameters.ravel(),
        jac=lambda q: known.value_and_gradient(q.reshape(33, 3))[1].ravel(),
        method="L-BFGS-B",
        bounds=[(None if low == -np.inf else 0.0, None) for low in np.tile(known.family.lower, 33)],
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert found.value <= other.fun + 1e-12


def test_iterations_do_not_grow_with_the_depth() -> None:
    found = sparse().train(128, progress=1e-4)
    assert [level.depth for level in found.levels] == [8, 16, 32, 64, 128]
    assert all(level.iterations <= 60 for level in found.levels[2:])
    differences = np.diff([level.value for level in found.levels[1:]])
    assert np.all(np.abs(differences[1:]) < 0.75 * np.abs(differences[:-1]))


@pytest.mark.parametrize("seed", range(3))
def test_no_worse_than_another_optimiser(seed: int) -> None:
    known = sparse(seed)
    found = known.train(16, coarsest=16, start=[1.0, 0.1], progress=1e-4)
    other = minimize(
        lambda q: known.value(q.reshape(17, 2)),
        np.tile([1.0, 0.1], 17),
        jac=lambda q: known.value_and_gradient(q.reshape(17, 2))[1].ravel(),
        method="L-BFGS-B",
        bounds=[(0.0, None)] * 34,
    )
    assert found.value <= other.fun * (1 + 5e-2)


def test_more_starts_are_no_worse_and_seeds_repeat() -> None:
    few, many = (TURN.train(8, starts=k, seed=1, most=40) for k in (1, 3))
    assert many.value < few.value
    np.testing.assert_array_equal(TURN.train(8, starts=3, seed=1, most=40).parameters, many.parameters)


def test_a_training_goes_on_from_its_file(tmp_path: Path) -> None:
    known, file = problem("lista-cp", "L2"), tmp_path / "run" / "levels.npz"
    whole = known.train(16, coarsest=4, most=9)
    lines: list[str] = []

    def interrupted(line: str) -> None:
        lines.append(line)
        if line.startswith("depth 8"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(known, 16, coarsest=4, most=9, file=file, told=interrupted)
    lines.clear()
    again = train(known, 16, coarsest=4, most=9, file=file, told=lines.append)
    assert lines and lines[0].startswith("depth 8")
    np.testing.assert_array_equal(again.parameters, whole.parameters)
    assert again.levels == whole.levels
    lines.clear()
    assert train(known, 16, coarsest=4, most=9, file=file, told=lines.append).value == whole.value and not lines
    deeper = train(known, 32, coarsest=4, most=9, file=file)
    assert deeper.levels[:-1] == whole.levels
    with pytest.raises(InputError, match="of another problem or of other settings"):
        train(known, 16, coarsest=4, most=8, file=file)
    file.write_bytes(b"PK nothing")
    with pytest.raises(InputError, match="a file of a training"):
        train(known, 16, coarsest=4, most=9, file=file)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_terminals_only(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    DECAY.train(8)
    assert ("depth 8, step 0" in stream.getvalue()) == terminal


def test_planted_a_penalty_with_the_wrong_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum over layers where the integral is meant: values are N times too dear, and no depth agrees."""
    monkeypatch.setattr(Lp, "__call__", lambda self, theta, horizon: self.a * (theta**2).sum())
    monkeypatch.setattr(Lp, "gradient", lambda self, theta, horizon: 2 * self.a * theta)
    found = Problem([1.0], [0.0], [0.2], SCALAR, Lp(0.01), 1.0).train(20, coarsest=5, progress=1e-12)
    assert abs(found.value - decay(20)[0]) > 1e-2


def test_planted_point_sampling_of_oscillations_is_seen() -> None:
    """cos(2 pi N t) at the nodes is 1: the network shrinks by e^{-1}, the averages and the limit do nothing."""
    for depth in (8, 64, 512):
        known = Problem([1.0], [0.0], [0.0], SCALAR, Lp(0.01), 1.0)
        times = np.arange(32 * depth) / (32 * depth)
        fine = np.stack([np.cos(2 * np.pi * depth * times), 0 * times], axis=1)
        averages = known.regulariser.coarsened(fine, 32)
        assert known.outputs(averages) == pytest.approx(1.0, abs=1e-12)
        assert known.outputs(fine[::32]) == pytest.approx((1 - 1 / depth) ** depth, rel=1e-12)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no depth": (lambda: DECAY.train(0), "positive integer for depth, got 0"),
    "half a start": (lambda: DECAY.train(4, starts=1.5), "positive integer for starts, got 1.5"),
    "a start of another family": (lambda: DECAY.train(8, start=[1.0]), r"a start of shape \(2,\) or \(8, 2\)"),
    "no tolerance": (lambda: DECAY.train(8, tolerance=0.0), "tolerance > 0"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_problems_of_all_losses_descend() -> None:
    for loss in ("squared", "smoothed absolute", "Huber"):
        known = problem("lista-cp", "L1.5", loss)
        assert known.train(8, most=20).value < known.value(np.zeros((8, 16)))
