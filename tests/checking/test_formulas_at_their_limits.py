"""Formulas that jump at poles, are undefined on regions, or hide a spike: nothing wrong may be proved of them."""

from typing import Any

import numpy as np
import pytest
import sympy

from fbscheck.checking.analytic import name_of
from fbscheck.checking.expressions import Expression
from fbscheck.checking.session import check
from fbscheck.errors import InputError
from fbscheck.verdict import Verdict

GOOD = {Verdict.PROVED, Verdict.CERTIFIED}
x, y = sympy.symbols("x y", real=True)
JUMPS = [
    ("x/2 - sign(1/x)/10", "monotonicity=0.3"),
    ("x/2 - Piecewise((1, 1/x > 0), (-1, True))/10", "firmly_nonexpansive"),
    ("x/2 - Piecewise((1, 1/x > 0), (-1, True))/10", "prox"),
    ("x/2 + Heaviside(1/x)/10", "nonexpansive"),
    ("x/2 + Max(-1, Min(1, 1/x**3))/10", "nonexpansive"),
    ("x/2 + Piecewise((1, tanh(1/x) > 0), (-1, True))/10", "nonexpansive"),
    ("x/2 + Piecewise((1, exp(1/x) > 1), (-1, True))/10", "nonexpansive"),
    ("x/2 + sign(1/(x*y))/10, y/2", "nonexpansive"),
    ("x/2 + sign(1/(x*y))/10, y/2", "gradient"),
    ("3*Max(x - 1/2, 0) + Piecewise((1, 1/x > 0), (-1, True))/10", "lipschitz=3"),
    ("x + Max(-1, Min(1, 1/x))/10", "lipschitz=1.2"),
]
UNDEFINED = [
    ("Max(x - 5, 0)*log(x) + x/2", "nonexpansive"),
    ("Max(x - 5, 0)*log(x) + x/2", "prox"),
    ("Max(x - 5, 0)*sqrt(x) + x/2", "firmly_nonexpansive"),
]


@pytest.mark.parametrize(("formula", "claim"), JUMPS + UNDEFINED)
def test_nothing_is_proved_across_a_pole_or_where_nothing_is_defined(formula: str, claim: str) -> None:
    result = check(f"sympy:{formula}", claims=[claim], budget=1.0).results[0]
    assert result.verdict not in GOOD, result.reason


def test_a_primitive_that_jumps_is_none() -> None:
    against = "sympy:x**2/2 + Piecewise((1, 1/x > 0), (-1, True))"
    result = check("sympy:x", claims=["nonexpansive"], gradient_of=against, budget=1.0).results[-1]
    assert result.claim == "gradient_of" and result.verdict not in GOOD


def test_a_spike_between_the_nodes_refutes_no_formula() -> None:
    operator, against = "10**4*(1 - tanh(10**4*(x - 1/3))**2) + log(x)", "tanh(10**4*(x - 1/3)) + x*log(x) - x"
    found = check(f"sympy:{operator}", box=(0, 1), claims=["monotonicity"], gradient_of=f"sympy:{against}", budget=3.0)
    assert found.results[-1].verdict is not Verdict.REFUTED


def test_a_primitive_is_compared_by_position() -> None:
    kink = 2 * sympy.Max(x - sympy.Rational(9999, 10000), 0)
    operator: Any = Expression([x + y + kink, x + y], [y, x])
    against = "sympy:(x + y)**2/2 + Max(x - 0.9999, 0)**2"
    assert check(operator, claims=["lipschitz=9"], gradient_of=against, budget=1.0).results[-1].verdict not in GOOD


def test_the_order_of_symbols_is_told() -> None:
    assert name_of(Expression([y, x], [x, y])) == "y, x"
    assert name_of(Expression([y, x], [y, x])) == "(y, x) -> y, x"


@pytest.mark.parametrize("given", [[[2**53 + 1]], np.ma.masked_array(np.eye(2), mask=np.eye(2) > 0)])
def test_matrices_that_float64_does_not_hold_are_refused(given: Any) -> None:
    with pytest.raises(InputError, match="float64 holds exactly|without a mask"):
        check(given, claims=["nonexpansive"])


@pytest.mark.parametrize(
    ("formula", "claim", "box"),
    [
        ("x/2 + log(x)/4", "lipschitz=1", (0.5, 2.0)),
        ("x/sqrt(1 + x**2)", "firmly_nonexpansive", (-1.0, 1.0)),
        ("Piecewise((sqrt(x), x > 1), (x, True))", "lipschitz=1", (-1.0, 3.0)),
    ],
)
def test_what_is_defined_is_still_certified(formula: str, claim: str, box: tuple[float, float]) -> None:
    assert check(f"sympy:{formula}", claims=[claim], box=box, budget=3.0).results[0].verdict in GOOD
