"""Formulas and matrices at their very constants: radial maps, blocks, affine pieces, gradients, proximal maps."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Abs, Max, Min, Piecewise, Rational, cos, exp, pi, sign, sin, sqrt, tanh

from fbscheck.checking.affine import proof
from fbscheck.checking.branches import finite, smooth_branches
from fbscheck.checking.conditions import CONSTANTS
from fbscheck.checking.expressions import Expression, certify
from fbscheck.checking.intervals import Interval
from fbscheck.checking.radial import RADIUS, radial
from fbscheck.checking.session import check
from fbscheck.verdict import Verdict

P, C, R, S, U = Verdict.PROVED, Verdict.CERTIFIED, Verdict.REFUTED, Verdict.SUPPORTED, Verdict.UNDECIDED
GOOD = {P, C}
x, y, z = sympy.symbols("x y z", real=True)
r, r3 = sqrt(x**2 + y**2), sqrt(x**2 + y**2 + z**2)
TINY = Rational(1, 10**9)


def soft(t: Any) -> Any:
    return sign(t) * Max(Abs(t) - Rational(1, 2), 0)


def huber(t: Any) -> Any:
    return Piecewise((t / 2, Abs(t) <= 2), (t - sign(t), True))


def silu(t: Any) -> Any:
    return t / (1 + exp(-t))


def expression(*components: Any) -> Expression:
    parts = tuple(map(sympy.sympify, components))
    return Expression(parts, sorted(set().union(*(part.free_symbols for part in parts)), key=str))


SHRINK, SHRINK3 = Max(0, 1 - 1 / r), Max(0, 1 - 1 / r3)
FAR = Max(0, 1 - (1 + TINY) / r)
ROTATION = ((3 * x - 4 * y) / 10, (4 * x + 3 * y) / 10)
TURN = (cos(pi / 7) * x - sin(pi / 7) * y, sin(pi / 7) * x + cos(pi / 7) * y)
FIRM = ("nonexpansive", "firmly_nonexpansive", "gradient", "prox")
ALL = dict.fromkeys(FIRM, GOOD)

TABLE: dict[str, tuple[tuple[Any, ...], dict[str, set[Verdict]]]] = {
    "soft threshold": ((soft(x),), ALL),
    "soft threshold in 2-D": ((soft(x), soft(y)), ALL),
    "soft threshold in 3-D": ((soft(x), soft(y), soft(z)), ALL),
    "Huber prox in 2-D": ((huber(x), huber(y)), ALL),
    "Huber prox in 3-D": ((huber(x), huber(y), huber(z)), ALL),
    "group shrinkage in 2-D": ((x * SHRINK, y * SHRINK), ALL),
    "group shrinkage in 3-D": ((x * SHRINK3, y * SHRINK3, z * SHRINK3), ALL),
    "group shrinkage in pieces": (tuple(Piecewise((t * (1 - 1 / r3), r3 > 1), (0, True)) for t in (x, y, z)), ALL),
    "group shrinkage of two groups": ((x * SHRINK, y * SHRINK, soft(z)), ALL),
    "projection on a ball": ((x * Min(1, 2 / r), y * Min(1, 2 / r)), ALL),
    "projection on a ball by a quotient": ((x / Max(1, r / 2), y / Max(1, r / 2)), ALL),
    "projection on a ball by squares": (tuple(Piecewise((t, r**2 <= 4), (2 * t / r, True)) for t in (x, y)), ALL),
    "Moreau's identity": ((x - x / Max(1, r / 2), y - y / Max(1, r / 2)), ALL),
    "radial Huber": (tuple(t * Piecewise((Rational(1, 2), r <= 2), (1 - 1 / r, True)) for t in (x, y)), ALL),
    "projection on a half-space": ((x - Max(x + 2 * y - 1, 0) / 5, y - 2 * Max(x + 2 * y - 1, 0) / 5), ALL),
    "one layer that is a gradient": ((Max(x + y, 0) / 2, Max(x + y, 0) / 2), ALL),
    "planted: group shrinkage steeper by 1e-9": (
        ((1 + TINY) * x * SHRINK, (1 + TINY) * y * SHRINK),
        ALL | {"nonexpansive": {R}, "firmly_nonexpansive": {R}, "prox": {R}},
    ),
    "planted: two thresholds 1e-9 apart": (
        (x * SHRINK, y * FAR),
        {"firmly_nonexpansive": {R}, "gradient": {R}, "prox": {R}},
    ),
    "planted: not cut at 0": ((x * (1 - 1 / r), y * (1 - 1 / r)), {"nonexpansive": {R}, "prox": {R}}),
    "planted: all scaled onto the ball": ((2 * x / r, 2 * y / r), {"nonexpansive": {R}, "prox": {R}}),
    "planted: a jump on a sphere": (
        tuple(t * Piecewise((1, r <= 2), (Rational(9, 10), True)) for t in (x, y)),
        {"nonexpansive": {R}, "monotonicity": {R}, "gradient": GOOD, "prox": {R}},
    ),
    "planted: a tiny jump on a sphere": (
        tuple(t * Piecewise((1, r <= 2), (1 + TINY, True)) for t in (x, y)),
        {"nonexpansive": {R, U}, "lipschitz=1.1": {S, R}},
    ),
    "planted: the threshold on one of three": (
        (soft(x), soft(y), z * (1 + TINY)),
        {"nonexpansive": {R}, "firmly_nonexpansive": {R}, "gradient": GOOD, "prox": {R}},
    ),
    "rotation and contraction": (
        ROTATION,
        {
            "contraction=0.5": {P},
            "firmly_nonexpansive": {P},
            "cocoercivity=1.2": {P},
            "monotonicity=0.3": {P},
            "gradient": {R},
            "prox": {R},
        },
    ),
    "planted: rotation and contraction": (
        ROTATION,
        {"contraction=0.499999999": {R}, "cocoercivity=1.200000001": {R}, "monotonicity=0.300000001": {R}},
    ),
    "rotation by pi/7": (TURN, {"nonexpansive": {P}, "firmly_nonexpansive": {R}, "monotonicity=0.9": GOOD}),
    "planted: rotation by pi/7": (
        tuple((1 + TINY) * part for part in TURN),
        {"nonexpansive": {R}, "contraction": {R}, "lipschitz=1.000000001": {P}},
    ),
    "rotation by a root": (
        (7 * (x - y) / (10 * sqrt(2)), 7 * (x + y) / (10 * sqrt(2))),
        {"contraction=0.7": {P}, "contraction=0.699999999": {R}},
    ),
    "sorting two": ((Max(x, y), Min(x, y)), {"nonexpansive": {P}, "monotonicity": {R}, "gradient": {P}, "prox": {R}}),
    "SiLU in 2-D": ((silu(x), silu(y)), {"lipschitz=1.0999": GOOD, "monotonicity=-0.0999": GOOD, "gradient": {P}}),
    "SiLU in 3-D": (
        (silu(x), silu(y), silu(z)),
        {"lipschitz=1.0999": GOOD, "nonexpansive": {R}, "prox": {R}, "gradient": {P}},
    ),
    "planted: SiLU": ((silu(x), silu(y), silu(z)), {"lipschitz=1.09983": {R}, "monotonicity=-0.09983": {R}}),
    "K' tanh(Kx)": ((tanh(x + 2 * y) / 5, 2 * tanh(x + 2 * y) / 5), {"gradient": {P}, "lipschitz=1.01": GOOD}),
    "planted: tanh(Kx)": ((tanh(x + 2 * y) / 5, tanh(x + y) / 5), {"gradient": {R}, "prox": {R}}),
    "planted: a layer": ((Max(x + y, 0) / 2, Max(x + y, 0) / 3), {"gradient": {R}, "prox": {R}}),
    "hard threshold": ((Piecewise((x, Abs(x) > 1), (0, True)), y), {"gradient": {P}, "prox": {R}}),
    "a vortex is a gradient only in pieces": ((-y / r**2, x / r**2), {"gradient": {U}}),
    "a jump across the diagonal": ((Piecewise((1, x + y > 0), (0, True)), y), {"gradient": {U}}),
}
CASES = [
    pytest.param(components, claim, verdicts, id=f"{name}: {claim}")
    for name, (components, claims) in TABLE.items()
    for claim, verdicts in claims.items()
]


@pytest.mark.parametrize(("components", "claim", "verdicts"), CASES)
def test_formulas_are_decided(components: Any, claim: str, verdicts: set[Verdict]) -> None:
    result = check(expression(*components), box=(-3.0, 3.0), claims=[claim], budget=5.0).results[0]
    assert result.verdict in verdicts, result.reason
    assert result.witness is not None or result.verdict is not R


OF_PAIRS = [
    pytest.param(components, claim, id=f"{name}: {claim}")
    for name, (components, claims) in TABLE.items()
    for claim, verdicts in claims.items()
    if verdicts <= GOOD and claim != "gradient"
]


@pytest.mark.parametrize(("components", "claim"), OF_PAIRS)
def test_no_pair_contradicts_a_verdict(components: Any, claim: str) -> None:
    """20,000 pairs in float64, with an allowance for rounding, against what is expected to hold."""
    name, _, value = claim.partition("=")
    constant, bound = {
        "nonexpansive": ("lipschitz", 1.0),
        "firmly_nonexpansive": ("cocoercivity", 1.0),
        "prox": ("cocoercivity", 1.0),
        "contraction": ("lipschitz", 1.0),
    }.get(name, (name, 0.0))
    bound = float(value) if value else bound
    size, rng = len(components), np.random.default_rng(3)
    first = rng.uniform(-3, 3, (size, 20_000))
    second = np.clip(first + 10.0 ** rng.uniform(-4, 0, 20_000) * rng.normal(size=first.shape), -3, 3)
    function = sympy.lambdify(sorted(expression(*components).symbols, key=str), list(components), "numpy")
    with np.errstate(all="ignore"):
        images = [np.array(np.broadcast_arrays(*function(*p), p[0])[:size], dtype=float) for p in (first, second)]
    d, v = first - second, images[0] - images[1]
    worse = CONSTANTS[constant].worse
    assert np.nanmax(worse * CONSTANTS[constant].attained(d, v, np.full(20_000, 1e-14))) <= worse * bound + 1e-9


@pytest.mark.parametrize(
    ("components", "factor"),
    [
        ((x * SHRINK, y * SHRINK), Max(0, 1 - 1 / RADIUS)),
        ((x / 2, y / 2), Rational(1, 2)),
        ((x * (2 * x**2 + 2 * y**2 + 1), y * (1 + 2 * y**2 + 2 * x**2)), 2 * RADIUS**2 + 1),
        ((x * SHRINK3, y * SHRINK3, z * SHRINK3), Max(0, 1 - 1 / RADIUS)),
        ((x * SHRINK, y * FAR), None),
        ((x * SHRINK, -y * SHRINK), None),
        ((x * SHRINK, y * SHRINK + TINY), None),
        ((x * sqrt(x**2 + 2 * y**2), y * sqrt(x**2 + 2 * y**2)), None),
        ((y * SHRINK, x * SHRINK), None),
        ((x * Abs(x), y * Abs(y)), None),
        ((x * y, y * x), None),
        ((x**3 + x * y**2, y**3 + y * x**2), None),
        ((x * SHRINK3, y * SHRINK3), None),
        ((soft(x),), None),
    ],
)
def test_radial_maps_are_told_by_their_form(components: Any, factor: Any) -> None:
    form = radial(components, (x, y, z)[: len(components)])
    assert (form and form.factor) == factor


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("group shrinkage in 3-D", (-3.0, 3.0)),
        ("radial Huber", (0.25, 2.0)),
        ("projection on a ball", (-2.0, 3.0)),
        ("Moreau's identity", (-0.5, 0.25)),
    ],
)
def test_bounds_by_radius_contain_those_by_boxes(name: str, box: tuple[float, float]) -> None:
    """The same formula, with its form hidden from the one route: both enclose the one constant."""
    components = TABLE[name][0]
    plain = expression(*components)
    hidden = Expression(plain.components, plain.symbols)
    hidden.__dict__["radial"] = None
    low, high = ([end] * len(components) for end in box)
    claims = dict.fromkeys(CONSTANTS, math.nan)
    found = [certify(e, low, high, claims, seconds, tolerance=5e-4) for e, seconds in ((plain, 60.0), (hidden, 1.0))]
    for constant in CONSTANTS:
        one, other = (bounds[constant] for bounds in found)
        assert one.lower <= other.upper + 1e-12 and other.lower <= one.upper + 1e-12
        assert one.upper == one.lower or one.upper - one.lower <= 1e-3 * (1 + abs(one.upper))


def test_blocks_are_what_is_linked() -> None:
    blocks = Expression((x + z, y, z * 2), (x, y, z)).blocks
    assert sorted(rows for _, rows in blocks) == [[0, 2], [1]]
    assert all(len(block.components) == len(block.symbols) == len(rows) for block, rows in blocks)


def test_the_witness_of_a_block_is_a_pair_of_whole_points() -> None:
    bounds = certify(expression(soft(x), y * (1 + TINY)), [-3, -3], [3, 3], {"lipschitz": 1.0})["lipschitz"]
    assert bounds.witness is not None and bounds.holds(1.0) is False
    a, b = (np.array(point) for point in bounds.witness)
    assert a[0] == b[0] and a[1] != b[1]


def test_branches_cover_a_formula() -> None:
    """At random points T agrees with one of its branches."""
    components = (Max(Abs(x) - y, y), Piecewise((x, x > y), (Min(x, 2 * y), x > -y), (y, True)))
    branches = smooth_branches(components)
    assert branches is not None and len(branches) > 4
    rng = np.random.default_rng(5)
    for a, b in rng.uniform(-1, 1, (4, 2)):
        point = {x: sympy.Rational(a), y: sympy.Rational(b)}
        truth = tuple(part.subs(point) for part in components)
        assert truth in {tuple(part.subs(point) for part in branch) for branch in branches}
    assert smooth_branches([Max(x, k * y) for k in range(2, 13)]) is None


@pytest.mark.parametrize(("narrow", "bounded"), [(2.0**-20, True), (0.0, False)])
def test_what_stays_unbounded_around_a_point_is_soon_given_up(narrow: float, bounded: bool) -> None:
    """Bounded on boxes narrower than a millionth, and never; 1/3 is in one or two of the boxes of each size."""
    asked = []

    def evaluate(box: Interval) -> Interval:
        asked.append(box.lo.shape[1])
        around = (box.lo <= 1 / 3) & (box.hi >= 1 / 3) & (box.hi - box.lo > narrow)
        return Interval(np.where(around, -np.inf, 0.0), np.where(around, np.inf, 1.0))

    assert finite(evaluate, np.zeros(1), np.ones(1)) is bounded
    assert len(asked) < 50


CONSTANT = [*product([0.4, 0.5, 0.51], ["lipschitz"]), *product([0.29, 0.3, 0.31, -1.0], ["monotonicity"])]
CONSTANT += [
    *product([0.0, 1.19, 1.2, 1.21], ["cocoercivity"]),
    *product([0.46, 0.4642857142857144, 0.5], ["averagedness"]),
]


@pytest.mark.parametrize(("bound", "constant"), CONSTANT)
def test_affine_conditions_are_decided_at_their_constants(bound: float, constant: str) -> None:
    """Rotation and contraction: L = 1/2, mu = 3/10, beta = 6/5, alpha = 13/28."""
    truth = {"lipschitz": 0.5, "monotonicity": 0.3, "cocoercivity": 1.2, "averagedness": 13 / 28}[constant]
    said = proof(expression(*ROTATION), constant, bound, np.full(2, -1.0), np.full(2, 1.0))
    assert bool(said) is (CONSTANTS[constant].worse * truth <= CONSTANTS[constant].worse * bound)


def test_no_proof_of_what_does_not_pass_to_averages_or_is_not_lipschitz() -> None:
    ends = np.full(1, -3.0), np.full(1, 3.0)
    jump = expression(Piecewise((x, x > 1), (x / 2, True)))
    assert not proof(jump, "lipschitz", 1.0, *ends) and not proof(jump, "cocoercivity", 1.0, *ends)
    bent = expression(Max(-x, -2 * x))
    assert not proof(bent, "cocoercivity", -2.0, *ends) and proof(bent, "monotonicity", -2.0, *ends)
    assert not proof(bent, "monotonicity", -1.99, *ends) and not proof(expression(x**2), "lipschitz", 7.0, *ends)


MATRICES = [
    (np.diag([0.5, 1.0]), P, C),
    (np.array([[0.5, 0.25], [0.25, 0.5]]), P, C),
    (np.array([[0.5, 0.25], [0.25 + 2.0**-54, 0.5]]), R, R),
    (np.array([[2.0, 0.25], [0.25, 0.5]]), P, R),
    (np.array([[-0.5]]), P, R),
    (np.array([[1.0, 1e-300], [0.0, 1.0]]), R, R),
    (np.array([[0.0, -1.0], [1.0, 0.0]]), R, R),
    (np.zeros((3, 3)), P, C),
]


@pytest.mark.parametrize(("matrix", "gradient", "prox"), MATRICES)
def test_matrices_are_gradients_if_symmetric_to_the_last_bit(matrix: Any, gradient: Verdict, prox: Verdict) -> None:
    found = {result.claim: result for result in check(matrix, claims=["gradient", "prox"]).results}
    assert (found["gradient"].verdict, found["prox"].verdict) == (gradient, prox)
    if gradient is R:
        i, j = found["gradient"].witness["entry"]  # type: ignore[index]
        assert matrix[i, j] > matrix[j, i] and found["gradient"].bracket.lower == matrix[i, j] - matrix[j, i]


@pytest.mark.parametrize(
    ("operator", "function", "step", "verdict"),
    [
        (expression(soft(x), soft(y)), "L1(0.5)", 1.0, S),
        (expression(soft(x), soft(y)), "L1(0.25)", 2.0, S),
        (expression(soft(x), soft(y)), "L1(0.5000000000000001)", 1.0, R),
        (expression(soft(x), soft(y)), "L1(0.5)", 1.01, R),
        (expression(x * SHRINK, y * SHRINK), "GroupL2([0, 0])", 1.0, S),
        (expression(x * SHRINK, y * SHRINK), "L1(1.0)", 1.0, R),
        (expression(x * Min(1, 2 / r), y * Min(1, 2 / r)), "L2Ball(2.0)", 3.0, S),
        (expression(2 * x / r, 2 * y / r), "L2Ball(2.0)", 3.0, R),
        (np.eye(3) / 2, "SquaredL2(1.0)", 1.0, S),
        (np.eye(3) / 4, "SquaredL2(1.0)", 3.0, S),
        (np.eye(3) / 3, "SquaredL2(1.0)", 2.0, R),
        (np.eye(2), "Zero()", 1.0, S),
        (np.eye(2), "Box(-2, 2)", 1.0, R),
    ],
)
def test_stated_functions_of_formulas_and_matrices(operator: Any, function: str, step: float, verdict: Verdict) -> None:
    found = check(operator, box=(-3.0, 3.0), claims=["monotonicity"], prox_of=function, step=step)
    assert [claim.id for claim in found.claims] == ["monotonicity", "prox_of"]
    assert found.results[-1].verdict is verdict, found.results[-1].reason
    assert len(found.results[-1].witness["x"]) >= 2  # type: ignore[index]
