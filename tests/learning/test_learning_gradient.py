"""Values and derivatives of learning problems: against autograd, differences, other networks; and bad input."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from problems import FAMILIES, LOSSES, REGULARISERS, D, M, S, matrix, nonseparable, parameters, problem

import fbscheck as fb
from fbscheck.certify.rounded import Rounded
from fbscheck.errors import InputError
from fbscheck.functions import L1, Box, GroupL2, L2Ball, Zero
from fbscheck.learning import H1, Alista, Free, ListaCp, Lp, Problem, Squared, Tied
from fbscheck.learning import problem as problem_module

DEPTH = 6


def difference(function: Callable[[float], Any], step: float = 1e-4) -> Any:
    """The derivative at 0, to fourth order."""
    near, far = (function(k * step) - function(-k * step) for k in (1, 2))
    return (8 * near - far) / (12 * step)


SCALARS = Alista(np.ones((1, 8)), np.ones((1, 8)), L1(1.0))


# -- the value ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("regulariser", REGULARISERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_is_that_of_the_path(family: str, regulariser: str) -> None:
    known = problem(family, regulariser)
    theta = parameters(known, DEPTH)
    expected = known.network(theta)(known.x0, known.b)
    np.testing.assert_allclose(known.outputs(theta), expected, atol=1e-13)
    if known.family.linear or regulariser != "H1":
        np.testing.assert_allclose(known.path(theta).network(DEPTH)(known.x0, known.b), expected, atol=1e-13)
    errors = expected - known.target
    value = np.mean(np.sum(errors**2, axis=0)) / 2 + known.regulariser(theta, 1.5)
    assert known.value(theta) == pytest.approx(value, rel=1e-13)


def integral(function: Callable[[np.ndarray], np.ndarray], pieces: int) -> float:
    """Over [0, 1.5], by Gauss's rule with five points a piece."""
    points, weights = np.polynomial.legendre.leggauss(5)
    h = 1.5 / pieces
    times = (np.arange(pieces)[:, None] + (points + 1) / 2).ravel() * h
    return float(np.tile(weights, pieces) @ function(times) * h / 2)


def test_mass_and_stiffness_are_exact() -> None:
    theta = np.random.default_rng(1).standard_normal((DEPTH + 1, 3))
    known = H1(0.3, 0.2, reference=[0.1, 0.0, -1.0])
    nodes = np.linspace(0, 1.5, DEPTH + 1)

    def path(t: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(t, nodes, column) for column in theta.T])

    mass = integral(lambda t: np.sum((path(t) - np.array([[0.1], [0.0], [-1.0]])) ** 2, axis=0), DEPTH)
    stiffness = np.sum(np.diff(theta, axis=0) ** 2) * DEPTH / 1.5
    assert known(theta, 1.5) == pytest.approx(0.15 * mass + 0.1 * stiffness, rel=1e-13)
    assert known.seminorm(theta, 1.5) == pytest.approx(stiffness, rel=1e-13)
    wrong = np.sum(np.diff(theta, axis=0) ** 2) / 1.5
    assert abs(known(theta, 1.5) - (0.15 * mass + 0.1 * wrong)) > 0.1, "planted: the stiffness scaled without N"


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_powers_are_those_of_the_euclidean_norm(p: float) -> None:
    theta = np.random.default_rng(2).standard_normal((DEPTH, 3))
    expected = 0.1 * 1.5 * np.mean(np.linalg.norm(theta, axis=1) ** p)
    assert Lp(0.1, p)(theta, 1.5) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("known", [H1(0.3, 0.2, 0.1), Lp(0.1), Lp(0.1, 3.0), Lp(0.1, 1.0)], ids=repr)
def test_enclosed_values_hold_the_value(known: Any) -> None:
    theta = np.random.default_rng(3).standard_normal((40, 3))
    found = known.enclosure(theta, Rounded(1.5))
    assert found.lower < known(theta, 1.5) < found.upper
    assert found.upper - found.lower < 1e-12 * found.upper


@pytest.mark.parametrize("regulariser", REGULARISERS)
def test_a_refined_path_is_the_same_path(regulariser: str) -> None:
    known = REGULARISERS[regulariser]
    theta = np.random.default_rng(4).standard_normal((known.rows(DEPTH), 3))
    fine = known.refined(theta)
    assert known.depth(fine) == 2 * DEPTH
    assert known(fine, 1.5) == pytest.approx(known(theta, 1.5), rel=1e-13)
    np.testing.assert_allclose(known.coarsened(fine, 2), theta, rtol=1e-15)


# -- derivatives -------------------------------------------------------------------------------------------


def torch_value(known: Problem, K: Any, L: Any, weights: Any) -> Any:
    x, b, target = (torch.tensor(part) for part in (known.x0, known.b, known.target))
    h = known.horizon / len(K)
    r: Any = known.family.r
    for n in range(len(K)):
        u = x - h * (K[n] @ x - L[n] @ b)
        x = torch.sign(u) * torch.relu(torch.abs(u) - h * weights[n] * r.weight)
    return ((x - target) ** 2).sum() / 2 / known.samples


def torch_layers(known: Problem, theta: Any) -> Any:
    family = known.family
    q, weights = theta[:, : family.matrix_count], theta[:, -1]
    if isinstance(family, Free):
        return q[:, : D * D].reshape(-1, D, D), q[:, D * D :].reshape(-1, D, M), weights
    if isinstance(family, Alista):
        A, W = torch.tensor(np.array(family.A)), torch.tensor(np.array(family.W))
        return q[:, :, None] * (W.T @ A), q[:, :, None] * W.T, weights
    W = q.reshape(-1, M, D)
    A = torch.tensor(np.array(family.A)) if isinstance(family, ListaCp) else W
    return W.transpose(1, 2) @ A, W.transpose(1, 2), weights


@pytest.mark.parametrize("regulariser", ["H1", "L2", "L3"])
@pytest.mark.parametrize("family", ["free", "alista", "lista-cp", "tied"])
def test_the_adjoint_is_the_gradient_of_autograd(family: str, regulariser: str) -> None:
    known = problem(family, regulariser, seed=5)
    theta = parameters(known, DEPTH, 5)
    variable = torch.tensor(theta, requires_grad=True)
    loss = torch_value(known, *torch_layers(known, known.regulariser.of_layers(variable)))
    if regulariser == "H1":
        away, h = variable - 0.1, 1.5 / DEPTH
        left, right = away[:-1], away[1:]
        penalty = 0.05 * h * (left**2 + left * right + right**2).sum() + 0.1 * ((right - left) ** 2).sum() / h
    else:
        penalty = 0.1 * 1.5 / DEPTH * (variable.norm(dim=1) ** REGULARISERS[regulariser].p).sum()
    total = loss + penalty
    total.backward()
    value, gradient = known.value_and_gradient(theta)
    expected = variable.grad.numpy()
    assert value == pytest.approx(total.item(), rel=1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("regulariser", REGULARISERS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradient_is_the_limit_of_differences(family: str, regulariser: str, loss: str) -> None:
    known = problem(family, regulariser, loss, seed=6)
    theta = parameters(known, DEPTH, 6)
    direction = np.random.default_rng(7).standard_normal(theta.shape)
    value, gradient = known.value_and_gradient(theta)
    expected = difference(lambda t: known.value(theta + t * direction), 1e-5)
    assert value == known.value(theta)
    assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("r", [L2Ball(0.8), GroupL2([0, 1, 0, 1], 0.2)], ids=repr)
def test_the_gradient_where_the_prox_is_not_separable(r: Any) -> None:
    known = nonseparable(r)
    theta = parameters(known, DEPTH, 8)
    direction = np.random.default_rng(9).standard_normal(theta.shape)
    expected = difference(lambda t: known.value(theta + t * direction), 1e-5)
    assert np.sum(known.value_and_gradient(theta)[1] * direction) == pytest.approx(expected, rel=1e-7, abs=1e-8)


def test_planted_an_adjoint_with_a_sign_error_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = problem("free", "H1", seed=13)
    theta = parameters(known, DEPTH, 13)
    direction = np.random.default_rng(13).standard_normal(theta.shape)
    pull = Free.pull
    monkeypatch.setattr(Free, "pull", lambda self, theta, dK, dL, dw: pull(self, theta, -dK, dL, dw))
    wrong = np.sum(known.value_and_gradient(theta)[1] * direction)
    assert abs(wrong - difference(lambda t: known.value(theta + t * direction), 1e-5)) > 1e-2


def test_a_weight_of_zero_has_the_derivative_from_above() -> None:
    known = problem("free", "L2", seed=14)
    theta = parameters(known, DEPTH, 14)
    theta[:, -1] = 0.0
    gradient = known.value_and_gradient(theta)[1]
    more = np.zeros_like(theta)
    more[:, -1] = 1.0
    steps = [1e-4, 2e-4]
    rises = [(known.value(theta + t * more) - known.value(theta)) / t for t in steps]
    assert gradient[:, -1].sum() == pytest.approx(2 * rises[0] - rises[1], rel=1e-5)


def in_blocks(size: int, overlap: int = 0) -> Callable[..., list[tuple[int, int]]]:
    """Blocks of ``size`` layers of 37; ``overlap`` layers of each are swept twice (an error)."""
    return lambda self, theta: [(max(first - overlap, 0), min(first + size, 37)) for first in range(0, 37, size)]


@pytest.mark.parametrize("size", [1, 2, 5, 6, 18, 36, 37])
@pytest.mark.parametrize("regulariser", ["H1", "L2"])
def test_blocks_change_nothing(regulariser: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = problem("free", regulariser, seed=15)
    theta = parameters(known, 37, 15)
    assert len(known._blocks(theta)) == 1
    value, gradient = known.value_and_gradient(theta)
    monkeypatch.setattr(Problem, "_blocks", in_blocks(size))
    again, found = known.value_and_gradient(theta)
    assert again == pytest.approx(value, rel=1e-14) and known.value(theta) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(found, gradient, rtol=1e-11, atol=1e-15)


def test_planted_a_wrong_block_boundary_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    known = problem("free", "L2", seed=15)
    theta = parameters(known, 37, 15)
    value = known.value(theta)
    monkeypatch.setattr(Problem, "_blocks", in_blocks(6, overlap=1))
    assert abs(known.value(theta) - value) > 1e-3 * value


@pytest.mark.parametrize(("depth", "blocks"), [(10, 1), (11, 4), (100, 10), (101, 11), (1000, 100)])
def test_deep_networks_are_swept_in_blocks(depth: int, blocks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten layers fit; deeper networks take blocks of the root of their depth, or of ten layers."""
    monkeypatch.setattr(problem_module, "ENTRIES", 10 * D * (D + M))
    known = problem("free", "L2")
    found = known._blocks(parameters(known, depth))
    assert len(found) == blocks
    assert [first for first, _ in found[1:]] == [end for _, end in found[:-1]] and found[-1][1] == depth


def test_memory_is_that_of_the_root_of_the_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the depth needs twice the states, and four times the parameters, which are few."""
    monkeypatch.setattr(problem_module, "ENTRIES", 2**14)
    rng = np.random.default_rng(16)
    known = Problem(rng.standard_normal((8, 64)), [0.0], np.zeros(8), SCALARS, Lp(0.1), 1.0)
    peaks = []
    for depth in (1024, 4096):
        tracemalloc.start()
        known.value_and_gradient(np.zeros((depth, 2)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < 1024 * known.x0.nbytes, "less than all states, not to speak of arguments and slopes"
    assert peaks[1] < 2.5 * peaks[0]


@pytest.mark.parametrize(("entries", "proxes"), [(2**22, 1), (5 * D * (D + M), 2)])
def test_a_gradient_costs_two_sweeps_or_three(entries: int, proxes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers applied: forward once (twice in blocks), backward once."""
    calls = {"_prox": 0, "_prox_jacobian": 0}
    for name in calls:
        original = getattr(L1, name)

        def counted(self: Any, *given: Any, name: str = name, original: Any = original) -> Any:
            calls[name] += 1
            return original(self, *given)

        monkeypatch.setattr(L1, name, counted)
    monkeypatch.setattr(problem_module, "ENTRIES", entries)
    known = problem("free", "H1")
    known.value_and_gradient(parameters(known, 40))
    assert calls["_prox"] <= 40 * proxes and calls["_prox_jacobian"] == 40


# -- bad input ---------------------------------------------------------------------------------------------

X, B = np.zeros((D, S)), np.zeros((M, S))
FREE = Free(D, M, L1(1.0))
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "transposed": (lambda: Problem(X.T, B, X, FREE, Lp(1.0), 1.0), r"x0 of shape \(5,\) or \(5, S\), got \(4, 5\)"),
    "samples differ": (lambda: Problem(X[:, :3], B, X, FREE, Lp(1.0), 1.0), "one number of samples, got 3 and 4"),
    "no horizon": (lambda: Problem(X, B, X, FREE, Lp(1.0), 0.0), "horizon > 0"),
    "a class": (lambda: Problem(X, B, X, FREE, Lp, 1.0), "a Regulariser for regulariser, got ABCMeta"),
    "no penalty on slopes": (lambda: H1(1.0, 0.0), "c > 0, got c=0.0. Without both terms"),
    "p below 1": (lambda: Lp(1.0, 0.5), "p >= 1, got p=0.5"),
    "training with p = 1": (lambda: Lp(1.0, 1.0).metric(np.ones((3, 2)), 1.0), "p > 1 to train"),
    "half a power": (lambda: Lp(1.0, 1.5).enclosure(np.ones((3, 2)), Rounded(1.0)), "integer p for a certificate"),
    "theta of another family": (lambda: problem().value(np.zeros((3, 7))), r"\(rows, 41\)"),
    "one node": (lambda: problem().value(np.zeros((1, 41))), "one layer or more"),
    "negative weight": (lambda: problem().value(-np.ones((3, 41))), "an entry 1 below"),
    "indicator trained": (lambda: Free(D, M, Box(0.0, 1.0)), "a fixed weight, for instance weight=1"),
    "no function": (lambda: Free(D, M, 1.0), "r as a Function, got float"),
    "no dimension": (lambda: Free(0, M, Zero()), "positive integer for dimension, got 0"),
    "W transposed": (lambda: Alista(matrix(0), matrix(0).T, L1(1.0)), "W of the shape of A"),
    "tied lines": (lambda: problem("tied").path(np.ones((3, 16))), "tied weights are quadratic"),
    "overflow": (lambda: problem(regulariser="L2").value(np.full((9, 41), 1e200)), "overflow in layer"),
    "depth": (lambda: Lp(1.0).coarsened(np.ones((6, 1)), 4), "factor that divides the depth, got 4 and 6"),
    "zero refinement": (lambda: problem().limit_value(np.zeros((3, 41)), refine=0), "refine >= 1"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_told(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_the_public_name_loads() -> None:
    assert fb.learning.Problem is Problem
    assert replace(problem(), loss=Squared()).samples == S and Tied(2, 2, Zero()).linear is False
