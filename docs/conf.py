"""How the documentation becomes pages: `python -m sphinx -c docs . build/docs`, as CI does, too.

The pages are the Markdown files in this folder and at the top of the repository, just as they are
read on a code host. What is added here is the order of the chapters, and reference pages made
from the docstrings and from the tree of parameters (`docs/_reference.py`).
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "ptypy"
author = "The ptypy developers"
copyright = "The ptypy developers; BSD-3-Clause"  # noqa: A001 -- Sphinx calls it so
version = release = version_of("ptypy")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "_reference"]

# The source is the whole repository, so that links between its files are links between pages.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = ["**/.*", "**/node_modules", "build", "dist", "ptypy-demo"]
source_suffix = {".md": "markdown"}
suppress_warnings = [
    "myst.header",  # pages that are read on a code host may skip a level
    "ref.python",  # a short name may be that of several things
]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say more: shapes and units
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_param = (
    False  # types are words, "path" and "number": no links to whatever has that name
)
napoleon_use_rtype = False
napoleon_use_ivar = True
default_role = "py:obj"

html_theme = "furo"
html_title = "ptypy"
html_static_path = ["site"]
html_css_files = ["ptypy.css"]
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#2e6f95",
        "color-brand-content": "#2e6f95",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fb7d6",
        "color-brand-content": "#7fb7d6",
    },
}
html_show_sourcelink = False
