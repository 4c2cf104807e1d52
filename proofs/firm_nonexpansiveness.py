"""The proximal map of a sigma-strongly convex function is firmly nonexpansive, with 1 + h sigma; its reflection."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

h, sigma = sympy.symbols("h sigma", positive=True)
u, p = vectors("u p")
subgradient = 1 / h * (u - p)

PROOFS = (
    Proof(
        name="firm nonexpansiveness",
        statement=r"\langle \Delta p,\Delta u\rangle \ge (1+h\sigma)|\Delta p|^2,\quad p=\mathrm{prox}_{hg}(u)",
        domain=r"h > 0,\ \sigma \ge 0",
        goal=inner(p, u) - (1 + h * sigma) * square(p),
        hypotheses=(
            Term(
                r"\partial g\ \sigma\mathrm{-strongly\ monotone\ at}\ (u-p)/h \in \partial g(p)",
                inner(subgradient, p) - sigma * square(p),
                h,
            ),
        ),
    ),
    Proof(
        name="reflected proximal map",
        statement=r"|2\Delta p-\Delta u| \le |\Delta u|,\quad p=\mathrm{prox}_{hg}(u)",
        domain=r"h > 0",
        goal=square(u) - square(2 * p - u),
        hypotheses=(Term(r"\langle \Delta p,\Delta u\rangle \ge |\Delta p|^2", inner(p, u) - square(p), 4),),
    ),
)
