"""``report.write``: the files it leaves, the same bytes every time, and one clear line when it cannot."""

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from report_sample import HOSTILE, claim, factor_plot, realistic, result

from fbscheck import report, store
from fbscheck.errors import FbscheckError, InputError, MissingToolError
from fbscheck.report import compiler, content, latex
from fbscheck.report.compiler import typeset
from fbscheck.verdict import Verdict


def overfull(log: str) -> list[float]:
    """By how many points each line of a LaTeX log sticks out."""
    return [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]


def latex_of(folder: Path) -> str:
    """The LaTeX source of a run, without drawing its figures."""
    run = store.load(folder)
    return latex.render(content.document(run, content.stems(run.plots)))


def test_same_bytes_from_two_folders(saved: Callable[..., Path]) -> None:
    run = (
        [claim("contraction.gradient", "Factor", "q < 1", "h > 0")],
        [result("contraction.gradient", "h=1", Verdict.PROVED, 0.5, 0.5, 0.5, plots=(factor_plot(),))],
    )
    here, there = saved(*run, "here"), saved(*run, "elsewhere/deeper")
    assert report.write(here, "html") == here / "report.html"
    assert report.write(there, "html") == there / "report.html"
    assert (here / "report.html").read_bytes() == (there / "report.html").read_bytes()
    names = {path.relative_to(here) for part in ("figures", "tables") for path in (here / part).iterdir()}
    figures = {f"figures/contraction.gradient--factor.{kind}" for kind in ("pdf", "png", "tex")}
    stems = ("chapters", "controls", "versions", "contraction.gradient")
    tables = {f"tables/{stem}.{kind}" for stem in stems for kind in ("csv", "json")}
    assert set(map(str, names)) == figures | tables | {"tables/contraction.gradient.tex"}
    for name in names:
        assert (here / name).read_bytes() == (there / name).read_bytes()


def test_what_an_earlier_report_left_is_removed(small: Path) -> None:
    for name in ("tables/old.claim.csv", "figures/old.pdf", "figures/mine.txt"):
        (small / name).parent.mkdir(exist_ok=True)
        (small / name).write_text("old")
    report.write(small, "tex")
    assert [path.name for path in (small / "figures").iterdir()] == ["mine.txt"]
    assert not (small / "tables" / "old.claim.csv").exists()


PAPER = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,array,booktabs,longtable,ragged2e,graphicx}
\begin{document}
%s
See figure~\ref{figure:%s}.
\end{document}
"""


@pytest.mark.parametrize("folder", ["sample", "attacked"])
def test_tables_and_figures_are_for_papers(
    folder: str, request: pytest.FixtureRequest, latexmk: bool, tmp_path: Path
) -> None:
    run = request.getfixturevalue(folder)
    report.write(run, "tex")
    parts = [path for part in ("tables", "figures") for path in sorted((run / part).glob("*.tex"))]
    stems = [path.stem for path in parts if path.parent.name == "figures"]
    assert len(parts) > 7 and stems
    paper = tmp_path / "paper" / "report.tex"
    shutil.copytree(run / "figures", paper.parent / "figures")
    paper.write_text(PAPER % ("\n".join(path.read_text() for path in parts), stems[0]))
    if latexmk:
        log = typeset(paper).log
        assert max(overfull(log), default=0.0) < 1
        assert "undefined" not in log


def test_pdf_fits_the_page_and_is_the_same_twice(sample: Path, tmp_path: Path, latexmk: bool) -> None:
    path = report.write(sample, "pdf" if latexmk else "tex")
    assert (sample / "report.tex").is_file()
    other = tmp_path / "other" / "deeper"
    shutil.copytree(sample, other, ignore=shutil.ignore_patterns("report.pdf"))
    assert latex_of(other) == (sample / "report.tex").read_text(encoding="utf-8")
    if latexmk:
        again = typeset(other / "report.tex")
        assert path.read_bytes().startswith(b"%PDF-")
        assert path.read_bytes() == again.pdf
        assert max(overfull(again.log), default=0.0) < 10
        assert not re.search(rb"/(CreationDate|ModDate)", again.pdf)


def test_hostile_texts_compile(attacked: Path, latexmk: bool) -> None:
    report.write(attacked, "tex")
    source = (attacked / "report.tex").read_text(encoding="utf-8")
    assert r"\input{/etc" not in source
    assert source.count(r"\end{document}") == 1
    assert "7*7" not in source.replace("7{*}7", "")
    if latexmk:
        out = typeset(attacked / "report.tex")
        assert max(overfull(out.log), default=0.0) < 10
        assert "root:" not in out.log


@pytest.mark.parametrize(
    "format, stated",
    [
        pytest.param("pdf", False, id="no claim, pdf"),
        pytest.param("html", False, id="no claim, html"),
        pytest.param("tex", True, id="a claim without results, tex"),
        pytest.param("html", True, id="a claim without results, html"),
    ],
)
def test_empty_run(saved: Callable[..., Path], latexmk: bool, format: str, stated: bool) -> None:
    claims = [claim("prox.l1", "Soft threshold", r"x \ge 0")] if stated else []
    path = report.write(saved(claims, []), format if latexmk else "html")
    text = path.with_suffix(".html" if path.suffix == ".html" else ".tex").read_text(encoding="utf-8")
    assert "establishes nothing" in text
    assert ("no case of this claim was run" in text) == stated
    assert not (path.parent / "figures").exists()


def test_page_needs_nothing_else(attacked: Path) -> None:
    page = report.write(attacked, "html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<!-- gone -->" not in page
    links = re.findall(r"""\s(?:src|href)\s*=\s*["']?([^"'\s>]+)""", page)
    pictures = [unquote(picture) for picture in re.findall(r'src="(data:image/svg[^"]*)"', page)]
    assert pictures
    for picture in pictures:
        assert set(re.findall(r"https?://[^'&]*", picture)) <= {
            "http://www.w3.org/1999/xlink",
            "http://www.w3.org/2000/svg",
        }
    text = re.sub(r'src="data:image/svg[^"]*"', "", page)
    assert "url(" not in text and "@import" not in text and "http" not in text.replace("http-equiv", "")
    assert links
    inside = ("data:image/svg+xml,", "#chapter-", "#open", "#content")
    assert [link for link in links if not link.startswith(inside)] == []
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", page)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_one_hostile_text_in_every_place(saved: Callable[..., Path], text: str) -> None:
    statement = claim("a.b", text, r"x \ge 0", "h > 0")
    folder = saved([statement], [result("a.b", text, Verdict.UNDECIDED, 0.5, 1.0, 2.0, text)])
    source = report.write(folder, "tex").read_text(encoding="utf-8")
    body = source.split(r"\begin{document}")[1]
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")
    assert r"\verdict{UNDECIDED}{undecided}" in body
    assert "<html" in report.write(folder, "html").read_text(encoding="utf-8")


def test_unknown_format(sample: Path) -> None:
    with pytest.raises(InputError, match="among pdf, tex, html, got 'docx'"):
        report.write(sample, "docx")


def test_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="results.json"):
        report.write(tmp_path / "nothing", "tex")
    assert not (tmp_path / "nothing").exists()


def test_missing_latexmk_names_the_cure_and_leaves_the_source(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(small))
    with pytest.raises(MissingToolError) as caught:
        report.write(small, "pdf")
    message = str(caught.value)
    assert "apt-get install -y --no-install-recommends texlive-latex-recommended lmodern latexmk" in message
    assert f"{small / 'report.tex'} has been written" in message
    assert "\n" not in message
    assert r"\end{document}" in (small / "report.tex").read_text(encoding="utf-8")
    assert not (small / "report.pdf").exists()


@pytest.mark.parametrize(
    "script, expected",
    [
        pytest.param(
            "printf '! Undefined control sequence.\\nl.7 x\\n' > report.log; exit 12",
            "Undefined control sequence",
            id="an error of LaTeX",
        ),
        pytest.param(
            'printf "! LaTeX Error: File \\`lmodern.sty\' not found.\\n" > report.log; exit 12',
            "Need lmodern.sty for a PDF: apt-get install",
            id="a missing package",
        ),
        pytest.param("echo no luck; exit 1", "it named no error", id="no log"),
        pytest.param("sleep 60", "longer than 1 s", id="hangs"),
    ],
)
def test_failure_is_one_line_that_names_the_log(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, expected: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("latexmk", "pdflatex"):
        (tools / tool).write_text(f"#!/bin/sh\n{script}\n")
        (tools / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setattr(compiler, "TIMEOUT", 1.0)
    (small / "report.pdf").write_bytes(b"the old one")
    with pytest.raises(FbscheckError) as caught:
        report.write(small, "pdf")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(small / "report.log") in str(caught.value)
    assert (small / "report.log").is_file()
    assert (small / "report.pdf").read_bytes() == b"the old one"
    assert not list(small.rglob("*.new"))


def test_broken_statement_is_an_error_of_latex(saved: Callable[..., Path], latexmk: bool) -> None:
    folder = saved([claim("a.b", "Broken", r"\frac{1}{")], [])
    if latexmk:
        with pytest.raises(FbscheckError, match="could not compile"):
            report.write(folder, "pdf")
        assert (folder / "report.log").stat().st_size > 0
    else:
        assert report.write(folder, "tex").is_file()


def test_page_and_print_say_the_same(saved: Callable[..., Path]) -> None:
    claims, results = realistic()
    folder = saved(claims, [dataclasses.replace(entry, plots=()) for entry in results])
    source = report.write(folder, "tex").read_text(encoding="utf-8")
    page = report.write(folder, "html").read_text(encoding="utf-8")
    for sentence in (
        "In this run 7 claims were checked",
        "135 of 140 cases",
        "3 false statements",
        "every one was caught",
        "20 further cases (20 proved) are in results.json.",
        "60 cases: 20 proved",
    ):
        assert sentence in source.replace("{}", ""), sentence
        assert sentence in page, sentence
