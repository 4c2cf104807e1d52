"""Multinomial logistic regression."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.balls import exp, is_ball, nearest
from fbscheck.errors import InputError
from fbscheck.inputs import Array
from fbscheck.operators.base import Loss
from fbscheck.operators.maps import Blocks, as_map

__all__ = ["Multinomial"]


@final
@dataclass(frozen=True, eq=False)
class Multinomial(Loss):
    """The gradient of sum_i log(sum_c exp <x_c, a_i>) - <x_k, a_i>, k = ``labels[i]``.

    ``samples`` holds the a_i as rows (n, p), ``labels`` (n,) their classes 0..C-1, ``classes`` is C.  A point is
    x_0, ..., x_{C-1}, one after the other: (C p,).  The second derivative of the softmax potential has norm at most
    1/2, attained where two classes share the probability.
    """

    samples: Any
    labels: npt.NDArray[np.int64]
    classes: int
    curvature = (Fraction(0), Fraction(1, 2))
    source: ClassVar[str] = "Boehning 1992"

    def __post_init__(self) -> None:
        samples, labels = as_map(self.samples, "samples"), np.asarray(self.labels)
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or len(labels) != samples.shape[0]:
            raise InputError(
                f"Need labels as {samples.shape[0]} whole numbers, one for each row of the samples, got shape "
                f"{labels.shape} of {labels.dtype} (one-hot rows? use argmax)."
            )
        if isinstance(self.classes, bool) or not isinstance(self.classes, (int, np.integer)) or self.classes < 2:
            raise InputError(f"Need classes as a whole number >= 2, got {self.classes!r}.")
        if labels.min() < 0 or labels.max() >= self.classes:
            raise InputError(
                f"Need labels from 0 to {self.classes - 1}, got {labels.min()} to {labels.max()} (counted from 1?)."
            )
        kept = labels.astype(np.int64)
        kept.setflags(write=False)
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "labels", kept)

    @cached_property
    def matrix(self) -> Blocks:
        """The samples, once for each class."""
        return Blocks(self.samples, int(self.classes))

    def _by_class(self, z: Array) -> Array:
        """z (C n,) or (C n, S) as (C, n) or (C, n, S)."""
        return z.reshape(self.classes, len(self.labels), *z.shape[1:])

    def _of_labels(self, z: Array) -> Array:
        """The entries of z (C, n, ...) that belong to the labels: (n, ...)."""
        return z[self.labels, np.arange(len(self.labels))]

    def loss(self, z: Array) -> Any:
        """sum_i log(sum_c exp z_ci) - z_ki, without overflow."""
        z = self._by_class(z)
        largest = _shift(z)
        return np.sum(largest + np.log(np.sum(exp(z - largest), axis=0)) - self._of_labels(z), axis=0)

    def loss_gradient(self, z: Array) -> Array:
        """The softmax of each sample's z, minus the unit vector of its label."""
        softmax = self._softmax(z)
        softmax[self.labels, np.arange(len(self.labels))] -= 1
        return softmax.reshape(z.shape)

    def loss_hessian(self, z: Array, w: Array) -> Array:
        """p (w - <p, w>) for each sample, p its softmax."""
        softmax, directions = self._softmax(z), self._by_class(w)
        return np.asarray((softmax * (directions - np.sum(softmax * directions, axis=0))).reshape(z.shape))

    def loss_conjugate(self, y: Array) -> Any:
        """sum of p log p over p = y + unit vectors of the labels, inf unless each sample's p is in the simplex.

        Float64 allows the rounding of a softmax, balls must certainly be inside.
        """
        p = +self._by_class(y)
        p[self.labels, np.arange(len(self.labels))] += 1
        allowed = 0.0 if is_ball(y) else 1e-12
        total = np.sum(p, axis=0)
        inside = np.all(p >= -allowed, axis=0) & (abs(total - 1) <= allowed)
        positive = p > 0
        entropy = np.sum(np.where(positive, p * np.log(np.where(positive, p, 1.0)), 0.0), axis=0)
        return np.sum(np.where(inside, entropy, np.inf), axis=0)

    def _softmax(self, z: Array) -> Array:
        z = self._by_class(z)
        weights = exp(z - _shift(z))
        return weights / np.sum(weights, axis=0)  # type: ignore[no-any-return]


def _shift(z: Array) -> Array:
    """A float64 number for each sample close to its largest entry."""
    return np.max(nearest(z) if is_ball(z) else z, axis=0)  # type: ignore[no-any-return]
