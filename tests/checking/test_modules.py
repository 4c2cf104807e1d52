"""Torch modules as operators: against numpy, against the norm of their matrices, and left as they were."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fbscheck.checking.modules import Module, is_module
from fbscheck.checking.session import check
from fbscheck.checking.worker import Fault, Guest
from fbscheck.errors import InputError
from fbscheck.verdict import Verdict

X = np.random.default_rng(1).normal(size=(4, 6))


class Soft(nn.Module):
    def __init__(self, threshold: float = 0.5) -> None:
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(threshold))

    def forward(self, x: Any, scale: float = 1.0) -> Any:
        return scale * torch.sign(x) * torch.relu(x.abs() - self.threshold)


def soft(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)


def seeded(make: Any) -> Any:
    torch.manual_seed(0)
    return make()


def net() -> Any:
    return seeded(lambda: nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 4)))


def convolution() -> Any:
    return seeded(lambda: nn.Conv2d(1, 1, 3, padding=1))


def matrix(layer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The linear part of a layer, column by column, in float64."""
    basis = torch.eye(int(np.prod(shape)), dtype=torch.float64).reshape(-1, *shape)
    with torch.no_grad():
        copy = pickle.loads(pickle.dumps(layer)).double()
        return (copy(basis) - copy(0 * basis)).reshape(len(basis), -1).T.numpy()


def guest(module: Any, shape: tuple[int, ...], **parameters: Any) -> Guest:
    return Guest(module, parameters, None, shape)


def test_a_soft_threshold_is_the_one_of_numpy() -> None:
    for target, parameters in ((Soft(), {}), (Soft, {"threshold": 0.5}), (Soft(), {"scale": 1.0})):
        values, dtype = guest(target, (4,), **parameters).answer("singles", X)
        np.testing.assert_array_equal(values, soft(X))
        assert dtype == "float64"
    np.testing.assert_array_equal(guest(Soft(), (4,), scale=2.0).answer("batch", X)[0], 2 * soft(X))


def test_a_net_in_float64_is_that_of_its_weights() -> None:
    module = net()
    first, _, last = module
    w, b, v, c = (t.detach().numpy().astype(float) for t in (first.weight, first.bias, last.weight, last.bias))
    expected = v @ np.maximum(w @ X + b[:, None], 0) + c[:, None]
    np.testing.assert_allclose(guest(module, (4,)).answer("singles", X)[0], expected, rtol=0, atol=1e-14)


def test_the_users_module_is_left_as_it_was() -> None:
    module = nn.Sequential(net(), nn.Dropout(0.5))
    before = pickle.dumps(module.state_dict())
    guest(module, (4,)).answer("singles", X)
    assert pickle.dumps(module.state_dict()) == before
    assert module.training and all(p.requires_grad and p.dtype == torch.float32 for p in module.parameters())


def test_training_mode_is_left_and_said() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    module[1].running_mean += 3
    inside = guest(module, (1, 4))
    values = inside.answer("singles", X)[0]
    np.testing.assert_array_equal(values, inside.answer("singles", X)[0])
    reference = pickle.loads(pickle.dumps(module)).double().eval()
    np.testing.assert_allclose(values, reference(torch.from_numpy(X.T)).detach().numpy().T, atol=1e-15)
    assert "in training mode, where BatchNorm1d, Dropout would do something else" in inside.remark
    assert "training" not in guest(module.eval(), (1, 4)).remark
    assert guest(Soft(), (4,)).remark == "T is a torch module: examined in evaluation mode, in float64."
    assert guest(np.tanh, (4,)).remark == ""


def test_the_derivative_is_that_of_the_weights() -> None:
    module = net()
    w, v = (module[k].weight.detach().numpy().astype(float) for k in (0, 2))
    on = (w @ X + module[0].bias.detach().numpy().astype(float)[:, None]) > 0
    direction = np.random.default_rng(2).normal(size=X.shape)
    for job in ("slopes", "slope batch"):
        slope = guest(module, (4,)).answer(job, X, direction)
        np.testing.assert_allclose(slope, v @ (on * (w @ direction)), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        pytest.param(nn.Conv2d(1, 1, 3), (8, 8), "as in --shape 1,8,8", id="no channel"),
        pytest.param(nn.BatchNorm1d(4), (4,), "as in --shape 1,4", id="no batch"),
        pytest.param(nn.Linear(3, 3), (4,), "raises RuntimeError: .*shapes", id="another dimension"),
        pytest.param(nn.Linear(4, 3), (4,), r"returns an array of shape \(3,\) for x of shape \(4,\)", id="not square"),
        pytest.param(nn.LSTM(4, 4), (2, 4), "returns tuple", id="a tuple"),
        pytest.param(nn.ReLU(inplace=True), (4,), "changes its argument", id="in place"),
    ],
)
def test_a_module_that_does_not_fit_is_one_line(module: Any, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        guest(module, shape).answer("singles", -np.ones((int(np.prod(shape)), 1)))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_bad_keywords_and_modules_that_cannot_be_copied_are_one_line() -> None:
    with pytest.raises(InputError, match="unexpected keyword argument 'size'"):
        guest(Soft(), (4,), size=2)
    with pytest.raises(InputError, match="Need parameters that Soft takes"):
        guest(Soft, (4,), size=2)
    stuck = Soft()
    stuck.extra = iter(())  # type: ignore[assignment]
    stuck.lock = sys._getframe()  # type: ignore[assignment]
    with pytest.raises(InputError, match="Need a torch module that can be copied in float64, got Soft"):
        guest(stuck, (4,))


def test_only_modules_are_modules() -> None:
    assert is_module(Soft()) and not is_module(Soft) and not is_module(np.tanh)
    assert Module(Soft())(X[:, 0]).dtype == np.float64


def test_without_torch_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "without.py").write_text("import torch\nnet = torch.nn.ReLU()\n")
    with pytest.raises(InputError, match=r"pip install 'fbscheck\[torch\]'") as caught:
        Guest(f"{tmp_path}/without.py:net", {}, None, (4,))
    assert "\n" not in str(caught.value)


SOURCE = """
import torch
from torch import nn
torch.manual_seed(0)
layer = nn.Conv2d(1, 1, 3, padding=1)
class Twice(nn.Module):
    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor
    def forward(self, x): return self.factor * x
twice = Twice()
class Wrong(nn.Module):
    def forward(self, x): return torch.nn.functional.dropout(x)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "denoiser.py").write_text(SOURCE)
    return str(tmp_path / "denoiser.py")


def test_a_convolution_attains_its_norm_and_no_more(file: str) -> None:
    exact = np.linalg.norm(matrix(convolution(), (1, 6, 6)), 2)
    rest = np.linalg.norm(np.eye(36) - matrix(convolution(), (1, 6, 6)), 2)
    claims = [f"lipschitz={1.001 * exact}", f"residual={0.99 * rest}"]
    found = check(f"{file}:layer", shape=(1, 6, 6), claims=claims, budget=3)
    assert [result.verdict for result in found.results] == [Verdict.SUPPORTED, Verdict.REFUTED]
    for result, truth in zip(found.results, (exact, rest), strict=True):
        assert result.bracket.lower is not None
        assert 0.99 * truth <= result.bracket.lower <= truth * (1 + 1e-12)
    assert any("torch module" in line for line in found.remarks)


@pytest.mark.parametrize(
    ("name", "settings", "expected"), [("twice", {}, 2.0), ("Twice", {"parameters": {"factor": 3.0}}, 3.0)]
)
def test_what_is_pasted_shows_the_violation(file: str, name: str, settings: Any, expected: float) -> None:
    (result,) = check(f"{file}:{name}", 2, claims=["nonexpansive"], budget=0.5, **settings).results
    assert result.verdict is Verdict.REFUTED and result.witness is not None
    code = result.witness["snippet"]
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert float(done.stdout) == pytest.approx(expected, rel=1e-9), done.stderr


def test_dropout_in_evaluation_mode_is_caught_as_random(file: str) -> None:
    with pytest.raises(Fault, match="returns different values for the same x") as caught:
        check(f"{file}:Wrong", 4, budget=0.5)
    assert caught.value.kind == "random"


def test_a_module_from_python_goes_to_the_worker_and_stays_as_it_is() -> None:
    module = net()
    found = check(module, 4, claims=["nonexpansive"], budget=1)
    exact = np.linalg.norm(module[2].weight.detach().numpy(), 2) * np.linalg.norm(module[0].weight.detach().numpy(), 2)
    (result,) = found.results
    assert result.bracket.lower is not None and 0.1 < result.bracket.lower < exact
    assert result.case == "Sequential" and module[0].weight.dtype == torch.float32
