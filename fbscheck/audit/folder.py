"""The files of a run as an auditor reads them: sealed, all listed, all inside, none that nobody refers to."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.archive import name_of
from fbscheck.certify.kernel import Refusal
from fbscheck.errors import InputError
from fbscheck.files import read_json, seal
from fbscheck.store import RESULTS

__all__ = ["Folder"]

KINDS = ("certificates", "data", "plots", "witnesses")
NAME = re.compile(r"(certificates|plots|witnesses)/[A-Za-z0-9][A-Za-z0-9.-]*\.json|data/[0-9a-f]{40}\.npy")
FIELDS = {"schema", "versions", "seed", "claims", "results", "files", "seal"}
OF_A_CHECK = {"operator", "remarks"}
LARGEST_INTEGER = 2**53
"""Integers beyond it are not float64, and the two halves of an evaluation might read them differently."""


@final
class Folder:
    """A run's folder; what is read through it is remembered as used."""

    def __init__(self, folder: Path) -> None:
        self.root = folder.resolve()
        try:
            self.results: Mapping[str, Any] = read_json(folder / RESULTS)
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"Cannot read {folder / RESULTS}: {error}.") from None
        listed = self.results.get("files")
        self.listed: Mapping[str, Any] = listed if isinstance(listed, dict) else {}
        self.used: set[str] = set()
        self._array = lru_cache(maxsize=64)(self._load)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with the files as such: (name, reason)."""
        if self.results.get("seal") != seal(self.results):
            yield RESULTS, "it was changed after the run: its seal is broken"
        fields = FIELDS | OF_A_CHECK if "operator" in self.results else FIELDS
        if set(self.results) != fields:
            yield RESULTS, f"it should have the fields {', '.join(sorted(fields))}"
        if not isinstance(self.results.get("files"), dict):
            yield RESULTS, "it does not record the hashes of the run's files"
        for name, digest in self.listed.items():
            try:
                content = self._path(name).read_bytes()
            except (OSError, ValueError, Refusal) as error:
                yield name, str(error) if isinstance(error, Refusal) else "the file is missing, or cannot be read"
                continue
            if hashlib.sha256(content).hexdigest() != digest:
                yield name, "the file was changed after the run"
        for kind in KINDS:
            for path in sorted((self.root / kind).glob("*")):
                if f"{kind}/{path.name}" not in self.listed:
                    yield f"{kind}/{path.name}", "the run does not list this file"

    def unused(self) -> list[str]:
        """The listed files that were not read, except for those of figures."""
        return sorted(name for name in self.listed if name not in self.used and not name.startswith("plots/"))

    def record(self, name: str | None, kind: str) -> Any:
        """The certificate or witness ``name``, None if there is none.

        Raises
        ------
        Refusal
            If it is no file of this kind, is not in the list, was read before, or cannot be read.
        """
        if name is None:
            return None
        if name in self.used:
            raise Refusal(f"{name} belongs to another result")
        value = self.peek(name, kind)
        self.used.add(name)
        return value

    def peek(self, name: str, kind: str = "witnesses") -> Any:
        """The same, without remembering that it was read; it may be read again."""
        if not name.startswith(f"{kind}/") or name not in self.listed:
            raise Refusal(f"{name} is not among the {kind} that the run lists")
        try:
            return read_json(self._path(name))
        except (OSError, ValueError, RecursionError) as error:
            raise Refusal(f"{name} cannot be read: {error}") from None

    def arrays(self, *records: Any) -> dict[str, npt.NDArray[Any]]:
        """The arrays that occur anywhere in ``records``, by name.

        Raises
        ------
        Refusal
            If one is not in the list, or its file does not hold what its name says.
        """
        names = sorted(set().union(*map(_named, records)))
        self.used.update(names)
        return {name: self._array(name) for name in names}

    def _path(self, name: str) -> Path:
        path = self.root / name
        if not NAME.fullmatch(name) or path.resolve() != path:
            raise Refusal(f"{name!r:.200} is not the name of a file inside the run")
        return path

    def _load(self, name: str) -> npt.NDArray[Any]:
        if name not in self.listed:
            raise Refusal(f"{name} is not among the arrays that the run lists")
        try:
            array: npt.NDArray[Any] = np.load(self._path(name), allow_pickle=False)
            if array.dtype not in (np.float64, np.int64) or array.ndim not in (1, 2) or not array.size:
                raise ValueError("it is no vector or matrix of float64 or int64")
            if not np.isfinite(array).all() or (array.dtype == np.int64 and np.abs(array).max() > LARGEST_INTEGER):
                raise ValueError("it is not finite, or its integers are too large")
        except (AttributeError, EOFError, MemoryError, OSError, OverflowError, TypeError, ValueError) as error:
            raise Refusal(f"{name} cannot be read: {error}") from None
        if name_of(array) != name:
            raise Refusal(f"{name} holds another array than its name says")
        return array


def _named(value: Any) -> set[str]:
    """The names of arrays that occur anywhere in a record."""
    if isinstance(value, str):
        return {value} if value.startswith("data/") else set()
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return set().union(*map(_named, parts))
