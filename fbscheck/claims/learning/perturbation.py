r"""Chapter "perturbation": what changes of the data (x_0, b, labels) do to training problems and to their minima.

V is the least value of J for the data D, V' that for D'.  Bounds on |J' - J| at fixed parameters are evaluated in ball
arithmetic at any depth; what is said of V itself is certified where :mod:`fbscheck.claims.learning.least_values`
encloses it, and rests on trained parameters elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.certify import kernel
from fbscheck.certify.balls import ball, exact, lower, upper
from fbscheck.claims.learning.least_values import Least, Well, least, wells
from fbscheck.claims.learning.training_case import TrainingCase, concluded, largest, objective, penalty, square, stored
from fbscheck.claims.limits.paths import between
from fbscheck.judge import not_applicable
from fbscheck.learning import Problem
from fbscheck.learning.perturbation import penalty_bound, value_bound
from fbscheck.network.layers import Values
from fbscheck.verdict import Claim, Evidence, Hypothesis, Relation, Result, Rigour, Side, planted

__all__ = ["CLAIMS", "CONTROLS", "assess", "replay"]

TRAINED = 1e-6
"""What training may leave of a least value, relative to the bounds of these claims."""

_LEVEL = Hypothesis(r"a\int|\theta|^2 \leq M", lambda case: min(_room(case, size) for size in case.sizes))
_REST = Hypothesis(r"0 \in \mathrm{argmin}\,r", lambda case: -int(np.any(_rest(case) != 0)))
_LABELS = Hypothesis(r"\Delta x_0 = 0,\ \Delta b = 0", lambda case: -int(_beside_labels(case)))
_EXACT = Hypothesis(r"(y+\tau d)+(y-\tau d) = 2y", lambda case: -max(_off(case, size) for size in case.sizes))

PATH = Claim(
    "perturbation.path",
    "The value of given parameters when all data move",
    r"|J'_N(\theta)-J_N(\theta)| \leq \frac1S\sum_s\mathrm{Lip}_s"
    r"\bigl(e^c|\Delta x_0^s|+c\,e^c|\Delta b^s|+|\Delta x_*^s|\bigr),\quad c=\sqrt{TM/a}",
    Relation.AT_MOST,
    "growth of states by e^c, M the larger mean of (|x_0|+|x*|)^2/2; largest ratio, one bound for all depths",
    (_REST, _LEVEL),
)
MINIMUM = Claim(
    "perturbation.minimum",
    "The least value when all data move",
    r"|V'-V| \leq \frac1S\sum_s\mathrm{Lip}_s"
    r"\bigl(e^c|\Delta x_0^s|+c\,e^c|\Delta b^s|+|\Delta x_*^s|\bigr),\quad c=\sqrt{TM/a}",
    Relation.AT_MOST,
    "growth of states by e^c, M the larger mean of (|x_0|+|x*|)^2/2; largest ratio, one bound for all depths",
    (_REST,),
)
ROOT = Claim(
    "perturbation.root",
    "The root of twice the least value, in the labels",
    r"|\sqrt{2V(y)}-\sqrt{2V(y')}| \leq \Bigl(\frac1S\sum_s|y_s-y'_s|^2\Bigr)^{1/2}",
    Relation.AT_MOST,
    "an infimum of norms; largest ratio of the two sides",
    (_LABELS,),
)
CONCAVE = Claim(
    "perturbation.concave",
    "The least value less half of the labels' square is concave",
    r"V(y+\tau d)+V(y-\tau d)-2V(y) \leq \frac{\tau^2}S\sum_s|d_s|^2",
    Relation.AT_MOST,
    "an infimum of affine functions; largest ratio of the two sides",
    (_LABELS, _EXACT),
)
NEAREST = Claim(
    "perturbation.minimisers",
    "Minimisers of moved data are near the set of minimisers",
    r"\mathrm{dist}(u',\mathrm{argmin}\,J)^2 \leq \frac4\kappa\max_{\theta,\theta'}|J'-J|",
    Relation.AT_MOST,
    "growth kappa of J between the two, from Hessians in ball arithmetic; largest ratio of the two sides",
)
DERIVATIVE = Claim(
    "perturbation.derivative",
    "The derivative of the least value by the labels",
    r"\Bigl|\frac{V(y+\tau d)-V(y)}{\tau}-\min_{\mathrm{argmin}J}\langle y-x(T),d\rangle\Bigr|"
    r" \leq \frac{\tau|d|^2}{2}\max\Bigl(1,\frac{\Lambda^2}{\kappa}\Bigr),\quad \tau>0",
    Relation.AT_MOST,
    "Danskin; growth kappa of J, Lipschitz constant of the outputs in u; largest ratio of the two sides",
    (_LABELS, _EXACT),
)
CLAIMS = (PATH, MINIMUM, ROOT, CONCAVE, NEAREST, DERIVATIVE)


def _control(name: str, title: str, statement: str, source: str, *hypotheses: Hypothesis) -> Claim:
    return Claim(f"control.{name}", title, statement, Relation.AT_MOST, source, hypotheses, control=True)


INNER = _control(
    "inner-semicontinuity",
    "Every minimiser is the limit of minimisers of moved data",
    r"\min_{\mathrm{turns\ to\ the\ other\ side}}J' \leq V'",
    "false: of two best turns by nearly pi, one is best for each label beside the opposite point",
)
SMOOTH = _control(
    "value-differentiable",
    "The least value has one derivative where there are two minimisers",
    r"\Bigl|\frac{V(y+\tau d)-V(y)}{\tau}-\langle y-x(T),d\rangle\Bigr| \leq \frac{\tau|d|^2}{2}"
    r"\max\Bigl(1,\frac{\Lambda^2}{\kappa}\Bigr)\ \mathrm{for\ each\ minimiser\ and}\ \tau>0",
    "false: only the least of their derivatives is that of V, from each side another one",
    _LABELS,
    _EXACT,
)
PLANTED = (
    replace(planted(PATH, "parameters of any size"), hypotheses=()),
    planted(MINIMUM),
    planted(ROOT),
    planted(CONCAVE),
    planted(NEAREST, "the distance to any one of them"),
    planted(DERIVATIVE, "the sign of the errors changed"),
)
CONTROLS = (INNER, SMOOTH, *PLANTED)


def assess(claim: Claim, case: TrainingCase, scale: float = 1.0) -> Result:
    """Measure a claim on a case; ``scale`` multiplies its bound (a planted error if it is not 1).

    Raises
    ------
    kernel.Refusal
        If a least value is needed that is not known.
    """
    if (unmet := claim.unmet(case)) is not None:
        return not_applicable(claim, case.name, unmet)
    theory, evidence = _SIDES[claim.id.removeprefix("planted.")](claim, case)
    return concluded(claim, case, theory, evidence, scale)


def replay(claim: Claim, witness: Mapping[str, Any], arrays: Arrays) -> Result:
    """Evaluate a claim again, from the training problem in ``witness`` alone.

    Raises
    ------
    kernel.Refusal
        If it is incomplete or malformed.
    """
    return assess(claim, *stored(claim, witness, arrays))


Sides = tuple[float, tuple[Evidence, ...]]


def _largest(ratios: list[Any], what: str) -> Sides:
    """The claim is that no ratio exceeds 1."""
    beyond = sum(lower(ratio) > 1 for ratio in ratios)
    return 1.0, largest(ratios, f"{len(ratios)} {what}, of which {beyond} above 1")


def _path(claim: Claim, case: TrainingCase) -> Sides:
    ratios = []
    for depth in case.depths:
        theta = case.repeated(depth)
        before = objective(case.problem, theta)
        for size in case.sizes:
            other = case.moved(size)
            ratios.append(abs(objective(other, theta) - before) / ball(value_bound(case.problem, other)))
    return _largest(ratios, "ratios over sizes of change and depths")


def _minimum(claim: Claim, case: TrainingCase) -> Sides:
    others = [case.moved(size) for size in case.sizes]
    bounds = [value_bound(case.problem, other) for other in others]
    if case.parameters is not None:
        known = [objective(other, theta) for other, theta in zip((case.problem, *others), case.parameters, strict=True)]
        return _floating([abs(value - known[0]) / ball(bound) for value, bound in zip(known[1:], bounds, strict=True)])
    ratios = []
    for depth in case.depths:
        before = least(case.problem, depth).value
        moved = (abs(least(other, depth).value - before) for other in others)
        ratios += [apart / ball(bound) for apart, bound in zip(moved, bounds, strict=True)]
    return _largest(ratios, "ratios over sizes of change and depths")


def _root(claim: Claim, case: TrainingCase) -> Sides:
    others = [case.moved(size) for size in case.sizes]

    def slopes(values: list[Any]) -> list[Any]:
        return [
            abs((2 * u).sqrt() - (2 * v).sqrt()) / (_squares(p.target, q.target) / p.samples).sqrt()
            for (p, u), (q, v) in combinations(zip(others, values, strict=True), 2)
        ]

    if case.parameters is not None:
        trained = [objective(other, theta) for other, theta in zip(others, case.parameters, strict=True)]
        return _floating(slopes(trained))
    ratios = [slope for depth in case.depths for slope in slopes([least(other, depth).value for other in others])]
    return _largest(ratios, "ratios over pairs of labels and depths")


def _concave(claim: Claim, case: TrainingCase) -> Sides:
    ratios, (_, _, by) = [], case.change or (None, None, np.zeros(1))
    square = _squares(by, np.zeros_like(by)) / case.problem.samples
    for depth in case.depths:
        middle = least(case.problem, depth).value
        for size in case.sizes:
            bend = least(case.moved(size), depth).value + least(case.moved(-size), depth).value - 2 * middle
            ratios.append(bend / (ball(size) * ball(size) * square))
    return _largest(ratios, "ratios over triples of labels and depths")


def _nearest(claim: Claim, case: TrainingCase) -> Sides:
    """A planted error takes the distance from the farthest minimiser, with the growth at the nearest."""
    ratios = []
    for depth in case.depths:
        base = _decided(case.problem, depth)
        for size in case.sizes:
            for well, u in _decided(case.moved(size), depth).points:
                (here, nearest), kappa, _ = _growth(base, well, u)
                sides = (abs(well.jet(v)[0] - here.jet(v)[0]) for v in (u, nearest))
                distances = [_apart(u, well.sense, v, own.sense) for own, v in base.points]
                chosen = max(distances, key=upper) if claim.control else reduce(type(distances[0]).min, distances)
                ratios.append(chosen * ball(kappa) / (4 * next(sides).max(next(sides))))
    return _largest(ratios, "ratios over sizes of change and depths")


def _derivative(claim: Claim, case: TrainingCase) -> Sides:
    ratios, sign = [], -1 if claim.id == f"planted.{DERIVATIVE.id}" else 1
    by = np.zeros(1) if case.change is None else case.change[2]
    for depth in case.depths:
        base = _decided(case.problem, depth)
        for size in case.sizes:
            moved = _decided(case.moved(size), depth)
            well, u = moved.points[0]
            _, kappa, reach = _growth(base, well, u)
            direction = np.sign(size) * by
            slopes = [sign * _slope(case.problem, own, v, direction) for own, v in base.points]
            quotient, tau = (moved.value - base.value) / ball(abs(size)), ball(abs(size))
            bend = ball(upper(reach * reach / ball(kappa))).max(ball(1))
            bound = tau * _squares(by, np.zeros_like(by)) / 2 * bend
            chosen = slopes[0]
            for slope in slopes[1:]:
                chosen = chosen.max(slope) if claim is SMOOTH else chosen.min(slope)
            ratios.append(abs(quotient - chosen) / bound)
    return _largest(ratios, "ratios over sizes of change and depths")


def _inner(claim: Claim, case: TrainingCase) -> Sides:
    """The least value of turns in the sense that is not best, against the least value."""
    (depth,) = case.depths
    values = [well.bottom()[0] for well in wells(case.problem, depth)]
    if len(values) != 2:
        raise kernel.Refusal("there is one sense of turning only")
    best, other = sorted(values, key=upper)
    theory = upper(best)
    return theory, between(
        lower(other), upper(other), f"turns of {depth} layers in the other sense, least value enclosed"
    )


def _decided(problem: Problem, depth: int) -> Least:
    """The least value with all its minimisers, and nothing else.

    Raises
    ------
    kernel.Refusal
        If values in both senses are too near to tell, and the label is not on the axis, where they are mirror images.
    """
    found = least(problem, depth)
    if not found.points or len(found.points) > 1 and problem.target[1:].any():
        raise kernel.Refusal("it is not known which points are minimisers")
    return found


def _growth(base: Least, well: Well, u: tuple[Any, ...]) -> tuple[tuple[Well, tuple[Any, ...]], float, Any]:
    """The minimiser in the sense of ``u``, and kappa and the Lipschitz constant of the output on the box between."""
    known = [(own, v) for own, v in base.points if own.sense == well.sense]
    if not known:
        raise kernel.Refusal("the moved data have a minimiser in a sense in which there was none")
    own, v = known[0]
    box = tuple(a.union(b) for a, b in zip(u, v, strict=True))
    return (own, v), own.modulus(box), own.reach(box)


def _slope(problem: Problem, well: Well, u: tuple[Any, ...], direction: Values) -> Any:
    """<y - x, d> at a minimiser."""
    outputs = zip(problem.target[:, 0].tolist(), well.output(u), direction[:, 0].tolist(), strict=True)
    return sum(((ball(y) - x) * ball(d) for y, x, d in outputs), ball(0))


def _floating(ratios: list[Any]) -> Sides:
    """Values of trained parameters stand for least values, which nobody knows."""
    value = max(float(ratio.mid()) for ratio in ratios)
    method = f"{len(ratios)} ratios of trained networks, of which {sum(upper(ratio) > 1 for ratio in ratios)} above 1"
    return 1.0, (Evidence(Side.ATTAINED, value, Rigour.FLOATING, method, TRAINED),)


def _apart(u: tuple[Any, ...], sense: int, v: tuple[Any, ...], other: int) -> Any:
    """|u - v|^2, with angles in one sense."""
    signs = (1, other * sense)
    return sum(((a - sign * b) * (a - sign * b) for a, b, sign in zip(u, v, signs, strict=False)), ball(0))


def _squares(x: Values, y: Values) -> Any:
    return square(exact(x) - exact(y))


def _rest(case: TrainingCase) -> Values:
    """What the prox of r makes of 0: where r is least at 0, nothing else."""
    family = case.problem.family
    return np.asarray(family.r.prox(np.zeros(family.shape[0]), 1.0))


def _room(case: TrainingCase, size: float) -> Fraction:
    """By how much the penalty is below M; constant on the depths."""
    theta = case.theta
    total = sum(Fraction(entry) ** 2 for entry in theta.ravel().tolist())
    known = Fraction(penalty(case.problem).a) * Fraction(case.problem.horizon) / len(theta) * total
    return Fraction(penalty_bound(case.problem, case.moved(size))) - known


def _beside_labels(case: TrainingCase) -> bool:
    """Whether other data than labels move."""
    return case.change is not None and any(part.any() for part in case.change[:2])


def _off(case: TrainingCase, size: float) -> float:
    """How far rounding has moved the middle of two labels."""
    ends, middle = [case.moved(sign * size).target for sign in (1, -1)], case.problem.target
    off = exact(ends[0]) + exact(ends[1]) - 2 * exact(middle)
    wide = exact(ends[0]) - exact(ends[1]) - 2 * ball(size) * exact((case.change or (0, 0, 0 * middle))[2])
    return max(upper(abs(part)) for part in (*off.ravel(), *wide.ravel()))


_SIDES: dict[str, Callable[[Claim, TrainingCase], Sides]] = {
    PATH.id: _path,
    MINIMUM.id: _minimum,
    ROOT.id: _root,
    CONCAVE.id: _concave,
    NEAREST.id: _nearest,
    DERIVATIVE.id: _derivative,
    SMOOTH.id: _derivative,
    INNER.id: _inner,
}
