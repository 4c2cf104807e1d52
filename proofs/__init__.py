"""Proofs of the lemmas behind the theory's values, one file a lemma; installed as ``fbscheck.proofs``."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fbscheck.certify.symbolic import Proof

__all__ = ["FILES", "catalogue"]

FILES = (
    "firm_nonexpansiveness",
    "value_inequality",
    "resolvent_identity",
    "moreau_decomposition",
    "contraction",
    "averagedness",
    "layer_norm",
    "banach",
    "sublinear_rate",
    "sublinear_rate_any_depth",
    "sensitivity",
    "step_independence",
    "perturbed_layer",
    "riccati_step",
    "ista_layer",
    "deep_limit",
    "lista_recursion",
)


def catalogue() -> dict[str, "Proof"]:
    """All proofs by name, in the order of ``FILES``."""
    modules = [importlib.import_module(f"fbscheck.proofs.{name}") for name in FILES]
    return {proof.name: proof for module in modules for proof in module.PROOFS}
