"""Forward operators f of the step x - h f(x): values, derivatives, and the constants promised of them."""

from fbscheck.operators.base import Gradient, Operator
from fbscheck.operators.composed import Coupled, Regularised, Saddle, rotation, skew
from fbscheck.operators.convolution import Convolution
from fbscheck.operators.linear import Linear
from fbscheck.operators.losses import LeastSquares, Logistic, WeightedLeastSquares
from fbscheck.operators.maps import Blocks, LinearMap, Sparse
from fbscheck.operators.multinomial import Multinomial
from fbscheck.operators.regression import HuberRegression, Poisson, StudentT
from fbscheck.operators.tomography import radon
from fbscheck.operators.variation import SmoothedTV, differences

__all__ = [
    "Blocks",
    "Convolution",
    "Coupled",
    "Gradient",
    "HuberRegression",
    "LeastSquares",
    "Linear",
    "LinearMap",
    "Logistic",
    "Multinomial",
    "Operator",
    "Poisson",
    "Regularised",
    "Saddle",
    "SmoothedTV",
    "Sparse",
    "StudentT",
    "WeightedLeastSquares",
    "differences",
    "radon",
    "rotation",
    "skew",
]
