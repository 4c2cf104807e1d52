"""Small runs that can be tampered with in memory, and every small change of a value."""

import copy
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fbscheck import store
from fbscheck.archive import name_of
from fbscheck.audit.recheck import Outcome, recheck
from fbscheck.errors import InputError
from fbscheck.files import seal
from fbscheck.suites.registry import SUITES
from fbscheck.verdict import Result

CLAIMS = {claim.id: claim for suite in SUITES.values() for claim in suite.claims}
LONG = 4
"""Of lists longer than this, the first two entries and the last are tampered with."""

ALL = bool(os.environ.get("FBSCHECK_EVERY_CHANGE"))
SHARE = 7
"""Of each value one in SHARE changes is tried, at least one, unless ALL of them are asked for (minutes)."""

Path_ = tuple[Any, ...]


@dataclass
class Stored:
    """A run in memory: ``results`` is results.json, ``records`` and ``arrays`` are the other files by name."""

    results: dict[str, Any]
    records: dict[str, Any]
    arrays: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, *results: Result) -> "Stored":
        """What ``results`` leave, with the texts of their claims."""
        texts = [CLAIMS[name] for name in dict.fromkeys(result.claim for result in results)]
        store.save(folder, texts, results, {"fbscheck": "0"}, 0)
        return cls.read(folder)

    @classmethod
    def read(cls, folder: Path) -> "Stored":
        """The run in a folder."""
        records = {p.relative_to(folder).as_posix(): json.loads(p.read_text()) for p in folder.glob("[cw]*/*.json")}
        arrays = {p.relative_to(folder).as_posix(): np.load(p) for p in folder.glob("data/*")}
        return cls(json.loads((folder / "results.json").read_text()), records, arrays)

    def copy(self) -> "Stored":
        return Stored(copy.deepcopy(self.results), copy.deepcopy(self.records), dict(self.arrays))

    def write(self, folder: Path, sealed: bool) -> Path:
        """Write the run; ``sealed``: with hashes and seal of what it holds now, else with those that it had."""
        shutil.rmtree(folder, ignore_errors=True)
        for name, record in self.records.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(record, ensure_ascii=False))
        for name, array in self.arrays.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(folder / name, array)
        if sealed:
            names = [*self.records, *self.arrays]
            self.results["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
            self.results["seal"] = seal(self.results)
        folder.mkdir(exist_ok=True)
        (folder / "results.json").write_text(json.dumps(self.results, ensure_ascii=False))
        return folder

    def with_array(self, old: str, array: Any, renamed: bool) -> "Stored":
        """The same with another array in a file; ``renamed``: under the name of its content, everywhere."""
        new = name_of(array) if renamed else old
        text = json.dumps([self.results, self.records]).replace(old, new)
        results, records = json.loads(text)
        return Stored(
            results, records, {new if name == old else name: a for name, a in self.arrays.items()} | {new: array}
        )


def refusals(folder: Path) -> set[tuple[str, str]]:
    """What the audit refuses: (claim, reason)."""
    try:
        return {(f.claim, f.reason) for f in recheck(folder) if f.outcome is Outcome.REFUSED}
    except InputError as error:
        return {("", str(error))}


def refuses(folder: Path, known: set[tuple[str, str]] = frozenset()) -> bool:  # type: ignore[assignment]
    """Whether the audit refuses anything beyond ``known``; it stops at the first."""
    try:
        return any(f.outcome is Outcome.REFUSED and (f.claim, f.reason) not in known for f in recheck(folder))
    except InputError:
        return True


def places(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value inside ``value`` with its path, ``value`` itself first."""
    yield path, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    if isinstance(value, list):
        chosen = range(len(value)) if len(value) <= LONG else (0, 1, len(value) - 1)
        for k in chosen:
            yield from places(value[k], (*path, k))


def put(whole: Any, path: Path_, value: Any) -> None:
    """Put ``value`` at ``path``; DELETED deletes."""
    *front, last = path
    for key in front:
        whole = whole[key]
    if value is DELETED:
        del whole[last]
    else:
        whole[last] = value


DELETED: Any = object()


def changes(value: Any, others: list[Any]) -> Iterator[tuple[str, Any]]:
    """Small changes of one value, by name; ``others`` are values of its kind elsewhere in the record."""
    yield "deleted", DELETED
    other = next((o for o in others if type(o) is type(value) and o != value), None)
    if other is not None:
        yield "another's value", other
    if isinstance(value, dict):
        yield "extra field", {**value, "note": "1"}
        yield "type", list(value.items())
    elif isinstance(value, list):
        yield "type", {str(k): v for k, v in enumerate(value)}
        if value:
            yield "emptied", []
            yield "shortened", value[:-1]
            yield "lengthened", [*value, value[-1]]
        if len(value) > 1 and value[0] != value[1]:
            yield "swapped", [value[1], value[0], *value[2:]]
    elif isinstance(value, str):
        yield from _of_text(value)
    elif isinstance(value, bool):
        yield "flipped", not value
        yield "type", int(value)
        yield "null", None
    elif isinstance(value, (int, float)):
        yield "last digit", value + 1 if isinstance(value, int) else math.nextafter(value, math.inf)
        yield "doubled", 2 * value if value else 1
        yield "sign", -value if value else -1
        yield "type", str(value)
        yield "null", None
        yield "true", True
        yield "nan", math.nan
        yield "inf", math.inf
    elif value is None:
        yield "type", 0.0
        yield "a text", "x"


def _of_text(text: str) -> Iterator[tuple[str, Any]]:
    yield "null", None
    if "0x" in text:
        number = float.fromhex(text)
        yield "last digit", math.nextafter(number, math.inf).hex()
        yield "sign", (-number if number else 1.0).hex()
        yield "doubled", (2 * number if number else 2.0).hex()
        yield "nan", "nan"
        yield "inf", "inf"
        yield "type", number
    elif text.lstrip("-").replace("/", "").isdigit():
        top, slash, bottom = text.partition("/")
        yield "last digit", f"{int(top) + 1}{slash}{bottom}"
        yield "sign", text[1:] if text.startswith("-") else f"-{text}"
        yield "doubled", f"{2 * int(top)}{slash}{bottom}" if int(top) else "1"
        yield "not in lowest terms", f"{2 * int(top)}/{2 * int(bottom or 1)}"
        yield "nan", "nan"
        yield "type", int(top) / int(bottom or 1)
    else:
        yield "a letter more", f"{text}x"
        yield "emptied", ""
        yield "type", [text]
        if text.startswith("data/"):
            yield "another way there", text.replace("data/", "data/../data/")


def array_changes(array: Any) -> Iterator[tuple[str, Any]]:
    """Small changes of an array."""
    flat = array.ravel()
    spots = range(flat.size) if flat.size <= LONG else (0, 1, flat.size - 1)
    for k in spots:
        numbers = {"last digit": flat[k] + 1 if array.dtype.kind == "i" else np.nextafter(flat[k], np.inf)}
        numbers |= {"sign": -flat[k] if flat[k] else -1, "doubled": 2 * flat[k] if flat[k] else 1}
        numbers |= {} if array.dtype.kind == "i" else {"nan": np.nan, "inf": np.inf}
        for name, number in numbers.items():
            changed = array.copy()
            changed.ravel()[k] = number
            yield name, changed
    yield "single precision", array.astype(np.float32)
    yield "integers", array.astype(np.int64) if array.dtype.kind == "f" else array.astype(float)
    yield "big-endian", array.astype(array.dtype.newbyteorder(">"))
    yield "lengthened", np.concatenate([array, array])
    if array.size > 1 and not np.array_equal(array, array[::-1]):
        yield "reversed", array[::-1].copy()
    yield "another shape", array[None] if array.ndim == 1 else array.ravel()


def tampered(run: Stored, renewed: bool, first: bool) -> Iterator[tuple[str, Stored]]:
    """Changes of a run with one result, by claim, file, place and change: all, or some of every value in turn.

    The texts of the claim and what is said of the run as a whole are changed in the ``first`` run only.
    """
    claim, turn = run.results["results"][0]["claim"], 0
    for name, content in {"results": run.results, **run.records}.items():
        kind = name.partition("/")[0]
        found = [(path, value) for path, value in places(content) if path]
        leaves = [value for path, value in found if path[0] not in ("seal", "files")]
        for path, value in found:
            if renewed and path[0] in ("seal", "files") or name == "results" and path[0] != "results" and not first:
                continue
            turn += 1
            every = list(changes(value, leaves))
            period = min(len(every), SHARE if renewed else 2 * SHARE)
            for k, (change, new) in enumerate(every):
                if ALL or k % period == turn % period:
                    other = run.copy()
                    put(other.results if name == "results" else other.records[name], path, new)
                    yield f"{claim}|{kind}|{spoken(path)}|{change}", other
    for name, array in run.arrays.items():
        found = [path for record in run.records.values() for path, value in places(record) if value == name]
        used = min(map(spoken, found), key=len)
        for k, (change, new) in enumerate(array_changes(array)):
            if ALL or k % SHARE == 0:
                yield f"{claim}|array|{used}|{change}", run.with_array(name, new, renewed)


def spoken(path: tuple[Any, ...]) -> str:
    return "/".join(str(key) for key in path if not isinstance(key, int))
