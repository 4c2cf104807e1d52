"""Maps: cells that are proved, boundaries that are judged, and what must be refused."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.certify.kernel import Refusal
from fbscheck.claims.regions import cells, maps
from fbscheck.claims.regions.cells import Axis, Plane
from fbscheck.claims.regions.conditions import CONDITIONS
from fbscheck.errors import InputError
from fbscheck.suites.maps import PLANES
from fbscheck.verdict import Verdict

F = Fraction
RECOVERY = next(plane for plane in PLANES if plane.condition.name == "recovery")
planes = pytest.mark.parametrize("plane", PLANES, ids=[f"{p.condition.name}, {p.name}" for p in PLANES])


def mapped(plane: Plane) -> Any:
    return maps.assess(maps.claim_of(plane.condition), plane, cells.cover(plane))


@planes
def test_a_map_is_decided_replayed_and_its_boundary_lies_in_the_open_band(plane: Plane) -> None:
    covered = cells.cover(plane)
    result = maps.assess(maps.claim_of(plane.condition), plane, covered)
    assert result.verdict is Verdict.CERTIFIED and covered.share <= cells.SHARE
    assert result.bracket.certificate is not None and result.witness is not None
    again = maps.replay(maps.claim_of(plane.condition), result.bracket.certificate, result.witness)
    assert (again.bracket, again.verdict, again.case) == (result.bracket, result.verdict, result.case)
    ends = [(float(c.x.low), float(c.x.high), float(c.y.low), float(c.y.high)) for c in covered.open]
    for x, y in maps.boundary(plane, columns=20):
        assert any(x0 <= x <= x1 and y0 - 1e-4 <= y <= y1 + 1e-4 for x0, x1, y0, y1 in ends)


@planes
def test_cells_agree_with_floating_point_at_random_points(plane: Plane) -> None:
    """By the closed formulas of the factors and bounds, written once more."""
    rng, covered = np.random.default_rng(0), cells.cover(plane)
    for kind in (cells.HOLDS, cells.FAILS):
        for cell in covered.cells[kind][:200]:
            x, y = (
                float(side.low) + (0.0 if whole else rng.random() * float(side.high - side.low))
                for side, whole in zip((cell.x, cell.y), plane.natural, strict=True)
            )
            assert (margin(plane, x, y) > 0) == (kind == cells.HOLDS)


def margin(plane: Plane, x: float, y: float) -> float:
    values = {name: float(known.default) for name, known in plane.condition.parameters.items()}
    p = {**values, **{name: float(value) for name, value in plane.fixed.items()}, plane.x.name: x, plane.y.name: y}
    if plane.condition.name.startswith("contraction"):
        h, mu = p["h"], p["mu"]
        factor = {
            "contraction": lambda: max(abs(1 - h * mu), abs(1 - h * p["ell"])),
            "contraction-lipschitz": lambda: (1 - 2 * h * mu + h**2 * p["ell"] ** 2) ** 0.5,
            "contraction-cocoercive": lambda: (
                max(1 - 2 * h * s + h**2 * s / p["beta"] for s in (mu, 1 / p["beta"])) ** 0.5
            ),
        }[plane.condition.name]()
        return float(p["level"] * (1 + h * p["sigma"]) - factor)
    if plane.condition.name == "nonexpansive":
        K = np.array([[p["mu"], -p["skew"]], [p["skew"], p["mu"]]])
        return float(1 - np.linalg.norm(np.eye(2) - p["h"] * K, 2))
    if plane.condition.name == "weighted":
        layer = np.eye(2) - p["h"] * np.array([[p["mu"], p["shear"]], [0.0, p["mu"]]])
        weights = np.diag([1.0, p["ratio"]])
        return float(1 - np.linalg.norm(weights @ layer @ np.linalg.inv(weights), 2))
    if plane.condition.name == "averaged":
        return p["level"] - 2 * p["beta"] / (4 * p["beta"] - p["h"]) if p["h"] < 2 * p["beta"] else -1.0
    if plane.condition.name == "recovery":
        return (1 + 1 / p["coherence"]) / 2 - p["s"]
    if plane.condition.name == "noise":
        c = (2 * p["s"] - 1) * p["coherence"]
        kept = c ** p["depth"]
        return p["level"] - p["s"] * p["size"] * kept - 2 * p["s"] * p["weight"] * p["noise"] * (1 - kept) / (1 - c)
    if plane.condition.name == "lipschitz":
        return float(p["level"] - p["h"] * p["norm"] * np.sum(p["factor"] ** np.arange(p["depth"])))
    h = p["horizon"] / p["depth"]
    if plane.condition.name == "uniform":
        return p["excess"] - h**2 / 2 * p["depth"] * p["norm"] ** 2
    return float(p["level"] - h * np.sqrt((p["speed"] + p["lambda"]) ** 2 / 2 + 2 * p["norm"] * p["gap"]))


@pytest.mark.parametrize("number", [2, 5, 6, 7, 10])
def test_a_boundary_moved_by_a_twentieth_is_refuted(number: int) -> None:
    plane = PLANES[number]
    covered = cells.cover(plane)
    verdicts = {maps.assess(maps.MOVED_BOUNDARY, plane, covered, side).verdict for side in ("x", "y")}
    assert Verdict.REFUTED in verdicts


def test_margins_with_a_wrong_sign_are_refuted() -> None:
    """A condition whose formulas and whose worst instance disagree."""
    plane = PLANES[2]
    wrong = replace(plane.condition, margins=lambda p: [1 - p["h"] * p["mu"]])
    result = mapped(replace(plane, condition=wrong))
    assert result.verdict is Verdict.REFUTED


def test_too_little_time_leaves_the_map_open() -> None:
    covered = cells.cover(PLANES[0], seconds=0.0)
    result = maps.assess(maps.claim_of(PLANES[0].condition), PLANES[0], covered)
    assert result.verdict is Verdict.UNDECIDED and covered.share == 1


def first(certificate: dict[str, str], kind: str) -> str:
    return certificate[kind].split()[0]


MUTATIONS: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "a cell on the wrong side": lambda c: {**c, "holds": f"{c['holds']} {first(c, 'fails')}", "fails": ""},
    "a cell twice": lambda c: {**c, "holds": f"{c['holds']} {first(c, 'holds')}"},
    "a cell within another": lambda c: {**c, "holds": f"{c['holds']} {first(c, 'holds')}0"},
    "the whole box": lambda c: {**c, "holds": ".", "fails": ""},
    "a kind is missing": lambda c: {"holds": c["holds"], "fails": c["fails"]},
}


@pytest.mark.parametrize("mutate", MUTATIONS.values(), ids=MUTATIONS)
def test_changed_maps_are_refused(mutate: Callable[[dict[str, str]], dict[str, str]]) -> None:
    result = mapped(RECOVERY)
    claim = maps.claim_of(RECOVERY.condition)
    with pytest.raises(Refusal):
        maps.replay(claim, mutate(dict(result.bracket.certificate)), result.witness)


@pytest.mark.parametrize(
    "condition, x, y, fixed, message",
    [
        pytest.param(
            "contraction", ("h", 0, 1), ("w", 0, 1), {}, "Need a parameter of contraction, got 'w'", id="unknown"
        ),
        pytest.param("contraction", ("h", 0, 1), ("h", 0, 1), {}, "Need each parameter once", id="twice"),
        pytest.param("contraction", ("h", 0, 1), ("mu", 0, 1), {"h": 1}, "Need each parameter once", id="set as well"),
        pytest.param("contraction", ("h", 1, 0), ("mu", 0, 1), {}, "Need LO < HI for h", id="swapped ends"),
        pytest.param("recovery", ("s", 1, F(5, 2)), ("coherence", 0, 1), {}, "Need natural numbers for s", id="halves"),
    ],
)
def test_bad_planes_are_told(condition: str, x: Any, y: Any, fixed: dict[str, Any], message: str) -> None:
    axes = [Axis(name, F(low), F(high)) for name, low, high in (x, y)]
    with pytest.raises(InputError, match=message):
        Plane(CONDITIONS[condition], *axes, {name: F(value) for name, value in fixed.items()})


def test_a_box_outside_the_domain_is_told() -> None:
    plane = Plane(CONDITIONS["contraction"], Axis("h", F(0), F(1)), Axis("mu", F(2), F(3)), {})
    with pytest.raises(InputError, match="Need a box in which contraction makes sense"):
        cells.cover(plane)
