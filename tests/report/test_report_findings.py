"""The most important findings in words: what failed comes first, and nothing is said that the results do not say."""

from pathlib import Path

import pytest
from report_sample import claim, realistic, result, save

from fbscheck import store
from fbscheck.report import content
from fbscheck.report.findings import FINDINGS_SHOWN
from fbscheck.verdict import Claim, Result, Verdict

A, B, FALSE = (
    claim("a.one", "Alpha", "q", "h > 0"),
    claim("b.two", "Beta", "q"),
    claim("control.no", "No", "q", control=True),
)


def told(folder: Path, claims: list[Claim], results: list[Result]) -> list[str]:
    """The findings of a run of these claims and results, as plain text."""
    run = store.load(save(folder, (claims, results)))
    return [
        "".join(text for text, _ in finding) for finding in content.document(run, content.stems(run.plots)).findings
    ]


CAUGHT = result("control.no", "x", Verdict.REFUTED, 3.0, 1.0)


@pytest.mark.parametrize(
    "results, expected",
    [
        pytest.param([], [], id="nothing was run"),
        pytest.param(
            [result("a.one", "x", Verdict.PROVED, 1.0, 1.0, 1.0), CAUGHT],
            [
                "Exact or outward-rounded arithmetic settles 1 case; it settles the chapter “A” wherever it applies.",
                "Of the false statements, “No” fails most clearly: 3 times what it allows is attained (case x).",
            ],
            id="all is well",
        ),
        pytest.param(
            [
                result("a.one", "x", Verdict.SUPPORTED, 1.0, 1.0),
                result("a.one", "y", Verdict.CERTIFIED, 1.0, 1.0, 1.0),
                result("b.two", "x", Verdict.REFUTED, 2.0, 1.0, None, "2 is attained, the claim says 1"),
                result("b.two", "y", Verdict.UNDECIDED, 0.5, 1.0, 2.0, "the bracket is too wide."),
            ],
            [
                "“Beta” is refuted in 1 of 2 cases: 2 is attained, the claim says 1.",
                "“Beta” stays open in 1 of 2 cases: the bracket is too wide.",
                "Exact or outward-rounded arithmetic settles 1 case, but no chapter as a whole.",
            ],
            id="what failed comes first",
        ),
        pytest.param(
            [
                result("a.one", "x", Verdict.NOT_APPLICABLE, reason="hypothesis h > 0 is not met: off by 1."),
                result("a.one", "y", Verdict.NOT_APPLICABLE, reason="hypothesis h > 0 is not met: off by 1."),
                result("a.one", "z", Verdict.NOT_APPLICABLE, reason="hypothesis h > 0 is not met: off by 2."),
                result("b.two", "x", Verdict.SUPPORTED, 1.0, 1.0),
            ],
            [
                "In 1 of the 1 cases that hold, samples or floating-point numbers agree and guarantee nothing: the "
                "chapter “B”.",
                "“Alpha” does not apply in 3 of 3 cases, in 2 of them: hypothesis h > 0 is not met: off by 1.",
            ],
            id="what does not apply, by its commonest reason",
        ),
        pytest.param(
            [
                result("control.no", "x", Verdict.PROVED, 1.0, 1.0, 1.0),
                result("a.one", "x", Verdict.PROVED, 1.0, 1.0, 1.0),
            ],
            [
                "A false statement was not seen through: “No” (case x). No verdict of this run can be trusted.",
                "Exact or outward-rounded arithmetic settles 1 case; it settles the chapter “A” wherever it applies.",
            ],
            id="a control that slipped through",
        ),
    ],
)
def test_findings(results: list[Result], expected: list[str], tmp_path: Path) -> None:
    assert told(tmp_path, [A, B, FALSE], results) == expected


def test_no_more_than_a_reader_takes_in(tmp_path: Path) -> None:
    claims = [claim(f"a.{i}", f"Claim {i}", "q") for i in range(9)]
    results = [result(f"a.{i}", "x", Verdict.REFUTED, 2.0, 1.0) for i in range(9)]
    assert len(told(tmp_path, claims, results)) == FINDINGS_SHOWN == 3


def test_the_realistic_run(tmp_path: Path) -> None:
    first, second, third = told(tmp_path, list(realistic()[0]), realistic()[1])
    assert first.startswith("“Rate of the objective” is refuted in 1 of 16 cases: 0.0912871 is attained")
    assert second.startswith("“Averagedness of the forward-backward step” stays open in 1 of 8 cases")
    assert third == "Exact or outward-rounded arithmetic settles 123 cases, but no chapter as a whole."
