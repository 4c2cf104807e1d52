"""Escaping: every text prints as itself, and nothing of it is a command."""

import re
import unicodedata

import pytest
from report_sample import HOSTILE

from fbscheck.report import latex
from fbscheck.report.latex import escape, layout, mathematics
from fbscheck.report.sections import Case
from fbscheck.verdict import Verdict

ALLOWED = (
    {
        "textbackslash",
        "textasciicircum",
        "textasciitilde",
        "textless",
        "textgreater",
        "textbar",
        "textquotedbl",
        "textasciigrave",
        "allowbreak",
        "ensuremath",
        "textsuperscript",
        "textsubscript",
    }
    | {source.strip(" \\") for source in latex.MATHEMATICS.values()}
    | {"mathbb", "top", "|"}
)


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("h=1", r"h=\allowbreak{}1", id="break after a sign"),
        pytest.param("100%", r"100\%", id="comment sign"),
        pytest.param("a_b^c", r"a\_\allowbreak{}b\textasciicircum{}c", id="scripts"),
        pytest.param("\\x", r"\textbackslash{}x", id="command"),
        pytest.param("--", "-{}-{}", id="no dash ligature"),
        pytest.param("[1]", "{[}1{]}", id="no optional argument"),
        pytest.param("µ μ", r"\ensuremath{\mu} \ensuremath{\mu}", id="micro sign and mu"),
        pytest.param("x²", r"x²", id="superscript two is in the font"),
        pytest.param("x₁", r"x\textsubscript{1}", id="subscript"),
        pytest.param("é", "é", id="composed"),
        pytest.param("e\N{COMBINING ACUTE ACCENT}", "é", id="decomposed"),
        pytest.param("a\nb", "a b", id="newline"),
        pytest.param("\x00", "{[}U+0000{]}", id="null"),
        pytest.param("中", "{[}U+4E2D{]}", id="chinese"),
        pytest.param("\ud800", "{[}U+D800{]}", id="lone surrogate"),
        pytest.param("", "", id="empty"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_no_command_of_a_user_survives(text: str) -> None:
    escaped = escape(text)
    commands = set(re.findall(r"\\([A-Za-z]+|.)", escaped)) - set("{}$&#%_")
    assert commands <= ALLOWED
    assert not re.search(r"(?<!\\)[$&#%_^~]", re.sub(r"\\ensuremath\{.*?\}", "", escaped))
    longest = max(re.split(r"\\allowbreak\{\}| ", escaped), key=len)
    assert len(re.sub(r"\\[a-z]+|[{}]", "", longest)) <= latex.LONG_WORD


@pytest.mark.parametrize("plane", range(0, 0x3000, 0x400))
def test_only_known_characters_reach_latex(plane: int) -> None:
    for code in range(plane, plane + 0x400):
        char = unicodedata.normalize("NFC", chr(code))
        rest = {c for c in escape(char) if not c.isascii()}
        assert rest <= latex.LATIN | latex.PUNCTUATION, hex(code)


def test_every_known_character_is_kept() -> None:
    for char in latex.LATIN | latex.PUNCTUATION | set(latex.MATHEMATICS):
        assert "U+" not in escape(char), char


@pytest.mark.parametrize(
    "source, expected",
    [
        (r"h \le 2\beta", r"h \le 2\beta"),
        ("h ≤ 2β", r"h \le  2\beta "),
        ("a\n\nb", "a b"),
        ("步", r"\text{{[}U+6B65{]}}"),
    ],
)
def test_mathematics(source: str, expected: str) -> None:
    assert mathematics(source) == expected


def case(number: float | None) -> Case:
    """A row whose three numbers take the same room."""
    return Case("a", "b", Verdict.CERTIFIED, number, number, number, None, (), None)


@pytest.mark.parametrize(
    "number, font, digits",
    [
        pytest.param(None, "footnotesize", 10, id="no numbers"),
        pytest.param(1 / 3, "footnotesize", 10, id="plain"),
        pytest.param(-1 / 3 * 1e-300, "scriptsize", 10, id="very wide"),
    ],
)
def test_layout_leaves_room_for_text(number: float | None, font: str, digits: int) -> None:
    look = layout([case(number)])
    assert (look.font, look.digits) == (font, digits)
    assert latex.ROOM <= look.text < latex.LINE
