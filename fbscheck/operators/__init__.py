"""Forward operators f of the step x - h f(x): values, and the constants promised of them."""

from fbscheck.operators.base import Gradient, Operator
from fbscheck.operators.linear import Linear
from fbscheck.operators.losses import LeastSquares, Logistic

__all__ = ["Gradient", "LeastSquares", "Linear", "Logistic", "Operator"]
