"""Every table of a report as data: all rows, in full precision, as CSV and as JSON.

The names of the tables are "chapters", "controls", "versions", and the ids of the claims.  A text keeps every
character in JSON.  In CSV it is one line without control characters, and one that a spreadsheet would take for a
formula begins with an apostrophe.
"""

import csv
import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from fbscheck.files import as_json, file_name
from fbscheck.report import sentences
from fbscheck.report.characters import printable
from fbscheck.report.comparison import comparisons
from fbscheck.report.content import chapter_of, claims_of, heading
from fbscheck.report.sections import case_of, key_of
from fbscheck.store import ClaimText, Entry, Run
from fbscheck.verdict import Relation, Verdict

__all__ = ["Table", "comma_separated", "names", "object_notation", "tables"]

Field = str | float | None
CASES = ("case", "verdict", "theory", "lower", "upper", "gap", "reason", "certificate", "witness")
METHODS = ("subject", "method", "value", "ratio", "seconds", "verdict")
CONTROLS = ("chapter", "claim", "false_statement", "case", "says", "attained", "verdict", "reason", "witness")
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the start of a formula, the wide forms included."""


@final
@dataclass(frozen=True)
class Table:
    """A table: the stem of its files, what it is about, and its rows, each as long as ``columns``.

    Unknown numbers are None.  ``lower`` and ``upper`` are the bounds as stored; ``gap`` is their distance, relative
    to the theory's value unless that is 0 or unknown, and rounded up.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Field, ...], ...]


def tables(run: Run) -> tuple[Table, ...]:
    """All tables of the report on ``run``, those on claims in the order of the claims."""
    claims = claims_of(run)
    stated = [claim for claim in claims.values() if not claim.control]
    stems = names(claims)
    found = [_chapters(run, claims), _controls(run, claims)]
    found.append(Table("versions", "Versions of programs", ("program", "version"), tuple(run.versions.items())))
    for claim in stated:
        if own := run.of(claim.id):
            rows = _methods(own) if claim.relation == Relation.COMPARED.value else _cases(claim, own)
            columns = METHODS if claim.relation == Relation.COMPARED.value else CASES
            found.append(Table(stems[claim.id], claim.title.strip() or claim.id, columns, rows))
    return tuple(found)


def names(claims: Iterable[str]) -> dict[str, str]:
    """The stem of the files of a claim's table, by the claim's id: all different, also where case does not count."""
    stems: dict[str, str] = {}
    used = {"chapters", "controls", "versions"}
    for claim in claims:
        first = name = file_name(claim)
        for number in itertools.count(2):
            if name.lower() not in used:
                break
            name = f"{first}--{number}"
        used.add(name.lower())
        stems[claim] = name
    return stems


def comma_separated(table: Table) -> str:
    """The table as CSV: a line of columns, then one a row; unknown numbers are empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_field(value) for value in row] for row in table.rows)
    return stream.getvalue()


def object_notation(table: Table) -> str:
    """The table as JSON: its title, its columns, and a record a row; unknown numbers are null."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return as_json({"title": table.title, "columns": list(table.columns), "rows": rows})


def _field(value: Field) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _chapters(run: Run, claims: Mapping[str, ClaimText]) -> Table:
    stated = [claim.id for claim in claims.values() if not claim.control]
    keys = dict.fromkeys(map(key_of, stated))
    entries = {key: [e for e in run.results if not claims[e.claim].control and key_of(e.claim) == key] for key in keys}
    rows: list[tuple[Field, ...]] = []
    for key, own in entries.items():
        rows.append((key, heading(key), *sentences.counts(own).values(), len(own)))
    columns = ("key", "chapter", *(verdict.value for verdict in Verdict), "cases")
    return Table("chapters", "Verdicts by chapter", columns, tuple(rows))


def _controls(run: Run, claims: Mapping[str, ClaimText]) -> Table:
    rows = []
    for entry in run.results:
        if (claim := claims[entry.claim]).control:
            case = case_of(claim, entry)
            rows.append(
                (chapter_of(claim.id, claims), claim.id, case.title, entry.case, entry.theory, case.lower)
                + (entry.verdict.value, entry.reason, entry.witness)
            )
    return Table("controls", "False statements and what was attained", CONTROLS, tuple(rows))


def _cases(claim: ClaimText, entries: Sequence[Entry]) -> tuple[tuple[Field, ...], ...]:
    rows = []
    for entry in entries:
        case = case_of(claim, entry)
        gap = case.gap and float(f"{case.gap.numeral.mantissa}e{case.gap.numeral.exponent or 0}")
        rows.append(
            (entry.case, entry.verdict.value, entry.theory, case.lower, entry.upper, gap)
            + (entry.reason, entry.certificate, entry.witness)
        )
    return tuple(rows)


def _methods(entries: Sequence[Entry]) -> tuple[tuple[Field, ...], ...]:
    _, _, found = comparisons(entries, len(entries))
    return tuple(
        (table.subject, method.name, method.value, method.ratio, method.seconds, method.verdict.value)
        if method.verdict
        else (table.subject, f"attained: {method.name}", method.value, method.ratio, None, None)
        for table in found
        for method in (*table.bounds, *table.attained)
    )
