"""Distance of a network to its deep-layer limit: the pointwise inequality, and the telescoping identity."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, scalar, square, vectors

__all__ = ["PROOFS"]

mu = sympy.Symbol("mu", real=True)
X, Y, x, F, fX, fx, xi, eta, xi_0, xi_1 = vectors("X Y x F f(X) f(x) xi eta xi_0 xi_1")
g_X, g_Y, g_x = scalar("g(X)"), scalar("g(Y)"), scalar("g(x)")
e = X - x
speed, limit_speed = -F - xi, -fx - eta
bregman = g_X - g_Y - inner(xi, X - Y)

PROOFS = (
    Proof(
        name="one-step inequality of the deep-layer limit",
        statement=r"\langle X'-x',e\rangle \le D(X)-\langle F-f(X),e\rangle-\mu|e|^2,\quad e=X-x",
        domain=r"\mu \in \mathbf{R}",
        goal=bregman - inner(F - fX, e) - mu * square(e) - inner(speed - limit_speed, e),
        hypotheses=(
            Term(r"\xi \in \partial g(Y)", g_x - g_Y - inner(xi, x - Y)),
            Term(r"\eta \in \partial g(x)", g_X - g_x - inner(eta, X - x)),
            Term(r"f\ \mathrm{has\ modulus}\ \mu", inner(fX - fx, e) - mu * square(e)),
        ),
        assumptions=(
            Assumption("Gronwall's lemma, to integrate the inequality", "Nochetto, Savare and Verdi 2000"),
            Assumption("existence for the inclusion", "Brezis 1973"),
        ),
    ),
    Proof(
        name="telescoping identity",
        statement=r"\langle \xi_0-\xi_1,\xi_1\rangle = \frac12(|\xi_0|^2-|\xi_1|^2-|\xi_0-\xi_1|^2)",
        domain=r"\mathrm{all}\ \xi_0, \xi_1",
        goal=inner(xi_0 - xi_1, xi_1) - sympy.Rational(1, 2) * (square(xi_0) - square(xi_1) - square(xi_0 - xi_1)),
        hypotheses=(),
    ),
)
