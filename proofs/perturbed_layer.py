"""One layer with other inputs and another weight: p = prox_{s r}(u) and p' = prox_{s' r}(u'), r sigma-strongly convex.

With xi in dr(p) and eta in dr(p'), u = p + s xi and u' = p' + s' eta.  What is proved gives, by the
inequality of Cauchy and Schwarz, (1 + s sigma)|p - p'| <= |u - u'| + R|s - s'| where |eta| <= R; with
u = Wx + Ub and u' = W'x' + U'b' that is one step of the bounds on perturbed networks.
"""

import sympy

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

s, t, sigma = sympy.symbols("s s' sigma", nonnegative=True)
p, q, xi, eta = vectors("p p' xi eta")
apart = p - q
given = apart + s * xi - t * eta

PROOFS = (
    Proof(
        name="perturbed layer",
        statement=r"(1+s\sigma)|p-p'|^2 \le \langle u-u',p-p'\rangle-(s-s')\langle\eta,p-p'\rangle",
        domain=r"s, s', \sigma \ge 0",
        goal=inner(given, apart) - (s - t) * inner(eta, apart) - (1 + s * sigma) * square(apart),
        hypotheses=(
            Term(r"\langle \xi-\eta,p-p'\rangle \ge \sigma|p-p'|^2", inner(xi - eta, apart) - sigma * square(apart), s),
        ),
        assumptions=(
            Assumption("if a^2 <= ca, where a >= 0 and c >= 0, then a <= c", "division by a, unless a = 0"),
            Assumption("induction over the layers", "the natural numbers"),
        ),
    ),
)
