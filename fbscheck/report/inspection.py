"""What a report says of one operator: its conditions in one table, remarks, counterexamples, figures.

As :mod:`fbscheck.report.content` does for a verification run, :func:`inspection` turns a run of
`fbscheck check` into records of plain text and numbers, which both renderers read.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from fbscheck.report.content import claims_of
from fbscheck.report.numerals import Numeral, nearest
from fbscheck.report.sections import Case, FigureText, case_of
from fbscheck.report.sentences import plural
from fbscheck.store import ClaimText, Run
from fbscheck.verdict import Verdict

__all__ = ["Condition", "Counterexample", "Inspection", "inspection"]

HOW = {
    True: "Each was replayed in a fresh process, and evaluated in outward-rounded arithmetic; its violation is larger "
    "than the errors that the operator's values are taken to have.",
    False: "Each was evaluated in exact or outward-rounded arithmetic.",
}
ENTRIES = 8
"""Entries of a point that are spelled out; of a longer one those that are not zero, if they are as few."""
POINTS, LINES, LINE = 6, 24, 600
BELOW_ONE = math.nextafter(1.0, 0.0)
KINDS = {"function": "function, a black box", "matrix": "matrix, x to Kx", "formula": "formulas"}


@final
@dataclass(frozen=True)
class Condition:
    """One row of the table, and what the condition says; ``claimed`` is None for a constant that was measured."""

    text: ClaimText
    row: Case
    claimed: Numeral | None


@final
@dataclass(frozen=True)
class Counterexample:
    """What refutes a condition: its points by name, and lines of Python that show it again."""

    row: Case
    points: tuple[tuple[str, str], ...]
    code: tuple[str, ...]
    file: str


@final
@dataclass(frozen=True)
class Inspection:
    """A whole report on one operator; ``how`` says how its counterexamples were made sure of."""

    name: str
    summary: str
    black_box: bool
    how: str
    domain: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]
    remarks: tuple[str, ...]
    counterexamples: tuple[Counterexample, ...]
    figures: tuple[FigureText, ...]
    versions: tuple[tuple[str, str], ...]
    seed: int


def inspection(run: Run, stems: Sequence[str], witnesses: Mapping[str, Any]) -> Inspection:
    """The report of a run of `fbscheck check`; ``witnesses`` are the records of its counterexamples by file."""
    claims, operator = claims_of(run), run.operator or {}
    rows = [Condition(claims[e.claim], case_of(claims[e.claim], e), _claimed(e.theory)) for e in run.results]
    examples = [
        _counterexample(condition.row, entry.witness, witnesses[entry.witness])
        for condition, entry in zip(rows, run.results, strict=True)
        if entry.witness is not None and entry.witness in witnesses
    ]
    order = list(dict.fromkeys(entry.claim for entry in run.results))
    figures = sorted(zip(run.plots, stems, strict=True), key=lambda pair: _rank(order, pair[0].claim, pair[0].name))
    return Inspection(
        name=run.results[0].case.strip() if run.results else "an operator",
        summary=_summary(rows),
        black_box=operator.get("kind") == "function",
        how=HOW[operator.get("kind") == "function"],
        domain=tuple(_domain(operator)),
        conditions=tuple(rows),
        remarks=run.remarks,
        counterexamples=tuple(examples),
        figures=tuple(FigureText(stem, plot.title) for plot, stem in figures),
        versions=tuple(run.versions.items()),
        seed=run.seed,
    )


def _rank(order: Sequence[str], claim: str, name: str) -> tuple[int, int]:
    """The pairs first, then the cloud, then histograms, in the order of the conditions."""
    kind = {"pair": 0, "relative": 1}.get(name, 2)
    return kind, order.index(claim) if claim in order else len(order)


def _claimed(theory: float | None) -> Numeral | None:
    return Numeral("<1") if theory == BELOW_ONE else nearest(theory)


def _summary(conditions: Sequence[Condition]) -> str:
    """What was asked, and how it came out, in words."""
    claimed = [c for c in conditions if c.claimed is not None]
    refuted = [c.row.title for c in claimed if c.row.verdict is Verdict.REFUTED]
    opened = [c.row.title for c in claimed if c.row.verdict is Verdict.UNDECIDED]
    rigorous = sum(c.row.verdict in (Verdict.PROVED, Verdict.CERTIFIED) for c in claimed)
    measured = len(conditions) - len(claimed)
    counts = ((len(claimed), "condition", "examined"), (measured, "constant", "measured"))
    parts = [", ".join(f"{plural(count, noun)} {done}" for count, noun, done in counts if count) + "."]
    if refuted:
        parts.append(f"Refuted: {'; '.join(refuted)}.")
    if opened:
        parts.append(f"Undecided: {'; '.join(opened)}.")
    if rigorous:
        parts.append(f"{rigorous} shown rigorously on the whole domain.")
    supported = len(claimed) - len(refuted) - len(opened) - rigorous
    if supported:
        parts.append(f"No violation found of {supported}, which proves nothing.")
    return " ".join(parts)


def _domain(operator: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts on the operator and what it was examined on; what is missing or malformed is left out."""
    facts = [("Operator", KINDS.get(str(operator.get("kind")), "of unknown kind"))]
    low, high = (_floats([operator.get(name)]) for name in ("low", "high"))
    shape = operator.get("shape")
    if low and high and isinstance(shape, list):
        size = " x ".join(map(str, shape))
        facts.append(("Domain", f"[{low[0]:.9g}, {high[0]:.9g}] in each of {size} entries"))
    if operator.get("parameters"):
        facts.append(("Parameters", ", ".join(f"{key}={value}" for key, value in operator["parameters"].items())))
    if operator.get("sampler"):
        facts.append(("Points drawn by", str(operator["sampler"])))
    if operator.get("evaluations"):
        facts.append(("Evaluations", str(operator["evaluations"])))
    error = [_floats([operator.get(name)]) for name in ("accuracy", "absolute", "relative")]
    if all(error):
        (stated,), (absolute,), (relative,) = error
        least = f"{stated + absolute:.2g} + " if stated + absolute else ""
        facts.append(("Error of a value", f"{least}{relative:.2g} (|x| + |Tx|), as stated or estimated"))
    return facts


def _counterexample(row: Case, file: str, witness: Any) -> Counterexample:
    record = witness if isinstance(witness, dict) else {}
    points = [(name, _point(_floats(record.get(name)))) for name in ("x", "y", "Tx", "Ty")]
    for name in ("points", "images"):
        several = record.get(name)
        for number, point in enumerate((several if isinstance(several, list) else [])[:POINTS], 1):
            points.append((f"{'x' if name == 'points' else 'Tx'}_{number}", _point(_floats(point))))
    code = record.get("snippet")
    lines = code.splitlines() if isinstance(code, str) else []
    whole = len(lines) <= LINES and all(len(line) <= LINE for line in lines)
    return Counterexample(row, tuple(p for p in points if p[1]), tuple(lines) if whole else (), file)


def _floats(texts: Any) -> list[float]:
    """Numbers from their hexadecimal texts; none if one is anything else."""
    try:
        return [float.fromhex(text) for text in texts]
    except (OverflowError, TypeError, ValueError):
        return []


def _point(values: Sequence[float]) -> str:
    """A vector in short decimals; a long one by its entries that are not zero, if they are few."""
    if len(values) <= ENTRIES:
        return f"({', '.join(map(_number, values))})" if values else ""
    nonzero = [(k, value) for k, value in enumerate(values) if value]
    if len(nonzero) > ENTRIES:
        shown = ", ".join(map(_number, values[:ENTRIES]))
        return f"({shown}, ...), {len(values)} entries"
    entries = ", ".join(f"{_number(value)} at {k}" for k, value in nonzero)
    return f"{entries or 'zero'}{'; else zero' if entries else ''}, {len(values)} entries"


def _number(value: float) -> str:
    return f"{value + 0.0:.9g}"
