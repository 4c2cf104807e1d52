"""Files of a run: written whole or not at all, kept from other runs, and sealed."""

import dataclasses
import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fbscheck.errors import InputError
from fbscheck.verdict import Result

__all__ = ["as_json", "file_name", "keep_arrays", "locked", "prepare", "read_json", "seal", "write_text"]


def file_name(*parts: str) -> str:
    """A file name made of ``parts`` with everything but letters, digits, dot and dash folded."""
    return "--".join(re.sub(r"[^A-Za-z0-9.]+", "-", part).strip("-.") or "x" for part in parts)[:180]


def prepare(folder: Path) -> None:
    """Make ``folder`` and check that it can be written, before any work is done.

    Raises
    ------
    InputError
        If it is a file, or cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"Need a writable output folder, got {folder}: {error.strerror}. Use --out DIR.") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other runs out of ``folder`` while the block runs (where the system has such locks).

    Raises
    ------
    InputError
        If another run is writing there.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise InputError(
            f"Need a folder of its own for each run, got {folder}: another run is writing there."
        ) from None
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step: the file is the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def keep_arrays(folder: Path, results: Iterable[Result]) -> list[Result]:
    """Write the arrays of ``results`` to their files and return the results without them."""
    kept = []
    for result in results:
        for name, array in result.arrays.items():
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(path.name + ".new")
                with temporary.open("wb") as file:
                    np.save(file, array, allow_pickle=False)
                os.replace(temporary, path)
        kept.append(dataclasses.replace(result, arrays={}))
    return kept


def as_json(value: Any) -> str:
    """Deterministic JSON; NaN and infinities are refused (unknown numbers are null)."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path) -> Any:
    """JSON as :func:`as_json` writes it: one value a key, finite numbers, text that is text.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is anything else.
    """
    text = path.read_text(encoding="utf-8")
    value = json.loads(text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_unique)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"a number is {text}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(record := dict(pairs)) != len(pairs):
        raise ValueError("a key occurs twice")
    return record


def seal(run: Mapping[str, Any]) -> str:
    """The SHA-256 hash of what a ``results.json`` says, without its seal."""
    said = {key: value for key, value in run.items() if key != "seal"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
