"""A counterexample made short: fewer nonzeros, fewer coordinates that differ, fewer digits."""

from collections.abc import Callable, Iterator

import numpy as np

from fbscheck.checking.conditions import Constant
from fbscheck.checking.points import Domain, Values
from fbscheck.checking.trials import NoisyMap, Pair, pair_at

__all__ = ["minimise"]

DIGITS = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14)


def minimise(
    pair: Pair, operator: NoisyMap, still_violates: Callable[[float], bool], constant: Constant, evaluations: int = 200
) -> Pair:
    """A shorter pair of the box whose value for ``constant``, weakened by the noise, ``still_violates``.

    Blocks of coordinates of both points are set to zero, then made equal, halving the blocks; then
    all entries are rounded to the fewest decimals that do, at first and at last.  At most ``evaluations`` columns are
    evaluated.  Without success, and where the domain is no box, the pair itself comes back.
    """
    if not isinstance(operator.domain, Domain):
        return pair
    left, low, high = evaluations, operator.domain.low, operator.domain.high

    def tried(x: Values, y: Values) -> Pair | None:
        nonlocal left
        if left < 2 or np.array_equal(x, y) or min(x.min(), y.min()) < low or max(x.max(), y.max()) > high:
            return None
        left -= 2
        samples = operator(np.stack([x, y], axis=1))
        found = pair_at(constant, samples[:1], samples[1:])
        return found if np.isfinite(samples.image).all() and still_violates(found.value) else None

    pair = _rounded(pair, tried)
    for change in (_zero, _equal):
        for block in _blocks(len(pair.x)):
            x, y = change(pair, block)
            if not (np.array_equal(x, pair.x) and np.array_equal(y, pair.y)):
                pair = tried(x, y) or pair
    return _rounded(pair, tried)


def _zero(pair: Pair, block: slice) -> tuple[Values, Values]:
    """Both points with zeros in the block."""
    x, y = pair.x.copy(), pair.y.copy()
    x[block] = y[block] = 0.0
    return x, y


def _equal(pair: Pair, block: slice) -> tuple[Values, Values]:
    """The second point with the entries of the first in the block."""
    y = pair.y.copy()
    y[block] = pair.x[block]
    return pair.x, y


def _blocks(dimension: int) -> Iterator[slice]:
    """All coordinates in halves, quarters, ..., one by one."""
    size = dimension
    while size > 1:
        size = -(-size // 2)
        yield from (slice(start, start + size) for start in range(0, dimension, size))


def _rounded(pair: Pair, tried: Callable[[Values, Values], Pair | None]) -> Pair:
    """Both points with the fewest decimals that do, rounded to nearest or apart from each other."""
    middle = 0.5 * pair.x + 0.5 * pair.y
    for digits in DIGITS:
        for reach in (0.0, 0.5 * 10.0**-digits):
            x, y = (np.round(p + reach * np.sign(p - middle), digits) + 0.0 for p in (pair.x, pair.y))
            if np.array_equal(x, pair.x) and np.array_equal(y, pair.y):
                return pair
            shorter = tried(x, y)
            if shorter is not None:
                return shorter
    return pair
