"""Against a stated function F: is T its gradient?

For a formula F and a formula or matrix T, the derivatives are compared: T = grad F almost everywhere if F is
Lipschitz and T agrees with the derivative of every smooth branch of F (:mod:`fbscheck.checking.branches`), and not if
both enclosures are apart on a box.  In all other cases F(y) - F(x) is compared with the integral of <T, dx>
from x to y, whose error is estimated (:mod:`fbscheck.checking.circulation`), so that it refutes no formula; points
where F is infinite are left out.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, final

import flint
import numpy as np
import sympy

from fbscheck.certify.balls import exact, nearest
from fbscheck.checking.branches import lipschitz, smooth_branches
from fbscheck.checking.circulation import along, near
from fbscheck.checking.conditions import Values
from fbscheck.checking.expressions import Expression
from fbscheck.checking.intervals import Interval
from fbscheck.checking.points import Domain
from fbscheck.checking.potentials import Finding
from fbscheck.checking.programs import run_values
from fbscheck.checking.sandbox import Fault, Sandbox
from fbscheck.checking.snippet import hexadecimal, integral_snippet
from fbscheck.checking.subject import Subject
from fbscheck.checking.trials import NoisyMap, Oracle, OutOfTime
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.operators import Linear
from fbscheck.verdict import Claim, Evidence, Relation, Rigour, Side

__all__ = ["Primitive", "disagreement", "integrated"]

PIECES = (16, 128, 1024)
KEPT = 8
SEGMENTS = 64
SAFETY = 8.0
"""How much larger than 9 of 10 changes of F under rounding its error is taken to be."""
ROUGHEST = 1e-4
"""The largest relative error of F that is taken for rounding."""

Measured = Callable[[Values], tuple[Values, Values]]
"""From points (d, S) to the values of F (S,) and bounds on their errors (S,)."""


@final
@dataclass(frozen=True)
class Primitive:
    """The function F of which the operator is claimed to be the gradient; ``text`` as the user wrote it."""

    text: str
    function: Function | Expression | Subject

    @property
    def source(self) -> str | Subject:
        """F for a snippet: the subject, or Python lines."""
        if isinstance(self.function, Subject):
            return self.function
        if isinstance(self.function, Expression):
            names, text = list(map(str, self.function.symbols)), str(self.function.components[0])
            return f"import sympy\nF = sympy.lambdify([{names!r}], {text!r})"
        return f"import fbscheck.functions\nF = fbscheck.functions.{self.text}"

    @property
    def claim(self) -> Claim:
        """What a report says about it."""
        return Claim(
            "gradient_of",
            f"Gradient of {self.text}",
            r"T = \nabla F",
            Relation.AT_MOST,
            "largest certain difference between F(y) - F(x) and the integral of <T, dx>, or between derivatives",
        )

    def check_dimension(self, dimension: int) -> None:
        """Raise :class:`InputError` unless F takes ``dimension`` numbers."""
        if isinstance(self.function, Expression) and len(self.function.symbols) != dimension:
            names = ", ".join(map(str, self.function.symbols))
            raise InputError(f"Need a function of {dimension} symbols, got {self.text} of {names}.")
        if isinstance(self.function, Function):
            try:
                self.function(np.zeros(dimension))
            except InputError as error:
                raise InputError(f"Need a function of {dimension} numbers, got {self.text}: {error}") from None

    @contextmanager
    def measured(self, rng: np.random.Generator) -> Iterator[Measured]:
        """F with bounds on its errors: enclosed, or estimated for a function of the user's."""
        if not isinstance(self.function, Subject):
            yield self._enclosed
            return
        with Sandbox(self.function) as sandbox:
            with self._blamed():
                sandbox.examine()
            yield lambda x: self._estimated(sandbox, x, rng)

    def _enclosed(self, x: Values) -> tuple[Values, Values]:
        if isinstance(self.function, Expression):
            balls = [self.function.at(point)[0] for point in x.T.tolist()]
        else:
            assert isinstance(self.function, Function)
            balls = [flint.arb(value) for value in np.atleast_1d(self.function(exact(x)))]
        values = np.array([float(ball.mid()) if ball.is_finite() else np.inf for ball in balls])
        return values, np.array([float(ball.rad()) for ball in balls]) + 4e-16 * np.abs(values)

    def _estimated(self, sandbox: Sandbox, x: Values, rng: np.random.Generator) -> tuple[Values, Values]:
        ulp = float(np.finfo(np.float64).eps)
        moved = np.clip(x * (1 + ulp * rng.integers(-2, 3, x.shape)), sandbox.subject.low, sandbox.subject.high)
        with self._blamed():
            values, other = sandbox.call(x)[0], sandbox.call(moved)[0]
        rough = float(np.quantile(np.abs(values - other) / (np.abs(values) + np.finfo(np.float64).tiny), 0.9))
        return values, (SAFETY * min(rough, ROUGHEST) + 32 * ulp) * np.abs(values) + np.abs(values - other)

    @contextmanager
    def _blamed(self) -> Iterator[None]:
        """What F does wrong is said of F, not of the operator."""
        try:
            yield
        except Fault as fault:
            raise Fault(fault.kind, f"{self.text}: {fault}", fault.x) from None


def disagreement(
    subject: Subject,
    primitive: Primitive,
    operator: NoisyMap,
    rng: np.random.Generator,
    budget_seconds: float,
    module: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Finding:
    """The segment on which F(y) - F(x) and the integral differ most beyond their errors, for its length.

    ``module`` says that T is a torch module, for the snippet.
    """
    domain, tried, best, suspected = operator.domain, 0, (0.0, Finding()), False
    with primitive.measured(rng) as measured:
        first = domain.starting(rng, 1)[:, :1]
        measured(first)
        oracle = Oracle(operator, budget_seconds, clock)
        try:
            oracle(first)
            while best[0] == 0.0 and oracle.left > 0:
                many = max(2, min(SEGMENTS, oracle.affordable // 64, 2**16 // domain.dimension))
                x = domain.starting(rng, many)[:, :many]
                x, y = domain.near(rng, x, domain.width * 10.0 ** rng.uniform(-5, 0, x.shape[1]))
                for pieces in PIECES:
                    if not x.size:
                        break
                    (start, start_error), (end, end_error) = measured(x), measured(y)
                    finite = np.isfinite(start) & np.isfinite(end) & np.any(x != y, axis=0)
                    x, y, start, end = x[:, finite], y[:, finite], start[finite], end[finite]
                    if not x.size:
                        break
                    slack = (start_error + end_error)[finite]
                    gap, error = _gap(oracle, x, y, end - start, slack, pieces)
                    tried += x.shape[1] * (pieces == PIECES[0])
                    sure = np.nan_to_num((gap - error) / np.sqrt(np.sum((y - x) ** 2, axis=0)), nan=-np.inf)
                    k = int(np.argmax(sure))
                    suspected = bool(sure[k] > best[0])
                    if suspected:
                        ends = np.stack([x[:, [k]], y[:, [k]]], axis=2)
                        ends = np.concatenate([ends, near(ends, rng, domain)], axis=1)
                        starts, stops = ends[..., 0], ends[..., 1]
                        (start, start_error), (end, end_error) = measured(starts), measured(stops)
                        again, rest = _gap(oracle, starts, stops, end - start, start_error + end_error, 4 * pieces)
                        if np.all(again > rest):
                            found = _found(subject, primitive, x[:, k], y[:, k], again[0], rest[0], 4 * pieces, module)
                            best = float(sure[k]), found
                        suspected = False
                    leaders = np.argsort(error - gap)[: min(KEPT, oracle.affordable // (16 * pieces))]
                    x, y = x[:, leaders], y[:, leaders]
        except OutOfTime:
            pass
    if best[0] > 0:
        return best[1]
    if suspected:
        return Finding(reason="time was up before a difference that was found could be confirmed (a larger budget?)")
    if not tried:
        return Finding(reason="F is finite on none of the segments that were tried, or time was up")
    how = f"F(y) - F(x) is the integral of <T, dx> on {tried} segments, up to their errors"
    return Finding((Evidence(Side.ATTAINED, 0.0, Rigour.ENCLOSED, how),))


def _gap(oracle: Oracle, x: Values, y: Values, rise: Values, slack: Values, pieces: int) -> tuple[Values, Values]:
    """How far ``rise`` (S,) is from the integral of <T, dx>, and a bound on the error of that."""

    def values(nodes: Values) -> tuple[Values, Values]:
        samples = oracle(nodes)
        return samples.image, samples.noise

    integrals = along(values, x[:, :, None], y[:, :, None], pieces)
    linear, side = np.sum(integrals.base * (y - x), axis=0), np.sqrt(np.sum((y - x) ** 2, axis=0))
    size = np.sum(np.abs(integrals.base * (y - x)), axis=0) + np.abs(rise) + np.abs(integrals.value[:, 0])
    rounding = (len(x) + 8) * np.finfo(np.float64).eps * size
    gap = np.abs(rise - linear - integrals.value[:, 0])
    return gap, slack + integrals.error[:, 0] + integrals.noise * side + rounding


def _found(
    subject: Subject, primitive: Primitive, x: Values, y: Values, gap: float, error: float, pieces: int, module: bool
) -> Finding:
    sure = float(np.nextafter(gap - error, 0.0))
    how = f"F(y) - F(x) against {pieces} pieces from x to y, less {error:.2g}, the estimated error"
    witness = {
        "operator": subject.name,
        "x": hexadecimal(x),
        "y": hexadecimal(y),
        "pieces": pieces,
        "error": float(error).hex(),
        "snippet": integral_snippet(subject, primitive.source, x, y, pieces, module),
    }
    return Finding((Evidence(Side.ATTAINED, sure, Rigour.ENCLOSED, how),), witness)


def integrated(
    operator: Expression | Linear, primitive: Primitive, low: Values, high: Values, seed: int, budget: float
) -> Finding:
    """Whether a formula or a matrix is the gradient of F on the box from ``low`` to ``high`` (d,)."""
    if isinstance(primitive.function, Expression):
        finding = _derivative(operator, primitive.function, low, high)
        if finding.evidence:
            return finding

    def images(x: Values) -> Values:
        if isinstance(operator, Linear):
            return np.asarray(operator(x))
        return nearest([operator.at(point) for point in x.T.tolist()]).T

    def noise(x: Values, tx: Values) -> Values:
        size = np.linalg.norm(x, axis=0) * (np.linalg.norm(operator.matrix) if isinstance(operator, Linear) else 0.0)
        return np.asarray((len(x) + 8) * np.finfo(np.float64).eps * (size + np.linalg.norm(tx, axis=0)))

    def points(rng: np.random.Generator, count: int) -> Values:
        return rng.uniform(low[:, None], high[:, None], (len(low), count))

    subject = Subject("T", (len(low),), float(low[0]), float(high[0]), images)
    known = NoisyMap(Domain(subject.low, subject.high, len(low), points), images, noise)
    found = disagreement(subject, primitive, known, np.random.default_rng(seed), budget)
    kept = {key: value for key, value in (found.witness or {}).items() if key not in ("operator", "snippet")}
    if isinstance(operator, Expression):
        found = replace(found, evidence=tuple(replace(e, rigour=Rigour.FLOATING) for e in found.evidence))
    return replace(found, witness=kept or None)


def _derivative(operator: Expression | Linear, primitive: Expression, low: Values, high: Values) -> Finding:
    """Whether T is the derivative of the formula ``primitive`` on the box from ``low`` to ``high`` (d,)."""
    symbols = primitive.symbols
    if isinstance(operator, Linear):
        matrix = sympy.Matrix([[sympy.Rational(entry) for entry in row] for row in operator.matrix.tolist()])
        operator = Expression(list(matrix * sympy.Matrix(symbols)), symbols)
    renamed = dict(zip(operator.symbols, symbols, strict=True))
    operator = Expression([part.xreplace(renamed) for part in operator.components], symbols)
    width, rng = (high - low)[:, None], np.random.default_rng(0)
    centres = low[:, None] + width * rng.random((len(low), 512))
    reach = width * 10.0 ** rng.choice([-2, -4, -7, -10, -13], 512)
    start, end = np.maximum(centres - reach, low[:, None]), np.minimum(centres + reach, high[:, None])
    slopes, value = primitive.slopes(start, end), run_values(operator.program, Interval(start, end))
    with np.errstate(all="ignore"):
        below = value.lo - np.max([part.hi[:, 0].T for part in slopes], axis=0)
        above = np.min([part.lo[:, 0].T for part in slopes], axis=0) - value.hi
        distance = np.nan_to_num(np.nextafter(np.maximum(below, above), -np.inf), nan=-np.inf)
    i, k = (int(index) for index in np.unravel_index(int(np.argmax(distance)), distance.shape))
    if distance[i, k] > 0:
        how = f"T{i + 1} - dF/dx{i + 1} on a small box, by intervals"
        witness: dict[str, Any] = {"low": hexadecimal(start[:, k]), "high": hexadecimal(end[:, k]), "entry": [i]}
        return Finding((Evidence(Side.ATTAINED, float(distance[i, k]), Rigour.ENCLOSED, how),), witness)
    branches = smooth_branches([*primitive.components, *operator.components])
    if branches is None or not lipschitz(primitive.program, low, high):
        return Finding(reason="no difference was found, but F is not known to be Lipschitz, or has too many branches")
    for value_branch, *images in branches:
        gaps = (sympy.diff(value_branch, symbol) - image for symbol, image in zip(symbols, images, strict=True))
        if any(sympy.simplify(gap) != 0 for gap in gaps):
            return Finding(reason="no difference was found, but sympy does not find T to be the derivative of F")
    how = f"T is the derivative of F in each of {len(branches)} cases, by sympy"
    return Finding((Evidence(Side.THEORY, 0.0, Rigour.EXACT, how, exact=True),))
