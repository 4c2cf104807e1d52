"""The judge, row by row; the records it reads."""

import math

import pytest

from fbscheck.judge import decide, judge, not_applicable, squeeze
from fbscheck.verdict import Bracket, Claim, Evidence, Hypothesis, Relation, Rigour, Side, Verdict, plain, planted

TIGHT = Claim("x.tight", "t", "s", Relation.TIGHT, "here", accuracy=1e-6)
AT_MOST = Claim("x.most", "t", "s", Relation.AT_MOST, "here", accuracy=1e-6)


def seen(value: float, rigour: Rigour = Rigour.FLOATING, error: float = 0.0, exact: bool = False) -> Evidence:
    return Evidence(Side.ATTAINED, value, rigour, "witness", error, exact)


def bound(value: float, rigour: Rigour = Rigour.ENCLOSED, error: float = 0.0) -> Evidence:
    return Evidence(Side.CERTIFIED, value, rigour, "certificate", error)


PROOF = Evidence(Side.THEORY, 1.0, Rigour.EXACT, "multipliers", exact=True)
NO_PROOF = Evidence(Side.THEORY, 1.5, Rigour.EXACT, "multipliers of something else", exact=False)
OTHER_PROOF = Evidence(Side.THEORY, 5.0, Rigour.EXACT, "multipliers of something else", exact=True)
INSTANCE = seen(1.0, Rigour.EXACT, exact=True)
E, X, F = Rigour.ENCLOSED, Rigour.EXACT, Rigour.FLOATING

TABLE = [
    pytest.param(TIGHT, (PROOF, INSTANCE), Verdict.PROVED, id="proof and exact instance"),
    pytest.param(TIGHT, (PROOF, INSTANCE, bound(1.0000001)), Verdict.PROVED, id="a loose certificate does no harm"),
    pytest.param(TIGHT, (PROOF,), Verdict.UNDECIDED, id="a bound alone is not tight"),
    pytest.param(AT_MOST, (PROOF,), Verdict.PROVED, id="a proved bound"),
    pytest.param(AT_MOST, (NO_PROOF, seen(0.5)), Verdict.UNDECIDED, id="only another number is proved"),
    pytest.param(TIGHT, (PROOF, INSTANCE, bound(0.99)), Verdict.UNDECIDED, id="a certificate below an exact instance"),
    pytest.param(TIGHT, (seen(0.5, E), bound(0.99)), Verdict.REFUTED, id="a certificate forbids the claimed value"),
    pytest.param(AT_MOST, (seen(0.9, E), bound(0.5)), Verdict.UNDECIDED, id="contradicting witnesses"),
    pytest.param(AT_MOST, (seen(0.9), bound(0.5)), Verdict.UNDECIDED, id="a measurement against a certificate"),
    pytest.param(TIGHT, (OTHER_PROOF, INSTANCE), Verdict.SUPPORTED, id="an exact proof of another number"),
    pytest.param(TIGHT, (PROOF, seen(0.3, X, exact=True)), Verdict.UNDECIDED, id="an exact instance of another number"),
    pytest.param(TIGHT, (seen(0.5, error=10.0),), Verdict.UNDECIDED, id="an error that covers everything"),
    pytest.param(TIGHT, (seen(1.0, E), bound(1.0000001)), Verdict.CERTIFIED, id="rigorous on both sides"),
    pytest.param(TIGHT, (seen(1.0, E), bound(1.00001)), Verdict.UNDECIDED, id="upper bound wider than an enclosure"),
    pytest.param(TIGHT, (seen(1.0, E), bound(1.01)), Verdict.UNDECIDED, id="upper bound far above"),
    pytest.param(AT_MOST, (seen(1.0), bound(1.0 + 1e-7)), Verdict.SUPPORTED, id="attained, certified but for rounding"),
    pytest.param(TIGHT, (seen(0.9, E), bound(1.0000001)), Verdict.UNDECIDED, id="lower bound far below"),
    pytest.param(TIGHT, (seen(1.0), bound(1.0000001, F)), Verdict.SUPPORTED, id="floating point certifies nothing"),
    pytest.param(TIGHT, (seen(1.0), bound(1.0000001)), Verdict.SUPPORTED, id="floating instance, rigorous bound"),
    pytest.param(AT_MOST, (bound(1.0),), Verdict.CERTIFIED, id="bounded from above"),
    pytest.param(AT_MOST, (bound(math.nextafter(1.0, 2)),), Verdict.UNDECIDED, id="above by one ulp is above"),
    pytest.param(AT_MOST, (bound(0.5, F),), Verdict.SUPPORTED, id="floating upper bound"),
    pytest.param(AT_MOST, (seen(0.3),), Verdict.SUPPORTED, id="samples below the bound"),
    pytest.param(AT_MOST, (seen(1.1),), Verdict.UNDECIDED, id="a sample above the bound, unconfirmed"),
    pytest.param(AT_MOST, (seen(1.1, error=0.2),), Verdict.SUPPORTED, id="above by less than its error"),
    pytest.param(AT_MOST, (seen(1.1, E),), Verdict.REFUTED, id="a confirmed violation"),
    pytest.param(
        AT_MOST, (seen(1.1, X), bound(0.9)), Verdict.UNDECIDED, id="a violation against a certificate: one is broken"
    ),
    pytest.param(AT_MOST, (seen(math.nan),), Verdict.UNDECIDED, id="NaN decides nothing"),
    pytest.param(AT_MOST, (seen(math.nan), bound(0.5)), Verdict.UNDECIDED, id="NaN beside a bound decides nothing"),
    pytest.param(AT_MOST, (bound(math.inf),), Verdict.UNDECIDED, id="an infinite bound"),
    pytest.param(AT_MOST, (seen(0.0, E), bound(1.5)), Verdict.UNDECIDED, id="a certificate that does not reach down"),
    pytest.param(AT_MOST, (seen(-math.inf, E),), Verdict.UNDECIDED, id="a lower bound that says nothing"),
    pytest.param(AT_MOST, (), Verdict.UNDECIDED, id="no evidence"),
]


@pytest.mark.parametrize(("claim", "evidence", "expected"), TABLE)
def test_judge(claim: Claim, evidence: tuple[Evidence, ...], expected: Verdict) -> None:
    verdict, reason = judge(claim, squeeze(1.0, evidence))
    assert verdict is expected
    assert reason


@pytest.mark.parametrize("rigour", [Rigour.FLOATING])
@pytest.mark.parametrize("relation", list(Relation))
def test_floating_point_never_gives_more_than_supported(rigour: Rigour, relation: Relation) -> None:
    claim = Claim("x", "t", "s", relation, "here")
    values = (0.0, 0.5, 1.0, 1.0 + 1e-12, 2.0)
    verdicts = {judge(claim, squeeze(1.0, (seen(a, rigour), bound(b, rigour))))[0] for a in values for b in values}
    assert verdicts <= {Verdict.SUPPORTED, Verdict.UNDECIDED}
    assert len(verdicts) == 2


def test_an_unmet_hypothesis_is_named_with_its_size() -> None:
    step = Hypothesis(r"h \le 2\beta", lambda h: 2.0 - h)
    claim = Claim("x", "t", "s", Relation.TIGHT, "here", (Hypothesis("h > 0", lambda h: h, strict=True), step))
    assert claim.unmet(2.0) is None
    assert claim.unmet(2.5) == "hypothesis h <= 2 beta is not met: off by 0.5"
    assert claim.unmet(0.0) == "hypothesis h > 0 is not met: there is equality"
    assert "cannot be decided" in str(claim.unmet(math.nan))
    result = not_applicable(claim, "case", str(claim.unmet(2.5)))
    assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, "hypothesis h <= 2 beta is not met: off by 0.5")


def test_a_bracket_takes_the_sharpest_of_each_side_and_counts_errors() -> None:
    evidence = (seen(0.5), seen(0.9, error=0.2), bound(1.5), bound(1.25), PROOF)
    bracket = squeeze(1.0, evidence)
    assert (bracket.lower, bracket.theory, bracket.upper) == (pytest.approx(0.7), 1.0, 1.25)
    assert squeeze(None, ()) == Bracket(None, None, None)


@pytest.mark.parametrize(
    ("control", "verdict", "holds"),
    [
        (False, Verdict.PROVED, True),
        (False, Verdict.NOT_APPLICABLE, True),
        (False, Verdict.REFUTED, False),
        (False, Verdict.UNDECIDED, False),
        (True, Verdict.REFUTED, True),
        (True, Verdict.NOT_APPLICABLE, False),
        (True, Verdict.SUPPORTED, False),
        (True, Verdict.UNDECIDED, False),
        (True, Verdict.PROVED, False),
    ],
)
def test_what_should_come_out(control: bool, verdict: Verdict, holds: bool) -> None:
    claim = planted(AT_MOST) if control else AT_MOST
    assert claim.holds(verdict) is holds


@pytest.mark.parametrize("certified", [1.0, math.inf])
def test_an_infinite_bound_of_a_claim_is_never_certified(certified: float) -> None:
    verdict, reason = judge(AT_MOST, squeeze(math.inf, (seen(0.5), bound(certified))))
    assert (verdict, reason) == (Verdict.UNDECIDED, "the claim's bound is infinite, and says nothing")


def test_planting_keeps_the_statement_and_marks_it() -> None:
    wrong = planted(TIGHT)
    assert (wrong.id, wrong.statement, wrong.control) == ("planted.x.tight", TIGHT.statement, True)
    assert decide(wrong, "case", squeeze(0.99, (INSTANCE,))).verdict is Verdict.REFUTED


@pytest.mark.parametrize(
    ("latex", "spoken"),
    [(r"h\ell \leq 1", "h ell <= 1"), (r"\mu+\sigma > 0", "mu + sigma > 0"), (r"0 \le \mu \le \ell", "0 <= mu <= ell")],
)
def test_formulas_in_running_text(latex: str, spoken: str) -> None:
    assert plain(latex) == spoken
