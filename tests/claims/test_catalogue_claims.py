"""Chapter "catalogue": right functions pass, wrong ones are refuted, and the audit measures again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fbscheck import functions
from fbscheck.archive import add, describe
from fbscheck.certify import kernel
from fbscheck.claims.catalogue import measures, nonconvex, promises
from fbscheck.claims.catalogue.promises import (
    CLAIMS,
    CONJUGATE,
    DERIVATIVE,
    EXTREMES,
    FIRM,
    INPUT,
    LIPSCHITZ,
    OPTIMALITY,
    PROJECTION,
    REFERENCE,
    RESOLVENT,
    VALUE,
)
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.functions import (
    L1,
    L2,
    Function,
    Hinge,
    L1Ball,
    NonNegative,
    Quantile,
    Simplex,
    SumOfLargest,
    TotalVariation,
)
from fbscheck.functions.nonconvex import NONCONVEX, Nonconvex
from fbscheck.suites import catalogue as catalogue_suite
from fbscheck.suites.catalogue import CASES
from fbscheck.verdict import Claim, Verdict


def verdicts(g: Function, claims: Any = CLAIMS, dimension: int = 4) -> dict[str, Verdict]:
    results = promises.assess(ProxCase("a function", g, dimension), claims, 24, np.random.default_rng(0))
    return {result.claim: result.verdict for result in results}


class Wrong(Function):
    """A function with some of its methods replaced; no record, so that nothing rebuilds it."""

    def __init__(self, right: Function, accuracy: float = 0.0, **replaced: Any) -> None:
        self.right, self.replaced = right, replaced
        self.accuracy = accuracy  # type: ignore[misc]

    @property
    def is_indicator(self) -> bool:  # type: ignore[override]
        return self.right.is_indicator

    @property
    def lipschitz(self) -> float | None:
        return self.replaced.get("constant", self.right.lipschitz)

    @property
    def strong_convexity(self) -> float:
        return self.replaced.get("curvature", self.right.strong_convexity)

    def _value(self, x: Any) -> Any:
        return self.right._value(x)

    def _prox(self, u: Any, step: Any) -> Any:
        return self.replaced.get("prox_by", self.right._prox)(u, step)

    def _conjugate(self, s: Any) -> Any:
        return self.replaced.get("conjugate_by", self.right._conjugate)(s)

    def _prox_jacobian(self, u: Any, step: float, v: Any) -> Any:
        return self.replaced.get("jacobian_by", self.right._prox_jacobian)(u, step, v)

    def _subgradient(self, x: Any, near: Any) -> Any:
        return self.replaced.get("subgradient_by", self.right._subgradient)(x, near)


def swapped(u: Any, step: Any) -> Any:
    return u - np.clip(u, -0.3 * step, 0.7 * step)


def summed(u: Any, step: Any) -> Any:
    """A batch treated as one vector."""
    return u * np.maximum(1 - 0.7 * step / np.maximum(np.linalg.norm(u), 1e-300), 0.0)


def rare(u: Any, step: Any) -> Any:
    """Right but at ties."""
    p = Simplex(1.0)._prox(u, step)
    return np.where(np.abs(u).max(axis=0) == np.abs(u).min(axis=0), 0.5 * p, p)


WRONG: dict[str, tuple[Function, Claim]] = {
    "sides swapped": (Wrong(Quantile(0.3), prox_by=swapped), OPTIMALITY),
    "sides swapped, by the resolvent identity": (
        Wrong(Hinge(), prox_by=lambda u, h: np.maximum(u, np.minimum(u + h * h, 1))),
        RESOLVENT,
    ),
    "step forgotten": (Wrong(L2(0.7), prox_by=lambda u, h: L2(0.7)._prox(u, 1.0)), RESOLVENT),
    "step forgotten, by the value": (Wrong(L2(0.7), prox_by=lambda u, h: L2(0.7)._prox(u, 1.0)), VALUE),
    "norm of the batch": (Wrong(L2(0.7), prox_by=summed), INPUT),
    "ties": (Wrong(Simplex(1.0), prox_by=rare), OPTIMALITY),
    "no projection": (Wrong(L1Ball(1.0), prox_by=lambda u, h: 0.9 * L1Ball(1.0)._prox(u, h)), PROJECTION),
    "not in the set": (Wrong(NonNegative(), prox_by=lambda u, h: np.abs(u) - 1e-6), PROJECTION),
    "expansive": (Wrong(NonNegative(), prox_by=lambda u, h: 1.0001 * np.maximum(u, 0)), FIRM),
    "too strongly convex": (Wrong(functions.SquaredL2(2.0), curvature=2.02), FIRM),
    "constant too small": (Wrong(SumOfLargest(2), constant=1.4), LIPSCHITZ),
    "conjugate without the constant": (Wrong(Simplex(2.0), conjugate_by=lambda s: np.max(s, axis=0)), CONJUGATE),
    "subgradient of another weight": (Wrong(L2(0.7), subgradient_by=L2(0.71)._subgradient), CONJUGATE),
    "derivative of another step": (
        Wrong(functions.Logistic(), jacobian_by=lambda u, h, v: functions.Logistic()._prox_jacobian(u, 1.01 * h, v)),
        DERIVATIVE,
    ),
    "derivative not symmetric": (
        Wrong(TotalVariation(0.4), jacobian_by=lambda u, h, v: np.cumsum(v, axis=0) / len(v)),
        DERIVATIVE,
    ),
    "overflow": (
        Wrong(NonNegative(), prox_by=lambda u, h: np.sqrt(np.maximum(u, 0) ** 2 * (1 + 1e200) / 1e200)),
        EXTREMES,
    ),
}


@pytest.mark.parametrize(("g", "claim"), WRONG.values(), ids=WRONG)
def test_a_wrong_function_is_refuted(g: Function, claim: Claim) -> None:
    with np.errstate(all="ignore"):
        assert verdicts(g, [claim])[claim.id] is Verdict.REFUTED


@pytest.mark.parametrize(
    "right", {id(g.right): g.right for g, _ in WRONG.values()}.values(), ids=lambda g: type(g).__name__
)
def test_the_right_function_passes(right: Function) -> None:
    found = verdicts(right)
    assert REFERENCE.id in found
    assert set(found.values()) == {Verdict.SUPPORTED}


def test_a_sloppy_solver_is_seen_beyond_what_it_declares() -> None:
    """An iterative map that is 1e-4 off passes with a declared accuracy of 1e-4, and is refuted without."""

    def rounded(u: Any, h: Any) -> Any:
        return np.round(L2(0.7)._prox(u, h), 4)

    claims = [OPTIMALITY, FIRM, RESOLVENT, VALUE]
    assert Verdict.REFUTED in verdicts(Wrong(L2(0.7), prox_by=rounded), claims).values()
    assert set(verdicts(Wrong(L2(0.7), 1e-4, prox_by=rounded), claims).values()) == {Verdict.SUPPORTED}


def test_a_derivative_from_the_other_side_of_a_near_kink_is_seen() -> None:
    """Also of a map with a declared accuracy: the differences do not reach the kink, 1e-5 away."""
    g = L1(1.0)
    wrong = Wrong(g, 1e-9, jacobian_by=lambda u, h, v: g._prox_jacobian(u - 1e-4, h, v))
    u, v, w = np.array([1.00001, 3.0]), np.array([1.0, 0.5]), np.array([0.5, 1.0])
    allowed = 1e-5 + 2 * 1e-9 / 1e-6
    assert measures.derivative(Wrong(g, 1e-9), 1.0, 1.0, np.asarray, u, v, w) < 1e-8
    assert measures.derivative(wrong, 1.0, 1.0, np.asarray, u, v, w) > 10 * allowed


def test_what_does_not_apply_is_left_out() -> None:
    assert PROJECTION.id not in verdicts(L2(0.7))
    assert LIPSCHITZ.id not in verdicts(Hinge())
    assert REFERENCE.id not in verdicts(functions.TanhEntropy())


# -- replay ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES[:40:5], ids=lambda case: case.name)
def test_the_worst_sample_is_measured_again(case: ProxCase) -> None:
    for result in promises.assess(case, CLAIMS, 24, np.random.default_rng(1)):
        claim = next(known for known in CLAIMS if known.id == result.claim)
        again = promises.replay(claim, result.witness or {}, dict(result.arrays))
        assert (again.verdict, again.witness) == (result.verdict, result.witness)
        assert again.bracket.lower == pytest.approx(result.bracket.lower, abs=1e-12)


TAMPERED = {
    "no step": {"step": "0x1.8p"},
    "another kind": {"function": {"kind": "L3"}},
    "a scale": {"scale": (0.5).hex()},
    "no sample": {"sample": {}},
    "a sample that is not stored": {"sample": {"u": "data/none.npy"}},
}


@pytest.mark.parametrize("changed", TAMPERED.values(), ids=TAMPERED)
def test_a_changed_witness_is_refused(changed: dict[str, Any]) -> None:
    (result,) = promises.assess(CASES[1], [RESOLVENT], 8, np.random.default_rng(0))
    with pytest.raises(kernel.Refusal):
        promises.replay(RESOLVENT, {**(result.witness or {}), **changed}, dict(result.arrays))


# -- nonconvex ------------------------------------------------------------------------------------

ENTRIES = {entry.name: entry for entry in NONCONVEX}


@pytest.mark.parametrize("entry", NONCONVEX, ids=ENTRIES)
def test_what_is_false_is_refuted_and_what_is_true_survives(entry: Nonconvex) -> None:
    found = {r.claim: r for r in nonconvex.assess(entry, 4000, np.random.default_rng(2))}
    assert found[nonconvex.CONVEX.id].verdict is Verdict.REFUTED
    if entry.monotone:
        proved = Verdict.PROVED if entry.name in nonconvex.PIECES else Verdict.SUPPORTED
        assert found[nonconvex.MONOTONE.id].verdict is proved
    else:
        assert found[nonconvex.SOME.id].verdict is Verdict.REFUTED
    if np.isfinite(entry.slope):
        proved = Verdict.PROVED if entry.name in nonconvex.PIECES else Verdict.SUPPORTED
        assert found[nonconvex.SLOPE.id].verdict is proved
        assert found[nonconvex.SLOPE.id].bracket.lower == pytest.approx(1, abs=0.05)
    for claim in nonconvex.CLAIMS:
        if claim.id in found:
            again = nonconvex.replay(claim, found[claim.id].witness or {}, {})
            assert again.bracket == found[claim.id].bracket


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if np.isfinite(entry.slope)])
def test_planted_a_smaller_slope_is_refuted(name: str) -> None:
    entry = ENTRIES[name]
    smaller = Nonconvex("smaller", entry.map, entry.monotone, 0.99 * entry.slope, entry.source)
    found = {r.claim: r.verdict for r in nonconvex.assess(smaller, 4000, np.random.default_rng(3))}
    assert found[nonconvex.SLOPE.id] is Verdict.REFUTED


@pytest.mark.parametrize("name", nonconvex.PIECES)
def test_planted_errors_under_the_same_name_are_not_proved(name: str) -> None:
    """A smaller slope, the map turned over, a jump at 1/2, and a single point that is off."""
    right = ENTRIES[name]
    wrong = (
        (nonconvex.SLOPE, replace(right, slope=0.99 * right.slope)),
        (nonconvex.MONOTONE, replace(right, map=lambda u: -right.map(u))),
        (nonconvex.MONOTONE, replace(right, map=lambda u: right.map(u) - 3 * (u > 0))),
        (nonconvex.MONOTONE, replace(right, map=lambda u: np.where(u == 0, 0 * u + 1, right.map(u)))),
    )
    finite = [(claim, entry) for claim, entry in wrong if claim is nonconvex.MONOTONE or np.isfinite(entry.slope)]
    assert [nonconvex._proof(claim, entry) for claim, entry in finite] == [()] * len(finite)
    assert nonconvex._proof(nonconvex.MONOTONE, right)


def test_planted_monotone_where_it_is_not() -> None:
    silu = ENTRIES["SiLU"]
    entry = Nonconvex("monotone", silu.map, True, silu.slope, silu.source)
    found = {r.claim: r.verdict for r in nonconvex.assess(entry, 4000, np.random.default_rng(3))}
    assert found[nonconvex.MONOTONE.id] is Verdict.REFUTED


PENALTIES: dict[str, tuple[Callable[[Any], Any], float | None]] = {
    "hard threshold": (lambda x: (x != 0) / 2, None),
    "MCP": (lambda x: np.where(abs(x) <= 2, abs(x) - x * x / 4, 1.0), 0.5),
    "SCAD": (
        lambda x: np.where(abs(x) <= 1, abs(x), np.where(abs(x) <= 3.7, (2 * 3.7 * abs(x) - x * x - 1) / 5.4, 2.35)),
        1 / 2.7,
    ),
    "log penalty": (lambda x: np.log1p(abs(x)) / 2, 0.5),
    "l1/2": (lambda x: np.sqrt(abs(x)), None),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_the_monotone_maps_minimise_their_nonconvex_functions(name: str) -> None:
    """On a grid of points the map's image is never beaten; and the modulus is that of the function."""
    penalty, modulus = PENALTIES[name]
    grid = np.linspace(-7, 7, 28001)
    for u in (-5.0, -2.2, -1.2, -0.6, 0.3, 1.1, 1.7, 2.9, 4.4):
        p = ENTRIES[name].map(np.array([u]))
        reached = penalty(p) + (p - u) ** 2 / 2
        assert reached[0] <= np.min(penalty(grid) + (grid - u) ** 2 / 2) + 1e-7
    if modulus is not None:
        assert ENTRIES[name].weak_convexity == pytest.approx(modulus)


def test_moduli_of_what_jumps_or_turns() -> None:
    assert ENTRIES["hard threshold"].weak_convexity == 1.0
    assert ENTRIES["SiLU"].weak_convexity is None
    assert ENTRIES["ELU, alpha 2"].weak_convexity == 0.5


@pytest.mark.parametrize(
    ("claim", "sample"),
    [
        pytest.param(REFERENCE, {"u": [1.0, 2.0], "y": [5.0, 5.0]}, id="no proximal point"),
        pytest.param(CONJUGATE, {"x": [1.0, 2.0], "s": [0.5, 0.5]}, id="no subgradient"),
        pytest.param(DERIVATIVE, {"u": [1.0, 3.0], "v": [1.0, 0.0], "w": [0.0, 1.0]}, id="a kink"),
        pytest.param(FIRM, {"u": [1e308, 1e308], "v": [-1e308, 1.0]}, id="overflow"),
    ],
)
def test_samples_that_are_not_those_of_the_claim_refute_nothing(claim: Claim, sample: dict[str, list[float]]) -> None:
    arrays: dict[str, Any] = {}
    witness = {
        "case": "forged",
        "function": describe(L1(1.0), arrays),
        "step": (1.0).hex(),
        "scale": (1.0).hex(),
        "sample": {name: add(np.array(x), arrays) for name, x in sample.items()},
    }
    with pytest.raises(kernel.Refusal, match="not one of the claim"):
        promises.replay(claim, witness, arrays)


@pytest.mark.parametrize("title", catalogue_suite.GRAPHS)
def test_graphs_are_nondecreasing_and_no_steeper_than_one(title: str) -> None:
    for curve in catalogue_suite.graph(title).curves:
        slopes = np.diff(curve.y) / np.diff(curve.x)
        assert slopes.min() >= -1e-9 and slopes.max() <= 1 + 1e-9, curve.label
