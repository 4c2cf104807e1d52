"""One layer of unrolled ISTA in state and observation: why the Lipschitz constant grows like the root of the depth."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

h = sympy.Symbol("h", positive=True)
x, a, r, s = vectors("x a r s")
b = a - r

PROOFS = (
    Proof(
        name="ISTA layer",
        statement=r"|x-hA^T(Ax-b)|^2 \le |x|^2 + h|b|^2,\quad a=Ax,\ r=Ax-b,\ s=A^Tr",
        domain=r"h > 0,\ h\|A\|^2 \le 1",
        goal=square(x) + h * square(b) - square(x - h * s),
        hypotheses=(
            Term(r"\langle x,A^Tr\rangle = \langle Ax,r\rangle", inner(x, s) - inner(a, r), 2 * h),
            Term(r"h|A^Tr|^2 \le |r|^2", square(r) - h * square(s), h),
        ),
        squares=((h, a),),
    ),
)
