"""Negative controls on training problems: a hypothesis dropped, and convergence of minima or minimisers fails.

They must come out REFUTED.  Each is measured in ball arithmetic, on an instance with ``depth`` layers.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, lower, norm, upper
from fbscheck.claims.learning.anchor_paths import minimisers
from fbscheck.claims.learning.anchors import Anchor
from fbscheck.claims.limits.paths import between, up
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Relation, Result

__all__ = ["CONCENTRATED", "CONTROLS", "INFINITE", "SAMPLED", "UNBOUNDED", "WHOLE_SEQUENCE", "assess", "replay"]

PENALTY = Fraction(1, 100)
"""a, where there is one."""


def _control(name: str, title: str, statement: str, source: str) -> Claim:
    return Claim(f"control.learning-{name}", title, statement, Relation.AT_MOST, source, control=True)


WHOLE_SEQUENCE = _control(
    "whole-sequence",
    "Minimisers converge as a whole sequence",
    r"\|\theta_N-\tilde\theta_N\|_{L^2} \leq 1\ \mathrm{for\ minimisers}\ \theta_N,\tilde\theta_N\ \mathrm{of}\ J_N",
    "false: from e_1 to -e_1 one can turn in two senses; only subsequences converge",
)
CONCENTRATED = _control(
    "concentrated",
    "Minima converge with the penalty of L^1",
    r"\min J \leq \min J_N+h\ \mathrm{for\ the\ penalty}\ \tfrac1{100}\int|K|,\ x_0=1,\ x^*=0",
    "false: one layer does everything, at a cost that no path of the limit attains",
)
INFINITE = _control(
    "infinite-dimension",
    "Lower limit where dimensions grow with the depth",
    r"|\mathrm{loss}_N(\theta_N)-\mathrm{loss}(\theta)| \leq h\ "
    r"\mathrm{for}\ K_N=e_Ne_1^{T}\rightharpoonup 0,\ x_0=x^*=e_1",
    "false: the loss is 1/2 for every N, and 0 in the limit",
)
SAMPLED = _control(
    "point-sampling",
    "Recovery by values at nodes",
    r"\mathrm{loss}_N(\theta(t_n)) \leq \mathrm{loss}(\theta)+h\ \mathrm{for}\ \theta=\cos(2\pi Nt),\ x_0=x^*=1",
    "false: all samples are 1, and x_N tends to 1/e; averages over layers are 0",
)
UNBOUNDED = _control(
    "no-penalty",
    "Minimising sequences are bounded without a penalty",
    r"|L| \leq 8\ \mathrm{if}\ \tfrac12(1-\tanh L)^2 \leq 2^{-N}",
    "false: one layer with the activation tanh, x_0 = 0, b = x* = 1; the infimum 0 is not attained",
)
CONTROLS = (WHOLE_SEQUENCE, CONCENTRATED, INFINITE, SAMPLED, UNBOUNDED)


def assess(claim: Claim, depth: int) -> Result:
    """Run one of ``CONTROLS`` with ``depth`` layers."""
    attained, theory = _INSTANCES[claim.id](depth)
    evidence = between(lower(attained), upper(attained), f"{depth} layers in ball arithmetic")
    name = f"{claim.id.removeprefix('control.learning-')}, N={depth}"
    return decide(claim, name, squeeze(up(upper(ball(theory))), evidence), {"depth": depth})


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Run it again from the depth in ``witness``.

    Raises
    ------
    kernel.Refusal
        If it is none.
    """
    depth = witness["depth"]
    if type(depth) is not int or not 8 <= depth <= 10**5 or set(witness) != {"depth"}:
        raise kernel.Refusal("the depth is no number of layers from 8 on")
    return assess(claim, depth)


Sides = tuple[Any, Fraction]


def _whole_sequence(depth: int) -> Sides:
    one, other = minimisers(Anchor("turn", depth))
    return norm((one - other).ravel()) / ball(depth).sqrt(), Fraction(1)


def _concentrated(depth: int) -> Sides:
    """A layer with hK = 1 - a makes J_N = a - a^2/2; J is at least that of a constant, least for e^{-2k} = a."""
    spike = PENALTY - PENALTY**2 / 2
    least = ball(PENALTY) / 2 * (1 - ball(PENALTY).log())
    return least - ball(spike), Fraction(1, depth)


def _infinite(depth: int) -> Sides:
    """x_N = e_1 - e_N, layer by layer."""
    first, last = Fraction(1), Fraction(0)
    for _ in range(depth):
        last -= first / depth
    return ball(((first - 1) ** 2 + last**2) / 2), Fraction(1, depth)


def _sampled(depth: int) -> Sides:
    end = ball(Fraction(depth - 1, depth)) ** depth
    return (end - 1) ** 2 / 2, Fraction(1, depth)


def _unbounded(depth: int) -> Sides:
    """The least L with (1 - tanh L)^2/2 <= 2^-N."""
    rest = (ball(2) ** (1 - depth)).sqrt()
    return ((2 - rest) / rest).log() / 2, Fraction(8)


_INSTANCES: dict[str, Callable[[int], Sides]] = {
    WHOLE_SEQUENCE.id: _whole_sequence,
    CONCENTRATED.id: _concentrated,
    INFINITE.id: _infinite,
    SAMPLED.id: _sampled,
    UNBOUNDED.id: _unbounded,
}
