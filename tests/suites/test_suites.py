"""The built-in suites, small, with another seed than usual: what is claimed holds, planted errors are caught."""

from pathlib import Path

import pytest

from fbscheck.suites import runner
from fbscheck.suites.registry import SUITES


@pytest.mark.parametrize("seed", [5])
@pytest.mark.parametrize("name", list(SUITES))
def test_nothing_is_refuted_or_left_open(name: str, seed: int, tmp_path: Path) -> None:
    suite = SUITES[name]
    finished = runner.run([suite], tmp_path, runner.Settings(size="small", seed=seed))
    assert finished.crashes == ()
    claims = {claim.id: claim for claim in suite.claims}
    wrong = [(r.claim, r.case, r.reason) for r in finished.results if not claims[r.claim].holds(r.verdict)]
    assert wrong == []
    assert {r.claim for r in finished.results} == set(claims), "a claim of the suite was never put to the test"
    crossed = [
        (r.claim, r.case)
        for r in finished.results
        if r.bracket.lower is not None and r.bracket.upper is not None and r.bracket.lower > r.bracket.upper
    ]
    assert crossed == [], "an attained value above a certified bound"
