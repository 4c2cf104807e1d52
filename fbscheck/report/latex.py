"""The report as LaTeX source, for the small TeX set of Debian's texlive-latex-recommended.

Whatever comes from a user is escaped character by character, so that no text can change the
document or stop its compilation; only statements and hypotheses, which the package wrote, are code.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

from jinja2 import Environment, PackageLoader, StrictUndefined

from fbscheck.report import numerals
from fbscheck.report.changes import Changes, template
from fbscheck.report.characters import fallback, printable
from fbscheck.report.content import Document
from fbscheck.report.figures import WIDTH
from fbscheck.report.inspection import Inspection
from fbscheck.report.numerals import Gap, Numeral
from fbscheck.report.sections import Case, FigureText, Section
from fbscheck.report.sentences import Prose, plural
from fbscheck.verdict import Verdict

__all__ = ["PAPER_LINE", "Layout", "escape", "layout", "mathematics", "render", "separate_figure", "separate_table"]

LINE = 466.0
"""Width of a line of text in points; the template sets the same."""

PAPER_LINE = 345.0
"""Width in points that a table of its own fits: LaTeX's article at ten points."""

BREAK = r"\allowbreak{}"
BREAK_AFTER = ",;:=/_|)]}&@"
LONG_WORD, BREAK_EVERY = 16, 6

LOOKS = (("footnotesize", 9, numerals.DIGITS), ("scriptsize", 8, numerals.DIGITS), ("scriptsize", 8, 6))
ROOM = 100

SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": "'{}",
    "-": "-{}",
    ",": ",{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    **{char: f"\\{char}" for char in "{}$&#%_"},
}
GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon "
    "varphi chi psi omega"
).split()
CAPITALS = {
    "Γ": "Gamma",
    "Δ": "Delta",
    "Θ": "Theta",
    "Λ": "Lambda",
    "Ξ": "Xi",
    "Π": "Pi",
    "Σ": "Sigma",
    "Φ": "Phi",
    "Ψ": "Psi",
    "Ω": "Omega",
}
SIGNS = {
    "≤": "le",
    "≥": "ge",
    "≠": "ne",
    "≈": "approx",
    "≡": "equiv",
    "∈": "in",
    "∉": "notin",
    "⊂": "subset",
    "⊆": "subseteq",
    "∪": "cup",
    "∩": "cap",
    "∅": "emptyset",
    "∞": "infty",
    "∂": "partial",
    "∇": "nabla",
    "∑": "sum",
    "∏": "prod",
    "∫": "int",
    "√": "surd",
    "∀": "forall",
    "∃": "exists",
    "→": "to",
    "↦": "mapsto",
    "⇒": "Rightarrow",
    "⇔": "Leftrightarrow",
    "∘": "circ",
    "⟨": "langle",
    "⟩": "rangle",
    "‖": "|",
    "ℓ": "ell",
    "⪯": "preceq",
    "⪰": "succeq",
    "≪": "ll",
    "≫": "gg",
    "ϵ": "epsilon",
    "ϕ": "phi",
    "ϑ": "vartheta",
    "⊤": "top",
    "⊥": "perp",
    "±": "pm",
    "×": "times",
    "·": "cdot",
    "⋅": "cdot",
}
MATHEMATICS = {
    **{chr(0x3B1 + i): "o" if name == "o" else f"\\{name} " for i, name in enumerate(GREEK)},
    **{char: f"\\{name} " for char, name in (CAPITALS | SIGNS).items()},
    "−": "-",
    "ℝ": r"\mathbb{R}",
    "ᵀ": r"^{\top}",
    "µ": r"\mu ",
}
LATIN = frozenset(map(chr, range(0xA1, 0x180))) - set("\N{SOFT HYPHEN}ĦħĸĿŀŉŦŧſ")
PUNCTUATION = frozenset("–—‘’‚“”„†‡•…‰‹›€™←↑↓")
WORDS = re.compile(r"\\mathrm\{([^{}]*\\ [^{}]*)\}")
SCRIPTS = {"<super>": "textsuperscript", "<sub>": "textsubscript"}


@final
@dataclass(frozen=True)
class Layout:
    """How a table fits the line: its font, the digits of its bounds, and the width left for text."""

    font: str
    digits: int
    text: int


def escape(text: str) -> str:
    """``text`` as LaTeX that prints it and nothing else, with places to break in every long word.

    >>> escape("50% of $x_1$")
    '50\\\\% of \\\\$x\\\\_\\\\allowbreak{}1\\\\$'
    """
    return " ".join(_word(word) for word in printable(text).split(" "))


def mathematics(source: str) -> str:
    """LaTeX mathematics of the package, in one line, its Unicode signs spelled as commands."""
    return "".join(
        char if char.isascii() else MATHEMATICS.get(char) or rf"\text{{{_word(char)}}}" for char in printable(source)
    )


def layout(cases: Sequence[Case], text_columns: int = 1, with_bounds: bool = True, line: float = LINE) -> Layout:
    """The largest font that leaves the texts of a table of ``cases`` room; else fewer digits."""
    for font, size, digits in LOOKS:
        columns = [
            [numerals.nearest(case.theory) for case in cases],
            [numerals.lower(case.lower, case.theory, digits) for case in cases],
        ]
        if with_bounds:
            columns.append([numerals.upper(case.upper, case.theory, digits) for case in cases])
            columns.append([case.gap and case.gap.numeral for case in cases])
        numbers = sum(max([4.3, *(_ems(numeral) for numeral in column if numeral)]) for column in columns)
        if with_bounds and any(case.gap and case.gap.absolute for case in cases):
            numbers += 2.2
        words = max((len(case.verdict.value) for case in cases), default=0) * 0.56
        gaps = 6 * (len(columns) + text_columns) + 3
        left = (line - size * (numbers + words) - gaps) / text_columns
        if left >= ROOM:
            break
    return Layout(font, digits, max(60, int(left)))


def render(document: Document | Inspection | Changes) -> str:
    """The LaTeX source of ``document``; figures are looked for in ``figures/``."""
    name = template(document)
    return _environment().get_template(f"{name}.tex.jinja").render(document=document, Verdict=Verdict) + "\n"


def separate_table(section: Section) -> str:
    """The tables of a claim as LaTeX that a paper can \\input."""
    template = _environment().get_template("fragment.tex.jinja")
    return template.render(section=section, figure=None, line=PAPER_LINE) + "\n"


def separate_figure(figure: FigureText) -> str:
    """A figure with its caption as LaTeX that a paper can \\input."""
    template = _environment().get_template("fragment.tex.jinja")
    return template.render(section=None, figure=figure, line=PAPER_LINE) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fbscheck.report"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters.update(
        tex=escape,
        code=_code,
        math=mathematics,
        prose=_prose,
        numeral=_numeral,
        gap=_gap,
        verdict=_verdict,
        plural=plural,
        nearest=numerals.nearest,
        lower=numerals.lower,
        upper=numerals.upper,
    )
    environment.globals.update(layout=layout, LINE=LINE, WIDTH=WIDTH, DIGITS=numerals.DIGITS)
    return environment


def _word(word: str) -> str:
    shown = "".join(char if _shows(char) else fallback(char) for char in word)
    pieces, since = [], 0
    for char, following in itertools.zip_longest(shown, shown[1:]):
        pieces.append(_character(char))
        since += 1
        far = len(shown) > LONG_WORD and since >= BREAK_EVERY
        if following and (far or char in BREAK_AFTER or following == "["):
            pieces.append(BREAK)
            since = 0
    return "".join(pieces)


def _script(char: str) -> tuple[str, str] | None:
    """A raised or lowered sign, as its LaTeX command and the sign on the line; None for any other."""
    mark, _, plain = unicodedata.decomposition(char).partition(" ")
    return (SCRIPTS[mark], chr(int(plain, 16))) if mark in SCRIPTS and len(plain) == 4 else None


def _shows(char: str) -> bool:
    script = _script(char)
    simple = char.isascii() or char in MATHEMATICS or char in LATIN or char in PUNCTUATION
    return simple or (script is not None and _shows(script[1]))


def _character(char: str) -> str:
    """A character that shows, as LaTeX."""
    if char in SPECIAL:
        return SPECIAL[char]
    if char in MATHEMATICS:
        return rf"\ensuremath{{{MATHEMATICS[char].strip()}}}"
    script = None if char in LATIN else _script(char)
    return rf"\{script[0]}{{{_character(script[1])}}}" if script else char


def _code(line: str) -> str:
    """A line of Python, escaped, with straight quotes and its indentation."""
    text = line.lstrip(" ")
    return "~" * (len(line) - len(text)) + escape(text).replace("'{}", r"\textquotesingle{}")


def _breakable(formula: str) -> str:
    """A formula in running text whose words may be broken apart."""
    return WORDS.sub(lambda words: r"\ \allowbreak ".join(rf"\mathrm{{{w}}}" for w in words[1].split("\\ ")), formula)


def _prose(pieces: Prose) -> str:
    return "".join(f"${_breakable(mathematics(text))}$" if is_math else _edge(text) for text, is_math in pieces)


def _edge(text: str) -> str:
    """Escaped ``text`` that keeps a space at either end, where it meets a formula."""
    return " " * text[:1].isspace() + escape(text) + " " * text[-1:].isspace()


def _numeral(numeral: Numeral | None) -> str:
    if numeral is None:
        return "--"
    if numeral.exponent is None:
        return f"${numeral.mantissa}$"
    power = f"10^{{{numeral.exponent}}}"
    return f"${power}$" if numeral.mantissa == "1" else rf"${numeral.mantissa}{{\cdot}}{power}$"


def _gap(gap: Gap | None) -> str:
    return _numeral(gap and gap.numeral) + (r"\,abs." if gap and gap.absolute and gap.size else "")


def _verdict(verdict: Verdict) -> str:
    return rf"\verdict{{{verdict.value.replace('_', '')}}}{{{verdict.value.replace('_', ' ').lower()}}}"


def _ems(numeral: Numeral) -> float:
    """The width of a printed number in ems, a little over."""
    text = numeral.mantissa
    width = 0.53 * len(text) - 0.23 * ("." in text) + 0.3 * text.startswith("-")
    if numeral.exponent is None:
        return width
    return width + 1.5 + 0.42 * len(str(numeral.exponent)) + 0.25 * (numeral.exponent < 0)
