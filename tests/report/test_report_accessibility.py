"""Pages for everyone: the rules that axe-core checks in a browser (.ci/accessibility), as far as a text shows them."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_sample import HOSTILE, claim, hostile, realistic, result, save

from fbscheck import report, store
from fbscheck.verdict import Verdict

TEXT_CONTRAST = 4.5
"""What WCAG 2 asks of text of ordinary size, level AA."""


class Faults(HTMLParser):
    """Collects what a reader with a keyboard or a screen reader would stumble over."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.level = 0
        self.counts: dict[str, int] = {}
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if re.fullmatch("h[1-6]", tag):
            if int(tag[1]) > self.level + 1:
                self.found.append(f"{tag} after h{self.level}")
            self.level = int(tag[1])
        inside = [name for name, _ in self.open]
        if tag == "html" and not own.get("lang"):
            self.found.append("no language")
        if tag == "img" and not (own.get("alt") or "").strip():
            self.found.append("a picture without a text")
        if tag == "svg" and not ((own.get("aria-label") or "").strip() and own.get("role") == "img"):
            self.found.append("a formula without a text")
        if tag == "th" and own.get("scope") not in ("col", "row", "rowgroup"):
            self.found.append("a heading of a table that heads nothing")
        if tag == "table":
            scroll = next((attributes for _, attributes in self.open if attributes.get("class") == "scroll"), {})
            if scroll.get("tabindex") != "0" or not (scroll.get("aria-label") or "").removeprefix("Table:").strip():
                self.found.append("a table out of the keyboard's reach, or without a name")
        if tag in ("p", "table", "h2", "figure") and "main" not in inside and "header" not in inside:
            self.found.append(f"{tag} outside of all landmarks")
        if own.get("id"):
            self.ids.append(str(own["id"]))
        if tag == "a":
            self.links.append(str(own.get("href")))
        if tag not in ("meta", "img", "path", "link", "br", "hr"):
            self.open.append((tag, own))

    def handle_endtag(self, tag: str) -> None:
        if tag != "path":
            assert self.open.pop()[0] == tag, f"{tag} is closed, but was not open"


def faults(page: str) -> list[str]:
    """All that is wrong with a page."""
    parser = Faults()
    parser.feed(page)
    assert parser.open == []
    found = parser.found
    found += [
        f"{parser.counts.get(tag, 0)} times {tag}" for tag in ("h1", "main", "title") if parser.counts.get(tag) != 1
    ]
    if parser.counts.get("table", 0) != parser.counts.get("caption", 0):
        found.append("a table without a caption")
    found += [f"id {name} twice" for name in {name for name in parser.ids if parser.ids.count(name) > 1}]
    found += [f"{link} leads nowhere" for link in parser.links if link.removeprefix("#") not in parser.ids]
    return found


def compared(folder: Path) -> Path:
    """The page on what changed between two runs with every text hostile."""
    claims = [claim("a.b", text, "q") for text in list(HOSTILE.values())[:1]]
    runs = [save(folder / name, (claims, [result("a.b", "x", v, 1.0, 1.0)])) for name, v in OTHER.items()]
    return report.compare(*runs, "html")[0]


def checked(folder: Path) -> Path:
    """The page on an operator that violates a condition."""
    statement = claim("nonexpansive", "Nonexpansive", r"|Tx-Ty| \le |x-y|")
    violated = result("nonexpansive", "an operator", Verdict.REFUTED, 2.0, 1.0)
    store.save(folder, [statement], [violated], {"fbscheck": "1.0"}, 0, {"kind": "function"}, ["A remark."])
    return report.write(folder, "html")


OTHER = {"before": Verdict.PROVED, "after": Verdict.REFUTED}
PAGES: dict[str, Callable[[Path], Path]] = {
    "a realistic run": lambda folder: report.write(save(folder, realistic()), "html"),
    "a hostile run": lambda folder: report.write(save(folder, hostile()), "html"),
    "an empty run": lambda folder: report.write(save(folder, ([], [])), "html"),
    "an operator": checked,
    "what changed": compared,
}


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_pages_can_be_read_by_everyone(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert faults(make(tmp_path).read_text(encoding="utf-8")) == []


SOUND = (
    '<html lang="en"><head><title>t</title></head><body><main><h1>a</h1><h2 id="x">b</h2><a href="#x">c</a>'
    '<img src="d" alt="e"><div class="scroll" tabindex="0" aria-label="Table: f"><table><caption>g</caption>'
    '<tr><th scope="col">h</th></tr></table></div></main></body></html>'
)


@pytest.mark.parametrize(
    "old, new",
    [
        pytest.param(' lang="en"', "", id="language"),
        pytest.param('alt="e"', "", id="picture"),
        pytest.param('<h2 id="x">b</h2>', '<h4 id="x">b</h4>', id="order of headings"),
        pytest.param(' scope="col"', "", id="scope"),
        pytest.param("<caption>g</caption>", "", id="caption"),
        pytest.param(' tabindex="0"', "", id="keyboard"),
        pytest.param("Table: f", "Table: ", id="name of a table"),
        pytest.param('href="#x"', 'href="#y"', id="dead link"),
        pytest.param("<h1>a</h1>", '<h1 id="x">a</h1>', id="an id twice"),
        pytest.param("</main>", "</main><p>i</p>", id="outside of landmarks"),
    ],
)
def test_the_rules_can_fail(old: str, new: str) -> None:
    assert faults(SOUND) == []
    assert faults(SOUND.replace(old, new))


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_text_stands_out_by_day_and_by_night(tmp_path: Path) -> None:
    page = report.write(save(tmp_path, ([], [])), "html").read_text(encoding="utf-8")
    day, night = re.findall(r":root \{([^}]*)\}", page)
    for scheme in (day, night):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})\b", scheme))
        full = {name: f"#{c[1] * 2}{c[2] * 2}{c[3] * 2}" if len(c) == 4 else c for name, c in colours.items()}
        texts = {"ink", "text", "quiet", "good", "fair", "bad", "open"}
        assert texts < set(full)
        for ground in ("paper", "band"):
            assert min(contrast(full[name], full[ground]) for name in texts) >= TEXT_CONTRAST
    assert contrast("#777777", "#ffffff") < TEXT_CONTRAST < contrast("#767676", "#ffffff")
