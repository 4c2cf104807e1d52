"""Networks unrolled from forward-backward splitting: layers, families of parameters, Lipschitz brackets."""

from fbscheck.network.families import alista, ista, lista, lista_cp
from fbscheck.network.layers import Layers
from fbscheck.network.network import Network
from fbscheck.network.parameters import from_lista, to_lista
from fbscheck.network.region import Region
from fbscheck.network.stability import flow_constants, gap_factors, perturbation_bounds
from fbscheck.network.trajectory import Trajectory
from fbscheck.network.weights import load

__all__ = [
    "Layers",
    "Network",
    "Region",
    "Trajectory",
    "alista",
    "flow_constants",
    "from_lista",
    "gap_factors",
    "ista",
    "lista",
    "lista_cp",
    "load",
    "perturbation_bounds",
    "to_lista",
]
