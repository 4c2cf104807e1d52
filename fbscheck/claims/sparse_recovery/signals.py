r"""Sparse signals, and the layers of ALISTA and LISTA-CP that recover them, enclosed in ball arithmetic.

A layer maps x to soft(u, theta), u = x - gamma W^T(Ax - b), where b = Ax^* + noise, the rows of W^T A are
normalised exactly to the diagonal 1, and all entries elsewhere are at most mu~ in size.  Networks start at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck.archive import Arrays, add
from fbscheck.certify import kernel
from fbscheck.certify.balls import absolute, ball, exact, maximum, minimum
from fbscheck.errors import InputError
from fbscheck.inputs import Array, finite_array, nonnegative, positive
from fbscheck.network.coherence import coherence, coupling

__all__ = ["Recovery", "Trace", "restore"]

Values = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Recovery:
    """What the theory needs to be sure of, checked: no result exists without it.

    ``dictionary`` A (m, n); ``weights`` W (m, n) of coherence at most ``coherence``; ``support`` s >= 1; ``steps``
    gamma (N,), positive; ``signals`` x^* (n, S) with at most s nonzeros in [-1, 1] each; ``noise`` (m, S) with columns
    of l1 norm at most ``level``, or None.

    Raises
    ------
    InputError
        If anything of this does not hold.
    """

    source: str
    dictionary: Values
    weights: Values
    coherence: float
    support: int
    steps: Values
    signals: Values
    noise: Values | None = None
    level: float = 0.0

    def __post_init__(self) -> None:
        for name, dimensions in (("dictionary", 2), ("weights", 2), ("steps", 1), ("signals", 2)):
            object.__setattr__(self, name, finite_array(getattr(self, name), name, dimensions))
        positive(self.coherence, "coherence", "Orthogonal columns need no thresholds.")
        nonnegative(self.level, "level", "It is a norm.")
        size = self.dictionary.shape[1]
        if type(self.support) is not int or not 0 < self.support < size:
            raise InputError(f"Need a support of 1 to {size - 1} indices, got {self.support!r}.")
        if self.steps.min() <= 0:
            raise InputError(f"Need positive steps, got {self.steps.min():.3g}.")
        if self.signals.shape[0] != size:
            raise InputError(f"Need signals of {size} entries, got {self.signals.shape[0]}.")
        most = int(np.count_nonzero(self.signals, axis=0).max())
        if most > self.support or np.abs(self.signals).max() > 1:
            raise InputError(
                f"Need signals with at most {self.support} nonzeros in [-1, 1], got {most} nonzeros "
                f"up to {np.abs(self.signals).max():.3g}."
            )
        reached = coherence(self.weights, self.dictionary)[1]
        if reached > self.coherence:
            raise InputError(f"Need weights of coherence at most {self.coherence:.17g}, got {reached:.17g}.")
        if self.noise is not None:
            noise = finite_array(self.noise, "noise", 2)
            if noise.shape != (len(self.dictionary), self.signals.shape[1]):
                raise InputError(f"Need noise for each signal, got shape {noise.shape}.")
            object.__setattr__(self, "noise", noise)
            if not np.all(np.sum(absolute(exact(noise)), axis=0) <= ball(self.level)):
                raise InputError(f"Need noise of l1 norm at most {self.level:.17g}, got more.")
        elif self.level:
            raise InputError(f"Need noise for a level of {self.level:.3g}, got none.")

    @classmethod
    def of(cls, source: str, dictionary: Values, weights: Values, *rest: Any) -> "Recovery":
        """The same, with the coherence that the weights certainly have at most; ``rest`` are the fields after it."""
        return cls(source, dictionary, weights, coherence(weights, dictionary)[1], *rest)

    @property
    def name(self) -> str:
        """The dictionary and the numbers, as a table shows them."""
        low, high = self.steps.min(), self.steps.max()
        steps = f"gamma={low:g}" if low == high else f"gamma={low:.3g}..{high:.3g}"
        level = f", sigma={self.level:g}" if self.level else ""
        return f"{self.source}, s={self.support}, {steps}{level}, N={len(self.steps)}"

    @property
    def rate(self) -> flint.arb:
        """c = (2s - 1) mu~."""
        return (2 * self.support - 1) * ball(self.coherence)

    @cached_property
    def coupling(self) -> Array:
        """W^T A, normalised."""
        return coupling(self.weights, self.dictionary)

    @cached_property
    def amplified(self) -> tuple[Array | None, flint.arb]:
        """W^T noise (n, S), and C_W sigma, the most it can be in any entry; W normalised."""
        if self.noise is None:
            return None, flint.arb(0)
        W = exact(self.weights)
        W = W / np.sum(W * exact(self.dictionary), axis=0)
        product = flint.arb_mat(W.T.tolist()) * flint.arb_mat(self.noise.tolist())
        entries = np.array(product.tolist(), dtype=object)
        return entries, reduce(flint.arb.max, absolute(W).ravel()) * ball(self.level)

    def run(self, adaptive: bool = False, shrink: Fraction = Fraction(1)) -> "Trace":
        """All layers, with the thresholds gamma (mu~ E + C_W sigma) times ``shrink``.

        E is the bound of the recursion, from E_0 = s; or, if ``adaptive``, the largest error of the signals.
        """
        G, truth = flint.arb_mat(self.coupling.tolist()), exact(self.signals)
        outside, (noise, most) = self.signals == 0, self.amplified
        x, bound = 0 * truth, ball(self.support)
        layers = []
        for gamma in exact(self.steps):
            e = x - truth
            level = reduce(flint.arb.max, np.sum(absolute(e), axis=0)) if adaptive else bound
            theta = gamma * (ball(self.coherence) * level + most) * ball(shrink)
            u = x - gamma * np.array((G * flint.arb_mat(e.tolist())).tolist(), dtype=object)
            u = u if noise is None else u + gamma * noise
            x = maximum(u - theta, 0) + minimum(u + theta, 0)
            bound = (self.rate * gamma + abs(1 - gamma)) * bound + 2 * self.support * gamma * most
            layers.append(
                (
                    reduce(flint.arb.max, np.sum(absolute(x - truth), axis=0)),
                    bound,
                    reduce(flint.arb.max, absolute(u[outside])) / theta,
                    reduce(flint.arb.max, absolute(x[outside])),
                    int(np.sum(np.any((x != 0) & outside, axis=0))),
                )
            )
        return Trace(*map(np.array, zip(*layers, strict=True)))

    @cached_property
    def trace(self) -> "Trace":
        """The layers with the thresholds of the theory."""
        return self.run()

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :func:`restore` makes the case again; its arrays are kept in ``arrays``."""
        text: dict[str, Any] = {"dictionary": self.source, "support": self.support}
        text |= {"coherence": str(Fraction(self.coherence)), "matrix": add(self.dictionary, arrays)}
        text |= {name: add(getattr(self, name), arrays) for name in ("weights", "steps", "signals")}
        if self.noise is not None:
            text |= {"noise": add(self.noise, arrays), "level": str(Fraction(self.level))}
        return text


@final
@dataclass(frozen=True, eq=False)
class Trace:
    """Of layers 1..N, enclosed: the largest l1 ``errors`` of the signals; the ``bounds`` E of the recursion; off the
    support, the ``reach`` max |u_i|/theta and the largest entries, ``stray``; and how many signals certainly have
    false positives, ``wrong``.
    """

    errors: Array
    bounds: Array
    reach: Array
    stray: Array
    wrong: npt.NDArray[np.int64]


def restore(text: Mapping[str, Any], arrays: Arrays) -> Recovery:
    """The case that :meth:`Recovery.describe` described.

    Raises
    ------
    kernel.Refusal
        If a field is missing, or there is one more.
    """
    fields = {"dictionary", "support", "coherence", "matrix", "weights", "steps", "signals"}
    noisy = "noise" in text
    if set(text) != fields | ({"noise", "level"} if noisy else set()) or not isinstance(text["dictionary"], str):
        raise kernel.Refusal("the witness is incomplete, or has other fields")
    mu, level = (float(kernel.rational(part)) for part in (text["coherence"], text.get("level", "0")))
    A, W, steps, signals = (arrays[text[name]] for name in ("matrix", "weights", "steps", "signals"))
    noise = arrays[text["noise"]] if noisy else None
    return Recovery(text["dictionary"], A, W, mu, text["support"], steps, signals, noise, level)
