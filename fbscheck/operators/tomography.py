"""The Radon transform of parallel beams, as a sparse matrix of lengths."""

import math

import numpy as np
import numpy.typing as npt
import scipy.sparse

from fbscheck.errors import InputError
from fbscheck.inputs import finite_array
from fbscheck.operators.maps import Sparse

__all__ = ["radon"]


def radon(size: int, angles: npt.ArrayLike, detectors: int | None = None) -> Sparse:
    """Lengths of parallel rays in the pixels of a ``size`` x ``size`` image: (angles * detectors, size^2).

    Pixels have side 1 and are centred around the origin; the image is stored row by row, rows from top to bottom.  The
    ray of angle t and offset s is {(x, y): x cos t + y sin t = s}; the ``detectors`` (default: ``size``) have offsets
    one apart, centred around 0.  Entries are the lengths of intersection, computed in float64 from the parameters at
    which a ray crosses the lines of the grid (Siddon 1985); the operator is the matrix that results.
    A ray along a side of pixels is counted once.

    Raises
    ------
    InputError
        If ``size`` or ``detectors`` is no positive whole number, or the angles are not finite.
    """
    for name, value in (("size", size), ("detectors", size if detectors is None else detectors)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"Need {name} as a whole number >= 1, got {value!r}.")
    turns = finite_array(angles, "angles", 1)
    count = size if detectors is None else detectors
    offsets = np.arange(count) - (count - 1) / 2
    cosine, sine = (np.repeat(part, count)[:, None] for part in (np.cos(turns), np.sin(turns)))
    near = np.tile(offsets, len(turns))[:, None]
    lines = np.arange(size + 1) - size / 2
    reach = math.hypot(size, size)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = np.hstack([(near * cosine - lines) / sine, (lines - near * sine) / cosine])
    crossings = np.sort(np.clip(np.nan_to_num(crossings, nan=reach, posinf=reach, neginf=-reach), -reach, reach))
    lengths, middle = np.diff(crossings), (crossings[:, 1:] + crossings[:, :-1]) / 2
    column = np.floor(near * cosine - middle * sine + size / 2).astype(np.int64)
    row = size - 1 - np.floor(near * sine + middle * cosine + size / 2).astype(np.int64)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size) & (lengths > 1e-12)
    ray = np.broadcast_to(np.arange(len(near))[:, None], lengths.shape)
    entries = (lengths[inside], (ray[inside], row[inside] * size + column[inside]))
    return Sparse(scipy.sparse.coo_array(entries, shape=(len(near), size * size)))
