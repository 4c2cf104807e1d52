"""What the code writes for the pages before Sphinx reads them: figures, tables, outputs, the pages of public names."""

from pathlib import Path

import claim_tables
import gallery
import public_names
import sessions
from sphinx.application import Sphinx

__all__ = ["setup"]

MADE = Path(__file__).parent / "made"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", _make)


def _make(_: Sphinx) -> None:
    for part in (gallery, sessions, claim_tables, public_names):
        part.write(MADE)
