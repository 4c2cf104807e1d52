"""Banach's bounds on the iterates of a contraction; e and f are the errors before and after a step."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, square, vectors

__all__ = ["PROOFS"]

q, u = sympy.symbols("q u", positive=True)
e, f, g = vectors("e f g")

PROOFS = (
    Proof(
        name="Banach, a priori",
        statement=r"|g| \le q^2|e|\ \mathrm{after\ two\ steps},\ \mathrm{and}\ q^n\ \mathrm{after}\ n",
        domain=r"q \ge 0",
        goal=q**4 * square(e) - square(g),
        hypotheses=(
            Term(r"|f| \le q|e|", q**2 * square(e) - square(f), q**2),
            Term(r"|g| \le q|f|", q**2 * square(f) - square(g)),
        ),
        assumptions=(Assumption("induction over n", "the natural numbers"),),
    ),
    Proof(
        name="Banach, a posteriori",
        statement=r"(1-q)|f| \le q|f-e|",
        domain=r"0 \le q \le 1",
        goal=q**2 * square(f - e) - (1 - q) ** 2 * square(f),
        hypotheses=(Term(r"|f| \le q|e|", q**2 * square(e) - square(f), 1 - q),),
        squares=((q, f - q * e),),
        cover={q: 1 / (1 + u)},
    ),
)
