"""One backward step of the Lipschitz recursion: a concave quadratic in the layer's output, maximised."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

lam, p, u = sympy.symbols("lambda p u", positive=True)
y, w, r = vectors("y w r")

PROOFS = (
    Proof(
        name="Riccati step",
        statement=r"p|y|^2+2\langle y,r\rangle \le \frac{|\lambda w+r|^2}{2\lambda-p},\quad w=\Delta u",
        domain=r"2\lambda > p \ge 0",
        goal=1 / (2 * lam - p) * square(lam * w + r) - p * square(y) - 2 * inner(y, r),
        hypotheses=(Term(r"\langle y,w-y\rangle \ge 0", inner(y, w - y), 2 * lam),),
        squares=((2 * lam - p, y - 1 / (2 * lam - p) * (lam * w + r)),),
        cover={lam: (p + u) / 2},
    ),
)
