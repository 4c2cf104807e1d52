"""Least values over all paths for one sample: against closed forms, and descents from many starts."""

from typing import Any

import numpy as np
import pytest
from anchors import DECAY, DRIVEN, TURN, decay, driven, driven_limit, turn, turning
from scipy.optimize import minimize

from fbscheck.errors import InputError
from fbscheck.functions import L1, Zero
from fbscheck.learning import Free, Huber, Lp, Problem
from fbscheck.learning import one_sample as module
from fbscheck.learning.one_sample import least_value


@pytest.mark.parametrize(
    ("problem", "depth", "expected"),
    [
        *(pytest.param(DECAY, n, lambda n=n: decay(n)[0], id=f"decay {n}") for n in (None, 1, 4, 10, 160)),
        *(pytest.param(TURN, n, lambda n=n: turn(n)[0], id=f"turn {n}") for n in (None, 4, 16, 128)),
        *(pytest.param(DRIVEN, n, lambda n=n: driven(n)[0], id=f"driven {n}") for n in (8, 32, 128)),
        pytest.param(DRIVEN, None, driven_limit, id="driven, the limit"),
    ],
)
def test_values_that_are_known(problem: Problem, depth: int | None, expected: Any) -> None:
    found, value = problem.least_value(depth), expected()
    assert found.lower is not None and found.upper is not None
    assert found.lower <= value <= found.upper * (1 + 1e-14) and found.upper - found.lower < 1e-10 * value
    assert not found.lower <= 0.99 * value and not found.lower <= 0.9999 * found.upper, "planted: smaller values"


def of_states(problem: Problem, depth: int, states: np.ndarray) -> float:
    """J_N of states x_1..x_N with the cheapest parameters, in float64."""
    x = np.concatenate([problem.x0.T, states.reshape(depth, -1)])
    weights = np.sum(x[:-1] ** 2, axis=1) + np.sum(problem.b**2)
    cost = problem.regulariser.a * depth / float(problem.horizon) * np.sum(np.sum(np.diff(x, axis=0) ** 2, 1) / weights)
    return float(np.sum((x[-1] - problem.target[:, 0]) ** 2) / 2 + cost)


def sample(kind: str, seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    d = {"line": 1, "space": 3, "driven": 1}[kind]
    b = rng.standard_normal(2) if kind == "driven" else np.zeros(2)
    a = 0.05 if kind == "driven" else 0.01
    return Problem(rng.standard_normal(d), b, rng.standard_normal(d), Free(d, 2, Zero(), weight=0.0), Lp(a), 1.5)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("kind", "depth"), [("line", 2), ("line", 5), ("space", 3), ("driven", 12), ("driven", 24)])
def test_no_descent_over_states_is_better(kind: str, depth: int, seed: int) -> None:
    known, rng = sample(kind, seed), np.random.default_rng(seed)
    found = known.least_value(depth)
    straight = np.linspace(known.x0[:, 0], known.target[:, 0], depth + 1)[1:]
    starts = [straight + 0.4 * k * rng.standard_normal(straight.shape) for k in range(4)]
    runs = [minimize(lambda x: of_states(known, depth, x), start.ravel(), method="BFGS") for start in starts]
    best = min(float(run.fun) for run in runs)
    assert found.lower <= best and best <= found.upper * (1 + 1e-3)


def test_equal_layers_are_not_always_best() -> None:
    """Two layers of the decay: one does most of the work."""
    found = DECAY.least_value(2)
    apart = minimize(lambda x: of_states(DECAY, 2, x), [0.9, 0.2], method="BFGS")
    assert found.upper < 0.9995 * decay(2)[0] and apart.fun == pytest.approx(found.upper, rel=1e-7)
    assert found.upper == pytest.approx(0.0112, rel=1e-9)


def test_a_stop_may_be_best() -> None:
    """x* on the other side of 0 on the line: one layer stops at a cost of a/h, none crosses more cheaply."""
    known = Problem([1.0], [0.0], [-0.05], Free(1, 1, Zero(), weight=0.0), Lp(0.01), 1.0)
    stop = 0.05**2 / 2 + 0.01 * 1
    assert known.least_value(1).upper <= stop
    assert known.least_value(None).lower > stop, "no path of the limit reaches 0"


def test_wrong_reductions_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: layers of one kind only; a derivative with the wrong sign leaves no minimiser."""
    only_equal = module._turning
    monkeypatch.setattr(module, "_turning", lambda sample, j, point: only_equal(sample, 0, point))
    assert least_value(DECAY, 2).lower > 0.01120001, "above what is attained"
    monkeypatch.undo()
    flow = module._driven_flow

    def wrong(*inputs: Any) -> Any:
        value, (slope,) = flow(*inputs)
        return value, (slope + 1,)

    monkeypatch.setattr(module, "_driven_flow", wrong)
    found = least_value(DRIVEN, None)
    assert found.lower > driven_limit() + 1e-6 or found.lower == found.upper


def test_training_says_local_unless_there_is_a_bound() -> None:
    settings: dict[str, Any] = {"tolerance": 1e-9, "progress": 1e-14}
    assert DECAY.train(8, **settings).kind() == "least"
    assert DECAY.train(2, coarsest=2, **settings).kind() == "local", "equal layers are stationary"
    assert TURN.train(16, coarsest=16, **settings).kind() == "local", "shrinking is"
    assert TURN.train(16, coarsest=16, start=turning(16), **settings).kind() == "least"
    assert DECAY.train(8, most=1).kind() == "unfinished"
    other = Problem([[1.0, 2.0]], [0.0], [0.2], DECAY.family, Lp(0.01), 1.0).train(4, **settings)
    assert other.ending == "stationary" and other.kind() == "local", "of two samples no bound is known"


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"x0": [[1.0, 2.0]]}, "one sample"),
        ({"family": Free(1, 1, L1(1.0))}, "r = 0"),
        ({"loss": Huber(1.0)}, "squared loss"),
        ({"regulariser": Lp(0.01, 3.0)}, "penalty"),
        ({"x0": [0.0]}, "x_0 != 0 or b != 0"),
    ],
)
def test_other_problems_are_refused(change: dict[str, Any], missing: str) -> None:
    known = {name: getattr(DECAY, name) for name in ("x0", "b", "target", "family", "regulariser", "horizon", "loss")}
    with pytest.raises(InputError, match=missing):
        Problem(**{**known, **change}).least_value(4)
    with pytest.raises(InputError, match="Need more layers, got depth=4"):
        DRIVEN.least_value(4)
    with pytest.raises(InputError, match="positive integer for depth"):
        DECAY.least_value(0)
