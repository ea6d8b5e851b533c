"""How the documentation is built: `make docs`, which is `sphinx-build -n -W`."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "jupyterhub-knada"
author = "The jupyterhub-knada developers"
copyright = "The jupyterhub-knada developers, MIT licence"  # noqa: A001 - Sphinx's own name for it
version = release = version_of("jupyterhub-knada")

extensions = [
    "myst_parser",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "jupyterhub-knada"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["wrap.css"]

myst_enable_extensions = ["deflist"]
# Headings can be linked to as `page.md#heading`, down to those of single fields and settings.
myst_heading_anchors = 4
# A prompt is shown and not copied.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"

nitpicky = True
