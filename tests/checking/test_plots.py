"""What is drawn of an operator: quotients of known maps, the pair of a counterexample, pictures of images."""

import numpy as np
import pytest

import fbscheck as fb
from fbscheck.verdict import Plot, Verdict


def plots_of(operator: object, **settings: object) -> dict[str, Plot]:
    found = fb.check(operator, **{"budget": 0.3, **settings})  # type: ignore[arg-type]
    return {f"{plot.claim} {plot.name}": plot for result in found.results for plot in result.plots}


def test_quotients_of_a_multiple_lie_in_one_place() -> None:
    plot = plots_of(np.diag([1.5, 1.5]), claims=["nonexpansive"])["nonexpansive quotients"]
    areas = [curve for curve in plot.curves if curve.style == "area"]
    for area in areas:
        (where,) = {round(x, 1) for x, y in zip(area.x, area.y, strict=True) if y > 0}
        assert where == 1.5 and max(area.y) > 800
    lines = {curve.label: curve.x for curve in plot.curves if curve.style == "line"}
    assert lines["claimed: at most 1"] == (1.0, 1.0)
    assert lines["counterexample: 1.5"] == (1.5, 1.5)


def test_a_rotation_turns_every_difference_by_a_right_angle() -> None:
    plot = plots_of(np.array([[0.0, -1.0], [1.0, 0.0]]), claims=["firmly_nonexpansive"])["firmly_nonexpansive relative"]
    dots = [point for c in plot.curves if c.style == "dots" for point in zip(c.x, c.y, strict=True)]
    assert len(dots) == 800 and np.allclose(dots, (0.0, 1.0), atol=1e-6)
    (edge,) = (curve for curve in plot.curves if curve.style == "line")
    assert np.allclose(np.hypot(np.array(edge.x) - 0.5, edge.y), 0.5)


@pytest.mark.parametrize(
    ("claim", "formula", "slope", "limit"),
    [
        pytest.param("nonexpansive", "sympy:-2*x", -2.0, -1.0, id="nonexpansive, falling"),
        pytest.param("firmly_nonexpansive", "sympy:3*x", 3.0, 1.0, id="firmly nonexpansive"),
        pytest.param("monotonicity=0.5", "sympy:x/4", 0.25, 0.5, id="monotonicity"),
        pytest.param("averagedness=0.25", "sympy:x/4", 0.25, 0.5, id="averagedness"),
    ],
)
def test_a_graph_shows_the_slope_and_the_limit(claim: str, formula: str, slope: float, limit: float) -> None:
    plot = plots_of(formula, claims=[claim])[f"{claim.partition('=')[0]} pair"]
    graph, chord, allowed, ends = plot.curves
    rates = [(c.y[-1] - c.y[0]) / (c.x[-1] - c.x[0]) for c in (graph, chord, allowed)]
    assert np.allclose(rates, [slope, slope, limit])
    assert ends.style == "points" and np.allclose(np.array(ends.y), slope * np.array(ends.x))


def test_arrows_start_at_the_points_and_end_at_their_images() -> None:
    plot = plots_of(lambda x: np.array([3 * x[0], -x[1]]), dim=2, claims=["nonexpansive"])["nonexpansive pair"]
    arrows = [curve for curve in plot.curves if curve.style == "arrow"]
    assert len(arrows) == 2 and plot.equal
    if "in units of" not in plot.title:
        assert all(np.allclose((c.x[1], c.y[1]), (3 * c.x[0], -c.y[0])) for c in arrows)


def test_images_are_shown_with_their_differences() -> None:
    plot = plots_of(lambda x: 2 * x, shape=(3, 2), claims=["nonexpansive"])["nonexpansive pair"]
    images = {curve.label: np.array(curve.y) for curve in plot.curves}
    assert all(curve.x == (3.0, 2.0) and curve.style == "image" for curve in plot.curves)
    assert np.allclose(images["x - y"], images["x"] - images["y"])
    assert np.allclose(images["Tx - Ty"], 2 * images["x - y"])


def test_nothing_refuted_draws_no_pair() -> None:
    found = fb.check(np.diag([0.5, 0.25]), claims=["nonexpansive"])
    assert found.results[0].verdict is Verdict.CERTIFIED
    assert "pair" not in {plot.name for plot in found.results[0].plots}
