"""Convex functions g: value, proximal map, subgradients, conjugate, and what is promised of them."""

from fbscheck.functions.base import Function
from fbscheck.functions.radial import GroupL2, L2Ball
from fbscheck.functions.separable import L1, Box, ElasticNet, Huber, NonNegative, SquaredL2, Zero

__all__ = ["Box", "ElasticNet", "Function", "GroupL2", "Huber", "L1", "L2Ball", "NonNegative", "SquaredL2", "Zero"]
