"""How an operator is named: each wrong name, size, box, matrix and parameter is one clear line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.checking.subject import Subject, load, parameter_values, shape_of
from fbscheck.errors import InputError
from fbscheck.operators import Linear

ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])


def soft(x: np.ndarray) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - 1, 0)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prox.py").write_text("raise SystemExit('this was run')\ndef soft(x): ...\nclass Hard: ...\n")
    (tmp_path / "wrong.py").write_text("def soft(x):\n    return x +\n")
    (tmp_path / "nul.py").write_bytes(b"\0")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "head.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "gap.csv").write_text("1,2\n3,nan\n")
    (tmp_path / "ragged.csv").write_text("1,2\n3\n")
    (tmp_path / "text.npy").write_text("1 2 3")
    np.save(tmp_path / "objects.npy", np.array([[None]]))
    np.save(tmp_path / "wide.npy", np.ones((2, 3)))
    np.save(tmp_path / "line.npy", np.ones(3))
    np.save(tmp_path / "complex.npy", 1j * np.eye(2))
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.eye(2))
    np.save(tmp_path / "K.npy", ROTATION)
    np.savez(tmp_path / "K.npz", K=ROTATION)
    np.savetxt(tmp_path / "K.csv", ROTATION, delimiter=",")
    return tmp_path


@pytest.mark.parametrize("target", ["K.npy", "K.npz", "K.csv", ROTATION, ROTATION.tolist(), Linear(ROTATION)])
def test_a_matrix_brings_its_shape(folder: Path, target: Any) -> None:
    subject = load(target)
    assert isinstance(subject.target, Linear)
    assert np.array_equal(subject.target.matrix, ROTATION)
    assert (subject.shape, subject.dimension, subject.low, subject.high) == ((2,), 2, -1.0, 1.0)


def test_a_matrix_may_act_on_images() -> None:
    assert load(np.eye(6), "2x3").shape == (2, 3)


def test_a_function_is_named_and_not_run(folder: Path) -> None:
    subject = load("prox.py:soft", "8x8", (0, 2), ["gamma=0.5"], "draw", 1e-9)
    assert subject.target == f"{folder / 'prox.py'}:soft"
    assert (subject.name, subject.shape, subject.low, subject.high) == ("prox.py:soft", (8, 8), 0.0, 2.0)
    assert (subject.parameters, subject.sampler, subject.accuracy) == ({"gamma": 0.5}, "draw", 1e-9)


def test_a_module_and_a_callable() -> None:
    assert load("numpy.linalg:norm", 1).target == "numpy.linalg:norm"
    subject = load(soft, 3, parameters={"out": None}, name="mine")
    assert (subject.target, subject.name, subject.parameters) == (soft, "mine", {"out": None})
    assert load(soft, 3).name == "soft"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("missing.py:soft", r"can be read, got missing.py: No such file or directory \(another folder\?\)"),
        ("folder.py:soft", "can be read, got folder.py: Is a directory"),
        ("prox.py", r"got prox.py without a name; the file defines soft, Hard\."),
        ("empty.py", "the file defines no function"),
        ("wrong.py:soft", "Python file, got wrong.py: invalid syntax at line 2"),
        ("nul.py:soft", "Python file, got nul.py: .*null bytes"),
        ("prox.py:", "Need FILE.py:NAME"),
        ("prox.py:so-ft", "Need FILE.py:NAME"),
        (":soft", "Need FILE.py:NAME"),
        ("soft", "Need FILE.py:NAME, MODULE:NAME or a matrix in .npy, .npz or .csv, got 'soft'"),
        ("", "Need FILE.py:NAME"),
        ("no/file:soft", "without .py"),
        ("missing.npy", "Need a matrix file, got missing.npy: No such file"),
        ("missing.csv", "Need a matrix file, got missing.csv: .*not found"),
        ("text.npy", "Need a matrix of numbers, got text.npy"),
        ("objects.npy", "Need a matrix of numbers, got objects.npy"),
        ("head.csv", "a header line"),
        ("ragged.csv", "Need a matrix of numbers, got ragged.csv"),
        ("gap.csv", r"finite entries in gap.csv, got 1 NaN or infinite, the first at \(1, 1\)"),
        ("wide.npy", r"square matrix.*got shape \(2, 3\)"),
        ("line.npy", r"line.npy with 2 dimension\(s\), got shape \(3,\)"),
        ("complex.npy", "Need a real array"),
        ("two.npz", "Need one array in two.npz, got 2: a, b"),
        (np.array([[np.nan]]), "finite entries in matrix"),
        (3.0, "float, which is not callable"),
        (None, "NoneType, which is not callable"),
    ],
)
def test_what_is_no_operator(folder: Path, target: Any, message: str) -> None:
    size = None if isinstance(target, (str, np.ndarray)) and "py:" not in str(target) else 2
    with pytest.raises(InputError, match=message) as caught:
        load(target, size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "--dim or --shape, for soft, got none"),
        ({"shape": 0}, "as in 64 or 8x8, got 0"),
        ({"shape": "8xx8"}, "got '8xx8'"),
        ({"shape": "-3"}, "got '-3'"),
        ({"shape": 2.5}, "got 2.5"),
        ({"shape": ()}, r"got \(\)"),
        ({"shape": float("nan")}, "got nan"),
        ({"shape": 2, "box": (1, -1)}, r"low < high, got \[1.0, -1.0\] \(the ends swapped\?\)"),
        ({"shape": 2, "box": (1, 1)}, "low < high"),
        ({"shape": 2, "box": (0, np.inf)}, "finite high"),
        ({"shape": 2, "box": (np.nan, 1)}, "finite low"),
        ({"shape": 2, "box": (-1.7e308, 1.7e308)}, "squares overflow"),
        ({"shape": 2, "box": (1, 2, 3)}, "two numbers"),
        ({"shape": 2, "box": "01"}, "Need a number for low"),
        ({"shape": 2, "accuracy": -1}, "accuracy >= 0"),
        ({"shape": 2, "accuracy": np.nan}, "finite accuracy"),
        ({"shape": 2, "parameters": ["gamma"]}, "KEY=VALUE with a Python name for KEY, got 'gamma'"),
        ({"shape": 2, "parameters": ["=1"]}, "KEY=VALUE"),
        ({"shape": 2, "parameters": ["a b=1"]}, "KEY=VALUE"),
        ({"shape": 2, "parameters": ["a=1", "a=2"]}, "a twice, 1 and '2'"),
        ({"shape": 2, "sampler": "draw"}, "FILE.py:NAME for a sampler beside it, got sampler='draw' with a function"),
    ],
)
def test_what_is_no_setting(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(soft, **settings)
    assert "\n" not in str(caught.value)


def test_a_matrix_takes_no_parameters_and_no_other_size() -> None:
    with pytest.raises(InputError, match="no parameters for a matrix, got gamma"):
        load(ROTATION, parameters=["gamma=1"])
    with pytest.raises(InputError, match=r"Need --dim 2 or none for this matrix, got shape \(3,\)"):
        load(ROTATION, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [("k=1", 1), ("k=-0.5", -0.5), ("k=[1, 2]", [1, 2]), ("k=None", None), ("k=fast", "fast"), ("k=a=b", "a=b")]
    + [("k=", ""), ("k='1'", "1"), (" k = 1e-3", 1e-3), ("k=__import__('os')", "__import__('os')")],
)
def test_values_of_parameters(text: str, value: object) -> None:
    assert parameter_values([text]) == {"k": value}


@pytest.mark.parametrize(
    ("given", "shape"),
    [("8x8", (8, 8)), ("3,4", (3, 4)), ("5", (5,)), (5, (5,)), ([2, 3], (2, 3)), (np.int64(4), (4,))],
)
def test_shapes(given: Any, shape: tuple[int, ...]) -> None:
    assert shape_of(given) == shape


def test_a_subject_made_by_hand_obeys_the_same_rules() -> None:
    with pytest.raises(InputError, match="low < high"):
        Subject("mine", (2,), 1.0, 0.0, soft)
