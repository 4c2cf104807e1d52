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

from fbscheck.checking.sandbox import Sandbox
from fbscheck.checking.subject import load
from fbscheck.checking.worker import Fault
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


def table(text: str) -> list[Any]:
    """Cases of a source and what is expected of it: each is headed by ## and an id, then the expectations."""
    cases = []
    for case in text.split("## ")[1:]:
        head, _, source = case.partition("\n")
        name, *expected = head.split(" | ")
        cases.append(pytest.param(source, *expected, id=name))
    return cases


HEAD = "import os, sys, time, warnings\nimport numpy as np\ncount = [0]\n"
FAULTS = table(
    r"""
## raises | raises | ^raises ValueError: no luck at line 5 of mine.py$
def f(x):
    raise ValueError('no\nluck')

## raises a fault of its own | raises | ^raises E at line 6
class E(Exception):
    def __str__(self): 1/0
def f(x): raise E

## raises below | raises | IndexError: .* at line 4 of mine.py
def g(x): return x[9]
def f(x): return g(x)

## raises in numpy | raises | LinAlgError: .* at line 5 of mine.py
def f(x):
    return np.linalg.inv(x)

## exits | raises | SystemExit: 3 at line 4
def f(x): sys.exit(3)

## interrupts | raises | KeyboardInterrupt at line 4
def f(x): raise KeyboardInterrupt

## recursion | raises | RecursionError
def f(x): return f(x)

## warnings as errors | raises | DeprecationWarning: old at line 5
warnings.simplefilter('error')
def f(x): warnings.warn('old', DeprecationWarning)

## errors of floats | raises | FloatingPointError
np.seterr(all='raise')
def f(x): return x / (0 * x)

## reads stdin | raises | EOFError
def f(x): return input()

## sleeps | hangs | no answer within 0.5 s
def f(x): time.sleep(60)

## loops | hangs | no answer within 0.5 s
def f(x):
    while True: pass

## swallows everything | hangs | no answer
def f(x):
    while True:
        try: time.sleep(1)
        except BaseException: pass

## leaves | dies | with exit status 3
def f(x): os._exit(3)

## leaves quietly | dies | with exit status 0
def f(x): os._exit(0)

## aborts | dies | by signal SIGABRT
def f(x): os.abort()

## segfault | dies | by signal SIGSEGV
import ctypes
def f(x): ctypes.string_at(0)

## closes everything | dies | connection|exit status
def f(x): os.closerange(0, 256); return x

## returns nothing | not numbers | returns NoneType of object, not numbers \(a missing return\?\)
def f(x): x + 1

## text | not numbers | returns str
def f(x): return 'text'

## truth values | not numbers | returns ndarray of bool
def f(x): return x > 0

## ragged | not numbers | returns list
def f(x): return [[1.0], 2.0]

## an object | not numbers | returns A
class A: __array__ = None
def f(x): return A()

## an object that fails | not numbers | OSError: lost
class A:
    def __array__(self, *a, **k): raise OSError('lost')
def f(x): return A()

## a number | shape | shape \(\) for x of shape \(2,\)
def f(x): return 1.0

## a column | shape | shape \(2, 1\) for x of shape \(2,\)
def f(x): return x[:, None]

## too many | shape | shape \(3,\)
def f(x): return np.append(x, 0)

## complex | complex | take the real part
def f(x): return x + 0j

## complex objects | complex | take the real part
def f(x): return np.array([1j, 1], dtype=object)

## infinite | nan | at entry 1
def f(x): return x / np.array([1, 0])

## too large | not numbers | OverflowError
def f(x): return [10**400, 0]

## NaN at 0 | nan | returns nan at entry 0
def f(x): return x / np.linalg.norm(x)

## in place | changes its argument | work on x.copy
def f(x):
    x *= 2
    return x

## in place, later | changes its argument | work on x.copy
def f(x):
    if x[1] > 0.9: x[0] = 0
    return 1 * x

## in place, shape | changes its argument | work on
def f(x):
    y = x.copy()
    x.shape = (2, 1)
    return y

## random | random | different values for the same x when called again
def f(x): return x + 1e-9 * np.random.randn(2)

## a counter | random | called again
def f(x):
    count[0] += 1
    return count[0] * x

## a counter of huge numbers | random | entry 0 is .*e\+308, then .*e\+308
def f(x):
    count[0] += 1
    return np.array([1.5e308, 0]) * (-1) ** count[0]

## a seed per process | random | in a fresh process
s = os.getpid()
def f(x): return s * x

## a warm start | random | another order
seen = {}
def f(x): return seen.setdefault(x.tobytes(), x + len(seen))
"""
)


@pytest.mark.parametrize(("source", "kind", "message"), FAULTS)
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
    source = AT.replace(".all()", ".all(axis=-1).any()") if batched else AT.replace("x ==", "x.reshape(2) ==")
    with sandbox(tmp_path, HEAD + source.format(does), HANG) as calls:
        assert calls.examine().batched is batched
        with pytest.raises(Fault) as caught:
            calls.call(X)
        assert (caught.value.kind, caught.value.x.tolist()) == (kind, [0.25, 0.5])  # type: ignore[union-attr]
        assert np.array_equal(calls.call(X[:, :2]), X[:, :2] / 2)


HALF = "import numpy as np\n"
GOOD = table(
    r"""
## any shape | True | float64
def f(x): return 0.5 * x

## the last axis | True | float64
def f(x): return 0.5 * x[..., ::-1][..., ::-1]

## its argument | True | float64
def f(x):
    y = x.copy()
    y *= 0.5
    return y

## one buffer | False | float64
b = np.empty(2)
def f(x): return np.multiply(0.5, x, out=b)

## a list | False | float64
def f(x): return [t / 2 for t in x.tolist()]

## fractions | False | object
from fractions import Fraction as F
def f(x): return [F(t) / 2 for t in x.tolist()]

## single precision | True | float32
def f(x): return (x / 2).astype('f')

## one only | False | float64
def f(x):
    assert x.shape == (2,)
    return x / 2

## mixes the batch | False | float64
def f(x): return x / 2 + (x.mean() - x.mean(axis=-1, keepdims=True))

## mixes large batches | True | float64
def f(x): return x / 2 + (x.ndim == 2 and len(x) > 7) * x.mean()

## breaks by a batch | False | float64
broken = []
def f(x):
    if x.ndim > 1: broken.append(x)
    return x if broken else x / 2

## breaks by a batch, unseen in it | True | float64
broken = []
def f(x):
    if x.ndim > 1: broken.append(x)
    return x if broken and x.ndim == 1 else x / 2

## hangs on a batch | False | float64
def f(x):
    while x.ndim == 2: pass
    return x / 2

## dies of a batch | False | float64
import os
def f(x): return x / 2 if x.ndim == 1 else os._exit(1)

## a lambda | True | float64
f = lambda x: x / 2

## a closure | True | float64
def make(c):
    def g(x): return c * x
    return g
f = make(0.5)

## an instance | True | float64
class A:
    def __call__(self, x): return x / 2
f = A()

## a class | True | float64
class f:
    def __init__(self, c=0.5): self.c = c
    def __call__(self, x): return self.c * x

## prints megabytes | True | float64
import os, sys
print('import' * 10**6)
def f(x):
    print('x' * 10**6)
    os.write(1, b'y' * 10**6)
    os.write(2, b'z' * 10**6)
    return x / 2

## a deprecation | True | float64
import warnings
def f(x):
    warnings.warn('old', DeprecationWarning)
    return x / 2

## a dataclass | True | float64
from dataclasses import dataclass
@dataclass
class A:
    c: 'float' = 2.0
def f(x): return x / A().c

## a file beside it | True | float64
from beside import half
def f(x): return half(x)

## threads | True | float64
import threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
def f(x): return x / 2
"""
)


@pytest.mark.parametrize(("source", "batched", "dtype"), GOOD)
def test_operators_that_are_well(tmp_path: Path, source: str, batched: str, dtype: str, capfd: Any) -> None:
    """All are x / 2; not one may be called with a batch where this gives anything else."""
    (tmp_path / "beside.py").write_text("def half(x): return x / 2")
    with sandbox(tmp_path, HALF + source, HANG if "while" in source else 10.0) as calls:
        found = calls.examine()
        assert (str(found.batched), found.dtype) == (batched, dtype)
        assert found.seconds_per_call > 0
        many = np.tile(X, 20)
        assert np.array_equal(calls.call(many), many / 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def soft(x): return x\nclass Ff: pass\ndef ff(x): return x", r"which is not there \(did you mean ff"),
        ("def soft(x): return x", r"got 'f', which is not there \(it has soft\)"),
        ("f = 3", "got int of type int, which is not callable"),
        ("import nothing_of_this_name", "can be imported, got .*mine.py: ModuleNotFoundError"),
        ("from .beside import half as f", r"\(a file in a package\? Then name it as MODULE:NAME\)"),
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
    for parameters, message in (
        ({"c": 3, "d": 1}, "got an unexpected keyword argument 'd'"),
        ({"c": threading.Lock()}, "parameters that can be sent to another process"),
    ):
        with pytest.raises(InputError, match=message):
            with sandbox(tmp_path, source, parameters=parameters):
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
    source += (
        "def flat(rng): return 1.0\ndef bad(rng): raise OSError('no data')\ndef leave(rng): __import__('os')._exit(5)\n"
    )
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
        ("leave", Fault, "the sampler ends the process it runs in, with exit status 5"),
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
