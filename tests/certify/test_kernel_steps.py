"""Records about several steps: hypotheses between layers, by hand, mutated, and against simulated iterations."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from fractions import Fraction
from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fbscheck.certify.instances import attained
from fbscheck.certify.kernel import CLASSES, HYPOTHESES, Refusal, conclude
from fbscheck.reference.many_steps import certify_steps
from fbscheck.splitting import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.extremal import to_fixed_point

Record = dict[str, Any]
Vector = npt.NDArray[np.float64]
LONG_SHORT = [Fraction(19, 10), Fraction(1, 10)] * 2


def mirrored(name: str, i: int, j: int, multiplier: str) -> list[list[Any]]:
    return [[name, i, j, multiplier], [name, j, i, multiplier]]


BY_HAND: Record = {
    "kind": "steps",
    "class": "GradientOf",
    "constants": {"mu": "1/2", "ell": "1"},
    "strong_convexity": "0",
    "steps": ["1", "1"],
    "terms": [
        *mirrored("interpolation", 1, 0, "1/4"),
        *mirrored("convex", 1, 0, "1/4"),
        *mirrored("interpolation", 2, 0, "1"),
        *mirrored("convex", 2, 0, "1"),
    ],
}
"""rho = 1/2: 2 h rho/(ell - mu) = 2 and 2 h = 2 in each step, halved for both directions, the first times rho^2."""


def test_two_steps_by_hand() -> None:
    assert conclude(BY_HAND) == Fraction(1, 16)
    assert conclude({**BY_HAND, "terms": BY_HAND["terms"][::-1]}) == Fraction(1, 16)


def test_two_steps_with_g_only_by_hand() -> None:
    """f = 0 (mu = ell = 0) and g 1-strongly convex: |x_2 - x*| <= |x_0 - x*|/4 for h = 1.

    |d_2|^2 <= |d_1|^2/4 is 4 <d_1 - d_2, d_2> >= 4 |d_2|^2 and a square, and so on.
    """
    record = {
        **BY_HAND,
        "constants": {"mu": "0", "ell": "0"},
        "strong_convexity": "1",
        "terms": [
            *mirrored("convex", 1, 0, "1/8"),
            *mirrored("convex", 2, 0, "1/2"),
            ["lipschitz", 1, 0, "100000"],
            ["lipschitz", 2, 0, "100000"],
        ],
    }
    assert Fraction(1, 16) <= conclude(record) <= Fraction(1, 16) + Fraction(1, 10**4)


def test_a_triangle_of_values_cancels_and_an_open_path_does_not() -> None:
    """F_1 - F_0, F_0 - F_2, F_2 - F_1 with one multiplier; without the last, F_1 - F_2 is left over."""
    triangle = [["interpolation", i, j, "1/10000"] for i, j in ((1, 0), (0, 2), (2, 1))]
    record = {**BY_HAND, "strong_convexity": "1"}
    terms = [*BY_HAND["terms"], ["lipschitz", 1, 0, "1/100"], ["lipschitz", 2, 0, "1/100"]]
    assert Fraction(1, 256) < conclude({**record, "terms": [*terms, *triangle]}) < Fraction(1, 10)
    for left in range(3):
        with pytest.raises(Refusal, match="do not cancel"):
            conclude({**record, "terms": [*terms, *triangle[:left], *triangle[left + 1 :]]})


def test_values_of_f_do_not_cancel_those_of_g() -> None:
    """2 (ell - mu) = 1 for f and 2 for g: [1, 0] of f twice and [0, 1] of g once."""
    terms = [*BY_HAND["terms"], ["interpolation", 1, 0, "2"], ["convex", 0, 1, "1"]]
    with pytest.raises(Refusal, match="do not cancel"):
        conclude({**BY_HAND, "terms": terms})


# -- hypotheses against simulated iterations ----------------------------------------------------


class Simulated:
    """N steps in R^4 from a drawn point to a drawn fixed point: d, v, s and tilted function values at all points.

    f is a sum of kinked or smooth gradients in a rotated basis, plus turns in planes if the class
    allows it; g = sigma |x|^2/2 + a norm or a box, tilted so that the point drawn is fixed.
    """

    def __init__(self, kind: str, mu: float, ell: float, steps: list[float], sigma: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.standard_normal((4, 4)))[0]
        low, high = np.sort(rng.normal(size=(2, 4)), axis=0)
        base, inside = (rng.choice([mu, ell, rng.uniform(mu, ell)], 4) for _ in range(2))
        turn = 0.0
        if kind != "GradientOf" and rng.random() < 0.7:
            a = rng.choice([mu, rng.uniform(mu, ell)])
            turn = np.sqrt(max(ell**2 - a**2 if kind == "StronglyMonotoneLipschitz" else a * ell - a**2, 0.0))
            base = inside = np.full(4, a)
        swap = np.kron(np.eye(2), np.array([[0.0, -turn], [turn, 0.0]]))

        def f(x: Vector) -> Vector:
            z = basis.T @ x
            return np.asarray(basis @ (base * z + (inside - base) * np.clip(z, low, high) + swap @ z))

        def value_of_f(x: Vector) -> float:
            z = basis.T @ x
            c = np.clip(z, low, high)
            return float(np.sum(base * z**2 / 2 + (inside - base) * (c**2 / 2 + c * (z - c))))

        box, weight = rng.random() < 0.3, rng.uniform(0, 2) * ell
        fixed = rng.choice([-1.0, 0.0, 1.0, 0.3], 4)
        pull = np.where(fixed == 0.0, rng.uniform(-1, 1, 4), np.sign(fixed)) * weight
        if box:
            pull = np.where(np.abs(fixed) == 1.0, np.sign(fixed) * rng.uniform(0, 2, 4) * ell, 0.0)
        tilt = f(fixed) + sigma * fixed + pull

        def backward(u: Vector, h: float) -> Vector:
            u = (u + h * tilt) / (1 + h * sigma)
            if box:
                return np.clip(u, -1.0, 1.0)
            return np.asarray(np.sign(u) * np.maximum(np.abs(u) - h * weight / (1 + h * sigma), 0.0))

        def value_of_g(x: Vector) -> float:
            return float(sigma * x @ x / 2 - tilt @ x + (0.0 if box else weight * np.sum(np.abs(x))))

        x = fixed + rng.standard_normal(4) * 10.0 ** rng.uniform(-1, 1)
        of_f, of_g = [fixed], [fixed]
        subgradients = [-f(fixed)]
        for h in steps:
            of_f.append(x)
            assert np.allclose(backward(fixed - h * f(fixed), h), fixed, atol=1e-9)
            moved = backward(x - h * f(x), h)
            subgradients.append((x - moved) / h - f(x))
            of_g.append(moved)
            x = moved
        self.d0, self.dn = of_f[1] - fixed, x - fixed
        self.points = {
            False: [(p - fixed, f(p) - f(fixed), value_of_f(p) - f(fixed) @ (p - fixed)) for p in of_f],
            True: [
                (p - fixed, s - subgradients[0], value_of_g(p) - subgradients[0] @ (p - fixed))
                for p, s in zip(of_g, subgradients, strict=True)
            ],
        }

    @property
    def ratio(self) -> float:
        return float(self.dn @ self.dn / (self.d0 @ self.d0))

    def left_sides(self, name: str, numbers: tuple[float, ...]) -> Iterator[float]:
        """w (F_i - F_j - <v_j, dx>) + a |dx|^2 + b <dv, dx> + c |dv|^2 between all points, in units of their size."""
        points, (w, a, b, c) = self.points[name == "convex"], numbers
        far, steep = (1.0 + max(np.linalg.norm(point[k]) for point in points) for k in (0, 1))
        size = 1e-9 + abs(a) * far**2 + (abs(w) + abs(b)) * far * steep + abs(c) * steep**2
        for (x, v, value), (y, u, other) in permutations(points, 2):
            dx, dv = x - y, v - u
            yield float(w * (value - other - u @ dx) + a * dx @ dx + b * dv @ dx + c * dv @ dv) / size


KINDS: dict[str, Callable[[Any, Any], OperatorClass]] = {
    "GradientOf": GradientOf,
    "StronglyMonotoneLipschitz": StronglyMonotoneLipschitz,
    "StronglyMonotoneCocoercive": lambda mu, ell: StronglyMonotoneCocoercive(mu, 1 / Fraction(ell)),
}


def simulations(kind: str, count: int) -> Iterator[tuple[Simulated, Mapping[str, Fraction]]]:
    for seed in range(count):
        rng = np.random.default_rng(seed)
        ell = float(rng.choice([0.5, 1.0, 4.0]))
        mu, sigma = ell * float(rng.choice([0.0, 0.125, 0.5, 1.0])), float(rng.choice([0.0, 0.25, 2.0]))
        steps = [float(rng.choice([0.1, 0.5, 1.0, 1.9, 2.3])) / ell for _ in range(4)]
        constants = {**KINDS[kind](mu, Fraction(ell)).constants, "sigma": Fraction(sigma)}
        yield Simulated(kind, mu, ell, steps, sigma, seed), constants


@pytest.mark.parametrize("kind", KINDS)
def test_the_hypotheses_hold_between_all_points(kind: str) -> None:
    for simulated, constants in simulations(kind, 60):
        for name in (*CLASSES[kind][1], "convex"):
            numbers = tuple(map(float, HYPOTHESES[name](constants)))
            assert min(simulated.left_sides(name, numbers)) >= -1e-12, name


@pytest.mark.parametrize(
    ("kind", "name", "place"),
    [
        ("GradientOf", "interpolation", 0),
        ("GradientOf", "interpolation", 1),
        ("GradientOf", "interpolation", 2),
        ("GradientOf", "interpolation", 3),
        ("GradientOf", "monotone", 1),
        ("GradientOf", "lipschitz", 3),
        ("StronglyMonotoneLipschitz", "monotone", 1),
        ("StronglyMonotoneLipschitz", "lipschitz", 3),
        ("StronglyMonotoneCocoercive", "cocoercive", 3),
        ("GradientOf", "convex", 1),
    ],
)
def test_no_number_of_a_hypothesis_may_be_stronger(kind: str, name: str, place: int) -> None:
    """Planted: one of w, a, b, c changed by 1% in the direction that claims more fails in some simulation."""
    least = 0.0
    for simulated, constants in simulations(kind, 60):
        numbers = [float(value) for value in HYPOTHESES[name](constants)]
        numbers[place] *= 1.01 if numbers[place] < 0 else 0.99
        least = min(least, *simulated.left_sides(name, tuple(numbers)))
    assert least < -1e-6


# -- proofs of the program ----------------------------------------------------------------------


@cache
def _proofs() -> tuple[Record, ...]:
    tenth = Fraction(1, 10)
    return (
        certify_steps(GradientOf(tenth, 1), LONG_SHORT).record,
        certify_steps(
            StronglyMonotoneCocoercive(tenth, 1), [Fraction(5, 2), Fraction(1, 2)] * 2, Fraction(1, 8)
        ).record,
        certify_steps(StronglyMonotoneLipschitz(Fraction(3, 5), 1), [Fraction(3, 10), Fraction(6, 5)], reach=2).record,
    )


def proof(index: int = 0) -> Record:
    return deepcopy(_proofs()[index])


def test_the_records_to_be_mutated_compare_layers() -> None:
    for record in map(proof, (0, 1)):
        assert {name == "convex" for name, i, j, _ in record["terms"] if i and j} == {True, False}
    assert conclude(proof()) < Fraction(521, 1000)


def put(*path: Any) -> Callable[[Record], None]:
    """Set the entry at the path but the last to the last."""

    def change(record: Record) -> None:
        inside: Any = record
        for key in path[:-2]:
            inside = inside[key]
        inside[path[-2]] = path[-1]

    return change


def add(*term: Any) -> Callable[[Record], None]:
    return lambda record: record["terms"].append([*term])


def scaled(name: str, factor: Fraction) -> Callable[[Record], None]:
    """All terms of one kind times a factor: their function values still cancel."""

    def change(record: Record) -> None:
        for term in record["terms"]:
            if term[0] == name:
                term[3] = str(Fraction(term[3]) * factor)

    return change


def without(keep: Callable[[int, int], bool]) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        record["terms"] = [term for term in record["terms"] if keep(term[1], term[2])]

    return change


PLANTED: dict[str, Callable[[Record], None]] = {
    "values that barely do not cancel": add("interpolation", 2, 1, f"1/{10**30}"),
    "values of g that do not cancel": add("convex", 4, 0, "1/7"),
    "one term dropped": lambda record: record["terms"].pop(0),
    "a multiplier exchanged": lambda record: record["terms"][0].__setitem__(3, record["terms"][1][3]),
    "points exchanged": lambda record: record["terms"][0].__setitem__(slice(1, 3), record["terms"][0][2:0:-1]),
    "no inequalities with the fixed point": without(lambda i, j: bool(i and j)),
    "no inequalities between layers": without(lambda i, j: not (i and j)),
    "negative multiplier": add("lipschitz", 1, 0, "-1"),
    "float multiplier": add("lipschitz", 1, 0, 0.0),
    "a point with itself": add("lipschitz", 1, 1, "0"),
    "a negative point": add("lipschitz", -1, 1, "0"),
    "the point before x_0 of g": add("convex", 5, 1, "0"),
    "a point too many": add("lipschitz", 5, 1, "0"),
    "true for a point": add("lipschitz", True, 2, "0"),
    "a string for a point": add("lipschitz", "1", 2, "0"),
    "hypothesis of another class": add("cocoercive", 1, 2, "0"),
    "an empty term": add(),
    "a term that is no list": lambda record: record["terms"].append("lip0"),
    "one step is missing": lambda record: record["steps"].pop(),
    "a step is a list": put("steps", 0, ["19/10"]),
    "negative step": put("steps", 1, "-1/10"),
    "zero step": put("steps", 1, "0"),
    "float step": put("steps", 1, 0.1),
    "steps are a mapping": put("steps", {"0": "1"}),
    "larger ell": put("constants", "ell", "2"),
    "a step twice as long": put("steps", 0, "19/5"),
    "negative sigma": put("strong_convexity", "-1"),
    "no convexity": scaled("convex", Fraction(0)),
    "no interpolation": scaled("interpolation", Fraction(0)),
}


@pytest.mark.parametrize("change", PLANTED.values(), ids=PLANTED)
def test_planted_mutations_are_refused(change: Callable[[Record], None]) -> None:
    record = proof()
    change(record)
    with pytest.raises(Refusal):
        conclude(record)


def test_terms_of_multiplier_zero_change_nothing() -> None:
    record = proof()
    record["terms"] += [["monotone", 1, 2, "0"], ["convex", 4, 3, "0/7"]]
    assert conclude(record) == conclude(proof())


# -- mutations that may remain true -------------------------------------------------------------


def described(record: Record) -> tuple[OperatorClass, list[Fraction], Fraction]:
    """The class, the steps and sigma that a record speaks about."""
    kinds = {kind.__name__: kind for kind in (GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz)}
    constants = {name: Fraction(value) for name, value in record["constants"].items()}
    return kinds[record["class"]](**constants), [*map(Fraction, record["steps"])], Fraction(record["strong_convexity"])


def mutant(seed: int) -> Record:
    """A record with one number changed; a multiplier together with its mirror image, so that values cancel."""
    rng = np.random.default_rng(seed)
    record = proof(seed % 3)
    number = Fraction(int(rng.integers(1, 200)), 100)
    match seed // 3 % 5:
        case 0:
            record["steps"][int(rng.integers(len(record["steps"])))] = str(number)
        case 1:
            record["constants"]["mu"] = str(number / 4)
        case 2:
            record["strong_convexity"] = str(number)
        case _:
            name = record["terms"][int(rng.integers(len(record["terms"])))][0]
            i, j = (int(k) for k in rng.choice(len(record["steps"]) + 1, 2, replace=False))
            record["terms"] += mirrored(name, i, j, str(Fraction(int(rng.integers(1, 100)), 10**4)))
    return record


def outcome(record: Record) -> Fraction | None:
    try:
        return conclude(record)
    except Refusal:
        return None


@pytest.mark.parametrize("seed", range(120))
def test_a_mutated_proof_is_refused_or_still_true(seed: int) -> None:
    """True of the instance that shrinks least, and of two simulated iterations."""
    record = mutant(seed)
    bound = outcome(record)
    if bound is None:
        return
    operators, steps, sigma = described(record)
    assert bound >= attained(to_fixed_point(operators, steps, sigma))[0]
    mu, second = (float(value) for value in operators.constants.values())
    ell = 1 / second if record["class"] == "StronglyMonotoneCocoercive" else second
    for other in range(2):
        simulated = Simulated(record["class"], mu, ell, [*map(float, steps)], float(sigma), 100 * seed + other)
        assert simulated.ratio <= float(bound) * (1 + 1e-9)


def test_many_mutants_get_through_so_that_the_test_above_means_something() -> None:
    assert 30 <= sum(outcome(mutant(seed)) is not None for seed in range(120)) <= 115


@pytest.mark.parametrize("index", range(3))
def test_simulated_iterations_never_exceed_the_conclusion(index: int) -> None:
    record = proof(index)
    operators, steps, sigma = described(record)
    mu, second = (float(value) for value in operators.constants.values())
    ell = 1 / second if record["class"] == "StronglyMonotoneCocoercive" else second
    rounded = [*map(float, steps)]
    ratios = [Simulated(record["class"], mu, ell, rounded, float(sigma), seed).ratio for seed in range(300)]
    assert 0.3 * float(conclude(record)) < max(ratios) <= float(conclude(record)) * (1 + 1e-9)


@pytest.mark.parametrize("index", range(3))
def test_no_multipliers_prove_much_less(index: int) -> None:
    """The bound times .99: 150 other sets of multipliers, near and far, prove nothing below it."""
    bound, rng = conclude(proof(index)), np.random.default_rng(index)
    accepted = 0
    for trial in range(150):
        record = proof(index)
        more = [
            term
            for name, i, j, _ in record["terms"]
            for term in mirrored(name, i, j, str(Fraction(float(10.0 ** rng.uniform(-9, -2) * rng.random()))))
        ]
        record["terms"] += more
        if trial % 2:
            scaled(rng.choice([*{term[0] for term in more}]), Fraction(int(rng.integers(95, 106)), 100))(record)
        found = outcome(record)
        accepted += found is not None
        assert found is None or found > bound * Fraction(99, 100)
    assert accepted > 15
