"""Boxes of data around one point, ever smaller: what is proved and attained in them, and what elsewhere."""

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from fbscheck.archive import Arrays
from fbscheck.claims.networks import lipschitz, local
from fbscheck.claims.networks.local import Box
from fbscheck.functions import Zero
from fbscheck.network import Network
from fbscheck.verdict import Curve, Plot, Result, Verdict

__all__ = ["in_boxes", "linear"]

HALVINGS = range(1, 13)
"""k of the half-widths 2^-k; the centre is a vector of norm 1."""
PARTS = 4
EVALUATIONS = 60


def in_boxes(name: str, network: Network, rng: np.random.Generator) -> list[Result]:
    """``LOCAL`` in the widest box in which less is proved than is attained elsewhere, cut into parts; the control in
    the widest of all; a figure of all boxes."""
    start, centre = np.zeros(network.layers.dimension), rng.standard_normal(network.layers.observations)
    centre /= float(np.linalg.norm(centre))
    pair = local.elsewhere(network, start)
    around = partial(local.box_around, name, network, start, centre, pair=pair, evaluations=EVALUATIONS)
    found = [around(radius=np.full(len(centre), 2.0**-k)) for k in HALVINGS]
    results = [local.assess(local.LOCAL, *box) for box in found]
    calm = next((k for k, r in zip(HALVINGS, results, strict=True) if r.verdict is Verdict.CERTIFIED), HALVINGS[-1])
    control = local.assess(local.DERIVATIVE, *found[0])
    claimed = local.assess(local.LOCAL, *around(radius=np.full(len(centre), 2.0**-calm), parts=PARTS))
    everywhere = float(Fraction(lipschitz.stretched(name, network, EVALUATIONS)[1]["bound"]))
    x = tuple(float(-k) for k in HALVINGS)

    def level(value: float | None) -> tuple[float, ...]:
        return (np.nan if value is None else value,) * len(x)

    curves = (
        Curve("certified for all data", x, level(everywhere)),
        Curve("attained elsewhere", x, level(claimed.bracket.theory)),
        Curve("certified in the box", x, tuple(r.bracket.upper or np.nan for r in results)),
        Curve("attained in the box", x, tuple(r.bracket.lower or np.nan for r in results), "points"),
        Curve("norm of the derivative at the centre", x, level(control.bracket.theory)),
    )
    what = name.partition(": ")[2]
    title, label = f"Lipschitz constants in boxes of data: {what}", r"half-width of the box, $\log_2$"
    plot = Plot(local.LOCAL.id, f"boxes-{what.partition(',')[0].lower()}", title, label, "constant", curves)
    return [replace(claimed, plots=(plot,)), control]


def linear() -> tuple[Box, dict[str, Any], Arrays]:
    """x' = -x + b stretches the data of a box as much as any others."""
    depth, one = 6, np.ones((1, 1))
    stack = np.broadcast_to(one, (depth, 1, 1))
    network = Network(stack, stack, np.zeros(depth), Zero(), Fraction(3, 2))
    name = "extremal: x' = -x + b, in a box"
    return local.box_around(name, network, np.zeros(1), np.ones(1), np.full(1, 0.25), np.array([[2.0], [3.0]]))
