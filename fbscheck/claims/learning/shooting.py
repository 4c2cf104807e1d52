r"""The least value over all layers for one sample on the line with b = 1, by shooting, enclosed in ball arithmetic.

With the cheapest parameters of each layer (:mod:`fbscheck.claims.learning.anchors`) what is left to minimise over
states is

    (x_N - x*)^2/2 + a N sum_n (x_n^2 + 1) m_n^2,   m_n = (x_{n+1} - x_n)/(x_n^2 + 1).

A minimiser exists, and is stationary: m_{n-1} = m_n + x_n m_n^2, and x_N - x* + 2a N m_{N-1} = 0.  Where some value is
U or less, |x_n m_n| <= k = (U/(aN))^{1/2} there; if k < 1/2, then (1 + 4 x_n m_{n-1})^{1/2} = 1 + 2 x_n m_n >= 1 - 2k,
so that m_n = 2 m_{n-1}/(1 + (1 + 4 x_n m_{n-1})^{1/2}), and m_0 decides everything; (x_0^2 + 1) a N m_0^2 <= U.
The one zero of the last equation in this interval is the minimiser: elsewhere it has a sign, piece by piece, or the
penalty exceeds U, and around the zero its derivative has one sign.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, upper

__all__ = ["Shooting"]

PIECES = 10**4
"""Tried before the search is given up."""


@final
@dataclass(frozen=True)
class Shooting:
    """x_0, x*, the penalty's a, and N."""

    start: float
    target: float
    a: float
    depth: int

    def least(self) -> tuple[Any, Any]:
        """min J_N, and the only minimiser's parameters K_n, L_n (N, 2), as balls.

        Raises
        ------
        kernel.Refusal
            If this cannot be seen.
        """
        with flint.ctx.workprec(PRECISION + self.depth):
            m = ball(Fraction(1, self.depth))
            for _ in range(8):
                missed, slope = self._missed(m)
                m = (m - missed / slope).mid()
            best, _ = self._value(m)
            share = ball(upper(best)) / (ball(self.a) * self.depth)
            if not share < 0.25:
                raise kernel.Refusal("some layer may act by too much")
            return self._value(self._zero(m, share))

    def _zero(self, m: Any, share: Any) -> Any:
        """The only zero, near ``m``, with sum (x_n^2 + 1) m_n^2 <= share, which is U/(aN)."""
        most = (share / (1 + ball(self.start) ** 2)).sqrt()
        width = (abs(m) / 8).mid()
        while True:
            _, slope = self._missed(flint.arb(m, width))
            if slope > 0:
                break
            width /= 2
            if not width > 1e-9:
                raise kernel.Refusal("the end does not grow with the first layer")
        missed, _ = self._missed(m)
        off = abs(missed) / slope.lower()
        if not off < width:
            raise kernel.Refusal("the zero is not where it was sought")
        pieces = [(-most, m - width), (m + width, most)]
        for _ in range(PIECES):
            if not pieces:
                return flint.arb(m, upper(off))
            left, right = pieces.pop()
            middle, radius = (left + right) / 2, (right - left) / 2
            if radius < 0:
                continue
            whole = flint.arb(middle.mid(), upper(abs(radius) + middle.rad()))
            missed, slope = self._missed(whole, share)
            centre, _ = self._missed(middle)
            if not (abs(missed) > 0 or abs(centre) > abs(slope) * radius):
                pieces += [(left, middle), (middle, right)]
        raise kernel.Refusal("there may be another zero")

    def _missed(self, m: Any, share: Any = None) -> tuple[Any, Any]:
        """x_N - x* + 2a N m_{N-1} and its derivative by m_0; (1, 0) where no minimiser is, NaN if this is not seen."""
        x, rate = flint.arb_series([ball(self.start)], 2), flint.arb_series([m, 1], 2)
        total, low = ball(0), ball(0)
        if share is not None:
            low = (1 - 2 * share.sqrt()) ** 2
        for n in range(self.depth):
            if share is not None:
                total += rate[0] * rate[0] * (x[0] * x[0] + 1)
                if total > share:
                    return ball(1), ball(0)
            x = x + rate * (x * x + 1)
            if n < self.depth - 1:
                square = x * rate * 4 + 1
                if square[0] < low:
                    return ball(1), ball(0)
                if not square[0] > 0:
                    return flint.arb("nan"), flint.arb("nan")
                rate = rate * 2 / (square.sqrt() + 1)
        found = x - ball(self.target) + rate * (2 * ball(self.a) * self.depth)
        return found[0], found[1]

    def _value(self, m: Any) -> tuple[Any, Any]:
        """J_N from m_0 on, and the parameters."""
        x, squares, theta = ball(self.start), ball(0), []
        for n in range(self.depth):
            theta.append([-self.depth * m * x, self.depth * m])
            squares += m * m * (x * x + 1)
            x += m * (x * x + 1)
            if n < self.depth - 1:
                m = 2 * m / (1 + (1 + 4 * x * m).sqrt())
        missed = x - ball(self.target)
        return missed * missed / 2 + ball(self.a) * self.depth * squares, np.array(theta, dtype=object)
