"""Chapter "deep-limit": constants of the first order that are known exactly, on instances of rational numbers.

An instance is a handful of rationals: the speeds and lengths of a convex polygon g on the line, the parameters of
x' = -kx - rho x, or the frequency of a rotation.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, final

from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, round_down, round_up
from fbscheck.claims.networks.stability import ratio_evidence
from fbscheck.judge import decide, not_applicable, squeeze
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, planted

__all__ = [
    "CLAIMS",
    "EXPONENT",
    "LEADING",
    "NODAL",
    "PLANTED",
    "RESOLVENT",
    "Decay",
    "Polygon",
    "Power",
    "Rotation",
    "geometric",
    "assess",
    "replay",
]


@final
@dataclass(frozen=True)
class Polygon:
    """x' in -dg(x) from 0 to the right, g a convex polygon: ``speeds`` v_0 >= v_1 >= ... >= 0, one more than lengths.

    The speed is v_j on the j-th segment, ``lengths`` are those of the segments but the last, which never ends.
    """

    name: str
    speeds: tuple[Fraction, ...]
    lengths: tuple[Fraction, ...]
    step: Fraction
    depth: int

    @property
    def convex(self) -> Fraction:
        """The least drop of the speed from one segment to the next, the last speed included."""
        ends = (*self.speeds, Fraction(0))
        return min(a - b for a, b in zip(ends, ends[1:], strict=False))

    def flow(self, time: Fraction) -> Fraction:
        """x(t), exactly."""
        x = Fraction(0)
        for speed, length in zip(self.speeds, self.lengths, strict=False):
            if speed * time <= length:
                return x + speed * time
            x, time = x + length, time - length / speed
        return x + self.speeds[-1] * time

    def states(self) -> list[Fraction]:
        """x_0..x_N of the implicit steps x_{n+1} = x_n + hv, v between the speeds on both sides of x_{n+1}; exactly."""
        found = [Fraction(0)]
        for _ in range(self.depth):
            found.append(self._implicit(found[-1]))
        return found

    def _implicit(self, x: Fraction) -> Fraction:
        knots = list(accumulate(self.lengths))
        for j, speed in enumerate(self.speeds):
            reached = x + self.step * speed
            if j and reached <= knots[j - 1]:
                return knots[j - 1]
            if j == len(knots) or reached < knots[j]:
                return reached
        raise AssertionError("the last segment never ends")


@final
@dataclass(frozen=True)
class Decay:
    """x' = -kx - rho x from ``start``, rho > 0 in the implicit half; N layers over [0, T]."""

    name: str
    k: Fraction
    rho: Fraction
    start: Fraction
    horizon: Fraction
    depth: int

    @property
    def step(self) -> Fraction:
        """h = T/N."""
        return self.horizon / self.depth


@final
@dataclass(frozen=True)
class Rotation:
    """x' = -omega Jx, J the rotation by 90 degrees: monotone, and the gradient of nothing; N implicit steps of h."""

    name: str
    omega: Fraction
    step: Fraction
    depth: int


@final
@dataclass(frozen=True)
class Power:
    """x' = a x^{a-1} from 0, the gradient flow of g = -x^a on x >= 0, 0 < a < 1, and its first layer of length h."""

    name: str
    exponent: Fraction
    step: Fraction


Instance = Polygon | Decay | Rotation | Power
KINDS: dict[str, type] = {kind.__name__: kind for kind in (Polygon, Decay, Rotation, Power)}

NODAL = Claim(
    "deep-limit.nodal",
    "The sharp constant at a node",
    r"|x_n-x(t_n)| \leq \Bigl(\frac n{n+1}\Bigr)^{n+1}h\,|\partial^0 g(x_0)|\quad(K=0,\ d=1)",
    Relation.AT_MOST,
    "means of r_1, ..., r_n and sum(1 - r_k), r_k the ratios of velocities (largest ratio of the two sides)",
    (
        Hypothesis(r"g\ \mathrm{convex}", lambda polygon: polygon.convex),
        Hypothesis(r"|\partial^0 g(x_0)| > 0", lambda polygon: polygon.speeds[0], strict=True),
    ),
)
LEADING = Claim(
    "deep-limit.leading-constant",
    "The leading constant of a decay",
    r"\Bigl|\frac{x_N-x(T)}h-C\Bigr| \leq Rh,\quad C=\tfrac12T(\rho^2-k^2)e^{-(k+\rho)T}x_0",
    Relation.AT_MOST,
    "Taylor's formula for logarithm and exponential, with remainders (ratio of the two sides)",
    (
        Hypothesis(r"\rho \geq 0", lambda decay: decay.rho),
        Hypothesis(r"h|k| \leq \tfrac12", lambda decay: Fraction(1, 2) - abs(decay.k) * decay.step),
    ),
)
RESOLVENT = Claim(
    "deep-limit.resolvent",
    "Monotone operators: half an order",
    r"|x_N-x(T)| \leq 2TN^{-1/2}|Ax_0|",
    Relation.AT_MOST,
    "Crandall and Liggett, American Journal of Mathematics 93 (1971) (ratio of the two sides)",
    (Hypothesis(r"\omega > 0", lambda rotation: rotation.omega, strict=True),),
)
EXPONENT = Claim(
    "deep-limit.exponent",
    "A start of infinite slope",
    r"|x_1-x(h)| = \bigl((2-a)^p-1\bigr)(ah)^p \leq \sqrt{h(g(x_0)-g(x_1))},\quad p=\frac1{2-a},\ g(x)=-x^a,\ x_0=0",
    Relation.AT_MOST,
    "proof: layer of a gradient flow; proof: energy of a gradient flow; both sides are of order p, which tends to 1/2 "
    "(ratio of the two sides)",
    (
        Hypothesis(r"a > 0", lambda power: power.exponent, strict=True),
        Hypothesis(r"a < 1", lambda power: 1 - power.exponent, strict=True),
    ),
)
CLAIMS = (NODAL, LEADING, RESOLVENT, EXPONENT)
FACTORS = {
    NODAL.id: Fraction(99, 100),
    LEADING.id: Fraction(99, 100),
    RESOLVENT.id: Fraction(22, 100),
    EXPONENT.id: Fraction(21, 100),
}
"""Constants that are smaller by these factors are refuted; C, for the leading constant."""

PLANTED = tuple(planted(claim, f"{float(FACTORS[claim.id])} of it") for claim in CLAIMS)


def geometric(depth: int, name: str) -> Polygon:
    """The polygon with the speeds (n/(n+1))^k, and knots at the nodes, that attains the constant for n = ``depth``."""
    ratio = Fraction(depth, depth + 1)
    speeds = tuple(ratio**k for k in range(depth + 1))
    return Polygon(name, speeds, speeds[1:], Fraction(1), depth)


def assess(claim: Claim, instance: Instance) -> Result:
    """Measure one of ``CLAIMS`` on an instance, or one of ``PLANTED``, whose constants are too small."""
    kind = claim.id.removeprefix("planted.")
    if (unmet := claim.unmet(instance)) is not None:
        return not_applicable(claim, instance.name, unmet)
    theory, evidence = _MEASURES[kind](instance, FACTORS[kind] if claim.control else Fraction(1))
    fields = {key: _text(value) for key, value in vars(instance).items()}
    return decide(claim, instance.name, squeeze(theory, evidence), {"instance": type(instance).__name__, **fields})


def replay(claim: Claim, witness: Mapping[str, Any]) -> Result:
    """Evaluate a claim again, from the instance in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed, or of another kind than the claim is about.
    """
    kind, about = KINDS[witness["instance"]], _ABOUT[claim.id.removeprefix("planted.")]
    depth = witness.get("depth", 1)
    if kind is not about or type(depth) is not int or not 0 < depth <= 10**5:
        raise kernel.Refusal("the instance is of another kind, or its depth is no number of layers")
    fields = {key: _read(key, value) for key, value in witness.items() if key != "instance"}
    instance = kind(**fields)
    if isinstance(instance, Polygon) and (
        len(instance.speeds) != len(instance.lengths) + 1 or min(instance.lengths, default=Fraction(1)) <= 0
    ):
        raise kernel.Refusal("a polygon has one more speed than lengths, which are positive")
    if not isinstance(instance.name, str) or instance.step <= 0:
        raise kernel.Refusal("the name is no text, or time does not advance")
    return assess(claim, instance)


def _text(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return str(value) if isinstance(value, Fraction) else value


def _read(key: str, value: Any) -> Any:
    if key in ("name", "depth"):
        return value
    return tuple(map(kernel.rational, value)) if isinstance(value, list) else kernel.rational(value)


def _nodal(polygon: Polygon, factor: Fraction) -> tuple[float, tuple[Evidence, ...]]:
    largest = Fraction(0)
    for n, x in enumerate(polygon.states()[1:], start=1):
        bound = Fraction(n, n + 1) ** (n + 1) * polygon.step * polygon.speeds[0]
        largest = max(largest, abs(x - polygon.flow(n * polygon.step)) / bound)
    method = f"{polygon.depth} layers in rational arithmetic"
    return float(factor), (
        Evidence(Side.ATTAINED, round_down(largest), Rigour.EXACT, method),
        Evidence(Side.CERTIFIED, round_up(largest), Rigour.EXACT, method),
    )


def _leading(decay: Decay, factor: Fraction) -> tuple[float, tuple[Evidence, ...]]:
    """With a = N log((1 - hk)/(1 + h rho)) + (k + rho)T: a is near hT(rho^2 - k^2)/2, and e^a near 1 + a."""
    k, rho, h, T = (ball(value) for value in (decay.k, decay.rho, decay.step, decay.horizon))
    layer = ball(1 - decay.step * decay.k) / ball(1 + decay.step * decay.rho)
    end = ball(decay.start) * (-(k + rho) * T).exp()
    first = T * (rho**2 - k**2) / 2
    cubic = T / 3 * (abs(k) ** 3 / (1 - h * abs(k)) + rho**3)
    exponent = h * abs(first) + h**2 * cubic
    remainder = abs(end) * (h * cubic + exponent**2 * exponent.exp() / (2 * h))
    apart = abs((ball(decay.start) * layer**decay.depth - end) / h - ball(factor) * first * end)
    return 1.0, ratio_evidence([(apart, remainder)], f"{decay.depth} layers in ball arithmetic")


def _resolvent(rotation: Rotation, factor: Fraction) -> tuple[float, tuple[Evidence, ...]]:
    """Implicit steps turn by atan(h omega), and shrink by (1 + h^2 omega^2)^(1/2)."""
    turn, depth = ball(rotation.step * rotation.omega), rotation.depth
    length = 1 / (1 + turn**2).sqrt() ** depth
    lag = depth * (turn - turn.atan())
    apart = ((1 - length) ** 2 + 2 * length * (1 - lag.cos())).sqrt()
    bound = 2 * depth * turn / ball(depth).sqrt()
    return float(factor), ratio_evidence([(apart, bound)], f"{depth} layers in ball arithmetic")


def _exponent(power: Power, factor: Fraction) -> tuple[float, tuple[Evidence, ...]]:
    """x(h) = ((2 - a) a h)^p, and x_1 = (a h)^p solves x_1 = h a x_1^(a - 1)."""
    a, h = ball(power.exponent), ball(power.step)
    p = 1 / (2 - a)
    first, limit = (a * h) ** p, ((2 - a) * a * h) ** p
    return float(factor), ratio_evidence([(limit - first, (h * first**a).sqrt())], "powers in ball arithmetic")


_MEASURES: dict[str, Callable[[Any, Fraction], tuple[float, tuple[Evidence, ...]]]] = {
    NODAL.id: _nodal,
    LEADING.id: _leading,
    RESOLVENT.id: _resolvent,
    EXPONENT.id: _exponent,
}
_ABOUT: dict[str, type] = {NODAL.id: Polygon, LEADING.id: Decay, RESOLVENT.id: Rotation, EXPONENT.id: Power}
