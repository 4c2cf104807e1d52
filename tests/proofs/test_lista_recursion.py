"""The recursion of LISTA recovery by other routes: written out index by index, and run on networks.

Layers run in rational arithmetic where a bound is to be met with equality, on the equi-coherent dictionary
[I, H/8] with a Hadamard matrix H, and on random dictionaries with the analytic weights of ALISTA.
"""

from dataclasses import replace
from fractions import Fraction as R
from typing import Any

import fbscheck.proofs
import numpy as np
import pytest
import sympy
from scipy.linalg import hadamard

from fbscheck.certify.symbolic import NotProved, Proof, Term, check, scalar

PROOFS = fbscheck.proofs.catalogue()
mu, gamma = sympy.symbols("mu gamma", positive=True)
v = sympy.Symbol("v", nonnegative=True)
CASES = {"gamma <= 1": (1 - gamma, {gamma: 1 / (1 + v)}), "gamma >= 1": (gamma - 1, {gamma: 1 + v})}
ZERO = scalar("E") - scalar("E")


@pytest.mark.parametrize("s", range(1, 7))
def test_the_double_sum_counts_each_error_for_all_other_indices(s: int) -> None:
    """What the record cites: the sum over i and j != i of |e_j| is (s-1) |e|_1, as an identity."""
    errors = [scalar(f"|e_{i}|") for i in range(s)]
    pairs = sum((errors[j] for i in range(s) for j in range(s) if j != i), ZERO)
    check(Proof("counting", "", "", (s - 1) * sum(errors, ZERO) - pairs, ()))
    with pytest.raises(NotProved, match="the identity fails"):
        check(Proof("planted: s - 2", "", "", (s - 2) * sum(errors, ZERO) - pairs, ()))


def index_by_index(s: int, rest: Any, cover: dict[Any, Any]) -> Proof:
    """The recursion for a support of s indices, from hypotheses on single ones: no sum is cited."""
    E, theta = scalar("E"), scalar("theta")
    errors, moved, after = ([scalar(f"{name}_{i}") for i in range(s)] for name in ("|e|", "|u-x*|", "|x+-x*|"))
    rows = [
        (
            Term("soft", moved[i] + theta - after[i]),
            Term("u", rest * errors[i] + mu * gamma * sum((errors[j] for j in range(s) if j != i), ZERO) - moved[i]),
        )
        for i in range(s)
    ]
    last = (Term("theta", mu * gamma * E - theta, s), Term("E", E - sum(errors, ZERO), rest + (s - 1) * mu * gamma))
    goal = ((2 * s - 1) * mu * gamma + rest) * E - sum(after, ZERO)
    return Proof("by hand", "", "", goal, (*(term for row in rows for term in row), *last), cover=cover)


@pytest.mark.parametrize("s", range(1, 6))
@pytest.mark.parametrize("case", CASES)
def test_the_recursion_index_by_index(case: str, s: int) -> None:
    rest, cover = CASES[case]
    proof = index_by_index(s, rest, cover)
    check(proof)
    record = PROOFS[f"LISTA recovery: recursion, {case}"].goal.terms["E",]
    symbols = {symbol.name: symbol for symbol in record.free_symbols}
    same = record.subs({symbols["s"]: s, symbols[r"\tilde\mu"]: mu, symbols["gamma"]: gamma})
    assert sympy.expand(same - proof.goal.terms["E",]) == 0
    with pytest.raises(NotProved, match="the identity fails"):
        check(replace(proof, goal=proof.goal - mu * gamma * scalar("E")))
    with pytest.raises(NotProved, match="not manifestly nonnegative"):
        check(index_by_index(s, rest, {}))


def layer(coupling: Any, x: Any, x_star: Any, gamma: Any, theta: Any) -> Any:
    """One layer, with ``coupling`` = W^T A, in the arithmetic of its arguments; points are columns."""
    u = x - gamma * (coupling @ (x - x_star))
    return np.maximum(u - theta, 0 * u) - np.maximum(-u - theta, 0 * u)


def size(x: Any) -> Any:
    """|x|_1 of each column."""
    return np.sum(np.abs(x), axis=0)


def false_positives(x: Any, x_star: Any) -> Any:
    """How many coordinates of each column leave the support."""
    return np.sum((x != 0) & (x_star == 0), axis=0)


def factor(s: int, mu: Any, gamma: Any) -> Any:
    return (2 * s - 1) * mu * gamma + abs(1 - gamma)


def rational(rows: Any) -> Any:
    """An array of fractions."""
    return np.vectorize(R, otypes=[object])(rows)


def off_diagonal(coupling: Any) -> Any:
    return np.max(np.abs(coupling - np.diag(np.diag(coupling))))


@pytest.mark.parametrize("seed", range(12))
def test_random_layers_in_rational_arithmetic(seed: int) -> None:
    """Any dictionary, any start on the support, steps below and above 1: exactly within the bound."""
    rng = np.random.default_rng(seed)
    rows, count, s = 6, 9, int(rng.integers(1, 4))
    A = rational(rng.integers(-9, 10, (rows, count)) + 10 * np.eye(rows, count, dtype=int))
    coupling = (A / np.sum(A * A, axis=0)).T @ A
    assert set(np.diag(coupling)) == {1}
    support = rng.choice(count, s, replace=False)
    x, x_star = rational(np.zeros(count, dtype=int)), rational(np.zeros(count, dtype=int))
    x[support], x_star[support] = (rational(rng.integers(-20, 21, s)) / 7 for _ in range(2))
    mu, E = off_diagonal(coupling), size(x - x_star)
    for gamma in rng.permutation(np.array([R(1, 3), R(1), R(4, 3)])):
        x = layer(coupling, x, x_star, gamma, mu * gamma * E)
        E *= factor(s, mu, gamma)
        assert set(np.flatnonzero(x)) <= set(support)
        assert size(x - x_star) <= E


SHARP = [
    pytest.param(R(1, 2), -1, -1, id="gamma < 1, from x = 0"),
    pytest.param(R(1), -1, -1, id="gamma = 1, from x = 0"),
    pytest.param(R(5, 4), 1, 1, id="gamma > 1, from above"),
]


@pytest.mark.parametrize("s", range(1, 6))
@pytest.mark.parametrize(("gamma", "sign", "side"), SHARP)
def test_the_factor_is_attained(gamma: R, sign: int, side: int, s: int) -> None:
    """All couplings and errors alike: the error after the layer is the bound, and any smaller factor fails."""
    mu = R(1, 2 * s + 3)
    coupling = rational(np.full((s + 1, s + 1), sign)) * mu
    np.fill_diagonal(coupling, R(1))
    e = rational(np.array([side] * s + [0]))
    x_star = rational(np.array([1 if side < 0 else 9] * s + [0]))
    x = layer(coupling, x_star + e, x_star, gamma, mu * gamma * s)
    assert false_positives(x, x_star) == 0
    assert size(x - x_star) == factor(s, mu, gamma) * s


H = hadamard(64)
D = np.hstack([np.eye(64), H / 8.0])
COUPLING = D.T @ D
MU, S = 1 / 8, 4


def test_the_dictionary_is_equi_coherent() -> None:
    off = COUPLING - np.eye(128)
    assert set(np.unique(np.abs(off))) == {0.0, MU}
    assert factor(S, MU, 1) == 0.875


def adversarial(rng: np.random.Generator) -> tuple[Any, int]:
    """A signal of ones on s columns of I with the signs of one column of H, and the index of that column."""
    x_star, column = np.zeros(128), int(rng.integers(64))
    support = rng.choice(64, S, replace=False)
    x_star[support] = H[support, column]
    return x_star, 64 + column


@pytest.mark.parametrize("seed", range(5))
def test_recovery_on_the_equi_coherent_dictionary(seed: int) -> None:
    """60 layers on 60 signals at once: no false positive, and the error within .875^k of s."""
    rng = np.random.default_rng(seed)
    x_star = np.zeros((128, 60))
    for column in x_star.T:
        column[rng.choice(128, S, replace=False)] = rng.uniform(-1, 1, S)
    x, E = np.zeros_like(x_star), float(S)
    for _ in range(60):
        x = layer(COUPLING, x, x_star, 1.0, MU * E)
        E *= factor(S, MU, 1)
        assert not false_positives(x, x_star).any()
        assert (size(x - x_star) <= E * (1 + 1e-12)).all()
    assert E < 1e-2 * S


@pytest.mark.parametrize("seed", range(30))
def test_a_threshold_a_fifth_smaller_lets_false_positives_through(seed: int) -> None:
    """At mu~ |e|_1 the worst signs give exactly the threshold; below it the support is wrong at once."""
    x_star, worst = adversarial(np.random.default_rng(seed))
    E = size(x_star)
    assert abs((COUPLING @ x_star)[worst]) == MU * E
    assert false_positives(layer(COUPLING, np.zeros(128), x_star, 1.0, MU * E), x_star) == 0
    wrong = layer(COUPLING, np.zeros(128), x_star, 1.0, 0.8 * MU * E)
    assert false_positives(wrong, x_star) >= 1
    assert wrong[worst] != 0


@pytest.mark.parametrize("gamma", [0.6, 1.0, 1.2])
@pytest.mark.parametrize("seed", range(4))
def test_recovery_with_the_weights_of_alista(seed: int, gamma: float) -> None:
    """Random dictionaries; w_i = (A A^T)^-1 a_i over its product with a_i minimises |W^T A|_F."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((40, 60))
    W = np.linalg.solve(A @ A.T, A)
    coupling = (W / np.sum(W * A, axis=0)).T @ A
    mu, s = off_diagonal(coupling), 2
    x_star = np.zeros((60, 50))
    for column in x_star.T:
        column[rng.choice(60, s, replace=False)] = rng.uniform(-1, 1, s)
    x, E = np.zeros_like(x_star), size(x_star)
    for _ in range(8):
        x = layer(coupling, x, x_star, gamma, mu * gamma * E * (1 + 1e-12))
        E = E * factor(s, mu, gamma)
        assert not false_positives(x, x_star).any()
        assert (size(x - x_star) <= E * (1 + 1e-9)).all()
