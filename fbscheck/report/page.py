"""The report as one HTML page that needs nothing else: no script, no network, no file beside it."""

from collections.abc import Mapping
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fbscheck.report import numerals
from fbscheck.report.changes import Changes, template
from fbscheck.report.characters import printable
from fbscheck.report.content import Document
from fbscheck.report.formulas import formula
from fbscheck.report.inspection import Inspection
from fbscheck.report.numerals import Gap, Numeral
from fbscheck.report.sentences import Prose, plural
from fbscheck.verdict import Verdict

__all__ = ["render"]

SAFE = " /:;,=+!?*()@$-_."
"""Signs of a picture that need no percent sign in an address."""


def render(document: Document | Inspection | Changes, pictures: Mapping[str, bytes]) -> str:
    """The page of ``document``; ``pictures`` holds the SVG of each figure by its stem."""
    data = {stem: "data:image/svg+xml," + quote(svg.decode().replace('"', "'"), SAFE) for stem, svg in pictures.items()}
    page = _environment().get_template(f"{template(document)}.html.jinja")
    return page.render(document=document, pictures=data, Verdict=Verdict) + "\n"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fbscheck.report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=printable,
        code=_code,
        formula=formula,
        prose=_prose,
        numeral=_numeral,
        gap=_gap,
        verdict=_verdict,
        plural=plural,
        nearest=numerals.nearest,
        lower=numerals.lower,
        upper=numerals.upper,
    )
    return environment


def _prose(pieces: Prose) -> Markup:
    return Markup("").join(formula(text) if is_math else Markup("{}").format(_edge(text)) for text, is_math in pieces)


def _edge(text: str) -> str:
    """Printable ``text`` that keeps a space at either end, where it meets a formula."""
    return " " * text[:1].isspace() + printable(text) + " " * text[-1:].isspace()


def _code(line: str) -> str:
    """A printable line that keeps its indentation."""
    return " " * (len(line) - len(line.lstrip(" "))) + printable(line)


def _numeral(numeral: Numeral | None) -> Markup:
    if numeral is None:
        return Markup("–")
    mantissa = numeral.mantissa.replace("-", "−")
    if numeral.exponent is None:
        return Markup("{}").format(mantissa)
    power = Markup("10<sup>{}</sup>").format(str(numeral.exponent).replace("-", "−"))
    return power if mantissa == "1" else Markup("{}·{}").format(mantissa, power)


def _gap(gap: Gap | None) -> Markup:
    return _numeral(gap and gap.numeral) + (" abs." if gap and gap.absolute and gap.size else "")


def _verdict(verdict: Verdict) -> Markup:
    return Markup('<span class="verdict {}">{}</span>').format(verdict.value, verdict.value.replace("_", " "))
