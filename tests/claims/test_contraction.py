"""Chapter "contraction": the brackets of single steps, edges, planted errors, the public function."""

import math
from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction as R
from typing import Any

import numpy as np
import pytest

import fbscheck as fb
from fbscheck.certify import instances, kernel
from fbscheck.claims.layers import contraction, contraction_map, controls
from fbscheck.claims.layers.contraction import Step
from fbscheck.errors import InputError
from fbscheck.functions import SquaredL2
from fbscheck.judge import judge
from fbscheck.operators import Linear
from fbscheck.reference import worst_case
from fbscheck.splitting import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.suites.contraction import CASES
from fbscheck.verdict import Verdict, planted

IDS = [f"{k} {type(case.operators).__name__} {case.name}" for k, case in enumerate(CASES)]


def test_the_table_is_long_enough_and_touches_every_edge() -> None:
    assert len(CASES) >= 60
    assert len(
        {(type(c.operators), *c.operators.constants.values(), c.step, c.strong_convexity) for c in CASES}
    ) == len(CASES)
    gradients = [c for c in CASES if isinstance(c.operators, GradientOf)]
    constants = [(c.operators.constants, c.step) for c in gradients]
    assert any(h * (k["mu"] + k["ell"]) == 2 and k["mu"] < k["ell"] for k, h in constants)
    assert any(h * k["ell"] == 2 for k, h in constants)
    assert any(k["mu"] == k["ell"] > 0 for k, _ in constants)
    assert any(k["mu"] == 0 for k, _ in constants)
    cocoercive = [c for c in CASES if isinstance(c.operators, StronglyMonotoneCocoercive)]
    assert any(c.step == 2 * c.operators.constants["beta"] for c in cocoercive)
    assert sum(c.strong_convexity > 0 for c in CASES) >= 10
    assert min(c.step for c in CASES) < 1e-10
    assert max(c.step for c in CASES) > 1e10


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_case_is_proved_and_its_planted_errors_are_refuted(case: Step) -> None:
    claim = contraction.claim_for(case)
    result = contraction.assess(claim, case)
    bracket = result.bracket
    assert result.verdict is Verdict.PROVED
    assert bracket.lower <= bracket.theory <= bracket.upper  # type: ignore[operator]
    assert bracket.upper <= bracket.theory * (1 + 1e-9) + 1e-15  # type: ignore[operator]
    if bracket.theory:
        low = contraction.assess(planted(claim), case, scale=R(99, 100))
        high = contraction.assess(planted(claim), case, scale=R(101, 100))
        assert (low.verdict, high.verdict) == (Verdict.REFUTED, Verdict.REFUTED)


@pytest.mark.parametrize("case", CASES[::7], ids=IDS[::7])
def test_the_witness_attains_its_ratio_in_numpy(case: Step) -> None:
    """The exact instance, run through the package's own operators in floating point."""
    _, witness = contraction.bracket_of(case)
    a, w = (float(R(witness[key])) for key in ("a", "w_squared"))
    matrix = np.array([[a, -math.sqrt(w)], [math.sqrt(w), a]])
    g = SquaredL2(float(case.strong_convexity)) if case.strong_convexity else fb.functions.Zero()
    step = fb.ForwardBackward(Linear(matrix), g, float(case.step))
    x, y = np.array([1.0, 2.0]), np.array([-0.5, 0.25])
    ratio = np.linalg.norm(step(x) - step(y)) / np.linalg.norm(x - y)
    assert ratio == pytest.approx(math.sqrt(instances.attained(witness)[0]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("operators", "step", "sigma", "expected"),
    [
        pytest.param(GradientOf(0.25, 1.0), 1.0, 0.0, 0.75, id="gradient"),
        pytest.param(GradientOf(0.25, 1.0), 1.6, 0.0, 0.6, id="best step 2/(mu+ell)"),
        pytest.param(GradientOf(0.0, 1.0), 2.0, 1.0, 1 / 3, id="strongly convex g"),
        pytest.param(StronglyMonotoneLipschitz(0.6, 1.0), 0.6, 0.0, 0.8, id="Lipschitz, best step"),
        pytest.param(StronglyMonotoneCocoercive(0.5, 1.0), 1.0, 0.0, math.sqrt(0.5), id="cocoercive"),
        pytest.param(StronglyMonotoneCocoercive(0.5, 1.0), 4.0, 0.0, 3.0, id="cocoercive, too long"),
        pytest.param(GradientOf(R(1, 3), R(1, 3)), R(3), 0, 0.0, id="factor zero"),
    ],
)
def test_contraction_factor(operators: object, step: float, sigma: float, expected: float) -> None:
    bracket = fb.contraction_factor(operators, step, sigma)  # type: ignore[arg-type]
    assert bracket.theory == pytest.approx(expected, abs=1e-15)
    assert bracket.lower <= expected * (1 + 1e-15)  # type: ignore[operator]
    assert bracket.upper == pytest.approx(expected, abs=1e-9)
    certificate = bracket.certificate or {}
    closed, program = (kernel.conclude(certificate[key]) for key in ("closed form", "program"))
    assert closed <= program <= R(bracket.upper or 0.0) ** 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param((GradientOf(0.1, 1), 0.0), "Need step > 0, got step=0.0", id="no step"),
        pytest.param((GradientOf(0.1, 1), -1), "Need step > 0, got step=-1", id="negative step"),
        pytest.param((GradientOf(0.1, 1), math.nan), "Need a finite step", id="NaN step"),
        pytest.param((GradientOf(0.1, 1), 1.0, -0.5), "Need strong_convexity >= 0", id="weakly convex"),
    ],
)
def test_bad_steps(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fb.contraction_factor(*arguments)  # type: ignore[arg-type]


def test_swapped_constants_say_so() -> None:
    with pytest.raises(InputError, match=r"Need 0 <= mu <= ell, got mu=2, ell=1.*swapped"):
        GradientOf(2, 1)


def test_the_wrong_regime_is_not_applicable() -> None:
    case = Step(StronglyMonotoneCocoercive(R(1, 10), 1), R(3))
    result = contraction.assess(contraction.COCOERCIVE_SHORT, case)
    assert result.verdict is Verdict.NOT_APPLICABLE
    assert result.reason == "hypothesis h <= 2 beta is not met: off by 1"


@pytest.mark.parametrize(
    ("result", "claimed", "attained"),
    [
        pytest.param(controls.not_a_gradient(R(1)), 0.9, 1.341641, id="N1, h = 1"),
        pytest.param(controls.not_a_gradient(R(20, 11)), 0.818182, 1.985485, id="N1, h = 2/(mu+ell)"),
        pytest.param(controls.spectral_radius(), 0.9, 1.529563, id="N2"),
        pytest.param(controls.not_cocoercive(1), 1.0, 1.414214, id="N3, one layer"),
        pytest.param(controls.not_cocoercive(10), 1.0, 1.051010, id="N3, ten layers"),
        pytest.param(controls.not_cocoercive(100), 1.0, 1.005012, id="N3, a hundred layers"),
        pytest.param(controls.fixed_activation(0.5), 0.0, 0.05, id="N6"),
    ],
)
def test_negative_controls_are_refuted_with_the_known_numbers(result: object, claimed: float, attained: float) -> None:
    assert result.verdict is Verdict.REFUTED  # type: ignore[attr-defined]
    assert result.bracket.theory == pytest.approx(claimed, abs=1e-6)  # type: ignore[attr-defined]
    assert result.bracket.lower == pytest.approx(attained, abs=1e-6)  # type: ignore[attr-defined]
    assert result.witness  # type: ignore[attr-defined]


def test_a_map_of_factors_is_never_below_the_truth() -> None:
    """20 x 20 values of h in (0, 2) and mu in [0, 1], ell = 1, against the exact closed form."""
    excess = []
    for h in np.linspace(0.0, 2.0, 22)[1:-1]:
        for mu in np.linspace(0.0, 1.0, 20):
            squared = max((1 - R(h) * R(mu)) ** 2, (1 - R(h)) ** 2)
            upper = fb.contraction_factor(GradientOf(mu, 1.0), h).upper
            assert upper is not None
            assert R(upper) ** 2 >= squared
            excess.append(upper - math.sqrt(squared))
    assert len(excess) == 400
    assert max(excess) <= 1e-9


@pytest.mark.parametrize(
    "step", [pytest.param(2 + R(1, 10**400), id="beyond 2 beta by 1e-400"), pytest.param(R(10) ** 400, id="huge")]
)
def test_hypotheses_are_compared_exactly(step: R) -> None:
    case = Step(StronglyMonotoneCocoercive(R(1, 10), 1), step)
    assert contraction.assess(contraction.COCOERCIVE_SHORT, case).verdict is Verdict.NOT_APPLICABLE


def test_a_tiny_step_is_a_step() -> None:
    case = Step(GradientOf(R(1, 10), 1), R(1, 10**400))
    assert contraction.GRADIENT.unmet(case) is None


def test_the_control_of_hypotheses_is_stopped() -> None:
    assert controls.long_step().verdict is Verdict.NOT_APPLICABLE
    assert controls.LONG_STEP.holds(Verdict.NOT_APPLICABLE)
    assert not controls.LONG_STEP.holds(Verdict.PROVED)


def test_the_map_catches_a_program_that_is_loose_or_below_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program says of itself is not read: only the record is."""
    assert contraction_map.assess(contraction_map.MAP, 4).verdict is Verdict.CERTIFIED
    for scale in (R(999_999, 1_000_000), R(1_000_001, 1_000_000)):
        assert contraction_map.assess(contraction_map.MAP, 4, scale).verdict is Verdict.REFUTED
    right = worst_case.certify_factor

    def loose(*arguments: object) -> worst_case.Certified:
        found = right(*arguments)  # type: ignore[arg-type]
        terms = [*found.record["terms"], ["lipschitz", 1, 0, "1/1000"]]
        return worst_case.Certified(found.squared, {**found.record, "terms": terms})

    monkeypatch.setattr(worst_case, "certify_factor", loose)
    assert contraction_map.assess(contraction_map.MAP, 4).verdict is Verdict.REFUTED


# -- records about something else ---------------------------------------------------------------

CASE = Step(GradientOf(R(1, 10), R(1)), R(1), R(1, 4))
THEORY = R(9, 10) ** 2 / R(5, 4) ** 2
Change = Callable[[dict[str, Any], dict[str, Any]], None]
SWAPPED: dict[str, Change] = {
    "another step": lambda certificate, witness: certificate["closed form"].update(steps=["1/2"]),
    "two steps": lambda certificate, witness: certificate["closed form"].update(steps=["1", "1"]),
    "the program of another step": lambda certificate, witness: certificate["program"].update(steps=["1/2"]),
    "another sigma": lambda certificate, witness: certificate["program"].update(strong_convexity="1/2"),
    "a smaller class": lambda certificate, witness: certificate["closed form"]["constants"].update(mu="1/5"),
    "the instance of another case": lambda certificate, witness: witness["constants"].update(ell="2"),
    "an instance of two steps": lambda certificate, witness: witness.update(steps=["1", "1"]),
    "an instance outside the class": lambda certificate, witness: witness.update(a="2"),
    "an instance for a proof": lambda certificate, witness: certificate.update(program=witness),
    "a proof for an instance": lambda certificate, witness: witness.update(certificate["program"]),
    "a proof of another kind": lambda certificate, witness: certificate["closed form"].update(kind="gap"),
    "a proof of nothing": lambda certificate, witness: certificate["program"].update(terms=[]),
    "constants in the wrong order": lambda certificate, witness: witness["constants"].update(mu="2"),
}


def test_the_records_themselves_are_accepted() -> None:
    for scale, verdict in ((1, Verdict.PROVED), (R(98, 100), Verdict.REFUTED)):
        bracket = contraction.evaluate(*contraction.propose(CASE), THEORY * scale)
        assert judge(contraction.GRADIENT, bracket)[0] is verdict


@pytest.mark.parametrize("change", SWAPPED.values(), ids=SWAPPED)
def test_swapped_records_are_refused(change: Change) -> None:
    certificate, witness = map(deepcopy, contraction.propose(CASE))
    change(certificate, witness)
    with pytest.raises(kernel.Refusal):
        contraction.evaluate(certificate, witness, THEORY)
