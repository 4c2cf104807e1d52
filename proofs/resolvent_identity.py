"""p_h(u) = p_h'((h'/h) u + (1 - h'/h) p_h(u)): both sides have subgradients that force them together."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

h, k = sympy.symbols("h k", positive=True)
u, p, q = vectors("u p q")
argument = k / h * u + (1 - k / h) * p

PROOFS = (
    Proof(
        name="resolvent identity",
        statement=r"|p-q|^2 \le 0,\quad p=p_h(u),\ q=p_{h'}((h'/h)u+(1-h'/h)p),\ k=h'",
        domain=r"h, h' > 0",
        goal=-square(p - q),
        hypotheses=(
            Term(
                r"\partial g\ \mathrm{monotone\ at}\ (u-p)/h \in \partial g(p),\ (w-q)/h' \in \partial g(q)",
                inner(p - q, 1 / h * (u - p) - 1 / k * (argument - q)),
                k,
            ),
        ),
    ),
)
