"""The LISTA that the suite trains: its gradients, and that it has learned something."""

import numpy as np
import pytest

from fbscheck.network import ista
from fbscheck.suites.trained import _gradients, signals, trained_lista


@pytest.mark.parametrize("part", [0, 1, 2], ids=["W1", "W2", "theta"])
def test_gradients_are_difference_quotients(part: int) -> None:
    rng = np.random.default_rng(part)
    A = rng.standard_normal((3, 5))
    x, b = signals(A, 7, rng)
    parts = (rng.standard_normal((4, 5, 3)) / 3, rng.standard_normal((4, 5, 5)) / 3, rng.uniform(0.01, 0.1, 4))
    along = rng.standard_normal(parts[part].shape)

    def loss(t: float) -> float:
        moved = [p + t * along if k == part else p for k, p in enumerate(parts)]
        state = np.zeros_like(x)
        for W1, W2, theta in zip(*moved, strict=True):
            u = W2 @ state + W1 @ b
            state = np.sign(u) * np.maximum(np.abs(u) - theta, 0)
        return float(np.sum((state - x) ** 2)) / 2 / x.shape[1]

    quotient = (loss(1e-6) - loss(-1e-6)) / 2e-6
    assert float(np.sum(_gradients(parts, x, b)[part] * along)) == pytest.approx(quotient, rel=1e-6)


def test_training_beats_the_splitting_that_it_started_from() -> None:
    network, A = trained_lista()
    x, b = signals(A, 256, np.random.default_rng(1))
    start = np.zeros(len(x))
    plain = ista(A, 0.1, 1 / float(np.linalg.norm(A, 2)) ** 2, network.depth)
    errors = [float(np.sum((net(start, b) - x) ** 2)) for net in (network, plain)]
    assert errors[0] < 0.4 * errors[1]
