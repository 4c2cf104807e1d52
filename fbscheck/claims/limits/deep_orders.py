"""Chapter "orders": families with closed forms, whose errors are of another order than one, or only seem to be.

Everything is enclosed in ball arithmetic, so that the order of the least-squares line through the errors is, too.

``power``: x' = x^{a-1} from 0, which is -dg of g = -x^a/a on x >= 0, with x_0 in the domain of g but not of dg.
``rotation``: x' = -w J x by implicit steps with w = 1.585 (N/T)^{1/2}, near the worst for N layers; J is skew, no
subdifferential.  ``decay``: x' = -kx - sx, the first part explicit, the second implicit; e ~ h(s^2 - k^2)/2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, upper
from fbscheck.claims.limits.deep_rates import deviation
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.limit.convergence import Ends, order_ends
from fbscheck.verdict import Claim, Hypothesis, Relation, Result

__all__ = ["CLAIMS", "CONTROLS", "HALF", "ONE", "POWER", "SUPERCONVERGENT", "TERMINAL", "Family", "assess", "replay"]

FREQUENCY = Fraction("1.585")
"""Near the maximum of (1 - e^{-c^2/2})/c."""

POWERS = (Fraction(1, 1000), Fraction(99, 100))


@final
@dataclass(frozen=True)
class Family:
    """One of the families on [0, 1], with its parameter (a; nothing; s, k being 1), at some depths."""

    kind: str
    parameter: Fraction
    depths: tuple[int, ...]

    @property
    def name(self) -> str:
        """Kind, parameter and depths."""
        return f"{self.kind} {self.parameter}, N={self.depths[0]} to {self.depths[-1]}"

    def errors(self) -> tuple[tuple[Ends, ...], tuple[Ends, ...]]:
        """The greatest error over all layers, and the one at T, for each depth, divided by |A x_0| for a rotation."""
        found = [_ERRORS[self.kind](self.parameter, depth) for depth in self.depths]
        return tuple((max(map(lower, row)), max(map(upper, row))) for row in found), tuple(
            (lower(row[-1]), upper(row[-1])) for row in found
        )


def _power(a: Fraction, depth: int) -> list[Any]:
    """|x_n - x(t_n)|: the implicit step solves y - y^{a-1} h = x, whose left side grows with slope 1 or more."""
    h, rest, x, found = ball(Fraction(1, depth)), ball(a) - 1, ball(0), []
    for n in range(1, depth + 1):
        y = x.mid() if x > 0 else (h ** (1 / (1 - rest))).mid()
        for _ in range(8):
            y = (y - (y - h * y**rest - x.mid()) / (1 - h * rest * y ** (rest - 1))).mid()
        missed = y - h * y**rest - x
        x = flint.arb(y, abs(missed).upper())
        found.append(abs((ball(2 - a) * ball(Fraction(n, depth))) ** ball(1 / (2 - a)) - x))
    return found


def _rotation(_: Fraction, depth: int) -> list[Any]:
    """|e^{-iwt} - (1 + iwh)^{-n}| / w for the turned start, at T only: earlier errors belong to other frequencies."""
    w = ball(FREQUENCY) * ball(depth).sqrt()
    step = flint.acb(1, w / depth)
    return [abs(flint.acb(0, -w).exp() - step ** (-depth)) / w]


def _decay(s: Fraction, depth: int) -> list[Any]:
    h = ball(Fraction(1, depth))
    factor, rate = (1 - h) / (1 + h * ball(s)), 1 + ball(s)
    return [abs(factor**n - (-rate * ball(Fraction(n, depth))).exp()) for n in range(1, depth + 1)]


_ERRORS: dict[str, Callable[[Fraction, int], list[Any]]] = {"power": _power, "rotation": _rotation, "decay": _decay}

DEEP = Hypothesis(r"N_1 < \dots < N_k,\ k \geq 6", lambda family: len(family.depths) - 6)
IS_POWER = Hypothesis(r"g(x) = -x^a/a", lambda family: int(family.kind == "power") - 1)
METHOD = "order of the least-squares line through enclosed errors"

POWER = Claim(
    "orders.power",
    "A start at which g is finite but has no slope",
    r"|p-\tfrac1{2-a}| \leq 0.01\ \mathrm{for\ the\ order}\ p\ \mathrm{of}\ \max_n|x_n-x(t_n)|,\quad "
    r"g(x)=-x^a/a,\ x_0=0",
    Relation.AT_MOST,
    f"both scale like h to this power ({METHOD})",
    (IS_POWER, DEEP),
)
HALF = Claim(
    "orders.half",
    "Order one half: for g that are all but a jump of the slope at x_0, and for monotone operators that are no slopes",
    r"|p-\tfrac12| \leq 0.05\ \mathrm{for\ the\ order}\ p\ \mathrm{of\ the\ greatest\ error}",
    Relation.AT_MOST,
    f"1/(2-a) as a tends to 0; a skew operator at its worst frequency ({METHOD})",
    (DEEP,),
)
ONE = Claim(
    "orders.one",
    "First order, where the explicit and the implicit half of the step do not cancel",
    r"|p-1| \leq 0.03\ \mathrm{for\ the\ order}\ p\ \mathrm{of}\ \max_n|x_n-x(t_n)|,\quad x'=-kx-sx,\ k \neq s",
    Relation.AT_MOST,
    f"leading term h(s^2-k^2)/2 ({METHOD})",
    (Hypothesis(r"k \neq s", lambda f: -int(f.kind != "decay" or f.parameter == 1)), DEEP),
)
TERMINAL = Claim(
    "control.order-terminal",
    "The order of the error at T, taken for that of the greatest error",
    r"|p_T-\tfrac1{2-a}| \leq 0.05\ \mathrm{for\ the\ order}\ p_T\ \mathrm{of}\ |x_N-x(T)|",
    Relation.AT_MOST,
    "false: what goes wrong at the start is damped; at T the order is nearly one",
    (IS_POWER, DEEP),
    control=True,
)
SUPERCONVERGENT = Claim(
    "control.order-superconvergent",
    "First order, tested where the two halves of the step cancel",
    r"|p-1| \leq 0.03\ \mathrm{for\ the\ order}\ p\ \mathrm{of}\ \max_n|x_n-x(t_n)|,\quad x'=-kx-sx",
    Relation.AT_MOST,
    "false where k = s: the leading term vanishes, and the order is two",
    (DEEP,),
    control=True,
)
CLAIMS, CONTROLS = (POWER, HALF, ONE), (TERMINAL, SUPERCONVERGENT)
_TOLERANCES = {POWER.id: 0.01, HALF.id: 0.05, ONE.id: 0.03, TERMINAL.id: 0.05, SUPERCONVERGENT.id: 0.03}
_EXPECTED = {POWER.id: None, HALF.id: 0.5, ONE.id: 1.0, TERMINAL.id: None, SUPERCONVERGENT.id: 1.0}


def assess(claim: Claim, family: Family) -> Result:
    """Enclose the order of one family, and compare it with the claimed one."""
    if (unmet := claim.unmet(family)) is not None:
        return not_applicable(claim, family.name, unmet)
    greatest, last = family.errors()
    p = order_ends(family.depths, last if claim is TERMINAL else greatest)
    expected = _EXPECTED[claim.id] or float(1 / (2 - family.parameter))
    evidence = deviation(p, expected, f"{len(family.depths)} depths in ball arithmetic")
    witness = {"family": family.kind, "parameter": str(family.parameter), "depths": list(family.depths)}
    return decide(claim, family.name, squeeze(_TOLERANCES[claim.id], evidence), witness)


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Evaluate a claim again, from the family in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is none.
    """
    parameter, depths = kernel.rational(witness["parameter"]), witness["depths"]
    known = isinstance(depths, list) and all(type(depth) is int and 0 < depth <= 10**4 for depth in depths)
    if witness["family"] not in _ERRORS or not known or not 0 < parameter <= 10:
        raise kernel.Refusal("the witness is no family of networks")
    if witness["family"] == "power" and not POWERS[0] <= parameter <= POWERS[1]:
        raise kernel.Refusal("the power is not between 0 and 1")
    return assess(claim, Family(witness["family"], parameter, tuple(depths)))
