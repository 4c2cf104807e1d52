"""Functions made of others: one rule a class, with the proximal map and the constants that follow.

Each rule transforms the Moreau envelope M_h of the given function g into that of the new one; proximal maps are
u - h M_h'(u), and what else a function offers follows from its definition.  There is no rule for a sum of two functions
in general: the proximal map of g1 + g2 is not that of g1 after that of g2, nor any other formula of the two.
"""

from fbscheck.functions.calculus.arguments import ArgumentScaled, Translated, reflected
from fbscheck.functions.calculus.duality import Conjugate, Envelope, infimal_convolution
from fbscheck.functions.calculus.frames import TightFrame
from fbscheck.functions.calculus.sums import SeparableSum, WithQuadratic, summed
from fbscheck.functions.calculus.values import EpigraphScaled, Scaled, Tilted

__all__ = [
    "ArgumentScaled",
    "Conjugate",
    "Envelope",
    "EpigraphScaled",
    "Scaled",
    "SeparableSum",
    "TightFrame",
    "Tilted",
    "Translated",
    "WithQuadratic",
    "infimal_convolution",
    "reflected",
    "summed",
]
