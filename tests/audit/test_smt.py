"""z3 decides every lemma; what it finds against a false one is rechecked here, from the lemmas' text."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, permutations
from types import SimpleNamespace
from typing import Any, final

import pytest
import sympy
from fbscheck.proofs import averagedness, contraction

from fbscheck.audit import smt
from fbscheck.certify.symbolic import Proof, Term, square, vectors
from fbscheck.errors import InputError, MissingToolError

PROOFS = {proof.name: proof for proof in contraction.PROOFS + averagedness.PROOFS}
NAMES = list(PROOFS)
GRADIENT_SHORT, GRADIENT_LONG, ISOTROPIC, LIPSCHITZ, COCOERCIVE_SHORT, COCOERCIVE_LONG = NAMES[:6]
AVERAGED, SMOOTH, COMPOSITION = NAMES[6:]

Inner = Callable[[tuple[Any, ...], tuple[Any, ...]], Fraction]
FIRST, SECOND, THIRD = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def minus(x: tuple[Any, ...], *others: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a - sum(rest) for a, *rest in zip(x, *others, strict=True))


def times(c: Any, x: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(c * a for a in x)


def moved(p: SimpleNamespace) -> tuple[Any, ...]:
    """d - hv - hs for the vectors (d, v, s)."""
    return minus(FIRST, times(p.h, SECOND), times(p.h, THIRD))


@final
@dataclass(frozen=True)
class Lemma:
    """One lemma in rationals: domain, hypotheses (values >= 0), and the goal for a constant that is ``lower``."""

    vectors: str
    domain: Callable[[SimpleNamespace], bool]
    hypotheses: Callable[[SimpleNamespace, Inner], list[Fraction]]
    goal: Callable[[SimpleNamespace, Inner, bool], Fraction]


def step(domain: Any, forward: Any, squared: Any) -> Lemma:
    """|Tx - Ty|^2 <= squared / (1 + h sigma)^2 |x - y|^2."""

    def backward(p: SimpleNamespace, g: Inner) -> Fraction:
        return g(THIRD, moved(p)) - p.sigma * g(moved(p), moved(p))

    def goal(p: SimpleNamespace, g: Inner, lower: bool) -> Fraction:
        factor = squared(p) * Fraction(98 if lower else 100, 100)
        return Fraction(factor / (1 + p.h * p.sigma) ** 2 * g(FIRST, FIRST) - g(moved(p), moved(p)))

    return Lemma("dvs", domain, lambda p, g: [*forward(p, g), backward(p, g)], goal)


def averaged(vectors: str, domain: Any, hypotheses: Any, end: Any, alpha: Any) -> Lemma:
    """|end|^2 + (1 - alpha)/alpha |start - end|^2 <= |start|^2."""

    def goal(p: SimpleNamespace, g: Inner, lower: bool) -> Fraction:
        a, change = alpha(p) * Fraction(99 if lower else 100, 100), minus(FIRST, end(p))
        return Fraction(g(FIRST, FIRST) - g(end(p), end(p)) - (1 - a) / a * g(change, change))

    return Lemma(vectors, domain, hypotheses, goal)


def monotone(p: SimpleNamespace, g: Inner) -> Fraction:
    return g(SECOND, FIRST) - p.mu * g(FIRST, FIRST)


def lipschitz(p: SimpleNamespace, g: Inner) -> Fraction:
    return p.ell**2 * g(FIRST, FIRST) - g(SECOND, SECOND)


def cocoercive(p: SimpleNamespace, g: Inner) -> Fraction:
    return g(SECOND, FIRST) - p.beta * g(SECOND, SECOND)


def gradient(p: SimpleNamespace, g: Inner) -> list[Fraction]:
    interpolation = g(minus(SECOND, times(p.mu, FIRST)), minus(times(p.ell, FIRST), SECOND))
    return [interpolation, monotone(p, g), lipschitz(p, g)]


def cocoercive_step(beta: Callable[[SimpleNamespace], Fraction]) -> Lemma:
    return averaged(
        "dvs",
        lambda p: 0 < p.h < 2 * beta(p),
        lambda p, g: [g(SECOND, FIRST) - beta(p) * g(SECOND, SECOND), g(THIRD, moved(p))],
        moved,
        lambda p: 2 * beta(p) / (4 * beta(p) - p.h),
    )


def two_averaged(p: SimpleNamespace, g: Inner) -> list[Fraction]:
    gaps = [(FIRST, SECOND, p.t_1), (SECOND, THIRD, p.t_2)]
    return [g(x, x) - g(y, y) - t * g(minus(x, y), minus(x, y)) for x, y, t in gaps]


def both(p: SimpleNamespace) -> Fraction:
    a, b = 1 / (1 + p.t_1), 1 / (1 + p.t_2)
    return Fraction((a + b - 2 * a * b) / (1 - a * b))


LEMMAS = {
    GRADIENT_SHORT: step(
        lambda p: 0 <= p.mu < p.ell and 0 < p.h <= 2 / (p.mu + p.ell), gradient, lambda p: (1 - p.h * p.mu) ** 2
    ),
    GRADIENT_LONG: step(
        lambda p: 0 <= p.mu < p.ell and p.h >= 2 / (p.mu + p.ell), gradient, lambda p: (1 - p.h * p.ell) ** 2
    ),
    ISOTROPIC: step(
        lambda p: p.mu >= 0 and p.h > 0,
        lambda p, g: gradient(SimpleNamespace(mu=p.mu, ell=p.mu), g),
        lambda p: (1 - p.h * p.mu) ** 2,
    ),
    LIPSCHITZ: step(
        lambda p: 0 <= p.mu <= p.ell and p.h > 0,
        lambda p, g: [monotone(p, g), lipschitz(p, g)],
        lambda p: 1 - 2 * p.h * p.mu + p.h**2 * p.ell**2,
    ),
    COCOERCIVE_SHORT: step(
        lambda p: p.mu >= 0 and p.beta > 0 and 0 < p.h <= 2 * p.beta,
        lambda p, g: [monotone(p, g), cocoercive(p, g)],
        lambda p: 1 - 2 * p.h * p.mu + p.h**2 * p.mu / p.beta,
    ),
    COCOERCIVE_LONG: step(
        lambda p: p.mu >= 0 and p.beta > 0 and p.h >= 2 * p.beta,
        lambda p, g: [monotone(p, g), cocoercive(p, g)],
        lambda p: (1 - p.h / p.beta) ** 2,
    ),
    AVERAGED: cocoercive_step(lambda p: Fraction(p.beta)),
    SMOOTH: cocoercive_step(lambda p: 1 / Fraction(p.ell)),
    COMPOSITION: averaged("xyz", lambda p: p.t_1 > 0 and p.t_2 > 0, two_averaged, lambda p: THIRD, both),
}


def determinant(rows: list[list[Fraction]]) -> Fraction:
    """By Leibniz."""
    size, total = range(len(rows)), Fraction(0)
    for order in permutations(size):
        sign = (-1) ** sum(order[i] > order[j] for i, j in combinations(size, 2))
        product = Fraction(sign)
        for i in size:
            product *= rows[i][order[i]]
        total += product
    return total


def refutes(lemma: Lemma, model: dict[str, str] | None, lower: bool = False, without: int | None = None) -> bool:
    """Whether a model is an instance of the hypotheses, in rationals, in which the goal fails."""
    if model is None:
        return False
    values = {key: Fraction(text) for key, text in model.items()}
    p = SimpleNamespace(**{key: value for key, value in values.items() if not key.startswith("<")})
    gram = [[values[f"<{min(i, j)}, {max(i, j)}>"] for j in lemma.vectors] for i in lemma.vectors]

    def inner(x: tuple[Any, ...], y: tuple[Any, ...]) -> Fraction:
        return sum((a * b * gram[i][j] for i, a in enumerate(x) for j, b in enumerate(y)), Fraction(0))

    kept = [k for size in (1, 2, 3) for k in combinations(range(3), size)]
    minors = [determinant([[gram[i][j] for j in k] for i in k]) for k in kept]
    hypotheses = [value for k, value in enumerate(lemma.hypotheses(p, inner)) if k != without]
    nonnegative = all(value >= 0 for value in [*vars(p).values(), *minors, *hypotheses])
    return nonnegative and lemma.domain(p) and lemma.goal(p, inner, lower) < 0


@pytest.fixture(scope="module")
def decisions() -> dict[str, smt.Decision]:
    return {decision.name: decision for decision in smt.decide()}


def test_all_lemmas_are_asked_for(decisions: dict[str, smt.Decision]) -> None:
    assert list(decisions) == NAMES == list(smt.FRAMES)
    assert set(smt.DOMAINS) == {proof.domain for proof in PROOFS.values()}


@pytest.mark.parametrize("name", NAMES)
def test_every_lemma_holds(name: str, decisions: dict[str, smt.Decision]) -> None:
    assert decisions[name].verdict == "holds"


@pytest.mark.parametrize("name", NAMES)
def test_a_lower_constant_fails_in_a_genuine_instance(name: str, decisions: dict[str, smt.Decision]) -> None:
    assert decisions[name].lowered == "fails"
    assert refutes(LEMMAS[name], decisions[name].model, lower=True)
    assert not refutes(LEMMAS[name], decisions[name].model), "the instance contradicts the lemma itself"


@pytest.mark.parametrize("name", NAMES)
def test_the_change_of_coordinates_is_invertible(name: str) -> None:
    own = smt.FRAMES[name].vectors
    new = sorted({key for vector in own.values() for key in vector.terms})
    change = sympy.Matrix([[vector.terms.get(key, 0) for key in new] for vector in own.values()])
    assert list(own) == list(LEMMAS[name].vectors)
    assert change.det().is_nonzero, "for h > 0"


DROPPED = [
    (GRADIENT_SHORT, 0, "fails"),
    (GRADIENT_SHORT, 1, "holds"),
    (GRADIENT_SHORT, 2, "holds"),
    (GRADIENT_SHORT, 3, "fails"),
    (GRADIENT_LONG, 0, "fails"),
    (GRADIENT_LONG, 1, "holds"),
    (GRADIENT_LONG, 2, "holds"),
    (GRADIENT_LONG, 3, "fails"),
    (ISOTROPIC, 0, "holds"),
    (ISOTROPIC, 3, "fails"),
    (LIPSCHITZ, 0, "fails"),
    (LIPSCHITZ, 1, "fails"),
    (LIPSCHITZ, 2, "fails"),
    (COCOERCIVE_SHORT, 0, "fails"),
    (COCOERCIVE_SHORT, 1, "fails"),
    (COCOERCIVE_SHORT, 2, "fails"),
    (COCOERCIVE_LONG, 0, "holds"),
    (COCOERCIVE_LONG, 1, "fails"),
    (COCOERCIVE_LONG, 2, "fails"),
    *((name, k, "fails") for name in (AVERAGED, SMOOTH, COMPOSITION) for k in (0, 1)),
]


@pytest.mark.parametrize(("name", "index", "expected"), DROPPED)
def test_which_hypotheses_can_be_dropped(name: str, index: int, expected: str) -> None:
    """The interpolation inequality implies the two others; the long cocoercive step does not use monotonicity."""
    proof = PROOFS[name]
    fewer = replace(proof, hypotheses=tuple(term for k, term in enumerate(proof.hypotheses) if k != index))
    answer = smt.ask(fewer)
    assert answer.verdict == expected
    assert refutes(LEMMAS[name], answer.model, without=index) == (expected == "fails")


def elsewhere(record: Any, name: str, domain: str) -> Any:
    """A proof or a lemma of a table, with another domain of the same table."""
    return replace(record[name], domain=record[domain].domain)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        pytest.param(GRADIENT_SHORT, GRADIENT_LONG, id="h beyond 2/(mu+ell)"),
        pytest.param(GRADIENT_LONG, GRADIENT_SHORT, id="h below 2/(mu+ell)"),
        pytest.param(COCOERCIVE_SHORT, COCOERCIVE_LONG, id="h beyond 2 beta"),
        pytest.param(COCOERCIVE_LONG, COCOERCIVE_SHORT, id="h below 2 beta"),
    ],
)
def test_a_factor_fails_in_the_wrong_domain(name: str, domain: str) -> None:
    answer = smt.ask(elsewhere(PROOFS, name, domain))
    assert answer.verdict == "fails"
    assert refutes(elsewhere(LEMMAS, name, domain), answer.model)


def test_beyond_2_beta_a_step_may_expand() -> None:
    """The inequality of an averaged step is true there as well, but its alpha is no longer below 1."""
    assert smt.ask(elsewhere(PROOFS, AVERAGED, COCOERCIVE_LONG)).verdict == "holds"
    within = replace(PROOFS[AVERAGED], goal=square(vectors("d")[0]) - square(averagedness.move))
    assert smt.ask(within).verdict == "holds"
    answer = smt.ask(elsewhere(PROOFS | {"within": within}, "within", COCOERCIVE_LONG))
    lemma = replace(
        elsewhere(LEMMAS, AVERAGED, COCOERCIVE_LONG), goal=lambda p, g, lower: g(FIRST, FIRST) - g(moved(p), moved(p))
    )
    assert answer.verdict == "fails"
    assert refutes(lemma, answer.model)


def test_a_part_of_the_domain_will_do() -> None:
    assert smt.ask(elsewhere(PROOFS, LIPSCHITZ, GRADIENT_SHORT)).verdict == "holds"


@pytest.mark.parametrize("name", NAMES)
def test_multipliers_squares_and_cover_do_not_matter(name: str) -> None:
    terms = tuple(replace(term, multiplier=-1) for term in PROOFS[name].hypotheses)
    assert smt.ask(replace(PROOFS[name], hypotheses=terms, squares=(), cover={})).verdict == "holds"


d, s = vectors("d s")
mu = contraction.mu
LOWERED = smt.lower(PROOFS[ISOTROPIC])
ROOT_2 = (Term("mu^2 >= 2", (mu**2 - 2) * square(d)), Term("mu^2 <= 2", (2 - mu**2) * square(d)))


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(elsewhere(PROOFS, AVERAGED, ISOTROPIC), id="a denominator may vanish"),
        pytest.param(replace(LOWERED, goal=-square(s), hypotheses=(Term("d = 0", -square(d)),)), id="d = 0 only"),
        pytest.param(replace(LOWERED, hypotheses=(*LOWERED.hypotheses, *ROOT_2)), id="irrational instances only"),
    ],
)
def test_what_decides_nothing(proof: Proof) -> None:
    assert smt.ask(proof) == smt.Answer("unknown")


def test_an_instance_that_rational_arithmetic_does_not_confirm_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert smt.ask(LOWERED).verdict == "fails"
    own = smt._own
    monkeypatch.setattr(smt, "_own", lambda *given: dict.fromkeys(own(*given), sympy.Integer(1)))
    assert smt.ask(LOWERED) == smt.Answer("unknown")


def test_a_failing_lemma_is_reported_with_its_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = elsewhere(PROOFS, COCOERCIVE_SHORT, COCOERCIVE_LONG)
    monkeypatch.setattr(contraction, "PROOFS", (wrong,))
    (decision,) = smt.decide(["cocoercive", "h <= 2 beta"])
    assert (decision.name, decision.verdict, decision.lowered) == (COCOERCIVE_SHORT, "fails", "fails")
    assert refutes(elsewhere(LEMMAS, COCOERCIVE_SHORT, COCOERCIVE_LONG), decision.model)


def test_an_unknown_name_and_a_missing_z3_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="Need a name that occurs in the name of a lemma for --z3, got 'nonsense'"):
        smt.decide(["nonsense"])
    monkeypatch.setitem(sys.modules, "z3", None)
    with pytest.raises(MissingToolError) as caught:
        smt.decide()
    assert str(caught.value) == "Need z3 for --z3: pip install 'fbscheck[z3]'."
