"""The audit against tampering: every value of every kind of certificate, witness, result and array is changed.

A tamperer who leaves hashes and seal as they were must always be refused.  One who renews all of them may
only get away with what is still true, and proved by what is stored: ``TRUE_ALL_THE_SAME`` says what, and why.
"""

import fnmatch
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tampering import ALL, CLAIMS, Stored, refusals, refuses, tampered

from fbscheck import store
from fbscheck.archive import Arrays, describe
from fbscheck.audit.names import require_named
from fbscheck.certify import instances
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.catalogue import nonconvex, promises, prox, sections
from fbscheck.claims.fixed_points import fixed_point, iterates, minimisers
from fbscheck.claims.fixed_points.problems import Problem
from fbscheck.claims.layers import contraction, contraction_map, controls, many_steps
from fbscheck.claims.layers.contraction import Step
from fbscheck.claims.layers.many_steps import Steps
from fbscheck.claims.learning import (
    gamma_parts,
    gamma_rate,
    global_minima,
    gradients,
    interpolation,
    learning_anchors,
    learning_controls,
    optimality,
    perturbation,
    tied,
    trained_paths,
)
from fbscheck.claims.learning.anchors import Anchor
from fbscheck.claims.learning.training_case import TrainingCase
from fbscheck.claims.limits import deep_limit, deep_limit_constants, deep_limit_controls
from fbscheck.claims.networks import flow, lipschitz, local, methods, stability, stability_controls, weighted
from fbscheck.claims.replay import routes
from fbscheck.claims.sparse_recovery import coherence, recovery, recovery_controls
from fbscheck.claims.sparse_recovery.signals import Recovery
from fbscheck.functions import L1, ArgumentScaled, GroupL2, Zero
from fbscheck.functions.nonconvex import NONCONVEX
from fbscheck.learning import H1, Alista
from fbscheck.learning import Problem as Learning
from fbscheck.learning.optimality import projected
from fbscheck.network import Network
from fbscheck.operators import LeastSquares, Logistic
from fbscheck.splitting.classes import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.suites import (
    boxes,
    catalogue_operators,
    catalogue_sections,
    data,
    gamma,
    minima,
    minimality,
    network,
    perturbations,
)
from fbscheck.suites import deep_limit as limit_suite
from fbscheck.suites.catalogue import CASES as FUNCTIONS
from fbscheck.suites.dictionaries import dictionary
from fbscheck.suites.prox import CASES
from fbscheck.suites.registry import SUITES
from fbscheck.verdict import Claim, Result, Verdict, planted

R = Fraction
SMALL = R(99, 100)
GRADIENT = GradientOf(R(1, 10), 1)
MATRIX, TARGET = np.array([[1.0, 0.5], [0.0, 2.0], [1.0, 1.0]]), np.array([1.0, -1.0, 0.5])
LASSO = Problem("LASSO", LeastSquares(MATRIX, TARGET), L1(0.125))
GROUP = Problem("group LASSO", LeastSquares(MATRIX, TARGET), GroupL2([0, 0], 0.125))
LOGISTIC = Problem("logistic", Logistic(MATRIX, np.array([1.0, -1.0, 1.0])), L1(0.125))


def one_step() -> list[Result]:
    cases = (
        Step(GRADIENT, R(1)),
        Step(StronglyMonotoneLipschitz(R(1, 10), 1), R(1, 5), R(1, 3)),
        Step(StronglyMonotoneCocoercive(R(1, 10), 1), R(1)),
        Step(StronglyMonotoneCocoercive(R(1, 10), 1), R(3)),
    )
    return [
        *(contraction.assess(contraction.claim_for(case), case) for case in cases),
        contraction.assess(planted(contraction.GRADIENT), cases[0], SMALL),
        controls.not_a_gradient(R(1)),
    ]


def several_steps() -> list[Result]:
    alternating, equal = Steps(GRADIENT, (R(19, 10), R(1, 10))), Steps(GRADIENT, (R(1), R(1)), R(1, 4))
    return [
        *(many_steps.assess(claim, case) for claim in many_steps.CLAIMS for case in (alternating, equal)),
        many_steps.assess(planted(many_steps.FIXED_POINT), equal, SMALL),
        contraction_map.assess(contraction_map.MAP, 2),
        contraction_map.assess(planted(contraction_map.MAP), 2, SMALL),
    ]


def proximal() -> list[Result]:
    case, rng = CASES[3], np.random.default_rng(3)
    wrong = [planted(claim) for claim in prox.CLAIMS]
    return prox.assess(case, prox.CLAIMS, 8, rng) + prox.assess(case, wrong, 8, rng, 0.99)


def catalogued() -> list[Result]:
    by_name, rng = {case.name: case for case in FUNCTIONS}, np.random.default_rng(3)
    wrong = [planted(claim, "an error of 1%") for claim in (promises.OPTIMALITY, promises.CONJUGATE)]
    return [
        *promises.assess(by_name["OWL"], (promises.OPTIMALITY, promises.LIPSCHITZ, promises.INPUT), 8, rng),
        *promises.assess(by_name["distance to a ball"], wrong, 8, rng, 0.99),
        *nonconvex.assess(NONCONVEX[2], 50, rng),
        sections.assess(sections.INVERSE, by_name["nonnegative orthant"]),
        sections.assess(catalogue_sections.PLANTED[0], by_name["box"], 0.99),
    ]


def other_controls() -> list[Result]:
    return [controls.spectral_radius(), controls.not_cocoercive(3), controls.fixed_activation(0.5)]


def recovered() -> list[Result]:
    """On [I, H/2] of order 4 with s = 1, mu~ = 1/2; the signal e_1 attains the rate, and noise on it the floor."""
    name, drawn = "identity and Hadamard 4 x 8", "Gaussian 3 x 5, seed 0"
    A, signals, noise = dictionary(name), np.zeros((8, 2)), np.zeros((4, 2))
    signals[0], signals[5, 1], noise[0, 0] = (1.0, 0.0), -0.5, -0.125
    plain = Recovery(name, A, A, 0.5, 1, np.ones(3), signals)
    noisy = Recovery(name, A, A, 0.5, 1, np.ones(30), signals, noise, 0.125)
    short = Recovery(name, A, A, 0.5, 1, np.full(2, 2.0**-7), signals)
    large = Recovery(name, A, A, 0.5, 2, np.ones(20), np.eye(8)[:, :1] + np.eye(8)[:, 1:2])
    reach = coherence.reach_of("three directions", dictionary("three directions"))
    layer = weighted.Layer("expands", np.array([[1.0, -10.0], [0.0, 1.0]]), R(1, 10), R(1, 4))
    return [
        *recovery.assess(plain, (recovery.RATE, recovery.SUPPORT, recovery.ADAPTED)),
        *recovery.assess(noisy, (recovery.NOISE,)),
        *recovery.assess(short, (recovery.DEEP_LIMIT, planted(recovery.DEEP_LIMIT)), 0.99)[1:],
        *coherence.assess(reach, coherence.CLAIMS),
        *coherence.assess(reach, tuple(map(planted, coherence.CLAIMS)), 0.99),
        recovery_controls.small_threshold(plain),
        recovery_controls.beyond(large),
        recovery_controls.unfitting(20),
        recovery_controls.frobenius(drawn, dictionary(drawn), coherence.reach_of(drawn, dictionary(drawn)).weights),
        weighted.assess(weighted.WEIGHTED, layer),
        *(weighted.assess_best(claim, layer) for claim in (weighted.DIAGONAL, weighted.FULL)),
    ]


def solved(problem: Problem, claims: tuple[Claim, ...], scale: float = 1.0) -> list[Result]:
    return fixed_point.assess(problem, claims, np.random.default_rng(1), scale)


def fixed_points() -> list[Result]:
    points = (minimisers.VALUE, minimisers.DISTANCE, minimisers.AGREEMENT, minimisers.RESIDUAL)
    return [
        *solved(LASSO, (*points, minimisers.SENSITIVITY)),
        *solved(GROUP, points[:1]),
        *solved(LOGISTIC, points[:1]),
        *solved(LASSO, tuple(map(planted, points[:2])), 0.99),
    ]


def all_iterates() -> list[Result]:
    banach, rate, steps, sums = data.extremal()
    return [
        *solved(LASSO, iterates.CLAIMS),
        *solved(rate, (iterates.RATE,)),
        *solved(banach, (planted(iterates.APRIORI),), 0.99),
        *solved(sums, (planted(minimisers.SENSITIVITY),), 0.99),
    ]


def networks() -> list[Result]:
    extremal, drawn = dict(network.extremal()), network.cases("LISTA", 2, 2, np.random.default_rng(1))
    return [
        *(stability.assess(claim, pair) for claim, pair in drawn.items()),
        stability.assess(stability.START, extremal[stability.START]),
        stability.assess(stability.ENERGY, extremal[stability.ENERGY]),
        stability.assess(planted(stability.PARAMETERS), extremal[stability.PARAMETERS], 0.99),
    ]


def flows() -> list[Result]:
    (path,) = network.paths((4,), np.random.default_rng(1))
    (_, line), (_, turn), *_ = network.extremal_paths(4)
    return [
        *(flow.assess(claim, path) for claim in flow.CLAIMS),
        flow.assess(flow.FLOW, line),
        flow.assess(planted(flow.UNIFORM), turn, 0.99),
        *(stability_controls.assess(claim, 10) for claim in stability_controls.CONTROLS),
    ]


def stretched() -> list[Result]:
    found = lipschitz.stretched("some LISTA", network.drawn("LISTA", 3, 3, np.random.default_rng(1)))
    wide = lipschitz.stretched("wide LISTA", network.drawn("LISTA", 6, 8, np.random.default_rng(1)))
    line = lipschitz.stretched("extremal: x' = -x + b, stretched", Network([[[1]]], [[[1]]], [0], Zero(), 0.5))
    return [
        lipschitz.assess(lipschitz.INJECTED, *found),
        lipschitz.assess(lipschitz.TIGHT, *found),
        lipschitz.assess_samples(wide[0]),
        lipschitz.assess(planted(lipschitz.INJECTED), *line, 0.99),
    ]


def compared() -> list[Result]:
    """A method that searches for nothing and one that does, on networks of one layer or two."""
    small = network.drawn("LISTA", 2, 2, np.random.default_rng(1))
    witnesses, rows = methods.compared("some LISTA", small)
    start, bounds = methods.compared("two lines", network.lines(), "x0", programs=False)
    line, exact = methods.compared("x' = -x + b", Network([[[1]]], [[[1]]], [0], Zero(), 0.5), programs=False)
    fed = Network([[[0]], [[0]]], [[[64]], [[1]]], [0, 0], Zero(), 2)
    dropped, _ = methods.compared("first layer", fed, programs=False)
    known = {row.name: row for row in rows}
    averaged = next(row for row in bounds if row.name == methods.PIECES)
    return [
        *(methods.assess(methods.METHODS, witnesses, known[name]) for name in (methods.PIECES, methods.LIPSDP)),
        methods.assess(methods.AVERAGED, start, averaged),
        methods.between(methods.BETWEEN, "two lines", network.lines()),
        methods.assess(planted(methods.METHODS), line, exact[1], 0.99),
        methods.dropped(dropped, "sum of injected products"),
    ]


def boxed() -> list[Result]:
    small, start, centre = network.drawn("LISTA", 4, 4, np.random.default_rng(3)), np.zeros(4), np.array([0.6, -0.8])
    pair = local.elsewhere(small, start)
    cut, wide = (
        local.box_around("some box", small, start, centre, np.full(2, size), pair, parts, 40)
        for size, parts in ((0.0625, 3), (1.0, 1))
    )
    return [
        local.assess(local.LOCAL, *cut),
        local.assess(local.DERIVATIVE, *wide),
        local.assess(planted(local.LOCAL), *boxes.linear(), 0.99),
    ]


def limits() -> list[Result]:
    drawn, known = limit_suite.cases("box", 2, 2, np.random.default_rng(1)), dict(limit_suite.constants())
    (_, shrunk), polygon = limit_suite.extremal()[1], known[deep_limit_constants.NODAL]
    return [
        *(deep_limit.assess(claim, drawn[claim]) for claim in (deep_limit.CERTIFIED, deep_limit.INITIAL)),
        *(deep_limit_constants.assess(claim, instance) for claim, instance in known.items()),
        deep_limit.assess(deep_limit.PLANTED[1], shrunk),
        deep_limit_constants.assess(deep_limit_constants.PLANTED[0], polygon),
        *(deep_limit_controls.assess(claim, 64) for claim in deep_limit_controls.CONTROLS[::3]),
    ]


def learned() -> list[Result]:
    """Trained networks of eight layers, short sequences, controls."""
    driven = Anchor("driven", 8)
    theta = driven.problem.train(8, tolerance=1e-9, progress=1e-14).parameters
    rng = np.random.default_rng(2)
    known = (gamma.sequence(kind, depth, rng) for kind, depth in (("waves", 4), ("averages", 16)))
    waves, averages = (replace(case, name=f"some {case.name}") for case in known)
    return [
        *(learning_anchors.assess(claim, driven, theta) for claim in learning_anchors.TRAINED),
        learning_anchors.assess(learning_anchors.LEADING, Anchor("decay", 2**20)),
        learning_anchors.assess(planted(learning_anchors.SHIFT), Anchor("decay", 2**20), scale=0.99),
        gamma_rate.assess(gamma_rate.RATE, driven, theta),
        gamma_rate.assess(gamma_rate.HALVED, driven),
        *(gamma_parts.assess(claim, waves) for claim in (gamma_parts.LOSSES, gamma_parts.LIMINF)),
        *(gamma_parts.assess(claim, averages) for claim in (gamma_parts.LIMSUP, gamma_parts.RECOVERY)),
        gamma_parts.assess(planted(gamma_parts.COERCIVE), gamma.extremal()[-1][1], 0.99),
        interpolation.assess(interpolation.SLOPES, interpolation.Nodes("some", rng.standard_normal((5, 2)), 2)),
        *(learning_controls.assess(claim, 64) for claim in learning_controls.CONTROLS[::2]),
        tied.assess(tied.TIED, tied.alternating(4)),
    ]


def least() -> list[Result]:
    """Constant paths and one sample, of few layers."""
    rng = np.random.default_rng(3)
    found = minima.alista(2, 2, 2, rng).constant_minimum(2, gap=0.0098)
    problem = minima.one_sample("data", rng)
    best = problem.train(16, coarsest=4, tolerance=1e-10, progress=1e-15).parameters
    trained = global_minima.Training("one sample", problem), best
    return [
        global_minima.covered(global_minima.CONSTANT, "ALISTA", found),
        global_minima.covered(planted(global_minima.CONSTANT), "ALISTA", found, 0.99),
        global_minima.assess(global_minima.ALL_PATHS, *trained),
        global_minima.assess(planted(global_minima.ALL_PATHS), *trained, 0.99),
    ]


def studied() -> list[Result]:
    """Straight paths at depths 2, 4 and 8."""
    rng, A = np.random.default_rng(6), np.array([[0.8, -0.3]])
    x = rng.standard_normal((2, 4))
    family, penalty = Alista(A, A, L1(1.0)), H1(0.02, 0.02)
    first, rest = (Learning(0 * x[:, k], A @ x[:, k], x[:, k], family, penalty, 2) for k in (slice(2), slice(2, 4)))
    study = trained_paths.Study("some study", first, rest, np.array([1.0, 0.1]), (2, 4, 8), 2)
    theta = tuple(np.linspace([1.5, 0.1], [1.0, 0.2 + 0.1 / n], n + 1) for n in study.depths)
    case = trained_paths.TrainedPaths(study, theta)
    claims = (trained_paths.PATHS, trained_paths.HELD_OUT, trained_paths.PLANTED[3])
    return [trained_paths.assess(claim, case) for claim in claims]


def perturbed() -> list[Result]:
    """Moved data of networks whose least values are known, given and trained parameters, derivatives."""
    rng = np.random.default_rng(3)
    silent = {row[0].id: row[1:] for row in perturbations.extremal()}
    label = perturbations.anchor("decay", target=[0.25])
    across = perturbations.anchor("turn")
    near = TrainingCase("some label", label, (0,), change=perturbations.change(label, target=1.0), sizes=(0.125,))
    by = perturbations.change(across, target=[0.0, 1.0])
    turned = TrainingCase("some turn", across, (0,), change=by, sizes=(2.0**-10,))
    problem = perturbations.drawn("l1", 2, 1, 0.5, rng)
    theta = 0.1 * rng.standard_normal((2, problem.family.count))
    data = perturbations.noise(problem, rng)
    given = TrainingCase("some network", problem, (2,), theta[None], data, (0.125,))
    adjoint = np.stack([theta, problem.value_and_gradient(theta)[1]])
    pair = TrainingCase("some parameters", problem, parameters=np.stack([theta, projected(problem, theta)]))
    rotor, turning = minimality.rotor(8, rng)
    return [
        perturbation.assess(perturbation.PATH, given),
        *(perturbation.assess(claim, near) for claim in (perturbation.NEAREST, perturbation.DERIVATIVE)),
        perturbation.assess(perturbation.ROOT, *silent[perturbation.ROOT.id]),
        perturbation.assess(planted(perturbation.CONCAVE), *silent[f"planted.{perturbation.CONCAVE.id}"]),
        perturbation.assess(perturbation.SMOOTH, turned),
        optimality.assess(optimality.PROJECTION, pair),
        optimality.assess(optimality.FLOW, TrainingCase("some rotor", rotor, parameters=turning[None])),
        gradients.assess(gradients.ADJOINT, replace(pair, parameters=adjoint)),
    ]


KINDS: dict[str, Callable[[], list[Result]]] = {
    made.__name__: made
    for made in (
        one_step,
        several_steps,
        proximal,
        catalogued,
        other_controls,
        fixed_points,
        all_iterates,
        networks,
        flows,
        stretched,
        compared,
        boxed,
        recovered,
        limits,
        learned,
        perturbed,
        least,
        studied,
    )
}

SECONDS = "how long it took; nobody can check it, and nothing rests on it"
LABEL = "says of the run what nobody can check from its files; no number rests on it"
ORDER = "the same terms in another order have the same sum"
OTHER_PROOF = "another record, rechecked, that proves the same number after rounding"
OTHER_INSTANCE = "another member of the class, rechecked, that attains the same number"
OTHER_SAMPLE = "another sample, rechecked, at which the claim is missed or kept by the same number"
STATED = "a measure over samples, which are not stored: it is taken as stated, and only supports"
UNCONCERNED = "the claim is about the minimiser, which does not depend on it; a known name fixes it all the same"
OTHER_DATA = "the same numbers, recomputed, hold of the data as they now are; known names fix their data"
PROPOSED = "a point to compare with, whoever found it: the stated number was recomputed from it"
MATRICES = "the claim is about the matrices of the network alone; a known name fixes the rest all the same"
NO_SLOPES = "the claim is about paths without slopes, whose weight changes nothing; a known name fixes it all the same"
COUNT = "how many iterates were computed, beyond those that this result is about"

TRUE_ALL_THE_SAME: dict[str, str] = {
    "*|results|results/seconds|*": SECONDS,
    "*|results|versions*|*": LABEL,
    "*|results|seed|*": LABEL,
    "*contraction.*|certificates|*terms|swapped": ORDER,
    "control.not-a-gradient|certificates|*terms|swapped": ORDER,
    "*contraction.map|certificates|records/terms|deleted": OTHER_PROOF,
    "contraction.t*|witnesses|starts|*": OTHER_INSTANCE,
    "contraction.trajectories|witnesses|points|*": OTHER_INSTANCE,
    "*prox.*|results|results/evidence/value|*": STATED,
    "*prox.*|witnesses|*|*": OTHER_SAMPLE,
    "*prox.*|array|*|*": OTHER_SAMPLE,
    "*catalogue.*|array|sample/*|*": OTHER_SAMPLE,
    "catalogue.*|array|function/*|last digit": OTHER_DATA,
    "nonconvex.*|witnesses|y|sign": OTHER_SAMPLE,
    "*fixed-point.*|array|*/modulus/factor|*": OTHER_PROOF,
    "*fixed-point.*|array|*/slope|*": OTHER_PROOF,
    "*fixed-point.*|array|gap/x|last digit": OTHER_PROOF,
    "*fixed-point.*|array|proposals/y of *|*": PROPOSED,
    "fixed-point.agreement|witnesses|proposals/references|swapped": ORDER,
    "*fixed-point.*|witnesses|*/dual|lengthened": OTHER_PROOF,
    "*fixed-point.*|witnesses|problem/relative step|*": UNCONCERNED,
    "*fixed-point.*|witnesses|proposals/iterates|*": COUNT,
    "fixed-point.agreement|array|problem/f/*|last digit": OTHER_DATA,
    "*stability.*|array|*|*": OTHER_DATA,
    "*lipschitz.*|array|*|*": OTHER_DATA,
    "control.injected-tight|array|*|*": OTHER_DATA,
    "control.sampled|array|*|*": OTHER_DATA,
    "control.derivative|array|*|*": OTHER_DATA,
    "control.dropped-layer|array|*|*": OTHER_DATA,
    "*lipschitz.*|witnesses|pair/network/horizon|*": MATRICES,
    "*lipschitz.*|witnesses|pair/r/weight|*": MATRICES,
    "*deep-limit.*|array|*|*": OTHER_DATA,
    "deep-limit.leading-constant|witnesses|start|*": OTHER_INSTANCE,
    "*gamma.*|array|*|*": OTHER_DATA,
    "control.learning-tied|array|weights|last digit": OTHER_DATA,
    "learning.*|array|theta|last digit": PROPOSED,
    "*learning.one-sample|array|*|last digit": OTHER_DATA,
    "*learning.constant-paths|array|*|*": OTHER_DATA,
    "*learning.constant-paths|witnesses|training/penalty/c|*": NO_SLOPES,
    "*study.*|array|*|*": OTHER_DATA,
    "*perturbation.*|array|*|*": OTHER_DATA,
    "control.value-differentiable|array|*|*": OTHER_DATA,
    "optimality.*|array|*|*": OTHER_DATA,
    "gradient.*|array|*|*": OTHER_DATA,
    "fixed-point.steps|array|*|*": STATED,
    "fixed-point.steps|witnesses|proposals/seed of the points|*": STATED,
    "*lista*|array|signals|*": OTHER_SAMPLE,
    "lista.noise|array|noise|last digit": OTHER_SAMPLE,
    "*lista.coherence|array|*|*": OTHER_PROOF,
    "*lista.reach|array|*|*": OTHER_PROOF,
    "control.lista-frobenius|array|*|*": OTHER_INSTANCE,
    "lista.weighted-*|array|matrix|last digit": OTHER_PROOF,
    "lista.weighted-*|array|multipliers|last digit": OTHER_PROOF,
    "lista.weighted-*|array|points|*": OTHER_PROOF,
    "lista.weighted-*|array|values|last digit": OTHER_PROOF,
    "lista.weighted|array|matrix|last digit": OTHER_PROOF,
    "lista.weighted|array|multipliers|last digit": OTHER_PROOF,
}
"""Changes that may survive renewed seals (claim|file|place|change, with wildcards), and why they are harmless."""


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Stored]]:
    """For each kind, a run of each of its results alone."""
    folder = tmp_path_factory.mktemp("untouched")
    return {
        kind: [Stored.of(folder / f"{kind}{k}", result) for k, result in enumerate(made())]
        for kind, made in KINDS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_untouched_results_are_accepted(kind: str, runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    for run in runs[kind]:
        claim = run.results["results"][0]["claim"]
        missing = {(claim, "the run leaves out the same claim with a planted error")} if claim in PAIRED else set()
        assert refusals(run.copy().write(tmp_path / "run", sealed=True)) == missing, claim


PAIRED = {name for name in CLAIMS if f"planted.{name}" in CLAIMS}


@pytest.mark.parametrize("kind", KINDS)
def test_any_change_breaks_a_seal(kind: str, runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    """Seals know nothing of what they are put on: three results of each kind stand for all."""
    tried, missed = Counter[str](), []
    for k, run in enumerate(runs[kind][: None if ALL else 3]):
        known = refusals(run.write(tmp_path / "run", sealed=True))
        for label, other in tampered(run, renewed=False, first=k == 0):
            tried[label.split("|")[1]] += 1
            if not refuses(other.write(tmp_path / "run", sealed=False), known):
                missed.append(label)
    print(f"\n{kind}, seals kept: {sum(tried.values())} changes tried, all refused; by file {dict(tried)}")
    assert missed == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_with_new_seals_is_refused_or_harmless(
    kind: str, runs: dict[str, list[Stored]], tmp_path: Path
) -> None:
    tried, survived = Counter[str](), []
    for k, run in enumerate(runs[kind]):
        known = refusals(run.write(tmp_path / "run", sealed=True))
        for label, other in tampered(run, renewed=True, first=k == 0):
            tried[label.split("|")[1]] += 1
            if not refuses(other.write(tmp_path / "run", sealed=True), known):
                survived.append(label)
    reasons = {s: next((p for p in TRUE_ALL_THE_SAME if fnmatch.fnmatchcase(s, p)), None) for s in set(survived)}
    by_reason = Counter(TRUE_ALL_THE_SAME[pattern] for s in survived if (pattern := reasons[s]) is not None)
    print(
        f"\n{kind}, seals renewed: {sum(tried.values())} changes tried, {len(survived)} harmless; by file {dict(tried)}"
    )
    for reason, count in by_reason.items():
        print(f"    {count:4} {reason}")
    assert sorted(s for s, pattern in reasons.items() if pattern is None) == []


def test_results_cannot_exchange_what_they_rest_on(runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    """Two results of any kinds with their certificates, witnesses, cases, claims or bounds exchanged."""
    tried, survived = 0, []
    every = [run for kind in ("one_step", "several_steps", "proximal", "fixed_points") for run in runs[kind][:3]]
    for k, run in enumerate(every):
        known = refusals(run.write(tmp_path / "run", sealed=True))
        for donor in every[k + 1 :] + every[:k]:
            for part in ("certificates", "witnesses", "case", "claim", "evidence", "theory", "upper", "lower"):
                other, mine, theirs = run.copy(), run.results["results"][0], donor.results["results"][0]
                if part in mine:
                    if mine[part] == theirs[part]:
                        continue
                    other.results["results"][0][part] = theirs[part]
                    if part == "claim":
                        other.results["claims"] = donor.results["claims"]
                else:
                    pairs = [[n for n in r.records if n.startswith(part)] for r in (run, donor)]
                    if not all(pairs) or run.records[pairs[0][0]] == donor.records[pairs[1][0]]:
                        continue
                    other.records[pairs[0][0]] = donor.records[pairs[1][0]]
                    other.arrays |= donor.arrays
                tried += 1
                if part == "witnesses" and attains_the_same(run, donor):
                    continue
                if not refuses(other.write(tmp_path / "run", sealed=True), known | unused(donor)):
                    survived.append(
                        f"{part} of {theirs['claim']}, {theirs['case']} for {mine['claim']}, {mine['case']}"
                    )
    print(f"\nexchanged, seals renewed: {tried} tried")
    assert survived == []


def attains_the_same(*pair: Stored) -> bool:
    """Whether both have instances of the same steps that attain the same number: each serves the other."""
    witnesses = [record for run in pair for name, record in run.records.items() if name.startswith("witnesses")]
    if any(witness.get("kind") not in ("rotation", "graph") for witness in witnesses):
        return False
    first, second = ((w["constants"], w["steps"], instances.attained(w)[0]) for w in witnesses)
    return bool(first == second)


def unused(run: Stored) -> set[tuple[str, str]]:
    return {("", "no result refers to this file")} if run.arrays else set()


CLAIM_SHARE = 1 if ALL else 6


def test_no_result_can_take_another_verdict_claim_or_bound(runs: dict[str, list[Stored]], tmp_path: Path) -> None:
    """Of the names of other claims, each run tries some, in turn."""
    tried, survived, names = 0, [], list(CLAIMS)
    for k, run in enumerate(run for kind in KINDS for run in runs[kind][:3]):
        known, entry = refusals(run.write(tmp_path / "run", sealed=True)), run.results["results"][0]
        steps = {name: (math.inf, -math.inf) for name in ("theory", "lower", "upper") if entry[name] is not None}
        new: list[tuple[str, Any]] = [("verdict", v.value) for v in Verdict if v.value != entry["verdict"]]
        new += [("claim", name) for name in names[k % CLAIM_SHARE :: CLAIM_SHARE] if name != entry["claim"]]
        new += [(name, math.nextafter(entry[name], to)) for name, ends in steps.items() for to in ends]
        for name, value in new:
            other = run.copy()
            other.results["results"][0][name] = value
            if name == "claim":
                other.results["claims"] = [asdict(store.text_of(CLAIMS[value]))]
            tried += 1
            if not refuses(other.write(tmp_path / "run", sealed=True), known):
                survived.append((name, value, entry["claim"]))
    print(f"\nverdicts, claims and bounds, seals renewed: {tried} tried")
    assert survived == []


def test_every_claim_of_the_suites_can_be_evaluated_again() -> None:
    claims = {claim.id.removeprefix("planted.") for suite in SUITES.values() for claim in suite.claims}
    assert claims - set(routes()) == {"lista.published-setting"}, "it states what practice uses, no evidence"


def test_names_of_rules_fix_their_parameters() -> None:
    for case in (*catalogue_operators.CASES, *catalogue_operators.SATURATED):
        arrays: Arrays = {}
        require_named({"case": case.name, "function": describe(case.g, arrays)}, arrays, 0)
    witness = {"case": "g(-2x), L1", "function": describe(ArgumentScaled(L1(0.5), 2.0), {})}
    with pytest.raises(Refusal, match="is not the one"):
        require_named(witness, {}, 0)
