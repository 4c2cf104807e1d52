r"""The learning problem: fit the outputs of a network to labels, by a path of parameters with a penalty.

    J_N(theta) = (1/S) sum_s loss(x_N^s - x*^s) + Phi(theta),   J(theta) = (1/S) sum_s loss(x^s(T) - x*^s) + Phi(theta),

where layer n of the network takes theta at t_n = nT/N (H1) or its average over the cell (L^p), and x solves the limit
``x' in -(K(t)x - L(t)b) - lambda(t) dr(x)``.  Parameters are (rows, P) arrays; their number of rows fixes the depth.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.rounded import Rounded
from fbscheck.errors import InputError
from fbscheck.inputs import Array, Number, finite_array, positive
from fbscheck.learning.families import Family
from fbscheck.learning.losses import Loss, Squared
from fbscheck.learning.regularisers import Regulariser
from fbscheck.learning.sweep import Sweep, sweep
from fbscheck.limit import ErrorCurve, ParameterPath, error_curve
from fbscheck.network import Network
from fbscheck.verdict import Bracket, Evidence, Rigour, Side

if TYPE_CHECKING:
    from fbscheck.learning.minimum import ConstantMinimum
    from fbscheck.learning.training import Training

__all__ = ["Problem"]

Values = npt.NDArray[np.float64]

ENTRIES = 2**20
"""Entries of states kept at once by gradients; of deeper networks, swept in blocks of N^(1/2) layers, those of one
block are kept, and the first states of all.  Certificates keep 32 times as many, of fewer samples at once."""


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """Samples, a family of networks, a penalty, a horizon and a loss.

    Parameters
    ----------
    x0, b, target
        Starts (d, S), data (m, S) and labels (d, S); single vectors are repeated.
    family
        What is trained (:mod:`fbscheck.learning.families`).
    regulariser
        Phi (:mod:`fbscheck.learning.regularisers`).
    horizon
        T > 0.
    loss
        A loss of the error; |e|^2/2 unless told.

    Raises
    ------
    InputError
        If shapes do not fit, an entry is not finite, or the horizon is not positive.

    >>> from fbscheck.functions import Zero
    >>> from fbscheck.learning import Free, Lp
    >>> problem = Problem([1.0], [0.0], [0.2], Free(1, 1, Zero(), weight=0.0), Lp(0.01), horizon=1.0)
    >>> problem.value(np.zeros((4, 2)))
    0.32000000000000006
    """

    x0: Array
    b: Array
    target: Array
    family: Family
    regulariser: Regulariser
    horizon: Number
    loss: Loss = Squared()

    def __post_init__(self) -> None:
        for name, kind in (("family", Family), ("regulariser", Regulariser), ("loss", Loss)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"Need a {kind.__name__} for {name}, got {type(getattr(self, name)).__name__}.")
        positive(self.horizon, "horizon", "It is the time T that the network stands for.")
        d, m = self.family.shape
        columns = {}
        for name, rows in (("x0", d), ("b", m), ("target", d)):
            known = finite_array(getattr(self, name), name, (1, 2))
            if len(known) != rows:
                raise InputError(f"Need {name} of shape ({rows},) or ({rows}, S), got {known.shape} (transposed?).")
            columns[name] = known if known.ndim == 2 else known[:, None]
        counts = {part.shape[1] for part in columns.values()}
        if len(counts - {1}) > 1:
            raise InputError(f"Need one number of samples, got {' and '.join(map(str, sorted(counts)))}.")
        for name, part in columns.items():
            object.__setattr__(self, name, np.array(np.broadcast_to(part, (len(part), max(counts)))))

    @property
    def samples(self) -> int:
        """S."""
        return int(self.x0.shape[1])

    @property
    def time(self) -> Rounded:
        """T, as a number that is certain."""
        time = Fraction(self.horizon)
        return Rounded(float(time), 0.0 if Fraction(float(time)) == time else 2.0**-52 * float(time))

    def parameters(self, theta: npt.ArrayLike) -> Values:
        """``theta`` as parameters (rows, P) within their bounds.

        Raises
        ------
        InputError
            If its shape does not fit, an entry is not finite, or one is below its bound.
        """
        known = finite_array(theta, "theta", 2)
        if known.shape[1] != self.family.count or self.regulariser.depth(known) < 1:
            raise InputError(
                f"Need theta of shape (rows, {self.family.count}) of one layer or more, got {known.shape}."
            )
        low = (known - self.family.lower).min()
        if low < 0:
            raise InputError(f"Need theta within its bounds, got an entry {-low:g} below (trained without them?).")
        return known

    def value(self, theta: npt.ArrayLike) -> float:
        """J_N of parameters (rows, P), N by their number."""
        known = self.parameters(theta)
        last = self.x0
        for first, end in self._blocks(known):
            last = self._swept(known, first, end, last, False).states[-1]
        return self._of_outputs(last) + float(self.regulariser(known, float(self.horizon)))

    def value_and_gradient(self, theta: npt.ArrayLike) -> tuple[float, Values]:
        """J_N and its derivatives (rows, P), by the discrete adjoint.

        Deep networks are swept in blocks, of which the first states are kept and the others found again: of the order
        of N^(1/2) states are in memory, at the cost of one more forward pass.
        """
        known = self.parameters(theta)
        blocks, starts = self._blocks(known), [self.x0]
        for first, end in blocks:
            run = self._swept(known, first, end, starts[-1], end == blocks[-1][1])
            starts.append(run.states[-1].copy())
        y = self.loss.gradient(starts[-1] - self.target) / self.samples
        parts = []
        for k in range(len(blocks) - 1, -1, -1):
            if k < len(blocks) - 1:
                run = self._swept(known, *blocks[k], starts[k])
            y, p = run.adjoint(y)
            parts.append(run.gradient(p))
        time = float(self.horizon)
        value = self._of_outputs(starts[-1]) + float(self.regulariser(known, time))
        return value, self._summed(known, np.concatenate(parts[::-1]))

    def train(self, depth: int, **settings: Any) -> "Training":
        """Train a network of N = ``depth`` layers; see :func:`fbscheck.learning.training.train` for the settings."""
        from fbscheck.learning.training import train

        return train(self, depth, **settings)

    def constant_minimum(self, depth: int | None = None, gap: float = 1e-2, **settings: Any) -> "ConstantMinimum":
        """The least J_N, N = ``depth``, or J unless it is told, over constant paths of at most three parameters.

        Bounded from both sides (:func:`fbscheck.learning.minimum.constant_minimum`); of other paths nothing is said.
        """
        from fbscheck.learning.minimum import constant_minimum

        return constant_minimum(self, depth, gap, **settings)

    def least_value(self, depth: int | None = None) -> Bracket:
        """Bounds on min J_N, or on min J, over all paths: for one sample (:mod:`fbscheck.learning.one_sample`)."""
        from fbscheck.learning.one_sample import least_value

        return least_value(self, depth)

    def states(self, theta: npt.ArrayLike) -> Values:
        """x_0..x_N (N + 1, d, S)."""
        known = self.parameters(theta)
        return np.asarray(self._swept(known, 0, self.regulariser.depth(known), self.x0, False).states)

    def outputs(self, theta: npt.ArrayLike) -> Values:
        """x_N (d, S)."""
        return np.asarray(self.states(theta)[-1])

    def network(self, theta: npt.ArrayLike) -> Network:
        """The network with these parameters."""
        known = self.parameters(theta)
        return Network(*self.family.layers(self.regulariser.of_layers(known)), self.family.r, self.horizon)

    def path(self, theta: npt.ArrayLike) -> ParameterPath:
        """The path of K, L and the weight that the parameters stand for, in float64 at nodes or in pieces.

        Raises
        ------
        InputError
            If K is not linear in theta and the path is not one of pieces.
        """
        known, curve = self.parameters(theta), self.regulariser.curve
        if not self.family.linear and self.regulariser.rows(1) > 1:
            raise InputError("Need a family that is linear in theta for straight lines: tied weights are quadratic.")
        K, L, weights = self.family.layers(known)
        fixed = self.family.weight is not None
        return ParameterPath(curve(K), curve(L), weights[0] if fixed else curve(weights), self.family.r, self.horizon)

    def limit_value(self, theta: npt.ArrayLike, refine: int = 1, certified: bool = True) -> Bracket:
        """Bounds on J of the path that the parameters stand for, by a network of ``refine`` N layers.

        The path of layers is :meth:`path`, the penalty that of ``theta``, both as float64 numbers that are taken for
        exact.  Without ``certified`` nothing is guaranteed.

        Raises
        ------
        InputError
            As for :func:`fbscheck.limit.error_curve` and :meth:`path`.
        """
        if isinstance(refine, bool) or not isinstance(refine, int | np.integer) or refine < 1:
            raise InputError(f"Need refine >= 1, got refine={refine!r:.40}. It multiplies the depth.")
        return self._enclosed(theta, refine, certified, lambda curve: curve.nodes[-1], "the limit")

    def network_value(self, theta: npt.ArrayLike, certified: bool = True) -> Bracket:
        """Bounds on J_N in exact arithmetic, of the network of :meth:`path`: what rounding leaves open.

        Raises
        ------
        InputError
            As for :meth:`limit_value`.
        """
        return self._enclosed(theta, 1, certified, lambda curve: curve.rounding, "exact arithmetic")

    def _enclosed(
        self, theta: npt.ArrayLike, refine: int, certified: bool, radius: Callable[[ErrorCurve], Values], truth: str
    ) -> Bracket:
        """Bounds on the mean loss of outputs within a ``radius`` (S,) of those of ``refine`` N layers, and Phi."""
        known = self.parameters(theta)
        depth = self.regulariser.depth(known) * refine
        path, ends = self.path(known), []
        size = max(1, 32 * ENTRIES // (depth * len(self.x0)))
        for first in range(0, self.samples, size):
            part = slice(first, first + size)
            curve = error_curve(path, self.x0[:, part], self.b[:, part], depth, certified=certified)
            ends.append(self.loss.bounds(Rounded(curve.states[-1]) - self.target[:, part], radius(curve)))
        low, high = (np.concatenate(bounds) for bounds in zip(*ends, strict=True))
        penalty = self.regulariser.enclosure(known, self.time)
        lower = float((Rounded(low).sum(0) / self.samples + penalty).lower)
        upper = float((Rounded(high).sum(0) / self.samples + penalty).upper)
        rigour = Rigour.ENCLOSED if certified else Rigour.FLOATING
        method = f"the distance of {depth} layers from {truth}, and the loss within it"
        evidence = (Evidence(Side.ATTAINED, lower, rigour, method), Evidence(Side.CERTIFIED, upper, rigour, method))
        return Bracket(lower, None, upper, None, evidence)

    def _of_outputs(self, x: Values) -> float:
        return float(np.mean(self.loss(x - self.target)))

    def _summed(self, theta: Values, by_layers: Values) -> Values:
        """Derivatives by rows: those of the loss by layers, and those of the penalty."""
        return np.asarray(self.regulariser.on_rows(by_layers) + self.regulariser.gradient(theta, float(self.horizon)))

    def _swept(self, theta: Values, first: int, end: int, x: Values, slopes: bool = True) -> Sweep:
        step = float(Fraction(self.horizon) / self.regulariser.depth(theta))
        return sweep(self.family, self.regulariser.of_layers(theta)[first:end], step, x, self.b, slopes)

    def _blocks(self, theta: Values) -> list[tuple[int, int]]:
        depth, (d, m) = self.regulariser.depth(theta), self.family.shape
        size = max(1, ENTRIES // (d * max(self.samples, d + m)))
        if size < depth:
            size = min(size, isqrt(depth))
        return [(first, min(first + size, depth)) for first in range(0, depth, size)]
