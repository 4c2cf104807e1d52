"""An operator as the folder of a run describes it: names, numbers, arrays; enough to have the same one again."""

import ast
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fbscheck.archive import Arrays, add
from fbscheck.checking.expressions import Expression
from fbscheck.checking.formulas import described
from fbscheck.checking.subject import Subject
from fbscheck.errors import InputError
from fbscheck.operators import Linear

__all__ = ["digest", "of_formula", "of_subject", "subject_of"]


def of_formula(expression: Expression, low: float, high: float) -> dict[str, Any]:
    """The record of formulas on the box [low, high]^d; "formula" is None if it cannot hold them."""
    size = len(expression.symbols)
    return {"kind": "formula", **_domain((size,), low, high), "formula": described(expression)}


def of_subject(subject: Subject, arrays: Arrays) -> dict[str, Any]:
    """The record of a matrix, which is kept in ``arrays``, or of a function."""
    domain = _domain(subject.shape, subject.low, subject.high)
    if isinstance(subject.target, Linear):
        return {"kind": "matrix", **domain, "matrix": add(np.array(subject.target.matrix), arrays)}
    target = subject.target if isinstance(subject.target, str) else None
    return {
        "kind": "function",
        **domain,
        "target": target,
        "sha256": digest(target),
        "parameters": {key: repr(value) for key, value in subject.parameters.items()},
        "sampler": subject.sampler,
        "accuracy": subject.accuracy.hex(),
    }


def subject_of(record: Mapping[str, Any], name: str) -> Subject:
    """The function that :func:`of_subject` described; it is neither imported nor called.

    Raises
    ------
    InputError
        If the record is malformed, or its parameters are no Python literals.
    """
    try:
        parameters = {str(key): ast.literal_eval(text) for key, text in record["parameters"].items()}
        low, high, accuracy = (float.fromhex(record[key]) for key in ("low", "high", "accuracy"))
        sampler = None if record["sampler"] is None else str(record["sampler"])
        return Subject(name, tuple(record["shape"]), low, high, str(record["target"]), parameters, sampler, accuracy)
    except (AttributeError, KeyError, SyntaxError, TypeError, ValueError) as error:
        raise InputError(f"Need an operator as fbscheck stores it, got {record!r:.100}: {error}.") from None


def digest(target: str | None) -> str | None:
    """The SHA-256 hash of the file behind FILE.py:NAME; None for anything else, and if it cannot be read."""
    place = (target or "").rpartition(":")[0]
    try:
        return hashlib.sha256(Path(place).read_bytes()).hexdigest() if place.endswith(".py") else None
    except OSError:
        return None


def _domain(shape: tuple[int, ...], low: float, high: float) -> dict[str, Any]:
    return {"shape": list(shape), "low": float(low).hex(), "high": float(high).hex()}
