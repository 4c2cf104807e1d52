r"""The rate |x_0 - x^*|^2 / (4hn) of the objective for every n: a potential that never grows along the steps.

With D = x_k - x^*, v = F'(x_k) and weights a_k = (k+1)/(2n-k), b_k = k/(2n-k), the potential

    P_k = a_k (F(x_k) - F(x^*)) + b_k (g(x_k) - g(x^*)) + quadratic form of (D, v)

starts below |x_0 - x^*|^2 / (4hn), does not grow from k-1 to k for 1 <= k < n, and ends above the
excess of the objective at x_n.  The three records prove just that, with k and n as symbols; the
multipliers are those of :mod:`fbscheck.proofs.sublinear_rate`, whose cases n = 1, 2, 3 stand alone.
"""

from typing import Any

import sympy
from fbscheck.proofs.sublinear_rate import SMOOTH

from fbscheck.certify.symbolic import Expression, Proof, Term, Vector, inner, scalar, square, vectors

__all__ = ["PROOFS"]

h, k, n = sympy.symbols("h k n", positive=True)
i, w = sympy.symbols("i w", nonnegative=True)
D, v, v_next, s_next = vectors("D v v^+ s^+")
F, F_next, F_star = (scalar(name) for name in ("F(x)", "F(x^+)", "F(x^*)"))
g, g_next, g_star = (scalar(name) for name in ("g(x)", "g(x^+)", "g(x^*)"))
D_next = D - h * v - h * s_next


def _a(j: Any) -> Any:
    return (j + 1) / (2 * n - j)


def _b(j: Any) -> Any:
    return j / (2 * n - j)


def _c(j: Any) -> Any:
    """h times the coefficient of the square with the subgradient of g at step j."""
    return ((2 * n - j) * (j - 1) + n) / (2 * n - j) ** 2


def _new(j: Any) -> Any:
    """The share of the new gradient of F in that square."""
    return j / (2 * n - j) / (2 * _c(j))


def _moved(j: Any) -> Any:
    """h times the coefficient of the square of the gradient's move at step j."""
    return j * (j - 1) * (2 * n - j) / (4 * (2 * n - j + 1) * ((2 * n - j) * (j - 1) + n))


def _potential(j: Any, value: Expression, penalty: Expression, distance: Vector, gradient: Vector) -> Expression:
    """P_j at a point with F = value, g = penalty, x - x^* = distance, F' = gradient."""
    old, step = 1 - _new(j + 1), _c(j + 1)
    rest = _b(j + 1) - step
    quadratic = (
        (_b(j) - _c(j)) / h * square(distance)
        - 2 * (step * old / (2 * n - j) + rest) * inner(gradient, distance)
        + h * (step * old**2 + rest + _moved(j + 1) - _a(j) / 2) * square(gradient)
    )
    potential: Expression = _a(j) * (value - F_star) + _b(j) * (penalty - g_star) + quadratic
    return potential


def _step(j: Any, a_last: Any, b_last: Any) -> tuple[Term, ...]:
    """The hypotheses of the step from j-1 to j; a_last and b_last are the weights that it ends with."""
    return (
        Term(
            r"F(x) \ge F(x^+)+\langle v^+,x-x^+\rangle+\frac h2|v-v^+|^2\ \mathrm{as}\ h \le 1/\ell",
            F - F_next - inner(v_next, D - D_next) - h / 2 * square(v - v_next),
            _a(j - 1),
        ),
        Term(
            r"F(x^*) \ge F(x^+)+\langle v^+,x^*-x^+\rangle", F_star - F_next + inner(v_next, D_next), a_last - _a(j - 1)
        ),
        Term(r"g(x) \ge g(x^+)+\langle s^+,x-x^+\rangle", g - g_next - inner(s_next, D - D_next), _b(j - 1)),
        Term(
            r"g(x^*) \ge g(x^+)+\langle s^+,x^*-x^+\rangle", g_star - g_next + inner(s_next, D_next), b_last - _b(j - 1)
        ),
    )


def _squares(j: Any) -> tuple[tuple[Any, Vector], ...]:
    pulled = s_next + (1 - _new(j)) * v + _new(j) * v_next - 1 / (h * (2 * n - j + 1)) * D
    return (h * _c(j), pulled), (h * _moved(j), v_next - v)


START = sympy.Integer(0)
ONE = sympy.Integer(1)

PROOFS = (
    Proof(
        name="sublinear rate, any n: start",
        statement=r"P_0 \le \frac{|x_0-x^*|^2}{4hn}",
        domain=r"0 < h \le 1/\ell,\ n \ge 1",
        goal=1 / (4 * h * n) * square(D) - _potential(START, F, g, D, v),
        hypotheses=(Term(r"F(x^*) \ge F(x_0)+\langle v,x^*-x_0\rangle", F_star - F + inner(v, D), _a(START)),),
    ),
    Proof(
        name="sublinear rate, any n: step",
        statement=r"P_k \le P_{k-1}",
        domain=r"0 < h \le 1/\ell,\ 1 \le k < n",
        goal=_potential(k - 1, F, g, D, v) - _potential(k, F_next, g_next, D_next, v_next),
        hypotheses=_step(k, _a(k), _b(k)),
        squares=_squares(k),
        cover={k: 1 + i, n: 2 + i + w},
        assumptions=(SMOOTH,),
    ),
    Proof(
        name="sublinear rate, any n: end",
        statement=r"(F+g)(x_n)-(F+g)(x^*) \le P_{n-1}",
        domain=r"0 < h \le 1/\ell,\ n \ge 1",
        goal=_potential(n - 1, F, g, D, v) - (F_next + g_next - F_star - g_star),
        hypotheses=_step(n, ONE, ONE),
        squares=_squares(n),
        cover={n: 1 + i},
        assumptions=(SMOOTH,),
    ),
)
