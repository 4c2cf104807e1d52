"""The form of stored records: the kind that is asked for, no field that nobody reads, numbers in lowest terms."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from fbscheck.certify.kernel import Refusal, rational

__all__ = ["PLANTED", "require", "scale_of", "scaled"]

PLANTED = Fraction(99, 100)
"""The planted error of the suites, as a factor."""

_STEPS = {"kind", "class", "constants", "strong_convexity", "steps"}
FIELDS: Mapping[str, tuple[set[str], ...]] = {
    "steps": (_STEPS | {"terms"},),
    "rotation": (_STEPS | {"a", "w_squared"},),
    "graph": (_STEPS | {"points", "starts"},),
    "eigenvalue": ({"kind", "matrix", "factor", "bound"},),
    "gap": ({"kind", "f", "g", "x", "modulus", "slope"}, {"kind", "f", "g", "x", "dual"}),
}
"""The fields of each kind of record, all of them; ``gap`` has two forms."""


def require(record: Any, *kinds: str) -> None:
    """Refuse a record of another kind than ``kinds``, with other fields, or with a number not in lowest terms.

    The kernel concludes what a record of any kind proves; here is checked that it is the kind that is needed.

    Raises
    ------
    kernel.Refusal
        If it is not such a record.
    """
    kind = record.get("kind") if isinstance(record, Mapping) else None
    if kind not in kinds:
        raise Refusal(f"need a record of kind {' or '.join(kinds)}, got {kind!r}")
    if set(record) not in FIELDS[kind]:
        raise Refusal(f"a record of kind {kind} has other fields, got {', '.join(map(str, record))}")
    for name in {"slope", "dual", "factor"} & set(record):
        if not isinstance(record[name], list) or not all(isinstance(part, str) for part in record[name]):
            raise Refusal(f"{name!r} is no list of names")
    if kind == "gap" and "modulus" in record:
        require(record["modulus"], "eigenvalue")
    if kind in ("steps", "rotation", "graph"):
        _lowest(record)


def _lowest(value: Any) -> None:
    """Refuse "2/4" for "1/2": a number has one name."""
    if isinstance(value, str):
        if value[:1] in "-0123456789" and str(rational(value)) != value:
            raise Refusal(f"{value:.60} is not in lowest terms")
        return
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _lowest(part)


def scaled(witness: Mapping[str, Any], scale: Fraction | float) -> dict[str, Any]:
    """The witness of a claim with a planted error names the error."""
    return dict(witness) if scale == 1 else {**witness, "scale": str(Fraction(scale))}


def scale_of(witness: Mapping[str, Any], control: bool) -> tuple[dict[str, Any], Fraction]:
    """The witness without its planted error, and the error, 1 if there is none.

    Raises
    ------
    kernel.Refusal
        If there is an error in a claim that is no control, or not the one of the suites.
    """
    scale = rational(witness.get("scale", "1"))
    if scale != 1 and not (control and scale in (PLANTED, Fraction(float(PLANTED)))):
        raise Refusal(f"an error of {float(scale):.9g} is not the planted one, or the claim is not a planted one")
    return {key: value for key, value in witness.items() if key != "scale"}, scale
