"""Rules for what comes in from outside: numbers and arrays, checked once, at the door.

Each function returns the value in the one form that the rest of the package uses, or raises
:class:`~fbscheck.errors.InputError` with the rule, the value got and the likely cause.
"""

import math
import numbers
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError

__all__ = ["Array", "Number", "finite_array", "finite_number", "nonnegative", "positive"]

Array = npt.NDArray[Any]
"""float64 arrays, or object arrays of balls (see :mod:`fbscheck.certify.balls`)."""

EXACT = 2.0**53
"""Integers up to this are exact in float64."""

Number = int | float | Fraction
"""What a parameter may be; a Fraction stays exact to the verdict."""


def finite_number(value: Any, name: str) -> Number:
    """Return ``value`` if it is one finite real number.

    Raises
    ------
    InputError
        If it is no number, a bool, NaN or infinite.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        shown = " ".join(repr(value).split())[:60]
        raise InputError(f"Need a number for {name}, got {shown} of type {type(value).__name__}.")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        shown = str(value)[:40]
        raise InputError(
            f"Need a finite {name} within the range of float64, got {name}={shown} (a division by zero upstream?)."
        )
    return value  # type: ignore[return-value]


def positive(value: Any, name: str, cause: str) -> Number:
    """Return ``value`` if it is finite and > 0; ``cause`` says what usually goes wrong."""
    number = finite_number(value, name)
    if number <= 0:
        raise InputError(f"Need {name} > 0, got {name}={number}. {cause}")
    return number


def nonnegative(value: Any, name: str, cause: str) -> Number:
    """Return ``value`` if it is finite and >= 0; ``cause`` says what usually goes wrong."""
    number = finite_number(value, name)
    if number < 0:
        raise InputError(f"Need {name} >= 0, got {name}={number}. {cause}")
    return number


def finite_array(value: Any, name: str, ndim: int | tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return a read-only float64 copy of a nonempty, finite array with ``ndim`` dimensions.

    Raises
    ------
    InputError
        If it is no real array, is empty, has another number of dimensions, or holds NaN or inf.
    """
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    try:
        raw = np.asarray(value)
        if np.iscomplexobj(raw):
            raise InputError(f"Need a real array for {name}, got complex entries.")
        if isinstance(value, np.ma.MaskedArray):
            raise InputError(f"Need an array without a mask for {name}, got a masked one.")
        array = np.array(raw, dtype=np.float64)
        if (
            raw.dtype.kind in "iu"
            and np.any(np.abs(array) >= EXACT)
            and np.any(array.astype(object) != raw.astype(object))
        ):
            raise InputError(f"Need integers that float64 holds exactly in {name}, got larger ones.")
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"Need a real array for {name}, got {type(value).__name__} ({error}).") from None
    if array.ndim not in allowed:
        dimensions = " or ".join(map(str, allowed))
        raise InputError(f"Need {name} with {dimensions} dimension(s), got shape {array.shape}.")
    if array.size == 0:
        raise InputError(f"Need a nonempty {name}, got shape {array.shape} (an empty selection?).")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = tuple(int(i) for i in bad[0])
        raise InputError(
            f"Need finite entries in {name}, got {len(bad)} NaN or infinite, the first at {first}: "
            f"{array[first]} (missing values in the data?)."
        )
    array.setflags(write=False)
    return array
