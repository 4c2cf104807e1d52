"""A search for pairs of points at which an operator is at its worst.

Rounds of four stages, all in batches, until the budget is spent or the pairs found are enough: special
points with neighbours at all scales; dense lines across the box; differences along many directions, whose
small eigenproblems give extremal directions; and the worst pairs so far, perturbed, rescaled and bisected.
What is found is a bound from one side: the constant is at least that bad.

Arrays hold points as columns: (d, S).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from fbscheck.checking.conditions import Constant
from fbscheck.checking.jacobians import extremal
from fbscheck.checking.points import Domain, Values, directions
from fbscheck.checking.trials import NoisyMap, Oracle, OutOfTime, Pair, Trials

__all__ = ["Enough", "Progress", "Search", "search"]

Progress = Callable[[float, Mapping[str, Pair]], None]
Enough = Callable[[Mapping[str, Pair]], bool]

WHOLE = 64
"""Up to this dimension differences are taken along all coordinates; beyond, now and then if time allows."""
PRICE = 4e-9
"""Seconds for the eigenproblems of one Jacobian, by the cube of the dimension."""
BLOCK = 32
"""Directions of a random subspace in larger dimension."""
GRID = 513
"""Points of a line: with 0.2% of the box between neighbours, an interval of 0.5% holds two of them."""
NUMBERS = 2**21
"""Numbers in the points of one stage of a round."""
CUBES = 2**22
"""Eigenproblems of one stage, by the sum of the cubes of their sizes."""
HALVINGS = 12


@final
@dataclass(frozen=True)
class Search:
    """The worst pair for each constant, what it cost, and (evaluations, value) at each improvement."""

    worst: dict[str, Pair]
    evaluations: int
    seconds: float
    history: dict[str, list[tuple[int, float]]]


def search(
    operator: NoisyMap,
    constants: Sequence[Constant],
    rng: np.random.Generator,
    budget_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    progress: Progress | None = None,
    enough: Enough = lambda worst: False,
) -> Search:
    """The worst pairs found for ``constants`` in ``budget_seconds``, or until they are ``enough``.

    Both ``enough`` and ``progress``, which also learns the part of the budget spent, are told the worst pairs after
    each round.  A constant without any usable pair (T not finite) is missing from the result.
    """
    oracle = Oracle(operator, budget_seconds, clock)
    trials = Trials(constants, oracle)
    rounds = _Rounds(trials, rng)
    try:
        for _ in range(4):
            rounds.sample(2)
        found = False
        while not found:
            rounds.play()
            if progress is not None:
                progress(min(1.0, oracle.seconds / budget_seconds), trials.worst())
            found = enough(trials.worst())
    except OutOfTime:
        pass
    return Search(trials.worst(), oracle.evaluations, oracle.seconds, trials.history)


class _Rounds:
    """The stages of a round; each takes about as many evaluations as it is told."""

    def __init__(self, trials: Trials, rng: np.random.Generator) -> None:
        self.trials, self.domain, self.rng = trials, trials.oracle.domain, rng
        self.played, self.axis = 0, 0

    def play(self) -> None:
        """All stages, small at first."""
        most = min(NUMBERS // self.domain.dimension, 2**16, 2 ** (14 + 2 * self.played))
        for stage in (self.sample, self.scan, self.linearise, self.refine):
            stage(max(16, min(most, self.trials.oracle.affordable // 12)))
        self.played += 1

    def scales(self, count: int) -> Values:
        """Random lengths, 1e-8 to 1 of the width."""
        return self.domain.width * 10 ** self.rng.uniform(-8, 0, count)

    def pool(self, count: int) -> Values:
        """Starting points, and points on the rays through the worst pairs."""
        start = self.domain.starting(self.rng, count)[:, :count]
        worst = [kept[0].x for kept in self.trials.kept.values()]
        if worst:
            few = np.concatenate(worst, axis=1)[:, : count // 8]
            start[:, : few.shape[1]] = self.domain.rays(self.rng, few)
        return start

    def sample(self, count: int) -> None:
        """Special points with each other, and with a neighbour at a random scale."""
        x = self.pool(count // 2)
        x, y = self.domain.near(self.rng, x, self.scales(x.shape[1]))
        both = self.trials.oracle(np.concatenate([x, y], axis=1))
        near, far = both[: x.shape[1]], both[x.shape[1] :]
        self.trials.weigh(near, far)
        self.trials.weigh(near[:-1], near[1:])

    def scan(self, count: int) -> None:
        """Lines across the box, neighbours at two spacings, a finer grid where the slope changes most."""
        lines, grid = max(1, count // GRID), max(9, min(GRID, count))
        x = self.pool(lines)
        straight = np.arange(lines) % 4 < 3
        turn = self.axis + np.cumsum(straight)
        axes = (np.arange(self.domain.dimension)[:, None] == turn % self.domain.dimension).astype(np.float64)
        start, end = self.domain.chords(self.rng, x, np.where(straight, axes, 0.0))
        self.axis = int(turn[-1])
        at = np.clip((np.arange(grid) + self.rng.uniform(-0.5, 0.5, (lines, 1))) / (grid - 1), 0, 1)
        self.line(start, end, at, few=3)

    def line(self, start: Values, end: Values, at: Values, few: int) -> None:
        """Try the chords from ``start`` to ``end`` (d, L) at the parameters ``at`` (L, M), then ``few`` parts finer."""
        lines, grid = at.shape
        x = self.domain.cut(start[:, :, None] + (end - start)[:, :, None] * at)
        samples = self.trials.oracle(x.reshape(self.domain.dimension, -1))
        order = np.arange(lines * grid).reshape(lines, grid)
        for lag in (1, 8):
            self.trials.weigh(samples[order[:, :-lag].ravel()], samples[order[:, lag:].ravel()])
        if few:
            with np.errstate(all="ignore"):
                steps = np.diff(samples.image.reshape(x.shape), axis=2)
                change = np.nan_to_num(np.sum(np.diff(steps, axis=2) ** 2, axis=0))
            bends = np.argpartition(-change, few, axis=1)[:, :few]
            rows = np.arange(lines)[:, None]
            first, last = (x[:, rows, bends + shift].reshape(self.domain.dimension, -1) for shift in (0, 2))
            self.line(first, last, np.broadcast_to(np.linspace(0, 1, 33), (first.shape[1], 33)), few=0)

    def linearise(self, count: int) -> None:
        """Pairs at many distances along directions that are extremal for differences of T."""
        if not isinstance(self.domain, Domain):
            return
        whole = self.domain.dimension <= WHOLE
        if not whole and self.played % 3 == 1:
            quick = PRICE * self.domain.dimension**3 < 0.1 * self.trials.oracle.left
            whole = quick and self.trials.oracle.affordable > 20 * self.domain.dimension
        size = self.domain.dimension if whole else BLOCK
        many = max(1, min(count // (4 * size), CUBES // size**3, NUMBERS // (size * self.domain.dimension), 256))
        x = self.pool(many)
        x[:, ::2] = self.picked(x[:, ::2].shape[1])
        step = self.domain.width * 10 ** self.rng.uniform(-7, -1, many)
        basis = np.stack([np.eye(self.domain.dimension)] * many) if whole else self.subspaces(many)
        slope = self.trials.oracle.slopes(x, basis, step, exact=self.played % 2 == 0)
        found = extremal([c.name for c in self.trials.constants], basis, slope)
        kinds = found.shape[1] // many
        lengths = self.domain.width * np.array([*10 ** self.rng.uniform(-8, 0, 3), 0.3, np.sqrt(self.domain.dimension)])
        for length in lengths * self.rng.choice([-1, 1], len(lengths)):
            self.trials.ends(*self.domain.inside(np.repeat(x, kinds, axis=1), length * found))
        near = np.repeat(step * self.rng.choice([-1, 1], many), kinds)
        self.trials.ends(*self.domain.inside(np.repeat(x, kinds, axis=1), near * found))

    def picked(self, count: int) -> Values:
        """Points among the worst pairs, or starting points before there are any."""
        if not self.trials.kept:
            return self.pool(count)
        worst = np.concatenate([kept[0].x for kept in self.trials.kept.values()], axis=1)
        return worst[:, self.rng.integers(worst.shape[1], size=count)]

    def subspaces(self, count: int) -> Values:
        """Orthonormal bases (count, d, BLOCK): worst differences, their images, axes and random directions."""
        kept = list(self.trials.kept.values())
        block = directions(self.rng, self.rng.normal(size=(self.domain.dimension, count * BLOCK)))
        block = np.moveaxis(block.reshape(self.domain.dimension, count, BLOCK), 1, 0).copy()
        few = BLOCK // 4 // max(1, len(kept))
        for place, (a, b, scores) in enumerate(kept):
            chosen = np.minimum(self.rng.geometric(0.3, size=(count, few)) - 1, len(scores) - 1)
            for shift, difference in enumerate((a.x - b.x, a.image - b.image)):
                size = np.sqrt(np.sum(difference**2, axis=0))
                unit = difference / np.where(size > 0, size, 1.0)
                at = (2 * place + shift) * few
                block[:, :, at : at + few] = np.moveaxis(unit[:, chosen], 1, 0)
        return np.asarray(np.linalg.qr(block + 1e-9 * self.rng.normal(size=block.shape))[0])

    def refine(self, count: int) -> None:
        """The worst pairs moved, turned, stretched, cut; then halved again and again towards a jump."""
        for constant in self.trials.constants:
            kept = self.trials.kept.get(constant.name)
            if kept is None or kept[2][0] == np.inf:
                continue
            size = max(1, count // (2 * len(self.trials.constants)))
            chosen = np.minimum(self.rng.geometric(0.1, size=size) - 1, len(kept[2]) - 1)
            a, b = (part.x[:, chosen] for part in kept[:2])
            self.trials.ends(*self.domain.moved(self.rng, a, b - a))
            for _ in range(HALVINGS):
                first, last = (part[: 1 + size // HALVINGS] for part in self.trials.kept[constant.name][:2])
                middle = self.trials.oracle(0.5 * first.x + 0.5 * last.x)
                self.trials.weigh(first, middle)
                self.trials.weigh(middle, last)
