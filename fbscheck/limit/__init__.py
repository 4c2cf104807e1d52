"""The deep-layer limit: parameter paths, and the certified distance of a network from the inclusion it discretises."""

from fbscheck.limit.certificate import ErrorCurve, error_curve
from fbscheck.limit.closed_forms import closed_form
from fbscheck.limit.error import depth_for, error_bound
from fbscheck.limit.path import ParameterPath
from fbscheck.limit.piecewise import LipschitzCurve, Piecewise

__all__ = [
    "ErrorCurve",
    "LipschitzCurve",
    "ParameterPath",
    "Piecewise",
    "closed_form",
    "depth_for",
    "error_bound",
    "error_curve",
]
