"""Settings of the documentation: ``sphinx-build -W docs DIR`` needs no network, no TeX and no fonts but its own."""

import logging
import sys
from pathlib import Path

from fbscheck import __version__

sys.path.insert(0, str(Path(__file__).parent))
logging.getLogger("fontTools").setLevel(logging.WARNING)

project = "fbscheck"
author = "The fbscheck developers"
copyright = author
version = release = __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "writing", "making"]
exclude_patterns = ["made/*.rst", "made/html"]
suppress_warnings = ["ref.python"]  # a short name that several classes have is left without a link
html_theme = "furo"
html_title = f"fbscheck {version}"
html_static_path = ["static"]
html_css_files = ["fbscheck.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_math_renderer = "drawn"
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
toc_object_entries = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
