"""The linear programs of the coherence against cvxpy, closed forms, and their own certificates."""

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
from scipy.linalg import hadamard

from fbscheck.errors import SolverError
from fbscheck.network.coherence import coherence, generalised_coherence_lower
from fbscheck.reference import coherence as programs
from fbscheck.reference.coherence import generalised_coherence


def by_definition(A: Any, i: int) -> float:
    """min max_{j != i} |<w, a_j>| subject to <w, a_i> = 1, by cvxpy."""
    w = cp.Variable(len(A))
    problem = cp.Problem(cp.Minimize(cp.norm_inf(np.delete(A, i, axis=1).T @ w)), [A[:, i] @ w == 1])
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (8, 12), (15, 20)])
def test_each_program_against_its_definition(rows: int, columns: int, seed: int) -> None:
    A = np.random.default_rng(seed).standard_normal((rows, columns))
    found = generalised_coherence(A, range(columns))
    assert found.optima == pytest.approx([by_definition(A, i) for i in range(columns)], rel=1e-6)
    low, (_, high) = generalised_coherence_lower(A, found.representations, found.columns), coherence(found.weights, A)
    assert low <= found.optima.max() * (1 + 1e-12)
    assert found.optima.max() <= high * (1 + 1e-12)
    assert high <= low * (1 + 1e-9)
    assert not low <= 0.99 * found.optima.max()


def test_the_equi_coherent_dictionary() -> None:
    """[I, H/4] with a Hadamard matrix H of order 16: e_1 is the sum of 16 columns of H/4 over 4, so it is 1/4."""
    A = np.hstack([np.eye(16), hadamard(16) / 4.0])
    found = generalised_coherence(A)
    assert found.optima == pytest.approx(np.full(len(found.columns), 0.25), rel=1e-12)
    assert generalised_coherence_lower(A, found.representations, found.columns) == pytest.approx(0.25, rel=1e-12)


def test_columns_that_the_others_do_not_span_cost_nothing() -> None:
    A = np.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]])
    found = generalised_coherence(A, range(4))
    assert found.optima[0] == 0.0
    assert np.abs(found.weights[:, 0] @ A[:, 1:]).max() <= 1e-15
    assert found.weights[:, 0] @ A[:, 0] == pytest.approx(1.0)


def test_a_program_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    solve = programs.linprog
    monkeypatch.setattr(programs, "linprog", lambda *a, **k: solve(*a, **{**k, "options": {"maxiter": 1}}))
    with pytest.raises(SolverError, match="HiGHS ended the program of column 0"):
        generalised_coherence(np.random.default_rng(0).standard_normal((20, 30)), [0])


DICTIONARIES = [
    pytest.param(np.random.default_rng(0).standard_normal((10, 25)), id="gaussian"),
    pytest.param(np.random.default_rng(1).standard_normal((40, 60)), id="nearly square"),
    pytest.param(np.repeat(np.random.default_rng(2).standard_normal((5, 9)), 2, axis=0), id="rank of half the rows"),
    pytest.param(np.vstack([np.random.default_rng(3).standard_normal((5, 9)), np.zeros(9)]), id="a row of zeros"),
    pytest.param(np.random.default_rng(4).standard_normal((6, 5)), id="independent columns"),
    pytest.param(np.hstack([np.eye(16), hadamard(16) / 4.0]), id="all optima equal"),
    pytest.param(np.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]), id="a column apart"),
]


@pytest.mark.parametrize("A", DICTIONARIES)
def test_the_programs_of_the_worst_columns_settle_all(A: Any) -> None:
    """The same largest optimum as by the programs of all columns, and weights for all that attain it."""
    every, worst = generalised_coherence(A, range(A.shape[1])), generalised_coherence(A)
    largest = every.optima.max()
    assert worst.optima.max() == pytest.approx(largest, rel=1e-9, abs=1e-15)
    assert worst.optima == pytest.approx(every.optima[worst.columns], rel=1e-9, abs=1e-15)
    products = np.abs(worst.weights.T @ A)
    assert np.diag(products) == pytest.approx(np.ones(A.shape[1]), rel=1e-9)
    assert coherence(worst.weights, A)[1] == pytest.approx(largest, rel=1e-9, abs=1e-14)


def test_most_programs_need_no_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of 60; without the search between two programs nearly all of them."""
    A = np.random.default_rng(5).standard_normal((30, 60))
    assert len(generalised_coherence(A).columns) < 12
    monkeypatch.setattr(programs, "SWEEPS", 0)
    assert len(generalised_coherence(A).columns) > 40
