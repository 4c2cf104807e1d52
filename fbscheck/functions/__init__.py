"""Convex functions g: value, proximal map, subgradients, conjugate, and what is promised of them."""

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
from fbscheck.functions.radial import GroupL2, L2Ball
from fbscheck.functions.separable import L1, Box, ElasticNet, Huber, NonNegative, SquaredL2, Zero

__all__ = [
    "ArgumentScaled",
    "Box",
    "Conjugate",
    "ElasticNet",
    "Envelope",
    "EpigraphScaled",
    "Function",
    "GroupL2",
    "Huber",
    "L1",
    "L2Ball",
    "NonNegative",
    "Scaled",
    "SeparableSum",
    "SquaredL2",
    "TightFrame",
    "Tilted",
    "Translated",
    "WithQuadratic",
    "Zero",
    "infimal_convolution",
    "reflected",
    "summed",
]
