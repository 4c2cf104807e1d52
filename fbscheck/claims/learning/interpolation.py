r"""Chapter "gamma": slopes of nodal interpolants, the recovery sequences of the penalty in H^1.

A case is a path through nodes (M + 1, P) at equal times, and a factor that divides M: every so many nodes are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import round_down, round_up
from fbscheck.claims.records import scale_of, scaled
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "SLOPES", "Nodes", "assess", "replay"]


@final
@dataclass(frozen=True, eq=False)
class Nodes:
    """Straight lines through ``values`` (M + 1, P), and through every ``factor``-th of them."""

    name: str
    values: Values
    factor: int

    def slopes(self, factor: int) -> Fraction:
        """int |theta'|^2 of the lines through every ``factor``-th node, on [0, 1], exactly."""
        rows = [[Fraction(entry) for entry in row] for row in self.values[::factor].tolist()]
        pairs = zip(rows, rows[1:], strict=False)
        jumps = ((y - x) ** 2 for before, after in pairs for x, y in zip(before, after, strict=True))
        return sum(jumps, Fraction(0)) * (len(rows) - 1)


SLOPES = Claim(
    "gamma.interpolation",
    "Nodal interpolation does not raise slopes",
    r"\int|(P_N\theta)'|^2 \leq \int|\theta'|^2",
    Relation.AT_MOST,
    "Jensen's inequality for slopes; rational arithmetic (ratio of the two sides)",
    (Hypothesis(r"\int|\theta'|^2 > 0", lambda case: case.slopes(1), strict=True),),
)
CLAIMS = (SLOPES,)


def assess(claim: Claim, case: Nodes, scale: float = 1.0) -> Result:
    """Measure ``SLOPES`` on a path; ``scale`` multiplies its bound (a planted error if it is not 1)."""
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    ratio = case.slopes(case.factor) / case.slopes(1)
    method = f"exact sums over {len(case.values) - 1} pieces, and over {case.factor} times fewer"
    ends = (Side.ATTAINED, round_down(ratio)), (Side.CERTIFIED, round_up(ratio))
    evidence = tuple(Evidence(side, value, Rigour.EXACT, method) for side, value in ends)
    arrays: Arrays = {}
    witness = scaled({"nodes": {"name": case.name, "values": add(case.values, arrays), "factor": case.factor}}, scale)
    return replace(decide(claim, case.name, squeeze(scale, evidence), witness), arrays=arrays)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Measure it again on the path in ``witness``.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    content, scale = scale_of(witness, claim.control)
    text = content["nodes"]
    values, factor = arrays[text["values"]], text["factor"]
    if set(content) != {"nodes"} or set(text) != {"name", "values", "factor"} or not isinstance(text["name"], str):
        raise kernel.Refusal("the witness is no path with a factor, or more")
    if type(factor) is not int or factor < 1 or values.ndim != 2 or len(values) < 2 or (len(values) - 1) % factor:
        raise kernel.Refusal("the factor does not divide the pieces of the path")
    return assess(claim, Nodes(text["name"], values, factor), float(scale))
