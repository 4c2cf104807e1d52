r"""The l1 recursion behind LISTA recovery: no false positives, and an error that shrinks layer by layer.

Source: Chen, Liu, Wang and Yin 2018, Theoretical linear convergence of unfolded ISTA and its practical
weights and thresholds, NeurIPS; Liu, Chen, Wang and Yin 2019, ALISTA, ICLR.

A layer maps x, with e = x - x^*, to x^+ = soft(u, theta), u = x - gamma W^T(Ax - b), where b = Ax^* and x^*
has at most s nonzeros.  The matrix W^T A has the diagonal 1, and |g_ij| <= mu~ elsewhere, so

    u_i - x_i^* = (1-gamma) e_i - gamma c_i,    c_i = sum_{j != i} g_ij e_j.

If supp x is in supp x^*, |e|_1 <= E and theta = mu~ gamma E, then supp x^+ is in supp x^*, and
|x^+ - x^*|_1 <= ((2s-1) mu~ gamma + |1-gamma|) E, which is the E of the next layer.  The records:

* one entry of W^T A adds at most mu~ |e_j| to |c_i|;
* off the support |u_i| <= theta, and soft(u_i, theta) = 0 where |u_i| <= theta: no false positives;
* on the support |u_i - x_i^*| is bounded by the errors, and soft adds at most theta;
* the sum over the support, which has each |e_j| once for every other index;
* with noise n_i = <w_i, noise> of size at most nu = C_W sigma, gamma = 1 and theta = mu~ E + nu: the same, and
  its closed form |x^k - x^*|_1 <= s c^k + 2s nu/(1-c), c = (2s-1) mu~, from |x^*|_infinity <= 1.

Sizes are named scalars; |v| is the largest <v, t> with |t| <= 1, and t is any such number.  What a record
uses is the definition of a norm or of a subgradient, the statement of an earlier record, or cited.
"""

import sympy

from fbscheck.certify.symbolic import Assumption, Coefficient, Expression, Proof, Term, inner, scalar, square, vectors

__all__ = ["PROOFS"]

mu, gamma, theta, s = sympy.symbols(r"\tilde\mu gamma theta s", positive=True)
r, v, w = sympy.symbols("r v w", nonnegative=True)
g = sympy.Symbol("g_{ij}", real=True)
e, e_j, c, n, t, p, u, x = vectors("e_i e_j c_i n_i t p u x^*")
rate = sympy.Symbol("c", positive=True)
size, size_j, size_p, size_x, apart = (scalar(f"|{name}|") for name in ("e_i", "e_j", "p", "x^*", "p-x^*"))
error, next_error, bound, threshold = (scalar(name) for name in ("|e|_1", "|x^+-x^*|_1", "E", r"\theta"))
others, pairs = scalar(r"\sum_{j\ne i}|e_j|"), scalar(r"\sum_i\sum_{j\ne i}|e_j|")
noise, power, added = scalar(r"\nu"), scalar("c^k"), scalar(r"2s\nu")
moved = scalar(r"\sum_i|u_i-x^*_i|")

ADDITION = Assumption("inequalities with an index add up to one for the sums over the index", "addition")
COUNTING = Assumption("a sum over i and j != i in the support has each |e_j| at most s - 1 times", "counting")
DIVISION = Assumption("if a^2 <= ca, where a >= 0 and c >= 0, then a <= c", "division by a, unless a = 0")
INDUCTION = Assumption("induction over the layers, from E >= |x_0 - x^*|_1", "the natural numbers")

Case = tuple[str, str, Coefficient, dict[sympy.Symbol, sympy.Expr]]
"""Name, domain, |1 - gamma| and cover."""

SHORT: Case = ("gamma <= 1", r"0 < \gamma \le 1", 1 - gamma, {gamma: 1 / (1 + v)})
LONG: Case = ("gamma >= 1", r"\gamma \ge 1", gamma - 1, {gamma: 1 + v})


def _on_the_support(case: Case, along: Expression) -> Proof:
    """``along``: that side of |<e_i, t>| <= |e_i| which the sign of 1 - gamma needs."""
    name, domain, rest, cover = case
    return Proof(
        name=f"LISTA recovery: on the support, {name}",
        statement=r"|u_i-x^*_i| \le |1-\gamma|\,|e_i|+\tilde\mu\gamma\sum_{j\ne i}|e_j|",
        domain=domain,
        goal=rest * size + mu * gamma * others - inner((1 - gamma) * e - gamma * c, t),
        hypotheses=(
            Term(r"|\langle e_i,t\rangle| \le |e_i|", along, rest),
            Term(r"-\langle c_i,t\rangle \le \tilde\mu\sum_{j\ne i}|e_j|", mu * others + inner(c, t), gamma),
        ),
        cover=cover,
        assumptions=(ADDITION,),
    )


def _recursion(case: Case) -> Proof:
    name, domain, rest, cover = case
    return Proof(
        name=f"LISTA recovery: recursion, {name}",
        statement=r"|x^+-x^*|_1 \le \bigl((2s-1)\tilde\mu\gamma+|1-\gamma|\bigr)E",
        domain=domain + r",\ s \ge 1",
        goal=((2 * s - 1) * mu * gamma + rest) * bound - next_error,
        hypotheses=(
            Term(r"\sum_i:\ |x^+_i-x^*_i| \le |u_i-x^*_i|+\theta", moved + s * threshold - next_error),
            Term(
                r"\sum_i:\ |u_i-x^*_i| \le |1-\gamma|\,|e_i|+\tilde\mu\gamma\sum_{j\ne i}|e_j|",
                rest * error + mu * gamma * pairs - moved,
            ),
            Term(r"\sum_i\sum_{j\ne i}|e_j| \le (s-1)|e|_1", (s - 1) * error - pairs, mu * gamma),
            Term(r"\theta \le \tilde\mu\gamma E", mu * gamma * bound - threshold, s),
            Term(r"|e|_1 \le E", bound - error, rest + (s - 1) * mu * gamma),
        ),
        cover={**cover, s: 1 + w},
        assumptions=(ADDITION, COUNTING, INDUCTION),
    )


PROOFS = (
    Proof(
        name="LISTA recovery: coupling",
        statement=r"-\langle g_{ij}e_j,t\rangle \le \tilde\mu|e_j|",
        domain=r"|g_{ij}| \le \tilde\mu",
        goal=mu * size_j + g * inner(e_j, t),
        hypotheses=(
            Term(r"\langle e_j,t\rangle \ge -|e_j|", size_j + inner(e_j, t), (mu + g) / 2),
            Term(r"\langle e_j,t\rangle \le |e_j|", size_j - inner(e_j, t), (mu - g) / 2),
        ),
        cover={mu: v + w, g: v - w},
    ),
    Proof(
        name="LISTA recovery: off the support",
        statement=r"|u_i| \le \theta,\quad u_i=-\gamma c_i\ \mathrm{as}\ e_i=x^*_i=0",
        domain=r"\gamma > 0",
        goal=threshold + gamma * inner(c, t),
        hypotheses=(
            Term(r"-\langle c_i,t\rangle \le \tilde\mu|e|_1", mu * error + inner(c, t), gamma),
            Term(r"|e|_1 \le E", bound - error, mu * gamma),
            Term(r"\theta \ge \tilde\mu\gamma E", threshold - mu * gamma * bound),
        ),
        assumptions=(ADDITION,),
    ),
    Proof(
        name="LISTA recovery: soft threshold, zero",
        statement=r"p=0,\quad p=\mathrm{soft}(u,\theta),\ r=|u|",
        domain=r"0 \le r \le \theta",
        goal=-square(p),
        hypotheses=(
            Term(r"u-p \in \theta\,\partial|\cdot|(p),\ \mathrm{at}\ 0", inner(u - p, p) - theta * size_p),
            Term(r"\langle u,p\rangle \le |u||p|", r * size_p - inner(u, p)),
            Term(r"|p| \ge 0", size_p, theta - r),
        ),
        cover={theta: r + w},
    ),
    Proof(
        name="LISTA recovery: soft threshold, distance",
        statement=r"|p-x^*|^2 \le (|u-x^*|+\theta)|p-x^*|,\quad p=\mathrm{soft}(u,\theta),\ r=|u-x^*|",
        domain=r"r, \theta \ge 0",
        goal=(r + theta) * apart - square(p - x),
        hypotheses=(
            Term(
                r"u-p \in \theta\,\partial|\cdot|(p),\ \mathrm{at}\ x^*",
                theta * size_x - theta * size_p + inner(u - p, p - x),
            ),
            Term(r"|x^*| \le |p|+|p-x^*|", size_p + apart - size_x, theta),
            Term(r"\langle u-x^*,p-x^*\rangle \le |u-x^*||p-x^*|", r * apart - inner(u - x, p - x)),
        ),
        assumptions=(DIVISION,),
    ),
    _on_the_support(SHORT, size - inner(e, t)),
    _on_the_support(LONG, size + inner(e, t)),
    _recursion(SHORT),
    _recursion(LONG),
    Proof(
        name="LISTA recovery: noise, off the support",
        statement=r"|u_i| \le \theta,\quad u_i=n_i-c_i\ \mathrm{as}\ e_i=x^*_i=0,\ \gamma=1",
        domain=r"\gamma = 1",
        goal=threshold + inner(c, t) - inner(n, t),
        hypotheses=(
            Term(r"-\langle c_i,t\rangle \le \tilde\mu|e|_1", mu * error + inner(c, t)),
            Term(r"\langle n_i,t\rangle \le \nu", noise - inner(n, t)),
            Term(r"|e|_1 \le E", bound - error, mu),
            Term(r"\theta \ge \tilde\mu E+\nu", threshold - mu * bound - noise),
        ),
        assumptions=(ADDITION,),
    ),
    Proof(
        name="LISTA recovery: noise, on the support",
        statement=r"|u_i-x^*_i| \le \tilde\mu\sum_{j\ne i}|e_j|+\nu,\quad u_i-x^*_i=n_i-c_i",
        domain=r"\gamma = 1",
        goal=mu * others + noise + inner(c, t) - inner(n, t),
        hypotheses=(
            Term(r"-\langle c_i,t\rangle \le \tilde\mu\sum_{j\ne i}|e_j|", mu * others + inner(c, t)),
            Term(r"\langle n_i,t\rangle \le \nu", noise - inner(n, t)),
        ),
        assumptions=(ADDITION,),
    ),
    Proof(
        name="LISTA recovery: noise, recursion",
        statement=r"|x^+-x^*|_1 \le (2s-1)\tilde\mu E+2s\nu",
        domain=r"\gamma = 1,\ s \ge 1",
        goal=(2 * s - 1) * mu * bound + 2 * s * noise - next_error,
        hypotheses=(
            Term(r"\sum_i:\ |x^+_i-x^*_i| \le |u_i-x^*_i|+\theta", moved + s * threshold - next_error),
            Term(r"\sum_i:\ |u_i-x^*_i| \le \tilde\mu\sum_{j\ne i}|e_j|+\nu", mu * pairs + s * noise - moved),
            Term(r"\sum_i\sum_{j\ne i}|e_j| \le (s-1)|e|_1", (s - 1) * error - pairs, mu),
            Term(r"\theta \le \tilde\mu E+\nu", mu * bound + noise - threshold, s),
            Term(r"|e|_1 \le E", bound - error, (s - 1) * mu),
        ),
        cover={s: 1 + w},
        assumptions=(ADDITION, COUNTING),
    ),
    Proof(
        name="LISTA recovery: noise, closed form",
        statement=r"E^+ \le s\,c^{k+1}+\frac{2s\nu}{1-c}",
        domain=r"0 < c < 1",
        goal=s * rate * power + 1 / (1 - rate) * added - next_error,
        hypotheses=(
            Term(r"E^+ \le cE+2s\nu", rate * bound + added - next_error),
            Term(r"E \le s\,c^k+\frac{2s\nu}{1-c}", s * power + 1 / (1 - rate) * added - bound, rate),
        ),
        assumptions=(INDUCTION,),
    ),
)
