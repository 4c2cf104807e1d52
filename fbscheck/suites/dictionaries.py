"""Dictionaries by name, and signals for them; a name holds all that is needed to make its dictionary again."""

import re
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.linalg

from fbscheck.errors import InputError
from fbscheck.suites.data import digits

__all__ = ["dictionary", "signals"]

Values = npt.NDArray[np.float64]


@cache
def dictionary(name: str) -> Values:
    """A dictionary with columns of norm 1: "Gaussian M x N, seed K", "Bernoulli M x N, seed K",
    "identity and Hadamard M x N", "digits, N atoms" (scikit-learn's images), "three directions".

    Raises
    ------
    InputError
        If the name is none of these.
    MissingToolError
        If scikit-learn is needed and not installed.
    """
    if name == "three directions":
        half = np.sqrt(0.75)
        return np.array([[1.0, -0.5, -0.5], [0.0, half, -half]])
    if found := re.fullmatch(r"digits, (\d{1,3}) atoms", name):
        images = digits()[: int(found[1])]
        return np.asarray(images.T / np.linalg.norm(images, axis=1))
    if found := re.fullmatch(r"identity and Hadamard (\d{1,4}) x (\d{1,4})", name):
        rows = int(found[1])
        if rows & (rows - 1) == 0 and int(found[2]) == 2 * rows:
            return np.hstack([np.eye(rows), scipy.linalg.hadamard(rows) / np.sqrt(rows)])
    if found := re.fullmatch(r"(Gaussian|Bernoulli) (\d{1,4}) x (\d{1,4}), seed (\d{1,9})", name):
        rng, shape = np.random.default_rng(int(found[4])), (int(found[2]), int(found[3]))
        entries = rng.standard_normal(shape) if found[1] == "Gaussian" else rng.choice([-1.0, 1.0], shape)
        return np.asarray(entries / np.linalg.norm(entries, axis=0))
    raise InputError(f"Need the name of a dictionary, got {name!r:.80}.")


def signals(coupling: Values, support: int, count: int, rng: np.random.Generator) -> Values:
    """Signals (n, count + 2) with ``support`` nonzeros in [-1, 1], for weights with this W^T A.

    The first has the signs that move one coordinate off its support most; the second has them for one of its
    own coordinates, against its sign; the others are random, every other one of ones.
    """
    size = len(coupling)
    off = coupling - np.diag(np.diag(coupling))
    order = np.argsort(-np.abs(off), axis=1)[:, :support]
    worst = int(np.take_along_axis(np.abs(off), order, axis=1).sum(axis=1).argmax())
    x = np.zeros((size, count + 2))
    x[order[worst], 0] = np.where(off[worst, order[worst]] < 0, -1.0, 1.0)
    own, rest = worst, order[worst][: support - 1]
    x[own, 1], x[rest, 1] = 1.0, np.where(off[own, rest] > 0, -1.0, 1.0)
    places = np.argsort(rng.random((size, count)), axis=0)[:support]
    values = rng.uniform(-1, 1, (support, count))
    values[:, ::2] = np.where(values[:, ::2] < 0, -1.0, 1.0)
    np.put_along_axis(x[:, 2:], places, values, axis=0)
    return x
