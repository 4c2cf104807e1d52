r"""The objective after n forward-backward steps exceeds that at x^* by at most |x_0 - x^*|^2 / (4hn).

For F convex and ell-smooth, g convex and 0 < h <= 1/ell.  Source: Taylor, Hendrickx and Glineur 2018,
Exact worst-case convergence rates of the proximal gradient method for composite convex minimization,
JOTA 178.  The rate is sharp: F = 0 and g = c|x| with c = |x_0|/(2hn) attain it.

The hypotheses are convexity of F and of g, between consecutive iterates and from each iterate to x^*;
between consecutive iterates F is also smooth, with the constant 1/h >= ell.  The pair x_k, x_{k+1} has
the multiplier w_k and the pair x^*, x_k has w_k - w_{k-1}, where w_k = (k+1)/(2n-k) for F, but w_n = 1,
and w_k = k/(2n-k) for g.  That x^* minimises F + g is not used.
"""

from collections.abc import Mapping, Sequence

import sympy

from fbscheck.certify.symbolic import Assumption, Expression, Proof, Term, Vector, inner, scalar, square, vectors

__all__ = ["PROOFS"]

h = sympy.Symbol("h", positive=True)
STEP = r"x_{k+1}=x_k-hv_k-hs_{k+1},\ v_k=F'(x_k),\ s_k\in\partial g(x_k)"
SMOOTH = Assumption(
    "a convex and ell-smooth F has F(y) >= F(x) + <F'(x), y - x> + |F'(x) - F'(y)|^2 / (2 ell)",
    "Nesterov 2018, theorem 2.1.5",
)


def _convex(points: Mapping[str, Vector], name: str, y: str, x: str, slope: str) -> tuple[str, Expression]:
    """``name(y) >= name(x) + <slope, y - x>``, in LaTeX and as an expression."""
    (s,) = vectors(slope)
    gap = scalar(f"{name}({y})") - scalar(f"{name}({x})")
    text = rf"{name}({y}) \ge {name}({x})+\langle {slope},{y}-{x}\rangle"
    return text, gap - inner(s, points[y] - points[x])


def _hypotheses(n: int, points: Mapping[str, Vector], v: Sequence[Vector]) -> tuple[Term, ...]:
    F = [*(sympy.Rational(k + 1, 2 * n - k) for k in range(n)), sympy.Integer(1)]
    g = [sympy.Rational(k, 2 * n - k) for k in range(n + 1)]
    terms = [Term(*_convex(points, "F", "x^*", "x_0", "v_0"), F[0])]
    for k in range(1, n + 1):
        last, this = f"x_{k - 1}", f"x_{k}"
        text, convex = _convex(points, "F", last, this, f"v_{k}")
        text += rf"+\frac h2|v_{k - 1}-v_{k}|^2\ \mathrm{{as}}\ h \le 1/\ell"
        terms.append(Term(text, convex - h / 2 * square(v[k - 1] - v[k]), F[k - 1]))
        terms.append(Term(*_convex(points, "F", "x^*", this, f"v_{k}"), F[k] - F[k - 1]))
        if k > 1:
            terms.append(Term(*_convex(points, "g", last, this, f"s_{k}"), g[k - 1]))
        terms.append(Term(*_convex(points, "g", "x^*", this, f"s_{k}"), g[k] - g[k - 1]))
    return tuple(terms)


def _squares(
    n: int, points: Mapping[str, Vector], v: Sequence[Vector], s: Sequence[Vector]
) -> tuple[tuple[sympy.Expr, Vector], ...]:
    """What the hypotheses leave: one square with each subgradient of g, and one with each move of F's gradient."""
    squares = []
    for k in range(1, n + 1):
        rest = 2 * n - k
        size = rest * (k - 1) + n
        new = sympy.Rational(k * rest, 2 * size)
        pull = 1 / (h * (rest + 1)) * (points[f"x_{k - 1}"] - points["x^*"])
        squares.append((sympy.Rational(size, rest**2) * h, s[k - 1] + (1 - new) * v[k - 1] + new * v[k] - pull))
        if k > 1:
            squares.append((sympy.Rational(k * (k - 1) * rest, 4 * (rest + 1) * size) * h, v[k] - v[k - 1]))
    return tuple(squares)


def _proof(n: int) -> Proof:
    x, x_star = vectors("x_0 x^*")
    v = vectors(" ".join(f"v_{k}" for k in range(n + 1)))
    s = vectors(" ".join(f"s_{k}" for k in range(1, n + 1)))
    points = {"x^*": x_star, "x_0": x}
    for k in range(1, n + 1):
        x = x - h * v[k - 1] - h * s[k - 1]
        points[f"x_{k}"] = x
    excess = scalar(f"F(x_{n})") + scalar(f"g(x_{n})") - scalar("F(x^*)") - scalar("g(x^*)")
    return Proof(
        name=f"sublinear rate, n = {n}",
        statement=rf"(F+g)(x_{n})-(F+g)(x^*) \le \frac{{|x_0-x^*|^2}}{{{4 * n}h}},\quad {STEP}",
        domain=r"0 < h \le 1/\ell",
        goal=1 / (4 * n * h) * square(points["x_0"] - x_star) - excess,
        hypotheses=_hypotheses(n, points, v),
        squares=_squares(n, points, v, s),
        assumptions=(SMOOTH,),
    )


PROOFS: tuple[Proof, ...] = tuple(_proof(n) for n in (1, 2, 3))
