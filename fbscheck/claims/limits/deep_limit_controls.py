"""Negative controls on the deep-layer limit: a hypothesis dropped, and the claim is false.

They must come out REFUTED; one that does not says that the checks are blind.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np

from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, ball, exact, lower, norm, upper
from fbscheck.functions import Box, NonNegative, Zero
from fbscheck.judge import decide, squeeze
from fbscheck.limit import ParameterPath
from fbscheck.limit.closed_forms import closed_form
from fbscheck.network import Network
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side

__all__ = [
    "CONTROLS",
    "INITIAL_TIME",
    "MOVING_DOMAIN",
    "SKEW_RESOLVENT",
    "SKEW_UNIFORM",
    "START_OUTSIDE",
    "SUPERCONVERGENT",
    "WEAKLY_CONVEX",
    "assess",
    "replay",
]


@final
@dataclass(frozen=True, eq=False)
class Finding:
    """What an instance attains, as a ball, against what the claim says."""

    attained: flint.arb
    theory: flint.arb
    instance: dict[str, Any]


def _control(name: str, title: str, statement: str, source: str, relation: Relation = Relation.AT_MOST) -> Claim:
    return Claim(f"control.{name}", title, statement, relation, source, control=True)


START_OUTSIDE = _control(
    "start-outside",
    "First order where g has no subgradient",
    r"\max_n|x_n-x(t_n)| \leq h\ \mathrm{for}\ g(x)=-2\sqrt x\ (x\geq0),\ x_0=0",
    "false: the first layer is off by ((3/2)^(2/3) - 1) h^(2/3); the end point hides it",
)
INITIAL_TIME = _control(
    "initial-time",
    "Uniform up to t = 0 from outside the domain",
    r"\max_t|X(t)-x(t)| \leq h\ \mathrm{for}\ g\ \mathrm{the\ indicator\ of}\ x\geq0,\ x_0=-1",
    "false: the limit starts at the projection of x_0, the network at x_0",
)
MOVING_DOMAIN = _control(
    "moving-domain",
    "Velocities stay bounded where the domain jumps",
    r"|x_{n+1}-x_n| \leq 8h\ \mathrm{for}\ g(t,\cdot)\ "
    r"\mathrm{the\ indicator\ of}\ \{0\}\ (t<\tfrac12),\ \{1\}\ (t\geq\tfrac12)",
    "false: one layer jumps from 0 to 1; there is no absolutely continuous solution",
)
WEAKLY_CONVEX = _control(
    "weakly-convex",
    "The limit's constant for weakly convex layers",
    r"|x_N-\tilde x_N| \leq e^{-\rho T}|x_0-\tilde x_0|\ \mathrm{for}\ g(x)=-x^2\ (|x|\leq1),\ \rho=-2,\ T=1",
    "false: each layer stretches by 1/(1 + h rho)",
)
SUPERCONVERGENT = _control(
    "superconvergent",
    "First order where the leading constant is 0",
    r"|x_N-x(1)| \geq \frac h{100}\ \mathrm{for}\ x'=-kx-\rho x,\ k=\rho=1,\ x_0=1",
    "false: of second order, since rho^2 = k^2; no test of a rate",
    Relation.AT_LEAST,
)
SKEW_UNIFORM = _control(
    "skew-uniform",
    "Uniform in time for a rotation",
    r"|x_n-x(nh)| \leq \frac h{\sqrt2}\,|Kx_0|\ \mathrm{for\ all}\ n,\quad K=J,\ h=\tfrac14",
    "false: at fixed h the layers grow like (1+h^2)^{n/2}; the limits of depth and of time do not commute",
)
SKEW_RESOLVENT = _control(
    "skew-resolvent",
    "First order for the resolvents of a rotation",
    r"|x_N-x(1)| \leq \frac h{\sqrt2}\,|Ax_0|,\quad x_{n+1}=(I+hA)^{-1}x_n,\ A=\omega J",
    "false: with omega near 1.585 N^(1/2) the error is .4513 h^(1/2) |Ax_0|; proximal maps are better",
)


def assess(claim: Claim, depth: int) -> Result:
    """Run one of ``CONTROLS`` with ``depth`` layers."""
    found = _INSTANCES[claim.id](depth)
    sign = -1 if claim.relation is Relation.AT_LEAST else 1
    method = f"{depth} layers in ball arithmetic"
    evidence = Evidence(Side.ATTAINED, lower(sign * found.attained), Rigour.ENCLOSED, method)
    theory = upper(sign * found.theory)
    witness = {"depth": depth, **found.instance}
    return decide(claim, f"{claim.id.removeprefix('control.')}, N={depth}", squeeze(theory, (evidence,)), witness)


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Run the control again that left ``witness``.

    Raises
    ------
    kernel.Refusal
        If the depth is none.
    """
    depth = witness["depth"]
    if type(depth) is not int or not 0 < depth <= 10**5:
        raise kernel.Refusal("the depth is no number of layers")
    return assess(claim, depth)


def _start_outside(depth: int) -> Finding:
    """x(t) = (3t/2)^(2/3); the first layer solves x_1 = h x_1^(-1/2)."""
    h, power = ball(Fraction(1, depth)), ball(Fraction(2, 3))
    first, limit = h**power, (ball(Fraction(3, 2)) * h) ** power
    return Finding(limit - first, h, {"x_0": [0.0]})


def _initial_time(depth: int) -> Finding:
    still = ParameterPath(np.zeros((1, 1)), np.zeros((1, 1)), 1.0, NonNegative(), Fraction(1))
    start = np.array([[-1.0]])
    limit = closed_form(still, still.r.prox(start, 1.0), np.zeros(1), [Fraction(0)])
    return Finding(abs(limit[0, 0, 0] - ball(-1)), ball(Fraction(1, depth)), {"x_0": [-1.0]})


def _moving_domain(depth: int) -> Finding:
    """At an odd depth, too, some layer is the first after the jump."""
    sets = [Box(0.0, 0.0) if 2 * n < depth else Box(1.0, 1.0) for n in range(depth)]
    still = np.zeros((depth, 1, 1))
    states = Network(still, still, np.ones(depth), sets, Fraction(1)).trajectory(exact([0.0]), exact([0.0])).states
    jump = max((abs(later - x) for x, later in zip(states[:-1, 0], states[1:, 0], strict=True)), key=float)
    return Finding(jump, ball(Fraction(8, depth)), {"x_0": [0.0]})


def _weakly_convex(depth: int) -> Finding:
    """prox_{hg}(u) = u/(1 - 2h) as long as it stays in [-1, 1]; from 2^-10 and 0."""
    if depth < 3:
        raise kernel.Refusal("the proximal map has one value if h < 1/2 only")
    start = Fraction(1, 2**10)
    end = start * Fraction(depth, depth - 2) ** depth
    return Finding(ball(end / start), ball(2).exp(), {"x_0": [float(start), 0.0]})


def _superconvergent(depth: int) -> Finding:
    end = ball(Fraction(depth - 1, depth + 1) ** depth) - ball(-2).exp()
    return Finding(abs(end), ball(Fraction(1, 100 * depth)), {"x_0": [1.0], "k": "1", "rho": "1"})


def _skew_uniform(depth: int) -> Finding:
    horizon = Fraction(depth, 4)
    K = np.array([[0.0, -1.0], [1.0, 0.0]])
    path = ParameterPath(K, np.zeros((2, 1)), 0.0, Zero(), horizon)
    start = np.array([1.0, 0.0])
    with flint.ctx.workprec(PRECISION + depth):
        end = path.network(depth)(exact(start), exact([0.0]))
    limit = closed_form(path, start, np.zeros(1), [horizon])[0, :, 0]
    return Finding(norm(end - limit), ball(Fraction(1, 4)) / ball(2).sqrt(), {"K": K.tolist(), "x_0": [1.0, 0.0]})


def _skew_resolvent(depth: int) -> Finding:
    h = Fraction(1, depth)
    omega = Fraction(1623, 1024) * math.isqrt(depth)
    turn = ball(h * omega)
    length, lag = 1 / (1 + turn**2).sqrt() ** depth, depth * (turn - turn.atan())
    apart = ((1 - length) ** 2 + 2 * length * (1 - lag.cos())).sqrt()
    return Finding(apart, ball(h * omega) / ball(2).sqrt(), {"omega": str(omega), "x_0": [1.0, 0.0]})


_INSTANCES: dict[str, Callable[[int], Finding]] = {
    START_OUTSIDE.id: _start_outside,
    INITIAL_TIME.id: _initial_time,
    MOVING_DOMAIN.id: _moving_domain,
    WEAKLY_CONVEX.id: _weakly_convex,
    SUPERCONVERGENT.id: _superconvergent,
    SKEW_UNIFORM.id: _skew_uniform,
    SKEW_RESOLVENT.id: _skew_resolvent,
}
CONTROLS = (START_OUTSIDE, INITIAL_TIME, MOVING_DOMAIN, WEAKLY_CONVEX, SUPERCONVERGENT, SKEW_UNIFORM, SKEW_RESOLVENT)
