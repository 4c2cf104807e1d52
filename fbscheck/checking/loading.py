"""How an operator is found by its name: a file or a module is imported, a name looked up, parameters bound.

Raises :class:`InputError` in one line, with the line of the user's file that is to blame.
"""

import difflib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from fbscheck.checking.modules import Module, is_module
from fbscheck.errors import InputError

__all__ = ["a_function", "bound", "imported", "named", "said"]


def imported(place: str) -> ModuleType:
    """The module of this name or in this file."""
    try:
        return _file(Path(place)) if place.endswith(".py") else _module(place)
    except BaseException as error:
        hint = " (a file in a package? Then name it as MODULE:NAME)" if "relative import" in str(error) else ""
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            hint = " (pip install 'fbscheck[torch]'?)"
        raise InputError(f"Need an operator that can be imported, got {place}: {said(error)}{hint}.") from None


def _module(name: str) -> ModuleType:
    sys.path.insert(0, os.getcwd())
    return importlib.import_module(name)


def _file(path: Path) -> ModuleType:
    """The module in ``path``; files beside it can be imported, as if Python had been started with it."""
    sys.path.insert(0, str(path.parent))
    name = f"{path.stem}_" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(module: ModuleType, name: str, place: str) -> Any:
    """What the module calls so; a dotted name leads into it."""
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            names = [n for n in dir(found) if not n.startswith("_") and callable(getattr(found, n, None))]
            near = difflib.get_close_matches(part, names, 3, 0.5)
            cause = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(names[:8]) or 'no functions'}"
            raise InputError(f"Need a name in {place}, got {name!r}, which is not there ({cause}).")
        found = getattr(found, part)
    return found


def bound(target: Any, parameters: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of x: an instance of a class with these parameters, or a function with these keywords."""
    name = str(getattr(target, "__name__", type(target).__name__))
    if isinstance(target, type):
        try:
            return _copied(a_function(target(**parameters), f"an instance of {name}"))
        except Exception as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"Need parameters that {name} takes, got {dict(parameters)}: {said(error)}.") from None
    function = _copied(a_function(target, name))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return partial(function, **parameters)
    try:
        signature.bind(None, **parameters)
    except TypeError as error:
        raise InputError(
            f"Need a function of x, and of parameters given as KEY=VALUE, got {name}{signature} "
            f"with {dict(parameters)}: {error}."
        ) from None
    return partial(function, **parameters)


def _copied(function: Callable[..., Any]) -> Callable[..., Any]:
    """A torch module as an operator on numpy arrays; anything else as it is."""
    if not is_module(function):
        return function
    try:
        return Module(function)
    except Exception as error:
        name = type(function).__name__
        raise InputError(f"Need a torch module that can be copied in float64, got {name}: {said(error)}.") from None


def a_function(value: Any, name: str) -> Callable[..., Any]:
    """``value`` if it is callable."""
    if not callable(value):
        raise InputError(f"Need a function of x, got {name} of type {type(value).__name__}, which is not callable.")
    return value  # type: ignore[no-any-return]


def said(error: BaseException) -> str:
    """The error in one line, with the last line of the user's own file that led to it."""
    try:
        text = " ".join(str(error).split())[:200]
    except Exception:
        text = ""
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours, torch = f"{Path(__file__).parent.parent}{os.sep}", f"{os.sep}torch{os.sep}"
    lines = [(file, line) for file, line in lines if not file.startswith((ours, "<frozen")) and torch not in file]
    where = [(file, line) for file, line in lines if file == lines[0][0]][-1:]
    if isinstance(error, SyntaxError) and error.filename:
        text, where = error.msg, [(error.filename, error.lineno or 0)]
    place = "".join(f" at line {line} of {Path(file).name}" for file, line in where if line)
    return f"{type(error).__name__}{': ' if text else ''}{text}{place}"
