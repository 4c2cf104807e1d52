r"""Least values of training problems, certified from both sides where one or two numbers are left to choose.

The loss is |x_N - x*|^2/2 and the penalty a int (|K|^2 + |L|^2).  Certain of their minima are

* networks whose data are 0: the output is 0, and parameters only cost;
* one layer with r = 0: J is a parabola of curvature 2aT or more, so J(theta) - |grad J|^2/(4aT) is below the minimum;
* one sample with r = 0 and b = 0 on the line or in the plane.  With x_{n+1} = z_n x_n, z_n a number or a complex one,
  the cheapest K_n costs |z_n - 1|^2/h^2.  |e^v - 1|^2 is convex where Re e^v >= 1/2 (the determinant of its Hessian is
  4|e^v|^2 (2 Re e^v - 1)), so by Jensen's inequality equal layers are best unless one has |z_n - 1| > 1/2, at a cost
  of aN/(4T) alone.  Left is u = log(x_N/x_0) = (s, w), which costs (a N^2/T)|e^{u/N} - 1|^2, (a/T)|u|^2 in the limit;
* the limit of one sample on the line with r = 0, b > 0: the arc length of v^2/(x^2 + b^2) is asinh(x/b) = u.

Let L be the value at a point u.  Where J is at most L, so is the loss, which confines the output to a disc around the
label, and u to a box; for angles, to one on each side, as a turn by 2 pi more costs more.  On the box the Hessian is at
least kappa > 0, by ball arithmetic on its parts: hence the minimum is at least L - |grad|^2/(2 kappa).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, matmul, upper
from fbscheck.claims.learning.training_case import objective, penalty, square
from fbscheck.functions import Zero
from fbscheck.learning import Free, Problem

__all__ = ["Least", "Well", "least", "wells"]

Point = tuple[Any, ...]
Jet = tuple[Any, Point, tuple[Any, Any, Any]]
PARTS = 8
"""Pieces of each side of a box."""


@final
@dataclass(frozen=True)
class Least:
    """The least value as a ball, and the minimisers, where the problem reduces to :func:`wells`."""

    value: Any
    points: tuple[tuple["Well", Point], ...] = ()


@final
@dataclass(frozen=True)
class Well:
    """A reduced objective: ``jet`` gives value, gradient and the second derivatives (ss, sw, ww) at u = (s,) or (s, w).

    ``output`` is x(T) (d,) of u, ``reach`` a Lipschitz constant of it on a box, ``box`` the box of u where J is at most
    a level, None if there is none; ``sense`` is -1 in the mirrored plane, where angles are taken clockwise.
    """

    jet: Callable[[Point], Jet]
    output: Callable[[Point], tuple[Any, ...]]
    reach: Callable[[tuple[Any, ...]], Any]
    box: Callable[[Any], tuple[Any, ...] | None]
    guess: Point
    sense: int = 1

    def bottom(self) -> tuple[Any, Point]:
        """The least value and the minimiser, as balls.

        Raises
        ------
        kernel.Refusal
            If Newton's method, or the Hessian, does not show one.
        """
        u = self.guess
        for _ in range(40):
            _, gradient, hessian = self.jet(u)
            u = tuple((part - step).mid() for part, step in zip(u, _solved(gradient, hessian), strict=True))
        value, gradient, _ = self.jet(u)
        box = self.box(ball(upper(value)))
        if box is None or not all(side.contains(part) for side, part in zip(box, u, strict=True)):
            raise kernel.Refusal("Newton's method leaves the box of small values")
        kappa = self.modulus(box)
        slope = sum((part * part for part in gradient), ball(0)).nonnegative_part().sqrt()
        below = upper(slope * slope / (2 * ball(kappa)))
        radius = upper(slope / ball(kappa))
        if not below + radius < math.inf:
            raise kernel.Refusal("Newton's method does not find the least value")
        return value - flint.arb(below / 2, below), tuple(flint.arb(part, radius) for part in u)

    def modulus(self, box: tuple[Any, ...]) -> float:
        """A lower bound > 0 on the Hessian's eigenvalues over a box of balls.

        Raises
        ------
        kernel.Refusal
            If none is seen.
        """
        known = [lower(_smallest(self.jet(part)[2], len(box))) for part in _parts(box)]
        if not all(0 < smallest < math.inf for smallest in known):
            raise kernel.Refusal("the reduced objective is not certainly convex where its least value may be")
        return min(known)


def least(problem: Problem, depth: int) -> Least:
    """The least value of J_N, N = ``depth``, or of J (depth 0).

    Raises
    ------
    kernel.Refusal
        If the problem is none of those above.
    """
    family = problem.family
    if not problem.x0.any() and not problem.b.any() and not np.any(family.r.prox(np.zeros(family.shape[0]), 1.0)):
        return Least(square(exact(problem.target)) / (2 * problem.samples))
    if depth == 1 and isinstance(family.r, Zero):
        return Least(_one_layer(problem))
    found: list[tuple[Well, Any, Point]] = []
    for well in sorted(wells(problem, depth), key=lambda well: upper(well.guess[-1])):
        if not found or well.box(ball(upper(found[0][1]))) is not None:
            found.append((well, *well.bottom()))
    value = min((known for _, known, _ in found), key=upper)
    for _, known, _ in found:
        value = value.min(known)
    return Least(value, tuple((well, u) for well, known, u in found if not known > value))


def wells(problem: Problem, depth: int) -> tuple[Well, ...]:
    """The reduced objectives of one sample, of which the least is the minimum.

    Raises
    ------
    kernel.Refusal
        If the problem does not reduce to one or two numbers.
    """
    d, m = problem.family.shape
    x0, b, target = (part[:, 0].tolist() for part in (problem.x0, problem.b, problem.target))
    if problem.samples > 1 or not isinstance(problem.family.r, Zero) or d > 2 or m > 1 or x0[0] <= 0 or any(x0[1:]):
        raise kernel.Refusal(
            "no least value is known of more than one sample, of an r, or of a start off the first axis"
        )
    rate = ball(penalty(problem).a) / ball(Fraction(problem.horizon))
    if b[0] == 0:
        label = [ball(part) for part in target]
        if d == 1 and target[0] <= 0:
            raise kernel.Refusal("no least value is known of a label behind the origin")
        return tuple(_turn(ball(x0[0]), label, rate, depth, sense) for sense in ((1, -1) if d == 2 else (1,)))
    if d == 1 and b[0] > 0 and depth == 0:
        return (_driven(ball(x0[0]), ball(b[0]), ball(target[0]), rate),)
    raise kernel.Refusal("no least value is known of a driven network of finite depth, or of one in the plane")


def _turn(start: Any, label: list[Any], rate: Any, depth: int, sense: int) -> Well:
    """x_N = x_0 e^u; the label is at an angle in (0, 2 pi) in the given sense, or 0 on the line."""
    size = sum((part * part for part in label), ball(0)).sqrt()
    angle = ball(0)
    if len(label) == 2:
        angle = flint.arb.atan2(label[1], label[0])
        angle = angle if angle > 0 else angle + 2 * flint.arb.pi()
        angle = angle if sense == 1 else 2 * flint.arb.pi() - angle
    plane = len(label) == 2

    def jet(u: Point) -> Jet:
        s, w = u if plane else (*u, ball(0))
        length, off = start * s.exp(), w - angle
        c, d = off.cos(), off.sin()
        loss = (_square(length - size) + 4 * length * size * _square((off / 2).sin())) / 2
        value, slopes, bends = _cost(s, w, rate, depth)
        along, across = length * size * c, length * size * d
        gradient = (length * length - along + slopes[0], across + slopes[1])
        hessian = (2 * length * length - along + bends[0], across + bends[1], along + bends[2])
        return loss + value, gradient[: len(u)], hessian

    def output(u: Point) -> tuple[Any, ...]:
        length = start * u[0].exp()
        return (length * u[1].cos(), sense * length * u[1].sin()) if plane else (length,)

    def box(level: Any) -> tuple[Any, ...] | None:
        reach = (level / rate).sqrt()
        if depth:
            if not level <= rate * depth / 4:
                raise kernel.Refusal("a single layer may act by a finite amount: equal layers need not be best")
            reach = -depth * (1 - reach / depth).log()
        off, near = (2 * level).sqrt(), size - (2 * level).sqrt()
        low = (near / start).log().max(-reach) if near > 0 else -reach
        lengths = _hull(low, ((size + off) / start).log().min(reach))
        if not plane:
            return (lengths,)
        turn = (off / size).asin()
        if not (turn < angle and angle + turn < 2 * flint.arb.pi()):
            raise kernel.Refusal("the label is too near to the start for one turn in each sense")
        return None if angle - turn > reach else (lengths, _hull(angle - turn, angle + turn))

    guess = ((size / start).log().mid(), angle.mid())
    return Well(jet, output, lambda u: start * u[0].exp(), box, guess if plane else guess[:1], sense)


def _cost(s: Any, w: Any, rate: Any, depth: int) -> Jet:
    """(a/T)|u|^2, or (a N^2/T)|e^{u/N} - 1|^2 of N layers, with derivatives."""
    if depth == 0:
        return rate * (s * s + w * w), (2 * rate * s, 2 * rate * w), (2 * rate, ball(0), 2 * rate)
    stretch, turn = (s / depth).exp(), w / depth
    more, half = (s / depth).expm1(), (turn / 2).sin()
    value = rate * depth**2 * (more * more + 4 * stretch * half * half)
    slopes = (2 * rate * depth * stretch * (more + 2 * half * half), 2 * rate * depth * stretch * turn.sin())
    along = 2 * rate * stretch * turn.cos()
    return value, slopes, (4 * rate * stretch * stretch - along, 2 * rate * stretch * turn.sin(), along)


def _driven(start: Any, b: Any, label: Any, rate: Any) -> Well:
    """x(T) = b sinh u at a cost of (a/T)(u - asinh(x_0/b))^2."""
    origin = (start / b).asinh()

    def jet(u: Point) -> Jet:
        x, slope, gone = b * u[0].sinh(), b * u[0].cosh(), u[0] - origin
        value = _square(x - label) / 2 + rate * gone * gone
        return value, ((x - label) * slope + 2 * rate * gone,), (slope * slope + (x - label) * x + 2 * rate, 0, 0)

    def box(level: Any) -> tuple[Any, ...] | None:
        off, reach = (2 * level).sqrt(), (level / rate).sqrt()
        low = ((label - off) / b).asinh().max(origin - reach)
        return (_hull(low, ((label + off) / b).asinh().min(origin + reach)),)

    return Well(jet, lambda u: (b * u[0].sinh(),), lambda u: b * u[0].cosh(), box, ((label / b).asinh().mid(),))


def _one_layer(problem: Problem) -> Any:
    """J near its minimum, by floating least squares, less |grad J|^2/(4aT)."""
    a, T = penalty(problem).a, Fraction(problem.horizon)
    assert isinstance(problem.family, Free)
    data = np.concatenate([problem.x0, problem.b])
    weight = 2 * a * problem.samples / float(T)
    wanted = (problem.x0 - problem.target) / float(T)
    rows = np.linalg.solve(data @ data.T + weight * np.eye(len(data)), data @ wanted.T).T
    d = len(problem.x0)
    theta = problem.family.parameters(rows[None, :, :d], -rows[None, :, d:])
    h, known = ball(T), exact(data)
    errors = exact(problem.x0) - h * matmul(rows, known) - exact(problem.target)
    slopes = -h * (errors @ known.T) / problem.samples + 2 * h * ball(a) * exact(rows)
    below = upper(square(slopes) / (4 * h * ball(a)))
    return objective(problem, theta) - flint.arb(below / 2, below)


def _solved(gradient: Point, hessian: tuple[Any, Any, Any]) -> Point:
    """The Newton step."""
    ss, sw, ww = hessian
    if len(gradient) == 1:
        return (gradient[0] / ss,)
    det = ss * ww - sw * sw
    return (ww * gradient[0] - sw * gradient[1]) / det, (ss * gradient[1] - sw * gradient[0]) / det


def _smallest(hessian: tuple[Any, Any, Any], count: int) -> Any:
    """The smaller eigenvalue."""
    ss, sw, ww = hessian
    return ss if count == 1 else (ss + ww - (_square(ss - ww) + 4 * _square(sw)).nonnegative_part().sqrt()) / 2


def _square(x: Any) -> Any:
    """x^2; arb's power of a ball around 0 is none."""
    return x * x


def _hull(low: Any, high: Any) -> Any:
    """The ball that holds both, whatever their order."""
    return low.union(high)


def _parts(box: tuple[Any, ...]) -> Iterator[Point]:
    """The box in pieces, which overlap by rounding."""
    sides = []
    for side in box:
        middle, radius = side.mid(), flint.arb(upper(side.rad()))
        pieces = range(1 - PARTS, PARTS, 2) if math.isfinite(float(radius)) else ()
        sides.append([middle + radius * flint.arb(k / PARTS, 1 / PARTS) for k in pieces])
    if not all(sides):
        raise kernel.Refusal("the box where the least value may be is not bounded")
    yield from product(*sides)
