"""Chapter "lipschitz" in boxes of data: verdicts, planted errors, foreign boxes, cuts and multipliers."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from fbscheck.archive import add
from fbscheck.certify.kernel import Refusal
from fbscheck.claims.networks import local
from fbscheck.claims.networks.local import Box
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import L1, GroupL2
from fbscheck.network import Network, ista
from fbscheck.suites import boxes
from fbscheck.suites import network as suite
from fbscheck.verdict import Claim, Result, Verdict, planted

Found = tuple[Box, dict[str, Any], dict[str, Any]]
NETWORK = suite.drawn("LISTA", 4, 4, np.random.default_rng(3))
LAYERS = NETWORK.layers
START, CENTRE = np.zeros(4), np.array([0.6, -0.8])
PAIR = local.elsewhere(NETWORK, START)


def around(size: float, parts: int = 1) -> Found:
    box, certificate, arrays = local.box_around("a box", NETWORK, START, CENTRE, np.full(2, size), PAIR, parts, 40)
    return box, certificate, dict(arrays)


NARROW, CUT, WIDE = around(2.0**-6), around(2.0**-4, 3), around(1.0)


@pytest.mark.parametrize(
    ("claim", "box", "scale", "verdict"),
    [
        pytest.param(local.LOCAL, NARROW, 1.0, Verdict.CERTIFIED, id="in a small box"),
        pytest.param(local.LOCAL, CUT, 1.0, Verdict.CERTIFIED, id="in a box in three parts"),
        pytest.param(planted(local.LOCAL), boxes.linear(), 0.99, Verdict.REFUTED, id="planted: 1% less"),
        pytest.param(local.LOCAL, boxes.linear(), 1.0, Verdict.SUPPORTED, id="as much as elsewhere"),
        pytest.param(local.DERIVATIVE, WIDE, 1.0, Verdict.REFUTED, id="control: the derivative at the centre"),
    ],
)
def test_verdicts(claim: Claim, box: Found, scale: float, verdict: Verdict) -> None:
    result = local.assess(claim, *box, scale)
    assert result.verdict is verdict, result.reason
    assert result.bracket.lower is not None and result.bracket.upper is not None
    assert result.bracket.lower <= result.bracket.upper


def test_a_line_is_stretched_by_its_closed_form() -> None:
    result = local.assess(local.LOCAL, *boxes.linear())
    closed = 0.25 * sum(0.75**n for n in range(6))
    assert [result.bracket.lower, result.bracket.theory, result.bracket.upper] == pytest.approx([closed] * 3, rel=3e-9)


def test_the_derivative_that_the_control_claims_is_that_of_differences() -> None:
    result = local.assess(local.DERIVATIVE, *WIDE)
    moves = 1e-7 * np.eye(2)
    start = np.zeros((4, 2))
    ahead, behind = (NETWORK(start, CENTRE[:, None] + sign * moves) for sign in (1, -1))
    norm = float(np.linalg.norm((ahead - behind) / 2e-7, 2))
    assert result.bracket.theory == pytest.approx(norm, rel=1e-6)


@pytest.mark.parametrize(("claim", "box"), [(local.LOCAL, CUT), (local.DERIVATIVE, WIDE)], ids=["local", "control"])
def test_a_result_is_evaluated_again_from_what_it_stores(claim: Claim, box: Found) -> None:
    result: Result = local.assess(claim, *box)
    again = replay(claim, result.case, result.bracket.certificate, result.witness or {}, dict(result.arrays))
    assert again.bracket == result.bracket and again.verdict is result.verdict


def moved(found: Found, **parts: Any) -> Found:
    return replace(found[0], **parts), found[1], found[2]


def with_array(found: Found, name: str, change: Callable[[Any], Any]) -> Found:
    arrays = dict(found[2])
    return found[0], {**found[1], name: add(change(arrays[found[1][name]]), arrays)}, arrays


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(
            (CUT[0], {**CUT[1], "bound": str(Fraction(0.99 * float(Fraction(CUT[1]["bound"]))))}, CUT[2]),
            "do not prove",
            id="a bound 1% smaller",
        ),
        pytest.param(with_array(WIDE, "multipliers", lambda m: m / 4), "do not prove", id="smaller multipliers"),
        pytest.param(with_array(CUT, "multipliers", lambda m: m[:-4]), "each of 3 parts", id="a part without"),
        pytest.param(with_array(CUT, "cuts", lambda c: c[:-1]), "whole tree", id="a part left out"),
        pytest.param(with_array(CUT, "cuts", lambda c: c + 0.0), "no list of sides", id="cuts of another type"),
        pytest.param(moved(CUT, radius=np.full(2, 1.0)), "do not prove", id="a wider box"),
        pytest.param(moved(NARROW, centre=CENTRE + 1), "do not prove|not in the box", id="another box"),
        pytest.param(moved(CUT, inside=PAIR + 10), "not in the box", id="a pair from outside"),
        pytest.param(
            moved(CUT, network=suite.drawn("LISTA", 4, 4, np.random.default_rng(7))), "do not prove", id="a network"
        ),
        pytest.param(
            moved(CUT, network=Network.of_layers(LAYERS.transitions, LAYERS.injections, np.zeros(4), L1(1.0), 1)),
            "do not prove",
            id="no thresholds",
        ),
        pytest.param((CUT[0], {**CUT[1], "kind": "dissipation"}, CUT[2]), "kind local", id="another kind"),
    ],
)
def test_planted_certificates_are_refused(found: Found, message: str) -> None:
    with pytest.raises((Refusal, InputError), match=message):
        local.assess(local.LOCAL, *found)


def test_other_functions_are_told() -> None:
    network = ista(np.ones((1, 2)), 0.1, 0.5, 2)
    group = Network(*network.parameters, GroupL2([0, 0], 1.0), 1)
    with pytest.raises(InputError, match="Need networks of soft thresholding .* GroupL2"):
        local.box_around("a box", group, np.zeros(2), np.zeros(1), np.ones(1), np.array([[0.0], [1.0]]))
