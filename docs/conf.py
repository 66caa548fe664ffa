"""Sphinx's settings for the documentation: `python -m sphinx -W docs DIR` builds the site."""

from __future__ import annotations

from eggwatch import __version__

project = "eggwatch"
project_copyright = "its contributors, MIT license"
version = release = __version__

# Readable on a telephone and in the dark, and its pages ask nothing of other servers.
html_theme = "furo"
html_title = "eggwatch"
html_copy_source = False
html_show_sphinx = False

exclude_patterns = ["_build"]
smartquotes = False  # options are written with two hyphens
nitpicky = True
highlight_language = "none"  # what people type and see; Python would be wrong for nearly all of it
