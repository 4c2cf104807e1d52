"""What a proof in formulas has to show, piece by piece, and what it concludes: a proof, or a point where it fails."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

from fbscheck.certify.balls import lower
from fbscheck.certify.formula import Formula, Undetermined
from fbscheck.verdict import Evidence, Rigour, Side

__all__ = ["Duty", "conclude"]

SIZES = (Fraction(1), Fraction(1, 10), Fraction(10), Fraction(1, 10**6), Fraction(10**6))
"""Values of the variables at which a counterexample is sought."""


@final
@dataclass(frozen=True)
class Duty:
    """What must be shown on a piece: that ``formula`` is zero, or if it is a ``bound``, that it is not negative."""

    piece: str
    formula: Formula
    bound: bool

    def holds(self) -> bool:
        """Whether it is manifest."""
        try:
            return self.formula.sign() >= 0 if self.bound else self.formula.is_zero()
        except Undetermined:
            return False

    def violation(self) -> tuple[float, dict[str, str]] | None:
        """A positive lower bound of how far it fails at a point of the variables, and the point."""
        names = (*self.formula.variables.positive, *self.formula.variables.free)
        worst = None
        for k, first in enumerate(SIZES):
            for j in range(len(SIZES)):
                values = [first, *(SIZES[(k + j * i) % len(SIZES)] for i in range(1, len(names)))]
                value = self.formula.at(dict(zip(names, values, strict=True)))
                off = lower(-value if self.bound else abs(value))
                if 0 < off < math.inf and (worst is None or off > worst[0]):
                    worst = off, {name: str(value) for name, value in zip(names, values, strict=True)}
        return worst


def conclude(duties: Iterable[Duty], where: str) -> tuple[Evidence, dict[str, Any]]:
    """The evidence of duties that all hold, or of the first that does not, with the point at which it fails.

    Raises
    ------
    Undetermined
        If one is not manifest and fails nowhere that is known, or there are none.
    """
    done = 0
    for duty in duties:
        if not duty.holds():
            if (found := duty.violation()) is None:
                raise Undetermined(f"{duty.piece}: a sign or an identity is not manifest")
            method = f"{duty.piece}, at a point in ball arithmetic"
            return Evidence(Side.ATTAINED, found[0], Rigour.ENCLOSED, method), {"where": duty.piece, "point": found[1]}
        done += 1
    if not done:
        raise Undetermined("there is nothing to show: the function has no sections")
    method = f"{done} identities and manifest signs on {where}"
    return Evidence(Side.THEORY, 0.0, Rigour.EXACT, method, exact=True), {}
