"""The kernel: strict about what it reads, and never below a number that an instance attains."""

import ast
import copy
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import flint
import numpy as np
import pytest

from fbscheck.certify import kernel
from fbscheck.certify.instances import attained
from fbscheck.certify.kernel import Refusal, conclude, rational, smallest_bound

SOURCE = Path(kernel.__file__).read_text(encoding="utf-8")
NAMES = {
    "GradientOf": ("mu", "ell"),
    "StronglyMonotoneLipschitz": ("mu", "ell"),
    "StronglyMonotoneCocoercive": ("mu", "beta"),
}


# -- what is trusted stays small ----------------------------------------------------------------


def imported(source: str) -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    plain = {alias.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {(node.module or ".").split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}


def test_the_kernel_needs_the_standard_library_only() -> None:
    assert imported(SOURCE) <= set(sys.stdlib_module_names)
    assert "numpy" in imported("def f():\n    from numpy import linalg\n")
    assert not {"eval", "exec", "__import__", "compile", "open"} & {
        n.id for n in ast.walk(ast.parse(SOURCE)) if isinstance(n, ast.Name)
    }


def test_the_kernel_is_short() -> None:
    assert len(SOURCE.splitlines()) < 300


# -- rationals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", Fraction(0)),
        ("7", Fraction(7)),
        ("-7", Fraction(-7)),
        ("1/3", Fraction(1, 3)),
        ("-2/4", Fraction(-1, 2)),
        ("007/010", Fraction(7, 10)),
        ("1" * 400, Fraction(int("1" * 400))),
        ("-0", Fraction(0)),
        ("0/5", Fraction(0)),
    ],
)
def test_rationals(text: str, value: Fraction) -> None:
    assert rational(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "/",
        "1/",
        "/2",
        "1/0",
        "0/0",
        "1/-2",
        "--1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "0x10",
        "1_000",
        "1/2/3",
        "inf",
        "nan",
        "٣",
        "²",
        "１",
        "1/ 2",
        "½",
        "-/2",
        "1//2",
        1,
        1.0,
        0.5,
        True,
        None,
        Fraction(1, 2),
        b"1",
        ["1"],
        ("1", "2"),
        "1" * 5000,
        "1/" + "3" * 5000,
    ],
    ids=lambda t: repr(t)[:20],
)
def test_everything_else_is_refused(text: Any) -> None:
    with pytest.raises(Refusal):
        rational(text)


# -- the smallest bound -------------------------------------------------------------------------


def semidefinite(form: list[list[Fraction]]) -> bool:
    """All eigenvalues are >= 0 iff the signs of the characteristic polynomial alternate: no elimination."""
    size = len(form)
    entries = [flint.fmpq(entry.numerator, entry.denominator) for row in form for entry in row]
    coefficients = flint.fmpq_mat(size, size, entries).charpoly().coeffs()[::-1]
    return all(c >= 0 if k % 2 == 0 else c <= 0 for k, c in enumerate(coefficients))


def less(form: list[list[Fraction]], bound: Fraction) -> list[list[Fraction]]:
    """``bound |d_0|^2 - form``."""
    size = range(len(form))
    return [[(bound if i == j == 0 else 0) - form[i][j] for j in size] for i in size]


def sum_of_squares(seed: int) -> list[list[Fraction]]:
    """Minus a sum of few squares, of size 1 to 9, with another first entry; many are singular, with zero pivots."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 10))
    factor = rng.integers(-4, 5, (int(rng.integers(0, size + 1)), size)) * (rng.random(size) < 0.8)
    form = [[Fraction(-int(entry), 6) for entry in row] for row in factor.T @ factor]
    form[0][0] += Fraction(int(rng.integers(-20, 60)), 7)
    return form


@pytest.mark.parametrize("seed", range(150))
def test_smallest_bound_is_exactly_on_the_edge(seed: int) -> None:
    form = sum_of_squares(seed)
    t = smallest_bound(form)
    assert t >= 0
    assert semidefinite(less(form, t))
    assert t == 0 or not semidefinite(less(form, t * (1 - Fraction(1, 10**30))))


def any_form(seed: int) -> list[list[Fraction]]:
    """Sparse forms of any signs, of integers or fractions."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 10))
    entries = rng.integers(-3, 4, (size, size)) * (rng.random((size, size)) < 0.4)
    matrix = -(entries @ entries.T) + (rng.random() < 0.6) * np.diag(rng.integers(-1, 2, size))
    units = rng.integers(1, 6, size) if seed % 2 else np.ones(size)
    return [[Fraction(int(matrix[i, j]), int(units[i] * units[j])) for j in range(size)] for i in range(size)]


def bound_of(form: list[list[Fraction]]) -> Fraction | None:
    try:
        return smallest_bound(form)
    except Refusal:
        return None


@pytest.mark.parametrize("seed", range(150))
def test_any_form_has_the_bound_found_or_none(seed: int) -> None:
    """What is refused has no bound, however large."""
    form = any_form(seed)
    t = bound_of(form)
    if t is None:
        assert not semidefinite(less(form, Fraction(10) ** 30))
    else:
        assert semidefinite(less(form, t))
        assert t == 0 or not semidefinite(less(form, t * (1 - Fraction(1, 10**30))))


def test_both_outcomes_occur_so_that_the_test_above_means_something() -> None:
    assert 30 <= sum(bound_of(any_form(seed)) is None for seed in range(150)) <= 120


@pytest.mark.parametrize("seed", range(20))
def test_smallest_bound_against_eigenvalues(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 2 + seed % 8
    factor = rng.standard_normal((size, size))
    matrix = -factor @ factor.T + np.diag([rng.uniform(-2, 9), *[0] * (size - 1)])
    t = float(smallest_bound([[Fraction(v) for v in row] for row in (matrix + matrix.T) / 2]))
    assert np.linalg.eigvalsh(t * np.diag(np.eye(size)[0]) - matrix)[0] >= -1e-9
    schur = matrix[0, 0] - matrix[0, 1:] @ np.linalg.solve(matrix[1:, 1:], matrix[1:, 0])
    assert t == pytest.approx(max(schur, 0.0), rel=1e-9, abs=1e-9)


ZERO, ONE = Fraction(0), Fraction(1)
TINY = Fraction(1, 10**300)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param([[ZERO, ZERO, ZERO], [ZERO, ONE, ZERO], [ZERO, ZERO, -ONE]], id="positive in v"),
        pytest.param([[ZERO, ZERO, ZERO], [ZERO, -ONE, ZERO], [ZERO, ZERO, TINY]], id="barely positive in s"),
        pytest.param([[ZERO, ONE, ZERO], [ONE, ZERO, ZERO], [ZERO, ZERO, ZERO]], id="d times v alone"),
        pytest.param([[ZERO, ZERO, ZERO], [ZERO, -ONE, ONE], [ZERO, ONE, ZERO]], id="v times s, no s^2"),
        pytest.param([[-ONE, ZERO, ZERO], [ZERO, -ONE, -ONE], [ZERO, -ONE, TINY - ONE]], id="block barely indefinite"),
        pytest.param([[-ONE, ZERO, TINY], [ZERO, -ONE, ZERO], [TINY, ZERO, ZERO]], id="barely tied to a zero pivot"),
    ],
)
def test_forms_without_any_bound_are_refused(form: list[list[Fraction]]) -> None:
    with pytest.raises(Refusal):
        smallest_bound(form)


# -- conclusions --------------------------------------------------------------------------------


def fraction(rng: np.random.Generator, low: float, high: float) -> Fraction:
    return Fraction(int(rng.integers(int(low * 64), int(high * 64) + 1)), 64)


def setting(seed: int) -> dict[str, Any]:
    """A random class with its constants, one step and a strong convexity."""
    rng = np.random.default_rng(seed)
    name = sorted(NAMES)[seed % 3]
    mu = fraction(rng, 0, 1) if seed % 5 else Fraction(0)
    second = (
        1 / (mu + fraction(rng, 0.1, 3))
        if name == "StronglyMonotoneCocoercive"
        else mu + fraction(rng, 0 if seed % 7 == 0 else 0.1, 3)
    )
    second = second or Fraction(1)
    return {
        "class": name,
        "constants": dict(zip(NAMES[name], map(str, (mu, second)), strict=True)),
        "steps": [str(fraction(rng, 0.02, 3))],
        "strong_convexity": str(fraction(rng, 0, 2) if seed % 2 else Fraction(0)),
    }


def both_ways(name: str, multiplier: Fraction) -> list[list[Any]]:
    """An inequality between function values, with its mirror image, so that the values cancel."""
    return [[name, 1, 0, str(multiplier / 2)], [name, 0, 1, str(multiplier / 2)]]


def closed_form(case: Mapping[str, Any], pad: Fraction = Fraction(0)) -> dict[str, Any]:
    """A record with the multipliers of the textbook proofs, written anew; ``pad`` enlarges one needlessly."""
    mu, second = (Fraction(case["constants"][key]) for key in NAMES[case["class"]])
    h, sigma = Fraction(case["steps"][0]), Fraction(case["strong_convexity"])
    shrink, terms = 1 + h * sigma, []
    if case["class"] == "GradientOf":
        lipschitz = pad
        if mu == second:
            terms = [["monotone", 1, 0, str(2 * h / shrink**2)]]
            lipschitz += h * h / shrink**2
        else:
            slope = (1 - h * mu) if h * (mu + second) <= 2 else (h * second - 1)
            terms = both_ways("interpolation", 2 * h * slope / (second - mu) / shrink**2)
        terms.append(["lipschitz", 0, 1, str(lipschitz)])
    elif case["class"] == "StronglyMonotoneLipschitz":
        terms = [["monotone", 0, 1, str(2 * h / shrink**2)], ["lipschitz", 1, 0, str(h * h / shrink**2 + pad)]]
    else:
        short = h <= 2 * second
        monotone, turning = (2 * h - h * h / second, h * h / second) if short else (ZERO, 2 * h * (h / second - 1))
        terms = [["cocoercive", 1, 0, str(turning / shrink**2 + pad)], ["monotone", 1, 0, str(monotone / shrink**2)]]
    return {**case, "kind": "steps", "terms": [*terms, *both_ways("convex", 2 * h / shrink)]}


def members(case: Mapping[str, Any], seed: int, count: int = 40) -> list[dict[str, Any]]:
    """Random rotations a I + w J of the class, inside it and on its boundary."""
    rng = np.random.default_rng(seed)
    mu, second = (Fraction(case["constants"][key]) for key in NAMES[case["class"]])
    top = 1 / second if case["class"] == "StronglyMonotoneCocoercive" else second
    made = []
    for index in range(count):
        a = mu + (top - mu) * (index % 2 if index < 4 else fraction(rng, 0, 1))
        room = {
            "GradientOf": ZERO,
            "StronglyMonotoneLipschitz": second**2 - a * a,
            "StronglyMonotoneCocoercive": a * top - a * a,
        }[case["class"]]
        w2 = room * (fraction(rng, 0, 1) if index % 4 > 1 else 1)
        made.append({**case, "kind": "rotation", "a": str(a), "w_squared": str(w2)})
    return made


@pytest.mark.parametrize("seed", range(150))
def test_the_conclusion_is_that_of_the_best_member(seed: int) -> None:
    """The ends of the class, with all the rotation there is room for, are the first of the members."""
    case = setting(seed)
    assert conclude(closed_form(case)) == max(attained(member)[0] for member in members(case, seed))


def changed(record: Mapping[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with the entry at ``path`` replaced."""
    made = copy.deepcopy(dict(record))
    inside: Any = made
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return made


def outcome(record: Mapping[str, Any]) -> Fraction | None:
    """The conclusion, or None if it is refused."""
    try:
        return conclude(record)
    except Refusal:
        return None


def attained_or_nothing(member: Mapping[str, Any]) -> Fraction:
    try:
        return attained(member)[0]
    except Refusal:
        return ZERO


RANDOM_PATHS: list[Callable[[Mapping[str, Any]], tuple[Any, ...]]] = [
    lambda r: ("terms", 0, 3),
    lambda r: ("terms", len(r["terms"]) - 3, 3),
    lambda r: ("steps", 0),
    lambda r: ("strong_convexity",),
    lambda r: ("constants", "mu"),
    lambda r: ("constants", NAMES[r["class"]][1]),
    lambda r: ("class",),
]


def mutant_of(seed: int) -> dict[str, Any]:
    """One entry changed, some of two terms alike; or the class."""
    rng = np.random.default_rng(1000 + seed)
    record = closed_form(setting(seed), pad=Fraction(1, 8) if seed % 2 else ZERO)
    path = RANDOM_PATHS[seed % len(RANDOM_PATHS)](record)
    if path == ("class",):
        return changed(record, path, sorted(NAMES)[int(rng.integers(3))])
    value = str(fraction(rng, -0.5, 4))
    made = changed(record, path, value)
    if path == ("terms", 0, 3) and made["terms"][0][0] == "interpolation":
        made["terms"][1][3] = value
    return made


@pytest.mark.parametrize("seed", range(210))
def test_a_mutated_record_is_refused_or_still_true(seed: int) -> None:
    """Whatever is changed, the conclusion must hold for every member of the class that the record then names."""
    mutant = mutant_of(seed)
    bound = outcome(mutant)
    if bound is not None:
        assert bound >= max(map(attained_or_nothing, members(mutant, seed, 25)))


def test_many_mutants_get_through_so_that_the_test_above_means_something() -> None:
    assert 60 <= sum(outcome(mutant_of(seed)) is not None for seed in range(210)) <= 180


EXAMPLE = {
    "kind": "steps",
    "class": "GradientOf",
    "constants": {"mu": "1", "ell": "4"},
    "steps": ["1/5"],
    "strong_convexity": "1",
    "terms": [
        ["monotone", 1, 0, "5/18"],
        ["lipschitz", 1, 0, "1/36"],
        ["convex", 1, 0, "1/6"],
        ["convex", 0, 1, "1/6"],
    ],
}
DEEP: list[Any] = []
for _ in range(10**5):
    DEEP = [DEEP]
MUTATIONS = {
    "negative multiplier": (("terms", 0, 3), "-1/1000"),
    "float multiplier": (("terms", 0, 3), 0.5),
    "decimal multiplier": (("terms", 0, 3), "0.5"),
    "missing multiplier": (("terms", 0), ["monotone", 1, 0]),
    "a term too long": (("terms", 0), ["monotone", 1, 0, "5/18", "0"]),
    "no terms": (("terms",), []),
    "text for terms": (("terms",), "111"),
    "text for a term": (("terms", 0), "mono"),
    "mapping of terms": (("terms",), {}),
    "terms missing": (("terms",), None),
    "unknown hypothesis": (("terms", 0, 0), "smooth"),
    "hypothesis of another class": (("terms", 0, 0), "cocoercive"),
    "list for a hypothesis": (("terms", 0, 0), ["monotone"]),
    "true for a point": (("terms", 0, 1), True),
    "float for a point": (("terms", 0, 1), 1.0),
    "text for a point": (("terms", 0, 1), "1"),
    "a point too many": (("terms", 0, 1), 2),
    "a negative point": (("terms", 0, 2), -1),
    "a point with itself": (("terms", 0, 2), 1),
    "function values do not cancel": (("terms", 2, 3), "1/3"),
    "function values barely do not cancel": (("terms", 2, 3), f"{10**40 + 1}/{6 * 10**40}"),
    "both in the same direction": (("terms", 3), ["convex", 1, 0, "1/6"]),
    "no convexity": (("terms",), EXAMPLE["terms"][:2]),  # type: ignore[index]
    "no Lipschitz continuity": (("terms", 1, 3), "0"),
    "zero step": (("steps",), ["0"]),
    "negative step": (("steps",), ["-1/2"]),
    "float step": (("steps",), [0.5]),
    "no steps": (("steps",), []),
    "text for steps": (("steps",), "12"),
    "number for steps": (("steps",), 1),
    "steps missing": (("steps",), None),
    "negative sigma": (("strong_convexity",), "-1"),
    "no sigma": (("strong_convexity",), None),
    "negative mu": (("constants", "mu"), "-1"),
    "number for mu": (("constants", "mu"), 1),
    "unknown class": (("class",), "Gradient"),
    "no class": (("class",), None),
    "list for class": (("class",), ["GradientOf"]),
    "dict for class": (("class",), {}),
    "unknown constant": (("constants", "beta"), "1"),
    "no constants": (("constants",), {}),
    "list of constants": (("constants",), ["1", "2"]),
    "unknown kind": (("kind",), "step"),
    "no kind": (("kind",), None),
    "list for kind": (("kind",), ["steps"]),
    "the kind of an instance": (("kind",), "rotation"),
    "another kind": (("kind",), "gap"),
    "an eigenvalue": (("kind",), "eigenvalue"),
    "digits beyond Python's limit": (("steps",), ["1" * 5000]),
    "an integer beyond Python's limit": (("strong_convexity",), 10**5000),
    "a point beyond Python's limit": (("terms", 0, 1), 10**5000),
    "deeply nested": (("strong_convexity",), DEEP),
    "deeply nested class": (("class",), DEEP),
    "deeply nested hypothesis": (("terms", 0, 0), DEEP),
}


def test_the_example_is_accepted_and_right() -> None:
    """(1 - 2 h mu + h^2 ell^2)/(1 + h sigma)^2 = (1 - 2/5 + 16/25)/(36/25) = 31/36, by hand."""
    assert conclude(EXAMPLE) == Fraction(31, 36)


@pytest.mark.parametrize(("path", "value"), MUTATIONS.values(), ids=MUTATIONS)
def test_planted_mutations_are_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(Refusal):
        conclude(changed(EXAMPLE, path, value))


@pytest.mark.parametrize("record", [None, [], "steps", 1, {}, DEEP, {"kind": "steps"}, ["kind"]], ids=lambda r: "")
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(Refusal):
        conclude(record)
    with pytest.raises(Refusal):
        kernel.setting(record)


@pytest.mark.parametrize("claimed", ["squared", "value", "conclusion", "bound", "t"])
def test_a_claimed_conclusion_is_ignored(claimed: str) -> None:
    assert conclude({**EXAMPLE, claimed: "1/1000"}) == Fraction(31, 36)


def test_records_are_not_changed() -> None:
    before = repr(EXAMPLE)
    conclude(EXAMPLE)
    assert repr(EXAMPLE) == before
