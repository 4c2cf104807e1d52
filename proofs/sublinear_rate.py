r"""The objective after n forward-backward steps is within |x_0 - x^*|^2 / (4hn) of the smallest one.

For F convex and ell-smooth, g convex and 0 < h <= 1/ell.  Source: Taylor, Hendrickx and Glineur 2018,
Exact worst-case convergence rates of the proximal gradient method for composite convex minimization,
JOTA 178.  The rate is sharp: F = 0 and g = c|x| with c = |x_0|/(2hn) attain it.

The hypotheses are convexity of F and of g, at consecutive iterates and from each iterate to x^*; only
between consecutive iterates is F's also smooth, with the constant 1/h >= ell.  The pair x_k, x_{k+1} has
the multiplier w_k and the pair x_k, x^* has w_k - w_{k-1}, where w_k = (k+1)/(2n-k) for F with
w_n = 1, and w_k = k/(2n-k) for g.  That x^* minimises F + g is not used.
"""

import sympy

from fbscheck.certify.symbolic import Assumption, Expression, Proof, Term, Vector, inner, scalar, square, vectors

__all__ = ["PROOFS"]

h = sympy.Symbol("h", positive=True)
(x_star,) = vectors("x^*")
F_star, g_star = scalar("F(x^*)"), scalar("g(x^*)")

SMOOTH = Assumption(
    "a convex and ell-smooth F has F(y) >= F(x) + <F'(x), y - x> + |F'(x) - F'(y)|^2 / (2 ell)",
    "Nesterov 2018, theorem 2.1.5",
)


def _weights(n: int) -> tuple[tuple[sympy.Rational, ...], tuple[sympy.Rational, ...]]:
    """How much of F(x_k) and of g(x_k), k = 0..n, the hypotheses up to step k bound; all of both at k = n."""
    smooth = [sympy.Rational(k + 1, 2 * n - k) for k in range(n)]
    return (*smooth, sympy.Integer(1)), tuple(sympy.Rational(k, 2 * n - k) for k in range(n + 1))


def _squares(n: int, x: list[Vector], v: list[Vector], s: list[Vector]) -> tuple[tuple[sympy.Expr, Vector], ...]:
    """What the hypotheses leave: for each step, one square with its subgradient and one without."""
    squares = []
    for k in range(1, n + 1):
        rest = 2 * n - k
        r = rest * (k - 1) + n
        q = sympy.Rational(k * rest, 2 * r)
        pull = 1 / (h * (rest + 1)) * (x[k - 1] - x_star)
        squares.append((sympy.Rational(r, rest**2) * h, s[k] + (1 - q) * v[k - 1] + q * v[k] - pull))
        if k > 1:
            squares.append((sympy.Rational(k * (k - 1) * rest, 4 * (rest + 1) * r) * h, v[k] - v[k - 1]))
    return tuple(squares)


def _convex(name: str, at: str, of: str, slope: str, gap: Expression, first_order: Expression) -> tuple[str, Expression]:
    """Convexity, as ``name(at) >= name(of) + <slope, at - of>``."""
    return rf"{name}({at}) \ge {name}({of})+\langle {slope},{at}-{of}\rangle", gap - first_order


def _proof(n: int) -> Proof:
    x = list(vectors("x_0"))
    v = list(vectors(" ".join(f"v_{k}" for k in range(n + 1))))
    s = [Vector({}), *vectors(" ".join(f"s_{k}" for k in range(1, n + 1)))]
    for k in range(1, n + 1):
        x.append(x[k - 1] - h * v[k - 1] - h * s[k])
    F = [scalar(f"F(x_{k})") for k in range(n + 1)]
    g = [scalar(f"g(x_{k})") for k in range(n + 1)]
    of_F, of_g = _weights(n)

    terms = []
    for k in range(n + 1):
        convex = _convex("F", "x^*", f"x_{k}", f"v_{k}", F_star - F[k], inner(v[k], x_star - x[k]))
        terms.append(Term(*convex, of_F[k] - of_F[k - 1] if k else of_F[k]))
    for k in range(n):
        text, convex_F = _convex("F", f"x_{k}", f"x_{k + 1}", f"v_{k + 1}", F[k] - F[k + 1], inner(v[k + 1], x[k] - x[k + 1]))
        text += rf"+\frac h2|v_{k}-v_{k + 1}|^2\ \mathrm{{because}}\ h \le 1/\ell"
        terms.append(Term(text, convex_F - h / 2 * square(v[k] - v[k + 1]), of_F[k]))
    for k in range(1, n + 1):
        convex = _convex("g", "x^*", f"x_{k}", f"s_{k}", g_star - g[k], inner(s[k], x_star - x[k]))
        terms.append(Term(*convex, of_g[k] - of_g[k - 1]))
    for k in range(1, n):
        convex = _convex("g", f"x_{k}", f"x_{k + 1}", f"s_{k + 1}", g[k] - g[k + 1], inner(s[k + 1], x[k] - x[k + 1]))
        terms.append(Term(*convex, of_g[k]))
    return Proof(
        name=f"sublinear rate, n = {n}",
        statement=rf"(F+g)(x_{n})-(F+g)(x^*) \le \frac{{|x_0-x^*|^2}}{{{4 * n}h}},"
        r"\quad x_{k+1}=x_k-hv_k-hs_{k+1},\ v_k=F'(x_k),\ s_k\in\partial g(x_k)",
        domain=r"0 < h \le 1/\ell",
        goal=1 / (4 * n * h) * square(x[0] - x_star) + F_star + g_star - F[n] - g[n],
        hypotheses=tuple(terms),
        squares=_squares(n, x, v, s),
        assumptions=(SMOOTH,),
    )


PROOFS: tuple[Proof, ...] = tuple(_proof(n) for n in (1, 2, 3))
