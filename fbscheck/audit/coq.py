"""The outside checker: certificates and lemmas as Coq files, a folder that stands on its own.

``Space.v`` says what a real inner-product space is, ``Lemmas.v`` proves the contraction factors and
averagedness for all parameters, ``Forms.v`` proves sound a check that an integer quadratic form is
positive semidefinite, and ``Certificates.v`` that multipliers which pass it imply a bound.  For each
record a further file states its bound, for all inner-product spaces, and runs the check.

From here come that statement and *proposed* squares (:mod:`fbscheck.audit.squares`).  Coq refuses
wrong proposals; nothing but the statement is trusted.
"""

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, final

from fbscheck.audit.squares import Certificate, form, propose
from fbscheck.certify import kernel
from fbscheck.certify.balls import root_up
from fbscheck.certify.kernel import CLASSES
from fbscheck.errors import InputError, MissingToolError

__all__ = ["INSTALL", "Outcome", "compile", "records_of", "write"]

INSTALL = "apt-get install -y --no-install-recommends coq"
TIMEOUT = 1800.0
LONGEST = 8192
LIBRARY = ("Space.v", "Forms.v", "Certificates.v", "Lemmas.v")
REALS = {
    "ClassicalDedekindReals.sig_forall_dec",
    "ClassicalDedekindReals.sig_not_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
    "Classical_Prop.classic",
}
"""The axioms of Coq's real numbers; nothing else may be assumed."""

Progress = Callable[[int, int, str], None]
TOGETHER = 25
"""Records of one step in one file: starting Coq takes longer than checking one."""

HEAD = """\
(** Squared contraction factors over classes of operators; [network] says what they mean for iterates. *)

From fbscheck Require Import Certificates.
"""
TEMPLATE = """
Definition {theorem}_multipliers : certificate := {{|
  q := {q}; constants := {name} {integers}; sigma := {sigma};
  H := {H}; steps := [{steps}];
  L := {L};
  f := [{f}];
  g := [{g}];
  top := {top}; bottom := {bottom};
  scale := {scale};
  proposed := [{proposed}] |}}%Z.

Lemma {theorem}_checked : check {theorem}_multipliers = true.
Proof. vm_cast_no_check (eq_refl true). Qed.

Theorem {theorem} : contracts ({name} {reals}) ({convexity}) [{lengths}]
  ({bound}).
Proof. apply (certified _ _ _ _ _ {theorem}_checked); cbn; repeat constructor; lra. Qed.

Print Assumptions {theorem}.
"""


@final
@dataclass(frozen=True)
class Outcome:
    """What Coq says of one file: the theorems it proves, or the first line of its refusal."""

    file: Path
    theorems: tuple[str, ...]
    seconds: float
    accepted: bool
    reason: str = ""
    axioms: tuple[str, ...] = ()


def write(folder: Path, records: Sequence[tuple[Mapping[str, Any], Fraction]], together: int = TOGETHER) -> list[Path]:
    """Write the library and the records into ``folder``; the paths of the files, in the order to compile.

    Parameters
    ----------
    records
        Kernel records of the kind ``steps``, each with the squared factor t that it claims.  Where t is
        the least that its multipliers prove, the form is singular and needs exact squares, which are
        long for many steps; with t larger by a relative 1e-15 rounded squares do.
    together
        Records of one step that follow each other share a file, at most so many.

    Raises
    ------
    InputError
        If a record is not one of the kind that can be stated in Coq.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in LIBRARY:
        paths.append(folder / name)
        shutil.copyfile(Path(__file__).with_name(name), paths[-1])
    files: list[list[tuple[str, Certificate]]] = []
    for number, (record, bound) in enumerate(records, start=1):
        named = (f"record_{number:0{len(str(len(records)))}}", _read(record, bound))
        full = not files or len(files[-1]) >= together or len(named[1].steps) > 1 or len(files[-1][0][1].steps) > 1
        files = [*files, [named]] if full else [*files[:-1], [*files[-1], named]]
    for content in files:
        paths.append(folder / f"{content[0][0]}.v")
        paths[-1].write_text(HEAD + "".join(_source(*pair) for pair in content), encoding="utf-8")
    return paths


def records_of(folder: Path) -> list[tuple[dict[str, Any], Fraction]]:
    """All different records about steps in the certificates of a run, each with a bound that it proves.

    The bound is the exact conclusion for one step, and the stated float, squared, for many.

    Raises
    ------
    kernel.Refusal
        If one of them proves nothing.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "certificates").glob("*.json")):
        for record in _steps_in(json.loads(path.read_text(encoding="utf-8"))):
            found[json.dumps(record, sort_keys=True)] = record
    proved = [(record, kernel.conclude(record)) for record in found.values()]
    return [(record, t if len(record["steps"]) == 1 else Fraction(root_up(t)) ** 2) for record, t in proved]


def _steps_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict) and value.get("kind") == "steps":
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [record for part in parts for record in _steps_in(part)]


def compile(paths: Sequence[Path], progress: Progress) -> list[Outcome]:
    """Run coqc on the files in turn; ``progress`` is told how many are done, of how many, and the next.

    Raises
    ------
    MissingToolError
        If Coq is not installed.
    """
    if not shutil.which("coqc"):
        raise MissingToolError(f"Need coqc for --coq: {INSTALL}.")
    outcomes = []
    for done, path in enumerate(paths):
        progress(done, len(paths), path.name)
        outcomes.append(_compiled(path))
    progress(len(paths), len(paths), "")
    return outcomes


def _compiled(path: Path) -> Outcome:
    command = ("coqc", "-q", "-noglob", "-R", ".", "fbscheck", path.name)
    start = time.perf_counter()
    try:
        finished = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return Outcome(path, (), time.perf_counter() - start, False, f"it took longer than {TIMEOUT:.0f} s")
    seconds = time.perf_counter() - start
    if finished.returncode:
        return Outcome(path, (), seconds, False, _first_error(finished.stderr))
    theorems = tuple(re.findall(r"^Print Assumptions (\w+)\.$", path.read_text(encoding="utf-8"), re.MULTILINE))
    reports = re.findall(r"^(?:Axioms:|Closed under the global context)$", finished.stdout, re.MULTILINE)
    heads = [line for line in finished.stdout.splitlines() if line[:1].strip() and line not in reports]
    axioms = tuple(sorted({line.split(" :")[0].strip() for line in heads}))
    if len(reports) != len(theorems):
        return Outcome(path, (), seconds, False, f"{len(reports)} reports on the axioms of {len(theorems)} theorems")
    if foreign := set(axioms) - REALS:
        return Outcome(path, (), seconds, False, f"it assumes {', '.join(sorted(foreign))}", axioms)
    return Outcome(path, theorems, seconds, True, axioms=axioms)


def _first_error(text: str) -> str:
    """The first error of coqc on one line, with the place."""
    found = re.search(r'^File "[^"]*", (line \d+).*?:\nError:\s*(.*?)(?:\n\n|\Z)', text, re.MULTILINE | re.DOTALL)
    return f"{found[1]}: {' '.join(found[2].split())}" if found else " ".join(text.split()) or "coqc named no error"


def _read(record: Mapping[str, Any], bound: Fraction) -> Certificate:
    """The record over common denominators."""
    try:
        name, kind = record["class"], record["kind"]
        constants, hypotheses = CLASSES[name]
        sigma, first, second = (
            Fraction(text) for text in (record["strong_convexity"], *(record["constants"][key] for key in constants))
        )
        steps = [Fraction(step) for step in record["steps"]]
        f = _rows(record["terms"], hypotheses)
        g = _rows(record["terms"], ("convex",))
        if len(f) + len(g) == 0 or {term[0] for term in record["terms"]} - {*hypotheses, "convex"}:
            raise ValueError("terms of another class, or none")
    except (LookupError, TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(f"Need a complete record of rationals, got one with {error!r}.") from error
    if kind != "steps":
        raise InputError(f"Need a record about steps, got the kind {kind!r}: Coq is asked for their bounds only.")
    if not all(isinstance(k, int) and 0 <= k <= len(steps) for i, j, _ in (*f, *g) for k in (i, j)):
        raise InputError(f"Need pairs of points 0, ..., {len(steps)}, got {[pair for *pair, _ in (*f, *g)]}.")
    if max(bound.numerator.bit_length(), bound.denominator.bit_length()) > LONGEST:
        raise InputError(f"Need a claimed bound of at most {LONGEST} bits. Round it up.")
    q = _unit(sigma, first, second)
    unit = _unit(*(z for _, _, row in (*f, *g) for z in row))
    H = _unit(*steps)
    return Certificate(
        name=name,
        q=q,
        constants=(int(first * q), int(second * q)),
        sigma=int(sigma * q),
        H=H,
        steps=tuple(int(step * H) for step in steps),
        L=unit,
        f=tuple((i, j, tuple(int(z * unit) for z in row)) for i, j, row in f),
        g=tuple((i, j, tuple(int(z * unit) for z in row)) for i, j, row in g),
        bound=bound,
    )


def _rows(terms: Sequence[Sequence[Any]], names: Sequence[str]) -> list[tuple[int, int, list[Fraction]]]:
    """The multipliers of the hypotheses ``names`` by pair of points, one row a pair."""
    rows: dict[tuple[int, int], list[Fraction]] = {}
    for name, i, j, multiplier in terms:
        if name in names:
            rows.setdefault((i, j), [Fraction(0)] * len(names))[names.index(name)] += Fraction(multiplier)
    return [(i, j, row) for (i, j), row in rows.items()]


def _unit(*values: Fraction) -> int:
    return math.lcm(*(value.denominator for value in values))


def _source(theorem: str, record: Certificate) -> str:
    squares = propose(form(record))
    q, H = record.q, record.H
    return TEMPLATE.format(
        theorem=theorem,
        name=record.name,
        q=q,
        integers=" ".join(f"({c})" for c in record.constants),
        sigma=record.sigma,
        H=H,
        steps="; ".join(map(str, record.steps)),
        L=hex(record.L),
        f=_entries(record.f),
        g=_entries(record.g),
        top=record.bound.numerator,
        bottom=record.bound.denominator,
        scale=hex(squares.scale),
        proposed=";\n    ".join(f"({hex(weight)}, {_list(row)})" for weight, row in squares.terms),
        reals=" ".join(f"({Fraction(c, q)})" for c in record.constants),
        convexity=Fraction(record.sigma, q),
        lengths="; ".join(str(Fraction(step, H)) for step in record.steps),
        bound=record.bound,
    )


def _entries(entries: Sequence[tuple[int, int, Sequence[int]]]) -> str:
    return ";\n    ".join(f"({i}%nat, {j}%nat, {_list(row)})" for i, j, row in entries)


def _list(values: Sequence[int]) -> str:
    """In hexadecimal, which Coq reads four times as fast."""
    return "[" + "; ".join(map(hex, values)) + "]"
