"""Functions of one variable: what is proved holds by another route too, and nothing false is proved."""

import copy
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from fbscheck import functions
from fbscheck.certify import kernel
from fbscheck.certify.balls import minimum, norm
from fbscheck.certify.formula import Formula, Undetermined
from fbscheck.claims.catalogue import cones, curves, sections
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.claims.catalogue.sections import CLAIMS, CONVEX, INVERSE, SLOPE
from fbscheck.functions import Function
from fbscheck.functions.curved import Curved
from fbscheck.functions.sections import Section
from fbscheck.functions.sections import sections as lines_of
from fbscheck.suites import catalogue_operators
from fbscheck.suites.catalogue import CASES
from fbscheck.suites.catalogue_sections import FLAT, ON_SAMPLES, on_samples
from fbscheck.verdict import Claim, Rigour, Verdict, planted

BY_NAME = {case.name: case for case in CASES}
PROVABLE = [case for case in CASES if lines_of(case.g)]
RULES = [case for case in catalogue_operators.CASES if lines_of(case.g)]
entries = pytest.mark.parametrize("case", [*PROVABLE, *RULES], ids=lambda case: case.name)


@entries
def test_every_function_of_one_variable_is_proved(case: ProxCase) -> None:
    assert [(r.verdict, r.claim) for r in (sections.assess(claim, case) for claim in CLAIMS)] == [
        (Verdict.PROVED, claim.id) for claim in CLAIMS
    ]


@pytest.mark.parametrize("case", PROVABLE[::6], ids=lambda case: case.name)
def test_a_proof_is_found_again(case: ProxCase) -> None:
    for claim in CLAIMS:
        result = sections.assess(claim, case)
        again = sections.replay(claim, result.witness or {}, dict(result.arrays))
        assert (again.verdict, again.bracket, again.witness) == (result.verdict, result.bracket, result.witness)


def test_rules_of_separable_functions_are_proved() -> None:
    """All but those whose nodes are not those of the given function: conjugates, envelopes, frames, other blocks."""
    left = {type(case.g).__name__ for case in catalogue_operators.CASES} - {type(case.g).__name__ for case in RULES}
    assert left == {"SeparableSum", "Conjugate", "Envelope", "TightFrame"}


def test_what_rests_on_samples_alone_is_listed_with_a_reason() -> None:
    assert {case.name for case in CASES} - {case.name for case in PROVABLE} - {CONE.name} == set(ON_SAMPLES)
    assert all(name in "; ".join(on_samples()) for name in ON_SAMPLES)


@entries
def test_planted_errors_are_refuted(case: ProxCase) -> None:
    for claim in CLAIMS if case.name != FLAT else [INVERSE]:
        result = sections.assess(planted(claim), case, 0.99)
        assert result.verdict is Verdict.REFUTED, (claim.id, result.reason)
        (evidence,) = result.bracket.evidence
        assert evidence.rigour is Rigour.ENCLOSED and evidence.value > 0
        again = sections.replay(planted(claim), result.witness or {}, dict(result.arrays))
        assert (again.bracket, again.witness) == (result.bracket, result.witness)


# -- wrong functions ------------------------------------------------------------------------------


def wrong(line: Section, **methods: Callable[..., Any]) -> Section:
    """The line with a function some of whose methods are replaced; each gets the right function first."""
    g, right = copy.copy(line.function), line.function
    own = {name: lambda self, *args, by=by: by(right, *args) for name, by in methods.items()}
    object.__setattr__(g, "__class__", type("Wrong", (type(g),), own))
    fields = {**vars(line), "function": g}
    return Section(**{name: fields[name] for name in Section.__dataclass_fields__})


def mapped(line: Section, by: Callable[[Function, Any, Any], Any]) -> Section:
    """The line with another proximal map, or where it is a root, with a derivative that is wrong alike."""
    name = "_root" if isinstance(line.function, Curved) else "_prox"
    return wrong(line, **{name: by})


def outcome(claim: Claim, line: Section) -> Verdict:
    """What comes out on one line; a refusal is UNDECIDED."""
    try:
        evidence, _ = sections.examine(claim, [line])
    except Undetermined:
        return Verdict.UNDECIDED
    return Verdict.PROVED if evidence.rigour is Rigour.EXACT else Verdict.REFUTED


LINES = [pytest.param(line, id=f"{case.name}, {line.name}") for case in PROVABLE for line in lines_of(case.g)]
NO_WEIGHT = "weighted l1, coordinate 1"
CLOSED = [p for p in LINES if p.values[0].closed is p.values[0].step]  # type: ignore[union-attr]


@pytest.mark.parametrize("line", CLOSED)
def test_a_map_with_its_sign_flipped_is_refuted(line: Section) -> None:
    flipped = mapped(line, lambda g, u, h: -(g._root if isinstance(g, Curved) else g._prox)(u, h))
    assert outcome(INVERSE, flipped) is Verdict.REFUTED
    if curves.arcs(line):
        assert outcome(SLOPE, flipped) is Verdict.REFUTED


@pytest.mark.parametrize(
    "line",
    [p for p in CLOSED if not p.values[0].function.is_indicator and p.id not in ("zero, any coordinate", NO_WEIGHT)],
)
def test_a_step_one_percent_off_is_refuted_or_refused(line: Section) -> None:
    """Refused where the order of the wrong threshold and the point is not manifest."""
    off = mapped(line, lambda g, u, h: (g._root if isinstance(g, Curved) else g._prox)(u, h * Fraction(101, 100)))
    assert outcome(INVERSE, off) in (Verdict.REFUTED, Verdict.UNDECIDED)


@pytest.mark.parametrize("line", [p for p in LINES if isinstance(p.values[0].function, Curved)])  # type: ignore
def test_a_derivative_of_another_function_is_refuted(line: Section) -> None:
    assert (
        outcome(INVERSE, wrong(line, _derivative=lambda g, x: g._derivative(x) * Fraction(101, 100))) is Verdict.REFUTED
    )


@pytest.mark.parametrize("line", [p for p in LINES if not p.id.startswith(FLAT)])
def test_a_concave_kink_is_not_proved(line: Section) -> None:
    """10 |x - node| is taken from the function, at a node inside its domain, or where there is none, at 1."""
    inner = [node for node in line.nodes[1:-1] if node is not None]
    at = line.point(Formula.number(line.variables, 0) + inner[0]) if inner else Formula.number(line.variables, 1)

    def bent(g: Function, x: Any) -> Any:
        off = np.sum((x - line.base) * line.along) / line.square - at
        value = g._value(x)
        return value - 10 * abs(off) if isinstance(value, (Formula, int, float)) else value

    assert outcome(CONVEX, wrong(line, _value=bent)) is not Verdict.PROVED


@pytest.mark.parametrize(
    ("line", "methods"),
    [
        pytest.param("box", {"_value": lambda g, x: 0.0}, id="finite beyond its domain"),
        pytest.param("box", {"_value": lambda g, x: np.inf}, id="infinite inside its domain"),
        pytest.param("l1", {"_value": lambda g, x: np.where(x == 0, 1.0, g._value(x))[0]}, id="a jump at a node"),
        pytest.param(
            "elastic net", {"_value": lambda g, x: functions.L1(0.3)._value(x)}, id="less convex than it says"
        ),
        pytest.param("hinge", {"_value": lambda g, x: functions.Hinge()._value(x + 1)}, id="a node elsewhere"),
        pytest.param("Huber", {"_value": lambda g, x: functions.Huber(0.4, 2.0)._value(x)}, id="a node too few"),
    ],
)
def test_wrong_functions_are_not_proved(line: str, methods: dict[str, Any]) -> None:
    assert outcome(CONVEX, wrong(lines_of(BY_NAME[line].g)[0], **methods)) is not Verdict.PROVED


def node_off(name: str) -> Callable[..., Any]:
    """The method, but for one more at 0."""
    return lambda g, u, *h: np.where(u == 0, u + 1, getattr(g, name)(u, *h))


L1_MAP = functions.L1(0.7)._prox


@pytest.mark.parametrize("claim", [INVERSE, SLOPE], ids=lambda claim: claim.id)
@pytest.mark.parametrize(
    ("line", "methods"),
    [
        pytest.param("l1", {"_prox": node_off("_prox")}, id="wrong at 0"),
        pytest.param(
            "l1", {"_prox": lambda g, u, h: np.where(u == h * 0.7, u + 1, L1_MAP(u, h))}, id="wrong at the threshold"
        ),
        pytest.param("l1", {"_prox": lambda g, u, h: L1_MAP(u, h) * (u - 5) / (u - 5)}, id="0/0 at a point"),
        pytest.param("l1", {"_prox": lambda g, u, h: L1_MAP(u, h) * (h - 5) / (h - 5)}, id="0/0 at a step"),
        pytest.param("l1", {"_prox": lambda g, u, h: L1_MAP(u, h) * (h - 5) * (h - 5) ** -1}, id="0 to the power -1"),
        pytest.param("l1", {"_prox": lambda g, u, h: minimum(L1_MAP(u, h), np.nan)}, id="the smaller of it and NaN"),
        pytest.param("l1", {"_value": lambda g, x: g._value(x) - float((x == 0).any())}, id="a jump of the function"),
        pytest.param("box", {"_value": lambda g, x: 0.0}, id="finite beyond its domain"),
        pytest.param("box", {"_value": lambda g, x: 0.0 if g._value(x) == 0 else np.nan}, id="NaN beyond its domain"),
        pytest.param("hyperplane", {"_value": lambda g, x: 0.0}, id="finite beside the hyperplane"),
        pytest.param("log-cosh", {"_derivative": node_off("_derivative")}, id="a derivative wrong at 0"),
        pytest.param("power 3/2", {"_derivative": node_off("_derivative")}, id="a derivative wrong at 0, power"),
        pytest.param("tanh entropy", {"domain": property(lambda g: (-0.5, 0.5))}, id="a root sought on half of it"),
        pytest.param("softplus", {"domain": property(lambda g: (-1.0, 1.0))}, id="a root sought near 0"),
        pytest.param("negative entropy", {"interior": property(lambda g: -1.0)}, id="a root sought from outside"),
    ],
)
def test_wrong_maps_are_not_proved(claim: Claim, line: str, methods: dict[str, Any]) -> None:
    g = lines_of(BY_NAME[line].g)[0]
    values = {name: by.fget(None) for name, by in methods.items() if isinstance(by, property)}
    wronged = wrong(g, **{name: by for name, by in methods.items() if name not in values})
    for name, value in values.items():
        setattr(type(wronged.function), name, value)
    assert outcome(claim, wronged) is not Verdict.PROVED


@pytest.mark.parametrize("name", ["box", "nonnegative orthant"])
def test_a_function_that_is_nan_beyond_its_domain_is_not_proved(name: str) -> None:
    line = lines_of(BY_NAME[name].g)[0]
    off = wrong(line, _value=lambda g, x: 0.0 if g._value(x) == 0 else np.nan)
    assert outcome(CONVEX, off) is not Verdict.PROVED


MOVED = np.array([0.5, -1.0, 2.0])


@pytest.mark.parametrize(
    ("g", "name", "by"),
    [
        pytest.param(
            functions.L1(0.7), "_prox", lambda f, g, u, h: np.concatenate([f(g, u[:1], h), u[1:]]), id="first alone"
        ),
        pytest.param(
            functions.Tilted(functions.L1(1.0), MOVED), "_moved", lambda f, g, u, h: u - g.slope[0] * h, id="one slope"
        ),
        pytest.param(
            functions.Translated(functions.Box(-1.0, 2.0), MOVED),
            "_prox",
            lambda f, g, u, h: g.function._prox(u - g.shift[0], h) + g.shift[0],
            id="one shift",
        ),
        pytest.param(functions.Huber(1.0, 2.0), "_value", lambda f, g, x: f(g, x[:1]), id="value of the first"),
        pytest.param(
            functions.TanhEntropy(),
            "_derivative",
            lambda f, g, x: np.concatenate([f(g, x[:1]), x[1:]]),
            id="derivative of the first",
        ),
    ],
)
def test_an_error_in_one_coordinate_is_not_proved(
    g: Function, name: str, by: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(type(g), name)
    monkeypatch.setattr(type(g), name, lambda self, *args: by(right, self, *args))
    for claim in CLAIMS if name == "_value" else (INVERSE, SLOPE):
        assert sections.assess(claim, ProxCase("wrong", g)).verdict is not Verdict.PROVED


def test_a_point_with_a_value_is_convex() -> None:
    point = functions.Tilted(functions.Box(1.0, 1.0), np.array([1.0, 2.0]))
    assert sections.assess(CONVEX, ProxCase("point", point)).verdict is Verdict.PROVED


# -- a cone ----------------------------------------------------------------------------------------

CONE = BY_NAME["second-order cone"]


def projected(u: Any, where: Callable[[Any, Any], bool]) -> Any:
    """The projection, but for 1 more in all coordinates where the condition holds of t and |x|."""
    right = CONE.g._projected(u)  # type: ignore[attr-defined]
    return right + 1 if where(u[0], norm(u[1:])) else right


def test_the_projection_onto_a_cone_is_proved_and_proved_again() -> None:
    for claim, scale, verdict in ((cones.CONE, 1.0, Verdict.PROVED), (planted(cones.CONE), 0.99, Verdict.REFUTED)):
        result = cones.assess(claim, CONE, scale)
        assert result.verdict is verdict
        again = cones.replay(claim, result.witness or {}, {})
        assert (again.bracket, again.witness) == (result.bracket, result.witness)
    with pytest.raises(kernel.Refusal):
        cones.replay(cones.CONE, dict(sections.assess(CONVEX, BY_NAME["l2"]).witness or {}), {})


@pytest.mark.parametrize(
    "wrong_map",
    [
        pytest.param(lambda u: 0 * u, id="zero everywhere"),
        pytest.param(lambda u: u, id="identity"),
        pytest.param(
            lambda u: np.concatenate([u[:1], functions.L2Ball(1.0)._prox(u[1:] / u[0], 1) * u[0]]), id="across"
        ),
        pytest.param(lambda u: np.maximum(u, 0 * u), id="positive parts"),
        pytest.param(lambda u: projected(u, lambda t, n: n.is_zero() and not t.is_zero()), id="wrong on the axis"),
        pytest.param(lambda u: projected(u, lambda t, n: t.is_zero() and n.is_zero()), id="wrong at 0"),
        pytest.param(lambda u: projected(u, lambda t, n: (t - n).is_zero() and not n.is_zero()), id="wrong on it"),
        pytest.param(lambda u: projected(u, lambda t, n: u[1].is_zero() and not n.is_zero()), id="wrong at a pole"),
    ],
)
def test_another_map_onto_the_cone_is_not_proved(wrong_map: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cones, "project", lambda g, u: wrong_map(u))
    assert cones.assess(cones.CONE, CONE).verdict is not Verdict.PROVED


# -- another route ---------------------------------------------------------------------------------

mp = mpmath.mp
PENALTIES: dict[str, tuple[Callable[[Any], Any], tuple[float, float]]] = {
    "l1": (lambda x: mp.mpf(0.7) * abs(x), (-mp.inf, mp.inf)),
    "elastic net": (lambda x: mp.mpf(0.3) * abs(x) + x * x, (-mp.inf, mp.inf)),
    "Huber": (lambda x: x * x if abs(x) <= 0.5 else abs(x) - mp.mpf(1) / 4, (-mp.inf, mp.inf)),
    "pseudo-Huber": (lambda x: (mp.sqrt(1 + 4 * x * x) - 1) / 4, (-mp.inf, mp.inf)),
    "logistic": (lambda x: mp.log(1 + mp.exp(-x)), (-mp.inf, mp.inf)),
    "softplus": (lambda x: mp.log(1 + mp.exp(x)), (-mp.inf, mp.inf)),
    "log barrier": (lambda x: -mp.log(x), (0, mp.inf)),
    "negative entropy": (lambda x: x * mp.log(x), (0, mp.inf)),
    "hinge": (lambda x: max(0, 1 - x), (-mp.inf, mp.inf)),
    "squared hinge": (lambda x: max(0, 1 - x) ** 2 / 2, (-mp.inf, mp.inf)),
    "quantile": (lambda x: max(mp.mpf(0.3) * x, (mp.mpf(0.3) - 1) * x), (-mp.inf, mp.inf)),
    "log-cosh": (lambda x: mp.log(mp.cosh(x)), (-mp.inf, mp.inf)),
    "Berhu": (lambda x: abs(x) if abs(x) <= 0.6 else (x * x + mp.mpf(0.6) ** 2) / (2 * mp.mpf(0.6)), (-mp.inf, mp.inf)),
    "power 3/2": (lambda x: abs(x) ** mp.mpf(1.5) / 1.5, (-mp.inf, mp.inf)),
    "power 4/3": (lambda x: abs(x) ** mp.mpf(4 / 3) / mp.mpf(4 / 3), (-mp.inf, mp.inf)),
    "power 3": (lambda x: abs(x) ** 3 / 3, (-mp.inf, mp.inf)),
    "power 4": (lambda x: x**4 / 4, (-mp.inf, mp.inf)),
    "Fair": (lambda x: mp.mpf(0.7) * abs(x) - mp.mpf(0.7) ** 2 * mp.log(1 + abs(x) / mp.mpf(0.7)), (-mp.inf, mp.inf)),
    "leaky rectifier": (lambda x: (1 / mp.mpf(0.1) - 1) * min(x, 0) ** 2 / 2, (-mp.inf, mp.inf)),
    "tanh entropy": (lambda x: x * mp.atanh(x) + mp.log(1 - x * x) / 2 - x * x / 2, (-1, 1)),
    "sigmoid entropy": (lambda x: x * mp.log(x) + (1 - x) * mp.log(1 - x) - x * x / 2, (0, 1)),
    "softplus entropy": (lambda x: mp.polylog(2, mp.exp(-x)), (0, mp.inf)),
    "l2": (lambda x: mp.mpf(0.7) * abs(x), (-mp.inf, mp.inf)),
    "distance to a ball": (lambda x: mp.mpf(1.5) * max(abs(x) - 1, 0), (-mp.inf, mp.inf)),
    "squared l2": (lambda x: 3 * x * x / 2, (-mp.inf, mp.inf)),
}
"""Penalties of one variable from their definitions, and their domains."""


def minimiser(penalty: Callable[[Any], Any], domain: tuple[Any, Any], u: Any, h: Any) -> Any:
    """The minimum of penalty(x) + (x - u)^2/(2h), strictly convex, by golden sections in 50 digits."""
    low, high = max(domain[0], u - 400), min(domain[1], u + 400)
    share = (mp.sqrt(5) - 1) / 2
    first, last = high - share * (high - low), low + share * (high - low)

    def objective(x: Any) -> Any:
        return penalty(x) + (x - u) ** 2 / (2 * h)

    below, above = objective(first), objective(last)
    for _ in range(110):
        if below < above:
            high, last, above = last, first, below
            first = high - share * (high - low)
            below = objective(first)
        else:
            low, first, below = first, last, above
            last = low + share * (high - low)
            above = objective(last)
    return (low + high) / 2


@pytest.mark.parametrize("name", PENALTIES)
def test_the_graph_is_that_of_a_minimiser_in_many_digits(name: str) -> None:
    """At points of each piece, x minimises penalty + |. - (x + hs)|^2/(2h), to the root of the 50 digits."""
    penalty, domain = PENALTIES[name]
    (line,) = lines_of(BY_NAME[name].g)
    with mpmath.workdps(50):
        for k, (_, x, s) in enumerate(curves.graph(line)):
            names = (*line.variables.positive, *line.variables.free)
            at = {v: Fraction(2 + 3 * k + j, 4 + j) for j, v in enumerate(names)}
            h = (0 * line.step + line.step).at(at)
            mine, slope, step = (mp.mpf(f.mid().str(45, radius=False)) for f in (x.at(at), s.at(at), h))
            found = minimiser(penalty, domain, mine + step * slope, step)
            assert abs(found - mine) <= mp.mpf(10) ** -20 * (1 + abs(mine)), (k, mine, found)


def test_a_changed_witness_is_refused() -> None:
    witness = dict(sections.assess(CONVEX, BY_NAME["l1"]).witness or {})
    for changed in ({"function": {"kind": "Max"}}, {"function": {"kind": "L3"}}, {"scale": "1/2"}, {"scale": "99/100"}):
        with pytest.raises(kernel.Refusal):
            sections.replay(CONVEX, {**witness, **changed}, {})
