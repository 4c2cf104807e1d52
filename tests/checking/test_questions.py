"""Claims as texts, and the verdict on each from what is known of its constant."""

import dataclasses
import json
import math
import re

import pytest

from fbscheck import files
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.questions import BELOW_ONE, TITLES, Found, Question, answer, parse
from fbscheck.errors import InputError
from fbscheck.store import result_as_json, result_from_json
from fbscheck.verdict import Relation, Side, Verdict

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["nonexpansive"], [("nonexpansive", 1)]),
        (["contraction"], [("contraction", BELOW_ONE)]),
        (["contraction=0.9", "lipschitz=2"], [("contraction", 0.9), ("lipschitz", 2)]),
        (["contraction=0"], [("contraction", 0)]),
        (["monotonicity"], [("monotonicity", 0)]),
        (["monotonicity=-2.5"], [("monotonicity", -2.5)]),
        (
            ["lipschitz", "cocoercivity", "averagedness"],
            [(n, None) for n in ("lipschitz", "cocoercivity", "averagedness")],
        ),
        (["averagedness=0.5"], [("averagedness", 0.5)]),
        (["cocoercivity=1e-3"], [("cocoercivity", 1e-3)]),
        (["prox"], [("prox", 0), ("firmly_nonexpansive", 1)]),
        (["gradient"], [("gradient", 0)]),
        (["firmly_nonexpansive", "prox"], [("firmly_nonexpansive", 1), ("prox", 0)]),
        (["nonexpansive", "nonexpansive"], [("nonexpansive", 1)]),
        (["lipschitz=2", "lipschitz=2.0"], [("lipschitz", 2)]),
        (["nonexpansive", "lipschitz=1"], [("nonexpansive", 1), ("lipschitz", 1)]),
    ],
)
def test_texts_become_questions(texts: list[str], expected: list[tuple[str, float | None]]) -> None:
    questions = parse(texts)
    assert [(question.name, question.bound) for question in questions] == expected


def test_without_a_claim_all_is_asked_and_nothing_claimed() -> None:
    questions = parse(())
    assert [question.name for question in questions] == [*CONSTANTS, "nonexpansive", "firmly_nonexpansive"]


BAD = {
    "": "Need a condition among lipschitz, nonexpansive, contraction, .*, got ''",
    "Nonexpansive": "Need a condition among",
    "nonexpansive ": "Need a condition among",
    "=1": "Need a condition among",
    "lipschitz=": "Need a value of lipschitz in its range, as in lipschitz=0.5, got ''",
    "lipschitz=two": "got 'two'",
    "lipschitz=-1": "got '-1'",
    "lipschitz=inf": "got 'inf'",
    "lipschitz=1e999": "got '1e999'",
    "lipschitz=nan": "got 'nan'",
    "lipschitz=1=2": "got '1=2'",
    "contraction=1": "Need a value of contraction",
    "contraction=-0.1": "Need a value of contraction",
    "averagedness=0": "Need a value of averagedness",
    "averagedness=1": "Need a value of averagedness",
    "monotonicity=-inf": "Need a value of monotonicity",
    "cocoercivity=x": "Need a value of cocoercivity",
    "nonexpansive=1": "Need nonexpansive without a value, got 'nonexpansive=1'",
    "firmly_nonexpansive=": "Need a value|Need firmly_nonexpansive without a value",
    "prox=0": "Need prox without a value",
    "gradient=0": "Need gradient without a value",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_claim_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=BAD[text]) as caught:
        parse(["nonexpansive", text])
    assert "\n" not in str(caught.value)


def test_a_condition_has_one_value() -> None:
    with pytest.raises(InputError, match="Need one value of contraction, got contraction=0.9 and contraction=0.8"):
        parse(["contraction=0.9", "nonexpansive", "contraction=0.8"])
    with pytest.raises(InputError, match="Need one value of averagedness"):
        parse(["averagedness", "averagedness=0.8"])
    with pytest.raises(InputError, match="got '0.9'"):
        parse([0.9])  # type: ignore[list-item]


def test_claims_say_what_they_mean() -> None:
    every = [
        *parse(["prox", "contraction", "monotonicity=2", "lipschitz=3", "averagedness"]),
        Question("cocoercivity", 1.0),
    ]
    said = {question.name: (question.claim.title, question.claim.relation) for question in every}
    assert said == {
        "prox": ("Proximal map of a convex function", Relation.AT_MOST),
        "contraction": ("Contraction", Relation.AT_MOST),
        "monotonicity": ("Monotonicity at 2", Relation.AT_LEAST),
        "lipschitz": ("Lipschitz constant at 3", Relation.AT_MOST),
        "averagedness": ("Averagedness", Relation.MEASURED),
        "firmly_nonexpansive": ("Firmly nonexpansive", Relation.AT_LEAST),
        "cocoercivity": ("Cocoercivity at 1", Relation.AT_LEAST),
    }
    assert all(Question(name, 1.0).claim.statement for name in TITLES)


C, R, S, U = Verdict.CERTIFIED, Verdict.REFUTED, Verdict.SUPPORTED, Verdict.UNDECIDED
TABLE = [
    # name, bound, attained, certified, verdict, (lower, upper), reason
    ("nonexpansive", 1.0, 0.5, 0.75, C, (0.5, 0.75), "outer"),
    ("nonexpansive", 1.0, 1.0, 1.0, C, (1, 1), "outer"),
    ("nonexpansive", 1.0, 1.5, 2.0, R, (1.5, 2), r"1.5 is attained \(inner\), the claim says 1"),
    ("nonexpansive", 1.0, 0.5, 2.0, U, (0.5, 2), r"only 2 is proved \(outer\), the claim says 1"),
    ("nonexpansive", 1.0, 0.5, None, S, (0.5, None), "inner"),
    ("nonexpansive", 1.0, 1.5, None, R, (1.5, None), "1.5 is attained"),
    ("nonexpansive", 1.0, 0.5, INF, S, (0.5, None), "inner"),
    ("nonexpansive", 1.0, 1.5, INF, R, (1.5, None), "1.5 is attained"),
    ("nonexpansive", 1.0, -INF, None, U, (None, None), "no pair of points shows anything"),
    ("nonexpansive", 1.0, NAN, None, U, (NAN, None), "NaN"),
    ("nonexpansive", 1.0, 0.5, NAN, U, (0.5, NAN), "NaN"),
    ("nonexpansive", 1.0, 0.75, 0.5, U, (0.75, 0.5), "contradict each other: 0.75 attained, 0.5 certified"),
    ("contraction", BELOW_ONE, 1.0, None, R, (1, None), r"1 is attained \(inner\), the claim says less than 1"),
    ("contraction", BELOW_ONE, BELOW_ONE, None, S, (BELOW_ONE, None), "inner"),
    ("firmly_nonexpansive", 1.0, 1.5, 1.25, C, (1.25, 1.5), "outer"),
    ("firmly_nonexpansive", 1.0, -0.5, None, R, (None, -0.5), r"^-0.5 is attained \(inner\), the claim says 1$"),
    ("firmly_nonexpansive", 1.0, -1e12, -INF, R, (None, -1e12), "^-1e.12 is attained"),
    ("firmly_nonexpansive", 1.0, -INF, -INF, R, (-INF, -INF), "^-inf is attained"),
    ("firmly_nonexpansive", 1.0, INF, INF, C, (INF, None), "outer"),
    ("firmly_nonexpansive", 1.0, INF, None, U, (None, None), "no pair of points shows anything"),
    ("firmly_nonexpansive", 1.0, 1.5, 0.25, U, (0.25, 1.5), r"^only 0.25 is proved \(outer\), the claim says 1$"),
    ("firmly_nonexpansive", 1.0, 1.5, -INF, S, (None, 1.5), "inner"),
    ("firmly_nonexpansive", 1.0, 1.25, 1.5, U, (1.5, 1.25), "contradict each other: 1.25 attained, 1.5 certified"),
    ("monotonicity", 0.0, -1.0, None, R, (None, -1), "^-1 is attained .*the claim says 0$"),
    ("monotonicity", 0.0, 0.0, None, S, (None, 0), "inner"),
    ("monotonicity", 0.5, 1.0, 0.75, C, (0.75, 1), "outer"),
    ("monotonicity", -2.0, -3.0, -4.0, R, (-4, -3), "^-3 is attained .*the claim says -2$"),
    ("averagedness", 0.5, INF, INF, R, (INF, INF), "^inf is attained"),
    ("averagedness", 0.5, 0.25, INF, S, (0.25, None), "inner"),
    ("lipschitz", None, 1.0, 1.25, C, (1, 1.25), "^inner; outer$"),
    ("lipschitz", None, 1.0, None, S, (1, None), "nothing bounds it from the other side: the operator is a black box"),
    ("lipschitz", None, 1.0, INF, S, (1, None), "nothing bounds it from the other side: outer"),
    ("lipschitz", None, -INF, None, U, (None, None), "no pair of points"),
    ("lipschitz", None, NAN, None, U, (NAN, None), "NaN"),
    ("averagedness", None, INF, INF, C, (INF, INF), "inner; outer"),
    ("cocoercivity", None, INF, INF, C, (INF, None), "inner; outer"),
    ("cocoercivity", None, 2.0, 1.0, C, (1, 2), "inner; outer"),
    ("cocoercivity", None, INF, None, U, (None, None), "no pair of points"),
    ("monotonicity", None, -2.0, -INF, S, (None, -2), "nothing bounds it"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bound", "attained", "certified", "verdict", "ends", "reason"), TABLE)
def test_the_verdict_on_what_was_found(
    name: str,
    bound: float | None,
    attained: float,
    certified: float | None,
    verdict: Verdict,
    ends: tuple[float | None, float | None],
    reason: str,
) -> None:
    question = Question(name, bound)
    result = answer(question, Found(attained, certified, "inner", "outer", {"x": ["0x0p+0"]}), "T")
    assert result.verdict is verdict, result.reason
    assert repr((result.bracket.lower, result.bracket.upper)) == repr(
        tuple(None if e is None else float(e) for e in ends)
    )
    assert result.bracket.theory == bound and math.copysign(1, result.bracket.theory or 0.0) == math.copysign(
        1, bound or 0
    )
    assert re.search(reason, result.reason), result.reason
    assert (result.claim, result.case, result.witness) == (name, "T", {"x": ["0x0p+0"]})
    if all(end is None or math.isfinite(end) for end in ends):
        again = result_from_json(json.loads(files.as_json(result_as_json(result))))
        assert dataclasses.replace(again, plots=()) == result
    json.loads(files.as_json([evidence.as_json() for evidence in result.bracket.evidence]))


@pytest.mark.parametrize("name", CONSTANTS)
@pytest.mark.parametrize("bound", [None, 0.5])
def test_brackets_stand_upright(name: str, bound: float | None) -> None:
    """The attained end is the lower one of a largest value, and the upper one of a smallest."""
    worse = CONSTANTS[name].worse
    attained, certified = (1.0, 2.0) if worse > 0 else (2.0, 1.0)
    bracket = answer(Question(name, bound), Found(attained, certified, "a", "c"), "T").bracket
    assert (bracket.lower, bracket.theory, bracket.upper) == (1.0, bound, 2.0)
    assert {e.side: e.value for e in bracket.evidence} == {Side.ATTAINED: attained, Side.CERTIFIED: certified}
