"""Suite "lista": sparse recovery by ALISTA and LISTA-CP, the coherence that it rests on, and how far that reaches."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from fbscheck.claims.networks import weighted
from fbscheck.claims.networks.weighted import Layer
from fbscheck.claims.sparse_recovery import coherence as chapter
from fbscheck.claims.sparse_recovery import recovery, recovery_controls
from fbscheck.claims.sparse_recovery.coherence import PRACTICE, Reach, published, reach_of
from fbscheck.claims.sparse_recovery.signals import Recovery
from fbscheck.errors import MissingToolError
from fbscheck.judge import undecided
from fbscheck.suites.dictionaries import adversarial, dictionary, moved, signals
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["SUITE", "layers"]

Values = npt.NDArray[np.float64]

EQUAL = "identity and Hadamard 64 x 128"
"""All pairs of columns from its two halves have the product 1/8 or -1/8: thresholds and rates are attained."""

SMALL = ("Gaussian 40 x 60, seed 0", "Bernoulli 40 x 60, seed 0", "digits, 60 atoms")
FULL = (*SMALL, "Gaussian 100 x 150, seed 1", "Bernoulli 100 x 150, seed 1", "digits, 200 atoms")
LISTS = {"small": SMALL, "full": FULL, "large": (*FULL, "Gaussian 200 x 250, seed 2")}
SEEDS = {"small": (0,), "full": (0, 1, 2), "large": (0, 1, 2)}
"""The seeds of the published setting; of a small run one program is solved, of others as many as settle all columns."""

DRAWN = {"small": (10, 20, 40), "full": (10, 20, 40, 80, 120), "large": (10, 20, 40, 80, 120, 160)}
"""Columns of the Gaussian dictionaries, half as many rows, whose reach is drawn."""

UNSTATED = (*recovery.CLAIMS, *chapter.CLAIMS)


def _steps(rng: np.random.Generator, layers: int) -> dict[str, Values]:
    return {"equal": np.ones(layers), "drawn": rng.uniform(0.5, 1.25, layers)}


def _case(
    source: str, weights: Values, support: int, steps: Values, rng: np.random.Generator, level: float = 0.0
) -> Recovery:
    """Signals, the worst that are known among them, for weights whose coherence is taken as it is certified."""
    A = dictionary(source)
    x = signals(weights, A, support, 12, rng)
    noise = None
    if level:
        noise = rng.standard_normal((len(A), x.shape[1]))
        noise *= level * (1 - 1e-12) / np.abs(noise).sum(axis=0)
    return Recovery.of(source, A, weights, support, steps, x, noise, level)


def _on_weights(source: str, weights: Values, supports: range, layers: int, rng: np.random.Generator) -> list[Result]:
    """All claims on signals, for each support; those without noise at equal and at drawn steps."""
    results = []
    for s in supports:
        for kind, steps in _steps(rng, layers).items():
            plain = _case(source, weights, s, steps, rng)
            claims = (recovery.RATE, recovery.SUPPORT)
            drawn = kind == "equal" and s == supports[0]
            results += recovery.assess(plain, (*claims, recovery.ADAPTED) if kind == "equal" else claims, drawn=drawn)
        results += recovery.assess(_case(source, weights, s, np.ones(layers), rng, 0.05), (recovery.NOISE,))
        for depth in (4, 16):
            deep = _case(source, weights, s, np.full(depth, 4.0 / depth), rng)
            results += recovery.assess(deep, (recovery.DEEP_LIMIT,))
    return results


def _equal(layers: int, rng: np.random.Generator) -> list[Result]:
    """The dictionary is its own best weights; one support more than the theory allows does not apply."""
    return _on_weights(EQUAL, dictionary(EQUAL), range(2, 6), layers, rng)


def _programs(source: str, layers: int, rng: np.random.Generator) -> list[Result]:
    """Weights by linear programs; the largest supports that they allow, up to 4, and one that they do not."""
    try:
        found = reach_of(source, dictionary(source))
    except MissingToolError as missing:
        return [undecided(claim, source, str(missing)) for claim in UNSTATED]
    most = min(4, found.most)
    supports = range(max(1, most - 1), most + 2)
    claims = (chapter.COHERENCE, chapter.REACH)
    return [*chapter.assess(found, claims), *_on_weights(source, np.asarray(found.weights), supports, layers, rng)]


def _published(seed: int, columns: range | None, rng: np.random.Generator) -> list[Result]:
    source = f"Gaussian 250 x 500, seed {seed}"
    case = reach_of(source, dictionary(source), columns)
    claims = (chapter.COHERENCE, chapter.REACH) if columns is None else (chapter.REACH,)
    return [published(case), *chapter.assess(case, claims)]


def _drawn(counts: tuple[int, ...], rng: np.random.Generator) -> list[Result]:
    """What the theory allows against the signals of practice, over the size of the dictionary."""
    results, allowed = [], []
    for n in counts:
        case = reach_of(f"Gaussian {n // 2} x {n}, seed 7", dictionary(f"Gaussian {n // 2} x {n}, seed 7"))
        (result,) = chapter.assess(case, (chapter.REACH,))
        results.append(result)
        allowed.append(float("nan") if result.bracket.upper is None else result.bracket.upper)
    sizes = np.arange(10.0, 501.0, 10.0)
    anywhere = (1 + np.sqrt(sizes - 1)) / 2
    fewest, most = PRACTICE
    curves = (
        Curve("no dictionary allows more", tuple(sizes.tolist()), tuple(anywhere.tolist())),
        Curve("Gaussian dictionaries, certified", tuple(map(float, counts)), tuple(allowed), "points"),
        Curve("practice: a tenth of the entries", tuple(sizes.tolist()), tuple((sizes / 10).tolist())),
        Curve("published signals, fewest and most", (500.0, 500.0), (float(fewest), float(most)), "points"),
    )
    title = "Nonzeros that the theory allows, and those of practice, for twice as many columns as rows"
    plot = Plot(chapter.REACH.id, "reach", title, "columns $n$", "nonzeros $s$", curves, log_y=True)
    return [*results[:-1], replace(results[-1], plots=(plot,))]


@cache
def layers() -> tuple[Layer, ...]:
    """One that a diagonal weight mends, the textbook's; and layers like trained ones, on images and on noise."""
    images, textbook = dictionary("digits, 6 atoms"), np.array([[1.0, -10.0], [0.0, 1.0]])
    return (
        Layer("K = [[1, -10], [0, 1]], h = 1/10", textbook, Fraction(1, 10)),
        Layer("K = [[1, -10], [0, 1]], h = 1/10, sigma = 1", textbook, Fraction(1, 10), Fraction(1)),
        Layer("digits, 6 atoms, weights moved by 30%, step 1.9", moved(images, 1.9, 4)),
        Layer("Gaussian 16 x 8, weights moved by 30%, step 1.9", moved(dictionary("Gaussian 16 x 8, seed 0"), 1.9, 0)),
        Layer("digits, 6 atoms, weights moved by 30%, step 1", moved(images, 1.0, 4)),
    )


def _weighted(rng: np.random.Generator) -> list[Result]:
    try:
        found = layers()
    except MissingToolError as missing:
        return [undecided(claim, "digits, 6 atoms", str(missing)) for claim in weighted.CLAIMS]
    best = (weighted.DIAGONAL, weighted.FULL)
    return [
        *(weighted.assess(weighted.WEIGHTED, layer) for layer in found),
        *(weighted.assess_best(claim, layer) for claim in best for layer in found),
        weighted.assess(planted(weighted.WEIGHTED), found[2], 0.99),
        *(weighted.assess_best(planted(claim), found[2], 0.99) for claim in best),
    ]


def _plant(rng: np.random.Generator) -> list[Result]:
    """Bounds 1% too small, where they are attained."""
    A = dictionary(EQUAL)
    pair = _case(EQUAL, A, 2, np.ones(8), rng)
    short = _case(EQUAL, A, 2, np.full(8, 2.0**-6), rng)
    noise = np.zeros((64, 1))
    x = np.zeros((128, 1))
    x[0], noise[0] = 1.0, -0.125
    noisy = Recovery(EQUAL, A, A, 0.125, 1, np.ones(8), x, noise, 0.125)
    directions = reach_of("three directions", dictionary("three directions"))
    found: tuple[tuple[Callable[..., list[Result]], Reach | Recovery, tuple[Claim, ...]], ...] = (
        (recovery.assess, pair, (recovery.RATE, recovery.SUPPORT, recovery.ADAPTED)),
        (recovery.assess, short, (recovery.DEEP_LIMIT,)),
        (recovery.assess, noisy, (recovery.NOISE,)),
        (chapter.assess, directions, (chapter.COHERENCE, chapter.REACH)),
    )
    return [
        result
        for assess, case, claims in found
        for result in (*assess(case, claims), *assess(case, tuple(map(planted, claims)), 0.99))
    ]


def _control(layers: int, rng: np.random.Generator) -> list[Result]:
    A = dictionary(EQUAL)
    source = SMALL[0]
    gaussian = dictionary(source)
    best = reach_of(source, gaussian).weights
    found = [(s, adversarial(A, A, s, 30)) for s in (2, 4)]
    worst = [Recovery(EQUAL, A, A, 0.125, s, np.ones(2), x) for s, x in found]
    return [
        *(recovery_controls.small_threshold(case) for case in worst),
        recovery_controls.beyond(_case(EQUAL, A, 5, np.ones(layers), rng)),
        recovery_controls.unfitting(60),
        recovery_controls.frobenius(source, gaussian, np.asarray(best)),
    ]


def _tasks(size: str) -> list[Task]:
    layers = 10 if size == "small" else 30
    return [
        Task("lista: equal coherence", partial(_equal, layers)),
        *(Task(f"lista: {source}", partial(_programs, source, layers)) for source in LISTS[size]),
        *(
            Task(
                f"lista: published setting, seed {seed}",
                partial(_published, seed, range(1) if size == "small" else None),
            )
            for seed in SEEDS[size]
        ),
        Task("lista: reach", partial(_drawn, DRAWN[size])),
        Task("lista: weighted norms", _weighted),
        Task("lista: planted errors", _plant),
        Task("lista: controls", partial(_control, 24)),
    ]


SUITE = Suite(
    "lista",
    "sparse recovery by ALISTA and LISTA-CP: coherence, rates, supports, reach",
    (
        *recovery.CLAIMS,
        *chapter.CLAIMS,
        chapter.PUBLISHED,
        *weighted.CLAIMS,
        *map(planted, (*recovery.CLAIMS, *chapter.CLAIMS, *weighted.CLAIMS)),
        *recovery_controls.CLAIMS,
    ),
    _tasks,
)
