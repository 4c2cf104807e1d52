"""A family p_h of operators, h their step: are they the resolvents of one operator, as a deep-layer limit needs?

The resolvents p_h = (I + hA)^{-1} of a monotone A, such as prox_{hg} for a convex g, satisfy for all h, k > 0

    p_h(x) = p_k(z),   z = (k/h) x + (1 - k/h) p_h(x),

since (z - p_h(x)) / k = (x - p_h(x)) / h is in A(p_h(x)); and they are nonexpansive.  Conversely, with the identity
all p_h have the same A = (p_h^{-1} - I) / h.  Layers with an activation that does not depend on h fail it.

What is held against the claim: if the values of p_h and p_k are good to e and e', and the computed z is w away from
what the formula gives for the computed p_h(x), then p_k moves its argument's error by no more than itself, so that
|p_h(x) - p_k(z)|, computed, is at most e + e' + |1 - k/h| e + w.

Points x whose z leaves the box are left out; for k < h it lies between x and p_h(x).
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np

from fbscheck.certify.balls import ball, exact, lower, norm, upper
from fbscheck.checking.blackbox import BlackBox
from fbscheck.checking.points import Region, Values
from fbscheck.checking.sandbox import Fault, Sandbox, patience
from fbscheck.checking.snippet import family_snippet, hexadecimal
from fbscheck.checking.subject import Subject
from fbscheck.judge import decide, squeeze
from fbscheck.verdict import Claim, Evidence, Relation, Result, Rigour, Side, Verdict

__all__ = ["CLAIM", "FACTORS", "Broken", "examined", "remark"]

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The steps, as multiples of the one that is given."""
FIRST, MOST = 64, 4096
"""Points of the first round and of the largest one."""
DIGITS = (0, 1, 2, 3, 4, 6, 8, 10, 12)

CLAIM = Claim(
    "network",
    "Resolvents of one operator",
    r"p_h(x) = p_k(\tfrac{k}{h}x + (1-\tfrac{k}{h})p_h(x))",
    Relation.AT_MOST,
    "largest certain distance between the sides, over samples and steps",
)


@final
@dataclass(frozen=True)
class Broken:
    """The identity at x, from h to k: both sides, z, and how far apart they certainly are beyond their errors."""

    x: Values
    h: float
    k: float
    value: Values
    other: Values
    certain: float


def examined(subject: Subject, key: str, step: float, budget: float, seed: int) -> tuple[Result, int]:
    """The verdict on the family that the keyword ``key`` makes of an operator, and the number of its evaluations.

    Raises
    ------
    Fault
        If one of the operators does anything wrong.
    """
    finish = time.monotonic() + budget
    with ExitStack() as stack, np.errstate(all="ignore"):
        boxes = {}
        for h in (step * factor for factor in FACTORS):
            member = replace(subject, parameters={**subject.parameters, key: h})
            try:
                sandbox = stack.enter_context(Sandbox(member, seconds_per_call=patience(budget)))
                boxes[h] = BlackBox(member, sandbox, np.random.default_rng(seed))
            except Fault as fault:
                raise Fault(fault.kind, f"{subject.name} with {key}={h:g}: {fault}", fault.x) from None
        rng, count, evaluations, size, worst = np.random.default_rng(seed), 0, 0, FIRST, None
        domain = boxes[step].map.domain
        while True:
            begun = time.monotonic()
            x = domain.starting(rng, size)[:, :size]
            for broken, used, calls in _round(boxes, domain, x):
                count, evaluations = count + used, evaluations + calls
                worst = max((worst, broken), key=_relative)
            took = time.monotonic() - begun
            size = min(2 * size, MOST)
            if _relative(worst) > 0 or time.monotonic() + 2.5 * took > finish:
                break
        module = boxes[step].module
        if worst is not None and worst.certain > 0:
            worst = _shorter(boxes, domain, worst)
    return _judged(subject, key, worst, count, module), evaluations


def remark(result: Result, key: str) -> str:
    """What the verdict means for networks."""
    if result.verdict is Verdict.REFUTED:
        return f"As a family in {key}: no resolvents of one operator, so growing depth leads to no limit x' in -A(x)."
    if result.verdict is Verdict.UNDECIDED:
        return f"As a family in {key}: {result.reason}."
    return f"As a family in {key}: nothing contradicts one operator behind it, which a deep-layer limit needs."


def _relative(broken: Broken | None) -> float:
    return -1.0 if broken is None else broken.certain / (1 + float(np.linalg.norm(broken.x)))


def _round(boxes: Mapping[float, BlackBox], domain: Region, x: Values) -> list[tuple[Broken, int, int]]:
    """For all pairs of steps: the worst point, how many could be used, and how often an operator was called."""
    found = []
    for h, box in boxes.items():
        value = box.sandbox.call(x)
        error = box.noise(x, value)
        for k, other in boxes.items():
            z = (k / h) * x + (1 - k / h) * value
            inside = np.all((z >= domain.low) & (z <= domain.high), axis=0)
            if k == h or not inside.any():
                continue
            at, seen, z = x[:, inside], value[:, inside], z[:, inside]
            image = other.sandbox.call(z)
            slack = (1 + abs(1 - k / h)) * error[inside] + other.noise(z, image)
            j = int(np.argmax((np.linalg.norm(seen - image, axis=0) - slack) / (1 + np.linalg.norm(at, axis=0))))
            certain = _certain(at[:, j], h, k, seen[:, j], z[:, j], image[:, j], float(slack[j]))
            found.append((Broken(at[:, j], h, k, seen[:, j], image[:, j], certain), at.shape[1], 2 * at.shape[1]))
    return found


def _certain(x: Values, h: float, k: float, value: Values, z: Values, image: Values, slack: float) -> float:
    """How far apart the sides certainly are beyond ``slack`` and the rounding of z, in ball arithmetic; 0 if not."""
    part = ball(Fraction(k) / Fraction(h))
    moved = norm(exact(z) - (part * exact(x) + (1 - part) * exact(value)))
    return max(0.0, lower(norm(exact(value) - exact(image)) - ball(slack) - ball(upper(moved))))


def _shorter(boxes: Mapping[float, BlackBox], domain: Region, broken: Broken) -> Broken:
    """The same failure at a point of fewer digits, if one of them shows half of it."""
    rounded = domain.cut(np.column_stack([np.round(broken.x, digits) + 0.0 for digits in DIGITS]))
    pair = {broken.h: boxes[broken.h], broken.k: boxes[broken.k]}
    for column in rounded.T[:, :, None]:
        for one, _, _ in _round(pair, domain, column):
            if (one.h, one.k) == (broken.h, broken.k) and one.certain > 0.5 * broken.certain:
                return one
    return broken


def _judged(subject: Subject, key: str, worst: Broken | None, count: int, module: bool) -> Result:
    if worst is None:
        reason = "no point stays in the box (a larger box?)"
        return Result(CLAIM.id, subject.name, Verdict.UNDECIDED, squeeze(0.0, ()), reason)
    how = f"the worst of {count} points and pairs of steps, in ball arithmetic"
    witness: dict[str, Any] = {
        "operator": subject.name,
        "x": hexadecimal(worst.x),
        "h": worst.h.hex(),
        "k": worst.k.hex(),
        "p_h(x)": hexadecimal(worst.value),
        "p_k(z)": hexadecimal(worst.other),
        "snippet": family_snippet(subject, key, worst.x, worst.h, worst.k, module),
    }
    evidence = Evidence(Side.ATTAINED, worst.certain, Rigour.ENCLOSED, how)
    return decide(CLAIM, subject.name, squeeze(0.0, (evidence,)), witness)
