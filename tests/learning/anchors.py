"""Learning problems of which the minimum is known: by other routes than training, in mpmath at 30 digits.

For one sample and int(|K|^2 + |L|^2), the cheapest parameters along given states are K_n = -v_n x_n^T/(|x_n|^2 + |b|^2)
and L_n = v_n b^T/(|x_n|^2 + |b|^2), v_n = (x_{n+1} - x_n)/h; minimising over states is left.
"""

import mpmath as mp
import numpy as np

from fbscheck.functions import Zero
from fbscheck.learning import Free, Lp, Problem

mp.mp.dps = 30
SCALAR, PLANE = Free(1, 1, Zero(), weight=0.0), Free(2, 1, Zero(), weight=0.0)
DECAY = Problem([1.0], [0.0], [0.2], SCALAR, Lp(0.01), 1.0)
TURN = Problem([1.0, 0.0], [0.0], [-1.0, 0.0], PLANE, Lp(0.005), 1.0)
DRIVEN = Problem([0.5], [1.0], [2.0], SCALAR, Lp(0.05), 1.0)


def decay(depth: int | None) -> tuple[float, float]:
    """Minimum and K: ((1 - k/N)^N - 1/5)^2/2 + k^2/100, equal layers; e^{-k} in the limit."""
    end = mp.exp if depth is None else lambda minus_k: (1 + minus_k / depth) ** depth

    def value(k: mp.mpf) -> mp.mpf:
        return (end(-k) - mp.mpf("0.2")) ** 2 / 2 + mp.mpf("0.01") * k**2

    k = mp.findroot(lambda k: mp.diff(value, k), 1.25)
    return float(value(k)), float(k)


def decay_slope() -> float:
    """The limit of N (J_N - J): d/dh of the value at fixed k."""
    k = mp.mpf(decay(None)[1])
    return float(-(mp.exp(-k) - mp.mpf("0.2")) * mp.exp(-k) * k**2 / 2)


def turn(depth: int | None, sense: int = 1) -> tuple[float, complex]:
    """Minimum and log(x_N) for states x_{n+1} = z x_n in the complex plane: |x_N + 1|^2/2 + a N^2 |z - 1|^2."""

    def value(s: mp.mpf, w: mp.mpf) -> mp.mpf:
        loss = (mp.exp(2 * s) + 2 * mp.exp(s) * mp.cos(w) + 1) / 2
        if depth is None:
            return loss + mp.mpf("0.005") * (s**2 + w**2)
        stretch = mp.exp(s / depth)
        return loss + mp.mpf("0.005") * depth**2 * (stretch**2 - 2 * stretch * mp.cos(w / depth) + 1)

    def slopes(s: mp.mpf, w: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
        return mp.diff(value, (s, w), (1, 0)), mp.diff(value, (s, w), (0, 1))

    s, w = mp.findroot(slopes, (mp.mpf(0), sense * mp.mpf("3.1")))
    return float(value(s, w)), complex(s, w)


def turning(depth: int, sense: int = 1) -> np.ndarray:
    """The minimiser (N, 6) of the problem of turning."""
    z = np.exp(turn(depth, sense)[1] / depth)
    x = z ** np.arange(depth + 1)
    states = np.stack([x.real, x.imag], axis=1)
    v = np.diff(states, axis=0) * depth
    K = -v[:, :, None] * states[:-1, None, :] / np.sum(states[:-1] ** 2, axis=1)[:, None, None]
    return PLANE.parameters(K, np.zeros((depth, 2, 1)))


def driven(depth: int) -> tuple[float, np.ndarray]:
    """Minimum and minimiser (N, 2), by shooting along the discrete Euler-Lagrange equation.

    With m_n = (x_{n+1} - x_n)/(x_n^2 + 1) it reads m_n + x_n m_n^2 = m_{n-1}, with x_N - 2 + 2 a N m_{N-1} = 0 at the
    end.
    """
    a = mp.mpf("0.05")

    def run(m: mp.mpf) -> tuple[list[mp.mpf], list[mp.mpf]]:
        x, rates = [mp.mpf("0.5")], [m]
        for n in range(depth):
            x.append(x[n] + rates[n] * (x[n] ** 2 + 1))
            rates.append((mp.sqrt(1 + 4 * x[n + 1] * rates[n]) - 1) / (2 * x[n + 1]))
        return x, rates[:-1]

    def end(m: mp.mpf) -> mp.mpf:
        x, rates = run(m)
        return x[-1] - 2 + 2 * a * depth * rates[-1]

    x, rates = run(mp.findroot(end, 1 / mp.mpf(depth)))
    cost = a * depth * sum(m**2 * (s**2 + 1) for m, s in zip(rates, x[:-1], strict=True))
    theta = [[float(-depth * m * s), float(depth * m)] for m, s in zip(rates, x[:-1], strict=True)]
    return float((x[-1] - 2) ** 2 / 2 + cost), np.array(theta)


def driven_limit() -> float:
    """(y - 2)^2/2 + a (asinh y - asinh 1/2)^2 at its least."""

    def value(y: mp.mpf) -> mp.mpf:
        return (y - 2) ** 2 / 2 + mp.mpf("0.05") * (mp.asinh(y) - mp.asinh(mp.mpf("0.5"))) ** 2

    return float(value(mp.findroot(lambda y: mp.diff(value, y), mp.mpf("1.96"))))


def concentrated(p: int) -> float:
    """The minimum in the limit of e^{-2k}/2 + a int |k|^p, a = 1/100, over constants k."""

    def value(k: mp.mpf) -> mp.mpf:
        return mp.exp(-2 * k) / 2 + mp.mpf("0.01") * k**p

    return float(value(mp.findroot(lambda k: mp.diff(value, k), 2)))
