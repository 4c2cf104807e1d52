"""Functions that are stated as text: of the catalogue, and made of others by rules."""

import numpy as np
import pytest

from fbscheck.checking.stated import function_named
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, Function, L2Ball, SeparableSum, Translated, Zero


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Zero", Zero(), id="a name"),
        pytest.param("L1(weight=0.3)", L1(0.3), id="a keyword"),
        pytest.param(
            "Translated(Box(-1, 1), [1, 2, 3])", Translated(Box(-1.0, 1.0), np.array([1.0, 2, 3])), id="a rule"
        ),
        pytest.param(
            "SeparableSum((L1(0.3), L2Ball(radius=2)), (1, 2))",
            SeparableSum((L1(0.3), L2Ball(2.0)), (1, 2)),
            id="several functions",
        ),
        pytest.param("Scaled(function=Scaled(L1(), 0.1), factor=3)", L1(0.1 * 3), id="a rule of a rule"),
    ],
)
def test_a_text_names_a_function(text: str, expected: Function) -> None:
    u = np.random.default_rng(1).standard_normal((3, 20)) * 3
    np.testing.assert_allclose(function_named(text).prox(u, 0.7), expected.prox(u, 0.7), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("L7()", id="unknown"),
        pytest.param("Scaled(L7(), 2)", id="unknown inside"),
        pytest.param("Scaled(__import__('os').getcwd(), 2)", id="code inside"),
        pytest.param("Scaled(L1)", id="a name inside is no call"),
        pytest.param("Scaled(*[1])", id="unpacking"),
        pytest.param("L1(**{})", id="unpacking of keywords"),
        pytest.param("np.zeros(3)", id="code"),
    ],
)
def test_what_names_no_function_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        function_named(text)
    assert text in str(caught.value)


def test_the_error_of_a_rule_is_told() -> None:
    with pytest.raises(InputError, match="A A\\^T = a I"):
        function_named("TightFrame(L1(), [[1.0, 0.0], [1.0, 0.0]])")
