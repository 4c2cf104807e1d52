"""A box cut into halves, and these again: which sides are cut, and the parts that this leaves.

The tree is told in the order first part, second part, depth first: the side of b that a part is halved across, or
``WHOLE`` where it is left as it is.  The parts are found from that alone, in rational arithmetic, so that nothing
has to be believed for them to cover the box.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from fbscheck.certify.balls import round_up
from fbscheck.errors import InputError
from fbscheck.network.region import Region

__all__ = ["WHOLE", "parts_of"]

WHOLE = -1
"""What stands for a part that is not cut."""

Ends = list[tuple[Fraction, Fraction]]


def parts_of(region: Region, cuts: Sequence[int]) -> Iterator[Region]:
    """The parts, in the order of the tree; each is rounded outward to floats, all together they cover the region.

    Raises
    ------
    InputError
        If this is no tree, a side does not exist, or a ball is to be cut.
    """
    if list(cuts) == [WHOLE]:
        yield region
        return
    if np.ndim(region.b_radius) == 0:
        raise InputError("Need a box of b to cut, got a ball (b_radius as an array?).")
    around = zip(region.b.tolist(), np.asarray(region.b_radius).tolist(), strict=True)
    waiting: list[Ends] = [[(Fraction(c) - Fraction(r), Fraction(c) + Fraction(r)) for c, r in around]]
    for cut in cuts:
        if not waiting or not WHOLE <= cut < len(region.b):
            raise InputError(f"Need cuts that are a tree over {len(region.b)} sides, got {list(cuts)!r:.60}.")
        ends = waiting.pop()
        if cut == WHOLE:
            yield _rounded(region, ends)
            continue
        low, high = ends[cut]
        middle = (low + high) / 2
        waiting += [[*ends[:cut], half, *ends[cut + 1 :]] for half in ((middle, high), (low, middle))]
    if waiting:
        raise InputError(f"Need cuts that are a whole tree, got {list(cuts)!r:.60}, with {len(waiting)} parts open.")


def _rounded(region: Region, ends: Ends) -> Region:
    """A box of floats around these ends."""
    centre = [float((low + high) / 2) for low, high in ends]
    radius = [round_up(max(high - Fraction(c), Fraction(c) - low)) for c, (low, high) in zip(centre, ends, strict=True)]
    return replace(region, b=np.array(centre), b_radius=np.array(radius))
