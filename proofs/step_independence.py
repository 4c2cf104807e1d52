"""Residuals a = x - T_h x and b = x - T_h'x at two steps, h' = kh: |a| <= |b| <= k |a|."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

k, u = sympy.symbols("k u", positive=True)
a, b = vectors("a b")
monotone = inner(k * a - b, b - a)
TEXT = r"\partial g\ \mathrm{monotone\ at}\ a/h-f(x) \in \partial g(x-a),\ b/h'-f(x) \in \partial g(x-b)"

PROOFS = (
    Proof(
        name="residual at a longer step, from above",
        statement=r"|b| \le k|a|,\quad k=h'/h",
        domain=r"k > 1",
        goal=k**2 * square(a) - square(b),
        hypotheses=(Term(TEXT, monotone, 2 * k / (k - 1)),),
        squares=(((k + 1) / (k - 1), k * a - b),),
        cover={k: 1 + u},
    ),
    Proof(
        name="residual at a longer step, from below",
        statement=r"|a| \le |b|,\quad k=h'/h",
        domain=r"k > 1",
        goal=square(b) - square(a),
        hypotheses=(Term(TEXT, monotone, 2 / (k - 1)),),
        squares=(((k + 1) / (k - 1), a - b),),
        cover={k: 1 + u},
    ),
)
