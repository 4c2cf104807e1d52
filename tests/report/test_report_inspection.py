"""The report on one operator: what it says, whatever its texts are, and the styles of its figures."""

from pathlib import Path

import numpy as np
import pytest
from report_sample import HOSTILE, VERSIONS

from fbscheck import store
from fbscheck.report import latex, page, write
from fbscheck.report.figures import drawn, figure
from fbscheck.report.inspection import inspection
from fbscheck.store import Run
from fbscheck.verdict import Bracket, Claim, Curve, Plot, Relation, Result, Verdict

BELOW_ONE = float(np.nextafter(1.0, 0.0))
WITNESS = {
    **{name: [(0.25).hex(), (0.0).hex()] for name in ("x", "y")},
    "Tx": [(1 / 3).hex(), (0.0).hex()],
    "Ty": [(0.0).hex()] * 2,
    "snippet": "x = 'a'\nprint(x)  # {}",
}
OPERATOR = {
    "kind": "function",
    "shape": [2],
    "low": (-1.0).hex(),
    "high": (1.0).hex(),
    "parameters": {"t": "0.1"},
    "sampler": None,
    "accuracy": (0.0).hex(),
    "absolute": (0.0).hex(),
    "relative": (2.0**-50).hex(),
    "evaluations": 77,
}


def stored(folder: Path, name: str = "ops.py:T", remark: str = "It may diverge.", code: str = "") -> Run:
    claims = [
        Claim("contraction", "Contraction", r"|Tx-Ty| \leq q\,|x-y|", Relation.AT_MOST, "over pairs"),
        Claim("lipschitz", "Lipschitz constant", r"|Tx-Ty| \leq L\,|x-y|", Relation.MEASURED, "over pairs"),
    ]
    plot = Plot("contraction", "quotients", name, name, "pairs", (Curve(name, (0.0, 1.0), (0.0, 2.0), "area"),))
    witness = {**WITNESS, "snippet": code or WITNESS["snippet"]}
    results = [
        Result("contraction", name, Verdict.REFUTED, Bracket(1.5, BELOW_ONE, None), name, witness, plots=(plot,)),
        Result("lipschitz", name, Verdict.SUPPORTED, Bracket(1.5, None, None), "the worst of 77 evaluations"),
    ]
    store.save(folder, claims, results, VERSIONS, 3, OPERATOR, [remark])
    return store.load(folder)


def test_it_says_what_was_asked_and_how_it_came_out(tmp_path: Path) -> None:
    run = stored(tmp_path)
    said = inspection(run, ["figure"], {run.results[0].witness or "": WITNESS})
    assert said.summary == "1 condition examined, 1 constant measured. Refuted: Contraction."
    assert [(c.text.id, c.claimed and c.claimed.mantissa) for c in said.conditions] == [
        ("contraction", "<1"),
        ("lipschitz", None),
    ]
    (example,) = said.counterexamples
    assert dict(example.points) == {"x": "(0.25, 0)", "y": "(0.25, 0)", "Tx": "(0.333333333, 0)", "Ty": "(0, 0)"}
    assert example.code == ("x = 'a'", "print(x)  # {}")
    assert dict(said.domain)["Domain"] == "[-1, 1] in each of 2 entries"
    assert said.remarks == ("It may diverge.",) and said.black_box


@pytest.mark.parametrize(
    "witness",
    [
        pytest.param({}, id="empty"),
        pytest.param([], id="a list"),
        pytest.param({"x": ["nonsense"], "Tx": 3, "snippet": 7, "points": "p"}, id="other types"),
    ],
)
def test_a_witness_that_makes_no_sense_is_left_out(witness: object, tmp_path: Path) -> None:
    run = stored(tmp_path)
    (example,) = inspection(run, ["figure"], {run.results[0].witness or "": witness}).counterexamples
    assert example.points == () and example.code == ()


@pytest.mark.parametrize(
    "name", ["command", "tag", "specials", "long word", "emoji", "jinja", "end", "empty", "control"]
)
def test_any_text_is_shown_as_it_is(name: str, tmp_path: Path) -> None:
    text = HOSTILE[name]
    stored(tmp_path, text or "x", text, f"print({text!r})")
    page = write(tmp_path, "html").read_text(encoding="utf-8")
    source = write(tmp_path, "tex").read_text(encoding="utf-8")
    assert "<script>" not in page and "49" not in page.partition("<h2>Conditions")[2].partition("<h2>Figures")[0]
    assert source.count(r"\end{document}") == 1 and r"\input{/etc" not in source
    assert r"\textquotesingle{}" in source


@pytest.mark.parametrize("style", ["line", "points", "dots", "area", "arrow"])
def test_every_style_is_drawn_where_its_points_are(style: str) -> None:
    curve = Curve("c", (0.0, 1.0), (0.5, 2.0), style)
    axes = figure(Plot("a", "b", "t", "x", "y", (curve, curve), equal=True)).axes[0]
    assert axes.get_aspect() == 1.0
    if style == "area":
        assert len(axes.patches) == 2 and np.allclose(axes.patches[0].get_xy()[:2], [(0, 0.5), (1, 2)])
    else:
        assert [tuple(line.get_ydata()) for line in axes.lines] == [(0.5, 2.0)] * 2
    assert len(axes.texts) == (2 if style == "arrow" else 0)


def test_images_of_a_column_share_their_scale() -> None:
    parts = [Curve(str(k), (2.0, 2.0), tuple(float(k + i) for i in range(4)), "image") for k in (0, 10, 20, 30)]
    picture = figure(Plot("a", "b", "t", "", "", tuple(parts)))
    images = [axes.images[0] for axes in picture.axes if axes.images]
    assert [tuple(image.get_clim()) for image in images] == [(0, 23), (10, 33), (0, 23), (10, 33)]
    assert np.array_equal(images[0].get_array(), [[0, 1], [2, 3]])
    assert drawn(picture, "png").startswith(b"\x89PNG")


def test_an_image_that_is_cut_short_is_drawn() -> None:
    curve = Curve("c", (3.0, 2.0), (1.0, float("nan")), "image")
    (image,) = (axes.images[0] for axes in figure(Plot("a", "b", "t", "", "", (curve,))).axes if axes.images)
    assert image.get_array().shape == (3, 2)


def test_code_keeps_its_indentation() -> None:
    assert latex._code("    t = 'a'") == r"~~~~t = \textquotesingle{}a\textquotesingle{}"
    assert latex._code("t") == page._code("t") == "t"
    assert page._code("    t = 'a_b'") == "    t = 'a_b'"
