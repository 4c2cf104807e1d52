r"""Where the arguments of a network's proximal maps can be, for inputs in a region; outward rounded.

The states x_n are kept in c + G (z - z_0) + e, for z = (x_0, b) in the region around z_0 and |e| <= r.  A layer maps c
and G by its matrices and r by a norm.  A separable map with slopes in [s, t] on the interval of a unit then is
p(u_0) + (s + t)/2 (u - u_0) up to (t - s)/2 |u - u_0|, which is added to r together with all rounding errors.
A unit with s = t adds nothing: where the region is small the network is affine and the enclosure sharp, at any depth.
Elsewhere r grows with products of norms, until a known Lipschitz constant for the first n layers takes their place: all
states are that constant times the region's size from the centre's own, which the computed c is near.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, cast, final

import numpy as np
import numpy.typing as npt

from fbscheck.certify.enclosure import UNIT, exact, norm_upper, sum_up
from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.network.layers import Layers
from fbscheck.network.sectors import Sectors

__all__ = ["Activation", "Region", "SoftThreshold", "sectors_everywhere", "sectors_in"]

Values = npt.NDArray[np.float64]

WIDER = 1 + 2.0**-40
TINY = 2.0**-1000


class Activation(Protocol):
    """What a region needs to know of the separable maps p_n."""

    def fits(self, layers: Layers) -> bool:
        """Whether its numbers are as many as these layers need."""

    def value(self, n: int, arguments: Values) -> Values:
        """p_n, off by at most four roundings of the result and of the arguments, entry by entry."""

    def slopes(self, n: int, low: Values, high: Values) -> tuple[Values, Values]:
        """No more than the least and no less than the greatest slope on [low, high], for each unit."""


@final
@dataclass(frozen=True, eq=False)
class SoftThreshold:
    """p_n(u) = S_theta(u) / (1 + rho): the proximal map of weighted l1 norms, with rho > 0 of elastic nets.

    ``thresholds`` and ``strong_convexity`` are numbers, or one a layer (N,); thresholds may be (N, d).  A threshold
    may be a product rounded once: what is said holds for the exact one, too.

    Raises
    ------
    InputError
        If a threshold is negative, or rho <= -1.
    """

    thresholds: npt.ArrayLike
    strong_convexity: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        for name in ("thresholds", "strong_convexity"):
            value = finite_array(getattr(self, name), name, (0, 1, 2))
            object.__setattr__(self, name, value if value.ndim else float(value))
        if np.min(self.thresholds) < 0 or np.min(self.strong_convexity) <= -1:
            raise InputError(
                f"Need thresholds >= 0 and strong convexities above -1, "
                f"got {np.min(self.thresholds):g} and {np.min(self.strong_convexity):g}."
            )

    def fits(self, layers: Layers) -> bool:
        """Whether there are as many numbers as layers and units."""
        shapes = ((), (layers.depth,), (layers.depth, layers.dimension))
        return np.shape(self.thresholds) in shapes and np.shape(self.strong_convexity) in shapes[:2]

    def value(self, n: int, arguments: Values) -> Values:
        """The shrunk arguments."""
        theta = _layer(self.thresholds, n)
        shrunk: Values = (arguments - np.clip(arguments, -theta, theta)) / (1 + _layer(self.strong_convexity, n))
        return shrunk

    def slopes(self, n: int, low: Values, high: Values) -> tuple[Values, Values]:
        """(0, 0) between the thresholds, both 1 / (1 + rho) beyond one of them, else (0, 1 / (1 + rho))."""
        theta, rho = _layer(self.thresholds, n), _layer(self.strong_convexity, n)
        above, below = theta * (1 + 4 * UNIT), theta * (1 - 4 * UNIT)
        outside, inside = (low >= above) | (high <= -above), (low >= -below) & (high <= below)
        exactly = np.where(rho == 0, 0.0, 2.0**-50)
        return np.where(outside & ~inside, (1 - exactly) / (1 + rho), 0.0), np.where(
            inside & ~outside, 0.0, (1 + exactly) / (1 + rho)
        )


@final
@dataclass(frozen=True, eq=False)
class Region:
    """Inputs near (x_0, b): boxes of half-widths (d,) and (m,), or balls where a radius is one number.

    Raises
    ------
    InputError
        If shapes do not fit, or a radius is negative.
    """

    x0: Values
    b: Values
    x0_radius: npt.ArrayLike = 0.0
    b_radius: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        for name in ("x0", "b"):
            object.__setattr__(self, name, finite_array(getattr(self, name), name, 1))
            radius = finite_array(getattr(self, f"{name}_radius"), f"{name}_radius", (0, 1))
            if radius.ndim and radius.shape != getattr(self, name).shape:
                raise InputError(f"Need {name}_radius to be one number or as long as {name}, got {radius.shape}.")
            if radius.min() < 0:
                raise InputError(f"Need {name}_radius >= 0, got {radius.min():g}.")
            object.__setattr__(self, f"{name}_radius", radius if radius.ndim else float(radius))

    def length(self, wrt: Literal["b", "x0", "both"] = "both") -> float:
        """No less than the Euclidean distance of any input from the centre, or of its part ``wrt``."""
        radii = {"x0": self.x0_radius, "b": self.b_radius}
        parts = radii.values() if wrt == "both" else (radii[wrt],)
        return sum_up(*(exact(np.atleast_2d(np.asarray(r))).norm() if np.any(r) else 0.0 for r in parts))

    def contains(self, x0: Values, b: Values) -> bool:
        """Whether an input (d,), (m,) lies in the region, decided exactly."""
        for point, centre, radius in ((x0, self.x0, self.x0_radius), (b, self.b, self.b_radius)):
            away = [Fraction(p) - Fraction(c) for p, c in zip(point.tolist(), centre.tolist(), strict=True)]
            if np.ndim(radius) == 0:
                inside = sum(a * a for a in away) <= Fraction(float(cast(float, radius))) ** 2
            else:
                inside = all(abs(a) <= Fraction(r) for a, r in zip(away, np.asarray(radius).tolist(), strict=True))
            if not inside:
                return False
        return True

    def nearest(self, inputs: Values, share: float = 1.0) -> Values:
        """For columns (x_0, b) of (d + m, S) inputs, near the nearest ones of the region; those of boxes lie in it.

        Radii are multiplied by ``share``, at most 1.
        """
        found = []
        parts = zip(np.vsplit(inputs, [len(self.x0)]), (self.x0, self.b), (self.x0_radius, self.b_radius), strict=True)
        for part, centre, radius in parts:
            middle = centre[:, None]
            if np.ndim(radius) > 0:
                half = share * np.asarray(radius)[:, None]
                low = np.minimum(np.nextafter(middle - half, np.inf), middle)
                found.append(np.clip(part, low, np.maximum(np.nextafter(middle + half, -np.inf), middle)))
            else:
                away = np.linalg.norm(part - middle, axis=0)
                length = share * float(cast(float, radius)) / WIDER
                shorter = np.divide(length, away, out=np.ones_like(away), where=away > length)
                found.append(middle + shorter * (part - middle))
        return np.vstack(found)

    def reach(self, rows: Values) -> Values:
        """No less than |g . (z - z_0)| for each row g of a matrix (k, d + m)."""
        found = np.full(len(rows), TINY)
        for part, radius in zip(np.hsplit(rows, [len(self.x0)]), (self.x0_radius, self.b_radius), strict=True):
            largest = float(np.max(np.abs(part)))
            if np.ndim(radius) > 0:
                found += np.abs(part) @ radius
            elif largest != 0:
                scaled = part / largest
                lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled)) + 2.0**-480
                found += lengths * largest * radius
        wider: Values = found * _wider(rows.shape[1]) + TINY
        return wider


def sectors_in(
    layers: Layers, activation: Activation, region: Region, gains: Mapping[int, float] | None = None
) -> Sectors:
    """The slopes that the units of ``layers`` can have between any two inputs of a region.

    ``gains`` are known Lipschitz constants of the input -> x_n for some n: there r need not be larger than what they
    say, however much products of norms have made of it.

    Raises
    ------
    InputError
        If the maps are not separable, or shapes do not fit.
    """
    d, m = layers.dimension, layers.observations
    if not layers.separable or (len(region.x0), len(region.b)) != (d, m):
        raise InputError(
            f"Need separable maps and a region of ({d}, {m}) coordinates, got "
            f"{'separable' if layers.separable else 'other'} ones and ({len(region.x0)}, {len(region.b)})."
        )
    if not activation.fits(layers):
        raise InputError(
            f"Need one threshold, (N,) or (N, d) of them for {layers.depth} layers of {d} units, got others."
        )
    low, high = np.empty((2, layers.depth, d))
    centre, gain, error = region.x0[:, None], np.eye(d, d + m), 0.0
    data, injected, length = exact(region.b[:, None]), np.eye(m, d + m, d), region.length()
    norms = [norm_upper(exact(w)) for w in (layers.transitions[:1] if _shared(layers) else layers.transitions)]
    known, off = gains or {}, 0.0
    widest = np.max(sectors_everywhere(layers, activation).width, axis=1).tolist()
    with np.errstate(all="ignore"):
        for n in range(layers.depth):
            if n in known and (spread := sum_up(known[n] * length, off)) < error:
                gain, error = np.zeros_like(gain), spread
            transition, injection = exact(layers.transitions[n]), exact(layers.injections[n])
            middle = transition @ exact(centre) + injection @ data
            linear = transition @ exact(gain) + injection @ exact(injected)
            error = sum_up(norms[n % len(norms)] * error, middle.radius, linear.radius * length)
            off = sum_up(norms[n % len(norms)] * off, middle.radius)
            reach = (region.reach(linear.centre) + error) * WIDER
            centre = middle.centre
            rounding = 4 * UNIT * np.abs(centre[:, 0])
            low[n], high[n] = activation.slopes(
                n, centre[:, 0] - reach - rounding - TINY, centre[:, 0] + reach + rounding + TINY
            )
            mean = (low[n] + high[n]) / 2
            bent = ((high[n] - low[n]) / 2 * WIDER + 8 * UNIT * mean) * reach
            following = activation.value(n, centre[:, 0])
            rounded = 8 * UNIT * (np.abs(following) + np.abs(centre[:, 0]) * (high[n] + UNIT)) + TINY
            bent += rounded
            off = sum_up(widest[n] * off, exact(rounded[:, None]).norm())
            scaled = exact(linear.centre).rows(mean)
            error = sum_up(float(np.max(mean)) * error, exact(bent[:, None]).norm(), scaled.radius * length)
            centre, gain = following[:, None], scaled.centre
    width = np.where(high > low, (high - low) * (1 + 2.0**-50), 0.0)
    return Sectors(low, np.where(low == 0, high, width))


def sectors_everywhere(layers: Layers, activation: Activation) -> Sectors:
    """The slopes that units can have between any two inputs at all, from what ``activation`` says alone."""
    ends = (np.full(layers.dimension, end) for end in (-np.inf, np.inf))
    below, above = list(ends)
    slopes = np.array([activation.slopes(n, below, above) for n in range(layers.depth)])
    low = np.minimum(slopes[:, 0], 0.0)
    return Sectors(low, (slopes[:, 1] - low) * (1 + 2.0**-50))


def _wider(terms: int) -> float:
    """More than what the rounding of a sum of so many products can take away, relatively."""
    return max(WIDER, 1 + 4 * (terms + 8) * UNIT)


def _layer(values: npt.ArrayLike, n: int) -> Values:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim and n >= len(array):
        raise InputError(f"Need one value, or one a layer, got {len(array)} of them for layer {n + 1}.")
    return np.asarray(array[n] if array.ndim else array)


def _shared(layers: Layers) -> bool:
    return layers.transitions.strides[0] == 0
