"""Chapter "contraction": many steps; verdicts, planted errors, and records that are not about the same case."""

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction as R
from math import sqrt
from typing import Any

import pytest

from fbscheck.certify import kernel
from fbscheck.claims.layers import many_steps
from fbscheck.claims.layers.many_steps import CLAIMS, FIXED_POINT, TRAJECTORIES, Steps
from fbscheck.errors import SolverError
from fbscheck.judge import judge
from fbscheck.reference import many_steps as programs
from fbscheck.splitting import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.suites.contraction import MANY
from fbscheck.verdict import Rigour, Side, Verdict, planted

TENTH = GradientOf(R(1, 10), R(1))
LONG_SHORT = Steps(TENTH, (R(19, 10), R(1, 10)) * 2)
EQUAL = Steps(TENTH, (R(1),) * 3)
IDS = [f"{k} {case.name}"[:60] for k, case in enumerate(MANY)]


def test_the_table_touches_all_classes_and_edges() -> None:
    assert {type(case.operators) for case in MANY} == {
        GradientOf,
        StronglyMonotoneLipschitz,
        StronglyMonotoneCocoercive,
    }
    assert max(len(case.steps) for case in MANY) >= 20
    assert any(case.strong_convexity for case in MANY)
    assert any(case.product == 0 for case in MANY)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize("case", MANY, ids=IDS)
def test_every_case_is_proved(case: Steps, claim: Any) -> None:
    result = many_steps.assess(claim, case)
    bracket = result.bracket
    assert result.verdict is Verdict.PROVED
    assert bracket.theory == pytest.approx(sqrt(case.product), rel=1e-15)
    assert bracket.lower <= bracket.upper <= bracket.theory * (1 + 1e-9) + 1e-15  # type: ignore[operator]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize(("case", "scale"), [(EQUAL, R(99, 100)), (EQUAL, R(999_999, 1_000_000))])
def test_a_factor_too_small_is_refuted(claim: Any, case: Steps, scale: R) -> None:
    assert many_steps.assess(planted(claim), case, scale).verdict is Verdict.REFUTED


def test_a_factor_too_small_between_trajectories_is_refuted_for_any_steps() -> None:
    for case in MANY:
        if case.product and isinstance(case.operators, GradientOf):
            assert many_steps.assess(planted(TRAJECTORIES), case, R(99, 100)).verdict is Verdict.REFUTED


def test_a_factor_too_large_is_refuted_only_where_it_is_tight() -> None:
    assert many_steps.assess(planted(TRAJECTORIES), LONG_SHORT, R(101, 100)).verdict is Verdict.REFUTED
    assert many_steps.assess(planted(FIXED_POINT), LONG_SHORT, R(101, 100)).verdict is not Verdict.REFUTED


@pytest.mark.parametrize(("scale", "verdict"), [(R(91, 100), Verdict.CERTIFIED), (R(89, 100), Verdict.REFUTED)])
def test_the_program_certifies_less_than_the_product(scale: R, verdict: Verdict) -> None:
    """.7216 = sqrt(.5207) is certified, .7145 attained and .7939 the product: 91% of it is true, 89% is not."""
    result = many_steps.assess(planted(FIXED_POINT), LONG_SHORT, scale)
    assert result.verdict is verdict
    assert result.bracket.upper == pytest.approx(0.7216, abs=1e-4)


def test_the_joint_bound_of_long_and_short_steps_is_far_below_the_product() -> None:
    bracket = many_steps.assess(FIXED_POINT, LONG_SHORT).bracket
    certified = [e for e in bracket.evidence if e.side is Side.CERTIFIED]
    assert [e.rigour for e in certified] == [Rigour.ENCLOSED]
    assert bracket.upper < 0.91 * bracket.theory  # type: ignore[operator]
    assert bracket.lower > 0.98 * bracket.upper  # type: ignore[operator]


def test_no_steps_and_no_length() -> None:
    for steps in ((R(1), R(0)), (R(-1),)):
        assert many_steps.assess(TRAJECTORIES, Steps(TENTH, steps)).verdict is Verdict.NOT_APPLICABLE


def test_a_program_that_fails_leaves_what_the_layers_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise SolverError("planted")

    monkeypatch.setattr(programs, "certify_steps", fails)
    result = many_steps.assess(FIXED_POINT, LONG_SHORT)
    assert result.verdict is Verdict.PROVED
    assert result.bracket.certificate["failure"] == "planted"  # type: ignore[index]


# -- records about something else ---------------------------------------------------------------


def records(claim: Any, case: Steps) -> tuple[dict[str, Any], dict[str, Any]]:
    result = many_steps.assess(claim, case)
    return deepcopy(dict(result.bracket.certificate or {})), deepcopy(dict(result.witness or {}))


OTHER = Steps(GradientOf(R(1, 10), R(11, 10)), LONG_SHORT.steps)
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def from_other(key: str) -> Change:
    def change(certificate: dict[str, Any], witness: dict[str, Any]) -> None:
        certificate[key] = records(FIXED_POINT, OTHER)[0][key]

    return change


SWAPPED: dict[str, Change] = {
    "layers exchanged": lambda certificate, witness: certificate["layers"].reverse(),
    "a layer missing": lambda certificate, witness: certificate["layers"].pop(),
    "a layer more": lambda certificate, witness: certificate["layers"].append(certificate["layers"][0]),
    "a layer twice": lambda certificate, witness: certificate["layers"].__setitem__(1, certificate["layers"][0]),
    "a layer of other constants": lambda certificate, witness: certificate["layers"][0]["constants"].update(ell="2"),
    "layers of another case": from_other("layers"),
    "no layers": lambda certificate, witness: certificate.update(layers=[]),
    "a layer that proves nothing": lambda certificate, witness: certificate["layers"][0].update(terms=[]),
    "a layer of another kind": lambda certificate, witness: certificate["layers"][0].update(kind="eigenvalue"),
    "an instance for a layer": lambda certificate, witness: certificate["layers"].__setitem__(0, witness),
    "the instance of another case": lambda certificate, witness: witness.update(records(FIXED_POINT, OTHER)[1]),
    "an instance of other steps": lambda certificate, witness: witness["steps"].reverse(),
    "an instance of fewer steps": lambda certificate, witness: witness["steps"].pop(),
    "constants in the wrong order": lambda certificate, witness: witness["constants"].update(mu="2"),
}
PROGRAMS: dict[str, Change] = {
    "the program of another case": from_other("program"),
    "the program of other steps": lambda certificate, witness: certificate["program"]["steps"].reverse(),
    "a layer for the program": lambda certificate, witness: certificate.update(program=certificate["layers"][0]),
    "the instance for the program": lambda certificate, witness: certificate.update(program=witness),
    "a program that proves nothing": lambda certificate, witness: certificate["program"].update(terms=[]),
    "not a fixed point": lambda certificate, witness: witness.update(starts=witness["starts"][::-1]),
}


def test_the_records_themselves_are_accepted() -> None:
    for claim in CLAIMS:
        bracket = many_steps.evaluate(claim, *records(claim, LONG_SHORT), LONG_SHORT.product)
        assert judge(claim, bracket)[0] is Verdict.PROVED


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
@pytest.mark.parametrize("change", SWAPPED.values(), ids=SWAPPED)
def test_swapped_records_are_refused(change: Change, claim: Any) -> None:
    certificate, witness = records(claim, LONG_SHORT)
    change(certificate, witness)
    with pytest.raises(kernel.Refusal):
        many_steps.evaluate(claim, certificate, witness, LONG_SHORT.product)


@pytest.mark.parametrize("change", PROGRAMS.values(), ids=PROGRAMS)
def test_swapped_programs_are_refused(change: Change) -> None:
    certificate, witness = records(FIXED_POINT, LONG_SHORT)
    change(certificate, witness)
    with pytest.raises(kernel.Refusal):
        many_steps.evaluate(FIXED_POINT, certificate, witness, LONG_SHORT.product)


def test_two_trajectories_do_not_attain_the_claim_to_a_fixed_point() -> None:
    """Their ratio exceeds what the program certifies; said of a fixed point it would contradict it."""
    certificate, _ = records(FIXED_POINT, LONG_SHORT)
    _, witness = records(TRAJECTORIES, LONG_SHORT)
    with pytest.raises(kernel.Refusal, match="does not start at a fixed point"):
        many_steps.evaluate(FIXED_POINT, certificate, witness, LONG_SHORT.product)
