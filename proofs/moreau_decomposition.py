"""prox_g(u) + prox_g*(u) = u, because u - prox_g*(u) solves the same inclusion as prox_g(u)."""

from fbscheck.certify.symbolic import Assumption, Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

u, p, q = vectors("u p q")

PROOFS = (
    Proof(
        name="Moreau decomposition",
        statement=r"|p+q-u|^2 \le 0,\quad p=\mathrm{prox}_g(u),\ q=\mathrm{prox}_{g^*}(u)",
        domain=r"g\ \mathrm{proper,\ convex,\ closed}",
        goal=-square(p + q - u),
        hypotheses=(
            Term(
                r"\partial g\ \mathrm{monotone\ at}\ u-p \in \partial g(p),\ q \in \partial g(u-q)",
                inner(p - (u - q), (u - p) - q),
            ),
        ),
        assumptions=(
            Assumption("s is a subgradient of g at x iff x is one of g* at s", "Rockafellar 1970, Theorem 23.5"),
        ),
    ),
)
