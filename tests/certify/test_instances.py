"""Instances: their ratios against numpy, and everything barely outside the class refused."""

from collections.abc import Callable
from copy import deepcopy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify.instances import attained
from fbscheck.certify.kernel import Refusal, conclude

Record = dict[str, Any]
BARELY = "10000000000000000000000000000000000000001/10000000000000000000000000000000000000000"
"""1 + 1e-40."""

SHARED: Record = {
    "class": "StronglyMonotoneLipschitz",
    "constants": {"mu": "1", "ell": "4"},
    "strong_convexity": "1",
    "steps": ["1/5"],
}
ROTATION: Record = {**SHARED, "kind": "rotation", "a": "1", "w_squared": "15"}
GRAPH: Record = {
    "class": "GradientOf",
    "constants": {"mu": "1/10", "ell": "1"},
    "strong_convexity": "0",
    "steps": ["19/10", "1/10", "19/10", "1/10"],
    "kind": "graph",
    "points": [["-1", "-1/10"], ["0", "0"], ["1", "1"]],
    "starts": ["1", "0"],
}
"""f = x on the right of 0 and x/10 on its left: 1, -9/10, -891/1000, -72171/100000, -7144929/10000000."""


def test_rotation_by_hand() -> None:
    """(1 - 2 h mu + h^2 ell^2)/(1 + h sigma)^2 = 31/36."""
    assert attained(ROTATION) == (Fraction(31, 36), True)
    assert attained({**ROTATION, "steps": ["1/5"] * 3}) == (Fraction(31, 36) ** 3, True)


def test_graph_by_hand() -> None:
    assert attained(GRAPH) == (Fraction(7144929, 10**7) ** 2, True)
    assert attained({**GRAPH, "starts": ["1", "-1"], "steps": ["1/2"]}) == (Fraction(29, 40) ** 2, False)
    assert attained({**GRAPH, "starts": ["0", "1"], "steps": ["1/2"]}) == (Fraction(1, 4), False)


@pytest.mark.parametrize("points", [[["3", "3"], ["4", "4"]], [["-4", "-4"], ["-3", "-3"]], [["0", "0"], ["1", "1"]]])
def test_a_graph_goes_on_beyond_its_points(points: list[list[str]]) -> None:
    """Written at different places, f is the identity: x_1 = (1 - h) x_0."""
    record = {**GRAPH, "points": points, "steps": ["1/3"], "starts": ["7/2", "-2"]}
    assert attained(record) == (Fraction(4, 9), False)
    assert attained({**record, "starts": ["-5", "0"]}) == (Fraction(4, 9), True)


def test_a_fixed_point_of_one_step_is_one_of_all() -> None:
    """f(1) = -1 = -g'(1), so that 1 stays, for every step; a point next to it does not."""
    points = [["0", "-2"], ["1", "-1"], ["2", "-1/2"]]
    record = {**GRAPH, "strong_convexity": "1", "points": points, "starts": ["3", "1"]}
    assert attained(record)[1]
    assert not attained({**record, "starts": ["3", BARELY]})[1]
    assert not attained({**record, "starts": ["1", "3"]})[1]


@pytest.mark.parametrize("seed", range(60))
def test_rotations_against_matrices(seed: int) -> None:
    """All steps as 2 x 2 matrices; every pair of points has the ratio, here one that is drawn."""
    rng = np.random.default_rng(seed)
    mu, ell = np.sort(rng.integers(0, 50, 2)) + [0, 1]
    a, steps, sigma = int(rng.integers(mu, ell + 1)), rng.integers(1, 40, rng.integers(1, 5)), int(rng.integers(0, 3))
    room = {0: 0, 1: int(ell) ** 2 - a * a, 2: a * int(ell) - a * a}[seed % 3]
    w2 = int(rng.integers(0, room + 1))
    name = ("GradientOf", "StronglyMonotoneLipschitz", "StronglyMonotoneCocoercive")[seed % 3]
    constants = {"mu": str(mu), "beta": f"1/{ell}"} if seed % 3 == 2 else {"mu": str(mu), "ell": str(ell)}
    record = {
        "class": name,
        "constants": constants,
        "strong_convexity": str(sigma),
        "steps": [f"{h}/400" for h in steps],
        "kind": "rotation",
        "a": str(a),
        "w_squared": str(w2),
    }
    f, x = np.array([[a, -np.sqrt(w2)], [np.sqrt(w2), a]]), rng.standard_normal(2)
    y = x
    for h in steps / 400:
        y = (y - h * f @ y) / (1 + h * sigma)
    ratio, fixed = attained(record)
    assert fixed
    assert float(ratio) == pytest.approx(np.sum(y**2) / np.sum(x**2), rel=1e-9, abs=1e-25)


@pytest.mark.parametrize("seed", range(60))
def test_graphs_against_interpolation(seed: int) -> None:
    """The same steps with numpy.interp between knots far out; slopes in all three classes."""
    rng = np.random.default_rng(seed)
    knots = np.unique(rng.integers(-64, 65, 8)) / 8
    slopes = rng.integers(1, 9, len(knots) - 1) / 8
    values = np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))]) + rng.integers(-9, 9) / 4
    x, y = (float(t) for t in rng.choice(np.arange(-80, 81), 2, replace=False) / 8)
    steps, sigma = rng.integers(1, 25, rng.integers(1, 6)) / 8, rng.integers(0, 3) / 4
    name = ("GradientOf", "StronglyMonotoneLipschitz", "StronglyMonotoneCocoercive")[seed % 3]
    record = {
        "class": name,
        "constants": {"mu": "1/8", "beta" if seed % 3 == 2 else "ell": "1"},
        "strong_convexity": str(Fraction(sigma)),
        "steps": [str(Fraction(h)) for h in steps],
        "kind": "graph",
        "points": [[str(Fraction(p)), str(Fraction(v))] for p, v in zip(knots, values, strict=True)],
        "starts": [str(Fraction(x)), str(Fraction(y))],
    }
    ends = knots[0] - 1e3, knots[-1] + 1e3
    far = values[0] - 1e3 * slopes[0], values[-1] + 1e3 * slopes[-1]
    apart = x - y
    for h in steps:
        x, y = (
            (t - h * np.interp(t, [ends[0], *knots, ends[1]], [far[0], *values, far[1]])) / (1 + h * sigma)
            for t in (x, y)
        )
    assert float(attained(record)[0]) == pytest.approx(((x - y) / apart) ** 2, rel=1e-9, abs=1e-20)


def test_one_step_never_exceeds_what_the_kernel_proves() -> None:
    """The kernel's number for the class of the graph: (1 - h mu)^2 by hand, h = 1/2, mu = 1/10, ell = 1."""
    multiplier = Fraction(19, 20) / Fraction(9, 10) / 2
    terms = [[name, i, 1 - i, str(m)] for name, m in (("interpolation", multiplier), ("convex", "1/2")) for i in (0, 1)]
    bound = conclude({**GRAPH, "kind": "steps", "steps": ["1/2"], "terms": terms})
    assert bound == Fraction(361, 400)
    ratios = [attained({**GRAPH, "steps": ["1/2"], "starts": [str(x), "-1/3"]})[0] for x in range(-5, 6)]
    assert max(ratios) == bound


def put(*path: Any) -> Callable[[Record], None]:
    """Set the entry at the path but the last to the last."""

    def change(record: Record) -> None:
        inside: Any = record
        for key in path[:-2]:
            inside = inside[key]
        inside[path[-2]] = path[-1]

    return change


ROTATIONS: dict[str, Callable[[Record], None]] = {
    "w^2 too large": put("w_squared", "16"),
    "w^2 barely too large": put("w_squared", "15000000000000000000000000001/1000000000000000000000000000"),
    "a below mu": put("a", "999/1000"),
    "negative w^2": put("w_squared", "-1"),
    "float": put("a", 1.0),
    "decimal": put("a", "1.0"),
    "no a": put("a", None),
    "no w^2": lambda record: record.pop("w_squared"),
    "a rotation is no gradient": put("class", "GradientOf"),
    "smaller ell": put("constants", "ell", "3"),
    "larger mu": put("constants", "mu", "2"),
    "other constants": put("constants", {"mu": "1", "beta": "1/4"}),
    "zero step": put("steps", ["0"]),
    "no steps": put("steps", []),
    "a step": put("steps", "1"),
    "negative sigma": put("strong_convexity", "-1"),
    "no class": lambda record: record.pop("class"),
    "unknown kind": put("kind", "steps"),
    "no kind": lambda record: record.pop("kind"),
    "list for kind": put("kind", ["rotation"]),
    "a graph without points": put("kind", "graph"),
}
GRAPHS: dict[str, Callable[[Record], None]] = {
    "a slope above ell": put("points", 2, ["1", "2"]),
    "a slope barely above ell": put("points", 2, ["1", BARELY]),
    "a slope below mu": put("points", 0, ["-1", "0"]),
    "a slope barely below mu": put("points", 0, [f"-{BARELY}", "-1/10"]),
    "falling": put("points", 2, ["1", "-1"]),
    "knots not sorted": lambda record: record["points"].reverse(),
    "two knots exchanged": put("points", [["0", "0"], ["1", "1"], ["-1", "-1/10"]]),
    "a knot twice": put("points", 1, ["1", "0"]),
    "the same point twice": put("points", 1, ["1", "1"]),
    "one point": put("points", [["0", "0"]]),
    "no points": put("points", []),
    "points missing": lambda record: record.pop("points"),
    "a point of three": put("points", 1, ["0", "0", "0"]),
    "a point of one": put("points", 1, ["0"]),
    "a float": put("points", 1, [0.0, "0"]),
    "a number for a point": put("points", 1, 0),
    "equal starts": put("starts", ["1", "2/2"]),
    "one start": put("starts", ["1"]),
    "three starts": put("starts", ["1", "0", "2"]),
    "float starts": put("starts", [1.0, 0.0]),
    "no starts": put("starts", None),
    "smaller ell": put("constants", "ell", "99/100"),
    "larger mu": put("constants", "mu", "11/100"),
    "mu above ell": put("constants", {"mu": "1", "ell": "1/10"}),
    "zero step": put("steps", 1, "0"),
    "a rotation without a": put("kind", "rotation"),
}


@pytest.mark.parametrize("change", ROTATIONS.values(), ids=ROTATIONS)
def test_planted_mutations_of_a_rotation_are_refused(change: Callable[[Record], None]) -> None:
    record = deepcopy(ROTATION)
    change(record)
    with pytest.raises(Refusal):
        attained(record)


@pytest.mark.parametrize("change", GRAPHS.values(), ids=GRAPHS)
def test_planted_mutations_of_a_graph_are_refused(change: Callable[[Record], None]) -> None:
    record = deepcopy(GRAPH)
    change(record)
    with pytest.raises(Refusal):
        attained(record)


@pytest.mark.parametrize(
    ("slope", "inside"), [("0", True), ("1/2", True), ("2", True), (f"{2 * 10**40 + 1}/{10**40}", False)]
)
def test_cocoercive_slopes(slope: str, inside: bool) -> None:
    """beta = 1/2: slopes from 0 to 2, the ends included."""
    record = {
        **GRAPH,
        "class": "StronglyMonotoneCocoercive",
        "constants": {"mu": "0", "beta": "1/2"},
        "points": [["0", "0"], ["1", slope]],
    }
    if inside:
        assert attained({**record, "steps": ["1/4"]})[0] == (1 - Fraction(slope) / 4) ** 2
    else:
        with pytest.raises(Refusal, match="not in the class"):
            attained(record)


DEEP: list[Any] = []
for _ in range(10**5):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "record", [None, [], "graph", 1, {}, {"class": DEEP}, {**ROTATION, "a": DEEP}], ids=lambda r: ""
)
def test_what_is_no_instance_is_refused(record: Any) -> None:
    with pytest.raises(Refusal):
        attained(record)


def test_a_claimed_ratio_is_ignored() -> None:
    assert attained({**ROTATION, "ratio": "2", "squared": "2"}) == (Fraction(31, 36), True)
