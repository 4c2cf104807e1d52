"""What all functions have in common that are made of one other."""

from typing import Any

from fbscheck.errors import InputError
from fbscheck.functions.base import Function
from fbscheck.inputs import finite_array

__all__ = ["Derived", "require_function", "settle_vector"]


class Derived(Function):
    """A function made of ``function`` by one rule; what the rule does not change is passed on."""

    function: Function

    @property
    def separable(self) -> bool:  # type: ignore[override]
        """Whether the given function is a sum of functions of one coordinate each."""
        return self.function.separable

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        """Whether the given function is 0 on a set and inf elsewhere."""
        return self.function.is_indicator

    @property
    def enclosed(self) -> bool:  # type: ignore[override]
        """Whether the given function takes balls."""
        return self.function.enclosed

    @property
    def accuracy(self) -> float:  # type: ignore[override]
        """That of the given function, relative to the arguments that it is called with."""
        return self.function.accuracy

    @property
    def strong_convexity(self) -> float:
        """That of the given function."""
        return self.function.strong_convexity

    @property
    def lipschitz(self) -> float | None:
        """That of the given function."""
        return self.function.lipschitz

    @property
    def dimension(self) -> int | None:
        """That of the given function."""
        return self.function.dimension


def require_function(g: Any) -> None:
    """Refuse what is no function of the package.

    Raises
    ------
    InputError
        If ``g`` is none.
    """
    if not isinstance(g, Function):
        raise InputError(f"Need a Function of fbscheck.functions, got {type(g).__name__} (swapped arguments?).")


def settle_vector(g: Any, name: str) -> None:
    """Store the vector ``name`` of a rule as float64, and check that it fits the given function.

    Raises
    ------
    InputError
        If it is no finite vector, or of another length.
    """
    require_function(g.function)
    vector = finite_array(getattr(g, name), name, 1)
    if g.function.dimension not in (None, len(vector)):
        raise InputError(f"Need {name} of length {g.function.dimension} for this function, got {len(vector)}.")
    object.__setattr__(g, name, vector)
