"""One forward-backward step T = prox_{hg}(I - hf): its constants, its fixed points, its gaps."""

from fbscheck.splitting.classes import GradientOf, OperatorClass, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.splitting.step import FixedPoint, ForwardBackward

__all__ = [
    "FixedPoint",
    "ForwardBackward",
    "GradientOf",
    "OperatorClass",
    "StronglyMonotoneCocoercive",
    "StronglyMonotoneLipschitz",
]
