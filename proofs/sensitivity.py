"""The solution of 0 in f(x) - w + dg(x) moves by at most |dw| / (mu + sigma)."""

import sympy

from fbscheck.certify.symbolic import Proof, Term, inner, square, vectors

__all__ = ["PROOFS"]

mu, sigma = sympy.symbols("mu sigma", positive=True)
e, v, s = vectors("e v s")
modulus = mu + sigma

PROOFS = (
    Proof(
        name="sensitivity",
        statement=r"(\mu+\sigma)|e| \le |w|,\quad w=v+s=L(b-b')",
        domain=r"\mu, \sigma \ge 0",
        goal=square(v + s) - modulus**2 * square(e),
        hypotheses=(
            Term(r"\langle v,e\rangle \ge \mu|e|^2", inner(v, e) - mu * square(e), 2 * modulus),
            Term(r"\langle s,e\rangle \ge \sigma|e|^2", inner(s, e) - sigma * square(e), 2 * modulus),
        ),
        squares=((1, v + s - modulus * e),),
    ),
)
