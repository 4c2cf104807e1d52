"""The operator to be checked, as the user names it: a function in a file or a module, a matrix, a Python object.

Nothing of the user's is run here; a function is imported by :class:`~fbscheck.checking.sandbox.Sandbox`.
"""

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from fbscheck.errors import InputError
from fbscheck.inputs import finite_array, finite_number, nonnegative
from fbscheck.operators import Linear

__all__ = ["Subject", "load", "parameter_values", "resolved", "shape_of"]

LARGEST = 1e140
MATRICES = {".npy", ".npz", ".csv"}


@final
@dataclass(frozen=True, eq=False)
class Subject:
    """An operator T on the box [low, high]^shape.

    ``target`` is FILE.py:NAME, MODULE:NAME, a callable, or a Linear; called with an x of its ``shape`` and with
    ``parameters`` by keyword.  ``sampler`` names a function rng -> x beside it.  ``accuracy`` bounds the error
    of its values, |computed - T(x)|, beyond rounding.  ``derivative`` is a function (x, v) -> T'(x) v, or its name
    beside the operator.  With ``scalar`` it is a function x -> number instead.
    """

    name: str
    shape: tuple[int, ...]
    low: float
    high: float
    target: str | Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampler: str | None = None
    accuracy: float = 0.0
    derivative: str | Callable[..., Any] | None = None
    scalar: bool = False

    def __post_init__(self) -> None:
        low, high = float(finite_number(self.low, "low")), float(finite_number(self.high, "high"))
        if low >= high:
            raise InputError(f"Need a box with low < high, got [{low}, {high}] (the ends swapped?).")
        if max(-low, high) > LARGEST:
            raise InputError(f"Need a box within +-{LARGEST:g}, got [{low}, {high}]; beyond, squares overflow.")
        if not isinstance(self.target, str) and self.sampler is not None:
            raise InputError(
                f"Need an operator named as FILE.py:NAME for a sampler beside it, got sampler={self.sampler!r} "
                f"with a {type(self.target).__name__}."
            )
        if isinstance(self.target, Linear):
            self._check_matrix(self.target)
        elif not isinstance(self.target, str) and not callable(self.target):
            raise InputError(f"Need a function of x, got {type(self.target).__name__}, which is not callable.")
        if not (self.derivative is None or callable(self.derivative) or isinstance(self.target, str)):
            raise InputError(f"Need a function (x, v) for jvp, got {self.derivative!r:.60}.")
        for name in ("low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "shape", shape_of(self.shape))
        cause = "It bounds an error."
        object.__setattr__(self, "accuracy", float(nonnegative(self.accuracy, "accuracy", cause)))

    def _check_matrix(self, target: Linear) -> None:
        if self.derivative is not None:
            raise InputError("Need no jvp for a matrix, which is its own derivative, got one.")
        if self.parameters:
            raise InputError(f"Need no parameters for a matrix, got {', '.join(self.parameters)}.")
        if self.dimension != target.dimension:
            raise InputError(
                f"Need --dim {target.dimension} or none for this matrix, got shape {self.shape} "
                f"with {self.dimension} entries (another matrix?)."
            )

    @property
    def dimension(self) -> int:
        """d, the number of entries of a point."""
        return math.prod(self.shape)


def load(
    target: Any,
    shape: str | int | Iterable[int] | None = None,
    box: tuple[float, float] = (-1.0, 1.0),
    parameters: Mapping[str, Any] | Iterable[str] = (),
    sampler: str | None = None,
    accuracy: float = 0.0,
    name: str | None = None,
    derivative: str | Callable[..., Any] | None = None,
) -> Subject:
    """The operator ``target``: FILE.py:NAME, MODULE:NAME, a file .npy, .npz or .csv, a callable, an array, a Linear.

    A matrix means x -> Kx, and brings its shape.  ``parameters`` may be texts KEY=VALUE.

    Raises
    ------
    InputError
        If the file is missing or damaged, or anything else is not as it should be.
    """
    shown = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
    if isinstance(target, str):
        target = _from_text(target)
    elif isinstance(target, (np.ndarray, list, tuple)):
        shown, target = "matrix", _linear(target, "matrix")
    if shape is None:
        if not isinstance(target, Linear):
            raise InputError(f"Need the size of x, --dim or --shape, for {shown}, got none.")
        shape = target.dimension
    values = dict(parameters) if isinstance(parameters, Mapping) else parameter_values(parameters)
    try:
        low, high = box
    except (TypeError, ValueError):
        raise InputError(f"Need a box of two numbers, low and high, got {box!r:.60}.") from None
    return Subject(str(name or shown), shape_of(shape), low, high, target, values, sampler, accuracy, derivative)


def shape_of(given: Any) -> tuple[int, ...]:
    """A shape from "8x8", "8,8", 64 or (8, 8).

    Raises
    ------
    InputError
        If it is anything but positive whole numbers.
    """
    parts = given.replace("x", ",").split(",") if isinstance(given, str) else given
    try:
        parts = [parts] if np.ndim(parts) == 0 else list(parts)
        shape = tuple(int(part) for part in parts)
        whole = isinstance(given, str) or all(size == part for size, part in zip(shape, parts, strict=True))
    except (TypeError, ValueError, OverflowError):
        shape, whole = (), False
    if not whole or not shape or min(shape) < 1:
        raise InputError(f"Need positive whole numbers for --dim or --shape, as in 64 or 8x8, got {given!r:.60}.")
    return shape


def parameter_values(texts: Iterable[str]) -> dict[str, Any]:
    """Parameters from texts KEY=VALUE; what is no Python literal is a text.

    Raises
    ------
    InputError
        If one has no = or no name before it, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key.isidentifier():
            raise InputError(f"Need a parameter as KEY=VALUE with a Python name for KEY, got {text!r}.")
        if key in values:
            raise InputError(f"Need each parameter once, got {key} twice, {values[key]!r} and {value!r}.")
        try:
            values[key] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            values[key] = value
    return values


def _from_text(text: str) -> str | Linear:
    path = Path(text)
    if path.suffix in MATRICES:
        return _linear(_matrix(path), text)
    if path.suffix == ".py":
        names = ", ".join(_functions(path)[:8]) or "no function"
        raise InputError(f"Need FILE.py:NAME, got {text} without a name; the file defines {names}.")
    return resolved(text)


def resolved(text: str) -> str:
    """FILE.py:NAME with the whole path of the file, or MODULE:NAME as it is.

    Raises
    ------
    InputError
        If it is neither, or the file is no Python file.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not all(part.isidentifier() for part in name.split(".")):
        raise InputError(f"Need FILE.py:NAME, MODULE:NAME or a matrix in .npy, .npz or .csv, got {text!r}.")
    if not place.endswith(".py"):
        if not all(part.isidentifier() for part in place.split(".")):
            raise InputError(f"Need FILE.py:NAME or MODULE:NAME, got {text!r} (a file without .py?).")
        return text
    _functions(Path(place))
    return f"{Path(place).resolve()}:{name}"


def _functions(path: Path) -> list[str]:
    """The names of the functions and classes that a file defines, which is read but not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise InputError(f"Need a file that can be read, got {path}: {error.strerror} (another folder?).") from None
    except SyntaxError as error:
        raise InputError(f"Need a Python file, got {path}: {error.msg} at line {error.lineno}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"Need a Python file, got {path}: {error}.") from None
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def _matrix(path: Path) -> Any:
    try:
        if path.suffix == ".csv":
            return np.loadtxt(path, delimiter=",", ndmin=2)
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            return loaded
        with loaded:
            if len(loaded.files) != 1:
                raise InputError(f"Need one array in {path}, got {len(loaded.files)}: {', '.join(loaded.files)[:80]}.")
            return loaded[loaded.files[0]]
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"Need a matrix file, got {path}: {error.strerror or error} (another folder?).") from None
    except Exception as error:
        cause = "a header line, or another delimiter?" if path.suffix == ".csv" else "no numbers, or cut short?"
        raise InputError(f"Need a matrix of numbers, got {path}: {' '.join(str(error).split())} ({cause}).") from None


def _linear(value: Any, name: str) -> Linear:
    matrix = finite_array(value, name, 2)
    if matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"Need a square matrix, as x -> Kx must keep its space, got shape {matrix.shape} in {name}.")
    return Linear(matrix)
