"""Text from outside, made safe to show: no control characters, no lone surrogates, no tricks with direction."""

import unicodedata

__all__ = ["fallback", "printable"]

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def fallback(char: str) -> str:
    """What stands for a character that cannot be shown."""
    return f"[U+{ord(char):04X}]"


def printable(text: str) -> str:
    """``text`` in one line and in composed form, with :func:`fallback` for what has no shape of its own."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(fallback(c) if unicodedata.category(c)[0] == "C" and c not in JOINERS else c for c in composed)
