"""A map of 400 contraction factors, side by side with PEPit (extra ``peer``): CPU time and accuracy.

    python benchmarks/contraction_map.py

h takes 20 values in (0, 2), mu 20 values in [0, 1], ell = 1.  fbscheck certifies the step
prox_{hg}(I - hf); PEPit gets the easier task of the gradient step I - hf alone.  The truth is
max(|1 - h mu|, |1 - h|), evaluated exactly; a certified bound must not be below it.
"""

import math
import time
import warnings
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from fbscheck.certify.balls import root_up
from fbscheck.reference.worst_case import certify_factor
from fbscheck.splitting import GradientOf

STEPS = np.linspace(0.0, 2.0, 22)[1:-1]
MODULI = np.linspace(0.0, 1.0, 20)


def truth_squared(h: float, mu: float) -> Fraction:
    """The exact squared factor at these float64 parameters."""
    return max((1 - Fraction(h) * Fraction(mu)) ** 2, (1 - Fraction(h)) ** 2)


def ours(h: float, mu: float) -> float:
    """The certified factor, rounded up."""
    return root_up(certify_factor(GradientOf(mu, 1.0), Fraction(h)).squared)


def pepit(solver: str) -> Callable[[float, float], float]:
    """PEPit's bound on the factor by ``solver``."""
    from cvxpy.error import SolverError
    from PEPit import PEP
    from PEPit.functions import SmoothStronglyConvexFunction

    def bound(h: float, mu: float) -> float:
        problem = PEP()
        function = problem.declare_function(SmoothStronglyConvexFunction, mu=mu, L=1.0)
        x, y = problem.set_initial_point(), problem.set_initial_point()
        problem.set_initial_condition((x - y) ** 2 <= 1)
        problem.set_performance_metric((x - h * function.gradient(x) - y + h * function.gradient(y)) ** 2)
        try:
            value = problem.solve(wrapper="cvxpy", solver=solver, verbose=0)
        except (SolverError, ZeroDivisionError):
            return math.nan
        return float(max(value, 0.0)) ** 0.5

    return bound


def measure(name: str, bound: Callable[[float, float], float]) -> float:
    """Run the map once, print its line, and return its CPU seconds."""
    bound(1.0, 0.5)
    start = time.process_time()
    values = {(h, mu): bound(float(h), float(mu)) for h in STEPS for mu in MODULI}
    seconds = time.process_time() - start
    squares = {key: truth_squared(*map(float, key)) for key in values}
    solved = {key: value for key, value in values.items() if not math.isnan(value)}
    below = sum(Fraction(value) ** 2 < squares[key] for key, value in solved.items())
    excess = max(value - float(squares[key]) ** 0.5 for key, value in solved.items())
    counts = f"{below:5} of {len(values)} below the truth, {len(values) - len(solved)} failed"
    print(f"{name:18}{seconds:7.2f} s CPU{counts},{excess:9.1e} largest excess")
    return seconds


def main() -> None:
    """Print one line a contestant, then the ratios of CPU time."""
    warnings.simplefilter("ignore")
    base = measure("fbscheck", ours)
    for name, solver in (("PEPit, Clarabel", "CLARABEL"), ("PEPit, SCS", "SCS")):
        print(f"{'':18}{measure(name, pepit(solver)) / base:7.1f} times the CPU time of fbscheck")


if __name__ == "__main__":
    main()
