"""What is known of each unit of a network: between which slopes its proximal map runs.

A unit with slopes in [low, low + width] maps Du to ``low Du + width Dw`` with ``Dw (Du - Dw) >= 0``.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.network.layers import Layers

__all__ = ["Sectors", "sectors_of"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Sectors:
    """Slopes in [``low``, ``low + width``], two arrays (N, d).

    For maps that are not separable each row of ``width`` is constant and ``low`` is 0: then
    Dp = width Dw with <Dw, Du - Dw> >= 0.

    Raises
    ------
    InputError
        If shapes differ, an entry is not finite, or a width is negative.
    """

    low: Values
    width: Values

    def __post_init__(self) -> None:
        for name in ("low", "width"):
            object.__setattr__(self, name, finite_array(getattr(self, name), name, 2))
        if self.low.shape != self.width.shape:
            raise InputError(f"Need low and width of one shape (N, d), got {self.low.shape} and {self.width.shape}.")
        if (self.width < 0).any():
            raise InputError(f"Need widths >= 0, got {float(self.width.min())} (bounds swapped?).")


def sectors_of(layers: Layers) -> Sectors:
    """Slopes in [0, 1 / (1 + rho_n)], rounded outward, for every unit of layer n.

    From <Dp, Du> >= (1 + rho)|Dp|^2 and c >= 1 / (1 + rho), w = p / c satisfies <Dw, Du - Dw> >= 0.
    """
    convexity = np.asarray(layers.strong_convexity)
    widest = np.where(convexity == 0, 1.0, (1 + 2.0**-50) / (1 + convexity))
    shape = (layers.depth, layers.dimension)
    return Sectors(np.zeros(shape), np.broadcast_to(widest[:, None], shape))
