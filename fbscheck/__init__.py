"""fbscheck: verify the theory of networks unrolled from forward-backward splitting.

The public names load what they need when first used, so that ``import fbscheck`` is quick::

    import fbscheck as fb
    step = fb.ForwardBackward(fb.operators.LeastSquares(A, b), fb.functions.L1(0.1), step=0.5)
    step.contraction()
    fb.contraction_factor(fb.GradientOf(0.1, 1.0), step=0.5)
"""

import importlib
from typing import TYPE_CHECKING, Any

from fbscheck._version import VERSION as __version__

if TYPE_CHECKING:
    from fbscheck import functions, learning, limit, network, operators
    from fbscheck.checking.session import check
    from fbscheck.claims.layers.contraction import contraction_factor
    from fbscheck.limit import ParameterPath
    from fbscheck.network import Network
    from fbscheck.splitting import ForwardBackward, GradientOf, StronglyMonotoneCocoercive, StronglyMonotoneLipschitz
    from fbscheck.verdict import Bracket, Verdict

__all__ = [
    "Bracket",
    "ForwardBackward",
    "GradientOf",
    "Network",
    "ParameterPath",
    "StronglyMonotoneCocoercive",
    "StronglyMonotoneLipschitz",
    "Verdict",
    "__version__",
    "check",
    "contraction_factor",
    "functions",
    "learning",
    "limit",
    "network",
    "operators",
]

_HOMES = {
    "Bracket": "fbscheck.verdict",
    "Verdict": "fbscheck.verdict",
    "Network": "fbscheck.network",
    "ParameterPath": "fbscheck.limit",
    "ForwardBackward": "fbscheck.splitting",
    "GradientOf": "fbscheck.splitting",
    "StronglyMonotoneCocoercive": "fbscheck.splitting",
    "StronglyMonotoneLipschitz": "fbscheck.splitting",
    "check": "fbscheck.checking.session",
    "contraction_factor": "fbscheck.claims.layers.contraction",
}


def __getattr__(name: str) -> Any:
    if name in ("functions", "learning", "limit", "network", "operators"):
        return importlib.import_module(f"fbscheck.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fbscheck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
