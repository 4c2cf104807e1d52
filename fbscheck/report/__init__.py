"""Reports: what a run found, for a reader who has never seen fbscheck.

One record of the content (:mod:`~fbscheck.report.content`) is rendered twice, to LaTeX and to a
self-contained HTML page.  The same run gives the same bytes, wherever its folder is.
"""

import itertools
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fbscheck import files, store
from fbscheck.errors import InputError
from fbscheck.report import content, inspection, latex, page, tables
from fbscheck.report.changes import Changes, changes
from fbscheck.report.compiler import typeset
from fbscheck.report.figures import drawn, figure
from fbscheck.report.lemmas import lemmas
from fbscheck.verdict import Verdict

__all__ = ["FORMATS", "compare", "write"]

LEFT = (".pdf", ".png", ".tex", ".csv", ".json")
FORMATS = ("pdf", "tex", "html")


def write(folder: Path, format: str = "pdf", progress: Callable[[int, int, str], None] = lambda *_: None) -> Path:
    """Write ``report.pdf`` (and ``.tex``), ``report.tex`` or ``report.html`` into a run's folder.

    The figures are left in ``figures/`` as PDF and PNG, the tables in ``tables/`` as CSV and JSON, and both as ``.tex``
    files that a paper can input.  What an earlier report left there is removed.  ``progress`` is called with (parts
    done, parts in all, part just done).

    Raises
    ------
    InputError
        If ``folder`` holds no run, cannot be written, or ``format`` is none of :data:`FORMATS`.
    MissingToolError
        If a PDF is asked for and LaTeX is not installed; ``report.tex`` is there all the same.
    FbscheckError
        If LaTeX cannot compile the report; the message names its log.
    """
    _require_known(format)
    folder = Path(folder)
    run = store.load(folder)
    files.prepare(folder)
    stems = content.stems(run.plots)
    pictures = {}
    drawings: dict[str, bytes] = {}
    parts = len(stems) + 1
    for number, (plot, stem) in enumerate(zip(run.plots, stems, strict=True), 1):
        picture = figure(plot)
        for kind in ("pdf", "png"):
            drawings[f"{stem}.{kind}"] = drawn(picture, kind)
        if format == "html":
            pictures[stem] = drawn(picture, "svg")
        progress(number, parts, f"figure {stem}")
    document: content.Document | inspection.Inspection = (
        content.document(run, stems, lemmas(run.claims))
        if run.operator is None
        else inspection.inspection(run, stems, _counterexamples(folder, run))
    )
    drawings |= {f"{text.stem}.tex": latex.separate_figure(text).encode() for text in content.captions(run, stems)}
    _publish(folder / "figures", drawings)
    _publish(folder / "tables", {name: text.encode() for name, text in _tables(run, document).items()})
    path = _text(folder, "report", format, document, pictures)
    progress(parts, parts, path.name)
    return path


def _tables(run: store.Run, document: content.Document | inspection.Inspection) -> dict[str, str]:
    """The files of all tables by name."""
    found = {}
    for table in tables.tables(run):
        found[f"{table.name}.csv"] = tables.comma_separated(table)
        found[f"{table.name}.json"] = tables.object_notation(table)
    if isinstance(document, content.Document):
        stems = tables.names(content.claims_of(run))
        for section in itertools.chain(*(chapter.sections for chapter in document.chapters)):
            if section.cases or section.comparisons:
                found[f"{stems[section.claim.id]}.tex"] = latex.separate_table(section)
    return found


def _publish(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files and remove what else a report may have left in the folder."""
    for name, data in contents.items():
        _replace(folder / name, data)
    for left in folder.glob("*"):
        if left.suffix in LEFT and left.name not in contents:
            left.unlink()


def _counterexamples(folder: Path, run: store.Run) -> dict[str, Any]:
    """The witnesses of what was refuted, by file; one that cannot be read is left out."""
    found = {}
    for name in (entry.witness for entry in run.results if entry.verdict is Verdict.REFUTED and entry.witness):
        with suppress(OSError, ValueError, RecursionError):
            found[name] = files.read_json(folder / name)
    return found


def compare(before: Path, after: Path, format: str = "pdf") -> tuple[Path, str]:
    """Write ``changes.pdf`` (and ``.tex``), ``changes.tex`` or ``changes.html`` into the second run's folder.

    Returns its path and what changed, in a sentence.

    Raises
    ------
    InputError
        If a folder holds no run, the runs have nothing in common, or ``format`` is none of :data:`FORMATS`.
    MissingToolError, FbscheckError
        As for :func:`write`.
    """
    _require_known(format)
    before, after = Path(before), Path(after)
    found = changes(store.load(before), store.load(after), (str(before), str(after)))
    files.prepare(after)
    return _text(after, "changes", format, found, {}), found.summary


def _require_known(format: str) -> None:
    if format not in FORMATS:
        raise InputError(f"Need a report format among {', '.join(FORMATS)}, got {format!r}.")


def _text(
    folder: Path,
    stem: str,
    format: str,
    document: content.Document | inspection.Inspection | Changes,
    pictures: dict[str, bytes],
) -> Path:
    if format == "html":
        files.write_text(folder / f"{stem}.html", page.render(document, pictures))
        return folder / f"{stem}.html"
    source = folder / f"{stem}.tex"
    files.write_text(source, latex.render(document))
    if format == "tex":
        return source
    _replace(folder / f"{stem}.pdf", typeset(source).pdf)
    (folder / f"{stem}.log").unlink(missing_ok=True)
    return folder / f"{stem}.pdf"


def _replace(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)
