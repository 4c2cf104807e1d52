"""Trained weights from files: every family, both formats, and what is refused."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.errors import InputError, MissingToolError
from fbscheck.functions import L1, Box, Function
from fbscheck.network import Network, alista, lista, lista_cp, load
from fbscheck.network.comparisons import injected_products

N, D, M = 3, 4, 2


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(list(shape)).standard_normal(shape)


A, W, W1, W2, THETA = draw(M, D), draw(N, M, D), draw(N, D, M), draw(N, D, D), np.array([0.3, 0.2, 0.1])
EACH, GAMMA, K, L = np.abs(draw(N, D)), np.array([1.0, 0.5, 0.25]), draw(N, D, D) + 1, draw(N, D, M) + 1
ROWS: dict[str, tuple[dict[str, Any], Network]] = {
    "lista": ({"W1": W1, "W2": W2, "theta": THETA}, lista(W1, W2, THETA)),
    "lista, a threshold each": ({"W1": W1, "W2": W2, "theta": EACH}, lista(W1, W2, EACH)),
    "lista, thresholds as columns": ({"W1": W1, "W2": W2, "theta": EACH[:, :, None]}, lista(W1, W2, EACH)),
    "lista, thresholds (N, 1)": ({"W1": W1, "W2": W2, "theta": THETA[:, None]}, lista(W1, W2, THETA)),
    "lista, one layer": ({"W1": W1[:1], "W2": W2[:1], "theta": EACH[:1]}, lista(W1[:1], W2[:1], EACH[:1])),
    "lista, shared": ({"W1": W1[0], "W2": W2[0], "theta": THETA}, lista(W1[0], W2[0], THETA)),
    "lista, layer by layer": (
        {f"{name}.{n}": part[n] for name, part in (("W1", W1), ("W2", W2), ("theta", THETA)) for n in range(N)},
        lista(W1, W2, THETA),
    ),
    "lista, linear layers": (
        {"W1.weight": W1[0], "theta": THETA, **{f"W2.{n}.weight": W2[n] for n in range(N)}},
        lista(W1[0], W2, THETA),
    ),
    "lista-cp": ({"A": A, "W": W, "theta": THETA}, lista_cp(A, W, THETA)),
    "alista": ({"A": A, "W": W[0], "gamma": GAMMA, "theta": THETA}, alista(A, W[0], GAMMA, THETA)),
    "free": ({"K": K, "L": L, "weights": THETA, "horizon": 1.5}, Network(K, L, THETA, L1(1.0), 1.5)),
}


def same(found: Network, expected: Network) -> bool:
    pairs = [(getattr(of.layers, name) for of in (found, expected)) for name in ("transitions", "injections")]
    values = [net(np.ones(D), np.ones(M)) for net in (found, expected)]
    return all(np.array_equal(*pair) for pair in (*pairs, values)) and found.horizon == expected.horizon


@pytest.mark.parametrize(("arrays", "expected"), ROWS.values(), ids=ROWS)
def test_an_npz(arrays: dict[str, Any], expected: Network, tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **arrays)
    assert same(load(tmp_path / "weights.npz"), expected)


@pytest.mark.parametrize(("arrays", "expected"), ROWS.values(), ids=ROWS)
def test_a_state_dict(arrays: dict[str, Any], expected: Network, tmp_path: Path) -> None:
    import torch

    torch.save({name: torch.tensor(value) for name, value in arrays.items()}, tmp_path / "weights.pt")
    assert same(load(tmp_path / "weights.pt"), expected)


def test_a_plain_pytorch_lista_gives_the_same_output(tmp_path: Path) -> None:
    """Written and trained with PyTorch alone; float32 weights, so that outputs agree to single precision."""
    import torch

    class Lista(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.W1 = torch.nn.ModuleList(torch.nn.Linear(M, D, bias=False) for _ in range(N))
            self.W2 = torch.nn.ParameterList(torch.nn.Parameter(0.5 * torch.eye(D)) for _ in range(N))
            self.theta = torch.nn.Parameter(torch.full((N, 1), 0.05))

        def forward(self, b: Any) -> Any:
            x = torch.zeros(len(b), D)
            for W1, W2, theta in zip(self.W1, self.W2, self.theta, strict=True):
                u = W1(b) + x @ W2.T
                x = torch.sign(u) * torch.relu(u.abs() - theta)
            return x

    torch.manual_seed(0)
    model, truth = Lista(), torch.randn(64, D) * (torch.rand(64, D) < 0.5)
    b = truth @ torch.tensor(A, dtype=torch.float32).T
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        ((model(b) - truth) ** 2).mean().backward()
        optimiser.step()
    torch.save(model.state_dict(), tmp_path / "lista.pth")
    net = load(tmp_path / "lista.pth", step=0.5)
    np.testing.assert_allclose(net(np.zeros(D), b.numpy().T), model(b).detach().numpy().T, atol=1e-5)
    assert (net.depth, net.step) == (N, 0.5)
    bracket = net.lipschitz(seconds=1.0)
    assert bracket.lower is not None and bracket.upper is not None
    assert 0 < bracket.lower <= bracket.upper <= injected_products(net.layers)


def test_a_free_network_takes_its_function(tmp_path: Path) -> None:
    np.savez(tmp_path / "free.npz", K=K, L=L, weights=THETA, horizon=[1.5])
    assert same(load(tmp_path / "free.npz", r=Box(-1, 1)), Network(K, L, THETA, Box(-1, 1), 1.5))


GOOD = {"W1": W1, "W2": W2, "theta": THETA}
WRONG: dict[str, tuple[dict[str, Any], Function | None, str]] = {
    "other names": ({"weight": W1}, None, r"names of one family .*LISTA: W1, W2, theta.*got "),
    "one name too many": (GOOD | {"bias": THETA}, None, "got W1, W2, bias, theta"),
    "one name too few": ({"W1": W1, "theta": THETA}, None, "got W1, theta"),
    "nothing": ({}, None, "got none"),
    "NaN": (GOOD | {"W2": W2 * np.nan}, None, "finite entries in W2"),
    "text": (GOOD | {"W2": np.array(["a"])}, None, "real array for W2"),
    "pickled": (GOOD | {"W2": np.array([None, 1], dtype=object)}, None, "npz of numeric arrays"),
    "negative thresholds": (GOOD | {"theta": -THETA}, None, "thresholds >= 0, got -0.3"),
    "wrong shapes": (GOOD | {"W1": W2, "W2": W1}, None, r"transitions \(N, d, d\)"),
    "a layer missing": ({"W1": W1, "W2.0": W2[0], "W2.2": W2[2], "theta": THETA}, None, "W2 of layers 0, 2"),
    "a layer of another shape": (
        {"W1": W1, "theta": THETA, "W2.0": W2[0], "W2.1": W1[0], "W2.2": W2[2]},
        None,
        "of one shape",
    ),
    "a function for LISTA": (GOOD, L1(2.0), "no function r for LISTA"),
    "two horizons": ({"K": K, "L": L, "weights": THETA, "horizon": [1.0, 2.0]}, None, "horizon as one number"),
}


@pytest.mark.parametrize(("arrays", "r", "message"), WRONG.values(), ids=WRONG)
def test_bad_files_are_told(arrays: dict[str, Any], r: Function | None, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path / "weights.npz", r=r)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.npz", "text.npz"])
def test_no_npz_at_all(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match="Need a(n|) (file of weights|.npz of numeric arrays), got"):
        load(tmp_path / name)


def test_what_is_no_state_dict_is_told(tmp_path: Path) -> None:
    import torch

    (tmp_path / "text.pt").write_text("no archive")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "model.pt")
    for name in ("text.pt", "list.pt", "model.pt"):
        with pytest.raises(InputError, match=f"Need a state dict .*{name}") as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_without_pytorch_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights.pt").write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingToolError, match=r"weights.pt needs PyTorch: pip install 'fbscheck\[torch\]'"):
        load(tmp_path / "weights.pt")
