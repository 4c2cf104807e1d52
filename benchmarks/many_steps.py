"""Many steps as a whole, side by side with PEPit and AutoLyap (extra ``peer``): value, CPU time, ratios.

    python benchmarks/many_steps.py [NAME ...]      contestants whose name contains a NAME, default: all

N proximal gradient steps of varying length on F + g, F mu-strongly convex and ell-smooth, g convex: the worst
|x_N - x^*|^2 / |x_0 - x^*|^2.  All contestants run in one process with one thread each; their time is the CPU time of
the best of a few runs, from the parameters to the value, modelling included.  fbscheck's value is an exact upper
bound, those of the others are what a solver says; excess is relative to the first contestant.  With steps of 1 the
truth is .81^N.
"""

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import cycle, islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from fbscheck.certify.balls import round_up
from fbscheck.splitting import GradientOf

MU, ELL = Fraction(1, 10), Fraction(1)
SCHEDULES = {"1.9, .1, 1.9, .1, ...": (Fraction(19, 10), Fraction(1, 10)), "1, 1, 1, 1, ...": (Fraction(1),)}
COUNTS = (1, 2, 4, 10, 20)
REPEATS, PATIENCE = 3, 2.0
"""Runs of a contestant, and the CPU seconds after which it is not run again for a better time."""

Contestant = Callable[[Sequence[Fraction]], float]


def ours(steps: Sequence[Fraction]) -> float:
    """The certified bound of fbscheck, rounded up."""
    from fbscheck.reference.many_steps import certify_steps

    return round_up(certify_steps(GradientOf(MU, ELL), steps).squared)


def pepit(solver: str) -> Contestant:
    """PEPit's bound by ``solver``; SCS is its default where MOSEK is not installed."""
    from cvxpy.error import SolverError
    from PEPit import PEP
    from PEPit.functions import ConvexFunction, SmoothStronglyConvexFunction
    from PEPit.primitive_steps import proximal_step

    def bound(steps: Sequence[Fraction]) -> float:
        problem = PEP()
        f = problem.declare_function(SmoothStronglyConvexFunction, mu=float(MU), L=float(ELL))
        g = problem.declare_function(ConvexFunction)
        solution = (f + g).stationary_point()
        x = problem.set_initial_point()
        problem.set_initial_condition((x - solution) ** 2 <= 1)
        for h in map(float, steps):
            x, _, _ = proximal_step(x - h * f.gradient(x), g, h)
        problem.set_performance_metric((x - solution) ** 2)
        try:
            return float(problem.solve(wrapper="cvxpy", solver=solver, verbose=0))
        except (SolverError, TypeError):
            return math.nan

    return bound


def autolyap(solver: str) -> Contestant:
    """AutoLyap's bound by ``solver``: Lyapunov functions that change from step to step."""
    from autolyap import IterationDependent, SolverOptions
    from autolyap.algorithms import Algorithm
    from autolyap.problemclass import Convex, InclusionProblem, SmoothStronglyConvex

    class ProximalGradient(Algorithm):  # type: ignore[misc]
        """x_{k+1} = x_k - h_k u_1 - h_k u_2 with u_1 = F'(x_k) and u_2 a subgradient of g at x_{k+1}."""

        def __init__(self, steps: Sequence[Fraction]) -> None:
            super().__init__(1, 2, [1, 1], [1, 2], [])
            self.steps = [float(h) for h in (*steps, steps[-1])]

        def get_ABCD(self, k: int) -> tuple[Any, Any, Any, Any]:
            """The matrices of step k; the one after the last is asked for, but its result is not."""
            h = self.steps[k]
            return np.eye(1), np.array([[-h, -h]]), np.ones((2, 1)), np.array([[0.0, 0.0], [-h, -h]])

    def bound(steps: Sequence[Fraction]) -> float:
        problem = InclusionProblem([SmoothStronglyConvex(float(MU), float(ELL)), Convex()])
        method, count = ProximalGradient(steps), len(steps)
        (Q_0, q_0), (Q_N, q_N) = (IterationDependent.get_parameters_distance_to_solution(method, k) for k in (0, count))
        options = SolverOptions(backend="cvxpy", cvxpy_solver=solver)
        found = IterationDependent.search_lyapunov(
            problem, method, count, Q_0, Q_N, q_0, q_N, solver_options=options, verbosity=0
        )
        return math.nan if found["c_K"] is None else float(found["c_K"])

    return bound


CONTESTANTS: dict[str, Callable[[], Contestant]] = {
    "fbscheck": lambda: ours,
    "PEPit, SCS": lambda: pepit("SCS"),
    "PEPit, Clarabel": lambda: pepit("CLARABEL"),
    "AutoLyap, Clarabel": lambda: autolyap("CLARABEL"),
    "AutoLyap, SCS": lambda: autolyap("SCS"),
}


def measure(bound: Contestant, steps: Sequence[Fraction]) -> tuple[float, float]:
    """The value, and the CPU seconds of the fastest run."""
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < PATIENCE:
        start = time.process_time()
        value = bound(steps)
        seconds.append(time.process_time() - start)
    return value, min(seconds)


def main() -> None:
    """Print a line for each schedule, number of steps and contestant."""
    parser = argparse.ArgumentParser(description="Many steps as a whole: value, CPU seconds, ratios to the first.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="contestants by part of their name (default: all)")
    names = parser.parse_args().names
    chosen = {name: make() for name, make in CONTESTANTS.items() if not names or any(part in name for part in names)}
    warnings.simplefilter("ignore")
    for title, pattern in SCHEDULES.items():
        print(f"steps {title}\n{'N':>4}  {'':20}{'value':>12}{'excess':>10}{'CPU':>11}{'ratio':>9}")
        for bound in chosen.values():
            bound(pattern)
        for count in COUNTS:
            steps = list(islice(cycle(pattern), count))
            results = {name: measure(bound, steps) for name, bound in chosen.items()}
            first, base = next(iter(results.values()))
            for name, (value, seconds) in results.items():
                excess = f"{value / first - 1:10.1e}"
                print(f"{count:4}  {name:20}{value:12.8f}{excess}{seconds:9.3f} s{seconds / base:9.3g}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
