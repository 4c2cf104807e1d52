"""Chapter "catalogue", proofs: a function of one variable is convex, and its proximal map inverts I + h dg.

Where a function of the catalogue is one of one variable phi on lines that its proximal map keeps
(:mod:`fbscheck.functions.sections`), nothing needs to be sampled.  The graph of its subdifferential is a curve of
finitely many pieces: arcs (x, phi'(x)) between nodes, and at a node the slopes from phi'(x-) to phi'(x+).  On each
piece value and proximal map are formulas in positive variables, for all points of the piece and all steps h > 0, and
exact arithmetic with manifest signs proves

* that phi'' >= sigma and phi' does not drop at a node: phi is convex, with the modulus that g declares, continuous on
  its domain and infinite beyond;
* that prox_h(x + h s) = x for all points (x, s) of the curve, so that prox_h = (I + h dphi)^(-1): as s increases with
  x, x + h s takes every value on the line;
* that prox_h does not decrease, with slopes of at most 1/(1 + h sigma).

The second rests on the first with sigma = 0, the third on both, and is not stated without.  Of a sum over coordinates
each has its line; that they do not mix is seen on vectors with coordinates in several pieces, not proved for all.

The formulas are what the code of a function gives for exact numbers, by the branches that balls take, too.  Some have
others for float64 (norms that cannot overflow, roots without cancellation); what float64 makes of all is the matter of
:mod:`fbscheck.claims.catalogue.promises`.  Where the map is a root that is found by iteration, what is proved is that
the derivative, on which the iteration rests, is that of the function; the root exists and is unique by the above.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from fbscheck import functions
from fbscheck.archive import Arrays, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.formula import Formula, Undetermined
from fbscheck.certify.variables import exact_fraction
from fbscheck.claims.catalogue import curves
from fbscheck.claims.catalogue.curves import Arc
from fbscheck.claims.catalogue.duties import Duty, conclude
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.claims.records import scale_of, scaled
from fbscheck.errors import InputError
from fbscheck.functions.sections import Section, sections
from fbscheck.judge import decide, squeeze, undecided
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour

__all__ = ["CLAIMS", "CONVEX", "INVERSE", "SLOPE", "assess", "examine", "replay"]

CONVEX = Claim(
    "catalogue.convex",
    "The function is convex on its lines, with the modulus that it declares",
    r"\phi''(x) \geq \sigma,\quad \phi'(x-) \leq \phi'(x+),\qquad \phi(t) = g(x_0+te),\ |e| = 1",
    Relation.AT_MOST,
    "exact arithmetic with manifest signs, piece by piece; on the line or for all lines (largest deficit, 0)",
)
INVERSE = Claim(
    "catalogue.inverse",
    "The proximal map is the resolvent, at every point and every step",
    r"\mathrm{prox}_{h\phi}(x+hs) = x \text{ for all } s \in \partial\phi(x),\ h > 0",
    Relation.AT_MOST,
    "on each piece of the graph of the subdifferential, the formula that the code of the map gives for exact numbers, "
    "or where it is a root, of the derivative on which it rests (largest difference, 0)",
)
SLOPE = Claim(
    "catalogue.slope",
    "The proximal map does not decrease, and its slopes are at most 1/(1 + h sigma)",
    r"0 \leq \mathrm{prox}_{h\phi}'(u) \leq \frac{1}{1+h\sigma} \text{ for all } u,\ h > 0",
    Relation.AT_MOST,
    "the derivative of the map on each piece of the line (largest excess of a bound, 0)",
)
CLAIMS = (CONVEX, INVERSE, SLOPE)


def assess(claim: Claim, case: ProxCase, scale: float = 1.0) -> Result:
    """Prove one of ``CLAIMS`` of a function with sections, or refute it at a point; ``scale`` is a planted error.

    The error takes (1 - scale)|x|^2/2 from the function, or multiplies the map, or the bound of its slopes.
    """
    arrays: Arrays = {}
    witness = scaled({"case": case.name, "function": describe(case.g, arrays)}, scale)
    try:
        evidence, point = examine(claim, sections(case.g), scale)
        if evidence.rigour is Rigour.EXACT and case.g.separable:
            _together(case.g, sections(case.g), claim.id.removeprefix("planted.") != CONVEX.id)
    except Undetermined as failure:
        return undecided(claim, case.name, str(failure))
    return replace(decide(claim, case.name, squeeze(0.0, (evidence,)), {**witness, **point}), arrays=arrays)


def examine(claim: Claim, lines: Sequence[Section], scale: float = 1.0) -> tuple[Evidence, dict[str, Any]]:
    """A proof on all ``lines``, or a counterexample: the evidence, and where the counterexample is.

    Raises
    ------
    Undetermined
        If there is neither.
    """
    of = _DUTIES[claim.id.removeprefix("planted.")]
    duties = (replace(d, piece=f"{line.name}, {d.piece}") for line in lines for d in of(line, Fraction(scale)))
    roots = any(line.closed is not line.step for line in lines)
    return conclude(duties, ", ".join(line.name for line in lines) + ", for the map as a root" * roots)


def _together(g: Any, lines: Sequence[Section], mapped: bool) -> None:
    """On points with coordinates in several pieces g and its map act on each as its line says; three if all are alike.

    Raises
    ------
    Undetermined
        If it does not: g is no sum of these functions of one coordinate.
    """
    lines = [*lines] if g.dimension else [*lines] * 3
    step = lines[0].closed
    alike = (
        mapped
        and step is not None
        and all(line.closed is not None and (line.closed - step).is_zero() for line in lines)
    )

    def require(off: Iterable[Any]) -> None:
        if not all((0 * lines[0].step + part).is_zero() for part in off):
            raise Undetermined("the function is not manifestly the sum of those of its coordinates")

    for x, s in _mixed([[(arc.x, arc.slope) for arc in curves.arcs(line)] for line in lines]):
        off = g._value(x) - sum(line.value(part) for line, part in zip(lines, x, strict=True))
        require([(0 * lines[0].step + off).derivative("r")])
        require(g._derivative(x) - s if mapped and lines[0].derived else ())
    for x, s in _mixed([[(x, s) for _, x, s in curves.graph(line)] for line in lines]) if alike else ():
        require((g._root if lines[0].derived else g._prox)(x + step * s, step) - x)


def _mixed(graphs: Sequence[Sequence[tuple[Formula, Formula]]]) -> Iterator[tuple[Any, Any]]:
    """Vectors of points and of slopes, each coordinate on its graph and one piece ahead of that before it."""
    for i in range(max(map(len, graphs)) if all(graphs) else 0):
        points = [graph[(i + k) % len(graph)] for k, graph in enumerate(graphs)]
        x, s = (np.array(column, dtype=object) for column in zip(*points, strict=True))
        yield x, s


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Prove a claim again, or find its counterexample again, from the function in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If the witness is incomplete or malformed, or the function has no sections.
    """
    content, scale = scale_of(witness, claim.control)
    try:
        case = ProxCase(str(content["case"]), rebuild(content["function"], arrays, vars(functions)))
    except (LookupError, OverflowError, TypeError, ValueError, AttributeError, InputError) as error:
        raise kernel.Refusal(f"the witness is incomplete or malformed: {error}") from None
    if not sections(case.g):
        raise kernel.Refusal("the function is not one of one variable on any lines")
    return assess(claim, case, float(scale))


# -- what must be shown ---------------------------------------------------------------------------


def _convex(section: Section, scale: Fraction) -> Iterator[Duty]:
    return _shape(section, section.square * (Fraction(section.function.strong_convexity) + 1 - scale))


def _shape(section: Section, modulus: Any) -> Iterator[Duty]:
    """The function is continuous and convex with this modulus, and infinite beyond its domain."""
    arcs = curves.arcs(section)
    for arc in arcs:
        yield Duty(arc.piece, arc.derivative(arc.slope) - modulus, True)
    for corner in curves.corners(section):
        if isinstance(corner.low, Formula) and isinstance(corner.high, Formula):
            yield Duty(corner.piece, corner.high - corner.low, True)
    yield from _continuous(section, arcs)


def _continuous(section: Section, arcs: Sequence[Arc]) -> Iterator[Duty]:
    """The value at a node is the limit from both sides, or infinite as they are; beyond the domain it is infinite."""
    v = Formula.variable(section.variables, "v")
    if not arcs:
        (corner,) = curves.corners(section)
        if not _finite(section.value(corner.x)):
            raise Undetermined(f"{section.name}: the function is infinite on its domain")
        yield Duty(corner.piece, 0 * (0 * v + section.value(corner.x)), False)
        if any(map(_finite, (section.value(corner.x + v), section.value(corner.x - v)))):
            raise Undetermined(f"{section.name}: the function is finite beyond its domain")
    for piece, sides in curves.meetings(arcs):
        x = sides[0][0].end(sides[0][0].x, sides[0][1])
        if not isinstance(x, Formula):
            continue
        own = section.value(x)
        for arc, right in sides:
            yield Duty(piece, arc.end(arc.x, right) - x, False)
            limit = arc.end(arc.value, right)
            if _finite(own) != isinstance(limit, Formula):
                raise Undetermined(f"{section.name}: the function is not continuous at an end of its domain")
            if _finite(own):
                yield Duty(piece, limit - own, False)
        if len(sides) == 1 and _finite(section.value(x + v if sides[0][1] else x - v)):
            raise Undetermined(f"{section.name}: the function is finite beyond its domain")


def _finite(value: Any) -> bool:
    return isinstance(value, Formula) or exact_fraction(value) is not None


def _premise(section: Section, what: str, duties: Iterable[Duty]) -> None:
    """What else a claim rests on; where it fails, that does not refute the claim."""
    for duty in duties:
        if not duty.holds():
            raise Undetermined(f"{section.name}, {duty.piece}: it is not manifest that {what}")


def _inverse(section: Section, scale: Fraction) -> Iterator[Duty]:
    if section.derived:
        yield from _derivatives(section, scale)
    for piece, x, s in curves.graph(section) if section.closed is not None else ():
        image = section.prox(x + section.closed * s / section.square)
        for off in scale * image - section.image(x):
            yield Duty(piece, section.step * 0 + off, False)
    _premise(section, "the function is convex", _shape(section, 0))


def _derivatives(section: Section, scale: Fraction) -> Iterator[Duty]:
    """What a root rests on: the derivative inside the domain, and the ends of the domain."""
    arcs = curves.arcs(section)
    for arc in arcs:
        yield Duty(arc.piece, scale * section.derivative(arc.x) - arc.slope, False)
    for piece, ((arc, right), *others) in curves.meetings(arcs):
        if others:
            own = 0 * section.step + section.derivative(arc.end(arc.x, right))
            yield Duty(piece, scale * own - arc.end(arc.slope, right), False)
    g: Any = section.function
    low, high = g.domain
    if not low < g.interior < high:
        raise Undetermined(f"{section.name}: the point inside the domain is not")
    for arc, right, own in ((arcs[0], False, low), (arcs[-1], True, high)):
        if arc.end(arc.x, right) != own:
            raise Undetermined(f"{section.name}: the domain of the root is another one")


def _slope(section: Section, scale: Fraction) -> Iterator[Duty]:
    closed, h = section.closed is section.step, section.step
    share = 1 + h * Fraction(section.function.strong_convexity)
    for piece, x, s in curves.graph(section):
        u = x + h * s / section.square
        moved = np.sum((section.prox(u) - section.base) * section.along) / section.square if closed else x
        moved = section.step * 0 + moved
        for name in ("r", "v"):
            if not (run := u.derivative(name)).is_zero():
                slope = moved.derivative(name) / run
                yield Duty(piece, slope, True)
                yield Duty(piece, scale - share * slope, True)
    _premise(section, "the map is the resolvent", _inverse(section, Fraction(1)))


_DUTIES: dict[str, Callable[[Section, Fraction], Iterator[Duty]]] = {
    CONVEX.id: _convex,
    INVERSE.id: _inverse,
    SLOPE.id: _slope,
}
