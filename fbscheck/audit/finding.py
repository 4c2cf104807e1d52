"""What an audit says of one result."""

from dataclasses import dataclass
from enum import Enum
from typing import final

__all__ = ["Finding", "Outcome"]


@final
class Outcome(Enum):
    """What became of one result."""

    RECHECKED = "rechecked"
    """All its rigorous numbers were recomputed, and its verdict follows from the evidence."""
    REPLAYED = "replayed"
    """An operator was run again and gave the stored values, from which its numbers and its verdict follow.

    That these values are as exact as the run says is an assumption.
    """
    STATED = "stated"
    """It rests on floating evidence or on values that were not replayed, or says only that a claim does not apply."""
    REFUSED = "refused"
    """Something does not fit; the reason says what."""


@final
@dataclass(frozen=True)
class Finding:
    """The outcome for one result; ``claim`` is empty for what concerns the run as a whole."""

    claim: str
    case: str
    outcome: Outcome
    reason: str = ""
