"""The contraction factor of one forward-backward step, in every regime and with strongly convex g."""

import sympy
from fbscheck.proofs.multipliers import FORWARD, multipliers

from fbscheck.certify.symbolic import Expression, Proof, Term, Vector, inner, square, vectors

__all__ = ["PROOFS"]

h, mu, ell, beta, sigma, p, u = sympy.symbols("h mu ell beta sigma p u", positive=True)
d, v, s = vectors("d v s")
move = d - h * v - h * s

MONOTONE = (r"\langle v,d\rangle \ge \mu|d|^2", inner(v, d) - mu * square(d))
LIPSCHITZ = (r"|v| \le \ell|d|", ell**2 * square(d) - square(v))
COCOERCIVE = (r"\langle v,d\rangle \ge \beta|v|^2", inner(v, d) - beta * square(v))
INTERPOLATION = (r"\langle v-\mu d,\ell d-v\rangle \ge 0", inner(v - mu * d, ell * d - v))
BACKWARD = (r"\langle s,\Delta Tx\rangle \ge \sigma|\Delta Tx|^2", inner(s, move) - sigma * square(move))

GRADIENT = (INTERPOLATION, MONOTONE, LIPSCHITZ)
SHORT = {ell: mu + p, h: 2 / ((2 * mu + p) * (1 + u))}
LONG = {ell: mu + p, h: 2 * (1 + u) / (2 * mu + p)}

Hypotheses = tuple[tuple[str, Expression], ...]


def _proof(
    case: str,
    domain: str,
    factor_squared: sympy.Expr,
    second: sympy.Symbol,
    forward: Hypotheses,
    squares: tuple[tuple[sympy.Expr, Vector], ...] = (),
    cover: dict[sympy.Symbol, sympy.Expr] | None = None,
) -> Proof:
    """The whole step from its forward half, whose square is |d - hv|^2 <= factor_squared |d|^2."""
    shrink = 1 + h * sigma
    values = multipliers(case, {"first": mu, "second": second}, h, sigma)
    terms = [Term(text, form, m) for (text, form), m in zip((*forward, BACKWARD), values, strict=True)]
    return Proof(
        name=f"contraction: {case}",
        statement=rf"|\Delta Tx|^2 \le \frac{{{sympy.latex(factor_squared)}}}{{(1+h\sigma)^2}}\,|d|^2",
        domain=domain,
        goal=factor_squared / shrink**2 * square(d) - square(move),
        hypotheses=tuple(terms),
        squares=(*((c / shrink**2, x) for c, x in squares), ((h / shrink) ** 2, s - sigma * move)),
        cover=cover or {},
    )


CASES = tuple(FORWARD)

PROOFS = (
    _proof(
        CASES[0],
        r"0 \le \mu < \ell,\ 0 < h \le 2/(\mu+\ell)",
        (1 - h * mu) ** 2,
        ell,
        GRADIENT,
        ((h * (2 - h * (ell + mu)) / (ell - mu), v - mu * d),),
        SHORT,
    ),
    _proof(
        CASES[1],
        r"0 \le \mu < \ell,\ h \ge 2/(\mu+\ell)",
        (1 - h * ell) ** 2,
        ell,
        GRADIENT,
        ((h * (h * (ell + mu) - 2) / (ell - mu), ell * d - v),),
        LONG,
    ),
    _proof(
        CASES[2],
        r"\ell = \mu \ge 0,\ h > 0",
        (1 - h * mu) ** 2,
        mu,
        (INTERPOLATION, MONOTONE, (LIPSCHITZ[0], mu**2 * square(d) - square(v))),
    ),
    _proof(CASES[3], r"0 \le \mu \le \ell,\ h > 0", 1 - 2 * h * mu + h**2 * ell**2, ell, (MONOTONE, LIPSCHITZ)),
    _proof(
        CASES[4],
        r"\mu \ge 0,\ \beta > 0,\ 0 < h \le 2\beta",
        1 - 2 * h * mu + h**2 * mu / beta,
        beta,
        (MONOTONE, COCOERCIVE),
        cover={h: 2 * beta / (1 + u)},
    ),
    _proof(
        CASES[5],
        r"\mu \ge 0,\ \beta > 0,\ h \ge 2\beta",
        (1 - h / beta) ** 2,
        beta,
        (MONOTONE, COCOERCIVE),
        ((h / beta * (h / beta - 2), d - beta * v),),
        {h: 2 * beta * (1 + u)},
    ),
)
