"""Arrays by the name of their content, and records made of them: what a certificate refers to.

A name is ``data/HASH.npy``, with a SHA-256 hash of type, shape and entries, so that equal arrays are
stored once and another array cannot take a name.  Numbers are written as rationals, which are exact.
"""

import hashlib
from collections.abc import Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.errors import InputError

__all__ = ["Arrays", "add", "describe", "name_of", "plain", "rebuild"]

Arrays = MutableMapping[str, npt.NDArray[Any]]


def name_of(array: npt.NDArray[Any]) -> str:
    """The name of an array of float64 or int64: the path of its file relative to a run's folder."""
    plain = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{plain.dtype.str}{plain.shape}".encode())
    digest.update(plain.tobytes())
    return f"data/{digest.hexdigest()[:40]}.npy"


def add(array: npt.ArrayLike, arrays: Arrays) -> str:
    """Keep an array and return its name."""
    plain = np.asarray(array)
    plain = plain.astype(np.int64 if np.issubdtype(plain.dtype, np.integer) else np.float64)
    name = name_of(plain)
    arrays[name] = plain
    return name


def plain(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """The same arrays as tuples of Python numbers, which is what the kernel reads."""
    return {
        name: tuple(map(tuple, array.tolist())) if array.ndim == 2 else tuple(array.tolist())
        for name, array in arrays.items()
    }


def describe(record: Any, arrays: Arrays) -> dict[str, Any]:
    """A frozen dataclass of numbers, arrays and other such records as plain data; arrays are kept in ``arrays``.

    Of any other object only the name of its type is known, from which nothing can be rebuilt.
    """
    described: dict[str, Any] = {"kind": type(record).__name__}
    for field in fields(record) if is_dataclass(record) else ():
        described[field.name] = _described(getattr(record, field.name), arrays)
    return described


def _described(value: Any, arrays: Arrays) -> Any:
    if is_dataclass(value):
        return describe(value, arrays)
    if isinstance(value, tuple) and all(map(is_dataclass, value)):
        return [describe(part, arrays) for part in value]
    return add(value, arrays) if np.ndim(value) else str(Fraction(value))


def rebuild(description: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], kinds: Mapping[str, type]) -> Any:
    """The object that :func:`describe` described, one of ``kinds`` by name.

    Raises
    ------
    InputError
        If the description fits none of them.
    """
    try:
        kind = kinds[description["kind"]]
        values = {key: _rebuilt(text, arrays, kinds) for key, text in description.items() if key != "kind"}
        return kind(**values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"Need a description of one of {', '.join(kinds)}, got {dict(description)!r:.200}: {error}."
        ) from None


def _rebuilt(text: Any, arrays: Mapping[str, npt.NDArray[Any]], kinds: Mapping[str, type]) -> Any:
    if isinstance(text, Mapping):
        return rebuild(text, arrays, kinds)
    if isinstance(text, list):
        return tuple(rebuild(part, arrays, kinds) for part in text)
    return arrays[text] if text in arrays else float(Fraction(text))
