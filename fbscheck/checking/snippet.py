"""A counterexample that can be pasted into a terminal."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.checking.subject import Subject

__all__ = ["circulation_snippet", "family_snippet", "hexadecimal", "integral_snippet", "snippet"]

QUOTIENTS = {
    "lipschitz": "np.linalg.norm(v) / np.linalg.norm(d)",
    "monotonicity": "np.sum(v * d) / np.sum(d * d)",
    "cocoercivity": "np.sum(v * d) / np.sum(v * v)",
    "averagedness": "np.sum((d - v) ** 2) / (2 * np.sum(d * (d - v))) if np.sum(d * (d - v)) > 0 else np.inf",
    "residual": "np.linalg.norm(d - v) / np.linalg.norm(d)",
}


def hexadecimal(x: npt.NDArray[np.float64]) -> list[str]:
    """Float64 entries, exactly."""
    return [value.hex() for value in np.ravel(x).tolist()]


def snippet(
    subject: Subject, constant: str, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], module: bool = False
) -> str:
    """Python lines that evaluate the quotient ``constant`` of the pair once more.

    The operator is imported from its file or module, as if Python had been started there; one given as an
    object is called ``operator``.  A class is called for an instance; ``module`` says that it is of torch.
    """
    lines = _operator(subject, module)
    lines += [f"{name} = np.array({p.tolist()!r}).reshape({subject.shape})" for name, p in (("x", x), ("y", y))]
    lines += ["d, v = x - y, np.asarray(T(x.copy())) - np.asarray(T(y.copy()))", f"print({QUOTIENTS[constant]})"]
    return "\n".join(lines)


def circulation_snippet(subject: Subject, corners: npt.NDArray[np.float64], pieces: int, module: bool = False) -> str:
    """Python lines that integrate <T, dx> around the polygon with these ``corners`` (d, k) once more."""
    lines = [*_operator(subject, module), f"corners = np.array({corners.T.tolist()!r}).reshape(-1, *{subject.shape})"]
    lines += [
        "total = 0.0",
        "for x, y in zip(corners, np.roll(corners, -1, axis=0)):",
        f"    t = np.arange({pieces + 1}) / {pieces}",
        "    values = [np.sum(np.asarray(T(x * (1 - s) + y * s)) * (y - x)) for s in t]",
        "    total += np.sum(np.diff(t) * (np.array(values[1:]) + np.array(values[:-1])) / 2)",
        "print(total)  # 0 for a gradient, up to the errors of quadrature and of T",
    ]
    return "\n".join(lines)


def family_snippet(
    subject: Subject, key: str, x: npt.NDArray[np.float64], h: float, k: float, module: bool = False
) -> str:
    """Python lines that print how far p_h(x) is from p_k(z), z = (k/h) x + (1 - k/h) p_h(x)."""
    body = [f"given = {{**{_spelled(subject.parameters)}, {key!r}: h}}", *_applied("**given", module)]
    lines = [
        "import numpy as np",
        *_imported(subject, "operator"),
        "def p(x, h):",
        *(f"    {line}" for line in body),
        "    return np.asarray(T(x.copy()))",
        "",
    ]
    lines += [f"x, h, k = np.array({x.tolist()!r}).reshape({subject.shape}), {h!r}, {k!r}", "y = p(x, h)"]
    return "\n".join([*lines, "print(np.linalg.norm(y - p(k / h * x + (1 - k / h) * y, k)))"])


def integral_snippet(
    subject: Subject,
    function: Subject | str,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    pieces: int,
    module: bool = False,
) -> str:
    """Python lines that compare F(y) - F(x) with the integral of <T, dx>; ``function`` is F or the lines that make it.

    An F that was given as an object is called ``function``.
    """
    lines = _operator(subject, module)
    if isinstance(function, str):
        lines += [function]
    else:
        lines += [*_imported(function, "function"), "F = function() if isinstance(function, type) else function"]
    lines += [f"{name} = np.array({p.tolist()!r}).reshape({subject.shape})" for name, p in (("x", x), ("y", y))]
    lines += [
        f"t = np.arange({pieces + 1}) / {pieces}",
        "values = [np.sum(np.asarray(T(x * (1 - s) + y * s)) * (y - x)) for s in t]",
        "print(F(y) - F(x), np.sum(np.diff(t) * (np.array(values[1:]) + np.array(values[:-1])) / 2))",
    ]
    return "\n".join(lines)


def _operator(subject: Subject, module: bool) -> list[str]:
    """Lines that make T from the operator."""
    given = f"**{_spelled(subject.parameters)}" if subject.parameters else ""
    return ["import numpy as np", *_imported(subject, "operator"), *_applied(given, module)]


def _applied(given: str, module: bool) -> list[str]:
    """Lines that make T from ``operator`` and its parameters."""
    if not module:
        return [f"T = operator({given}) if isinstance(operator, type) else lambda x: operator({_joined('x', given)})"]
    plain, keyed = "net(torch.from_numpy(x))", f"net({_joined('torch.from_numpy(x)', given)})"
    return [
        "import torch",
        "made = isinstance(operator, type)",
        f"net = (operator({given}) if made else operator).double().eval()",
        f"T = lambda x: ({plain} if made else {keyed}).detach().numpy()",
    ]


def _imported(subject: Subject, called: str) -> list[str]:
    lines = []
    if isinstance(subject.target, str):
        place, _, name = subject.target.rpartition(":")
        first, *rest = name.split(".")
        if place.endswith(".py"):
            lines += ["import runpy, sys", f"sys.path.insert(0, {str(Path(place).parent)!r})"]
            lines += [".".join([f"{called} = runpy.run_path({place!r})[{first!r}]", *rest])]
        else:
            lines += [f"from {place} import {first}", f"{called} = {name}"]
    return lines


def _joined(*arguments: str) -> str:
    return ", ".join(argument for argument in arguments if argument)


def _spelled(parameters: Mapping[str, Any]) -> str:
    """A dictionary as Python reads it, with arrays and NaN."""
    entries = (f"{key!r}: {_literal(value)}" for key, value in parameters.items())
    return f"{{{', '.join(entries)}}}"


def _literal(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"np.array({_literal(value.tolist())})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value)
