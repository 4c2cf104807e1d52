"""Pairs of inputs of one network: replayed exactly, below every certified bound, near what is known."""

from dataclasses import dataclass

import flint
import numpy as np
import pytest
from network_samples import sample

from fbscheck.certify.balls import clip, is_ball, matmul
from fbscheck.errors import InputError
from fbscheck.network.dissipation import certify
from fbscheck.network.instance import Pair, instance_lower, quotient_lower
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import recursion

INPUTS = ("b", "x0", "both")


@dataclass
class SoftThreshold:
    """A plain network with one threshold, written for this test."""

    layers: Layers
    threshold: float

    def _steps(self, x: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
        arguments = []
        for w, u in zip(self.layers.transitions, self.layers.injections, strict=True):
            arguments.append(matmul(w, x) + matmul(u, b))
            x = arguments[-1] - clip(arguments[-1], -self.threshold, self.threshold)
        return [*arguments, x]

    def __call__(self, x0: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self._steps(x0, b)[-1]

    def _masks(self, x0: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
        return [np.abs(u) > self.threshold for u in self._steps(x0, b)[:-1]]

    def jvp(self, x0: np.ndarray, b: np.ndarray, dx0: np.ndarray, db: np.ndarray) -> np.ndarray:
        for mask, w, u in zip(self._masks(x0, b), self.layers.transitions, self.layers.injections, strict=True):
            dx0 = mask * (w @ dx0 + u @ db)
        return dx0

    def vjp(self, x0: np.ndarray, b: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gb = np.zeros((self.layers.observations, y.shape[1]))
        stack = list(zip(self._masks(x0, b), self.layers.transitions, self.layers.injections, strict=True))
        for mask, w, u in reversed(stack):
            y = mask * y
            gb, y = gb + u.T @ y, w.T @ y
        return y, gb


def replay(network: SoftThreshold, pair: Pair) -> flint.fmpq:
    """The square of the quotient in rational arithmetic, by another forward pass."""

    def rational(v: np.ndarray) -> flint.fmpq_mat:
        pairs = [float(t).as_integer_ratio() for t in np.ravel(v)]
        return flint.fmpq_mat(len(pairs), 1, [flint.fmpq(*p) for p in pairs])

    def matrix(a: np.ndarray) -> flint.fmpq_mat:
        return flint.fmpq_mat(*a.shape, rational(a).entries())

    theta, ends = flint.fmpq(*network.threshold.as_integer_ratio()), []
    for x, b in (pair.first, pair.second):
        state = rational(x)
        for w, u in zip(network.layers.transitions, network.layers.injections, strict=True):
            entries = (matrix(w) * state + matrix(u) * rational(b)).entries()
            state = flint.fmpq_mat(
                len(entries), 1, [e - theta if e > theta else e + theta if e < -theta else 0 for e in entries]
            )
        ends.append(state)
    top = sum((e * e for e in (ends[0] - ends[1]).entries()), flint.fmpq(0))
    inputs = [rational(np.concatenate(p)) for p in (pair.first, pair.second)]
    return top / sum((e * e for e in (inputs[0] - inputs[1]).entries()), flint.fmpq(0))


@pytest.mark.parametrize("wrt", INPUTS)
@pytest.mark.parametrize("family", ["ista", "lista", "free", "unstable"])
def test_pairs_are_replayed_exactly_and_below_the_bound(family: str, wrt: str) -> None:
    network = SoftThreshold(sample(family, 2), 0.05)
    pair = instance_lower(network, wrt, rounds=4)
    square = replay(network, pair)
    assert flint.fmpq(*pair.bound.as_integer_ratio()) ** 2 <= square
    assert pair.bound == pytest.approx((int(square.p) / int(square.q)) ** 0.5, rel=1e-12)
    problem = recursion(network.layers, wrt)
    upper, _ = certify(problem, optimise(problem, evaluations=60).multipliers)
    assert pair.bound <= upper
    assert pair.bound == pytest.approx(pair.derivative, rel=0.05) or pair.bound > pair.derivative
    fixed = {"b": 0, "x0": 1}
    if wrt in fixed:
        assert not np.any(pair.first[fixed[wrt]]) and not np.any(pair.second[fixed[wrt]])


def test_without_a_threshold_it_is_the_norm() -> None:
    layers = sample("lista", 4)
    state, data = np.eye(4), np.zeros((4, 2))
    for w, u in zip(layers.transitions, layers.injections, strict=True):
        state, data = w @ state, w @ data + u
    pair = instance_lower(SoftThreshold(layers, 0.0), "b", rounds=10)
    assert pair.bound == pytest.approx(np.linalg.norm(data, 2), rel=1e-6)
    assert is_ball(SoftThreshold(layers, 0.0)(*(np.array([flint.arb(0)] * k, dtype=object) for k in (4, 2))))


def test_a_changed_pair_does_not_keep_its_bound() -> None:
    """Planted: an input moved by a hundredth, and the equal pair."""
    network = SoftThreshold(sample("lista", 3), 0.05)
    pair = instance_lower(network, rounds=4)
    moved = pair.second[1] + 0.1 * np.array([1.0, -1.0])
    assert quotient_lower(network, pair.first, (pair.second[0], moved)) < pair.bound
    with pytest.raises(InputError, match="different"):
        quotient_lower(network, pair.first, pair.first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"wrt": "y"}, "wrt", id="input"),
        pytest.param({"rounds": 0}, "rounds", id="rounds"),
        pytest.param({"scale": -1.0}, "scale", id="scale"),
        pytest.param({"x0": np.ones(3)}, "x0 of length", id="length"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        instance_lower(SoftThreshold(sample("lista"), 0.1), **arguments)  # type: ignore[arg-type]
