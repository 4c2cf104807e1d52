"""When a search for violations may end before its time."""

import math
from typing import Any

import numpy as np
import pytest

from fbscheck.checking.blackbox import _refuted
from fbscheck.checking.questions import Question
from fbscheck.checking.trials import Pair

NONEXPANSIVE, MONOTONE = Question("nonexpansive", 1.0), Question("monotonicity", 0.0)


def pairs(**values: float) -> dict[str, Pair]:
    point = np.zeros(1)
    return {name: Pair(point, point, point, point, value, value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("questions", "rounds", "expected"),
    [
        pytest.param([NONEXPANSIVE], [{"lipschitz": 1.5}] * 3, [False, True, True], id="refuted, no worse"),
        pytest.param([NONEXPANSIVE], [{"lipschitz": v} for v in (1.5, 1.6, 1.601)], [False, False, True], id="worse"),
        pytest.param([NONEXPANSIVE], [{"lipschitz": 1.0}] * 2, [False, False], id="it holds"),
        pytest.param([NONEXPANSIVE], [{}] * 2, [False, False], id="no pair"),
        pytest.param([NONEXPANSIVE], [{"lipschitz": 1e6}], [True], id="a jump, which gets worse for ever"),
        pytest.param([Question("lipschitz", None)], [{"lipschitz": 1.5}] * 2, [False, False], id="measured"),
        pytest.param(
            [NONEXPANSIVE, Question("lipschitz", None)], [{"lipschitz": 1.5}] * 2, [False, False], id="also measured"
        ),
        pytest.param([MONOTONE], [{"monotonicity": -0.5}] * 2, [False, True], id="from below"),
        pytest.param([MONOTONE], [{"monotonicity": 0.5}] * 2, [False, False], id="it holds from below"),
        pytest.param(
            [NONEXPANSIVE, MONOTONE], [{"lipschitz": 1.5, "monotonicity": 0.5}] * 2, [False, False], id="one holds"
        ),
        pytest.param([Question("averagedness", 0.5)], [{"averagedness": math.inf}], [True], id="infinite"),
    ],
)
def test_a_search_ends_where_all_is_refuted_and_grows_no_worse(
    questions: list[Question], rounds: list[dict[str, Any]], expected: list[bool]
) -> None:
    enough = _refuted(questions)
    assert [enough(pairs(**found)) for found in rounds] == expected
