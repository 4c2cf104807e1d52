"""What a name promises: the functions, problems and networks that the suites call by it.

Data are made again, from their source or from the run's seed, and compared to rounding: sums and products
differ in their last digits from one machine to another.  A name that no suite uses promises nothing.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from itertools import chain
from typing import Any

import numpy as np

from fbscheck import functions, operators
from fbscheck.archive import Arrays, rebuild
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.fixed_points.problems import Problem
from fbscheck.errors import InputError, MissingToolError
from fbscheck.suites import (
    catalogue,
    catalogue_operators,
    data,
    deep_limit,
    deep_study,
    dictionaries,
    fixed_point,
    gamma,
    learning_study,
    lista,
    minima,
    network,
    perturbations,
    prox,
)
from fbscheck.suites.registry import SUITES
from fbscheck.suites.task import Task

__all__ = ["require_named"]

ROUNDING = 1e-9


def require_named(witness: Mapping[str, Any], arrays: Arrays, seed: int) -> None:
    """Refuse a witness whose function, problem, networks or path are not those of its name.

    Raises
    ------
    Refusal
        If it is another one, or the seed cannot have been one.
    """
    if seed < 0:
        raise Refusal(f"a seed is a natural number, not {seed}")
    if "function" in witness:
        stored = rebuild(witness["function"], arrays, vars(functions))
        rules = (*catalogue_operators.CASES, *catalogue_operators.SATURATED)
        known = [case.g for case in (*prox.CASES, *catalogue.CASES, *rules) if case.name == witness.get("case")]
        if known and not any(_same(stored, g) for g in known):
            raise Refusal(f"the function is not the one that the suite calls {witness['case']!r}")
    if "dictionary" in witness or "layer" in witness:
        _require_matrix(witness, arrays)
    if "problem" in witness:
        text = witness["problem"]
        try:
            candidates = _problems(str(text["name"]), seed)
        except MissingToolError:
            return
        if candidates and not any(_is(text, arrays, problem) for problem in candidates):
            raise Refusal(f"the problem is not the one that the suite calls {text['name']!r}")
    kinds = {"limit", "oscillation", "pair", "path", "sequence", "study", "training", "training problem"}
    for kind in kinds & set(witness):
        text = witness[kind]
        cases = _networks(str(text["name"]), seed)
        if cases and not any(_alike(text, arrays, *case) for case in cases):
            raise Refusal(f"the {kind} is not the one that the suite calls {text['name']!r}")


@cache
def _networks(name: str, seed: int) -> tuple[tuple[dict[str, Any], Arrays], ...]:
    """The descriptions of the cases of a name, with their arrays."""
    found: list[tuple[dict[str, Any], Arrays]] = []
    seeded = (room.named(name, seed) for room in (network, deep_limit, gamma, minima, perturbations))
    for case in chain(*seeded, deep_study.named(name), learning_study.named(name)):
        of: Arrays = {}
        found.append((case.describe(of), of))
    return tuple(found)


def _alike(stored: Any, arrays: Arrays, known: Any, of: Arrays) -> bool:
    """Whether two descriptions are the same but for rounding; a perturbation that was searched for is free."""
    if isinstance(known, Mapping):
        name = str(known.get("name"))
        free = set() if name.startswith("extremal") else {"other", "other_x0", "other_b"}
        free |= {"x0", "b"} if name.startswith(("stretched", "local")) else set()
        mine, theirs = ({k: v for k, v in text.items() if k not in free} for text in (known, stored))
        return set(mine) == set(theirs) and all(_alike(theirs[k], arrays, v, of) for k, v in mine.items())
    if isinstance(known, str) and known in of:
        return stored in arrays and _close(arrays[stored], of[known])
    try:
        return stored == known or _close(float(Fraction(stored)), float(Fraction(known)))
    except (TypeError, ValueError):
        return False


def _require_matrix(witness: Mapping[str, Any], arrays: Arrays) -> None:
    """The same for a dictionary, or for the matrix of a layer."""
    try:
        if "layer" in witness:
            name = str(witness["layer"])
            own = [layer for layer in lista.layers() if layer.name == name]
            for what in ("step", "strong_convexity"):
                if any(str(getattr(layer, what)) != witness[what] for layer in own):
                    raise Refusal(f"the {what} is not that of the layer that the suite calls {name!r}")
            matrices = [layer.matrix for layer in own]
        else:
            name = str(witness["dictionary"])
            matrices = [dictionaries.dictionary(name)]
    except MissingToolError:
        return
    except InputError as error:
        raise Refusal(str(error)) from None
    if matrices and not any(_close(arrays[witness["matrix"]], matrix) for matrix in matrices):
        raise Refusal(f"the matrix is not the one that the suite calls {name!r}")


@cache
def _problems(name: str, seed: int) -> tuple[Problem, ...]:
    if name in data.REAL:
        return (data.real(name),)
    kind, _, size = name.removeprefix("synthetic ").partition(", d=")
    if name.startswith("synthetic ") and kind in fixed_point.KINDS and size.isascii() and size.isdigit():
        known = {task.name: task for length in fixed_point.SIZES for task in SUITES["fixed-point"].tasks(length)}
        own = known.get(f"fixed-point: {kind}, d={size}")
        tasks = [task for task in (own, known[fixed_point.POINTS]) if isinstance(task, Task)]
        return tuple(data.synthetic(kind, int(size), task.generator(seed)) for task in tasks if int(size) <= 1000)
    return tuple(problem for problem in data.extremal() if problem.name == name)


def _is(text: Mapping[str, Any], arrays: Arrays, problem: Problem) -> bool:
    of: Arrays = {}
    mine = problem.describe(of)
    if set(mine) != set(text) or mine["relative step"] != text["relative step"]:
        return False
    points = [name for name in ("start", "solution") if name in mine]
    return all(_close(of[mine[name]], arrays[text[name]]) for name in points) and all(
        _same(rebuild(text[name], arrays, vars(room)), getattr(problem, name))
        for name, room in (("f", operators), ("g", functions))
    )


def _same(stored: Any, known: Any) -> bool:
    """Whether two functions or operators are of one kind with the same parameters, to rounding."""
    return type(stored) is type(known) and all(
        _alike_fields(getattr(stored, field.name), getattr(known, field.name)) for field in fields(known)
    )


def _alike_fields(stored: Any, known: Any) -> bool:
    if isinstance(known, tuple) and isinstance(stored, tuple):
        return len(stored) == len(known) and all(map(_alike_fields, stored, known))
    return _same(stored, known) if is_dataclass(known) else _close(stored, known)


def _close(x: Any, y: Any) -> bool:
    return np.shape(x) == np.shape(y) and bool(
        np.allclose(x, y, rtol=ROUNDING, atol=ROUNDING * float(np.max(np.abs(y))))
    )
