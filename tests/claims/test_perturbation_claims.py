"""Chapter "perturbation": least values by other routes, verdicts, planted errors, dropped hypotheses, replay."""

from dataclasses import replace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from anchors import decay, driven_limit, turn
from scipy.optimize import minimize

from fbscheck.certify import kernel
from fbscheck.certify.balls import lower, upper
from fbscheck.claims.learning import perturbation
from fbscheck.claims.learning.least_values import least, wells
from fbscheck.claims.learning.perturbation import CONCAVE, DERIVATIVE, INNER, MINIMUM, NEAREST, PATH, ROOT, SMOOTH
from fbscheck.claims.learning.training_case import TrainingCase, objective
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.learning.perturbation import label_derivative, penalty_bound, value_bound
from fbscheck.suites import perturbations as suite
from fbscheck.verdict import Claim, Result, Verdict, planted

Generator = np.random.Generator


def again(claim: Claim, result: Result) -> Result:
    assert result.witness is not None
    return replay(claim, result.case, None, result.witness, dict(result.arrays))


# -- least values, by other routes --------------------------------------------------------------------------


def encloses(value: Any, known: float) -> bool:
    return bool(lower(value) - 1e-15 <= known <= upper(value) + 1e-15 and upper(value) - lower(value) < 1e-15)


@pytest.mark.parametrize("depth", [10, 20, 160, 0])
def test_decay(depth: int) -> None:
    found = least(suite.anchor("decay"), depth)
    value, k = decay(depth or None)
    assert encloses(found.value, value)
    ((_, (s,)),) = found.points
    assert float(s.mid()) == pytest.approx(depth * np.log1p(-k / depth) if depth else -k, rel=1e-12)


@pytest.mark.parametrize("depth", [64, 128, 0])
def test_turn_has_two_minimisers_of_one_value(depth: int) -> None:
    found = least(suite.anchor("turn"), depth)
    value, end = turn(depth or None)
    assert encloses(found.value, value)
    assert [well.sense for well, _ in found.points] == [1, -1]
    for _, u in found.points:
        np.testing.assert_allclose([float(part.mid()) for part in u], [end.real, end.imag], atol=1e-12)


def test_driven() -> None:
    assert encloses(least(suite.anchor("driven"), 0).value, driven_limit())


@pytest.mark.parametrize("label", [0.7, 1.6, 3.0])
def test_other_labels_and_horizons_by_mpmath(label: float) -> None:
    """Of a number that decays over another time, from another start."""
    problem = Problem([2.0], [0.0], [label], Free(1, 1, Zero(), weight=0.0), Lp(0.03), 2)
    x0, y = mp.mpf(2), mp.mpf(label)

    def value(k: mp.mpf) -> mp.mpf:
        return (x0 * mp.exp(-2 * k) - y) ** 2 / 2 + 2 * mp.mpf(0.03) * k**2

    k = mp.findroot(lambda k: mp.diff(value, k), mp.log(x0 / y) / 2)
    assert encloses(least(problem, 0).value, float(value(k)))


@pytest.mark.parametrize("turned", [0.4, 0.9])
def test_the_plane_by_an_optimiser_of_matrices(turned: float) -> None:
    """Twelve layers with a dear penalty, all entries free, from several starts; nothing is below the least value."""
    rng = np.random.default_rng(3)
    label = [0.9 * np.cos(turned), 0.9 * np.sin(turned)]
    problem = replace(suite.anchor("turn", target=label), regulariser=Lp(0.05))
    known = least(problem, 12)
    trained = [
        minimize(
            lambda q: problem.value(q.reshape(12, 6)),
            0.5 * rng.standard_normal(72),
            jac=lambda q: problem.value_and_gradient(q.reshape(12, 6))[1].ravel(),
            tol=1e-12,
        ).fun
        for _ in range(4)
    ]
    assert min(trained) == pytest.approx(float(known.value.mid()), abs=1e-9)
    assert min(trained) > lower(known.value) - 1e-14


def test_one_layer_is_ridge_regression() -> None:
    rng = np.random.default_rng(1)
    x0, target, b = rng.standard_normal((3, 3, 9))
    problem = Problem(x0, b, target, Free(3, 3, Zero(), weight=0.0), Lp(0.1), 0.5)
    data = np.vstack([x0, b])
    whole = np.hstack([-0.5 * data / 3, np.sqrt(2 * 0.1 * 0.5) * np.eye(6)])
    wanted = np.hstack([(target - x0) / 3, np.zeros((3, 6))])
    rest = wanted.T - whole.T @ np.linalg.lstsq(whole.T, wanted.T, rcond=None)[0]
    assert float(least(problem, 1).value.mid()) == pytest.approx(np.sum(rest**2) / 2, rel=1e-13)


UNKNOWN = {
    "two samples": (Problem(np.ones((1, 2)), [0.0], [0.5], Free(1, 1, Zero(), weight=0.0), Lp(0.1), 1), 4),
    "a prox": (Problem([1.0], [0.0], [0.5], Free(1, 1, L1(1.0), weight=1.0), Lp(0.1), 1), 4),
    "driven, of finite depth": (suite.anchor("driven"), 8),
    "few layers, cheap parameters": (suite.anchor("turn"), 16),
    "a label on the start's ray": (suite.anchor("turn", target=[0.9, 0.0]), 64),
    "a label behind the origin": (suite.anchor("decay", target=[-1.0]), 64),
}


@pytest.mark.parametrize(("problem", "depth"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_is_refused(problem: Problem, depth: int) -> None:
    with pytest.raises(kernel.Refusal):
        least(problem, depth)


# -- verdicts -----------------------------------------------------------------------------------------------

CASES = suite.least_cases()


@pytest.mark.parametrize(("claim", "case"), CASES, ids=[f"{claim.id}, {case.name}" for claim, case in CASES])
def test_known_minima(claim: Claim, case: TrainingCase) -> None:
    result = perturbation.assess(claim, case)
    assert result.verdict is (Verdict.REFUTED if claim.control else Verdict.CERTIFIED), result.reason
    assert again(claim, result) == result


@pytest.mark.parametrize("claim", [MINIMUM, ROOT, CONCAVE], ids=lambda claim: claim.id)
def test_bounds_are_attained_without_data(claim: Claim) -> None:
    case = replace(suite.silent(), sizes=(2.0**-10, 2.0**-9))
    result = perturbation.assess(claim, case)
    assert result.verdict is Verdict.CERTIFIED and (result.bracket.lower or 0) > 0.998
    wrong = perturbation.assess(planted(claim), case, 0.99)
    assert wrong.verdict is Verdict.REFUTED and again(planted(claim), wrong) == wrong


def test_more_than_concave_is_refuted_by_a_network_that_learns_nothing() -> None:
    """Planted: less than half of the square; the second difference is that of the labels alone."""
    assert perturbation.assess(planted(CONCAVE), suite.silent(), 0.99).bracket.lower == 1.0


@pytest.mark.parametrize("kind", suite.KINDS)
def test_given_parameters(kind: str, rng: Generator = np.random.default_rng(4)) -> None:
    """At depths from 4 to 64, by one bound; the largest ratio is that of values in float64."""
    problem = suite.drawn(kind, 3, 4, 0.5, rng)
    theta = 0.2 * rng.standard_normal((1, 4, problem.family.count))
    sizes = (2.0**-20, 2.0**-10, 2.0**-3)
    case = TrainingCase(kind, problem, (4, 16, 64), theta, suite.noise(problem, rng), sizes)
    result = perturbation.assess(PATH, case)
    assert result.verdict is Verdict.CERTIFIED and again(PATH, result) == result
    assert "9 ratios" in result.reason and "of which 0 above 1" in result.reason
    ratios = []
    for depth in case.depths:
        layers = np.repeat(theta[0], depth // 4, axis=0)
        for size in sizes:
            other = case.moved(size)
            ratios.append(abs(other.value(layers) - problem.value(layers)) / value_bound(problem, other))
    assert max(ratios) == pytest.approx(result.bracket.lower or 0, rel=1e-5)


def test_parameters_beyond_the_level_are_not_covered() -> None:
    """The hypothesis says by how much; without it the bound is exceeded."""
    problem = suite.drawn("linear", 3, 4, 0.5, np.random.default_rng(4))
    large = problem.family.parameters(-40.0 * np.eye(3)[None], np.zeros((1, 3, 2)))  # type: ignore[attr-defined]
    case = TrainingCase("large", problem, (64,), large[None], suite.noise(problem, np.random.default_rng(1)), (0.125,))
    assert r"a int | theta |^2 <= M is not met" in perturbation.assess(PATH, case).reason
    wrong = perturbation.assess(suite.wrong(PATH), case)
    assert wrong.verdict is Verdict.REFUTED and again(suite.wrong(PATH), wrong) == wrong


@pytest.mark.parametrize("kind", ["l1", "damped"])
def test_trained_networks_support_and_nearly_attain(kind: str) -> None:
    """The best of some networks for each label: slopes up to .95 of what is possible, and none beyond."""
    (task,) = (task for task in suite.tasks("small") if task.name == f"learning: stretched labels, {kind}, N=8")
    results = task.run(task.generator(0))
    assert [result.verdict for result in results] == [Verdict.SUPPORTED] * 2
    claims = {claim.id: claim for claim in suite.CLAIMS}
    assert [again(claims[result.claim], result).verdict for result in results] == [Verdict.SUPPORTED] * 2
    assert 0.9 < (results[0].bracket.lower or 0) < 1


def test_a_worse_training_decides_nothing() -> None:
    """Untrained parameters for one of two labels contradict the bound, in floating point: that refutes no theory."""
    problem = suite.drawn("linear", 3, 4, 0.1, np.random.default_rng(2))
    good = problem.train(4, coarsest=4).parameters
    bad = np.random.default_rng(0).standard_normal(good.shape)
    change = suite.change(problem, target=problem.target)
    case = TrainingCase("two", problem, parameters=np.stack([good, bad]), change=change, sizes=(0.0, 2.0**-6))
    assert perturbation.assess(ROOT, case).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("turned", "value", "other"), [(0.1, 0.045789, 0.052008), (0.01, 0.048539, 0.049161), (0.001, 0.048818, 0.048880)]
)
def test_the_best_sense_jumps_where_the_label_passes_the_opposite_point(
    turned: float, value: float, other: float
) -> None:
    label = [np.cos(np.pi - turned), np.sin(np.pi - turned)]
    case = TrainingCase("beside", suite.anchor("turn", target=label), (64,))
    result = perturbation.assess(INNER, case)
    assert result.verdict is Verdict.REFUTED and again(INNER, result) == result
    assert (result.bracket.theory, result.bracket.lower) == (
        pytest.approx(value, abs=6e-7),
        pytest.approx(other, abs=6e-7),
    )
    assert least(case.problem, 64).points[0][0].sense == 1
    mirrored = suite.anchor("turn", target=[label[0], -label[1]])
    assert least(mirrored, 64).points[0][0].sense == -1


def test_the_derivative_by_labels_is_that_of_training() -> None:
    """Danskin's number from :func:`label_derivative` at equal layers, and in the limit: -.0869920."""
    problem = suite.anchor("decay")
    for depth in (20, 160):
        ((_, (s,)),) = least(problem, depth).points
        k = depth * (1 - np.exp(float(s.mid()) / depth))
        theta = np.tile([k, 0.0], (depth, 1))
        assert objective(problem, theta) - least(problem, depth).value < 1e-15
        own = label_derivative(problem, theta, [[1.0]])
        near = [least(replace(problem, target=[0.2 + t]), depth).value for t in (1e-5, -1e-5)]
        assert own == pytest.approx(float(((near[0] - near[1]) / 2e-5).mid()), rel=1e-8)
    ((well, u),) = least(problem, 0).points
    assert 0.2 - float(well.output(u)[0].mid()) == pytest.approx(-0.0869920, abs=1e-7)


def test_labels_that_round_have_no_middle() -> None:
    problem = suite.anchor("decay")
    case = TrainingCase("rounded", problem, (0,), change=suite.change(problem, target=1.0), sizes=(1e-6,))
    assert "= 2y is not met" in perturbation.assess(CONCAVE, case).reason


def test_both_senses_are_there_for_one_label_only() -> None:
    values = [well.bottom()[0] for well in wells(suite.anchor("turn", target=[-1.0, 0.01]), 64)]
    assert values[0] < values[1]
    turned = TrainingCase("turn", suite.anchor("turn"), (64,), change=None)
    with pytest.raises(InputError, match="a change of the data, got none"):
        perturbation.assess(NEAREST, replace(turned, sizes=(0.125,)))


@pytest.mark.parametrize("claim", [ROOT, CONCAVE, DERIVATIVE], ids=lambda claim: claim.id)
def test_only_labels_may_move_where_nothing_is_said_of_other_data(claim: Claim) -> None:
    """A start that moves, too, would refute a true claim."""
    problem = suite.anchor("decay", target=[0.25])
    by = suite.change(problem, x0=2.0, target=2.0**-6)
    result = perturbation.assess(claim, TrainingCase("start", problem, (20,), change=by, sizes=(0.25, 0.125)))
    assert result.verdict is Verdict.NOT_APPLICABLE and "Delta x_0 = 0" in result.reason


def test_a_quotient_of_labels_that_round_refutes_nothing() -> None:
    problem = suite.anchor("decay")
    case = TrainingCase("rounded", problem, (20,), change=suite.change(problem, target=1.0), sizes=(1e-12,))
    assert perturbation.assess(DERIVATIVE, case).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("off", [1e-45, 2.0**-200])
def test_values_too_near_to_tell_make_no_two_minimisers(off: float) -> None:
    """The label is above the axis, and only one sense is best: moved labels have minimisers far from it."""
    problem = suite.anchor("turn", target=[-1.0, off])
    case = TrainingCase("tie", problem, (64,), change=suite.change(problem, target=[0.0, 1.0]), sizes=(-(2.0**-10),))
    with pytest.raises(kernel.Refusal, match="which points are minimisers"):
        perturbation.assess(NEAREST, case)


@pytest.mark.parametrize("claim", [PATH, MINIMUM], ids=lambda claim: claim.id)
def test_states_are_bounded_from_where_r_is_least(claim: Claim) -> None:
    family = Free(1, 1, Box(1.0, 2.0), weight=1.0)
    problem = Problem([1.0], [0.0], [0.5], family, Lp(0.1), 1)
    case = TrainingCase("off", problem, (4,), np.zeros((1, 1, 2)), suite.change(problem, target=1.0), (0.125,))
    result = perturbation.assess(claim, case)
    assert result.verdict is Verdict.NOT_APPLICABLE and "argmin" in result.reason


@pytest.mark.parametrize("depth", [0, 6])
def test_layers_hold_all_parameters(depth: int) -> None:
    problem = suite.drawn("linear", 3, 4, 0.5, np.random.default_rng(4))
    theta = np.zeros((1, 4, problem.family.count))
    by = suite.noise(problem, np.random.default_rng(1))
    with pytest.raises(InputError, match="a multiple of 4 layers"):
        perturbation.assess(PATH, TrainingCase("cut", problem, (depth,), theta, by, (0.125,)))


# -- the bound ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_rounded_up(seed: int) -> None:
    """Never below the same formula at 60 digits, and hardly above."""
    rng = np.random.default_rng(seed)
    problem = suite.drawn("l1", 3, 5, float(rng.uniform(0.01, 1)), rng)
    case = TrainingCase(
        "some", problem, change=tuple(rng.standard_normal(p.shape) for p in (problem.x0, problem.b, problem.target))
    )  # type: ignore[arg-type]
    other = case.moved(10.0 ** -int(rng.integers(0, 12)))
    with mp.workdps(60):

        def norms(x: np.ndarray) -> list[mp.mpf]:
            return [mp.sqrt(mp.fsum(mp.mpf(v) ** 2 for v in column)) for column in x.T.tolist()]

        def exact(x: np.ndarray, y: np.ndarray) -> list[mp.mpf]:
            pairs = zip(x.T.tolist(), y.T.tolist(), strict=True)
            return [
                mp.sqrt(mp.fsum((mp.mpf(v) - mp.mpf(w)) ** 2 for v, w in zip(*pair, strict=True))) for pair in pairs
            ]

        both = (problem, other)
        level = max(mp.fsum((x + y) ** 2 for x, y in zip(norms(p.x0), norms(p.target), strict=True)) / 10 for p in both)
        c = mp.sqrt(level / mp.mpf(problem.regulariser.a))  # type: ignore[attr-defined]
        e, terms = mp.exp(c), []
        reach = [
            [e * (x + c * b) + y for x, b, y in zip(norms(p.x0), norms(p.b), norms(p.target), strict=True)]
            for p in both
        ]
        moved = [exact(getattr(problem, name), getattr(other, name)) for name in ("x0", "b", "target")]
        for r, s, x, b, y in zip(*reach, *moved, strict=True):
            terms.append(max(r, s) * (e * x + e * c * b + y))
        known = mp.fsum(terms) / 5
        found = mp.mpf(value_bound(problem, other))
        assert known <= found <= known * (1 + mp.mpf("1e-10"))
        assert level <= mp.mpf(penalty_bound(problem, other)) <= level * (1 + mp.mpf("1e-10"))


def test_a_bound_beyond_float64_is_infinite_and_no_change_moves_nothing() -> None:
    far = Problem([1e3], [0.0], [1e3], Free(1, 1, Zero(), weight=0.0), Lp(0.01), 1)
    assert value_bound(far, replace(far, x0=[1e3 + 1])) == np.inf
    assert value_bound(far, far) == 0.0
    near = suite.anchor("decay")
    assert value_bound(near, near) == 0.0
    assert value_bound(near, replace(near, b=[5e-324])) > 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"name": 3}, "the name is no text", id="name"),
        pytest.param({"depths": [1.5]}, "number of layers", id="depth"),
        pytest.param({"more": 1}, "more than a training problem", id="more"),
        pytest.param({"a": "0"}, "a > 0", id="no penalty"),
        pytest.param({"horizon": "-1"}, "horizon > 0", id="horizon"),
        pytest.param({"change": ["x"] * 3}, "malformed", id="no such array"),
    ],
)
def test_malformed_witnesses_are_refused(change: dict[str, Any], reason: str) -> None:
    result = perturbation.assess(ROOT, suite.silent())
    assert result.witness is not None
    witness = {"training problem": {**result.witness["training problem"], **change}}
    with pytest.raises(kernel.Refusal, match=reason):
        replay(ROOT, result.case, None, witness, dict(result.arrays))


def test_smooth_and_planted_claims_have_cases() -> None:
    assert {claim.id for claim, _ in CASES} >= {SMOOTH.id, f"planted.{NEAREST.id}", f"planted.{DERIVATIVE.id}"}
