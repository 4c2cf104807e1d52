"""Certified Lipschitz bounds: the recursion of :mod:`fbscheck.network.riccati` in outward-rounded arithmetic.

From float64 storages P_{n+1} and multipliers it makes float64 storages P_n with V_n >= max over Dw, for the
float64 matrices of the network taken as exact.  With S = 2 Lambda - width P^xx width, M the matrix with M z the
linear term of Dw, and *any* matrix K, such as the floating solution of S K = M, with R = M - S K,

    M^T S^-1 M = K^T M + R^T K + R^T S^-1 R.

S is proved to be at least s I with s > 0, so the last term is at most R^T R / s.  K^T M is enclosed, block by block of
(x, b), so that their scales do not mix, and what may be missing from the blocks is added to the diagonals:
[[0, E], [E^T, 0]] <= diag(c |E|, |E| / c).  Storages are exact again after every layer, so errors do not pile up
as norms of products would.  Rows and columns of S are scaled, exactly, by powers of two, to have a diagonal near 1.
"""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from fbscheck.archive import Arrays, add
from fbscheck.certify.balls import root_up
from fbscheck.certify.enclosure import TINY, UNIT, eigenvalue_lower, eigenvalue_upper, exact, sum_up
from fbscheck.errors import InputError
from fbscheck.network.layers import Layers
from fbscheck.network.riccati import Input, Recursion, recursion

__all__ = ["MARGIN", "certified_bound", "certify", "layers_of", "recheck", "record_of", "storages"]

Values = npt.NDArray[np.float64]

SHIFT = 2.0**-28
"""S, with a diagonal near 1, is proved to be at least nearly this multiple of the identity."""
MARGIN = Fraction(10**9 + 1, 10**9)
"""What another machine's order of summation may do to the proof of a bound."""
FIELDS = {"kind", "wrt", "depth", "separable", "transitions", "injections", "strong_convexity", "multipliers", "bound"}
ERRORS = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
BLENDS = (0.0, 1e-9, 1e-7, 1e-6, 1e-4, 1e-2, 1.0)
"""Shares of safe multipliers tried in turn where S is nearly singular."""


def storages(recursion: Recursion, multipliers: npt.ArrayLike) -> Iterator[Values]:
    """P_{N-1}, ..., P_0 with V_{n+1} <= V_n proved; it ends early where some S is not proved positive definite.

    Raises
    ------
    InputError
        If these are no multipliers; see :meth:`Recursion.checked`.
    """
    checked, found = recursion.effective(recursion.checked(multipliers)), recursion.final()
    for n in range(recursion.shape[0] - 1, -1, -1):
        with np.errstate(all="ignore"):
            step = _step(recursion, n, found, checked[n])
        if step is None:
            return
        yield step
        found = step


def certified_bound(recursion: Recursion, multipliers: npt.ArrayLike) -> float:
    """A proved Lipschitz bound; inf where the multipliers are not proved admissible."""
    count, storage = 0, recursion.final()
    with threadpool_limits(1):
        for storage in storages(recursion, multipliers):
            count += 1
        if count < recursion.shape[0]:
            return math.inf
        top = eigenvalue_upper(exact(recursion.block(storage)))
    return root_up(Fraction(max(top, 0.0))) if math.isfinite(top) else math.inf


def certify(recursion: Recursion, multipliers: npt.ArrayLike) -> tuple[float, Values]:
    """A proved bound near that of ``multipliers``, and the multipliers that prove it.

    The mean of two multipliers has at most the mean of their squared bounds: where S is too nearly
    singular, a little of safe ones is blended in.
    """
    wanted = recursion.checked(multipliers)
    safe = recursion.safe()
    found, bound = wanted, math.inf
    for share in BLENDS:
        found = (1 - share) * wanted + share * safe
        bound = certified_bound(recursion, found)
        if math.isfinite(bound):
            break
    return bound, found


def _step(recursion: Recursion, n: int, storage: Values, multipliers: Values) -> Values | None:
    d, low, width = recursion.shape[1], recursion.sectors.low[n], recursion.sectors.width[n]
    square, cross, data = (exact(part) for part in (storage[:d, :d], storage[:d, d:], storage[d:, d:]))
    twice = np.where(width > 0, 2 * multipliers, 1.0)
    diagonal = twice - width * np.diagonal(square.centre) * width
    if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
        return None
    unit = np.ldexp(1.0, -np.round(np.log2(diagonal) / 2).astype(int))
    scaled, narrow, weights = twice * unit * unit, width * unit, multipliers * unit
    if not (np.array_equal(scaled / unit / unit, twice) and np.array_equal(narrow / unit, width)):
        return None
    if not np.array_equal(weights / unit, multipliers):
        return None
    pencil = exact(np.diag(scaled)) - square.rows(narrow).columns(narrow)
    forward = exact(recursion.transitions[n]), exact(recursion.injections[n])
    images = [part.rows(weights) for part in forward]
    images[1] = images[1] + cross.rows(narrow)
    passed = [part.rows(low) for part in forward] if low.any() else None
    if passed is not None:
        images = [image + (square @ part).rows(narrow) for image, part in zip(images, passed, strict=True)]
    definite = eigenvalue_lower(pencil, SHIFT)
    if not definite > 0:
        return None
    gains = [exact(_solution(pencil.centre, image.centre)) for image in images]
    rests = [(image - pencil @ gain).norm() for image, gain in zip(images, gains, strict=True)]
    norms = [gain.norm() for gain in gains]
    pairs = ((0, 0), (0, 1), (1, 1))
    blocks = {(i, j): gains[i].T @ images[j] for i, j in pairs}
    blocks[1, 1] = blocks[1, 1] + data
    if passed is not None:
        mixed = [part.T @ cross for part in passed]
        blocks = {(i, j): blocks[i, j] + passed[i].T @ (square @ passed[j]) for i, j in pairs}
        blocks[0, 1] = blocks[0, 1] + mixed[0]
        blocks[1, 1] = blocks[1, 1] + mixed[1] + mixed[1].T
    missed = {
        (i, j): sum_up(blocks[i, j].radius, rests[i] * norms[j], rests[i] / definite * rests[j], TINY) for i, j in pairs
    }
    balance = math.sqrt(missed[0, 0] / missed[1, 1]) or 1.0
    found = np.empty_like(storage)
    found[:d, d:] = blocks[0, 1].centre
    found[d:, :d] = found[:d, d:].T
    found[:d, :d] = _above(blocks[0, 0].centre, sum_up(missed[0, 0], balance * missed[0, 1]))
    found[d:, d:] = _above(blocks[1, 1].centre, sum_up(missed[1, 1], missed[0, 1] / balance))
    return found if np.isfinite(found).all() else None


def _solution(matrix: Values, right: Values) -> Values:
    """Near the solution of a linear system; how near does not matter."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def _above(centre: Values, missed: float) -> Values:
    """A symmetric float64 matrix that is no less than the symmetric part of ``centre`` plus ``missed`` I."""
    half = exact(centre).rows(np.full(len(centre), 0.5))
    whole = half + half.T
    found: Values = whole.centre.copy()
    diagonal = np.diagonal(found)
    lift = sum_up(missed, whole.radius, 8 * UNIT * float(np.max(np.abs(diagonal), initial=0.0)))
    found[np.diag_indices(len(found))] += lift
    return found


def record_of(layers: Layers, wrt: Input, multipliers: Values, bound: float, arrays: Arrays) -> dict[str, Any]:
    """A certificate: all that :func:`recheck` needs to prove ``bound`` again; its arrays are kept in ``arrays``.

    Matrices that all layers share are kept once.  The bound is written with a margin of 1e-9, which covers
    what another machine's order of summation does to the proof.
    """
    margin = root_up(Fraction(bound) ** 2 * MARGIN**2)
    return {
        "kind": "dissipation",
        "wrt": wrt,
        "depth": layers.depth,
        "separable": layers.separable,
        "transitions": add(_shared(layers.transitions), arrays),
        "injections": add(_shared(layers.injections), arrays),
        "strong_convexity": add(np.asarray(layers.strong_convexity), arrays),
        "multipliers": add(multipliers, arrays),
        "bound": str(Fraction(margin)),
    }


def recheck(record: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> float:
    """The bound of a certificate, proved again from its arrays without any optimisation.

    Raises
    ------
    InputError
        If the record is no such certificate, or does not prove its bound.
    """
    layers = layers_of(record, arrays)
    try:
        multipliers, bound = arrays[record["multipliers"]], Fraction(record["bound"])
        claimed = float(bound)
    except ERRORS as error:
        raise InputError(f"Need a certificate with multipliers and a bound, got {error!r:.100}.") from None
    proved = certified_bound(recursion(layers, record["wrt"]), multipliers)
    if not proved <= bound:
        raise InputError(f"Need a bound that the multipliers prove, {proved:.9g} at best, got {claimed:.9g}.")
    return claimed


def layers_of(record: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Layers:
    """The network that a certificate is about.

    Raises
    ------
    InputError
        If the record is no such certificate.
    """
    try:
        if set(record) != FIELDS or record["kind"] != "dissipation" or type(record["separable"]) is not bool:
            raise KeyError(f"fields {sorted(map(str, record))}")
        transitions, injections, convexity = (
            arrays[record[name]] for name in ("transitions", "injections", "strong_convexity")
        )
        depth = int(record["depth"])
        spread = [np.broadcast_to(part, (depth, *part.shape[1:])) for part in (transitions, injections)]
    except ERRORS as error:
        raise InputError(f"Need a certificate of kind dissipation with its arrays, got {error!r:.100}.") from None
    return Layers(spread[0], spread[1], record["separable"], convexity)


def _shared(matrices: Values) -> Values:
    """One matrix (1, ., .) where all layers are views of it."""
    return matrices[:1] if matrices.strides[0] == 0 else matrices
