"""Is a matrix or a formula the gradient of some function?  Exact answers.

T is a gradient if <T, dx> has no circulation around any closed polygon of the box.  It is one if

* each T_i is bounded and depends on x_i alone (integrate it);
* T(x) = c(|x|) x with |x| c(|x|) bounded (integrate along the radius);
* T is Lipschitz and its Jacobian is symmetric almost everywhere: mollified, T keeps both, is the gradient of a
  smooth function by Poincare's lemma, and converges uniformly.

The derivative is almost everywhere that of one of the branches (:mod:`fbscheck.checking.branches`).

T is no gradient if d_j T_i - d_i T_j >= v > 0 on some box, as it has this much circulation per area there;
derivatives lie in the hull of the slopes, entry by entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, final

import numpy as np
import sympy

from fbscheck.certify.balls import round_down
from fbscheck.checking.branches import finite, lipschitz, smooth_branches
from fbscheck.checking.conditions import Values
from fbscheck.checking.expressions import Expression
from fbscheck.checking.intervals import Interval
from fbscheck.checking.programs import run_values
from fbscheck.checking.snippet import hexadecimal
from fbscheck.verdict import Evidence, Rigour, Side

__all__ = ["Finding", "gradient_of_formula", "gradient_of_matrix"]

OPERATIONS = 2000
"""The largest size of an expression that is given to ``simplify``."""


@final
@dataclass(frozen=True)
class Finding:
    """What is known, if anything: ``reason`` says why there is nothing."""

    evidence: tuple[Evidence, ...] = ()
    witness: dict[str, Any] | None = None
    reason: str = ""


def gradient_of_matrix(matrix: Values) -> Finding:
    """Whether x -> Kx is a gradient: whether K is symmetric, entry by entry."""
    apart = np.where(matrix == matrix.T, -1.0, matrix / 2 - matrix.T / 2)
    i, j = (int(k) for k in np.unravel_index(int(np.argmax(apart)), apart.shape))
    if matrix[i, j] == matrix[j, i]:
        return _proved("K is symmetric, entry by entry")
    value = round_down(Fraction(float(matrix[i, j])) - Fraction(float(matrix[j, i])))
    witness = {"entry": [i, j], "values": hexadecimal(np.array([matrix[i, j], matrix[j, i]]))}
    how = f"K[{i}, {j}] - K[{j}, {i}], exactly"
    return Finding((Evidence(Side.ATTAINED, value, Rigour.EXACT, how),), witness)


def gradient_of_formula(expression: Expression, low: Values, high: Values) -> Finding:
    """Whether T is a gradient on the box from ``low`` to ``high`` (d,)."""
    refuted = _asymmetric(expression, low, high)
    if refuted is not None:
        return refuted
    ways = []
    for block, rows in expression.blocks:
        way = _symmetric(block, low[rows], high[rows])
        if way is None:
            return Finding(reason=f"no asymmetry was found, and no proof for components {[row + 1 for row in rows]}")
        ways.append(way)
    return _proved("; ".join(dict.fromkeys(ways)))


def _proved(how: str) -> Finding:
    return Finding((Evidence(Side.THEORY, 0.0, Rigour.EXACT, how, exact=True),))


def _asymmetric(expression: Expression, low: Values, high: Values, seed: int = 0) -> Finding | None:
    """A small box on which some d_j T_i - d_i T_j is certainly positive, as far from zero as samples show."""
    width, rng = (high - low)[:, None], np.random.default_rng(seed)
    centres = low[:, None] + width * rng.random((len(low), 512))
    reach = width * 10.0 ** rng.choice([-2, -4, -7, -10, -13], 512)
    start, end = np.maximum(centres - reach, low[:, None]), np.minimum(centres + reach, high[:, None])
    parts = expression.slopes(start, end)
    hull = Interval(np.min([part.lo for part in parts], axis=0), np.max([part.hi for part in parts], axis=0))
    with np.errstate(all="ignore"):
        apart = (hull - hull.transpose()).lo
    at, i, j = np.unravel_index(int(np.argmax(apart)), apart.shape)
    if not apart[at, i, j] > 0:
        return None
    value = float(apart[at, i, j])
    witness = {"low": hexadecimal(start[:, at]), "high": hexadecimal(end[:, at]), "entry": [int(i), int(j)]}
    how = f"d{j + 1} T{i + 1} - d{i + 1} T{j + 1} on a small box, by interval slopes"
    return Finding((Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, how),), witness)


def _symmetric(block: Expression, low: Values, high: Values) -> str | None:
    """Why the block is a gradient, None if it is not known to be one."""
    if len(block.symbols) == 1 or block.radial is not None:
        bounded = finite(lambda box: run_values(block.program, box), low, high)
        shape = "functions of one coordinate each" if len(block.symbols) == 1 else "a multiple of x that depends on |x|"
        return f"{shape}, bounded on the box: integrate" if bounded else None
    branches = smooth_branches(block.components)
    if (
        branches is None
        or not lipschitz(block.program, low, high)
        or not all(_curl_free(branch, block.symbols) for branch in branches)
    ):
        return None
    many = "" if len(branches) == 1 else f" in each of {len(branches)} cases"
    return f"Lipschitz, with a Jacobian that sympy finds symmetric{many}"


def _curl_free(components: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol]) -> bool:
    for i, j in combinations(range(len(symbols)), 2):
        apart = sympy.diff(components[i], symbols[j]) - sympy.diff(components[j], symbols[i])
        if apart != 0 and (sympy.count_ops(apart) > OPERATIONS or sympy.simplify(apart) != 0):
            return False
    return True
