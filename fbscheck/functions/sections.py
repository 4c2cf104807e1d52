"""Lines on which a function of many variables is one of one variable: coordinates, rays, normals.

A *section* of g is x -> g(base + x along) for a line that the proximal map keeps.  A sum over the coordinates has its
coordinates; what depends on |x| alone has the lines through 0, in all directions at once; a half-space has its normals,
from all points of the hyperplane at once.  On formulas (:mod:`fbscheck.certify.formula`) value and proximal
map of a section are what the code of g states, for all arguments and steps.  That a sum over the coordinates, or a
function of |x|, is convex with the resolvent that its sections have, is elementary; it rests on the form of g alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, final

import numpy as np

from fbscheck.certify.formula import Formula, Variables
from fbscheck.functions.activations import SigmoidEntropy, SoftplusEntropy, TanhEntropy
from fbscheck.functions.base import Function
from fbscheck.functions.calculus import ArgumentScaled, EpigraphScaled, Scaled, Tilted, Translated, WithQuadratic
from fbscheck.functions.calculus.derived import Derived
from fbscheck.functions.curved import Curved
from fbscheck.functions.entropies import KullbackLeibler, LogBarrier, NegativeEntropy
from fbscheck.functions.losses import Fair, LogCosh, Logistic, Power, PseudoHuber, Softplus
from fbscheck.functions.norms import L2
from fbscheck.functions.piecewise import Berhu, Hinge, LeakyRectifier, Quantile, SquaredHinge
from fbscheck.functions.radial import GroupL2, L2Ball
from fbscheck.functions.separable import L1, Box, ElasticNet, Huber, NonNegative, SquaredL2, Zero
from fbscheck.functions.sets import Distance, Halfspace, Hyperplane, SquaredDistance
from fbscheck.inputs import Array

__all__ = ["Section", "sections", "sphere"]

Node = Fraction | int | Formula | None
"""An end of a piece; None for an infinite one."""


def _same(q: Formula) -> Formula:
    return q


@final
@dataclass(frozen=True, eq=False)
class Section:
    """``function`` on the line base + x along, its pieces between ``nodes``, at steps given by the formula ``step``.

    x is ``point`` of a number q, and the nodes, in increasing order, are values of q: the first and the last are
    the ends of the domain.  ``step`` takes all positive values.  At the step ``closed`` the proximal map is stated in
    closed form: at ``step`` itself, at 1 or, if it is None, at none; else it is the root that the derivative defines.
    """

    name: str
    function: Function
    variables: Variables
    nodes: tuple[Node, ...]
    base: Array
    along: Array
    step: Formula
    closed: Formula | None = None
    point: Callable[[Formula], Formula] = _same

    @property
    def derived(self) -> bool:
        """Whether the proximal map is a root of a condition with the derivative of the function."""
        return isinstance(self.function, Curved)

    @property
    def square(self) -> Any:
        """The square of the length of ``along``, by which steps on the line are divided."""
        return np.sum(self.along * self.along, axis=0)

    def value(self, x: Any) -> Any:
        """g at the point x of the line."""
        return self.function._value(self.base + self.along * x)

    def derivative(self, x: Any) -> Any:
        """The derivative on which the root rests that the proximal map is."""
        assert isinstance(self.function, Curved)
        return self.function._derivative(self.base + self.along * x)[0]

    def prox(self, u: Any) -> Array:
        """The proximal map of g at the point u of the line, as a vector."""
        u = self.base + self.along * u
        step: Any = self.closed
        return self.function._root(u, step) if isinstance(self.function, Curved) else self.function._prox(u, step)

    def image(self, x: Any) -> Array:
        """The point x of the line, as a vector."""
        return self.base + self.along * x  # type: ignore[no-any-return]


@lru_cache(maxsize=64)
def sections(g: Function) -> tuple[Section, ...]:
    """The sections that say all of ``g``; none if g has no such lines.

    What lives in every dimension and depends on |x| alone is taken in R^3: its formulas know the norm alone.
    """
    for kinds, found in _RULES:
        if isinstance(g, kinds):
            return found(g)
    return ()


def _coordinates(g: Function) -> tuple[Section, ...]:
    """One for each coordinate, or for all of them if they are alike."""
    size = g.dimension or 1
    names = [f"coordinate {k + 1}" for k in range(size)] if size > 1 else ["any coordinate"]
    return tuple(_coordinate(name, _restricted(g, k)) for k, name in enumerate(names))


def _restricted(g: Any, k: int) -> Any:
    """The function of one variable that acts on coordinate k."""
    own: dict[str, Any] = {}
    for name in (f.name for f in fields(g)):
        value = getattr(g, name)
        if isinstance(value, Function):
            own[name] = _restricted(value, k)
        elif np.ndim(value):
            own[name] = value[k : k + 1] if isinstance(g, Derived) else float(value[k])
    return replace(g, **own)


def _ruled(g: Function) -> tuple[Section, ...]:
    """The coordinates of a function made by rules of one whose nodes are numbers, and whose map is a formula."""
    return _coordinates(g) if g.separable and _ruled_nodes(_restricted(g, 0)) else ()


def _ruled_nodes(g: Any) -> tuple[Node, ...]:
    """The nodes; empty if they are not known."""
    if type(g) not in _RULED:
        found = _coordinate("", g) if type(g) in _KERNELS else None
        return () if found is None or isinstance(g, Curved) else found.nodes
    moved = tuple(None if t is None else _RULED[type(g)](g, t) for t in _ruled_nodes(g.function))
    return moved[::-1] if isinstance(g, ArgumentScaled) and g.factor < 0 else moved


_RULED: dict[type[Function], Callable[[Any, Any], Any]] = {
    **dict.fromkeys((Scaled, Tilted, WithQuadratic), lambda g, t: t),
    ArgumentScaled: lambda g, t: t / Fraction(g.factor),
    EpigraphScaled: lambda g, t: t * Fraction(g.factor),
    Translated: lambda g, t: t + Fraction(g.shift.item()),
}
"""Where a rule moves a node."""


def _coordinate(name: str, g: Any) -> Section:
    variables = _variables(Fraction(g.exponent) if isinstance(g, Power) else None)
    h = Formula.variable(variables, "h")
    zero, one = _vector([Formula.number(variables, 0)]), _vector([Formula.number(variables, 1)])
    section = Section(name, g, variables, (None, 0, None), zero, one, h, None if isinstance(g, Curved) else h)
    return _KERNELS[type(g)](section, g) if type(g) in _KERNELS else replace(section, nodes=_ruled_nodes(g))


@lru_cache(maxsize=64)
def _variables(exponent: Fraction | None) -> Variables:
    """Those of all coordinates of a function, so that points of several lines make one vector."""
    return Variables(("r", "v", "h"), (), {} if exponent is None else {"power": ("r", exponent)})


def _nodes(*nodes: Node) -> Callable[[Section, Any], Section]:
    return lambda section, g: replace(section, nodes=nodes)


def _exact(of: Callable[[Any], Sequence[Any]]) -> Callable[[Section, Any], Section]:
    """Nodes that are parameters of the function."""
    return lambda section, g: replace(section, nodes=tuple(None if t is None else Fraction(t) for t in of(g)))


def _exponential(section: Section, g: Any) -> Section:
    """x = log q, with q around 1."""
    return replace(section, nodes=(0, 1, None), point=Formula.log)


def _hyperbolic(section: Section, g: PseudoHuber) -> Section:
    """x = delta (q - 1/q)/2, where the root of 1 + (x/delta)^2 is (q + 1/q)/2."""
    return replace(section, nodes=(0, 1, None), point=lambda q: (q - 1 / q) * (Fraction(g.delta) / 2))


def _barrier(section: Section, g: Any) -> Section:
    """The root of p^2 - (u - a) p = k^2, where h is k^2 over the counts, changes its form at p = k."""
    counts = Fraction(float(g.counts)) if isinstance(g, KullbackLeibler) else Fraction(1)
    k = section.step
    step = k * k / counts if counts else k
    return replace(section, nodes=(0, k, None) if counts else (0, None), step=step, closed=step)


def _fair(section: Section, g: Fair) -> Section:
    """The quadratic equation of |p| changes its form at |p| = c sqrt(1 + h), where h = k (k + 2)."""
    k, c = section.step, Fraction(g.c)
    step = k * (k + 2)
    return replace(section, nodes=(None, -c * (1 + k), 0, c * (1 + k), None), step=step, closed=step)


def _activation(nodes: tuple[Node, ...], point: Callable[[Formula], Formula] = _same) -> Callable[..., Section]:
    """At step 1 the map is the activation, in closed form."""
    return lambda section, g: replace(section, nodes=nodes, point=point, closed=Formula.number(section.variables, 1))


_KERNELS: dict[type[Function], Callable[[Section, Any], Section]] = {
    **dict.fromkeys((Zero, L1, SquaredL2, ElasticNet, Quantile, LeakyRectifier, Power), _nodes(None, 0, None)),
    **dict.fromkeys((Hinge, SquaredHinge), _nodes(None, 1, None)),
    **dict.fromkeys((NonNegative, NegativeEntropy), _nodes(0, None)),
    **dict.fromkeys((Logistic, Softplus, LogCosh), _exponential),
    **dict.fromkeys((LogBarrier, KullbackLeibler), _barrier),
    Box: _exact(lambda g: (g.low, (Fraction(g.low) + Fraction(g.high)) / 2, g.high)),
    Huber: _exact(lambda g: (None, -g.delta, 0, g.delta, None)),
    Berhu: _exact(lambda g: (None, -g.delta, 0, g.delta, None)),
    PseudoHuber: _hyperbolic,
    Fair: _fair,
    TanhEntropy: _activation((-1, 0, 1)),
    SigmoidEntropy: _activation((0, Fraction(1, 2), 1)),
    SoftplusEntropy: _activation((1, 2, None), Formula.log),
}


def _rays(g: Function, dimension: int = 3) -> tuple[Section, ...]:
    """The lines through 0 in all directions but one: a rational point of the sphere, seen from one of its poles."""
    free = tuple(f"a{k}" for k in range(1, dimension))
    variables = Variables(("r", "v", "h"), free)
    along = sphere(variables)
    base, h = _vector([Formula.number(variables, 0)] * dimension), Formula.variable(variables, "h")
    return (Section("any line through 0", g, variables, _radii(g), base, along, h, h),)


def sphere(variables: Variables) -> Array:
    """All unit vectors but one: those seen from a pole of the sphere along the free variables."""
    parts = [Formula.variable(variables, name) for name in variables.free]
    square = sum((part * part for part in parts), Formula.number(variables, 0))
    return _vector([*(2 * part / (1 + square) for part in parts), (1 - square) / (1 + square)])


def _radii(g: Function) -> tuple[Node, ...]:
    if isinstance(g, L2Ball):
        return -Fraction(g.radius), 0, Fraction(g.radius)
    if isinstance(g, (Distance, SquaredDistance)) and isinstance(g.of, L2Ball):
        return None, -Fraction(g.of.radius), 0, Fraction(g.of.radius), None
    return None, 0, None


def _groups(g: GroupL2) -> tuple[Section, ...]:
    """The rays of each group: one section for groups of one size."""
    sizes = sorted(set(np.bincount(np.asarray(g.labels)).tolist()))
    found = [(size, _rays(replace(g, labels=[0] * size), size)[0]) for size in sizes]
    return tuple(replace(of, name=f"any line through 0 of a group of {size}") for size, of in found)


def _distances(g: Any) -> tuple[Section, ...]:
    return _rays(g) if isinstance(g.of, L2Ball) else ()


def _normals(g: Any) -> tuple[Section, ...]:
    """The line along the normal through any point of the hyperplane."""
    free = tuple(f"a{k}" for k in range(1, len(g.normal)))
    variables, normal = Variables(("r", "v", "h"), free), [Fraction(t) for t in g.normal.tolist()]
    last = max(range(len(normal)), key=lambda k: abs(normal[k]))
    others = iter(free)
    point: list[Any] = [None if k == last else Formula.variable(variables, next(others)) for k in range(len(normal))]
    rest = sum((t * x for t, x in zip(normal, point, strict=True) if x is not None), Formula.number(variables, 0))
    point[last] = (Fraction(g.offset) - rest) / normal[last]
    along = _vector([Formula.number(variables, t / sum(s * s for s in normal)) for t in normal])
    nodes, h = (None, 0) if isinstance(g, Halfspace) else (0, 0), Formula.variable(variables, "h")
    return (Section("any normal", g, variables, nodes, _vector(point), along, h, h),)


def _vector(entries: Sequence[Any]) -> Array:
    found = np.empty(len(entries), dtype=object)
    found[:] = entries
    return found


_RULES: tuple[tuple[Any, Callable[..., tuple[Section, ...]]], ...] = (
    (tuple(_KERNELS), _coordinates),
    (tuple(_RULED), _ruled),
    ((L2, L2Ball), _rays),
    (GroupL2, _groups),
    ((Distance, SquaredDistance), _distances),
    ((Halfspace, Hyperplane), _normals),
)
