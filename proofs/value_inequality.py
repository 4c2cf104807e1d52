"""The proximal point has the smallest proximal objective, with quadratic growth around it."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, scalar, square, vectors

__all__ = ["PROOFS"]

h, sigma = sympy.symbols("h sigma", positive=True)
u, p, y = vectors("u p y")
g_p, g_y = scalar("g(p)"), scalar("g(y)")

PROOFS = (
    Proof(
        name="value inequality",
        statement=r"g(p)+\frac{|p-u|^2}{2h}+\frac{1+h\sigma}{2h}|y-p|^2 \le g(y)+\frac{|y-u|^2}{2h}",
        domain=r"h > 0,\ \sigma \ge 0",
        goal=g_y
        + 1 / (2 * h) * square(y - u)
        - g_p
        - 1 / (2 * h) * square(p - u)
        - (1 + h * sigma) / (2 * h) * square(y - p),
        hypotheses=(
            Term(
                r"g(y) \ge g(p)+\langle (u-p)/h,y-p\rangle+\sigma|y-p|^2/2",
                g_y - g_p - inner(1 / h * (u - p), y - p) - sigma / 2 * square(y - p),
            ),
        ),
    ),
)
