"""Distance of a network to its deep-layer limit: the pointwise inequality, and the telescoping identity."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, scalar, square, vectors

__all__ = ["PROOFS"]

mu = sympy.Symbol("mu", real=True)
w, sigma = sympy.symbols("w sigma", nonnegative=True)
X, Y, x, F, fX, fx, xi, zeta, eta, xi_0, xi_1 = vectors("X Y x F f(X) f(x) xi zeta eta xi_0 xi_1")
r_X, r_Y, r_x, epsilon = scalar("r(X)"), scalar("r(Y)"), scalar("r(x)"), scalar("epsilon")
e = X - x
speed, limit_speed = -F - xi, -fx - w * eta
bregman = r_X - r_Y - inner(zeta, X - Y)

PROOFS = (
    Proof(
        name="one-step inequality of the deep-layer limit",
        statement=r"\langle X'-x',e\rangle \le w(D(X)+\epsilon)-\langle F-f(X),e\rangle-\langle\xi-w\zeta,e\rangle"
        r"-(\mu+\tfrac{w\sigma}{2})|e|^2,\quad e=X-x",
        domain=r"\mu \in \mathbf{R},\quad w, \sigma \ge 0",
        goal=w * (bregman + epsilon)
        - inner(F - fX, e)
        - inner(xi - w * zeta, e)
        - (mu + w * sigma / 2) * square(e)
        - inner(speed - limit_speed, e),
        hypotheses=(
            Term(r"\zeta \in \partial_\epsilon r(Y)", r_x - r_Y - inner(zeta, x - Y) + epsilon, w),
            Term(r"\eta \in \partial r(x)", r_X - r_x - inner(eta, X - x) - sigma / 2 * square(X - x), w),
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
