"""Figures and formulas: drawn from the data alone, whatever the labels are."""

import math
import re
import warnings
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from report_sample import CLAIMS, HOSTILE, convergence_plot, factor_plot

from fbscheck.report.figures import drawn, figure
from fbscheck.report.formulas import formula
from fbscheck.verdict import Curve, Plot


def plot(*curves: Curve, log_y: bool = False, label: str = "x") -> Plot:
    """A plot with one label in every place."""
    return Plot("a.b", label, label, label, label, curves, log_y)


def test_curves_are_drawn_as_they_are() -> None:
    axes = figure(factor_plot()).axes[0]
    theory, attained, certified = axes.lines
    assert np.array_equal(theory.get_ydata(), factor_plot().curves[0].y)
    assert theory.get_linestyle() == "-" and attained.get_linestyle() == certified.get_linestyle() == "None"
    assert attained.get_marker() != certified.get_marker()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step $h$", "contraction factor $q$")


def test_ticks_are_plain_digits_beside_a_power_of_ten() -> None:
    axes = figure(plot(Curve("c", (-1e-5, 2e-5), (1.0, 2.0)))).axes[0]
    assert "\N{MINUS SIGN}1.0" in [label.get_text() for label in axes.get_xticklabels()]
    assert "10^{" in axes.xaxis.get_offset_text().get_text()


def test_lines_differ_without_colour() -> None:
    lines = figure(convergence_plot()).axes[0].lines
    marked = [line.get_marker() if line.get_markevery() else "" for line in lines]
    assert len(set(marked)) == len(lines)
    assert len({line.get_color() for line in lines}) == len(lines)


def test_legend_covers_no_data() -> None:
    picture = figure(convergence_plot())
    picture.draw_without_rendering()
    (legend,) = picture.legends
    assert legend.get_window_extent().y0 >= picture.axes[0].get_window_extent().y1
    assert len(legend.get_texts()) == 4


def test_logarithmic_axis_skips_what_it_cannot_show() -> None:
    curve = Curve("c", (0.0, 1.0, 2.0, 3.0, 4.0), (1.0, 0.0, 1e-3, -1.0, math.nan))
    axes = figure(plot(curve, log_y=True)).axes[0]
    assert axes.get_yscale() == "log"
    (line,) = axes.lines
    assert np.array_equal(np.isfinite(np.asarray(line.get_ydata(), dtype=float)), [True, False, True, False, False])
    assert line.get_markevery() == [0, 2]


@pytest.mark.parametrize(
    "curves",
    [
        pytest.param((), id="no curve"),
        pytest.param((Curve("empty", (), ()),), id="no point"),
        pytest.param((Curve("negative", (0.0, 1.0), (-1.0, 0.0)),), id="nothing positive"),
    ],
)
def test_nothing_to_show_is_said(curves: tuple[Curve, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = figure(plot(*curves, log_y=True))
        assert drawn(picture, "png").startswith(b"\x89PNG")
    assert [text.get_text() for text in picture.axes[0].texts] == ["no point to show"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HOSTILE[name], id=name)
        for name in ("command", "long word", "emoji", "chinese", "control", "signs", "underscore", "dollars", "empty")
    ],
)
def test_any_label_can_be_drawn(text: str) -> None:
    curves = (Curve(text, (0.0, 1.0), (1.0, 2.0)), Curve(text, (0.0, 1.0), (1.0, 2.0), "points"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = figure(plot(*curves, label=text))
        svg = drawn(picture, "svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert len(picture.legends[0].get_texts()) == 2


def test_same_bytes_whatever_the_settings() -> None:
    first = figure(factor_plot())
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "savefig.dpi": 30, "axes.facecolor": "red"}):
        second = figure(factor_plot())
        files = {kind: drawn(second, kind) for kind in ("pdf", "png", "svg")}
    assert files == {kind: drawn(first, kind) for kind in files}
    assert b"CreationDate" not in files["pdf"] and b"dc:date" not in files["svg"]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(text, id=f"{c.id} {i}")
        for c in CLAIMS
        for i, text in enumerate((c.statement, *(h.statement for h in c.hypotheses)))
    ],
)
@pytest.mark.parametrize("display", [True, False])
def test_formulas_of_the_package_are_drawn(source: str, display: bool) -> None:
    picture = ElementTree.fromstring(str(formula(source, display)))
    assert picture.tag == "svg"
    assert picture.attrib["aria-label"] == source
    path = picture.find("path")
    assert path is not None
    left, top, width, height = map(float, picture.attrib["viewBox"].split())
    ends = ends_of(path.attrib["d"])
    assert ends
    assert all(left <= x <= left + width and top <= y <= top + height for x, y in ends)


def ends_of(outline: str) -> list[tuple[int, int]]:
    """Where the steps of an outline end, by adding up their moves."""
    assert re.fullmatch(r"(?:[mlqc]-?\d+(?:[ -]\d+| -\d+)*|z)+", outline)
    here, start, ends = (0, 0), (0, 0), []
    for step in re.findall(r"[mlqcz][^mlqcz]*", outline):
        moves = [int(number) for number in re.findall(r"-?\d+", step)]
        assert len(moves) == {"m": 2, "l": 2, "q": 4, "c": 6, "z": 0}[step[0]]
        here = (here[0] + moves[-2], here[1] + moves[-1]) if moves else start
        start = here if step[0] == "m" else start
        ends.append(here)
    return ends


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(r"\begin{cases} <a> & b \end{cases}", id="an environment"),
        pytest.param("{", id="a brace"),
        pytest.param(" ", id="nothing"),
    ],
)
def test_formula_that_cannot_be_drawn_is_shown_as_source(source: str) -> None:
    shown = str(formula(source))
    assert shown.startswith("<code") and "<a>" not in shown
