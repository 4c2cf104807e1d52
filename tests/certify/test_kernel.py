"""The kernel: strict about what it reads, and never below a number that an instance attains."""

import ast
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.certify import kernel
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
    assert not {"eval", "exec", "__import__", "compile", "float"} & {
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


def forms(count: int, seed: int) -> list[list[list[Fraction]]]:
    """Random symmetric forms whose lower block is negative definite, negative semidefinite, or zero."""
    rng, made = np.random.default_rng(seed), []
    for index in range(count):
        rank = index % 3
        factor = [[Fraction(int(k), 4) for k in row] for row in rng.integers(-5, 6, (rank, 3))]
        form = [[-sum((row[i] * row[j] for row in factor), Fraction(0)) for j in range(3)] for i in range(3)]
        form[0][0] += Fraction(int(rng.integers(-20, 20)), 3)
        made.append(form)
    return made


def semidefinite(form: list[list[Fraction]]) -> bool:
    """All seven principal minors are >= 0: another criterion than the kernel's elimination."""
    (a, b, c), (_, d, e), (_, _, f) = form
    determinant = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d)
    return min(a, d, f, a * d - b * b, a * f - c * c, d * f - e * e, determinant) >= 0


@pytest.mark.parametrize("form", forms(60, 0), ids=lambda f: f"first {f[0][0]}")
def test_smallest_bound_is_exactly_on_the_edge(form: list[list[Fraction]]) -> None:
    t = smallest_bound(form)

    def works(bound: Fraction) -> bool:
        return semidefinite([[(bound if i == j == 0 else 0) - form[i][j] for j in range(3)] for i in range(3)])

    assert t >= 0
    assert works(t)
    assert t == 0 or not works(t * (1 - Fraction(1, 10**30)))


@pytest.mark.parametrize("seed", range(20))
def test_smallest_bound_against_eigenvalues(seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((3, 3))
    matrix = -factor @ factor.T + np.diag([rng.uniform(-2, 9), 0, 0])
    t = float(smallest_bound([[Fraction(v) for v in row] for row in (matrix + matrix.T) / 2]))
    assert np.linalg.eigvalsh(t * np.diag([1.0, 0, 0]) - matrix)[0] >= -1e-9
    schur = matrix[0, 0] - matrix[0, 1:] @ np.linalg.solve(matrix[1:, 1:], matrix[1:, 0])
    assert t == pytest.approx(max(schur, 0.0), rel=1e-9, abs=1e-9)


ZERO, ONE = Fraction(0), Fraction(1)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param([[ZERO, ZERO, ZERO], [ZERO, ONE, ZERO], [ZERO, ZERO, -ONE]], id="positive in v"),
        pytest.param(
            [[ZERO, ZERO, ZERO], [ZERO, -ONE, ZERO], [ZERO, ZERO, Fraction(1, 10**300)]], id="barely positive in s"
        ),
        pytest.param([[ZERO, ONE, ZERO], [ONE, ZERO, ZERO], [ZERO, ZERO, ZERO]], id="d times v alone"),
        pytest.param([[ZERO, ZERO, ZERO], [ZERO, -ONE, ONE], [ZERO, ONE, ZERO]], id="v times s, no s^2"),
        pytest.param(
            [[-ONE, ZERO, ZERO], [ZERO, -ONE, -ONE], [ZERO, -ONE, -ONE + Fraction(1, 10**300)]],
            id="block barely indefinite",
        ),
    ],
)
def test_forms_without_any_bound_are_refused(form: list[list[Fraction]]) -> None:
    with pytest.raises(Refusal):
        smallest_bound(form)


# -- conclusions --------------------------------------------------------------------------------


def fraction(rng: np.random.Generator, low: float, high: float) -> Fraction:
    return Fraction(int(rng.integers(int(low * 64), int(high * 64) + 1)), 64)


def setting(seed: int) -> dict[str, Any]:
    """A random class with its constants, a step and a strong convexity."""
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
        "step": str(fraction(rng, 0.02, 3)),
        "strong_convexity": str(fraction(rng, 0, 2) if seed % 2 else Fraction(0)),
    }


def closed_form(case: Mapping[str, Any], pad: Fraction = Fraction(0)) -> dict[str, Any]:
    """An upper record with the multipliers of the textbook proofs, written anew; ``pad`` enlarges one needlessly."""
    mu, second = (Fraction(case["constants"][key]) for key in NAMES[case["class"]])
    h, sigma = Fraction(case["step"]), Fraction(case["strong_convexity"])
    shrink = 1 + h * sigma
    if case["class"] == "GradientOf":
        if mu == second:
            forward = (ZERO, 2 * h, h * h)
        else:
            slope = (1 - h * mu) if h * (mu + second) <= 2 else (h * second - 1)
            forward = (2 * h * slope / (second - mu), ZERO, ZERO)
    elif case["class"] == "StronglyMonotoneLipschitz":
        forward = (2 * h, h * h)
    else:
        forward = (2 * h - h * h / second, h * h / second) if h <= 2 * second else (ZERO, 2 * h * (h / second - 1))
    last = len(forward) - 1
    scaled = [m / shrink**2 + (pad if i == last else 0) for i, m in enumerate(forward)]
    return {**case, "side": "upper", "multipliers": [*map(str, scaled), str(2 * h / shrink)]}


def members(case: Mapping[str, Any], seed: int, count: int = 40) -> list[dict[str, Any]]:
    """Attained records of random rotations a I + w J of the class, inside it and on its boundary."""
    rng = np.random.default_rng(seed)
    mu, second = (Fraction(case["constants"][key]) for key in NAMES[case["class"]])
    top = 1 / second if case["class"] == "StronglyMonotoneCocoercive" else second
    made = []
    for index in range(count):
        a = mu + (top - mu) * fraction(rng, 0, 1)
        room = {
            "GradientOf": ZERO,
            "StronglyMonotoneLipschitz": second**2 - a * a,
            "StronglyMonotoneCocoercive": a * top - a * a,
        }[case["class"]]
        w2 = room * (fraction(rng, 0, 1) if index % 2 else 1)
        made.append({**case, "side": "attained", "rotation": {"a": str(a), "w_squared": str(w2)}})
    return made


@pytest.mark.parametrize("seed", range(150))
def test_upper_is_never_below_attained_and_meets_it(seed: int) -> None:
    case = setting(seed)
    upper = conclude(closed_form(case))
    attained = [conclude(member) for member in members(case, seed)]
    assert upper >= max(attained)
    mu, second = (Fraction(case["constants"][key]) for key in NAMES[case["class"]])
    top = 1 / second if case["class"] == "StronglyMonotoneCocoercive" else second
    ends = [
        {"a": a, "w": w}
        for a in (mu, top)
        for w in ((top**2 - a * a) if "Lipschitz" in case["class"] else (a * top - a * a) * ("Coco" in case["class"]),)
    ]
    best = max(
        conclude({**case, "side": "attained", "rotation": {"a": str(e["a"]), "w_squared": str(e["w"])}}) for e in ends
    )
    assert upper == best


@pytest.mark.parametrize("seed", range(30))
def test_attained_by_the_matrix_itself(seed: int) -> None:
    """The ratio by numpy: f as a 2 x 2 matrix, the backward half as a division."""
    case = setting(seed)
    member = members(case, seed)[3]
    a, w = float(Fraction(member["rotation"]["a"])), float(Fraction(member["rotation"]["w_squared"])) ** 0.5
    h, sigma = float(Fraction(case["step"])), float(Fraction(case["strong_convexity"]))
    step = (np.eye(2) - h * np.array([[a, -w], [w, a]])) / (1 + h * sigma)
    assert float(conclude(member)) == pytest.approx(np.linalg.norm(step, 2) ** 2, rel=1e-9, abs=1e-12)


def changed(record: Mapping[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    inside = dict(record)
    if len(path) == 1:
        inside[path[0]] = value
    elif isinstance(inside[path[0]], list):
        entries = list(inside[path[0]])
        entries[path[1]] = value
        inside[path[0]] = entries
    else:
        inside[path[0]] = {**inside[path[0]], path[1]: value}
    return inside


RANDOM_PATHS: list[Callable[[Mapping[str, Any]], tuple[Any, ...]]] = [
    lambda r: ("multipliers", 0),
    lambda r: ("multipliers", len(r["multipliers"]) - 1),
    lambda r: ("multipliers", len(r["multipliers"]) - 2),
    lambda r: ("step",),
    lambda r: ("strong_convexity",),
    lambda r: ("constants", "mu"),
    lambda r: ("constants", NAMES[r["class"]][1]),
    lambda r: ("class",),
]


def outcome(record: Mapping[str, Any]) -> Fraction | None:
    """The conclusion, or None if it is refused."""
    try:
        return conclude(record)
    except Refusal:
        return None


def mutant_of(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(1000 + seed)
    record = closed_form(setting(seed), pad=Fraction(1, 8) if seed % 2 else ZERO)
    path = RANDOM_PATHS[seed % len(RANDOM_PATHS)](record)
    return changed(
        record, path, sorted(NAMES)[int(rng.integers(3))] if path == ("class",) else str(fraction(rng, -1, 4))
    )


@pytest.mark.parametrize("seed", range(200))
def test_a_mutated_upper_record_is_refused_or_still_true(seed: int) -> None:
    """Whatever is changed, the conclusion must hold for every member of the class that the record then names."""
    mutant = mutant_of(seed)
    bound = outcome(mutant)
    named = bound is not None and {k: v for k, v in mutant.items() if k not in ("side", "multipliers")}
    attained = [outcome(member) for member in members(named, seed, 25)] if named else []
    assert bound is None or bound >= max((t for t in attained if t is not None), default=ZERO)


def test_many_mutants_get_through_so_that_the_test_above_means_something() -> None:
    assert 60 <= sum(outcome(mutant_of(seed)) is not None for seed in range(200)) <= 180


MUTATIONS = {
    "negative multiplier": (("multipliers", 0), "-1/1000"),
    "float multiplier": (("multipliers", 0), 0.5),
    "decimal multiplier": (("multipliers", 0), "0.5"),
    "missing multiplier": (("multipliers",), ["1"]),
    "no multipliers": (("multipliers",), []),
    "text for multipliers": (("multipliers",), "111"),
    "zero step": (("step",), "0"),
    "negative step": (("step",), "-1/2"),
    "float step": (("step",), 0.5),
    "no step": (("step",), None),
    "negative sigma": (("strong_convexity",), "-1"),
    "no sigma": (("strong_convexity",), None),
    "negative mu": (("constants", "mu"), "-1"),
    "unknown class": (("class",), "Gradient"),
    "no class": (("class",), None),
    "list for class": (("class",), ["GradientOf"]),
    "dict for class": (("class",), {}),
    "unknown constant": (("constants", "beta"), "1"),
    "no constants": (("constants",), {}),
    "list of constants": (("constants",), ["1", "2"]),
    "unknown side": (("side",), "lower"),
    "no side": (("side",), None),
    "the other side": (("side",), "attained"),
    "list for side": (("side",), ["upper"]),
    "all multipliers zero": (("multipliers",), ["0", "0", "0", "0"]),
    "backward multiplier zero": (("multipliers", 3), "0"),
    "forward multiplier halved": (("multipliers", 1), "0"),
    "digits beyond Python's limit": (("step",), "1" * 5000),
}
EXAMPLE = {
    "class": "GradientOf",
    "constants": {"mu": "1", "ell": "4"},
    "step": "1/5",
    "strong_convexity": "1",
    "side": "upper",
    "multipliers": ["0", "5/18", "1/36", "1/3"],
}
ROTATION = {
    "class": "StronglyMonotoneLipschitz",
    "constants": {"mu": "1", "ell": "4"},
    "step": "1/5",
    "strong_convexity": "1",
    "side": "attained",
    "rotation": {"a": "1", "w_squared": "15"},
}


def test_the_examples_are_accepted_and_right() -> None:
    """(1 - 2 h mu + h^2 ell^2)/(1 + h sigma)^2 = (1 - 2/5 + 16/25)/(36/25) = 31/36, by hand."""
    assert conclude(EXAMPLE) == Fraction(31, 36)
    assert conclude(ROTATION) == Fraction(31, 36)


@pytest.mark.parametrize(("path", "value"), MUTATIONS.values(), ids=MUTATIONS)
def test_planted_mutations_of_an_upper_record_are_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(Refusal):
        conclude(changed(EXAMPLE, path, value))


ROTATIONS = {
    "w^2 too large": (("rotation", "w_squared"), "16"),
    "w^2 barely too large": (("rotation", "w_squared"), "15000000000000000001/1000000000000000000"),
    "a below mu": (("rotation", "a"), "999/1000"),
    "negative w^2": (("rotation", "w_squared"), "-1"),
    "float": (("rotation", "a"), 1.0),
    "no a": (("rotation", "a"), None),
    "no rotation": (("rotation",), None),
    "list": (("rotation",), ["1", "15"]),
    "a rotation is no gradient": (("class",), "GradientOf"),
    "smaller ell": (("constants", "ell"), "3"),
    "larger mu": (("constants", "mu"), "2"),
    "zero step": (("step",), "0"),
}


@pytest.mark.parametrize(("path", "value"), ROTATIONS.values(), ids=ROTATIONS)
def test_planted_mutations_of_an_attained_record_are_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(Refusal):
        conclude(changed(ROTATION, path, value))


@pytest.mark.parametrize("claimed", ["squared", "value", "conclusion", "bound", "t"])
def test_a_claimed_conclusion_is_ignored(claimed: str) -> None:
    assert conclude({**EXAMPLE, claimed: "1/1000"}) == Fraction(31, 36)


def test_records_are_not_changed() -> None:
    before = repr(EXAMPLE)
    conclude(EXAMPLE)
    assert repr(EXAMPLE) == before
