"""Distance of a network to its deep-layer limit: the pointwise inequality, and the telescoping identity."""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, scalar, square, vectors

__all__ = ["PROOFS"]

mu = sympy.Symbol("mu", real=True)
w, sigma = sympy.symbols("w sigma", nonnegative=True)
X, Y, x, F, fX, fx, xi, zeta, eta, xi_0, xi_1 = vectors(r"X Y x F f(X) f(x) \xi \zeta \eta \xi_0 \xi_1")
r_X, r_Y, r_x, epsilon = scalar("r(X)"), scalar("r(Y)"), scalar("r(x)"), scalar("epsilon")
e = X - x
speed, limit_speed = -F - xi, -fx - w * eta
bregman = r_X - r_Y - inner(zeta, X - Y)

h, l = sympy.symbols("h l", nonnegative=True)  # noqa: E741
delta, z, A_delta, A_z = vectors(r"\delta z A\delta Az")
delta_0, delta_1, A_0, A_1 = vectors(r"\delta_0 \delta_1 A\delta_0 A\delta_1")
g_0, g_1, g_X, g_x = (scalar(f"g({at})") for at in ("x_0", "x_1", "X", "x"))
loss = g_0 - g_1 + h * inner(xi, delta)
turned = inner(xi_0, delta_1) + inner(delta_0, delta_1) - square(delta_1) - h * inner(A_0, A_1)
damped = sympy.Rational(1, 2) * (square(delta_0) - square(delta_1)) - h / 2 * (square(A_0) + square(A_1))
fall = square(delta) - sympy.Rational(2, 3) * h * square(A_delta)

GRADIENT_FLOWS = (
    Proof(
        name="layer of a gradient flow",
        statement=r"\langle X'-x',X-x\rangle \le (1-l)D+\tfrac{l^2h^2}4|A\delta|^2,\quad X=x_0+lh\delta,\ x=x_0+z,\ "
        r"K=A^TA,\ D=g(x_0)-g(x_1)+h\langle\xi,\delta\rangle",
        domain=r"h \ge 0,\quad 0 \le l \le 1",
        goal=(1 - l) * loss
        + l**2 * h**2 / 4 * square(A_delta)
        - inner(A_z, l * h * A_delta - A_z)
        + inner(xi - eta, l * h * delta - z),
        hypotheses=(
            Term(r"\xi \in \partial g(x_1)", g_x - g_1 - inner(xi, z - h * delta)),
            Term(r"\eta \in \partial g(x)", g_X - g_x - inner(eta, l * h * delta - z)),
            Term(r"g\ \mathrm{is\ convex}", (1 - l) * g_0 + l * g_1 - g_X),
        ),
        squares=((1, A_z - l * h / 2 * A_delta),),
        assumptions=(Assumption("integration over the layers: the mean of 1 - l is 1/2, of l^2 is 1/3", "calculus"),),
    ),
    Proof(
        name="defect of a gradient flow",
        statement=r"D \le \frac h2(|\delta_0|^2-|\delta_1|^2)-\frac{h^2}2(|A\delta_0|^2+|A\delta_1|^2),\quad "
        r"\xi_1=\xi_0+\delta_0-\delta_1-hK\delta_0,\ K=A^TA",
        domain=r"h > 0",
        goal=h * damped - (g_0 - g_1 + h * turned),
        hypotheses=(
            Term(r"\xi_0 \in \partial g(x_0)", g_1 - g_0 - h * inner(xi_0, delta_1)),
            Term(r"h|K| \le 1", square(delta_0 - delta_1) - h * square(A_0 - A_1), h / 2),
        ),
        assumptions=(Assumption("summation over the layers, with K = 0 in the first", "the natural numbers"),),
    ),
    Proof(
        name="energy of a gradient flow",
        statement=r"h(\varphi(x_0)-\varphi(x_1)) \ge hD+\tfrac{h^3}6|A\delta|^2,\quad "
        r"\varphi(x_0)-\varphi(x_1)=D+h|\delta|^2-\tfrac{h^2}2|A\delta|^2",
        domain=r"h \ge 0",
        goal=h**2 * square(delta) - h**3 / 2 * square(A_delta) - h**3 / 6 * square(A_delta),
        hypotheses=(Term(r"h|K| \le \tfrac32", fall, h**2),),
    ),
)

PROOFS = (
    *GRADIENT_FLOWS,
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
