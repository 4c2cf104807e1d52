"""Two networks and their inputs, and their description in a witness, from which they can be made again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import flint
import numpy as np
import numpy.typing as npt

from fbscheck import functions
from fbscheck.archive import Arrays, add, describe, rebuild
from fbscheck.certify import kernel
from fbscheck.certify.balls import PRECISION, exact
from fbscheck.errors import InputError
from fbscheck.functions import Function
from fbscheck.inputs import Array
from fbscheck.network.layers import Values
from fbscheck.network.network import Network

__all__ = ["Pair"]


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """x' perturbs x: two networks with one function r, and x_0, x_0' (d,), b, b' (m,); the same where None."""

    name: str
    network: Network
    x0: Values
    b: Values
    other: Network | None = None
    other_x0: Values | None = None
    other_b: Values | None = None

    def __post_init__(self) -> None:
        networks = [self.network] if self.other is None else [self.network, self.other]
        if any(g is not self.network.functions[0] for network in networks for g in network.functions):
            raise InputError("Need one function in all layers of both networks (the same object).")

    @property
    def perturbed(self) -> tuple[Network, Values, Values]:
        """The other network, x_0' and b'."""
        return (
            self.network if self.other is None else self.other,
            self.x0 if self.other_x0 is None else self.other_x0,
            self.b if self.other_b is None else self.other_b,
        )

    def trajectories(self) -> tuple[Array, Array]:
        """x_0..x_N and x'_0..x'_N as columns, enclosed; precision grows with what layers do to the width of a ball."""
        return _enclosed(self.network, self.x0, self.b), _enclosed(*self.perturbed)

    def describe(self, arrays: Arrays) -> dict[str, Any]:
        """Plain data from which :meth:`restore` makes the pair again; its arrays are kept in ``arrays``."""
        text: dict[str, Any] = {"name": self.name, "r": describe(self.network.functions[0], arrays)}
        for name in ("network", "other"):
            if (network := getattr(self, name)) is not None:
                text[name] = _describe(network, arrays)
        for name in ("x0", "b", "other_x0", "other_b"):
            if (point := getattr(self, name)) is not None:
                text[name] = add(point, arrays)
        return text

    @classmethod
    def restore(cls, text: Mapping[str, Any], arrays: Arrays) -> "Pair":
        """The pair that :meth:`describe` described.

        Raises
        ------
        kernel.Refusal
            If the description is incomplete or malformed.
        """
        try:
            r = rebuild(text["r"], arrays, vars(functions))
            networks = {name: _restore(text[name], r, arrays) for name in ("network", "other") if name in text}
            points = {name: arrays[text[name]] for name in ("x0", "b", "other_x0", "other_b") if name in text}
            if not isinstance(text["name"], str) or set(text) - {"name", "r", *networks, *points}:
                raise TypeError("the name is no text, or there is more than a pair")
            known = (networks.get("other"), points.get("other_x0"), points.get("other_b"))
            return cls(text["name"], networks["network"], points["x0"], points["b"], *known)
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            raise kernel.Refusal(f"the networks are incomplete or malformed: {error}") from None


def _enclosed(network: Network, x0: Values, b: Values) -> Array:
    layers = network.layers
    width = max(1.0, float(np.max(np.abs(layers.transitions).sum(axis=2) + np.abs(layers.injections).sum(axis=2))))
    with flint.ctx.workprec(PRECISION + math.ceil(math.log2(width) + 1) * network.depth):
        return network.trajectory(exact(x0), exact(b)).states.T


def _describe(network: Network, arrays: Arrays) -> dict[str, Any]:
    parts = {"transitions": network.layers.transitions, "injections": network.layers.injections}
    kept = {name: part[:1] if part.strides[0] == 0 else part for name, part in parts.items()}
    rows = {name: add(part.reshape(-1, part.shape[2]), arrays) for name, part in kept.items()}
    return {**rows, "steps": add(network.steps, arrays), "horizon": str(Fraction(network.horizon))}


def _restore(text: Mapping[str, Any], r: Function, arrays: Mapping[str, npt.NDArray[Any]]) -> Network:
    if set(text) != {"transitions", "injections", "steps", "horizon"}:
        raise TypeError("a network has transitions, injections, steps and a horizon, no more")
    steps, rows = arrays[text["steps"]], arrays[text["transitions"]]

    def stack(name: str) -> Values:
        part = arrays[text[name]]
        layers: Values = part.reshape(-1, rows.shape[1], part.shape[1])
        return np.broadcast_to(layers, (len(steps), *layers.shape[1:]))

    return Network.of_layers(stack("transitions"), stack("injections"), steps, r, Fraction(text["horizon"]))
