"""Figures: from the points of a :class:`~fbscheck.verdict.Plot` to a picture fit for print.

No pyplot and no global state: a :class:`~matplotlib.figure.Figure` is built and drawn under the
same settings whatever the user's own matplotlib settings are, and drawn twice gives the same bytes.
"""

import io
import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import ScalarFormatter

from fbscheck.report.characters import fallback, printable
from fbscheck.verdict import Curve, Plot

__all__ = ["WIDTH", "drawn", "figure"]

WIDTH, HEIGHT = 4.8, 2.95
"""Of a figure in inches, as drawn and as printed."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#000000", "#E69F00", "#56B4E9")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1.2)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "X", "P")
MARKS_ON_A_LINE = 8
LABEL_LENGTH, AXIS_LENGTH = 48, 64

SETTINGS: dict[str, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-3, 4),
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "fbscheck",
    "savefig.dpi": 200,
}
METADATA: Mapping[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "Creator": "fbscheck", "Producer": "matplotlib"},
    "png": {"Software": "fbscheck"},
    "svg": {"Date": None, "Creator": "fbscheck"},
}


def figure(plot: Plot) -> Figure:
    """The picture of ``plot``: its legend above the axes, where it covers no data."""
    with style.context(["default", SETTINGS]):
        picture = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        FigureCanvasAgg(picture)
        images = [curve for curve in plot.curves if curve.style == "image"]
        if images:
            _images(picture, images)
        else:
            _curves(picture, plot)
        picture.draw_without_rendering()
        picture.set_layout_engine(None)
        return picture


class _Digits(ScalarFormatter):
    """Ticks in plain digits, as mathematics takes most of the time of a picture; the power of ten is set as such."""

    def get_offset(self) -> str:
        """The power of ten beside the axis."""
        self.set_useMathText(True)
        offset = super().get_offset()
        self.set_useMathText(False)
        return offset


def _curves(picture: Figure, plot: Plot) -> None:
    axes = picture.add_subplot()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_Digits())
    curves = [_finite(curve, plot.log_y) for curve in plot.curves]
    handles, drawn_as = [], Counter[str]()
    for index, curve in enumerate(curves):
        kind = curve.style if curve.style in DRAW else "line"
        handles.append(DRAW[kind](axes, curve, index, drawn_as[kind]))
        drawn_as[kind] += 1
    seen = any(math.isfinite(y) for curve in curves for y in curve.y)
    if not seen:
        axes.text(0.5, 0.5, "no point to show", transform=axes.transAxes, ha="center", va="center", color="#666666")
    if plot.log_y and seen:
        axes.set_yscale("log")
    if plot.equal:
        axes.set_aspect("equal", adjustable="datalim")
    axes.grid(True)
    axes.set_xlabel(_label(plot.x_label, AXIS_LENGTH))
    axes.set_ylabel(_label(plot.y_label, AXIS_LENGTH // 2))
    if handles:
        labels = [_label(curve.label, LABEL_LENGTH) for curve in curves]
        widest = max(map(len, labels))
        rows = math.ceil(len(labels) / (3 if widest <= 20 else 2 if widest <= 31 else 1))
        picture.legend(handles, labels, loc="outside upper center", ncols=math.ceil(len(labels) / rows))


def _images(picture: Figure, images: Sequence[Curve]) -> None:
    """Grey images in two rows, with one scale a column; entries that are missing or not finite stay white."""
    columns = math.ceil(len(images) / 2)
    places = np.atleast_2d(picture.subplots(2, columns, squeeze=False))
    for place in places.ravel():
        place.set_axis_off()
    for column in range(columns):
        shown = [
            (places[row, column], images[row * columns + column])
            for row in (0, 1)
            if row * columns + column < len(images)
        ]
        grids = [_grid(curve) for _, curve in shown]
        finite = np.concatenate([grid[np.isfinite(grid)] for grid in grids])
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        for (axes, curve), grid in zip(shown, grids, strict=True):
            drawing = axes.imshow(grid, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axes.set_title(_label(curve.label, LABEL_LENGTH), fontsize=9)
        picture.colorbar(drawing, ax=[axes for axes, _ in shown], shrink=0.8, aspect=30, ticks=_ends(low, high))


def _grid(curve: Curve) -> npt.NDArray[np.float64]:
    rows, columns = (max(1, int(size)) for size in curve.x)
    entries = np.full(rows * columns, np.nan)
    kept = np.array(curve.y, dtype=np.float64)[: rows * columns]
    entries[: len(kept)] = kept
    return entries.reshape(rows, columns)


def _ends(low: float, high: float) -> list[float]:
    return [low, high] if high > low else [low]


def drawn(picture: Figure, kind: str) -> bytes:
    """``picture`` as the bytes of a ``pdf``, ``png`` or ``svg`` file, without a date."""
    stream = io.BytesIO()
    with style.context(["default", SETTINGS]):
        picture.savefig(stream, format=kind, metadata=METADATA[kind])
    return _slim(stream.getvalue()) if kind == "svg" else stream.getvalue()


def _slim(svg: bytes) -> bytes:
    """A picture without head and metadata, and with coordinates to a hundredth of a point."""
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>", "", svg.decode(), flags=re.DOTALL)
    text = re.sub(r"<g id=\"[^\"]*\"", "<g", text)
    text = re.sub(r"-?\d+\.\d{3,}", lambda number: _short(float(number[0])), text)
    text = re.sub(r"base64,[^\"]*", lambda image: "".join(image[0].split()), text)
    text = re.sub(r"\s+", " ", text.replace("STIXGeneral-Regular-", "S")).replace("> <", "><")
    return re.sub(r"(?<=[:;]) (?=[a-z#0-9])", "", text).encode()


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.4g}"


def _finite(curve: Curve, log_y: bool) -> Curve:
    """The curve with NaN, which breaks a line, where a logarithmic axis can show nothing."""
    pairs = list(zip(curve.x, curve.y, strict=False))
    shown = tuple(y if math.isfinite(y) and (y > 0 or not log_y) else math.nan for _, y in pairs)
    return Curve(curve.label, tuple(x for x, _ in pairs), shown, curve.style)


def _line(axes: Axes, curve: Curve, index: int, number: int) -> Line2D:
    """A line; from the second on with a few marks, so that grey print tells them apart."""
    stride = max(1, len(curve.x) // MARKS_ON_A_LINE)
    marked = _alone(curve.y).union(range(index * stride // 3 % stride, len(curve.x), stride) if number else ())
    return axes.plot(
        curve.x,
        curve.y,
        color=COLOURS[index % len(COLOURS)],
        linestyle=DASHES[number % len(DASHES)],
        marker=MARKERS[index % len(MARKERS)] if marked else "",
        markevery=sorted(marked),
    )[0]


def _alone(values: Sequence[float]) -> set[int]:
    """Where a value has no neighbour to draw a line to."""
    padded = (math.nan, *values, math.nan)
    return {
        i
        for i, (before, here, after) in enumerate(zip(padded, padded[1:], padded[2:], strict=False))
        if math.isfinite(here) and not math.isfinite(before) and not math.isfinite(after)
    }


def _points(axes: Axes, curve: Curve, index: int, number: int) -> Line2D:
    """Separate points; every second set is hollow, so that one set shows through another."""
    colour, hollow = COLOURS[index % len(COLOURS)], number % 2 == 1
    return axes.plot(
        curve.x,
        curve.y,
        color=colour,
        linestyle="",
        marker=MARKERS[number % len(MARKERS)],
        markerfacecolor="none" if hollow else colour,
        markeredgecolor=colour if hollow else "white",
        markeredgewidth=0.9 if hollow else 0.4,
        markersize=6.2 if hollow else 4.6,
    )[0]


def _dots(axes: Axes, curve: Curve, index: int, number: int) -> Line2D:
    """Many points, small; every second set is crosses."""
    colour, marker = COLOURS[index % len(COLOURS)], ("o", "x")[number % 2]
    return axes.plot(
        curve.x, curve.y, color=colour, linestyle="", marker=marker, markersize=2.2, markeredgewidth=0.6, alpha=0.6
    )[0]


def _area(axes: Axes, curve: Curve, index: int, number: int) -> Polygon:
    """What the points enclose; from the second on the edge alone, so that one area shows through another."""
    edge, face = COLOURS[index % len(COLOURS)], (0.6, 0.75, 0.88, 0.9 if number == 0 else 0.0)
    (area,) = axes.fill(
        curve.x, curve.y, facecolor=face, edgecolor=edge, linestyle=DASHES[0], linewidth=0.6 if number == 0 else 1.3
    )
    return area


def _arrow(axes: Axes, curve: Curve, index: int, number: int) -> Line2D:
    """From the first point to the second; the legend shows the line without its head."""
    colour, dashes = COLOURS[index % len(COLOURS)], DASHES[number % len(DASHES)]
    line = axes.plot(curve.x, curve.y, color=colour, linestyle=dashes, linewidth=1.6)[0]
    if len(curve.x) == 2:
        start, end = zip(curve.x, curve.y, strict=True)
        head = {"arrowstyle": "-|>", "color": colour, "linewidth": 0.0, "shrinkA": 0.0, "shrinkB": 0.0}
        axes.annotate("", xy=end, xytext=start, arrowprops={**head, "mutation_scale": 12})
    return line


def _cells(axes: Axes, curve: Curve, index: int, number: int) -> Patch:
    """Rectangles, each from its two corners; the first set is light, the second hatched, the third black."""
    xs, ys = (list(zip(ends[::2], ends[1::2], strict=True)) for ends in (curve.x, curve.y))
    boxes = [Rectangle((x0, y0), x1 - x0, y1 - y0) for (x0, x1), (y0, y1) in zip(xs, ys, strict=True)]
    look = CELLS[number % len(CELLS)]
    axes.add_collection(PatchCollection(boxes, linewidth=0.0, antialiased=False, rasterized=True, **look))
    axes.autoscale_view()
    return Patch(**look)


CELLS: Sequence[Mapping[str, Any]] = ({"facecolor": "#A9CCE3"}, {"facecolor": "#F0B27A"}, {"facecolor": "#333333"})

DRAW: Mapping[str, Callable[[Axes, Curve, int, int], Artist]] = {
    "line": _line,
    "points": _points,
    "dots": _dots,
    "area": _area,
    "arrow": _arrow,
    "cells": _cells,
}


def _label(text: str, length: int) -> str:
    """``text`` as matplotlib can draw it: mathematics if it parses, else every character as it is."""
    shown = "".join(char if char in _drawable() else fallback(char) for char in printable(text))
    if shown.count("$") >= 2:
        try:
            TextPath((0, 0), shown)
        except ValueError:
            pass
        else:
            return shown
    lines = textwrap.wrap(shown, length, max_lines=2, placeholder=" …")
    plain = "\n".join(lines).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


@cache
def _drawable() -> frozenset[str]:
    """What the fallback font, which matplotlib ships, has a glyph for."""
    return frozenset(map(chr, get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()))
