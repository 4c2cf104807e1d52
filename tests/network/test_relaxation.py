"""The floor: below the bound of any multipliers, attained by a feasible point, close where the optimum is known."""

from itertools import product

import numpy as np
import pytest
from network_samples import FAMILIES, sample

from fbscheck.network.multipliers import optimise
from fbscheck.network.relaxation import floor_of
from fbscheck.network.riccati import recursion


@pytest.mark.parametrize(("family", "wrt"), list(product(FAMILIES, ("b", "x0", "both"))))
def test_no_multipliers_go_below_the_floor(family: str, wrt: str) -> None:
    problem = recursion(sample(family, 11, depth=5), wrt)
    safe = problem.safe()
    trail = problem.backward(safe)
    assert trail is not None
    floor = floor_of(trail)
    best = optimise(problem, evaluations=150)
    rng = np.random.default_rng(0)
    columns = 4 if problem.separable else 1
    scattered = [safe * np.exp(rng.uniform(-0.5, 2, (5, columns))) for _ in range(20)]
    assert 0 < floor <= min(best.bound, *(problem.bound(multipliers) for multipliers in scattered)) * (1 + 1e-9)
    assert floor >= 0.9 * best.bound


def test_more_steps_raise_it() -> None:
    problem = recursion(sample("lista", 4, depth=12, dimension=8, observations=4))
    trail = problem.backward(problem.safe())
    assert trail is not None
    floors = [floor_of(trail, steps) for steps in (0, 2, 10, 60)]
    assert floors == sorted(floors) and floors[0] < floors[-1] <= problem.bound(problem.safe())


def test_a_floor_from_infeasible_replies_would_be_too_high(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: replies that violate the inequalities of the units exceed the optimum."""
    from fbscheck.network import relaxation

    problem = recursion(sample("lista", 4, depth=12, dimension=8, observations=4))
    best = optimise(problem, evaluations=300)
    trail = problem.backward(best.multipliers)
    assert trail is not None
    monkeypatch.setattr(relaxation, "_onto_sphere", lambda arguments, replies, axes: 1.1 * replies)
    assert floor_of(trail, 0) > best.bound
