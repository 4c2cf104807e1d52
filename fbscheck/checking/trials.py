"""Pairs of points on trial: the operator under a clock, what each pair attains, the worst pairs so far.

Only values weakened by the noise decide, so that nothing reported is worse than the truth: the noise
is the given bound on the error of T at both points, plus the rounding of the quotients themselves.

Arrays hold points as columns: (d, S).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, final

import numpy as np

from fbscheck.checking.conditions import Constant
from fbscheck.checking.jacobians import LARGEST, columns, slopes
from fbscheck.checking.points import Domain, Region, Values

__all__ = ["Evaluate", "Noise", "NoisyMap", "Oracle", "OutOfTime", "Pair", "Samples", "Trials", "pair_at", "rounding"]

Evaluate = Callable[[Values], Values]
Noise = Callable[[Values, Values], Values]
Derivative = Callable[[Values, Values], Values]
Done = TypeVar("Done")
KEPT = 32
"""The number of worst pairs kept for each constant."""
ENTRIES = 2**21
"""The most numbers in one call of the operator."""
SHORTEST = 1e-12
"""Points closer than this part of the box are no pair."""
SMALL, LARGE = 1e-140, 1e140
"""Differences of other sizes are not weighed, save 0: their squares would underflow or overflow."""


class OutOfTime(Exception):
    """The budget of the search is spent."""


@final
@dataclass(frozen=True)
class Pair:
    """Two points (d,), their images, what they attain: ``value`` surely, ``floating`` before the noise weakens it."""

    x: Values
    y: Values
    Tx: Values
    Ty: Values
    value: float
    floating: float


@final
@dataclass(frozen=True)
class Samples:
    """Points (d, S) with their images (d, S) and bounds on the errors of these (S,)."""

    x: Values
    image: Values
    noise: Values

    def __getitem__(self, chosen: object) -> "Samples":
        """The columns ``chosen``: a slice, a mask or indices."""
        index: tuple[object, ...] = (slice(None), chosen)
        return Samples(self.x[index], self.image[index], self.noise[index[1:]])  # type: ignore[index]

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """All columns of all parts, in order."""
        first, *rest = ([getattr(part, name) for part in parts] for name in ("x", "image", "noise"))
        return cls(np.concatenate(first, axis=1), *(np.concatenate(part, axis=-1) for part in rest))


@final
@dataclass(frozen=True, eq=False)
class NoisyMap:
    """T on columns of its ``domain``; ``noise(x, Tx)`` bounds the error of each column of Tx in Euclidean norm.

    ``derivative(x, v)`` is T'(x) v column by column, if it is known: a guide, nothing rests on it.
    """

    domain: Region
    evaluate: Evaluate
    noise: Noise
    derivative: Derivative | None = None

    def __call__(self, x: Values) -> Samples:
        """T at the columns of ``x``."""
        with np.errstate(all="ignore"):
            image = np.asarray(self.evaluate(x.copy()), dtype=np.float64)
            return Samples(x, image, np.asarray(self.noise(x, image), dtype=np.float64))


class Oracle:
    """The operator in chunks that take a small part of the budget each, until the budget is spent."""

    def __init__(self, operator: NoisyMap, budget: float, clock: Callable[[], float]) -> None:
        """Start the clock."""
        self.domain = operator.domain
        self._operator, self._budget, self._clock = operator, budget, clock
        self._begun, self._chunk, self.evaluations = clock(), 1, 0

    @property
    def seconds(self) -> float:
        """The time since the start."""
        return self._clock() - self._begun

    @property
    def left(self) -> float:
        """The seconds left."""
        return max(self._budget - self.seconds, 0.0)

    @property
    def affordable(self) -> int:
        """How many evaluations the rest of the budget pays for, at the price paid so far."""
        left = self.left
        return int(left / max(self._budget - left, 1e-6) * max(self.evaluations, 1))

    def __call__(self, x: Values) -> Samples:
        """T at the columns of ``x``; raises ``OutOfTime``."""
        parts = self._paced(self._operator, x)
        return parts[0] if len(parts) == 1 else Samples.joined(parts)

    def slopes(self, x: Values, basis: Values, step: Values, exact: bool = True) -> Values:
        """J Q at the points ``x`` (d, P) for bases Q (P, d, m), of the derivative if it is known and to be ``exact``.

        Else of central differences of length ``step`` (P,), which see what is near.
        """
        derivative, many = self._operator.derivative, basis.shape[2]
        if derivative is None or not exact:
            assert isinstance(self.domain, Domain), "differences along axes leave a hull"
            return slopes(lambda z: self(z).image, x, basis, step, self.domain)
        both = np.concatenate([np.repeat(x, many, axis=1), columns(basis)])
        parts = self._paced(lambda part: derivative(*np.split(part, 2)), both)
        slope = np.moveaxis(np.concatenate(parts, axis=1).reshape(len(x), -1, many), 0, 1)
        return np.clip(np.nan_to_num(slope), -LARGEST, LARGEST)

    def _paced(self, work: Callable[[Values], Done], x: Values) -> list[Done]:
        """``work`` on the columns of ``x``, chunk by chunk."""
        parts, done = [], 0
        while done < max(x.shape[1], 1):
            before = self.seconds
            if before >= self._budget:
                raise OutOfTime
            part = np.ascontiguousarray(x[:, done : done + self._chunk])
            parts.append(work(part))
            done += self._chunk
            self.evaluations += part.shape[1]
            pace = part.shape[1] / max(self.seconds - before, 1e-9)
            most = min(8 * self._chunk, ENTRIES // len(x), int(0.05 * self._budget * pace))
            self._chunk = max(1, most)
        return parts


def rounding(d: Values, v: Values) -> Values:
    """A bound on what the rounding of differences and inner products of (d, S) can do, as an error of v."""
    lengths = np.sqrt(np.sum(d**2, axis=0)) + np.sqrt(np.sum(v**2, axis=0))
    return np.asarray((2 * len(d) + 16) * np.finfo(np.float64).eps * lengths)


def pair_at(constant: Constant, a: Samples, b: Samples) -> Pair:
    """The first columns of ``a`` and ``b`` as a pair."""
    d, v = a.x[:, :1] - b.x[:, :1], a.image[:, :1] - b.image[:, :1]
    with np.errstate(all="ignore"):
        noise = a.noise[:1] + b.noise[:1] + rounding(d, v)
        value, floating = (float(constant.attained(d, v, n)[0]) for n in (noise, np.zeros(1)))
    return Pair(a.x[:, 0].copy(), b.x[:, 0].copy(), a.image[:, 0].copy(), b.image[:, 0].copy(), value, floating)


class Trials:
    """For each constant the worst pairs seen so far, worst first, and how the worst value developed."""

    def __init__(self, constants: Sequence[Constant], oracle: Oracle) -> None:
        """No pairs yet."""
        self.constants, self.oracle, self.shortest = constants, oracle, max(SHORTEST * oracle.domain.width, SMALL)
        self.kept: dict[str, tuple[Samples, Samples, Values]] = {}
        self.history: dict[str, list[tuple[int, float]]] = {c.name: [] for c in constants}

    def weigh(self, a: Samples, b: Samples) -> None:
        """Try the pairs of columns of ``a`` and ``b``."""
        with np.errstate(all="ignore"):
            d, v = a.x - b.x, a.image - b.image
            moved = np.max(np.abs(v), axis=0)
            usable = (np.max(np.abs(d), axis=0) > self.shortest) & (moved < LARGE) & ((moved > SMALL) | (moved == 0))
            noise = a.noise + b.noise + rounding(d, v)
            for constant in self.constants:
                scores = constant.worse * constant.attained(d, v, noise)
                self._keep(constant, a, b, np.where(usable & ~np.isnan(scores), scores, -np.inf))

    def _keep(self, constant: Constant, a: Samples, b: Samples, scores: Values) -> None:
        best = np.argpartition(-scores, KEPT - 1)[:KEPT] if len(scores) > KEPT else np.arange(len(scores))
        best = best[scores[best] > -np.inf]
        before = self.kept.get(constant.name)
        if not len(best) or before and scores[best].max() <= before[2][-1] and len(before[2]) == KEPT:
            return
        a, b, scores = a[best], b[best], scores[best]
        if before:
            a, b = Samples.joined([before[0], a]), Samples.joined([before[1], b])
            scores = np.concatenate([before[2], scores])
        order = np.argsort(-scores, kind="stable")[:KEPT]
        self.kept[constant.name] = a[order], b[order], scores[order]
        if not before or scores[order[0]] > before[2][0]:
            self.history[constant.name].append((self.oracle.evaluations, constant.worse * float(scores[order[0]])))

    def ends(self, x: Values, y: Values) -> None:
        """Evaluate and try the pairs of columns of ``x`` and ``y``."""
        both = self.oracle(np.concatenate([x, y], axis=1))
        self.weigh(both[: x.shape[1]], both[x.shape[1] :])

    def worst(self) -> dict[str, Pair]:
        """The worst pair of each constant that has one."""
        return {c.name: pair_at(c, *self.kept[c.name][:2]) for c in self.constants if c.name in self.kept}
