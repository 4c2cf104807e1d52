"""A counterexample that can be pasted into a terminal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fbscheck.checking.subject import Subject

__all__ = ["hexadecimal", "snippet"]

QUOTIENTS = {
    "lipschitz": "np.linalg.norm(v) / np.linalg.norm(d)",
    "monotonicity": "np.sum(v * d) / np.sum(d * d)",
    "cocoercivity": "np.sum(v * d) / np.sum(v * v)",
    "averagedness": "np.sum((d - v) ** 2) / (2 * np.sum(d * (d - v)))",
}


def hexadecimal(x: npt.NDArray[np.float64]) -> list[str]:
    """Float64 entries, exactly."""
    return [value.hex() for value in np.ravel(x).tolist()]


def snippet(subject: Subject, constant: str, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> str:
    """Python lines that evaluate the quotient ``constant`` of the pair once more.

    The operator is imported from its file or module; one given as an object is called ``operator``.
    """
    lines = ["import numpy as np"]
    if isinstance(subject.target, str):
        place, _, name = subject.target.rpartition(":")
        if place.endswith(".py"):
            lines += ["import runpy", f"operator = runpy.run_path({place!r})[{name!r}]"]
        else:
            lines += [f"from {place} import {name.partition('.')[0]}", f"operator = {name}"]
    points = [
        f"{letter} = np.array({point.tolist()!r}).reshape({subject.shape})" for letter, point in (("x", x), ("y", y))
    ]
    return "\n".join([*lines, *points, _difference(subject.parameters), f"print({QUOTIENTS[constant]})"])


def _difference(parameters: Mapping[str, Any]) -> str:
    given = "".join(f", {key}={value!r}" for key, value in parameters.items())
    return f"d, v = x - y, np.asarray(operator(x.copy(){given})) - np.asarray(operator(y.copy(){given}))"
