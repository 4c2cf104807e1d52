"""Learning problems: what is trained, how, and what is certain of the limit of what was trained."""

from fbscheck.learning.families import Alista, Free, ListaCp, Tied
from fbscheck.learning.losses import Huber, SmoothedAbsolute, Squared
from fbscheck.learning.problem import Problem
from fbscheck.learning.regularisers import H1, Lp
from fbscheck.learning.training import Training, train

__all__ = [
    "H1",
    "Alista",
    "Free",
    "Huber",
    "ListaCp",
    "Lp",
    "Problem",
    "SmoothedAbsolute",
    "Squared",
    "Tied",
    "Training",
    "train",
]
