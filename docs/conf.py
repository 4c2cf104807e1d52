"""Settings of the documentation: `sphinx-build -W docs DIR` needs no network, no TeX and no fonts but its own."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import claim_tables
import gallery
import public_names
import sessions
import writing
from sphinx.application import Sphinx

from fbscheck import __version__

project = "fbscheck"
author = "The fbscheck developers"
copyright = author
version = release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
templates_path: list[str] = []
exclude_patterns = ["made/*.rst"]
html_theme = "furo"
html_title = f"fbscheck {version}"
html_static_path = ["static"]
html_css_files = ["fbscheck.css"]
html_copy_source = False
html_show_sphinx = False
html_math_renderer = writing.RENDERER
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
toc_object_entries = False
napoleon_use_rtype = False
napoleon_use_ivar = True

MADE = Path(__file__).parent / "made"


def make(_: Sphinx) -> None:
    """Let the code write what the pages include: figures, tables, outputs, and the pages of its public names."""
    for part in (gallery, sessions, claim_tables, public_names):
        part.write(MADE)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    writing.register(app)
    app.connect("builder-inited", make)
