r"""Learning problems whose minima are known: one sample, g = 0, the penalty a int (|K|^2 + |L|^2), T = 1.

For given states the cheapest parameters of a layer are K_n = -v_n x_n^T/(|x_n|^2 + |b|^2), L_n = v_n b^T/(|x_n|^2 +
|b|^2), v_n = (x_{n+1} - x_n)/h: only states are left to choose.

``decay`` (d = 1) and ``turn`` (d = 2) have b = 0.  With x_{n+1} = z_n x_n, z_n complex for the plane,

    J_N = |x_0 prod z_n - x*|^2/2 + a N sum |z_n - 1|^2.

Where |e^zeta - 1|^2 is smaller than |e^zeta|^2 it is convex, as its Hessian has the eigenvalues 2|e^zeta|(|e^zeta| +-
|e^zeta - 1|); this is where Re e^zeta >= 1/2, a convex set of zeta.  So by Jensen's inequality equal layers are best
as long as no |z_n - 1| exceeds 1/2 (:meth:`Anchor.near`), and one variable is left: k with z = 1 - k/N, or the angle w
of x_N, whose length then follows from stationarity.  In the limit, z^N is e^zeta and N|z - 1| is |zeta|.

``driven`` (d = 1, b = 1): in the limit int v^2/(x^2 + 1) is least along geodesics, for which asinh x is straight, and
x(T) is left; for networks see :mod:`fbscheck.claims.learning.shooting`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, upper
from fbscheck.claims.learning.shooting import Shooting
from fbscheck.functions import Zero
from fbscheck.learning import Free, Lp, Problem
from fbscheck.network.layers import Values

__all__ = ["KINDS", "Anchor", "Least", "arc", "cost", "least", "turned"]

Function = Callable[[Any], Any]
KINDS: Mapping[str, tuple[tuple[float, ...], float, tuple[float, ...], float]] = {
    "decay": ((1.0,), 0.0, (0.2,), 0.01),
    "turn": ((1.0, 0.0), 0.0, (-1.0, 0.0), 0.005),
    "driven": ((0.5,), 1.0, (2.0,), 0.05),
}
"""x_0, b, x* and a of each."""

PIECES = 64
"""Into how many pieces sums of angles are cut, to see that no layer turns too far."""


@final
@dataclass(frozen=True)
class Least:
    """The least value of a function of one variable, and where it is, both enclosed by balls."""

    value: Any
    point: Any


@final
@dataclass(frozen=True)
class Anchor:
    """A problem with ``depth`` layers, or its limit."""

    kind: str
    depth: int | None

    @property
    def name(self) -> str:
        """Kind and depth."""
        return f"{self.kind}, limit" if self.depth is None else f"{self.kind}, N={self.depth}"

    @property
    def problem(self) -> Problem:
        """The problem that is trained."""
        x0, b, target, a = KINDS[self.kind]
        family = Free(len(x0), 1, Zero(), weight=0.0)
        return Problem(np.array(x0), np.array([b]), np.array(target), family, Lp(a), 1)

    @property
    def shooting(self) -> Shooting:
        """The problem of ``driven`` in the form in which it is solved."""
        (x0,), _, (target,), a = KINDS["driven"]
        assert self.kind == "driven" and self.depth is not None
        return Shooting(x0, target, a, self.depth)

    @classmethod
    def restore(cls, text: Mapping[str, Any]) -> "Anchor":
        """The anchor with this kind and depth.

        Raises
        ------
        kernel.Refusal
            If there is none.
        """
        kind, depth = text.get("kind"), text.get("depth")
        if set(text) != {"kind", "depth"} or not isinstance(kind, str) or kind not in KINDS:
            raise kernel.Refusal("an anchor has a kind that is known, and a depth")
        if depth is not None and (type(depth) is not int or not 8 <= depth <= 2**24):
            raise kernel.Refusal("the depth is no number of layers from 8 on, nor that of the limit")
        return cls(kind, depth)

    def describe(self) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the anchor again."""
        return {"kind": self.kind, "depth": self.depth}

    def least(self) -> Least | None:
        """min J_N, or min J, and the variable that attains it: k, w, or x(T) in the limit and L_0 in networks.

        None where no bound is known.
        """
        if self.kind == "driven" and self.depth is not None:
            value, theta = self.shooting.least()
            return Least(value, theta[0, 1])
        found = least(*_FORMS[self.kind](self.depth))
        return found if self.depth is None or self.near(upper(found.value)) else None

    def near(self, value: float) -> bool:
        """Whether all parameters whose J_N is at most ``value`` have |z_n - 1| <= 1/2.

        With S = sum |z_n - 1|^2 <= B = value/(aN) this is plain if B <= 1/4.  Else let |z_1 - 1|^2 > 1/4 in the plane,
        S <= 3/4.  An angle is at most asin |z_n - 1|, and asin(t^{1/2}) is concave for t <= 1/2, with a slope at t in
        [1/4, 3/4] of at most that at 1/4; so angles sum up to at most pi/6 + (N-1) asin(((S - 1/4)/(N-1))^{1/2}).
        But a loss of value - aNS needs a sum of at least pi - asin((2(value - aNS))^{1/2}).
        """
        a, N = ball(KINDS[self.kind][3]), self.depth
        assert N is not None
        most = ball(value) / (a * N)
        if most <= 0.25:
            return True
        if self.kind != "turn" or not most <= 0.75 or not ball(value) < 0.5:
            return False
        ends = [ball(Fraction(1, 4)) + (most - ball(Fraction(1, 4))) * k / PIECES for k in range(PIECES + 1)]
        return all(
            flint.arb.pi() / 6 + (N - 1) * ((end - ball(Fraction(1, 4))) / (N - 1)).sqrt().asin()
            < flint.arb.pi() - (2 * (ball(value) - a * N * start)).nonnegative_part().sqrt().asin()
            for start, end in zip(ends, ends[1:], strict=False)
        )

    def parts(self, theta: Values) -> tuple[Any, Any]:
        """The loss of parameters (N, P) and int |theta|^2, as balls: layer by layer."""
        x0, b, target, _ = KINDS[self.kind]
        d, h = len(x0), ball(Fraction(1, len(theta)))
        x, squares = [ball(part) for part in x0], ball(0)
        for row in theta.tolist():
            entries = [ball(entry) for entry in row]
            K, L = entries[: d * d], entries[d * d :]
            change = [sum((K[i * d + j] * x[j] for j in range(d)), -L[i] * ball(b)) for i in range(d)]
            x = [part - h * moved for part, moved in zip(x, change, strict=True)]
            squares += sum((entry * entry for entry in entries), ball(0))
        errors = [part - ball(end) for part, end in zip(x, target, strict=True)]
        return sum((e * e for e in errors), ball(0)) / 2, h * squares

    def value(self, theta: Values) -> Any:
        """J_N of parameters (N, P) as a ball."""
        loss, squares = self.parts(theta)
        return loss + ball(KINDS[self.kind][3]) * squares


def least(function: Function, low: Any, high: Any, start: float, beyond: Any) -> Least:
    """The least value of a function of power series, which is attained near ``start`` and at least ``beyond`` outside
    [low, high].

    Around the point c to which Newton's method goes from ``start`` the second derivative is at least m > 0 and the
    value at least f(c) - f'(c)^2/(2m); everywhere else it is larger than f(c), piece by piece.

    Raises
    ------
    kernel.Refusal
        If this cannot be seen.
    """
    c = flint.arb(start)
    for _ in range(8):
        _, slope, half = _jet(function, c)
        c = (c - slope / (2 * half)).mid()
    (value, slope, _), width = _jet(function, c), flint.arb(0.5)
    while not (bend := 2 * _jet(function, flint.arb(c, width))[2]) > 0:
        width /= 2
        if width < 1e-9:
            raise kernel.Refusal("the function is not convex near its least value")
    best, pieces = upper(value), [(ball(low), c - width), (c + width, ball(high))]
    if not beyond > best:
        raise kernel.Refusal("a value outside the interval may be as small as the least one in it")
    for _ in range(10**4):
        if not pieces:
            break
        left, right = pieces.pop()
        middle, radius = (left + right) / 2, (right - left) / 2
        if radius < 0:
            continue
        whole = flint.arb(middle.mid(), upper(abs(radius) + middle.rad()))
        through = _jet(function, middle)[0] - abs(_jet(function, whole)[1]) * radius
        if not (_jet(function, whole)[0] > best or through > best):
            pieces += [(left, middle), (middle, right)]
    if pieces:
        raise kernel.Refusal("another value may be as small as the least one")
    bend = ball(lower(bend))
    off = slope * slope / (2 * bend)
    return Least(value + flint.arb(0, upper(off)), flint.arb(c, upper(abs(slope) / bend)))


def _jet(function: Function, x: Any) -> tuple[Any, Any, Any]:
    """Value, first and half the second derivative; NaN where a divisor may be zero."""
    try:
        series = function(flint.arb_series([x, 1], 3))
    except (ValueError, ZeroDivisionError):
        return (flint.arb("nan"),) * 3
    return series[0], series[1], series[2]


Form = tuple[Function, Any, Any, float, Any]


def _decay(depth: int | None) -> Form:
    """((1 - k/N)^N x_0 - x*)^2/2 + a k^2 for |k| <= 6; elsewhere it is more than 36 a."""
    (x0,), _, (target,), a = KINDS["decay"]

    def value(k: Any) -> Any:
        end = (-k).exp() if depth is None else ((1 - k / depth).log() * depth).exp()
        return (end * ball(x0) - ball(target)) ** 2 / 2 + k * k * ball(a)

    return value, -6, 6, 1.25, 36 * ball(a)


def _turn(depth: int | None) -> Form:
    """(r^2 + 2r cos w + 1)/2 + a N^2 |z - 1|^2, r = |x_N|, for the angle w in [pi/2, 25/8].

    Of w and -w, and of w and 2 pi - w, the one in [0, pi] is as good or better.  For w < pi/2 the loss is 1/2 or
    more.  Minimisers are stationary in w: r sin w = 2a N r^{1/N} sin(w/N).  Where 2a N sin(w/N) > 4/3 sin w, which
    goes on up to pi, this makes r > 4/3 and the loss more than 1/18.
    """
    a, end = ball(KINDS["turn"][3]), ball(Fraction(25, 8))

    def value(w: Any) -> Any:
        log = turned(w, depth)
        length = log.exp()
        return (length * length + length * w.cos() * 2 + 1) / 2 + a * cost(log, w, depth)

    if not 2 * a * _angle(end, depth) > ball(Fraction(4, 3)) * end.sin():
        raise kernel.Refusal("an angle nearer to pi may be better")
    return value, flint.arb.pi() / 2, end, 3.11, ball(Fraction(1, 18))


def turned(w: Any, depth: int | None) -> Any:
    """log r for the angle w where J_N is stationary in w."""
    log = (_angle(w, depth) * (2 * ball(KINDS["turn"][3])) / w.sin()).log()
    return log if depth is None else log / (1 - ball(Fraction(1, depth)))


def cost(log: Any, w: Any, depth: int | None) -> Any:
    """N^2 |z - 1|^2 for z^N = e^{log + iw}."""
    if depth is None:
        return log * log + w * w
    stretch, half = (log / depth).exp(), (w / (2 * depth)).sin()
    return ((stretch - 1) * (stretch - 1) + stretch * 4 * half * half) * depth**2


def _angle(w: Any, depth: int | None) -> Any:
    return w if depth is None else (w / depth).sin() * depth


def _driven(depth: int | None) -> Form:
    """(y - x*)^2/2 + a (asinh y - asinh x_0)^2 for y in [1, 3]; elsewhere the loss is 1/2 or more."""
    _, _, (target,), a = KINDS["driven"]

    def value(y: Any) -> Any:
        length = arc(y)
        return (y - ball(target)) ** 2 / 2 + length * length * ball(a)

    return value, 1, 3, 1.957, ball(Fraction(1, 2))


def arc(y: Any) -> Any:
    """asinh(y) - asinh(x_0), the length of the path from x_0 to y for b = 1."""
    return (y + (y * y + 1).sqrt()).log() - ball(KINDS["driven"][0][0]).asinh()


_FORMS: dict[str, Callable[[int | None], Form]] = {"decay": _decay, "turn": _turn, "driven": _driven}
