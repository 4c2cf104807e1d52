"""The pages of public names: one a room of the package, everything that an ``__all__`` lists, each thing once."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from made import keep

import fbscheck

__all__ = ["write"]

ROOMS = (
    "functions",
    "operators",
    "splitting",
    "network",
    "limit",
    "learning",
    "checking",
    "testing",
    "verdict",
    "judge",
    "certify",
    "reference",
    "claims",
    "suites",
    "audit",
    "report",
    "store",
    "files",
    "archive",
    "inputs",
    "points",
    "errors",
    "proofs",
    "cli",
)


def write(folder: Path) -> None:
    """One page a room into ``folder/names``, and the table of the names of ``fbscheck`` itself."""
    documented: dict[int, str] = {}
    for room in ROOMS:
        text = "\n".join(_page(importlib.import_module(f"fbscheck.{room}"), documented)) + "\n"
        keep(folder / "names" / f"{room}.rst", text)
    rows = []
    for name in fbscheck.__all__:
        thing = getattr(fbscheck, name)
        if isinstance(thing, ModuleType):
            rows.append(f':doc:`fb.{name} <made/names/{name}>`,"{_first_sentence(thing)}"')
        elif id(thing) in documented:
            rows.append(f':obj:`fb.{name} <{documented[id(thing)]}>`,"{_first_sentence(thing)}"')
    keep(folder / "public.csv", "\n".join(rows) + "\n")


def _page(room: ModuleType, documented: dict[int, str]) -> Iterator[str]:
    yield from (room.__name__, "=" * len(room.__name__), "")
    own = _new(room, documented)
    yield from _automodule(room, own)
    for module in _modules(room):
        if names := _new(module, documented):
            yield from ("", module.__name__, "-" * len(module.__name__), "")
            yield from _automodule(module, names)


def _automodule(module: ModuleType, names: list[str]) -> Iterator[str]:
    yield f".. automodule:: {module.__name__}"
    if names:
        yield f"   :members: {', '.join(names)}"
    yield ""


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(getattr(package, "__path__", [])):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        yield module
        yield from _modules(module)


def _new(module: ModuleType, documented: dict[int, str]) -> list[str]:
    """The public names of a module that no page has yet."""
    found = []
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if isinstance(thing, ModuleType) or (callable(thing) and id(thing) in documented):
            continue
        documented[id(thing)] = f"{module.__name__}.{name}"
        found.append(name)
    return found


def _first_sentence(thing: object) -> str:
    return (thing.__doc__ or "").split("\n\n")[0].split("\n")[0].replace('"', '""')
