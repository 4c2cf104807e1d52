"""Chapter "lipschitz": networks between a pair and a certificate; wrong constants and foreign certificates."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from fbscheck.certify.kernel import Refusal
from fbscheck.claims.networks import lipschitz
from fbscheck.claims.replay import replay
from fbscheck.errors import InputError
from fbscheck.functions import Zero
from fbscheck.network import Network, ista
from fbscheck.suites import network as suite
from fbscheck.verdict import Claim, Verdict, planted

DECAY = Network(np.ones((6, 1, 1)), np.ones((6, 1, 1)), np.zeros(6), Zero(), Fraction(3, 2))
UNIT = ista(np.ones((1, 1)), 0.0, 1.0, 1)


def drawn(kind: str, depth: int) -> Network:
    return suite.drawn(kind, 6, depth, np.random.default_rng(depth))


@pytest.mark.parametrize(
    ("claim", "network", "scale", "verdict"),
    [
        *(
            pytest.param(lipschitz.INJECTED, drawn(kind, 5), 1.0, Verdict.CERTIFIED, id=f"injected, {kind}")
            for kind in suite.KINDS
        ),
        pytest.param(lipschitz.ROOT, drawn("ISTA", 12), 1.0, Verdict.CERTIFIED, id="root of the horizon"),
        pytest.param(lipschitz.TIGHT, drawn("ISTA", 12), 1.0, Verdict.REFUTED, id="control: norms are no constants"),
        pytest.param(planted(lipschitz.INJECTED), DECAY, 0.99, Verdict.REFUTED, id="planted: injected, 1% less"),
        pytest.param(planted(lipschitz.ROOT), UNIT, 0.99, Verdict.REFUTED, id="planted: root, 1% less"),
        pytest.param(lipschitz.ROOT, drawn("LISTA", 12), 0.1, Verdict.REFUTED, id="planted: a tenth"),
    ],
)
def test_verdicts(claim: Claim, network: Network, scale: float, verdict: Verdict) -> None:
    result = lipschitz.assess(claim, *lipschitz.stretched("some network", network, 60), scale)
    assert result.verdict is verdict, result.reason
    assert result.bracket.lower is not None and result.bracket.upper is not None
    assert result.bracket.lower <= result.bracket.upper


def test_the_injected_products_of_a_line_are_its_constant() -> None:
    result = lipschitz.assess(lipschitz.INJECTED, *lipschitz.stretched("line", DECAY))
    closed = 0.25 * sum(0.75**n for n in range(6))
    assert result.bracket.lower == pytest.approx(closed, rel=1e-12)
    assert result.bracket.theory == pytest.approx(closed, rel=1e-11)


def test_samples_are_beaten() -> None:
    pair, _, _ = lipschitz.stretched("some network", drawn("ISTA", 8), 20)
    result = lipschitz.assess_samples(pair)
    assert result.verdict is Verdict.REFUTED, result.reason
    again = replay(lipschitz.SAMPLED, result.case, None, result.witness or {}, dict(result.arrays))
    assert (again.verdict, again.bracket.lower, again.bracket.theory) == (
        result.verdict,
        result.bracket.lower,
        result.bracket.theory,
    )


def test_a_result_is_evaluated_again_from_what_it_stores() -> None:
    result = lipschitz.assess(lipschitz.INJECTED, *lipschitz.stretched("some network", drawn("LISTA", 4), 40))
    arrays = dict(result.arrays)
    again = replay(lipschitz.INJECTED, result.case, result.bracket.certificate, result.witness or {}, arrays)
    assert again.bracket == result.bracket


@pytest.mark.parametrize("change", ["a smaller bound", "smaller multipliers", "another network", "another kind"])
def test_planted_certificates_are_refused(change: str) -> None:
    pair, certificate, arrays = lipschitz.stretched("some network", drawn("LISTA", 4), 40)
    if change == "a smaller bound":
        certificate = {**certificate, "bound": str(Fraction(certificate["bound"]) * Fraction(99, 100))}
    elif change == "smaller multipliers":
        arrays = {name: value / 4 for name, value in arrays.items()}
    elif change == "another network":
        pair = replace(pair, network=drawn("LISTA", 5))
    else:
        certificate = {**certificate, "kind": "promise"}
    with pytest.raises((Refusal, InputError), match="do not prove|kind|multipliers"):
        lipschitz.assess(lipschitz.INJECTED, pair, certificate, arrays)
