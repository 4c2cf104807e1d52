"""PEPit and AutoLyap, which know nothing of this package, find the same worst cases.

Every parameter set of the suite ``contraction`` goes to every peer that models it: PEPit's own examples (gradients,
g merely convex), the step over each class modelled in PEPit, and the step as an algorithm in AutoLyap, all solved by
Clarabel, in the units in which ell = 1 or beta = 1.  ``FAILS`` has the sets that a peer cannot do, as rows of their
own: an error of the peer's own is required; where its solver gives up or is inaccurate, an agreement is no failure.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction as R
from functools import cache
from typing import Any

import fbscheck.proofs
import numpy as np
import pytest
import sympy
from autolyap import IterationDependent, SolverOptions
from autolyap import problemclass as known
from autolyap.algorithms import Algorithm
from cvxpy.error import SolverError
from PEPit import PEP, functions, operators
from PEPit.examples import composite_convex_minimization as composite
from PEPit.examples import monotone_inclusions_variational_inequalities as inclusions
from PEPit.examples import tutorials
from PEPit.examples import unconstrained_convex_minimization as unconstrained
from PEPit.primitive_steps import proximal_step

import fbscheck as fb
from fbscheck.claims.layers.contraction import Step
from fbscheck.functions import Zero
from fbscheck.operators import Linear
from fbscheck.splitting import GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
from fbscheck.suites.contraction import CASES, HUGE, TINY
from fbscheck.verdict import Bracket

G, L, C = GradientOf, StronglyMonotoneLipschitz, StronglyMonotoneCocoercive

PEPIT, AUTOLYAP = 1e-6, 2e-5
"""How near a peer must come, relative to the squared factor or, if that is larger, to 1; measured: 1e-7 and 3e-6."""


class Unsolved(Exception):
    """The peer's solver found no solution, or an inaccurate one."""


@contextmanager
def accurate() -> Iterator[None]:
    """Turns what PEPit does when its solver fails into ``Unsolved``."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            yield
        except (SolverError, UserWarning, TypeError) as failure:
            raise Unsolved(str(failure)) from failure


def example(worst_case: Callable[..., tuple[float, float]], **parameters: Any) -> float:
    """The value of one of PEPit's examples."""
    with accurate():
        return worst_case(**parameters, solver="CLARABEL", verbose=-1)[0]


def solved(problem: PEP) -> float:
    with accurate():
        return float(problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))


def numbers(case: Step) -> tuple[float, ...]:
    """mu, ell or beta, h and sigma."""
    return tuple(map(float, (*case.operators.constants.values(), case.step, case.strong_convexity)))


def of_gradients(worst_case: Callable[..., tuple[float, float]]) -> Callable[[Step], float]:
    """One step of PEPit's proximal gradient or gradient method."""

    def bound(case: Step) -> float:
        mu, ell, h, _ = numbers(case)
        return example(worst_case, mu=mu, L=ell, gamma=h, n=1)

    return bound


def forward(problem: PEP, case: Step) -> Any:
    """The forward operator; of the last two classes PEPit uses inequalities that need not describe them completely."""
    mu, bound, _, _ = numbers(case)
    if isinstance(case.operators, G):
        return problem.declare_function(functions.SmoothStronglyConvexFunction, mu=mu, L=bound)
    if isinstance(case.operators, L):
        return problem.declare_function(operators.LipschitzStronglyMonotoneOperatorCheap, mu=mu, L=bound)
    return problem.declare_function(operators.CocoerciveStronglyMonotoneOperatorCheap, mu=mu, beta=bound)


def two_steps(case: Step) -> tuple[PEP, Any, Any]:
    """A problem with x - y and Tx - Ty, where |x - y| <= 1."""
    problem = PEP()
    f = forward(problem, case)
    _, _, h, sigma = numbers(case)
    g = problem.declare_function(functions.StronglyConvexFunction, mu=sigma)
    x, y = problem.set_initial_point(), problem.set_initial_point()
    problem.set_initial_condition((x - y) ** 2 <= 1)
    Tx, Ty = (proximal_step(z - h * f.gradient(z), g, h)[0] for z in (x, y))
    return problem, x - y, Tx - Ty


def in_pepit(case: Step) -> float:
    problem, _, moved = two_steps(case)
    problem.set_performance_metric(moved**2)
    return solved(problem)


class ForwardBackward(Algorithm):  # type: ignore[misc]
    """x+ = x - h u_1 - h u_2 with u_1 = f(x) and u_2 a subgradient of g at x+."""

    def __init__(self, step: float, gradient: bool) -> None:
        super().__init__(1, 2, [1, 1], [1, 2] if gradient else [2], [] if gradient else [1])
        self.step = step

    def get_ABCD(self, k: int) -> tuple[np.ndarray, ...]:
        h = self.step
        return np.eye(1), np.array([[-h, -h]]), np.ones((2, 1)), np.array([[0.0, 0.0], [-h, -h]])


def in_autolyap(case: Step) -> float:
    """The distance to the solution after one step; solutions called inaccurate count, as they do by default."""
    mu, bound, h, sigma = numbers(case)
    if gradient := isinstance(case.operators, G):
        f: Any = known.SmoothStronglyConvex(mu, bound) if mu != 0 else known.SmoothConvex(bound)
    else:
        second = known.LipschitzOperator(bound) if isinstance(case.operators, L) else known.Cocoercive(bound)
        f = [known.StronglyMonotone(mu) if mu > 0 else known.MaximallyMonotone(), second]
    g = known.StronglyConvex(sigma) if sigma > 0 else known.Convex()
    algorithm = ForwardBackward(h, gradient)
    (Q_0, q_0), (Q_1, q_1) = (IterationDependent.get_parameters_distance_to_solution(algorithm, k) for k in (0, 1))
    options = SolverOptions(backend="cvxpy", cvxpy_solver="CLARABEL")
    problem = known.InclusionProblem([f, g])
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        found = IterationDependent.search_lyapunov(
            problem, algorithm, 1, Q_0, Q_1, q_0, q_1, solver_options=options, verbosity=0
        )
    if found["status"] != "feasible":
        raise Unsolved(found["status"])
    return float(found["c_K"])


PEERS: dict[str, tuple[Callable[[Step], float], float]] = {
    "proximal_gradient": (of_gradients(composite.wc_proximal_gradient), PEPIT),
    "proximal_gradient_quadratics": (of_gradients(composite.wc_proximal_gradient_quadratics), PEPIT),
    "gradient_descent_contraction": (of_gradients(tutorials.wc_gradient_descent_contraction), PEPIT),
    "PEPit": (in_pepit, PEPIT),
    "AutoLyap": (in_autolyap, AUTOLYAP),
}
EXAMPLES = tuple(PEERS)[:3]

EQUAL = (*(Step(G(1, 1), h) for h in (R(1, 2), R(1), R(2))), Step(G(0, 0), R(1)))
NEARLY = Step(G(1, 1 + R(1, 10**6)), R(1, 2))
SHORT, LONG, LONG_LIPSCHITZ = Step(G(R(1, 10), 1), TINY), Step(G(R(1, 10), 1), HUGE), Step(L(R(1, 10), 1), HUGE)
MU_BELOW_ELL = {**dict.fromkeys(EQUAL, ZeroDivisionError), NEARLY: Unsolved, LONG: Unsolved}

FAILS: dict[str, dict[Step, type[Exception]]] = {
    "proximal_gradient": MU_BELOW_ELL,
    "proximal_gradient_quadratics": dict.fromkeys((EQUAL[0], EQUAL[2], NEARLY, LONG), Unsolved),
    "gradient_descent_contraction": MU_BELOW_ELL,
    "PEPit": {**MU_BELOW_ELL, LONG_LIPSCHITZ: Unsolved},
    "AutoLyap": {
        **dict.fromkeys((*EQUAL, Step(L(0, 0), R(1))), ValueError),
        **dict.fromkeys((NEARLY, SHORT, LONG, LONG_LIPSCHITZ), Unsolved),
    },
}
"""Peer and parameter set to the exception: ``Unsolved`` if its solver fails, else an error of the peer."""


def applies(peer: str, case: Step) -> bool:
    """The examples are about gradients, with g merely convex."""
    return peer not in EXAMPLES or (isinstance(case.operators, G) and case.strong_convexity == 0)


def name(case: Step) -> str:
    return f"{type(case.operators).__name__} {case.name}"


def row(peer: str, case: Step) -> Any:
    weak = pytest.mark.xfail(raises=Unsolved, strict=False, reason="the peer's solver fails")
    return pytest.param(peer, case, marks=[weak] if case in FAILS[peer] else [], id=f"{peer}: {name(case)}")


PAIRS = [(peer, case) for peer in PEERS for case in CASES if applies(peer, case)]
AGREE = [row(*pair) for pair in PAIRS if FAILS[pair[0]].get(pair[1], Unsolved) is Unsolved]
REFUSE = [(peer, case) for peer, case in PAIRS if FAILS[peer].get(case, Unsolved) is not Unsolved]


def in_units(case: Step) -> Step:
    """The same step in units in which ell = 1 or beta = 1, with the same factor."""
    mu, bound = case.operators.constants.values()
    ell = (1 / bound if isinstance(case.operators, C) else bound) or R(1)
    bound = bound * ell if isinstance(case.operators, C) else bound / ell
    scaled = type(case.operators)(mu / ell, bound)  # type: ignore[call-arg]
    return Step(scaled, case.step * ell, case.strong_convexity / ell)


@cache
def bracket(case: Step) -> Bracket:
    return fb.contraction_factor(case.operators, case.step, case.strong_convexity)


def agree(peer: str, asked: Step, case: Step, scale: float = 1.0) -> None:
    """The peer's squared factor of one step lies in the bracket of another, up to the peer's accuracy."""
    find, accuracy = PEERS[peer]
    lower, upper = (scale * float(end or 0.0) ** 2 for end in (bracket(case).lower, bracket(case).upper))
    slack = accuracy * max(1.0, upper)
    assert lower - slack <= find(asked) <= upper + slack


def test_the_tables_cover_the_suite() -> None:
    assert all(set(FAILS[peer]) <= {case for known, case in PAIRS if known == peer} for peer in PEERS)
    assert len(AGREE) > 200
    assert len(REFUSE) == 17


@pytest.mark.parametrize(("peer", "case"), AGREE)
def test_peers_agree(peer: str, case: Step) -> None:
    agree(peer, in_units(case), case)


@pytest.mark.parametrize(("peer", "case"), REFUSE, ids=[f"{peer}: {name(case)}" for peer, case in REFUSE])
def test_what_peers_refuse(peer: str, case: Step) -> None:
    """At mu = ell PEPit divides by zero and AutoLyap objects; both ends of the bracket are known all the same."""
    with pytest.raises(FAILS[peer][case]):
        PEERS[peer][0](in_units(case))
    assert bracket(case).theory == abs(1 - case.step * case.operators.constants["mu"])


SCALED = [case for case in CASES if {TINY, HUGE} & set(case.operators.constants.values())]


@pytest.mark.xfail(raises=(Unsolved, AssertionError), strict=False, reason="solved in the units of ell only")
@pytest.mark.parametrize("case", SCALED, ids=map(name, SCALED))
def test_peers_in_the_units_of_the_suite(case: Step) -> None:
    """At ell = 10^12 PEPit's bound for a gradient step is 0, without a warning."""
    agree("PEPit", case, case)


@pytest.mark.parametrize("scale", [0.99, 1.01])
@pytest.mark.parametrize("peer", PEERS)
def test_a_factor_that_is_off_by_a_percent_is_noticed(peer: str, scale: float) -> None:
    case = Step(G(R(1, 10), 1), R(20, 11))
    agree(peer, case, case)
    with pytest.raises(AssertionError):
        agree(peer, case, case, scale)


@pytest.mark.parametrize("peer", ["PEPit", "AutoLyap"])
def test_a_peer_with_another_class_is_noticed(peer: str) -> None:
    """A gradient, taken for merely monotone and Lipschitz; and a g without its strong convexity."""
    case = Step(G(R(1, 10), 1), R(1), R(1, 2))
    for other in (Step(L(R(1, 10), 1), R(1), R(1, 2)), Step(G(R(1, 10), 1), R(1))):
        with pytest.raises(AssertionError):
            agree(peer, other, case)


@pytest.mark.parametrize("h", [0.1, 0.5, 1.0, 1.5, 1.9])
@pytest.mark.parametrize("operators", [C(0, 1), G(0, 1)], ids=["cocoercive", "gradient"])
def test_averagedness(operators: Any, h: float) -> None:
    """|Tx-Ty|^2 + (1-alpha)/alpha |(I-T)x-(I-T)y|^2 is at most |x-y|^2, and more for a smaller alpha."""

    def worst(alpha: float) -> float:
        problem, d, moved = two_steps(Step(operators, R(h)))
        problem.set_performance_metric(moved**2 + (1 - alpha) / alpha * (d - moved) ** 2)
        return solved(problem)

    alpha = fb.ForwardBackward(Linear(np.eye(1)), Zero(), h).averagedness()
    assert worst(alpha) == pytest.approx(1.0, abs=PEPIT)
    assert worst(0.99 * alpha) > 1.001


@pytest.mark.parametrize("alpha", [0.1, 1.0, 10.0])
def test_the_step_of_a_resolvent(alpha: float) -> None:
    """|x_1 - x_0|^2 <= a/(1-a) |x_0 - x^*|^2 with the averagedness a = 1/2 of a resolvent."""
    a = fb.ForwardBackward(Linear(np.zeros((1, 1))), Zero(), alpha).averagedness()
    assert example(inclusions.wc_proximal_point, alpha=alpha, n=1) == pytest.approx(a / (1 - a), abs=PEPIT)


def minimisation(f_class: Any, constants: dict[str, float], h: float, n: int) -> tuple[PEP, Any, Any, list[Any]]:
    """n proximal gradient steps in PEPit: the problem, F + g, a minimiser, and the iterates."""
    problem = PEP()
    f, g = problem.declare_function(f_class, **constants), problem.declare_function(functions.ConvexFunction)
    total, x = f + g, [problem.set_initial_point()]
    solution = total.stationary_point()
    for _ in range(n):
        x.append(proximal_step(x[-1] - h * f.gradient(x[-1]), g, h)[0])
    return problem, total, solution, x


@pytest.mark.parametrize("h", [0.5, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_sublinear_rate(n: int, h: float) -> None:
    """The rate 1/(4hn) of the proofs, for the proximal gradient method and for PEPit's proximal point method."""
    coefficient = fbscheck.proofs.catalogue()[f"sublinear rate, n = {n}"].goal.terms["x_0", "x_0"]
    rate = float(sympy.sympify(coefficient).subs({symbol: h for symbol in coefficient.free_symbols}))
    problem, total, solution, x = minimisation(functions.SmoothConvexFunction, {"L": 1.0}, h, n)
    problem.set_initial_condition((x[0] - solution) ** 2 <= 1)
    problem.set_performance_metric(total(x[-1]) - total(solution))
    assert solved(problem) == pytest.approx(rate, abs=PEPIT)
    assert example(unconstrained.wc_proximal_point, gamma=h, n=n) == pytest.approx(rate, abs=PEPIT)


@pytest.mark.parametrize(("mu", "h"), [(0.1, 1.0), (0.5, 1.0), (0.1, 20 / 11)])
def test_the_a_posteriori_bound(mu: float, h: float) -> None:
    """|x_1 - x^*| <= q/(1-q) |x_1 - x_0|, attained while 1 - h mu is the factor q."""
    q = fb.contraction_factor(G(mu, 1.0), h).theory
    problem, _, solution, x = minimisation(functions.SmoothStronglyConvexFunction, {"mu": mu, "L": 1.0}, h, 1)
    problem.set_initial_condition((x[1] - x[0]) ** 2 <= 1)
    problem.set_performance_metric((x[1] - solution) ** 2)
    assert q is not None
    assert solved(problem) == pytest.approx((q / (1 - q)) ** 2, rel=PEPIT)


@pytest.mark.parametrize("k", [1.1, 2.0, 10.0])
@pytest.mark.parametrize("longer", [True, False])
def test_residuals_at_two_steps(k: float, longer: bool) -> None:
    """|x - T_h'x| is at most k and at least once |x - T_hx| for h' = kh, and nothing better holds."""
    problem = PEP()
    g = problem.declare_function(functions.ConvexFunction)
    x, v = problem.set_initial_point(), problem.set_initial_point()
    a, b = (x - proximal_step(x - h * v, g, h)[0] for h in (1.0, k))
    problem.set_initial_condition((a if longer else b) ** 2 <= 1)
    problem.set_performance_metric((b if longer else a) ** 2)
    assert solved(problem) == pytest.approx(k**2 if longer else 1.0, rel=PEPIT)
