"""Dictionaries by name, and signals for them; a name holds all that is needed to make its dictionary again."""

import re
from functools import cache

import numpy as np
import numpy.typing as npt
import scipy.linalg

from fbscheck.errors import InputError
from fbscheck.suites.data import digits

__all__ = ["adversarial", "dictionary", "moved", "signals"]

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
    if found := re.fullmatch(r"digits, ([1-9]\d{0,2}) atoms", name):
        images = digits()[: int(found[1])]
        return np.asarray(images.T / np.linalg.norm(images, axis=1))
    if found := re.fullmatch(r"identity and Hadamard ([1-9]\d{0,3}) x ([1-9]\d{0,3})", name):
        rows = int(found[1])
        if rows & (rows - 1) == 0 and int(found[2]) == 2 * rows:
            return np.hstack([np.eye(rows), scipy.linalg.hadamard(rows) / np.sqrt(rows)])
    if found := re.fullmatch(r"(Gaussian|Bernoulli) ([1-9]\d{0,3}) x ([1-9]\d{0,3}), seed (\d{1,9})", name):
        rng, shape = np.random.default_rng(int(found[4])), (int(found[2]), int(found[3]))
        entries = rng.standard_normal(shape) if found[1] == "Gaussian" else rng.choice([-1.0, 1.0], shape)
        return np.asarray(entries / np.linalg.norm(entries, axis=0))
    raise InputError(f"Need the name of a dictionary, got {name!r:.80}.")


def adversarial(weights: Values, dictionary: Values, support: int, count: int) -> Values:
    """Signals (n, count) whose ``support`` ones and minus ones move one coordinate off their support most.

    The coordinates are those that can be moved furthest.
    """
    off = _off_diagonal(weights, dictionary)
    order = np.argsort(-np.abs(off), axis=1)[:, :support]
    entries = np.take_along_axis(off, order, axis=1)
    worst = np.argsort(-np.abs(entries).sum(axis=1), kind="stable")[:count]
    x = np.zeros((len(off), count))
    np.put_along_axis(x, order[worst].T, np.where(entries[worst].T < 0, -1.0, 1.0), axis=0)
    return x


def signals(weights: Values, dictionary: Values, support: int, count: int, rng: np.random.Generator) -> Values:
    """Signals (n, count) with ``support`` nonzeros in [-1, 1].

    The first is adversarial; the second moves a coordinate of its own most, against its sign; the others are
    random, every other one of ones and minus ones.
    """
    off = _off_diagonal(weights, dictionary)
    x = np.zeros((len(off), count))
    x[:, :1] = adversarial(weights, dictionary, support, 1)
    moved = int(np.abs(off @ x[:, 0]).argmax())
    rest = np.argsort(-np.abs(off[moved]))[: support - 1]
    x[moved, 1], x[rest, 1] = 1.0, np.where(off[moved, rest] > 0, -1.0, 1.0)
    places = np.argsort(rng.random((len(x), count - 2)), axis=0)[:support]
    values = rng.uniform(-1, 1, (support, count - 2))
    values[:, ::2] = np.where(values[:, ::2] < 0, -1.0, 1.0)
    np.put_along_axis(x[:, 2:], places, values, axis=0)
    return x


def moved(A: Values, step: float, seed: int) -> Values:
    """K (n, n) of a layer like a trained one: ``step`` (A^T + 0.3 |A| G) A / |A|^2, with a Gaussian G of norm 1."""
    noise, size = np.random.default_rng(seed).standard_normal(A.T.shape), np.linalg.norm(A, 2)
    return np.asarray(step * (A.T + 0.3 * size * noise / np.linalg.norm(noise, 2)) @ A / size**2)


def _off_diagonal(weights: Values, dictionary: Values) -> Values:
    """W^T A with W normalised, without its diagonal."""
    products = weights.T @ dictionary
    return np.asarray(products / np.diag(products)[:, None] - np.eye(len(products)))
