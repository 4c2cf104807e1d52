"""Certified bounds: exact rational arithmetic confirms every storage, and unsound certificates are refused."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from network_samples import FAMILIES, jacobian, sample, slopes

from fbscheck.errors import InputError
from fbscheck.network.dissipation import certified_bound, certify, recheck, record_of, storages
from fbscheck.network.layers import Layers
from fbscheck.network.multipliers import optimise
from fbscheck.network.riccati import Recursion, recursion
from fbscheck.network.sectors import Sectors

INPUTS = ("b", "x0", "both")
Exact = list[list[Fraction]]


def exactly(matrix: np.ndarray) -> np.ndarray:
    """The same matrix with entries that are fractions."""
    return np.array([[Fraction(v) for v in row] for row in np.asarray(matrix).tolist()], dtype=object).reshape(
        matrix.shape
    )


def is_semidefinite(matrix: np.ndarray) -> bool:
    """By exact elimination with diagonal pivots."""
    rows = matrix.copy()
    for k in range(len(rows)):
        if rows[k, k] < 0 or (rows[k, k] == 0 and any(rows[k, k:])):
            return False
        if rows[k, k] > 0:
            rows[k + 1 :] = rows[k + 1 :] - np.outer(rows[k + 1 :, k] / rows[k, k], rows[k])
    return True


def dissipates(problem: Recursion, n: int, before: np.ndarray, after: np.ndarray, multipliers: np.ndarray) -> bool:
    """V_n(z) - V_{n+1}(low Du + width Dw, Db) - 2 <Dw, Lambda (Du - Dw)> >= 0 for all (z, Dw), exactly."""
    (_, d), m = problem.shape, problem.injections.shape[2]
    zero, eye = np.zeros((d, m)), np.eye(d)
    arguments = np.hstack([exactly(problem.transitions[n]), exactly(problem.injections[n]), exactly(np.zeros((d, d)))])
    replies = np.hstack([exactly(np.zeros((d, d + m))), exactly(eye)])
    low, width, scale = (exactly(np.diag(v)) for v in (problem.sectors.low[n], problem.sectors.width[n], multipliers))
    data = np.hstack([exactly(zero.T), exactly(np.eye(m)), exactly(zero.T)])
    following = np.vstack([low @ arguments + width @ replies, data])
    start = exactly(np.eye(d + m, 2 * d + m))
    form = start.T @ exactly(before) @ start - following.T @ exactly(after) @ following
    term = replies.T @ scale @ (arguments - replies)
    return is_semidefinite(form - term - term.T)


def holds(problem: Recursion, multipliers: np.ndarray, bound: float) -> bool:
    """Whether every layer and the final comparison hold in exact rational arithmetic."""
    found = [problem.final(), *storages(problem, multipliers)]
    layers = range(problem.shape[0] - 1, -1, -1)
    used = problem.effective(multipliers)
    if not all(dissipates(problem, n, found[k + 1], found[k], used[n]) for k, n in enumerate(layers)):
        return False
    block = exactly(problem.block(found[-1]))
    return is_semidefinite(Fraction(bound) ** 2 * exactly(np.eye(len(block))) - block)


@pytest.mark.parametrize(("family", "wrt"), list(product(FAMILIES, INPUTS)))
def test_exact_arithmetic_confirms_the_bound(family: str, wrt: str) -> None:
    problem = recursion(sample(family, 3, depth=3), wrt)
    optimum = optimise(problem, evaluations=80)
    bound, multipliers = certify(problem, optimum.multipliers)
    assert holds(problem, multipliers, bound)
    assert not holds(problem, multipliers, 0.99 * bound)
    assert optimum.bound * (1 - 1e-13) <= bound <= optimum.bound * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_exact_arithmetic_confirms_bounds_with_known_slopes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.6, (3, 4))
    width = (1 - low) * (rng.random((3, 4)) < 0.7)
    problem = recursion(sample("lista", seed, depth=3), "both", Sectors(low, width))
    bound, multipliers = certify(problem, optimise(problem, evaluations=60).multipliers)
    assert holds(problem, multipliers, bound)
    assert bound == pytest.approx(problem.bound(multipliers), rel=1e-9)


@pytest.mark.parametrize(("dimension", "observations", "depth"), [(1, 1, 1), (1, 3, 4), (5, 1, 1), (6, 3, 12)], ids=str)
@pytest.mark.parametrize("wrt", INPUTS)
def test_sizes(wrt: str, dimension: int, observations: int, depth: int) -> None:
    layers = sample("lista", 1, depth, dimension, observations)
    problem = recursion(layers, wrt)
    safe = problem.safe()
    bound = certified_bound(problem, safe)
    assert bound == pytest.approx(problem.bound(safe), rel=1e-9)
    assert bound >= np.linalg.norm(jacobian(layers, slopes(layers, 0), wrt), 2)


@pytest.mark.parametrize("wrt", INPUTS)
@pytest.mark.parametrize(
    "layers",
    [
        pytest.param(Layers(np.zeros((3, 4, 4)), np.ones((3, 4, 2))), id="W zero"),
        pytest.param(Layers(np.ones((3, 4, 4)) / 4, np.zeros((3, 4, 2))), id="U zero"),
        pytest.param(Layers(np.zeros((3, 4, 4)), np.zeros((3, 4, 2))), id="both zero"),
        pytest.param(sample("sparse", 5), id="rows and columns zero"),
    ],
)
def test_zeros(layers: Layers, wrt: str) -> None:
    problem = recursion(layers, wrt)
    multipliers = optimise(problem, evaluations=30).multipliers
    bound, _ = certify(problem, multipliers)
    identity = np.linalg.norm(jacobian(layers, np.broadcast_to(np.eye(4), layers.transitions.shape), wrt), 2)
    assert identity <= bound <= identity * 3 + 1e-5


@pytest.mark.parametrize("exponent", [-450, -150, -40, 40, 150, 450])
def test_the_bound_scales_with_the_injections(exponent: int) -> None:
    """Powers of two are exact: the same digits at every scale."""
    layers = sample("lista", 2)
    scaled = Layers(layers.transitions, layers.injections * 2.0**exponent)
    bounds = [certify(recursion(case), recursion(case).safe())[0] for case in (layers, scaled)]
    assert bounds[1] == pytest.approx(bounds[0] * 2.0**exponent, rel=1e-9)


def unsound(multipliers: np.ndarray) -> dict[str, np.ndarray]:
    """Multipliers that prove nothing, by the error planted in them."""
    small = multipliers.copy()
    small[-1, 0] = 0.499
    return {"one entry too small": small, "none": np.zeros_like(multipliers)}


@pytest.mark.parametrize("error", ["one entry too small", "none"])
def test_planted_multipliers_prove_nothing(error: str) -> None:
    problem = recursion(sample("ista"))
    assert certified_bound(problem, unsound(problem.safe())[error]) == math.inf


def test_a_singular_pencil_is_blended() -> None:
    """With all multipliers 1/2 the last layer's 2 Lambda - I is zero: safe multipliers are mixed in."""
    problem = recursion(sample("ista"))
    half = np.full(problem.shape, 0.5)
    bound, multipliers = certify(problem, half)
    assert math.isfinite(bound) and (multipliers != half).all()
    assert holds(problem, multipliers, bound)


@pytest.fixture
def certificate() -> tuple[dict[str, object], dict[str, np.ndarray], float]:
    layers = sample("ista", 6)
    multipliers = optimise(recursion(layers), evaluations=60).multipliers
    bound, proving = certify(recursion(layers), multipliers)
    arrays: dict[str, np.ndarray] = {}
    return record_of(layers, "b", proving, bound, arrays), arrays, bound


def test_a_certificate_proves_its_bound_again(certificate: tuple) -> None:
    record, arrays, bound = certificate
    again = recheck(record, arrays)
    assert again == recheck(record, arrays)
    assert bound < again <= bound * (1 + 2e-9)
    assert len(arrays[record["transitions"]]) == 1, "layers that share a matrix keep it once"


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        pytest.param("bound", lambda b: str(Fraction(b) * Fraction(99, 100)), "prove", id="planted: 1% too small"),
        pytest.param("bound", lambda b: str(-Fraction(b)), "prove", id="planted: sign"),
        pytest.param("bound", lambda b: "1e400", "certificate", id="beyond float64"),
        pytest.param("bound", lambda b: "nan", "certificate", id="no number"),
        pytest.param("separable", lambda s: False, "not separable", id="planted: hypothesis dropped"),
        pytest.param("separable", lambda s: "yes", "certificate", id="no boolean"),
        pytest.param("wrt", lambda w: "both", "prove", id="planted: another input"),
        pytest.param("depth", lambda n: 40, "one a layer", id="planted: another depth"),
        pytest.param("multipliers", lambda m: "elsewhere", "certificate", id="no array"),
        pytest.param("kind", lambda k: "steps", "certificate", id="another kind"),
    ],
)
def test_a_changed_certificate_is_refused(certificate: tuple, field: str, change: object, message: str) -> None:
    record, arrays, _ = certificate
    with pytest.raises(InputError, match=message):
        recheck({**record, field: change(record[field])}, arrays)  # type: ignore[operator]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda m: -m, id="sign flipped"),
        pytest.param(lambda m: np.where(m == m.max(), 0.4 * m, m), id="one entry too small"),
        pytest.param(lambda m: m[:, :, None] * np.eye(4), id="not diagonal"),
        pytest.param(lambda m: m[:2], id="layers missing"),
    ],
)
def test_planted_arrays_are_refused(certificate: tuple, change: object) -> None:
    record, arrays, _ = certificate
    planted = change(arrays[record["multipliers"]])  # type: ignore[operator]
    with pytest.raises(InputError):
        recheck(record, {**arrays, record["multipliers"]: planted})


def test_a_hypothesis_dropped_is_noticed() -> None:
    """Strong convexity that the network does not have lowers the bound: the certificate names it."""
    layers = sample("lista", 8)
    convex = Layers(layers.transitions, layers.injections, strong_convexity=0.5)
    arrays: dict[str, np.ndarray] = {}
    bound, multipliers = certify(recursion(convex), recursion(convex).safe())
    record = record_of(convex, "b", multipliers, bound, arrays)
    assert recheck(record, arrays) >= bound
    zero = np.zeros(4)
    with pytest.raises(InputError, match="prove"):
        recheck({**record, "strong_convexity": "zero"}, {**arrays, "zero": zero})
