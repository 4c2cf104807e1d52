"""The folder of a run: results, certificates, witnesses, and the data of its figures.

DIR/results.json          schema 1, one entry a result, and the claims' texts; of a check also operator and remarks
DIR/certificates/*.json   what a CERTIFIED or PROVED verdict rests on
DIR/witnesses/*.json      attained instances and counterexamples, exactly
DIR/data/*.npy            arrays that certificates and witnesses name, each by a hash of its content
DIR/plots/*.json          the points of every figure
DIR/results.partial.jsonl a journal of finished tasks, only while a run is unfinished
"""

import dataclasses
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from fbscheck.errors import InputError
from fbscheck.files import as_json, file_name, keep_arrays, read_json, seal, write_text
from fbscheck.verdict import Bracket, Claim, Curve, Evidence, Plot, Result, Rigour, Side, Verdict, finite_or_none

__all__ = ["JOURNAL", "SCHEMA", "ClaimText", "Entry", "Run", "load", "result_as_json", "result_from_json", "save"]

SCHEMA = 1
RESULTS = "results.json"
EVIDENCE = {"side", "value", "rigour", "method", "error", "exact"}
JOURNAL = "results.partial.jsonl"


@final
@dataclass(frozen=True)
class ClaimText:
    """What a report says about a claim: LaTeX statement and hypotheses, source, kind."""

    id: str
    title: str
    statement: str
    hypotheses: tuple[str, ...]
    relation: str
    source: str
    accuracy: float
    control: bool


@final
@dataclass(frozen=True)
class Entry:
    """One entry of ``results.json``; ``certificate`` and ``witness`` are paths relative to DIR."""

    claim: str
    case: str
    verdict: Verdict
    theory: float | None
    lower: float | None
    upper: float | None
    evidence: tuple[Mapping[str, Any], ...]
    reason: str
    certificate: str | None
    witness: str | None
    seconds: float


@final
@dataclass(frozen=True)
class Run:
    """A finished run, as read from its folder; ``operator`` and ``remarks`` are those of `fbscheck check`."""

    versions: Mapping[str, str]
    seed: int
    claims: tuple[ClaimText, ...]
    results: tuple[Entry, ...]
    plots: tuple[Plot, ...]
    operator: Mapping[str, Any] | None = None
    remarks: tuple[str, ...] = ()

    def of(self, claim: str) -> tuple[Entry, ...]:
        """The results of one claim, in the order in which they ran."""
        return tuple(entry for entry in self.results if entry.claim == claim)


def save(
    folder: Path,
    claims: Iterable[Claim],
    results: Iterable[Result],
    versions: Mapping[str, str],
    seed: int,
    operator: Mapping[str, Any] | None = None,
    remarks: Sequence[str] = (),
) -> Path:
    """Write a run to ``folder`` and return the path of its ``results.json``, written last.

    Certificates, data and reports of an earlier run in this folder are removed.  The file names the
    SHA-256 hash of every other file of the run, and its own seal: a hash of all that it says.
    """
    entries, used = [], {"certificates": set[str](), "witnesses": set[str](), "plots": set[str]()}
    named: set[str] = set()

    def attach(kind: str, name: str, content: Any) -> str | None:
        if content is None:
            return None
        stem, number = name, 1
        while stem in used[kind]:
            number += 1
            stem = f"{name}-{number}"
        used[kind].add(stem)
        text = as_json(content)
        named.update(re.findall(r"data/[0-9a-f]{40}\.npy", text))
        write_text(folder / kind / f"{stem}.json", text)
        return f"{kind}/{stem}.json"

    for result in keep_arrays(folder, results):
        name, bracket = file_name(result.claim, result.case), result.bracket
        certificate = attach("certificates", name, bracket.certificate)
        witness = attach("witnesses", name, result.witness)
        for plot in result.plots:
            attach("plots", file_name(plot.claim, plot.name), dataclasses.asdict(plot))
        entries.append(
            {
                "claim": result.claim,
                "case": result.case,
                "verdict": result.verdict.value,
                "theory": finite_or_none(bracket.theory),
                "lower": finite_or_none(bracket.lower),
                "upper": finite_or_none(bracket.upper),
                "evidence": [e.as_json() for e in bracket.evidence],
                "reason": result.reason,
                "certificate": certificate,
                "witness": witness,
                "seconds": round(result.seconds, 4),
            }
        )
    for kind, names in used.items():
        for stale in (folder / kind).glob("*.json"):
            if stale.stem not in names:
                stale.unlink()
    for array in (folder / "data").glob("*.npy"):
        if f"data/{array.name}" not in named:
            array.unlink()
    texts = [dataclasses.asdict(text_of(claim)) for claim in claims]
    path = folder / RESULTS
    for ending in ("pdf", "tex", "html", "log"):
        for stem in ("report", "changes"):
            (folder / f"{stem}.{ending}").unlink(missing_ok=True)
    files = sorted(file for kind in (*used, "data") for file in (folder / kind).glob("*") if file.is_file())
    run = {
        "schema": SCHEMA,
        "versions": dict(versions),
        "seed": seed,
        "claims": texts,
        "results": entries,
        "files": {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }
    if operator is not None:
        run |= {"operator": dict(operator), "remarks": list(remarks)}
    write_text(path, as_json({**run, "seal": seal(run)}))
    return path


def text_of(claim: Claim) -> ClaimText:
    """What a run says about a claim."""
    return ClaimText(
        claim.id,
        claim.title,
        claim.statement,
        tuple(hypothesis.statement for hypothesis in claim.hypotheses),
        claim.relation.value,
        claim.source,
        claim.accuracy,
        claim.control,
    )


def load(folder: Path) -> Run:
    """Read a run back.

    Raises
    ------
    InputError
        If ``folder`` holds no run, or one of another schema, or a damaged one.
    """
    path = folder / RESULTS
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise InputError(
            f"Need a folder with {RESULTS}, got {folder}. Run `fbscheck verify --out {folder}` first."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"Cannot read {path}: {error}. The file is damaged or no run of fbscheck.") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA or type(schema) is not int:
        raise InputError(
            f"Need {RESULTS} of schema {SCHEMA}, got schema {schema!r} in {path} (another version of fbscheck?)."
        )
    try:
        if not isinstance(data["claims"], list) or not isinstance(data["results"], list):
            raise TypeError("claims and results must be lists")
        claims = tuple(_claim_text(text) for text in data["claims"])
        results = tuple(_entry(folder, entry) for entry in data["results"])
        plots = tuple(_plot(read_json(file)) for file in sorted((folder / "plots").glob("*.json")))
        versions, seed = dict(data["versions"]), data["seed"]
        if type(seed) is not int or not all(isinstance(text, str) for text in versions.values()):
            raise TypeError("the seed must be an integer, and versions texts")
        operator, remarks = data.get("operator"), tuple(_list(data.get("remarks", [])))
        if not isinstance(operator, (dict, type(None))) or not all(isinstance(line, str) for line in remarks):
            raise TypeError("the operator must be a record, and remarks texts")
        return Run(versions, seed, claims, results, plots, operator, remarks)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"Cannot read the run in {folder}: {type(error).__name__} {error}. A file was edited or damaged."
        ) from None


def _claim_text(data: dict[str, Any]) -> ClaimText:
    text = ClaimText(**{**data, "hypotheses": tuple(_list(data["hypotheses"]))})
    _require(text, str, "id", "title", "statement", "relation", "source")
    _require(text, bool, "control")
    _require(text, (int, float), "accuracy")
    if not all(isinstance(hypothesis, str) for hypothesis in text.hypotheses):
        raise TypeError("hypotheses must be strings")
    return text


def _entry(folder: Path, data: dict[str, Any]) -> Entry:
    entry = Entry(**{**data, "verdict": Verdict(data["verdict"]), "evidence": tuple(_list(data["evidence"]))})
    _require(entry, str, "claim", "case", "reason")
    _require(entry, (int, float, type(None)), "theory", "lower", "upper")
    _require(entry, (int, float), "seconds")
    if entry.seconds < 0:
        raise ValueError("seconds is negative")
    _require(entry, (str, type(None)), "certificate", "witness")
    for evidence in entry.evidence:
        if not isinstance(evidence, dict) or set(evidence) != EVIDENCE:
            raise TypeError(f"evidence must be records of {', '.join(sorted(EVIDENCE))}")
    for name in (entry.certificate, entry.witness):
        if name is not None and not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
    return entry


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.60} is no list")
    return value


def _require(record: Any, kinds: Any, *names: str) -> None:
    """TypeError unless the named fields are of one of ``kinds``, and finite if they are numbers."""
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise TypeError(f"{name} is {value!r}"[:80])
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}")


def result_as_json(result: Result) -> dict[str, Any]:
    """A result without its arrays as plain data, for the journal; :func:`result_from_json` is the inverse."""
    data = dataclasses.asdict(dataclasses.replace(result, arrays={}))
    data["verdict"] = result.verdict.value
    for entry, evidence in zip(data["bracket"]["evidence"], result.bracket.evidence, strict=True):
        entry.update(side=evidence.side.value, rigour=evidence.rigour.value)
    return data


def result_from_json(data: dict[str, Any]) -> Result:
    """The result that :func:`result_as_json` wrote."""
    bracket = data["bracket"]
    evidence = tuple(
        Evidence(**{**e, "side": Side(e["side"]), "rigour": Rigour(e["rigour"])}) for e in bracket["evidence"]
    )
    return Result(
        **{
            **data,
            "verdict": Verdict(data["verdict"]),
            "bracket": Bracket(**{**bracket, "evidence": evidence}),
            "plots": tuple(_plot(plot) for plot in data["plots"]),
        }
    )


def _plot(data: dict[str, Any]) -> Plot:
    curves = tuple(Curve(c["label"], tuple(c["x"]), tuple(c["y"]), c["style"]) for c in data["curves"])
    return Plot(**{**data, "curves": curves})
