"""A step with a cocoercive operator is averaged, and compositions of averaged maps are."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

h, beta, ell, t1, t2 = sympy.symbols("h beta ell t_1 t_2", positive=True)
d, v, s, x, y, z = vectors("d v s x y z")
move = d - h * v - h * s


def _averaged(name: str, constant: sympy.Expr, domain: str, alpha: str, assumptions: tuple[Assumption, ...]) -> Proof:
    ratio = h / (2 * constant)
    return Proof(
        name=name,
        statement=rf"|\Delta Tx|^2+\frac{{1-\alpha}}{{\alpha}}|d-\Delta Tx|^2 \le |d|^2,\quad \alpha={alpha}",
        domain=domain,
        goal=square(d) - square(move) - (1 - ratio) * square(d - move),
        hypotheses=(
            Term(r"f\ \mathrm{cocoercive}", inner(v, d) - constant * square(v), 2 * h),
            Term(r"\langle s,\Delta Tx\rangle \ge 0", inner(s, move), 2 * h),
        ),
        squares=((h**2 * ratio, s - (1 - ratio) / ratio * v),),
        assumptions=assumptions,
    )


alpha_1, alpha_2 = 1 / (1 + t1), 1 / (1 + t2)

PROOFS = (
    _averaged("averaged step", beta, r"0 < h < 2\beta", r"2\beta/(4\beta-h)", ()),
    _averaged(
        "averaged step with a smooth function",
        1 / ell,
        r"0 < h < 2/\ell",
        r"2/(4-h\ell)",
        (Assumption("the gradient of a convex, ell-smooth function is 1/ell-cocoercive", "Baillon and Haddad 1977"),),
    ),
    Proof(
        name="composition of averaged maps",
        statement=r"T_2T_1\ \mathrm{is}\ \alpha\mathrm{-averaged},\quad"
        r" \alpha=\frac{\alpha_1+\alpha_2-2\alpha_1\alpha_2}{1-\alpha_1\alpha_2},\quad t_i=(1-\alpha_i)/\alpha_i",
        domain=r"0 < \alpha_1, \alpha_2 < 1",
        goal=square(x)
        - square(z)
        - (1 - alpha_1) * (1 - alpha_2) / (alpha_1 + alpha_2 - 2 * alpha_1 * alpha_2) * square(x - z),
        hypotheses=(
            Term(r"T_1\ \alpha_1\mathrm{-averaged}", square(x) - square(y) - t1 * square(x - y)),
            Term(r"T_2\ \alpha_2\mathrm{-averaged}", square(y) - square(z) - t2 * square(y - z)),
        ),
        squares=((1 / (t1 + t2), t1 * (x - y) - t2 * (y - z)),),
    ),
)
