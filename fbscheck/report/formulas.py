"""LaTeX formulas as small SVG pictures, so that a page shows mathematics without a script or a font.

matplotlib's mathtext draws them.  It knows less than LaTeX does; common commands that it lacks are
respelled, and a formula it still cannot read is shown as source.
"""

import re
from functools import lru_cache

from markupsafe import Markup, escape
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

from fbscheck.report.characters import printable

__all__ = ["formula"]

SIZE = 10.0
"""Points to one em of the page."""

GRID = 100
"""Steps of the grid on which outlines are drawn, to one em."""

FONT = FontProperties(family="STIXGeneral", size=SIZE, math_fontfamily="stix")
END = r"(?![A-Za-z])"
RESPELLED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"\\le{END}", r"\\leq "),
        (rf"\\ge{END}", r"\\geq "),
        (rf"\\ne{END}", r"\\neq "),
        (r"\\[tdc]frac", r"\\frac"),
        (r"\\frac\s*(\d)\s*(\d)", r"\\frac{\1}{\2}"),
        (r"\\frac\s*(\d)\s*\{", r"\\frac{\1}{"),
        (r"(\\frac\{[^{}]*\})\s*([A-Za-z0-9])", r"\1{\2}"),
        (r"\\[lr]Vert", r"\\|"),
        (r"\\[lr]vert", "|"),
        (rf"\\(?:big|Big|bigg|Bigg)[lrm]?{END}", ""),
        (rf"\\(?:displaystyle|textstyle|limits|nolimits){END}", ""),
        (rf"\\implies{END}", r"\\;\\Longrightarrow\\; "),
        (rf"\\iff{END}", r"\\;\\Longleftrightarrow\\; "),
        (r"\\operatorname\*", r"\\operatorname"),
        (rf"\\coloneqq{END}", ":="),
        (r"\\(mathsf|mathrm|mathbf|mathcal|mathbb)\s+([A-Za-z])", r"\\\1{\2}"),
    )
)
LETTERS = {Outline.MOVETO: "m", Outline.LINETO: "l", Outline.CURVE3: "q", Outline.CURVE4: "c"}


@lru_cache(maxsize=1024)
def formula(source: str, display: bool = False) -> Markup:
    """``source``, LaTeX without dollar signs, as inline SVG that a screen reader reads as LaTeX."""
    text = spelled = printable(source)
    for pattern, replacement in RESPELLED:
        spelled = pattern.sub(replacement, spelled)
    if display:
        spelled = spelled.replace(r"\frac{", r"\dfrac{")
    kind = "formula display" if display else "formula"
    try:
        path = TextPath((0, 0), f"${spelled}$", size=SIZE, prop=FONT)
    except ValueError:
        return Markup('<code class="{}">{}</code>').format(kind, text)
    if not len(path.vertices):
        return Markup('<code class="{}">{}</code>').format(kind, text)
    box = path.get_extents()
    left, width = box.x0 - 0.3, box.width + 0.6
    top, height, depth = box.y1 + 0.3, box.height + 0.6, max(0.0, 0.3 - box.y0)
    view = " ".join(str(round(GRID * value / SIZE)) for value in (left, -top, width, height))
    return Markup(
        '<svg class="{}" role="img" aria-label="{}" viewBox="{}" '
        'style="width:{:.3f}em;height:{:.3f}em;vertical-align:{:.3f}em"><path d="{}"/></svg>'
    ).format(kind, escape(text), view, width / SIZE, height / SIZE, -depth / SIZE, _outline(path))


def _outline(path: Outline) -> str:
    """The path in SVG's notation, with y pointing down, by steps from point to point on a grid of whole numbers."""
    steps: list[str] = []
    here = start = (0, 0)
    for vertices, code in path.iter_segments(simplify=False, curves=True):
        if code == Outline.CLOSEPOLY:
            steps.append("z")
            here = start
        else:
            grid = [round(GRID * value / SIZE) for value in vertices]
            points = list(zip(grid[::2], (-y for y in grid[1::2]), strict=True))
            if code == Outline.LINETO and points == [here]:
                continue
            moves = " ".join(f"{x - here[0]} {y - here[1]}" for x, y in points)
            steps.append(LETTERS[code] + moves.replace(" -", "-"))
            here = points[-1]
            start = here if code == Outline.MOVETO else start
    return "".join(steps)
