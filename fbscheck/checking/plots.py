"""What a report draws of an operator: how the quotients of random pairs lie, and the worst pair.

Arrays hold points as columns: (d, S).  Nothing here decides anything.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np

from fbscheck.checking.conditions import CONSTANTS, Constant
from fbscheck.checking.points import Region, Values
from fbscheck.checking.questions import BELOW_ONE, Question
from fbscheck.verdict import Curve, Plot, Relation, Result, Verdict

__all__ = ["PAIRS", "Picture"]

PAIRS = 1000
"""Pairs of each kind, near and far, that are drawn."""
CLOUD = 400
"""Of them, those in a cloud of points."""
BINS, FINE = 48, 401
PIXELS = 96
"""Larger images are shown as means of blocks."""
TITLES = {
    "lipschitz": ("Lipschitz quotients", "|Tx - Ty| / |x - y|"),
    "monotonicity": ("Monotonicity quotients", "<Tx - Ty, x - y> / |x - y|^2"),
    "cocoercivity": ("Cocoercivity quotients", "<Tx - Ty, x - y> / |Tx - Ty|^2"),
    "residual": ("Residual quotients", "|d - v| / |d|  with d = x - y, v = Tx - Ty"),
    "averagedness": ("Averagedness quotients", "|d - v|^2 / (2 <d, d - v>)  with d = x - y, v = Tx - Ty"),
}


@final
class Picture:
    """An operator T on the box [low, high]^shape as figures show it.

    ``evaluate`` gives T at columns; NaN is left out.
    """

    def __init__(
        self, evaluate: Callable[[Values], Values], domain: Region, shape: tuple[int, ...], pairs: int = PAIRS
    ) -> None:
        self.evaluate, self.low, self.high, self.shape = evaluate, domain.low, domain.high, shape
        rng = np.random.default_rng(0)
        x = domain.draw(rng, pairs)
        lengths = np.asarray(domain.width * 10 ** rng.uniform(-6, -1, x.shape[1]))
        ends = {"near pairs": domain.near(rng, x, lengths), "far pairs": (x, domain.draw(rng, pairs))}
        self.pairs = {kind: (a - b, self._moved(a, b)) for kind, (a, b) in ends.items()}

    def _moved(self, a: Values, b: Values) -> Values:
        images = self.evaluate(np.hstack([a, b]))
        return images[:, : a.shape[1]] - images[:, a.shape[1] :]

    def drawn(self, questions: Sequence[Question], results: Sequence[Result]) -> tuple[Result, ...]:
        """The results of ``questions`` with their plots: a histogram for each constant, the worst pairs."""
        kept = [question for question in questions if question.constant in CONSTANTS]
        known = {result.claim: result for result in results}
        plots: dict[str, list[Plot]] = {}
        with np.errstate(all="ignore"):
            for constant in dict.fromkeys(question.constant for question in kept):
                asked = [question for question in kept if question.constant == constant]
                plots.setdefault(asked[0].name, []).append(
                    self._histogram(CONSTANTS[constant], asked, known[asked[0].name])
                )
            for question, pair in _worst(kept, known):
                plots[question.name] = self._pair(question, *pair) + plots.get(question.name, [])
            if kept and math.prod(self.shape) > 1:
                plots[kept[0].name].append(self._cloud(kept, known))
        return tuple(replace(result, plots=(*result.plots, *plots.get(result.claim, ()))) for result in results)

    def _histogram(self, constant: Constant, asked: Sequence[Question], result: Result) -> Plot:
        sampled = {kind: constant.attained(d, v, np.zeros(d.shape[1])) for kind, (d, v) in self.pairs.items()}
        finite = np.concatenate([values[np.isfinite(values)] for values in sampled.values()])
        low, high = np.quantile(finite, [0.005, 0.995]) if finite.size else (0.0, 1.0)
        room = max(high - low, 0.25 * max(1.0, abs(low)))
        bounds = {q.bound: f"claimed: {_claimed(q)}" for q in asked if q.bound is not None}
        worst, refuted = _attained(constant, result), result.verdict is Verdict.REFUTED
        marks = [*bounds, *([] if worst is None else [worst])]
        near = [mark for mark in marks if low - 3 * room <= mark <= high + 3 * room]
        low, high = min([low, *near]) - room / 20, max([high, *near]) + room / 20
        edges = np.linspace(low, high, BINS + 1)
        curves, top = [], 1
        for kind, values in sampled.items():
            counts = np.histogram(values[np.isfinite(values)], edges)[0]
            top = max(top, int(counts.max()))
            beyond = 1 - counts.sum() / len(values)
            label = kind if beyond < 5e-4 else f"{kind}, {100 * beyond:.2g}% beyond the edges"
            curves.append(_outline(label, edges, counts))
        lines = [(label, bound) for bound, label in bounds.items()]
        lines += [] if worst is None else [(f"{'counterexample' if refuted else 'worst found'}: {worst:.6g}", worst)]
        for label, value in lines:
            shown = low <= value <= high
            side = "" if shown else f" ({'left' if value < low else 'right'} of the axis)"
            curves.append(Curve(label + side, (value,) * 2 if shown else (), (0.0, 1.05 * top) if shown else ()))
        title, axis = TITLES[constant.name]
        return Plot(asked[0].name, "quotients", f"{title} of random pairs", axis, "pairs", tuple(curves))

    def _cloud(self, asked: Sequence[Question], known: Mapping[str, Result]) -> Plot:
        """Where v lies relative to d = (1, 0), for many pairs, and the regions that the conditions allow."""
        curves = [_points(kind, d[:, :CLOUD], v[:, :CLOUD], "dots") for kind, (d, v) in self.pairs.items()]
        sizes = [math.hypot(*point) for curve in curves for point in zip(curve.x, curve.y, strict=True)]
        reach = max(1.0, float(np.quantile(sizes, 0.99)) if sizes else 1.0)
        curves = [_within(curve, 2 * reach) for curve in curves]
        worst = [self._relative(x, y) for _, (x, y) in _worst(asked, known)]
        if worst:
            d, v = (np.column_stack(part) for part in zip(*worst, strict=True))
            curves.append(_within(_points("counterexamples", d, v), 4 * reach))
        regions = {f"{q.claim.title}: edge": _region(q, reach) for q in asked if q.bound is not None}
        curves += [Curve(label, *region) for label, region in regions.items() if region is not None]
        return Plot(
            asked[0].name,
            "relative",
            "Differences Tx - Ty of random pairs, turned and scaled so that x - y is (1, 0)",
            "along x - y",
            "across",
            tuple(curves),
            equal=True,
        )

    def _relative(self, x: Values, y: Values) -> tuple[Values, Values]:
        images = self.evaluate(np.column_stack([x, y]))
        return x - y, images[:, 0] - images[:, 1]

    def _pair(self, question: Question, x: Values, y: Values) -> list[Plot]:
        if len(x) == 1:
            return self._graph(question, float(x[0]), float(y[0]))
        if len(x) == 2:
            return [self._arrows(question, x, y)]
        return [self._images(question, x, y)] if len(self.shape) == 2 and min(self.shape) > 1 else []

    def _graph(self, question: Question, x: float, y: float) -> list[Plot]:
        close = x + (y - x) * np.linspace(-3, 4, 57)
        grid = np.unique(np.concatenate([np.linspace(self.low, self.high, FINE), close, [x, y]]))
        grid = grid[(grid >= self.low) & (grid <= self.high)]
        image, (tx, ty) = self.evaluate(grid[None])[0], self.evaluate(np.array([[x, y]]))[0]
        slope = float((tx - ty) / (x - y))
        if not math.isfinite(slope):
            return []
        least, most = np.quantile(image[np.isfinite(image)], [0.01, 0.99])
        room = 0.1 * max(float(most - least), abs(tx - ty))
        span = (min(least, tx, ty) - room, max(most, tx, ty) + room)
        shown = (image >= span[0] - 2 * room) & (image <= span[1] + 2 * room)
        grid, image = grid[shown], image[shown]
        middle, level = (x + y) / 2, (tx + ty) / 2

        def line(label: str, rate: float) -> Curve:
            t = np.linspace(-0.3, 0.3, 601) * (self.high - self.low)
            heights = level + rate * t
            kept = (heights >= span[0]) & (heights <= span[1]) & (middle + t >= self.low) & (middle + t <= self.high)
            ends = np.flatnonzero(kept)[[0, -1]]
            return Curve(label, _tuple(middle + t[ends]), _tuple(heights[ends]))

        curves = [Curve("T", _tuple(grid), _tuple(image)), line(f"slope {slope:.6g} between x and y", slope)]
        allowed = _slope(question, slope)
        if allowed is not None:
            curves.append(line(f"slope {allowed:.6g}, the claim's limit", allowed))
        curves.append(Curve("x and y", (x, y), (float(tx), float(ty)), "points"))
        return [Plot(question.name, "pair", f"Counterexample: {question.claim.title}", "x", "Tx", tuple(curves))]

    def _arrows(self, question: Question, x: Values, y: Values) -> Plot:
        images = self.evaluate(np.column_stack([x, y]))
        moved = np.array([images[:, 0] - x, images[:, 1] - y])
        apart = float(np.linalg.norm(x - y))
        title = f"Counterexample: {question.claim.title}"
        if apart > 0.05 * max(float(np.abs(moved).max()), apart):
            curves = [_arrow("x to Tx", x, images[:, 0]), _arrow("y to Ty", y, images[:, 1])]
            lines = [
                Curve(label, _tuple(ends[0]), _tuple(ends[1]))
                for label, ends in (("x to y", np.column_stack([x, y])), ("Tx to Ty", images))
            ]
            return Plot(
                question.name, "pair", title, "first coordinate", "second coordinate", (*curves, *lines), equal=True
            )
        zero, d, v = np.zeros(2), (x - y) / apart, (images[:, 0] - images[:, 1]) / apart
        curves = [_arrow("x - y", zero, d), _arrow("Tx - Ty", zero, v)]
        title += f": its differences, in units of |x - y| = {apart:.3g}"
        return Plot(question.name, "pair", title, "first coordinate", "second coordinate", tuple(curves), equal=True)

    def _images(self, question: Question, x: Values, y: Values) -> Plot:
        images = self.evaluate(np.column_stack([x, y]))
        rows = {
            "x": x, "y": y, "x - y": x - y,
            "Tx": images[:, 0], "Ty": images[:, 1], "Tx - Ty": images[:, 0] - images[:, 1],
        }  # fmt: skip
        curves = tuple(self._image(label, values) for label, values in rows.items())
        return Plot(question.name, "pair", f"Counterexample: {question.claim.title}", "", "", curves)

    def _image(self, label: str, values: Values) -> Curve:
        rows, columns = (-(-size // PIXELS) for size in self.shape)
        image = values.reshape(self.shape)
        image = image[: len(image) // rows * rows, : image.shape[1] // columns * columns]
        blocks = image.reshape(len(image) // rows, rows, -1, columns).mean(axis=(1, 3))
        return Curve(label, (float(blocks.shape[0]), float(blocks.shape[1])), _tuple(blocks), "image")


def _worst(asked: Sequence[Question], known: Mapping[str, Result]) -> Iterable[tuple[Question, tuple[Values, Values]]]:
    """The pairs that refute something, each once."""
    with_pair = [q for q in asked if {"x", "y"} <= set(known[q.name].witness or ())]
    pairs: dict[Any, tuple[Question, tuple[Values, Values]]] = {}
    for question in with_pair:
        if known[question.name].verdict is not Verdict.REFUTED:
            continue
        witness = known[question.name].witness or {}
        x, y = (np.array([float.fromhex(t) for t in witness[name]]) for name in "xy")
        if not np.array_equal(x, y):
            pairs.setdefault((tuple(x), tuple(y)), (question, (x, y)))
    return pairs.values()


def _attained(constant: Constant, result: Result) -> float | None:
    value = result.bracket.lower if constant.worse > 0 else result.bracket.upper
    return value if value is not None and math.isfinite(value) else None


def _claimed(question: Question) -> str:
    bound = "less than 1" if question.bound == BELOW_ONE else f"{question.bound:.6g}"
    most = question.claim.relation is Relation.AT_MOST
    return bound if bound == "less than 1" else f"at {'most' if most else 'least'} {bound}"


def _slope(question: Question, slope: float) -> float | None:
    """In one dimension, the slope on the side of ``slope`` at which the condition ends; None if there is none."""
    bound = question.bound
    if bound is None:
        return None
    if question.constant == "lipschitz":
        return math.copysign(bound, slope)
    if question.constant == "monotonicity":
        return bound
    if question.constant == "cocoercivity":
        return 0.0 if slope < 0 else 1 / bound if bound > 0 else None
    if question.constant == "residual":
        return 1 + math.copysign(bound, slope - 1)
    return 1.0 if slope > 1 else 1 - 2 * bound


def _region(question: Question, reach: float) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The edge of where v may lie for d = (1, 0): half a circle, or a line up to ``reach``."""
    bound = question.bound
    assert bound is not None
    if question.constant == "monotonicity":
        return (bound, bound), (0.0, reach)
    if question.constant == "cocoercivity" and bound <= 0:
        return None
    centre, radius = {
        "lipschitz": lambda: (0.0, bound),
        "cocoercivity": lambda: (0.5 / bound, 0.5 / bound),
        "averagedness": lambda: (1 - bound, bound),
        "residual": lambda: (1.0, bound),
    }[question.constant]()
    angle = np.linspace(0, np.pi, 121)
    return _tuple(centre + radius * np.cos(angle)), _tuple(radius * np.sin(angle))


def _within(curve: Curve, reach: float) -> Curve:
    """The points of a curve that are no farther than ``reach``; the label counts the others."""
    kept = [point for point in zip(curve.x, curve.y, strict=True) if math.hypot(*point) <= reach]
    beyond = len(curve.x) - len(kept)
    label = f"{curve.label} ({beyond} beyond the edges)" if beyond else curve.label
    return Curve(label, tuple(x for x, _ in kept), tuple(y for _, y in kept), curve.style)


def _points(label: str, d: Values, v: Values, style: str = "points") -> Curve:
    square = np.sum(d * d, axis=0)
    along = np.sum(v * d, axis=0) / square
    across = np.sqrt(np.maximum(np.sum(v * v, axis=0) / square - along**2, 0.0))
    kept = np.isfinite(along + across)
    return Curve(label, _tuple(along[kept]), _tuple(across[kept]), style)


def _arrow(label: str, start: Values, end: Values) -> Curve:
    return Curve(label, (float(start[0]), float(end[0])), (float(start[1]), float(end[1])), "arrow")


def _outline(label: str, edges: Values, counts: Values) -> Curve:
    x = np.repeat(edges, 2)
    y = np.concatenate([[0], np.repeat(counts, 2), [0]])
    return Curve(label, _tuple(x), _tuple(y), "area")


def _tuple(values: Values) -> tuple[float, ...]:
    return tuple(np.ravel(values).astype(float).tolist())
