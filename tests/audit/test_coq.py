"""Coq as an outside checker: it accepts what is proved, and refuses every planted error.

The one-step records come from the closed-form multipliers of ``proofs/multipliers.py``; chained
over several steps, each step's multipliers are scaled by the factors of the later steps.
"""

import random
import re
import shutil
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import pytest
from fbscheck.proofs.multipliers import multipliers, regime

from fbscheck.audit import coq
from fbscheck.audit.squares import Certificate, form, propose
from fbscheck.errors import InputError, MissingToolError
from fbscheck.splitting import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.classes import OperatorClass, factor_squared, step_terms, steps_record

needs_coq = pytest.mark.skipif(not shutil.which("coqc"), reason=f"coqc is not installed: {coq.INSTALL}")

Q = Fraction
Record = dict[str, Any]
STEEP, TILTED, COCOERCIVE = (
    GradientOf(Q(1, 10), Q(1)),
    StronglyMonotoneLipschitz(Q(1, 10), Q(1)),
    StronglyMonotoneCocoercive(Q(1, 10), Q(1, 2)),
)
STEPS = [Q(19, 10), Q(1, 10)]


def chained(operators: OperatorClass, steps: list[Fraction], sigma: Fraction = Q(0)) -> tuple[Record, Fraction]:
    """A record of the product of the steps' exact factors, and that product."""
    name, constants = type(operators).__name__, operators.constants
    factors = [factor_squared(operators, h, sigma) for h in steps]
    terms = []
    for k, h in enumerate(steps, 1):
        own = multipliers(regime(name, constants, h), constants, h, sigma)
        later = prod(factors[k:], start=Q(1))
        terms += [[key, k * i, k * j, z] for key, i, j, z in step_terms(operators, [later * z for z in own])]
    return steps_record(operators, steps, sigma, kind="steps", terms=terms), prod(factors, start=Q(1))


def with_slack(*more: list[Any]) -> tuple[Record, Fraction]:
    """A step with its factor 1 % too large, so that small further terms leave a sum of squares."""
    record, factor = chained(STEEP, [Q(1)])
    return {**record, "terms": [*record["terms"], *more]}, factor * Q(101, 100)


def lowered(record: Record, factor: Fraction) -> tuple[Record, Fraction]:
    return record, factor * (1 - Q(1, 10**12))


ACCEPTED = {
    "short gradient step": chained(STEEP, [Q(1)]),
    "long gradient step": chained(STEEP, [Q(19, 10)], Q(1, 2)),
    "isotropic gradient step": chained(GradientOf(Q(1), Q(1)), [Q(3, 2)], Q(1, 3)),
    "Lipschitz step": chained(TILTED, [Q(1, 10)], Q(1, 3)),
    "short cocoercive step": chained(COCOERCIVE, [Q(3, 10)]),
    "long cocoercive step": chained(COCOERCIVE, [Q(3, 2)], Q(2)),
    "constants that are floats": chained(GradientOf(Q(0.1), Q(1.0)), [Q(1.9)], Q(0.3)),
    "two steps": chained(STEEP, STEPS),
    "ten steps": chained(STEEP, STEPS * 5),
    "ten steps, singular": chained(TILTED, STEPS * 5, Q(1, 3)),
    "slack": with_slack(),
    "slack, another multiplier positive": with_slack(["lipschitz", 1, 0, "1/1000"]),
}
REFUSED = {
    "bound lowered by 1e-12": lowered(*chained(STEEP, [Q(1)])),
    "bound of ten steps lowered by 1e-12": lowered(*chained(STEEP, STEPS * 5)),
    "negative multiplier": with_slack(["lipschitz", 1, 0, "-1/1000"]),
    "function values that do not cancel": with_slack(["interpolation", 1, 0, "1/1000"]),
    "no strong convexity": ({**chained(STEEP, [Q(1)], Q(1, 2))[0], "strong_convexity": "0"}, Q(9, 25)),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, coq.Outcome]:
    records = {**ACCEPTED, **REFUSED}
    paths = coq.write(tmp_path_factory.mktemp("coq"), list(records.values()), together=1)
    seen: list[tuple[int, int, str]] = []
    done = coq.compile(paths, lambda *event: seen.append(event))
    assert [event[:2] for event in seen] == [(k, len(paths)) for k in range(len(paths) + 1)]
    names = [path.name for path in paths[: -len(records)]]
    return dict(zip([*names, *records], done, strict=True))


# -- the library --------------------------------------------------------------------------------


@needs_coq
@pytest.mark.parametrize(
    ("file", "count"), [("Space.v", 0), ("Forms.v", 1), ("Certificates.v", 2), ("Lemmas.v", 9)], ids=str
)
def test_the_library_compiles(outcomes: dict[str, coq.Outcome], file: str, count: int) -> None:
    outcome = outcomes[file]
    assert (outcome.accepted, len(outcome.theorems)) == (True, count), outcome.reason


LEMMAS = (Path(coq.__file__).parent / "Lemmas.v").read_text(encoding="utf-8")
THEOREMS = re.findall(r"^Theorem (\w+)", LEMMAS, re.MULTILINE)


def one_percent_less(theorem: str) -> tuple[str, range]:
    """``Lemmas.v`` with the constant of one theorem 1 % smaller, and the lines of that theorem."""
    start = LEMMAS.index(f"Theorem {theorem} ")
    stop = LEMMAS.index("Qed.", start)
    text = LEMMAS[start:stop]
    alpha = "let alpha := " in text
    pattern = r"let alpha := (.*?) in" if alpha else r"<= ([^<]*?) \* \|\|d\|\|2\.\nProof"
    new = r"let alpha := 99 / 100 * (\1) in" if alpha else r"<= 99 / 100 * (\1) * ||d||2.\nProof"
    changed, count = re.subn(pattern, new, text)
    assert count == 1
    return LEMMAS[:start] + changed + LEMMAS[stop:], range(*(LEMMAS[:k].count("\n") + 1 for k in (start, stop + 5)))


@needs_coq
@pytest.mark.parametrize("theorem", THEOREMS)
def test_a_constant_that_is_one_percent_too_small_is_refused(
    outcomes: dict[str, coq.Outcome], tmp_path: Path, theorem: str
) -> None:
    text, lines = one_percent_less(theorem)
    shutil.copy(outcomes["Space.v"].file.with_suffix(".vo"), tmp_path)
    (tmp_path / "Lemmas.v").write_text(text, encoding="utf-8")
    (outcome,) = coq.compile([tmp_path / "Lemmas.v"], lambda *_: None)
    assert not outcome.accepted
    place = re.match(r"line (\d+): ", outcome.reason)
    assert place and int(place[1]) in lines, outcome.reason


# -- records ------------------------------------------------------------------------------------


@needs_coq
@pytest.mark.parametrize("case", ACCEPTED)
def test_coq_accepts_what_the_multipliers_prove(outcomes: dict[str, coq.Outcome], case: str) -> None:
    outcome = outcomes[case]
    assert outcome.accepted, outcome.reason
    assert outcome.theorems == (outcome.file.stem,)
    assert set(outcome.axioms) <= coq.REALS


@needs_coq
@pytest.mark.parametrize("case", REFUSED)
def test_coq_refuses_planted_errors(outcomes: dict[str, coq.Outcome], case: str) -> None:
    outcome = outcomes[case]
    assert (outcome.accepted, outcome.theorems) == (False, ())
    assert "check" in outcome.reason and "\n" not in outcome.reason


def test_the_statement_is_that_of_the_record(tmp_path: Path) -> None:
    text = coq.write(tmp_path, [chained(STEEP, STEPS)])[-1].read_text(encoding="utf-8")
    assert "Theorem record_1 : contracts (GradientOf (1/10) (1)) (0) [19/10; 1/10]\n  (793881/1000000)." in text


# -- axioms -------------------------------------------------------------------------------------


@needs_coq
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Axiom cheat : 0 = 1. Theorem t : 1 = 0. Proof. symmetry. exact cheat. Qed.", "it assumes cheat"),
        ("Theorem t : 1 = 0. Admitted.", "it assumes t"),
        ("Unset Guard Checking. Fixpoint t (n : nat) : False := t n.", "it assumes t is assumed to be guarded."),
        ("Theorem t : 1 = 1. Proof. reflexivity. Qed. Print Assumptions t.\n", "2 reports on the axioms of 1 theorems"),
    ],
    ids=["axiom", "admitted", "unguarded", "a report too many"],
)
def test_what_is_assumed_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    path = tmp_path / "planted.v"
    path.write_text(f"{source}\nPrint Assumptions t.\n", encoding="utf-8")
    (outcome,) = coq.compile([path], lambda *_: None)
    assert (outcome.accepted, outcome.reason) == (False, reason)


def test_coq_is_asked_for_if_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="apt-get install -y --no-install-recommends coq"):
        coq.compile([], lambda *_: None)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "gap"},
        {"class": "Lipschitz"},
        {"constants": {"mu": "0"}},
        {"steps": ["1/0"]},
        {"terms": [["lipschitz", 2, 0, "1"]]},
        {"terms": [["lipschitz", -1, 0, "1"]]},
        {"terms": [["cocoercive", 1, 0, "1"]]},
        {"terms": []},
        {"terms": None},
    ],
    ids=str,
)
def test_records_that_cannot_be_stated_are_bad_input(tmp_path: Path, change: Record) -> None:
    record, factor = chained(STEEP, [Q(1)])
    with pytest.raises(InputError, match="Need"):
        coq.write(tmp_path, [({**record, **change}, factor)])


def test_a_bound_too_long_to_state_is_bad_input(tmp_path: Path) -> None:
    record, factor = chained(STEEP, [Q(1)])
    with pytest.raises(InputError, match="Round it up"):
        coq.write(tmp_path, [(record, factor + Q(1, 10**5000))])


# -- proposals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["GradientOf", "StronglyMonotoneLipschitz", "StronglyMonotoneCocoercive"])
def test_the_form_is_bound_minus_value_minus_hypotheses(name: str) -> None:
    """On the line, with random numbers for the vectors, and the hypotheses as they are defined."""
    draw = random.Random(1).randint
    n, q, H, L, bound = 3, 10, 7, 5, Q(3, 4)
    mu, second, sigma = Q(2, q), Q(9, q), Q(3, q)
    steps = [Q(draw(1, 20), H) for _ in range(n)]
    pairs = [(i, j) for i in range(n + 1) for j in range(n + 1) if i != j]
    width = 3 if name == "GradientOf" else 2
    f = tuple((i, j, tuple(draw(0, 9) for _ in range(width))) for i, j in pairs)
    g = tuple((i, j, (draw(0, 9),)) for i, j in pairs)
    certificate = Certificate(name, q, (2, 9), 3, H, tuple(int(h * H) for h in steps), L, f, g, bound)

    d, v, s = [Q(draw(-9, 9))], [Q(0)], [Q(0)]
    for h in steps:
        v.append(Q(draw(-9, 9)))
        s.append(Q(draw(-9, 9)))
        d.append(d[-1] - h * (v[-1] + s[-1]))
    x = [Q(0), *d]
    total = bound * d[0] ** 2 - d[n] ** 2
    for i, j, row in f:
        dx, dv = x[i] - x[j], v[i] - v[j]
        monotone, lipschitz = dv * dx - mu * dx**2, second**2 * dx**2 - dv**2
        smooth = -2 * (second - mu) * v[j] * dx - dv**2 - mu * second * dx**2 + 2 * mu * dv * dx
        hypotheses = {
            "GradientOf": [smooth, monotone, lipschitz],
            "StronglyMonotoneLipschitz": [monotone, lipschitz],
            "StronglyMonotoneCocoercive": [monotone, dv * dx - second * dv**2],
        }[name]
        total -= sum(Q(z, L) * hypothesis for z, hypothesis in zip(row, hypotheses, strict=True))
    for i, j, (z,) in g:
        dx = (d[i] if i else Q(0)) - (d[j] if j else Q(0))
        total -= Q(z, L) * (-2 * s[j] * dx - sigma * dx**2)
    y = [d[0], *(value for k in range(1, n + 1) for value in (v[k], s[k]))]
    value = sum(c * y[i] * y[k] for i, row in enumerate(form(certificate)) for k, c in enumerate(row))
    assert value == 2 * L * q**2 * H**2 * bound.denominator * total


@needs_coq
@pytest.mark.parametrize("shift", [0, 1], ids=["definite", "planted: one entry of the diagonal too small"])
def test_long_forms_are_checked(outcomes: dict[str, coq.Outcome], tmp_path: Path, shift: int) -> None:
    """A 21 x 21 form with entries of 60 digits, whose value at the last unit vector is made -1 as a planted error."""
    n, draw = 21, random.Random(3).randint
    rows = [[draw(-(10**30), 10**30) for _ in range(n)] for _ in range(n)]
    matrix = [[sum(r[i] * r[k] for r in rows) for k in range(n)] for i in range(n)]
    matrix[-1][-1] -= shift * (matrix[-1][-1] + 1)
    squares = propose(matrix)
    terms = "; ".join(f"({hex(weight)}, {hexadecimal(row)})" for weight, row in squares.terms)
    for library in ("Space", "Forms"):
        shutil.copy(outcomes["Forms.v"].file.with_name(f"{library}.vo"), tmp_path)
    (tmp_path / "long.v").write_text(
        f"From fbscheck Require Import Forms.\nDefinition m := [{'; '.join(map(hexadecimal, matrix))}]%Z.\n"
        f"Theorem t (x : nat -> R) : 0 <= form m (fun i j => x i * x j).\n"
        f"Proof. apply (psd_check_sound {squares.scale} [{terms}]%Z). vm_compute. reflexivity. Qed.\n"
        "Print Assumptions t.\n",
        encoding="utf-8",
    )
    (outcome,) = coq.compile([tmp_path / "long.v"], lambda *_: None)
    assert outcome.accepted == (shift == 0), outcome.reason
    assert outcome.theorems == (() if shift else ("t",))


def hexadecimal(row: list[int]) -> str:
    return f"[{'; '.join(map(hex, row))}]"


def rest(matrix: list[list[int]]) -> tuple[int, list[list[int]]]:
    squares = propose(matrix)
    assert all(weight >= 0 for weight, _ in squares.terms)
    left = [[squares.scale * c for c in row] for row in matrix]
    for weight, row in squares.terms:
        for i, a in enumerate(row):
            for k, b in enumerate(row):
                left[i][k] -= weight * a * b
    return squares.scale, left


def test_squares_are_rounded_for_definite_forms_and_exact_for_singular_ones() -> None:
    n, draw = 7, random.Random(2).randint
    rows = [[draw(-(10**40), 10**40) for _ in range(n)] for _ in range(n)]
    definite = [[sum(r[i] * r[k] for r in rows) for k in range(n)] for i in range(n)]
    singular = [[sum(r[i] * r[k] for r in rows[:4]) for k in range(n)] for i in range(n)]
    assert max(abs(c).bit_length() for _, row in propose(definite).terms for c in row) <= 65
    _, left = rest(definite)
    assert all(2 * row[k] >= sum(map(abs, row)) for k, row in enumerate(left))
    assert not any(any(row) for row in rest(singular)[1])
    assert any(any(row) for row in rest([[0, 1], [1, 0]])[1])
