"""Operators that misbehave: each gives a fault of the right kind in one line, and no process is left behind."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fbscheck.check.sandbox import Sandbox
from fbscheck.check.subject import load
from fbscheck.check.worker import Fault
from fbscheck.errors import InputError

X = np.array([[0.75, -0.5, 0.25, 0.0], [-0.25, 1.0, 0.5, -1.0]])
HANG = 0.5


def children() -> set[str]:
    """The processes that this one has, zombies included (where the system tells)."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


def sandbox(folder: Path, source: str, seconds: float = 10.0, **settings: Any) -> Sandbox:
    (folder / "mine.py").write_text(source)
    settings = {"shape": 2, **settings}
    return Sandbox(load(f"{folder / 'mine.py'}:f", **settings), seconds, seconds_to_load=max(seconds, 5.0))


HEAD = "import os, sys, time, warnings\nimport numpy as np\ncount = [0]\n"
FAULTS: list[tuple[str, str, str, str]] = [
    ("raises", "def f(x):\n    raise ValueError('no\\nluck')", "raises", "^raises ValueError: no luck at line 5 of mine.py$"),
    ("raises a fault of its own", "class E(Exception):\n    def __str__(self): 1/0\ndef f(x): raise E", "raises", "^raises E at line 6"),
    ("raises below", "def g(x): return x[9]\ndef f(x): return g(x)", "raises", "IndexError: .* at line 4 of mine.py"),
    ("raises in numpy", "def f(x):\n    return np.linalg.inv(x)", "raises", "LinAlgError: .* at line 5 of mine.py"),
    ("exits", "def f(x): sys.exit(3)", "raises", "SystemExit: 3 at line 4"),
    ("interrupts", "def f(x): raise KeyboardInterrupt", "raises", "KeyboardInterrupt at line 4"),
    ("recursion", "def f(x): return f(x)", "raises", "RecursionError"),
    ("warnings as errors", "warnings.simplefilter('error')\ndef f(x): warnings.warn('old', DeprecationWarning)", "raises", "DeprecationWarning: old at line 5"),
    ("errors of floats", "np.seterr(all='raise')\ndef f(x): return x / (0 * x)", "raises", "FloatingPointError"),
    ("reads stdin", "def f(x): return input()", "raises", "EOFError"),
    ("sleeps", "def f(x): time.sleep(60)", "hangs", "no answer within 0.5 s"),
    ("loops", "def f(x):\n    while True: pass", "hangs", "no answer within 0.5 s"),
    ("swallows everything", "def f(x):\n    while True:\n        try: time.sleep(1)\n        except BaseException: pass", "hangs", "no answer"),
    ("leaves", "def f(x): os._exit(3)", "dies", "with exit status 3"),
    ("leaves quietly", "def f(x): os._exit(0)", "dies", "with exit status 0"),
    ("aborts", "def f(x): os.abort()", "dies", "by signal SIGABRT"),
    ("segfault", "import ctypes\ndef f(x): ctypes.string_at(0)", "dies", "by signal SIGSEGV"),
    ("closes everything", "def f(x): os.closerange(0, 256); return x", "dies", "connection|exit status"),
    ("returns nothing", "def f(x): x + 1", "not numbers", r"returns NoneType of object, not numbers \(a missing return\?\)"),
    ("text", "def f(x): return 'text'", "not numbers", "returns str"),
    ("truth values", "def f(x): return x > 0", "not numbers", "returns ndarray of bool"),
    ("ragged", "def f(x): return [[1.0], 2.0]", "not numbers", "returns list"),
    ("an object", "class A: __array__ = None\ndef f(x): return A()", "not numbers", "returns A"),
    ("an object that fails", "class A:\n    def __array__(self, *a, **k): raise OSError('lost')\ndef f(x): return A()", "not numbers", "OSError: lost"),
    ("a number", "def f(x): return 1.0", "shape", r"shape \(\) for x of shape \(2,\)"),
    ("a column", "def f(x): return x[:, None]", "shape", r"shape \(2, 1\) for x of shape \(2,\)"),
    ("too many", "def f(x): return np.append(x, 0)", "shape", r"shape \(3,\)"),
    ("complex", "def f(x): return x + 0j", "complex", "take the real part"),
    ("complex objects", "def f(x): return np.array([1j, 1], dtype=object)", "complex", "take the real part"),
    ("infinite", "def f(x): return x / np.array([1, 0])", "nan", "at entry 1"),
    ("too large", "def f(x): return [10**400, 0]", "not numbers", "OverflowError"),
    ("NaN at 0", "def f(x): return x / np.linalg.norm(x)", "nan", "returns nan at entry 0"),
    ("in place", "def f(x):\n    x *= 2\n    return x", "changes its argument", "work on x.copy"),
    ("in place, later", "def f(x):\n    if x[1] > 0.9: x[0] = 0\n    return 1 * x", "changes its argument", "work on x.copy"),
    ("in place, shape", "def f(x):\n    y = x.copy()\n    x.shape = (2, 1)\n    return y", "changes its argument", "work on"),
    ("random", "def f(x): return x + 1e-9 * np.random.randn(2)", "random", "different values for the same x when called again"),
    ("a counter", "def f(x):\n    count[0] += 1\n    return count[0] * x", "random", "called again"),
    ("a seed per process", "s = os.getpid()\ndef f(x): return s * x", "random", "in a fresh process"),
    ("a warm start", "seen = {}\ndef f(x): return seen.setdefault(x.tobytes(), x + len(seen))", "random", "another order"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "kind", "message"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS])
def test_planted_faults(tmp_path: Path, source: str, kind: str, message: str) -> None:
    with sandbox(tmp_path, HEAD + source, HANG if kind == "hangs" else 10.0) as calls:
        with pytest.raises(Fault, match=message) as caught:
            calls.examine()
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)
    assert caught.value.x is not None
    assert caught.value.x.shape == (2,)
    assert np.abs(caught.value.x).max() <= 1


AT = "def f(x):\n    if (x == [0.25, 0.5]).all(): {}\n    return 0.5 * x\n"


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(
    ("does", "kind"),
    [
        ("raise ValueError", "raises"),
        ("return x[0]", "shape"),
        ("return [np.nan, 0]", "nan"),
        ("time.sleep(60)", "hangs"),
        ("os._exit(1)", "dies"),
    ],
)
def test_the_point_is_found_and_the_operator_can_be_called_again(
    tmp_path: Path, does: str, kind: str, batched: bool
) -> None:
    """In a batch all points are wrong together, as they are seen by one call; then each is tried alone."""
    source = AT.replace(".all()", ".all(axis=-1).any()") if batched else AT
    with sandbox(tmp_path, HEAD + source.format(does), HANG) as calls:
        assert calls.examine().batched is batched
        with pytest.raises(Fault) as caught:
            calls.call(X)
        assert (caught.value.kind, caught.value.x.tolist()) == (kind, [0.25, 0.5])  # type: ignore[union-attr]
        assert np.array_equal(calls.call(X[:, :2]), X[:, :2] / 2)


HALF = "import numpy as np\n"
GOOD: list[tuple[str, str, bool, str]] = [
    ("any shape", "def f(x): return 0.5 * x", True, "float64"),
    ("the last axis", "def f(x): return 0.5 * x[..., ::-1][..., ::-1]", True, "float64"),
    ("its argument", "def f(x):\n    y = x.copy()\n    y *= 0.5\n    return y", True, "float64"),
    ("one buffer", "b = np.empty(2)\ndef f(x): return np.multiply(0.5, x, out=b)", False, "float64"),
    ("a list", "def f(x): return [t / 2 for t in x.tolist()]", False, "float64"),
    ("fractions", "from fractions import Fraction as F\ndef f(x): return [F(t) / 2 for t in x.tolist()]", False, "object"),
    ("single precision", "def f(x): return (x / 2).astype('f')", True, "float32"),
    ("one only", "def f(x):\n    assert x.shape == (2,)\n    return x / 2", False, "float64"),
    ("mixes the batch", "def f(x): return x / 2 + (x.mean() - x.mean(axis=-1, keepdims=True)) ", False, "float64"),
    ("mixes large batches", "def f(x): return x / 2 + (x.ndim == 2 and len(x) > 6) * x.mean()", True, "float64"),
    ("breaks by a batch", "b = []\ndef f(x):\n    b.append(x.shape)\n    return x / 2 if b[0] == b[-1] == (2,) or b[-1] == (2,) and not b.clear() else x", False, "float64"),
    ("hangs on a batch", "def f(x):\n    while x.ndim == 2: pass\n    return x / 2", False, "float64"),
    ("dies of a batch", "import os\ndef f(x): return x / 2 if x.ndim == 1 else os._exit(1)", False, "float64"),
    ("a lambda", "f = lambda x: x / 2", True, "float64"),
    ("a closure", "def make(c):\n    def g(x): return c * x\n    return g\nf = make(0.5)", True, "float64"),
    ("an instance", "class A:\n    def __call__(self, x): return x / 2\nf = A()", True, "float64"),
    ("a class", "class f:\n    def __init__(self, c=0.5): self.c = c\n    def __call__(self, x): return self.c * x", True, "float64"),
    ("prints megabytes", "import os, sys\nprint('import' * 10**6)\ndef f(x):\n    print('x' * 10**6)\n    os.write(1, b'y' * 10**6)\n    os.write(2, b'z' * 10**6)\n    return x / 2", True, "float64"),
    ("a deprecation", "import warnings\ndef f(x):\n    warnings.warn('old', DeprecationWarning)\n    return x / 2", True, "float64"),
    ("a dataclass", "from dataclasses import dataclass\n@dataclass\nclass A:\n    c: 'float' = 2.0\ndef f(x): return x / A().c", True, "float64"),
    ("a file beside it", "from beside import half\ndef f(x): return half(x)", True, "float64"),
    ("threads", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\ndef f(x): return x / 2", True, "float64"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "batched", "dtype"), [pytest.param(*g[1:], id=g[0]) for g in GOOD])
def test_operators_that_are_well(tmp_path: Path, source: str, batched: bool, dtype: str, capfd: Any) -> None:
    """All are x / 2; not one may be called with a batch where this gives anything else."""
    (tmp_path / "beside.py").write_text("def half(x): return x / 2")
    with sandbox(tmp_path, HALF + source, HANG if "while" in source else 10.0) as calls:
        found = calls.examine()
        assert (found.batched, found.dtype) == (batched, dtype)
        assert found.seconds_per_call > 0
        many = np.tile(X, 20)
        assert np.array_equal(calls.call(many), many / 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def soft(x): return x\nclass Ff: pass\ndef ff(x): return x", r"got 'f', which is not there \(did you mean ff"),
        ("def soft(x): return x", r"got 'f', which is not there \(it has soft\)"),
        ("f = 3", "got int of type int, which is not callable"),
        ("import nothing_of_this_name", "cannot|Need an operator that can be imported, got .*mine.py: ModuleNotFoundError"),
        ("from .beside import half as f", r"relative import .* \(a file in a package\? Then name it as MODULE:NAME\)"),
        ("1 / 0", "ZeroDivisionError: division by zero at line 1 of mine.py"),
        ("raise SystemExit(2)", "SystemExit: 2 at line 1 of mine.py"),
        ("import broken", "SyntaxError: .* at line 1 of broken.py"),
        ("import os; os._exit(4)", "import ends the process it runs in, with exit status 4"),
        ("def f(x, gamma): return x", r"got f\(x, gamma\) with \{\}: missing a required argument: 'gamma'"),
        ("def f(): return 1", "too many positional arguments"),
        ("class f:\n    def __init__(self): 1 / 0", "Need parameters that f takes.*ZeroDivisionError"),
        ("class f: pass", "an instance of f of type f, which is not callable"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "broken.py").write_text("def f(x: return")
    with pytest.raises(InputError, match=message) as caught:
        with sandbox(tmp_path, source):
            pass
    assert "\n" not in str(caught.value)


def test_an_import_without_end(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("while True: pass")
    with pytest.raises(InputError, match="one whose import hangs: no answer within 0.5 s"):
        with Sandbox(load(f"{tmp_path / 'mine.py'}:f", 2), seconds_to_load=HANG):
            pass


def test_parameters_reach_the_function(tmp_path: Path) -> None:
    source = "def f(x, c, mode='slow'): return c * x if mode == 'fast' else None"
    with sandbox(tmp_path, source, parameters=["c=3", "mode=fast"]) as calls:
        assert np.array_equal(calls.call(X), 3 * X)
    with pytest.raises(InputError, match="got an unexpected keyword argument 'd'"):
        with sandbox(tmp_path, source, parameters=["c=3", "d=1"]):
            pass


def test_images_are_flattened_columns(tmp_path: Path) -> None:
    with sandbox(tmp_path, "def f(x):\n    return x.swapaxes(-1, -2).reshape(x.shape)", shape="2x3") as calls:
        assert calls.examine().batched
        x = np.random.default_rng(0).uniform(-1, 1, (6, 5))
        assert np.array_equal(calls.call(x), x[[0, 3, 1, 4, 2, 5]])


def test_only_the_box_is_visited(tmp_path: Path) -> None:
    source = "def f(x):\n    if x.min() < 1 or x.max() > 2: raise ValueError\n    return x"
    with sandbox(tmp_path, source, box=(1.0, 2.0)) as calls:
        assert calls.examine().batched
        for wrong, message in (
            (np.full((2, 1), 0.9), r"in the box \[1.0, 2.0\], got an entry 0.9"),
            (np.full((2, 1), np.nan), "finite entries in x"),
            (np.ones((3, 2)), "with 2 rows"),
            (np.ones(2), "dimension"),
        ):
            with pytest.raises(InputError, match=message):
                calls.call(wrong)


def test_differences_within_the_accuracy_are_no_fault(tmp_path: Path) -> None:
    source = "import numpy as np\ndef f(x): return x + 1e-6 * np.random.uniform(-1, 1, x.shape)"
    with sandbox(tmp_path, source, accuracy=1e-6) as calls:
        assert not calls.examine().batched
    with sandbox(tmp_path, source, accuracy=1e-8) as calls:
        with pytest.raises(Fault, match="different values"):
            calls.examine()


def test_samples(tmp_path: Path) -> None:
    source = (
        "def f(x): return x\ndef draw(rng): return rng.uniform(0, 1, 2)\ndef out(rng): return rng.uniform(5, 6, 2)\n"
    )
    source += "def flat(rng): return 1.0\ndef bad(rng): raise OSError('no data')\n"
    with sandbox(tmp_path, source, sampler="draw") as calls:
        x = calls.sample(5, seed=3)
        assert (x.shape, x.min() >= 0, len(np.unique(x))) == ((2, 5), True, 10)
        assert np.array_equal(x, calls.sample(5, seed=3))
        assert not np.array_equal(x, calls.sample(5, seed=4))
    with sandbox(tmp_path, source, box=(-3, -2)) as calls:
        assert -3 <= calls.sample(50, 0).min() < calls.sample(50, 0).max() <= -2
    for sampler, error, message in (
        ("out", InputError, r"a sample of out in the box \[-1.0, 1.0\], got an entry 5"),
        ("flat", Fault, r"the sampler returns an array of shape \(\)"),
        ("bad", Fault, "the sampler raises OSError: no data at line 5"),
        ("drew", InputError, "did you mean draw"),
    ):
        with pytest.raises(error, match=message), sandbox(tmp_path, source, sampler=sampler) as calls:
            calls.sample(2, 0)


def half(x: np.ndarray) -> np.ndarray:
    return x / 2


def closure(c: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: c * x


class Instance:
    def __call__(self, x: np.ndarray) -> np.ndarray:
        return x / 2


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(half, X / 2, id="function"),
        pytest.param(lambda x: x / 2, X / 2, id="lambda"),
        pytest.param(closure(0.5), X / 2, id="closure"),
        pytest.param(Instance(), X / 2, id="instance"),
        pytest.param(partial(np.multiply, 0.5), X / 2, id="partial"),
        pytest.param(np.abs, np.abs(X), id="ufunc"),
        pytest.param(0.5 * np.eye(2), X / 2, id="matrix"),
        pytest.param("numpy:absolute", np.abs(X), id="module"),
    ],
)
def test_callables_from_python(target: Any, expected: np.ndarray) -> None:
    with Sandbox(load(target, 2)) as calls:
        assert calls.isolated
        calls.examine()
        assert np.array_equal(calls.call(X), expected)


def test_what_cannot_be_sent_runs_here() -> None:
    lock = threading.Lock()

    def locked(x: np.ndarray) -> np.ndarray:
        with lock:
            return x / 2

    with Sandbox(load(locked, 2)) as calls:
        assert not calls.isolated
        assert calls.examine().batched
        assert np.array_equal(calls.call(X), X / 2)

    def interrupted(x: np.ndarray) -> None:
        with lock:
            raise KeyboardInterrupt

    with Sandbox(load(interrupted, 2)) as calls, pytest.raises(KeyboardInterrupt):
        calls.call(X)


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(InputError, match="Need an operator that can be imported, got no_module: ModuleNotFoundError"):
        with Sandbox(load("no_module:f", 2)):
            pass


def test_a_matrix_that_overflows() -> None:
    with Sandbox(load(1e308 * np.ones((2, 2)), box=(0, 4))) as calls, pytest.raises(Fault, match="inf") as caught:
        calls.call(np.array([[0.5, 4.0], [0.25, 4.0]]))
    assert (caught.value.kind, caught.value.x.tolist()) == ("nan", [4.0, 4.0])  # type: ignore[union-attr]


def test_what_the_operator_started_ends_with_it(tmp_path: Path) -> None:
    source = "import os, subprocess\np = subprocess.Popen(['sleep', '60'])\ndef f(x): return [p.pid, os.getpid()]"
    with sandbox(tmp_path, source, box=(0, 1e6)) as calls:
        pids = [int(pid) for pid in calls.call(np.zeros((2, 1)))[:, 0]]
        assert all(running(pid) for pid in pids)
    time.sleep(0.2)
    assert not any(running(pid) for pid in pids)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
