"""The norm of I - hK: its criterion without eigenvalues, and the sandwich between modulus and exponential."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

h, q, k, w = sympy.symbols("h q k w", positive=True)
m = sympy.Symbol("m", real=True)
x, v = vectors("x v")
moved = square(x - h * v)
criterion = 2 * inner(v, x) - h * square(v) - (1 - q**2) / h * square(x)

PROOFS = (
    Proof(
        name="layer norm criterion, sufficient",
        statement=r"|(I-hK)x| \le q|x|,\quad v=Kx",
        domain=r"h, q > 0",
        goal=q**2 * square(x) - moved,
        hypotheses=(Term(r"K+K^T-hK^TK \succeq \frac{1-q^2}{h}I", criterion, h),),
    ),
    Proof(
        name="layer norm criterion, necessary",
        statement=r"K+K^T-hK^TK \succeq \frac{1-q^2}{h}I,\quad v=Kx",
        domain=r"h, q > 0",
        goal=criterion,
        hypotheses=(Term(r"|(I-hK)x| \le q|x|", q**2 * square(x) - moved, 1 / h),),
    ),
    Proof(
        name="layer norm from above",
        statement=r"|(I-hK)x|^2 \le (1-2hm+h^2k^2)|x|^2 \le e^{-2hm+h^2k^2}|x|^2,\quad v=Kx",
        domain=r"h > 0,\ \|K\| \le k,\ m \in \mathbf{R}",
        goal=(1 - 2 * h * m + h**2 * k**2) * square(x) - moved,
        hypotheses=(
            Term(r"\langle v,x\rangle \ge m|x|^2", inner(v, x) - m * square(x), 2 * h),
            Term(r"|v| \le k|x|", k**2 * square(x) - square(v), h**2),
        ),
        assumptions=(Assumption("1 + t <= exp(t)", "convexity of the exponential"),),
    ),
    Proof(
        name="layer norm from below",
        statement=r"|(I-hK)x| \ge (1-hm)|x|\ \mathrm{where}\ \langle Kx,x\rangle \le m|x|^2",
        domain=r"h > 0,\ hm \le 1",
        goal=moved - (1 - h * m) ** 2 * square(x),
        hypotheses=(Term(r"\langle v,x\rangle \le m|x|^2", m * square(x) - inner(v, x), 2 * h * (1 - h * m)),),
        squares=((h**2, v - m * x),),
        cover={m: (1 - w) / h},
    ),
)
