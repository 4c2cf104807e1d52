"""Convex functions g: value, proximal map, subgradients, conjugate, and what is promised of them."""

from fbscheck.functions.activations import SigmoidEntropy, SoftmaxEntropy, SoftplusEntropy, TanhEntropy
from fbscheck.functions.base import Function
from fbscheck.functions.calculus import (
    ArgumentScaled,
    Conjugate,
    Envelope,
    EpigraphScaled,
    Scaled,
    SeparableSum,
    TightFrame,
    Tilted,
    Translated,
    WithQuadratic,
    infimal_convolution,
    reflected,
    summed,
)
from fbscheck.functions.cones import ExponentialCone, SecondOrderCone
from fbscheck.functions.entropies import KullbackLeibler, LogBarrier, LogSumExp, NegativeEntropy
from fbscheck.functions.images import TotalVariation2D
from fbscheck.functions.losses import Fair, LogCosh, Logistic, Power, PseudoHuber, Softplus
from fbscheck.functions.norms import L2, SparseGroup
from fbscheck.functions.ordered import OWL, MonotoneCone
from fbscheck.functions.piecewise import Berhu, Hinge, LeakyRectifier, Quantile, SquaredHinge
from fbscheck.functions.quadratic import Quadratic
from fbscheck.functions.radial import GroupL2, L2Ball
from fbscheck.functions.separable import L1, Box, ElasticNet, Huber, NonNegative, SquaredL2, Zero
from fbscheck.functions.sets import AffineSet, Distance, Halfspace, Hyperplane, SquaredDistance
from fbscheck.functions.simplex import CappedSimplex, L1Ball, LInf, Max, Simplex, SumOfLargest
from fbscheck.functions.spectral import KyFan, Nuclear, PSDCone
from fbscheck.functions.total_variation import TotalVariation

__all__ = [
    "AffineSet",
    "ArgumentScaled",
    "Berhu",
    "Box",
    "CappedSimplex",
    "Conjugate",
    "Distance",
    "ElasticNet",
    "Envelope",
    "EpigraphScaled",
    "ExponentialCone",
    "Fair",
    "Function",
    "GroupL2",
    "Halfspace",
    "Hinge",
    "Huber",
    "Hyperplane",
    "KullbackLeibler",
    "KyFan",
    "L1",
    "L1Ball",
    "L2",
    "L2Ball",
    "LInf",
    "LeakyRectifier",
    "LogBarrier",
    "LogCosh",
    "LogSumExp",
    "Logistic",
    "Max",
    "MonotoneCone",
    "NegativeEntropy",
    "NonNegative",
    "Nuclear",
    "OWL",
    "PSDCone",
    "Power",
    "PseudoHuber",
    "Quadratic",
    "Quantile",
    "Scaled",
    "SecondOrderCone",
    "SeparableSum",
    "SigmoidEntropy",
    "Simplex",
    "SoftmaxEntropy",
    "Softplus",
    "SoftplusEntropy",
    "SparseGroup",
    "SquaredDistance",
    "SquaredHinge",
    "SquaredL2",
    "SumOfLargest",
    "TanhEntropy",
    "TightFrame",
    "Tilted",
    "TotalVariation",
    "TotalVariation2D",
    "Translated",
    "WithQuadratic",
    "Zero",
    "infimal_convolution",
    "reflected",
    "summed",
]
