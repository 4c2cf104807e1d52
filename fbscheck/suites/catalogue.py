"""Suite "catalogue": every function of the catalogue, maps that are none, operators, and rules of calculus.

The table is the catalogue: a function is checked because it has a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from fbscheck.claims.catalogue import nonconvex, promises
from fbscheck.claims.catalogue.prox import ProxCase
from fbscheck.functions import (
    L1,
    L2,
    OWL,
    AffineSet,
    Berhu,
    Box,
    CappedSimplex,
    Distance,
    ElasticNet,
    ExponentialCone,
    Fair,
    GroupL2,
    Halfspace,
    Hinge,
    Huber,
    Hyperplane,
    KullbackLeibler,
    KyFan,
    L1Ball,
    L2Ball,
    LeakyRectifier,
    LInf,
    LogBarrier,
    LogCosh,
    Logistic,
    LogSumExp,
    Max,
    MonotoneCone,
    NegativeEntropy,
    NonNegative,
    Nuclear,
    Power,
    PSDCone,
    PseudoHuber,
    Quadratic,
    Quantile,
    SecondOrderCone,
    SigmoidEntropy,
    Simplex,
    SoftmaxEntropy,
    Softplus,
    SoftplusEntropy,
    SparseGroup,
    SquaredDistance,
    SquaredHinge,
    SquaredL2,
    SumOfLargest,
    TanhEntropy,
    TotalVariation,
    TotalVariation2D,
    Zero,
)
from fbscheck.functions.nonconvex import NONCONVEX, Nonconvex
from fbscheck.inputs import Array
from fbscheck.suites import catalogue_operators, catalogue_sections
from fbscheck.suites.task import Suite, Task
from fbscheck.verdict import Claim, Curve, Plot, Result, planted

__all__ = ["CASES", "SUITE"]

DEFINITE = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, 0.5], [0.0, 0.5, 1.0]])
ROWS = np.array([[1.0, -1.0, 0.5, 0.0], [0.0, 2.0, 1.0, -1.0]])
NORMAL = np.array([1.0, -2.0, 0.5])

CASES = (
    ProxCase("zero", Zero(), 4),
    ProxCase("l1", L1(0.7), 4),
    ProxCase("weighted l1", L1(np.array([0.0, 0.5, 1.0, 3.0])), 4),
    ProxCase("l2", L2(0.7), 4),
    ProxCase("maximum norm", LInf(0.8), 4),
    ProxCase("group l2", GroupL2([0, 1, 0, 1], 0.7), 4),
    ProxCase("sparse group", SparseGroup([0, 0, 1, 1], 0.3, 0.5), 4),
    ProxCase("OWL", OWL(np.array([2.0, 1.0, 0.5, 0.0])), 4),
    ProxCase("nuclear norm", Nuclear([2, 3], 0.5), 6),
    ProxCase("Ky Fan 2", KyFan([3, 2], 2, 0.5), 6),
    ProxCase("spectral norm", KyFan([2, 3], 1, 2.0), 6),
    ProxCase("total variation", TotalVariation(0.4), 6),
    ProxCase("anisotropic total variation", TotalVariation2D([2, 3], 0.5, False), 6),
    ProxCase("isotropic total variation", TotalVariation2D([2, 3], 0.5, True), 6),
    ProxCase("elastic net", ElasticNet(0.3, 2.0), 4),
    ProxCase("box", Box(-1.0, 2.0), 4),
    ProxCase("nonnegative orthant", NonNegative(), 4),
    ProxCase("simplex", Simplex(1.0), 4),
    ProxCase("capped simplex", CappedSimplex(2.0, 1.0), 4),
    ProxCase("l1 ball", L1Ball(1.5), 4),
    ProxCase("l2 ball", L2Ball(1.5), 4),
    ProxCase("maximum norm ball", Box(-1.5, 1.5), 4),
    ProxCase("half-space", Halfspace(NORMAL, 0.3), 3),
    ProxCase("hyperplane", Hyperplane(NORMAL, 0.3), 3),
    ProxCase("affine set", AffineSet(ROWS, np.array([1.0, -1.0])), 4),
    ProxCase("second-order cone", SecondOrderCone(), 4),
    ProxCase("semidefinite cone", PSDCone(2), 4),
    ProxCase("exponential cone", ExponentialCone(), 3),
    ProxCase("monotone cone", MonotoneCone(), 5),
    ProxCase("Huber", Huber(0.5, 2.0), 4),
    ProxCase("pseudo-Huber", PseudoHuber(0.5), 4),
    ProxCase("logistic", Logistic(), 4),
    ProxCase("softplus", Softplus(), 4),
    ProxCase("log barrier", LogBarrier(), 4),
    ProxCase("negative entropy", NegativeEntropy(), 4),
    ProxCase("Kullback-Leibler", KullbackLeibler(np.array([0.0, 1.0, 3.0, 0.5])), 4),
    ProxCase("hinge", Hinge(), 4),
    ProxCase("squared hinge", SquaredHinge(), 4),
    ProxCase("quantile", Quantile(0.3), 4),
    ProxCase("log-cosh", LogCosh(), 4),
    ProxCase("Berhu", Berhu(0.6), 4),
    ProxCase("power 3/2", Power(1.5), 4),
    ProxCase("power 4/3", Power(4 / 3), 4),
    ProxCase("power 3", Power(3.0), 4),
    ProxCase("power 4", Power(4.0), 4),
    ProxCase("squared l2", SquaredL2(3.0), 4),
    ProxCase("quadratic", Quadratic(DEFINITE, NORMAL), 3),
    ProxCase("distance to a box", Distance(Box(-1.0, 1.0), 0.7), 4),
    ProxCase("distance to a ball", Distance(L2Ball(1.0), 1.5), 4),
    ProxCase("squared distance to a simplex", SquaredDistance(Simplex(1.0), 2.0), 4),
    ProxCase("maximum", Max(), 4),
    ProxCase("sum of the 2 largest", SumOfLargest(2), 4),
    ProxCase("log-sum-exp", LogSumExp(), 4),
    ProxCase("Fair", Fair(0.7), 4),
    ProxCase("leaky rectifier", LeakyRectifier(0.1), 4),
    ProxCase("tanh entropy", TanhEntropy(), 4),
    ProxCase("sigmoid entropy", SigmoidEntropy(), 4),
    ProxCase("softplus entropy", SoftplusEntropy(), 4),
    ProxCase("softmax entropy", SoftmaxEntropy(), 4),
)

PLANTED = {
    promises.REFERENCE: "weighted l1",
    promises.OPTIMALITY: "l1 ball",
    promises.FIRM: "weighted l1",
    promises.RESOLVENT: "total variation",
    promises.VALUE: "elastic net",
    promises.CONJUGATE: "Huber",
    promises.DERIVATIVE: "logistic",
    promises.LIPSCHITZ: "l2",
    promises.PROJECTION: "simplex",
    promises.INPUT: "nuclear norm",
    promises.EXTREMES: "zero",
}
"""The function on which each claim is planted with an error of 1%."""

SAMPLES = {"small": 24, "full": 200, "large": 2000}


GRAPHS = {
    "norms and sets of one coordinate": ("l2", "elastic net", "box", "nonnegative orthant", "quantile"),
    "smooth losses": ("Huber", "pseudo-Huber", "logistic", "softplus", "log-cosh", "Fair"),
    "losses with kinks": ("hinge", "squared hinge", "Berhu", "leaky rectifier"),
    "powers": ("power 4/3", "power 3/2", "squared l2", "power 3", "power 4"),
    "barriers and entropies": ("log barrier", "negative entropy", "log-sum-exp"),
    "functions of activations": ("tanh entropy", "sigmoid entropy", "softplus entropy"),
}
"""Functions whose proximal maps of one number are drawn together, at step 1."""


def check(case: ProxCase, samples: int, rng: np.random.Generator) -> list[Result]:
    """All claims about one function; the graphs of its group are with the first of them."""
    results = promises.assess(case, promises.CLAIMS, samples, rng)
    graphs = tuple(graph(title) for title, names in GRAPHS.items() if names[0] == case.name)
    return [replace(result, plots=graphs) if result.claim == promises.OPTIMALITY.id else result for result in results]


def graph(title: str) -> Plot:
    """The proximal maps of a group, at step 1."""
    functions = {case.name: case.g for case in CASES if case.name in GRAPHS[title]}
    maps = {name: partial(functions[name].prox, step=1.0) for name in GRAPHS[title]}
    return _drawn(promises.OPTIMALITY, f"Proximal maps: {title}", maps)


def _drawn(claim: Claim, title: str, maps: Mapping[str, Callable[[Array], Array]]) -> Plot:
    u = np.linspace(-3.0, 3.0, 121)
    curves = (Curve(name, tuple(u.tolist()), tuple(of(u[None])[0].tolist())) for name, of in maps.items())
    return Plot(claim.id, title, title, "$u$", "$p(u)$", tuple(curves))


def _plant(rng: np.random.Generator) -> list[Result]:
    by_name = {case.name: case for case in CASES}
    return [
        result
        for claim, name in PLANTED.items()
        for result in promises.assess(by_name[name], [planted(claim, ERROR)], SAMPLES["small"], rng, scale=0.99)
    ]


def _nonconvex(entry: Nonconvex, samples: int, rng: np.random.Generator) -> list[Result]:
    """What is true of a map; the graphs of all are with the first of them."""
    results = nonconvex.assess(entry, samples, rng)
    if entry is not NONCONVEX[0]:
        return results
    kinds = {True: "Proximal maps of nonconvex functions", False: "Proximal maps of no function"}
    plots = []
    for monotone, title in kinds.items():
        maps = {of.name: of.map for of in NONCONVEX if of.dimension == 1 and of.monotone is monotone}
        plots.append(_drawn(nonconvex.CLAIMS[0], title, maps))
    return [replace(results[0], plots=tuple(plots)), *results[1:]]


def _tasks(size: str) -> list[Task]:
    return [
        *(Task(f"catalogue: {case.name}", partial(check, case, SAMPLES[size])) for case in CASES),
        *(Task(f"catalogue: {entry.name}", partial(_nonconvex, entry, 10 * SAMPLES[size])) for entry in NONCONVEX),
        Task("catalogue: planted errors", _plant),
        *catalogue_sections.tasks((*CASES, *catalogue_operators.CASES)),
        *catalogue_operators.tasks(size),
    ]


ERROR = "an error of 1%"
PLANTED_CLAIMS = tuple(planted(claim, ERROR) for claim in PLANTED)

SUITE = Suite(
    "catalogue",
    "functions, operators, rules: references, conjugates, derivatives, constants",
    (*promises.CLAIMS, *nonconvex.CLAIMS, *PLANTED_CLAIMS, *catalogue_sections.CLAIMS, *catalogue_operators.CLAIMS),
    _tasks,
)
