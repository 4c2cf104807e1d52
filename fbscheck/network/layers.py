"""The layers of a network, as far as Lipschitz bounds need to know them.

Layer n = 0..N-1 maps (x, b) to p_n(W_n x + U_n b), where p_n is the proximal map of some convex function.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError
from fbscheck.inputs import finite_array

__all__ = ["Layers", "Values", "matrices"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Layers:
    """Transitions W (N, d, d), injections U (N, d, m), and what is known of the proximal maps.

    ``separable`` says that every p_n acts on each coordinate alone.  ``strong_convexity`` (N,), or one number,
    is rho_n > -1 with <Dp, Du - Dp> >= rho_n |Dp|^2 for all differences Du of arguments and Dp of values:
    h sigma for the proximal map with step h of a sigma-strongly convex function, 0 for any convex one.

    The float64 matrices are taken as exact.  Layers that share a matrix may be views of one
    (``np.broadcast_to``), which costs no memory.

    Raises
    ------
    InputError
        If shapes do not fit, an entry is not finite, or rho_n <= -1.
    """

    transitions: Values
    injections: Values
    separable: bool = True
    strong_convexity: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        transitions, injections = (_kept(matrices(getattr(self, name), name)) for name in ("transitions", "injections"))
        depth, dimension, columns = transitions.shape
        if dimension != columns or injections.shape[:2] != (depth, dimension) or not depth:
            raise InputError(
                f"Need transitions (N, d, d) and injections (N, d, m) of N >= 1 layers, "
                f"got {transitions.shape} and {injections.shape}."
            )
        try:
            convexity = np.array(np.broadcast_to(np.asarray(self.strong_convexity, dtype=np.float64), depth))
        except (TypeError, ValueError):
            raise InputError(f"Need one strong convexity, or one a layer, got {self.strong_convexity!r:.60}.") from None
        if not (np.isfinite(convexity).all() and (convexity > -1).all()):
            raise InputError(f"Need strong convexities above -1, got {float(np.min(convexity))} (a step too long?).")
        convexity.setflags(write=False)
        for name, value in (("transitions", transitions), ("injections", injections), ("strong_convexity", convexity)):
            object.__setattr__(self, name, value)

    @property
    def depth(self) -> int:
        """N, the number of layers."""
        return len(self.transitions)

    @property
    def dimension(self) -> int:
        """d, the length of a state."""
        return int(self.transitions.shape[1])

    @property
    def observations(self) -> int:
        """m, the length of b."""
        return int(self.injections.shape[2])


def matrices(value: npt.ArrayLike, name: str) -> Values:
    """Finite float64 matrices (N, ., .), not copied if they are that already; of N views of one, one is read.

    Raises
    ------
    InputError
        If they are none.
    """
    if isinstance(value, np.ndarray) and value.ndim == 3 and value.size:
        if value.strides[0] == 0:
            return np.broadcast_to(finite_array(value[:1], name, 3), value.shape)
        if value.dtype == np.float64 and np.isfinite(value).all():
            return value
    return finite_array(value, name, 3)


def _kept(stack: Values) -> Values:
    """The matrices as they will stay: a copy, unless nobody can write to them."""
    if stack.flags.writeable or not (stack.strides[0] == 0 or stack.flags.owndata):
        stack = stack.copy()
        stack.setflags(write=False)
    return stack
