"""Tables of what there is to verify with: the functions and the operators, with the constants of one instance each.

Rows come from the classes themselves and from the instances of the suites, so that no table can be out of date.
"""

import inspect
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, final

import numpy as np

from fbscheck import functions
from fbscheck.claims.catalogue.operator_instances import instances
from fbscheck.functions import Function
from fbscheck.suites import catalogue, catalogue_operators, catalogue_sections, prox

__all__ = ["Table", "function_table", "operator_table"]

CASES = (*prox.CASES, *catalogue_operators.CASES, *catalogue_operators.SATURATED)
CITATION = re.compile(
    r"[A-Z][a-z]+(?:-[A-Z][a-z]+)?(?:(?:, | and |, and )[A-Z][a-z]+)* \d{4}(?:, (?:section|table) [\d.]*\d)?"
)


@final
@dataclass(frozen=True)
class Table:
    """A heading and rows of cells, all of one length, with the width of each column, and notes below."""

    heading: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def function_table() -> Table:
    """Every function: parameters of an instance, strong convexity, Lipschitz constant, separability, source."""
    rows = tuple(_function_row(kind, _example(kind)) for kind in _kinds())
    heading = ("function", "parameters", "sigma", "Lipschitz", "separable", "source")
    proofs = "Convexity and proximal map are proved (suite catalogue) but for these entries, which rest on samples:"
    return Table(heading, (16, 30, 7, 9, 9, 24), rows, (proofs, *catalogue_sections.on_samples()))


def operator_table() -> Table:
    """The instances of every operator: modulus of monotonicity, Lipschitz constant, cocoercivity, gradient, source."""
    rows = []
    for name, instance in sorted(instances().items(), key=lambda row: (type(row[1].f).__name__, row[0])):
        f = instance.f
        constants = (_below(f.monotonicity), _above(f.lipschitz), _below(f.cocoercivity), _yes(f.is_gradient))
        rows.append((type(f).__name__, name, *constants, f.source))
    heading = ("operator", "instance", "mu", "ell", "beta", "gradient", "source")
    return Table(heading, (20, 26, 8, 6, 8, 8, 18), tuple(rows))


def _kinds() -> Iterator[type[Function]]:
    """The classes of functions that are exported, by name."""
    for name in sorted(functions.__all__, key=str.lower):
        kind = getattr(functions, name)
        if inspect.isclass(kind) and issubclass(kind, Function) and not inspect.isabstract(kind):
            yield kind


def _example(kind: type[Function]) -> Function | None:
    """An instance: of the rules and of suite "prox", else with default parameters, else of suite "catalogue"."""
    examples, others = ({type(case.g): case.g for case in cases[::-1]} for cases in (CASES, catalogue.CASES))
    if kind in examples:
        return examples[kind]
    if all(p.default is not p.empty for p in inspect.signature(kind).parameters.values()):
        return kind()
    return others.get(kind)


def _function_row(kind: type[Function], example: Function | None) -> tuple[str, ...]:
    name, source = kind.__name__, _source(kind)
    if example is None:
        return name, ", ".join(inspect.signature(kind).parameters), "", "", "", source
    lipschitz = "-" if example.lipschitz is None else _above(example.lipschitz)
    constants = _below(example.strong_convexity), lipschitz, _yes(example.separable)
    return name, _parameters(example), *constants, source


def _parameters(record: Any) -> str:
    return (
        ", ".join(f"{f.name}={_shown(getattr(record, f.name))}" for f in fields(record)) if is_dataclass(record) else ""
    )


def _shown(value: Any) -> str:
    """A number, the name of a function, the shape of an array."""
    if isinstance(value, tuple) and all(isinstance(part, (Function, int)) for part in value):
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, Function):
        return type(value).__name__
    if isinstance(value, bool):
        return str(value)
    return f"array {np.shape(value)}" if np.ndim(value) else f"{value:g}"


def _source(kind: type[Function]) -> str:
    """The first work that the class cites, else the one its module cites for it, else the first of the module."""
    if cited := CITATION.search(" ".join(str(kind.__doc__).split())):
        return cited.group()
    clauses = " ".join(str(inspect.getdoc(inspect.getmodule(kind))).split()).split(";")
    named = [clause for clause in clauses if kind.__name__.lower() in clause.lower()]
    found = [cited.group() for clause in (*named, *clauses) if (cited := CITATION.search(clause))]
    return found[0] if found else "by definition"


def _below(value: float) -> str:
    """Four digits, rounded down."""
    return _digits(value, ROUND_FLOOR)


def _above(value: float) -> str:
    """Four digits, rounded up."""
    return _digits(value, ROUND_CEILING)


def _digits(value: float, rounding: str) -> str:
    if not math.isfinite(value):
        return str(value)
    shown = Context(prec=4, rounding=rounding).create_decimal(Decimal(value))
    return f"{float(shown):.4g}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
