"""Every symbolic proof is accepted; planted errors, dropped hypotheses and hidden signs are refused."""

import re
from dataclasses import replace
from pathlib import Path

import fbscheck.proofs
import pytest
import sympy

from fbscheck import cli
from fbscheck.certify.symbolic import Expression, NotProved, Proof, Term, check, inner, scalar, square, vectors
from fbscheck.suites.registry import SUITES

PROOFS = fbscheck.proofs.catalogue()
NAMES = list(PROOFS)
x, y = vectors("x y")
h, t = sympy.symbols("h t", positive=True)


def first_size(proof: Proof) -> Expression:
    """The square of a vector of the goal, or a scalar of it if there is none."""
    names = sorted({name for key in proof.goal.terms for name in key if len(key) == 2})
    return square(vectors(names[0])[0]) if names else scalar(min(proof.goal.terms)[0])


def test_the_catalogue_is_complete() -> None:
    folder = Path(fbscheck.proofs.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "multipliers"}
    assert set(fbscheck.proofs.FILES) == files
    assert len(PROOFS) >= 40
    assert sum(name.startswith("contraction") for name in NAMES) == 6
    assert sum(name.startswith("LISTA recovery") for name in NAMES) == 12


@pytest.mark.parametrize("name", NAMES)
def test_every_proof_is_accepted(name: str) -> None:
    check(PROOFS[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_goal_that_says_a_trillionth_more_is_refused(name: str) -> None:
    proof = PROOFS[name]
    more = replace(proof, goal=proof.goal - sympy.Rational(1, 10**12) * first_size(proof))
    with pytest.raises(NotProved, match="the identity fails"):
        check(more)


@pytest.mark.parametrize(
    ("name", "index"),
    [(name, k) for name in NAMES for k, term in enumerate(PROOFS[name].hypotheses) if term.multiplier != 0],
)
def test_no_used_hypothesis_can_be_dropped_or_weakened(name: str, index: int) -> None:
    proof = PROOFS[name]
    kept = tuple(term for k, term in enumerate(proof.hypotheses) if k != index)
    term = proof.hypotheses[index]
    shorter = replace(term, multiplier=sympy.Rational(99, 100) * sympy.sympify(term.multiplier))
    weaker = tuple(shorter if k == index else other for k, other in enumerate(proof.hypotheses))
    for hypotheses in (kept, weaker):
        with pytest.raises(NotProved, match="the identity fails"):
            check(replace(proof, hypotheses=hypotheses))


@pytest.mark.parametrize("name", [name for name in NAMES if PROOFS[name].cover])
def test_signs_that_need_the_domain_are_refused_without_it(name: str) -> None:
    with pytest.raises(NotProved, match="not manifestly nonnegative"):
        check(replace(PROOFS[name], cover={}))


SIGNS = [
    pytest.param(-1, False, id="a negative number"),
    pytest.param(h - t, False, id="a difference"),
    pytest.param(1 / (h - t), False, id="a difference below"),
    pytest.param((h - t) ** 2, False, id="a square, nonnegative but not manifestly"),
    pytest.param(sympy.sqrt(2) * h, False, id="an irrational coefficient"),
    pytest.param(h * t / (h + t) ** 2, True, id="positive terms"),
    pytest.param((h**2 - t**2) / (h - t), True, id="positive once cancelled"),
    pytest.param(sympy.Integer(0), True, id="zero"),
]


@pytest.mark.parametrize(("coefficient", "accepted"), SIGNS)
def test_signs(coefficient: sympy.Expr, accepted: bool) -> None:
    as_multiplier = Proof("toy", "s", "d", coefficient * inner(x, y), (Term("<x, y> >= 0", inner(x, y), coefficient),))
    as_square = Proof("toy", "s", "d", coefficient * square(x - y), (), ((coefficient, x - y),))
    for proof in (as_multiplier, as_square):
        if accepted:
            check(proof)
        else:
            with pytest.raises(NotProved, match="not manifestly nonnegative"):
                check(proof)


def test_scalars_and_vectors_do_not_mix() -> None:
    value = scalar("x")
    with pytest.raises(NotProved, match="the identity fails at x"):
        check(Proof("toy", "s", "d", value - square(x), (Term("t", -square(x)),)))
    check(Proof("toy", "s", "d", value - square(x), (Term("t", value - square(x)),)))


@pytest.mark.parametrize("name", NAMES)
def test_a_proof_prints_itself_as_latex(name: str) -> None:
    text = PROOFS[name].latex()
    assert text.count("{") == text.count("}")
    assert text.count(r"\bigl") == text.count(r"\bigr")
    assert "=" in text


def test_a_sum_as_multiplier_prints_in_parentheses() -> None:
    proof = Proof("toy", "s", "d", (h + t) * inner(x, y), (Term("<x, y> >= 0", inner(x, y), h + t),))
    assert proof.latex().endswith(r"= \left(h + t\right)\,\bigl[\langle x,y\rangle\bigr]")


def test_prove_lists_proofs_with_what_they_cite(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prove"]) == 0
    out = capsys.readouterr().out
    assert [line[:50].strip() for line in out.splitlines() if line.endswith("PROVED")] == NAMES
    assert "cites: Gronwall's lemma" in out
    assert cli.main(["prove", "Riccati"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_prove_refuses_an_unknown_name_and_reports_a_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["prove", "nonsense"]) == 2
    assert "Need a name that occurs in a proof's name, got 'nonsense'" in capsys.readouterr().err
    broken = replace(PROOFS["sensitivity"], squares=())
    monkeypatch.setattr(fbscheck.proofs, "catalogue", lambda: {"sensitivity": broken})
    assert cli.main(["prove"]) == 4
    assert "UNDECIDED sensitivity: the identity fails" in capsys.readouterr().out


def test_the_proofs_that_claims_name_exist() -> None:
    sources = [claim.source for suite in SUITES.values() for claim in suite.claims]
    named = {match[1] for source in sources for match in [re.search(r"proof: ([^(;]+)", source)] if match}
    assert len(named) >= 8
    for name in named:
        stem = name.strip().removesuffix(", summed")
        assert any(stem in known for known in NAMES), stem
