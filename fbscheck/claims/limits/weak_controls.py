"""Parameters that oscillate with the layers: averages that enter affinely have a limit, other uses of them another.

``AVERAGED`` holds; the controls must come out REFUTED.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import flint

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, norm, round_up, upper
from fbscheck.claims.limits.paths import between
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Relation, Result

__all__ = ["AVERAGED", "CLAIMS", "CONTROLS", "INFINITE", "SAMPLED", "TIED", "assess", "replay"]

PERIOD = 8
"""Layers for one half-wave of the tied weights."""


def _control(name: str, title: str, statement: str, source: str) -> Claim:
    return Claim(f"control.{name}", title, statement, Relation.AT_MOST, source, control=True)


AVERAGED = Claim(
    "weak.alternating",
    "Parameters that change their sign with every layer, and enter affinely, act as zero",
    r"|x_N-x(1)| \leq h\ \mathrm{for}\ x_{n+1}=x_n-h(-1)^nx_n,\ x'=0",
    Relation.AT_MOST,
    "two layers make a factor 1 - h^2",
)
TIED = _control(
    "tied-weights",
    "Weakly convergent weights that are tied, K = A^2",
    r"|x_N-x(1)| \leq 8h\ \mathrm{for}\ K=A^2,\ A=\sqrt2\cos(\pi kt)\rightharpoonup 0,\ x'=0",
    "false: A^2 tends weakly to 1, not to the square of the limit of A; x_N tends to 1/e",
)
SAMPLED = _control(
    "point-sampling",
    "Oscillating parameters, sampled at the nodes",
    r"|x_N-x(1)| \leq h\ \mathrm{for}\ K_n=\cos(2\pi Nt_n),\ x'=0",
    "false: all samples are 1, and x_N tends to 1/e; averages over layers are 0",
)
INFINITE = _control(
    "infinite-dimension",
    "Weakly convergent parameters in dimensions that grow with the depth",
    r"|x_N-x(1)| \leq h\ \mathrm{for}\ K=e_Ne_1^{T}\rightharpoonup 0,\ x_0=e_1,\ x'=0",
    "false: x_N = e_1 - e_N for every N",
)
CLAIMS, CONTROLS = (AVERAGED,), (TIED, SAMPLED, INFINITE)


def assess(claim: Claim, depth: int) -> Result:
    """Run ``AVERAGED`` or one of ``CONTROLS`` with ``depth`` layers."""
    moved, slack = _MOVED[claim.id](depth)
    theory = round_up(Fraction(slack, depth))
    evidence = between(lower(moved), upper(moved), f"{depth} layers in ball arithmetic")
    return decide(claim, f"{claim.id.partition('.')[2]}, N={depth}", squeeze(theory, evidence), {"depth": depth})


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Run it again from the depth in ``witness``.

    Raises
    ------
    kernel.Refusal
        If it is none.
    """
    depth = witness["depth"]
    if type(depth) is not int or not 2 <= depth <= 10**5 or set(witness) != {"depth"}:
        raise kernel.Refusal("the depth is no number of layers")
    return assess(claim, depth)


def _averaged(depth: int) -> tuple[Any, int]:
    x, h = ball(1), ball(Fraction(1, depth))
    for n in range(depth):
        x -= h * (-1) ** n * x
    return abs(x - 1), 1


def _tied(depth: int) -> tuple[Any, int]:
    """Layers with the averages of 2 cos^2(pi k t), whose primitive is t + sin(2 pi k t)/(2 pi k)."""
    x, k = ball(1), max(1, depth // PERIOD)
    turn = 2 * flint.arb.pi() * k
    primitive = [ball(Fraction(n, depth)) + (turn * ball(Fraction(n, depth))).sin() / turn for n in range(depth + 1)]
    for before, after in zip(primitive, primitive[1:], strict=False):
        x *= 1 - (after - before)
    return abs(x - 1), PERIOD


def _sampled(depth: int) -> tuple[Any, int]:
    h, x = ball(Fraction(1, depth)), ball(1)
    for n in range(depth):
        x *= 1 - h * flint.arb(2 * n).cos_pi()
    return abs(x - 1), 1


def _infinite(depth: int) -> tuple[Any, int]:
    x, h = exact([1.0] + (depth - 1) * [0.0]), ball(Fraction(1, depth))
    for _ in range(depth):
        x[-1] = x[-1] - h * x[0]
    return norm(x - exact([1.0] + (depth - 1) * [0.0])), 1


_MOVED: dict[str, Callable[[int], tuple[Any, int]]] = {
    AVERAGED.id: _averaged,
    TIED.id: _tied,
    SAMPLED.id: _sampled,
    INFINITE.id: _infinite,
}
