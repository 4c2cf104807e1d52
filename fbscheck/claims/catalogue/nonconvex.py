"""Chapter "nonconvex": maps that are taken for proximal maps of convex functions, and are not.

What is false must be refuted by a pair of points, in ball arithmetic; what is true (monotone, the largest slope)
must survive all pairs.  Where the map is a formula on finitely many pieces of the line, its slopes and its jumps
between them prove what is true for all points (:mod:`fbscheck.certify.formula`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import exact, lower, norm
from fbscheck.certify.formula import Formula, Undetermined, Variables
from fbscheck.claims.catalogue.duties import Duty
from fbscheck.errors import InputError
from fbscheck.functions.nonconvex import NONCONVEX, Nonconvex
from fbscheck.inputs import Array, finite_array
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = ["CLAIMS", "CONVEX", "MONOTONE", "SLOPE", "SOME", "assess", "replay"]

Points = npt.NDArray[np.float64]

CONVEX = Claim(
    "control.convex-prox",
    "The map is the proximal map of a convex function",
    r"|2(T x - T y) - (x - y)| \leq |x - y|",
    Relation.AT_MOST,
    "Moreau 1965: false; largest ratio of the two sides",
    control=True,
)
SOME = Claim(
    "control.some-prox",
    "The map, not monotone, is the proximal map of some function",
    r"-\langle T x - T y, x - y\rangle / |x - y|^2 \leq 0",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020: false; largest value of the left side",
    control=True,
)
MONOTONE = Claim(
    "nonconvex.monotone",
    "The map is monotone",
    r"-\langle T x - T y, x - y\rangle / |x - y|^2 \leq 0",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020; largest value of the left side",
)
SLOPE = Claim(
    "nonconvex.slope",
    "The largest slope L, and weak convexity of modulus 1 - 1/L",
    r"|T x - T y| \leq (1+10^{-9})\,L\,|x - y|",
    Relation.AT_MOST,
    "Gribonval and Nikolova 2020; largest ratio |T x - T y| / (L |x - y|)",
)
CLAIMS = (CONVEX, SOME, MONOTONE, SLOPE)

REACH = 6.0
"""Points are sought in [-6, 6]: beyond, the slopes of these maps are monotone."""


Piece = tuple[Callable[[Formula], Any], bool]
"""Points of an interval, as a formula in r > 0, and whether they increase with r."""


def _between(*nodes: Fraction | int) -> tuple[Piece, ...]:
    """The pieces of the line between numbers in increasing order."""
    inner = [(lambda r, a=a, b=b: (a + b * r) / (1 + r), True) for a, b in zip(nodes, nodes[1:], strict=False)]
    return (lambda r: nodes[0] - r, False), *inner, (lambda r: nodes[-1] + r, True)


def _moved(r: Formula) -> Any:
    """The argument whose image under the map of the log penalty is r."""
    return r + 1 / (2 * (1 + r))


_HALF = Fraction(1, 2)
_EXPONENTIAL: tuple[Piece, ...] = ((lambda r: -Formula.log(1 + r), False), (lambda r: r, True))
PIECES: Mapping[str, tuple[Piece, ...]] = {
    "hard threshold": _between(-1, 0, 1),
    "SCAD": _between(Fraction(-37, 10), -2, -1, 0, 1, 2, Fraction(37, 10)),
    "MCP": _between(-2, -1, 0, 1, 2),
    "log penalty": ((lambda r: -_moved(r), False), *_between(-_HALF, 0, _HALF)[1:-1], (_moved, True)),
    "ELU, alpha 2": _EXPONENTIAL,
    "SELU": _EXPONENTIAL,
}
"""Pieces of the line, from left to right, on which the maps are formulas."""


def _duties(claim: Claim, entry: Nonconvex, pieces: Sequence[Piece]) -> Iterator[Duty]:
    """What shows that slopes are at least 0, or at most L, on every piece, that jumps go up, or that there are none."""
    r = Formula.variable(Variables(("r",)), "r")
    before: tuple[Any, Any] | None = None
    for k, (points, rising) in enumerate(pieces):
        name, u = f"piece {k + 1}", np.array([points(r)], dtype=object)
        image = 0 * r + entry.map(u)[0]
        at, start = ((f if rising else f.inverted("r")).limit("r") for f in (u[0], image))
        slope = image.derivative("r") / u[0].derivative("r")
        if before is not None:
            if not (at - before[0]).is_zero():
                raise Undetermined("the pieces do not meet")
            own = entry.map(np.array([at], dtype=object))[0]
            for jump in (own - before[1], start - own):
                yield Duty(f"before {name}", 0 * r + jump, claim is MONOTONE)
        elif isinstance(at, Formula):
            raise Undetermined("the pieces do not begin at -inf")
        yield Duty(name, slope if claim is MONOTONE else Fraction(_bound(SLOPE)) * Fraction(entry.slope) - slope, True)
        if claim is SLOPE:
            yield Duty(name, Fraction(entry.slope) + slope, True)
        end, last = ((f.inverted("r") if rising else f).limit("r") for f in (u[0], image))
        before = end, last
    if before is None or isinstance(before[0], Formula):
        raise Undetermined("the pieces do not end at inf")


def _proof(claim: Claim, entry: Nonconvex) -> tuple[Evidence, ...]:
    """A proof of MONOTONE or SLOPE for all points, if the map is a formula on pieces of the line."""
    try:
        duties = list(_duties(claim, entry, PIECES[entry.name])) if claim in (MONOTONE, SLOPE) else []
    except (KeyError, Undetermined):
        return ()
    if not duties or not all(duty.holds() for duty in duties):
        return ()
    method = f"{len(duties)} manifest signs on {len(PIECES[entry.name])} pieces of the line"
    return (Evidence(Side.THEORY, _bound(claim), Rigour.EXACT, method, exact=True),)


def _measure(claim: Claim, entry: Nonconvex, x: Array, y: Array) -> Any:
    image, difference = entry.map(x) - entry.map(y), x - y
    if claim is CONVEX:
        return norm(2 * image - difference) / norm(difference)
    if claim is SLOPE:
        return norm(image) / (entry.slope * norm(difference))
    return -np.sum(image * difference, axis=0) / np.sum(difference * difference, axis=0)


def _bound(claim: Claim) -> float:
    """With what rounding may add to a quotient of close points; what jumps or turns exceeds it by far."""
    return {CONVEX: 1.0, SLOPE: 1.0}.get(claim, 0.0) + 1e-9


def assess(entry: Nonconvex, samples: int, rng: np.random.Generator) -> list[Result]:
    """The claims that speak of ``entry``, each at the worst of ``samples`` pairs."""
    x = np.sort(REACH * (2 * rng.random((entry.dimension, samples)) - 1), axis=1)
    y = np.roll(x, 1, axis=1) if entry.dimension == 1 else rng.permuted(x, axis=0) + 1e-3
    wanted = [CONVEX, MONOTONE if entry.monotone else SOME, *([SLOPE] if math.isfinite(entry.slope) else [])]
    results = []
    for claim in wanted:
        measures = _measure(claim, entry, x, y)
        k = int(np.argmax(measures))
        results.append(_result(claim, entry, x[:, k], y[:, k]))
    return results


def _result(claim: Claim, entry: Nonconvex, x: Points, y: Points) -> Result:
    value = lower(_measure(claim, entry, exact(x), exact(y)))
    evidence = Evidence(Side.ATTAINED, value, Rigour.ENCLOSED, "a pair of points in ball arithmetic")
    witness = {"map": entry.name, "x": [v.hex() for v in x.tolist()], "y": [v.hex() for v in y.tolist()]}
    return decide(claim, entry.name, squeeze(_bound(claim), (evidence, *_proof(claim, entry))), witness)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate the pair of a result again, rigorously.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or the claim does not speak of its map.
    """
    try:
        (entry,) = (known for known in NONCONVEX if known.name == witness["map"])
        x, y = (finite_array([float.fromhex(text) for text in witness[name]], name, 1) for name in "xy")
    except (LookupError, OverflowError, TypeError, ValueError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None
    if x.shape != (entry.dimension,) or y.shape != x.shape or claim is (SOME if entry.monotone else MONOTONE):
        raise kernel.Refusal("the claim does not speak of this map, or of these points")
    return _result(claim, entry, x, y)
