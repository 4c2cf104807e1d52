"""Lies written by hand, with all seals right, that an auditor must see through."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tampering import Stored, refusals

from fbscheck.archive import add
from fbscheck.audit.recheck import Outcome, recheck
from fbscheck.claims.catalogue import prox
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.claims.fixed_points import fixed_point, iterates, minimisers
from fbscheck.claims.fixed_points.problems import Problem, Study
from fbscheck.claims.layers import contraction, contraction_map, controls
from fbscheck.claims.layers.contraction import Step
from fbscheck.claims.learning import perturbation
from fbscheck.claims.networks import weighted
from fbscheck.claims.sparse_recovery import recovery
from fbscheck.claims.sparse_recovery.signals import Recovery
from fbscheck.cli import main
from fbscheck.functions import L1, L2Ball, Zero
from fbscheck.operators import LeastSquares
from fbscheck.splitting.classes import GradientOf, steps_record
from fbscheck.suites import perturbations
from fbscheck.suites.dictionaries import dictionary
from fbscheck.suites.prox import CASES
from fbscheck.verdict import Claim, Result, planted

MATRIX, TARGET = np.array([[1.0, 0.5], [0.0, 2.0], [1.0, 1.0]]), np.array([1.0, -1.0, 0.5])
LASSO = Problem("LASSO", LeastSquares(MATRIX, TARGET), L1(0.125))
ANYTHING = steps_record(GradientOf(1, 1), [Fraction(1)], Fraction(0), kind="steps", terms=[["monotone", 1, 0, "0"]])


def reasons(folder: Path, run: Stored) -> str:
    known = "the run leaves out the same claim with a planted error"
    return "; ".join(reason for _, reason in refusals(run.write(folder / "run", sealed=True)) if reason != known)


def solved(folder: Path, claim: Claim, problem: Problem = LASSO, scale: float = 1.0) -> Stored:
    (result,) = fixed_point.assess(problem, [claim], np.random.default_rng(0), scale)
    return Stored.of(folder / "honest", result)


def witness_of(run: Stored) -> dict[str, object]:
    return next(record for name, record in run.records.items() if name.startswith("witnesses"))


@pytest.mark.parametrize("name", ["modulus", "gap of x"])
def test_a_record_of_another_kind_proves_nothing_about_a_point(name: str) -> None:
    """The kernel would conclude a factor from it, and the claim would take that for an eigenvalue or a gap."""
    study = Study(LASSO)
    assert study.certified.gap >= 0
    forged = {**study.proposals, name: {**study.proposals[name], **ANYTHING}}
    with pytest.raises(Exception, match="need a record of kind"):
        _ = Study(LASSO, 1.0, forged, study.arrays).certified


def test_a_solution_that_is_none_is_refused(tmp_path: Path) -> None:
    """f = x, x* = 0; with x* = 1/4 instead the a-priori bound would be refuted."""
    one = np.ones((1, 1))
    problem = Problem("p", LeastSquares(one, np.zeros(1)), Zero(), 0.5, 5, np.ones(1), np.zeros(1))
    run = solved(tmp_path, iterates.APRIORI, problem)
    assert reasons(tmp_path, run) == ""
    lie = run.with_array(str(witness_of(run)["problem"]["solution"]), np.array([0.25]), True)  # type: ignore[index]
    assert reasons(tmp_path, lie) != ""
    liar = Problem("p", problem.f, problem.g, 0.5, 5, np.ones(1), np.array([0.25]))
    with pytest.raises(Exception, match="not certainly one"):
        fixed_point.assess(liar, [iterates.APRIORI], np.random.default_rng(0))


def test_a_point_that_is_no_fixed_point_refutes_nothing() -> None:
    study = Study(LASSO)
    arrays = dict(study.arrays)
    forged = {"x": add(study.point * 1.01, arrays)}
    assert Study(LASSO, 1.0, forged, arrays).unfixed is not None
    assert study.unfixed is None


def test_cells_must_form_the_grid() -> None:
    records = contraction_map.assess(contraction_map.MAP, 3).bracket.certificate["records"]  # type: ignore[index]
    contraction_map.evaluate(records)
    for lie in ([records[0]] * 9, records[:8], [*records, records[0]], records[::-1]):
        with pytest.raises(Exception, match="cells of a grid|not about"):
            contraction_map.evaluate(lie)


def replayed(result: Result, **changed: object) -> Result:
    claim = prox.FIRM if "v" in changed else prox.DEFINITION
    return prox.replay(claim, {**(result.witness or {}), **changed}, {})


def test_samples_of_another_dimension_are_not_stretched() -> None:
    case = ProxCase("a ball", L2Ball(1.0), 2)
    (result,) = prox.assess(case, [prox.FIRM], 8, np.random.default_rng(0))
    with pytest.raises(Exception, match="not in one space"):
        replayed(result, v=[(3.0).hex()])


def test_the_image_of_a_sample_must_be_that_of_the_map() -> None:
    case = ProxCase("L1", L1(1.0), 2)
    (result,) = prox.assess(case, [prox.DEFINITION], 8, np.random.default_rng(0))
    with pytest.raises(Exception, match="not that of the map"):
        replayed(result, map=[(7.0).hex(), (7.0).hex()])


def one_step() -> list[Result]:
    case = Step(GradientOf(Fraction(1, 10), 1), Fraction(1))
    return [
        contraction.assess(contraction.GRADIENT, case),
        contraction.assess(planted(contraction.GRADIENT), case, Fraction(99, 100)),
    ]


def lie_about_planted_theory(run: Stored) -> None:
    run.results["results"][1]["theory"] = 0.5


def floating_nan(run: Stored) -> None:
    weight = {"side": "attained", "value": None, "rigour": "FLOATING", "method": "m", "error": 0.0, "exact": False}
    run.results["results"][0]["evidence"].append(weight)


def floating_weight(run: Stored) -> None:
    weight = {"side": "certified", "value": 0.5, "rigour": "FLOATING", "method": "m", "error": -9.0, "exact": False}
    run.results["results"][0]["evidence"].append(weight)


def twice(run: Stored) -> None:
    run.results["results"].append(run.results["results"][0])


def without_control(run: Stored) -> None:
    del run.results["results"][1]


def without_texts(run: Stored) -> None:
    run.results["claims"] = []


def looser(run: Stored) -> None:
    run.results["claims"][0]["accuracy"] = 0.5


def control_certified(run: Stored) -> None:
    run.results["results"][1].update(verdict="NOT_APPLICABLE", evidence=[], theory=None, lower=None, upper=None)


def renamed_file(run: Stored) -> None:
    name = run.results["results"][0]["witness"]
    run.records["certificates/../" + name] = run.records[name]
    run.results["results"][0]["witness"] = "certificates/../" + name


def more_files(run: Stored) -> None:
    run.records["witnesses/more.json"] = {}


LIES = [
    pytest.param(lie_about_planted_theory, "theory's value", id="planted claim with another theory"),
    pytest.param(floating_nan, "pieces of evidence", id="floating evidence that says nothing"),
    pytest.param(floating_weight, "malformed evidence", id="floating evidence with a negative error"),
    pytest.param(twice, "2 results", id="result stated twice"),
    pytest.param(without_control, "no result of this claim", id="control left out"),
    pytest.param(without_texts, "does not state", id="claims left out"),
    pytest.param(looser, "another accuracy", id="accuracy changed"),
    pytest.param(control_certified, "it is false, and comes out", id="planted error said not to apply"),
    pytest.param(renamed_file, "not among the witnesses", id="path that leaves its folder"),
    pytest.param(more_files, "no result refers", id="file that nobody refers to"),
]


@pytest.mark.parametrize(("lie", "reason"), LIES)
def test_lies_about_a_run_are_refused(lie: Callable[[Stored], None], reason: str, tmp_path: Path) -> None:
    run = Stored.of(tmp_path / "honest", *one_step())
    assert reasons(tmp_path, run) == ""
    lie(run)
    assert reason in reasons(tmp_path, run)


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = Stored.of(tmp_path / "honest", *one_step()).write(tmp_path / "run", sealed=True)
    (folder / "witnesses").rename(tmp_path / "elsewhere")
    (folder / "witnesses").symlink_to(tmp_path / "elsewhere")
    assert any("inside the run" in reason for _, reason in refusals(folder))
    assert main(["audit", str(folder)]) == 1


@pytest.mark.parametrize(
    "text",
    ['{"verdict": "REFUTED", "verdict": "PROVED"}', '{"value": NaN}', '{"value": 1e999}', '{"value": "\\ud800"}', "["],
)
def test_json_that_can_be_read_in_two_ways_is_refused(text: str, tmp_path: Path) -> None:
    folder = Stored.of(tmp_path / "honest", *one_step()).write(tmp_path / "run", sealed=True)
    witness = next((folder / "witnesses").iterdir())
    witness.write_text(text)
    found = [f.reason for f in recheck(folder) if f.outcome is Outcome.REFUSED]
    assert any("cannot be read" in reason for reason in found)


def test_a_name_of_the_suites_belongs_to_its_function_and_its_problem(tmp_path: Path) -> None:
    results = prox.assess(ProxCase(CASES[1].name, L1(0.5)), [prox.FIRM], 8, np.random.default_rng(0))
    assert "the suite calls" in reasons(tmp_path, Stored.of(tmp_path / "honest", *results))
    for name in ("diabetes LASSO", "synthetic LASSO, d=10", "extremal: f = 4x - 2b"):
        problem = Problem(name, LASSO.f, LASSO.g)
        assert "the suite calls" in reasons(tmp_path, solved(tmp_path, minimisers.RESIDUAL, problem))


@pytest.mark.parametrize("name", ["Gaussian 4 x 8, seed 0", "identity and Hadamard 4 x 8", "no dictionary"])
def test_a_name_belongs_to_its_dictionary(name: str, tmp_path: Path) -> None:
    """[H/2, I] has the coherence of [I, H/2], but is another dictionary."""
    A = dictionary("identity and Hadamard 4 x 8")[:, ::-1]
    case = Recovery(name, A, A, 0.5, 1, np.ones(2), np.eye(8))
    reason = "Need the name of a dictionary" if name == "no dictionary" else "the matrix is not the one"
    assert reason in reasons(tmp_path, Stored.of(tmp_path / "honest", *recovery.assess(case, [recovery.RATE])))


def test_a_name_belongs_to_its_layer(tmp_path: Path) -> None:
    """The layer that the suite calls by its matrix, with another one."""
    name = "K = [[1, -10], [0, 1]], h = 1/10"
    for entry, reason in ((-10.0, ""), (-9.0, "the matrix is not the one")):
        layer = weighted.Layer(name, np.array([[1.0, entry], [0.0, 1.0]]), Fraction(1, 10))
        run = Stored.of(tmp_path / "honest", weighted.assess(weighted.WEIGHTED, layer))
        assert reason in reasons(tmp_path, run)
        assert bool(reason) == bool(reasons(tmp_path, run))


def test_a_name_belongs_to_its_training_problem(tmp_path: Path) -> None:
    """The network without data, with another label."""
    (claim, case, _), *_ = perturbations.extremal()
    for label, reason in ((4.0, ""), (5.0, "the training problem is not the one")):
        other = replace(case, problem=replace(case.problem, target=np.array([3.0, label])))
        run = Stored.of(tmp_path / "honest", perturbation.assess(claim, other))
        assert reason in reasons(tmp_path, run)


def test_a_control_with_a_theory_of_its_own_is_refused(tmp_path: Path) -> None:
    run = Stored.of(tmp_path / "honest", controls.not_a_gradient(Fraction(1)))
    run.results["results"][0]["theory"] = 2.0
    assert "theory's value" in reasons(tmp_path, run)
    assert json.dumps(run.results)
