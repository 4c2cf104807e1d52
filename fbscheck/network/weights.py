"""Trained weights from a file: ``.npz``, or a state dict that ``torch.save`` wrote.

The names of the arrays say which family it is; theta (N,) or (N, d) is the thresholds:

* LISTA: ``W1`` (N, d, m) or (d, m), ``W2`` (N, d, d) or (d, d), ``theta``;
* LISTA-CP: ``A`` (m, d), ``W`` (N, m, d) or (m, d), ``theta``;
* ALISTA: ``A`` (m, d), ``W`` (m, d), ``gamma`` (N,), ``theta``;
* free: ``K`` (N, d, d), ``L`` (N, d, m), ``weights`` (N,), ``horizon``; r is an argument.

Of the layers one by one, NAME is written ``NAME.0``, ``NAME.1``, ..., as PyTorch does for a ParameterList.  A ending
``.weight``, as of a Linear without bias, is ignored.  Entries are taken at their exact value, in float64.
"""

import re
import zipfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from fbscheck.errors import InputError, MissingToolError
from fbscheck.functions import L1, Function
from fbscheck.inputs import Array, Number, finite_array
from fbscheck.network.families import alista, lista, lista_cp
from fbscheck.network.network import Network

__all__ = ["load"]

FAMILIES = {
    "LISTA": {"W1", "W2", "theta"},
    "LISTA-CP": {"A", "W", "theta"},
    "ALISTA": {"A", "W", "gamma", "theta"},
    "free": {"K", "L", "weights", "horizon"},
}


def load(path: str | Path, step: Number = 1.0, r: Function | None = None) -> Network:
    """The network whose weights are in a file; see the module for the names that it must hold.

    Parameters
    ----------
    path
        An ``.npz``, or anything that ``torch.load(..., weights_only=True)`` reads as a state dict.
    step
        h of a LISTA, LISTA-CP or ALISTA network; the horizon is hN.
    r
        The function of a free network, |x|_1 if None.

    Raises
    ------
    InputError
        If the file cannot be read, its names are of no family, or an array is malformed.
    MissingToolError
        If it takes PyTorch to read the file, and it is not installed.
    """
    path = Path(path)
    found = _stacked(_arrays(path))
    family = next((name for name, keys in FAMILIES.items() if keys == set(found)), None)
    if family is None:
        known = "; ".join(f"{name}: {', '.join(sorted(keys))}" for name, keys in FAMILIES.items())
        got = ", ".join(sorted(found)) or "none"
        raise InputError(f"Need the names of one family ({known}), got {got:.200}.")
    if family == "free":
        return Network(found["K"], found["L"], _flat(found["weights"]), r or L1(1.0), _number(found["horizon"]))
    if r is not None:
        raise InputError(f"Need no function r for {family}, which shrinks by its thresholds, got {type(r).__name__}.")
    theta = _flat(found["theta"])
    if family == "LISTA":
        return lista(found["W1"], found["W2"], theta, step)
    if family == "LISTA-CP":
        return lista_cp(found["A"], found["W"], theta, step)
    return alista(found["A"], found["W"], _flat(found["gamma"]), theta, step)


def _arrays(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise InputError(f"Need a file of weights, got {path}, which is none (a wrong folder?).")
    if path.suffix != ".npz":
        return _tensors(path)
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"Need an .npz of numeric arrays, got {path.name}: {error!s:.120}.") from None


def _tensors(path: Path) -> dict[str, Array]:
    try:
        import torch
    except ImportError:
        raise MissingToolError(f"Reading {path.name} needs PyTorch: pip install 'fbscheck[torch]'.") from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"Need a state dict that torch.save wrote, got {path.name}: {reason:.120}.") from None
    if not isinstance(content, Mapping) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise InputError(f"Need a state dict of tensors in {path.name} (a whole model? save model.state_dict()).")
    return {str(name): value.detach().to(torch.float64).numpy() for name, value in content.items()}


def _stacked(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays by name, those of single layers in one."""
    layers: dict[str, dict[int, Array]] = {}
    whole: dict[str, Array] = {}
    for key, array in arrays.items():
        name, number = re.fullmatch(r"(.*?)(?:\.(\d+))?(?:\.weight)?", key).groups()  # type: ignore[union-attr]
        if number is None:
            whole[name] = finite_array(array, key, tuple(range(4)))
        else:
            layers.setdefault(name, {})[int(number)] = finite_array(array, key, tuple(range(4)))
    for name, numbered in layers.items():
        shapes = {array.shape for array in numbered.values()}
        if sorted(numbered) != list(range(len(numbered))) or len(shapes) > 1 or name in whole:
            raise InputError(
                f"Need {name}.0, {name}.1, ... of one shape and no other {name}, got {name} of layers "
                f"{', '.join(map(str, sorted(numbered)))} with shapes {sorted(shapes)}."
            )
        whole[name] = np.stack([numbered[n] for n in range(len(numbered))])
    return whole


def _flat(array: Array) -> Array:
    """(N,) of one number a layer, or (N, d) of one a coordinate, whatever ones end its shape."""
    rows = array.reshape(len(array), -1) if array.ndim > 1 else array
    return rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows


def _number(array: Array) -> Number:
    if array.size != 1:
        raise InputError(f"Need horizon as one number, got shape {array.shape}.")
    return Fraction(float(array.reshape(-1)[0]))
