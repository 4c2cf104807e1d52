"""The lemmas on contraction and averagedness, decided by z3 for all parameters at once.

A lemma says: over the domain of its parameters, every Gram matrix that satisfies the hypotheses
satisfies the goal, whatever the dimension of the space.  z3 is asked for the opposite: parameters in
the domain, hypotheses >= 0, goal < 0, principal minors of the Gram matrix >= 0, all polynomials in the
parameters and the entries of the matrix.  If there is no solution, the lemma holds.  Of a proof only
statement and domain are used: not its multipliers, not its squares, not the cover of its domain.

z3 is helped in two ways, which assume nothing of what is to be shown.  Each family of lemmas is
written in three vectors of its own, an invertible change of coordinates (``FRAMES``); in the vectors of
the proofs z3 mostly runs out of time.  And only minors up to 2 x 2 are required at first: with fewer
constraints, no solution says more than is needed.

A solution counts if it is exact: with all minors required, its values must be rational, and refute the
lemma as the proof states it, in rational arithmetic.  So that it is no degenerate one, its parameters
are positive and one vector has length 1; if there is no such solution, nothing is decided.
"""

import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, combinations_with_replacement
from typing import Any, Literal, final

import sympy

from fbscheck.certify.symbolic import Expression, Proof, Vector, inner, square, vectors
from fbscheck.errors import InputError, MissingToolError
from fbscheck.proofs import averagedness, contraction

__all__ = ["DOMAINS", "Answer", "Decision", "Verdict", "ask", "decide", "lower"]

Verdict = Literal["holds", "fails", "unknown"]
Instance = Mapping[sympy.Symbol, Any]
"""Parameters and entries of a Gram matrix, as rationals or as z3's variables."""

SECONDS = 20
"""Time for one question to z3."""

DOMAINS: Mapping[str, Callable[..., tuple[Any, ...]]] = {
    r"0 \le \mu < \ell,\ 0 < h \le 2/(\mu+\ell)": lambda mu, ell, h: (mu >= 0, mu < ell, h > 0, h * (mu + ell) <= 2),
    r"0 \le \mu < \ell,\ h \ge 2/(\mu+\ell)": lambda mu, ell, h: (mu >= 0, mu < ell, h * (mu + ell) >= 2),
    r"\ell = \mu \ge 0,\ h > 0": lambda mu, h: (mu >= 0, h > 0),
    r"0 \le \mu \le \ell,\ h > 0": lambda mu, ell, h: (mu >= 0, mu <= ell, h > 0),
    r"\mu \ge 0,\ \beta > 0,\ 0 < h \le 2\beta": lambda mu, beta, h: (mu >= 0, beta > 0, h > 0, h <= 2 * beta),
    r"\mu \ge 0,\ \beta > 0,\ h \ge 2\beta": lambda mu, beta, h: (mu >= 0, beta > 0, h >= 2 * beta),
    r"0 < h < 2\beta": lambda h, beta: (h > 0, h < 2 * beta),
    r"0 < h < 2/\ell": lambda h, ell: (h > 0, ell > 0, h * ell < 2),
    r"0 < \alpha_1, \alpha_2 < 1": lambda t_1, t_2: (t_1 > 0, t_2 > 0),
}
"""A proof's domain to what it says, of rationals or of z3's variables; alpha_i = 1/(1 + t_i).

Parameters that a domain does not name, such as sigma, are nonnegative, as in the proofs.
"""


@final
@dataclass(frozen=True)
class Answer:
    """Whether a lemma holds, and if it fails an instance: parameters and inner products as ``p/q``."""

    verdict: Verdict
    model: dict[str, str] | None = None


@final
@dataclass(frozen=True)
class Decision:
    """What z3 says of a lemma, and of the same lemma with its constant ``lowered``, which must fail.

    ``model`` is an instance in which the lowered lemma fails (or the lemma itself, if that fails).
    """

    name: str
    verdict: Verdict
    lowered: Verdict
    seconds: float
    model: dict[str, str] | None


@final
@dataclass(frozen=True)
class _Frame:
    """What z3 needs to know of a family of proofs.

    ``vectors`` writes those of the proofs in others, ``unit`` is the one of length 1 in an instance,
    and ``fall`` says by how much a goal falls if the constant in it is lowered.
    """

    vectors: Mapping[str, Vector]
    unit: str
    fall: Callable[[Expression], Expression]


h = sympy.Symbol("h", positive=True)
half = sympy.Rational(1, 2)
d, v, s, w, m, e, n, a, x, z = vectors("d v s w m e n a x z")
move = d - h * v - h * s


def _fall_of_alpha(start: Vector, end: Vector) -> Callable[[Expression], Expression]:
    """The fall of |start|^2 - |end|^2 - (1/alpha - 1) |start - end|^2 as alpha loses 1%."""
    most = square(start) - square(end) + square(start - end)
    return lambda goal: sympy.Rational(1, 99) * (most - goal)


CONTRACTION = _Frame(
    {"d": d, "v": 1 / h * (d - w), "s": 1 / h * (w - m)},
    "d",
    lambda goal: sympy.Rational(1, 50) * (goal + square(move)),
)
"""In d, the forward half w = d - hv and the step m = w - hs; the goal factor^2 |d|^2 - |m|^2 loses 2% of factor^2."""

STEP = _Frame({"d": n + half * e, "v": v, "s": 1 / h * e - v}, "e", _fall_of_alpha(d, move))
"""In v and the displacement e and the midpoint n of a step, which goes from n + e/2 to n - e/2."""

COMPOSITION = _Frame({"x": n + half * e, "y": n + half * e - a, "z": n - half * e}, "e", _fall_of_alpha(x, z))
"""In displacement and midpoint of the two maps together, and the displacement a of the first."""

FRAMES = {
    **dict.fromkeys((proof.name for proof in contraction.PROOFS), CONTRACTION),
    **dict.fromkeys(("averaged step", "averaged step with a smooth function"), STEP),
    "composition of averaged maps": COMPOSITION,
}


def decide(names: Sequence[str] = ()) -> Iterator[Decision]:
    """Decide the lemmas whose name contains all of ``names``, as stated and with the constant lowered.

    Raises
    ------
    MissingToolError
        If z3 is not installed.
    InputError
        If there is no such lemma.
    """
    _z3()
    proofs = [proof for proof in contraction.PROOFS + averagedness.PROOFS if all(part in proof.name for part in names)]
    if not proofs:
        raise InputError(f"Need a name that occurs in the name of a lemma for --z3, got {' '.join(names)!r}.")
    return map(_decide, proofs)


def _decide(proof: Proof) -> Decision:
    start = time.perf_counter()
    stated, lowered = ask(proof), ask(lower(proof))
    seconds = time.perf_counter() - start
    return Decision(proof.name, stated.verdict, lowered.verdict, seconds, stated.model or lowered.model)


def lower(proof: Proof) -> Proof:
    """The lemma that says too much: its squared factor times 0.98, or its alpha times 0.99."""
    return replace(proof, goal=proof.goal - FRAMES[proof.name].fall(proof.goal))


def ask(proof: Proof) -> Answer:
    """Whether the lemma holds, by z3; multipliers, squares and cover of the proof are not looked at.

    Raises
    ------
    MissingToolError
        If z3 is not installed.
    """
    z3 = _z3()
    frame = FRAMES[proof.name]
    names = {name for vector in frame.vectors.values() for name in vector.terms}
    parameters = _parameters(proof)
    reals = {symbol: z3.Real(str(symbol)) for symbol in (*parameters, *_entries(names))}

    def real(polynomial: sympy.Expr) -> Any:
        terms = sympy.Poly(polynomial, *reals).terms()
        powers = ((c, zip(reals.values(), exponents, strict=True)) for exponents, c in terms)
        return z3.Sum([z3.Product([z3.RealVal(str(c)), *(r**k for r, k in factors if k)]) for c, factors in powers])

    def solver(*constraints: Any) -> Any:
        found = z3.SolverFor("QF_NRA")
        found.set("timeout", 1000 * SECONDS)
        found.add(*constraints)
        return found

    goal, *hypotheses = (_fraction(expression, frame.vectors) for expression in _expressions(proof))
    domain = [*_domain(proof, reals), *(reals[symbol] >= 0 for symbol in parameters)]
    if solver(*domain, z3.Or(*(real(below) <= 0 for _, below in (goal, *hypotheses)))).check() != z3.unsat:
        return Answer("unknown")
    denial = [*domain, *(real(above) >= 0 for above, _ in hypotheses), real(goal[0]) < 0]
    denial += [real(minor) >= 0 for minor in _minors(names, 1, 2)]
    if solver(*denial).check() == z3.unsat:
        return Answer("holds")
    telling = [*(reals[symbol] > 0 for symbol in parameters), reals[_entry(frame.unit, frame.unit)] == 1]
    search = solver(*denial, *(real(minor) >= 0 for minor in _minors(names, 3)), *telling)
    if search.check() == z3.sat:
        values = {symbol: search.model().eval(variable, model_completion=True) for symbol, variable in reals.items()}
        if all(z3.is_rational_value(value) for value in values.values()):
            instance = _own(proof, {symbol: sympy.Rational(value.as_string()) for symbol, value in values.items()})
            if _fails_at(proof, instance):
                return Answer("fails", {str(symbol): str(value) for symbol, value in instance.items()})
    return Answer("unknown")


def _z3() -> Any:
    try:
        import z3
    except ImportError:
        raise MissingToolError("Need z3 for --z3: pip install 'fbscheck[z3]'.") from None
    return z3


def _own(proof: Proof, solution: Instance) -> Instance:
    """The parameters of a solution, and the Gram matrix of the proof's own vectors."""
    own = FRAMES[proof.name].vectors
    pairs = combinations_with_replacement(sorted(own), 2)
    gram = {_entry(i, j): _sum(inner(own[i], own[j])).subs(solution) for i, j in pairs}
    return {symbol: solution[symbol] for symbol in _parameters(proof)} | gram


def _fails_at(proof: Proof, instance: Instance) -> bool:
    """Whether an instance refutes the lemma as it was stated, in rational arithmetic."""
    goal, *hypotheses = (_sum(expression).subs(instance) for expression in _expressions(proof))
    minors = (minor.subs(instance) for minor in _minors(FRAMES[proof.name].vectors, 1, 2, 3))
    signs = (instance[symbol] for symbol in _parameters(proof))
    return goal < 0 and all(_domain(proof, instance)) and all(value >= 0 for value in (*hypotheses, *minors, *signs))


def _expressions(proof: Proof) -> tuple[Expression, ...]:
    return proof.goal, *(term.expression for term in proof.hypotheses)


def _parameters(proof: Proof) -> list[sympy.Symbol]:
    named = {sympy.Symbol(name, positive=True) for name in inspect.signature(DOMAINS[proof.domain]).parameters}
    used = (c.free_symbols for expression in _expressions(proof) for c in expression.terms.values())
    return sorted(named.union(*used), key=str)


def _domain(proof: Proof, values: Instance) -> tuple[Any, ...]:
    holds = DOMAINS[proof.domain]
    return holds(*(values[sympy.Symbol(name, positive=True)] for name in inspect.signature(holds).parameters))


def _entry(*pair: str) -> sympy.Symbol:
    return sympy.Symbol(f"<{', '.join(sorted(pair))}>")


def _entries(names: Iterable[str]) -> list[sympy.Symbol]:
    return [_entry(*pair) for pair in combinations_with_replacement(sorted(names), 2)]


def _minors(names: Iterable[str], *sizes: int) -> list[sympy.Expr]:
    """The principal minors of these sizes of the Gram matrix of the named vectors."""
    chosen = [kept for size in sizes for kept in combinations(sorted(names), size)]
    return [sympy.Matrix([[_entry(i, j) for j in kept] for i in kept]).det() for kept in chosen]


def _sum(expression: Expression) -> sympy.Expr:
    return sympy.Add(*(coefficient * _entry(*key) for key, coefficient in expression.terms.items()))


def _fraction(expression: Expression, frame: Mapping[str, Vector]) -> tuple[sympy.Expr, sympy.Expr]:
    """Numerator and denominator of an expression whose vectors are replaced."""
    parts = (c * _sum(inner(frame[i], frame[j])) for (i, j), c in expression.terms.items())
    above, below = sympy.fraction(sympy.cancel(sympy.Add(*parts)))
    return above, below
