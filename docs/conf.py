"""Settings of the site; `tools/build_site.py` writes the pages and runs Sphinx."""

import re
import sys
from pathlib import Path

from sphinx.addnodes import desc_annotation, desc_signature

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from build_site import repository  # noqa: E402

from course_lib import __version__  # noqa: E402

project = "Monitor a deployed model, end to end"
author = "the contributors"
copyright = "2026 the contributors. Code: MIT. Text and figures: CC BY 4.0"  # noqa: A001
version = release = __version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["CITATION.cff"]

# -- Pages ----------------------------------------------------------------------------------------

nb_execution_mode = "off"  # outputs as stored
nb_merge_streams = True
myst_heading_anchors = 3
# There are no formulas: MathJax, which comes from the network, is not loaded.
myst_enable_extensions = []
default_role = "py:obj"

autodoc_typehints = "none"  # the docstrings name the types
autodoc_member_order = "bysource"
add_module_names = False
napoleon_google_docstring = False
napoleon_use_ivar = True  # an attribute is described once
napoleon_use_rtype = False

# -- Looks ----------------------------------------------------------------------------------------

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_show_sourcelink = False
html_show_search_summary = False  # a page opened from disk may not read the others
html_context = {"default_mode": "light"}
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search field stands in the sidebar
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if REPOSITORY := repository():
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


# -- Docstrings as they are written ----------------------------------------------------------------


def skip_foreign(app, what, name, item, skip, options):
    """Leave out a class's attribute that is a function of another library: its text is not ours."""
    module = getattr(item, "__module__", None) or ""
    return True if callable(item) and not module.startswith(("course_lib", "builtins")) else None


def keep_bars(app, what, name, item, options, lines):
    """Show |x| as written; reStructuredText would take it for a substitution."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")) and "`" not in line:
            lines[i] = line.replace("|", r"\|")


def keep_colons(app, what, name, item, options, lines):
    """Show an attribute's "This: that" as written; napoleon takes "This" for a type."""
    if lines and lines[-1].startswith(":type: "):
        lines[0] = f"{lines.pop().removeprefix(':type: ')}: {lines[0]}"


def split_joint_attributes(app, what, name, item, options, lines):
    """Give each of several attributes described together an item of its own, as parameters have."""
    text, split = "\n".join(lines), []
    for field in re.split(r"\n(?=\S|$)", text):
        joint = re.match(r":(ivar|vartype) (\w+(?:, \w+)+):", field)
        names = joint[2].split(", ") if joint else []
        split += [f":{joint[1]} {name}:{field[joint.end() :]}" for name in names] or [field]
    lines[:] = "\n".join(split).split("\n")


def show_numbers_only(app, domain, objtype, content):
    """Leave out the value of a constant unless it is a number: tables are long, paths are local."""
    if objtype in {"data", "attribute"}:
        for signature in content.parent.findall(desc_signature):
            for part in list(signature.findall(desc_annotation)):
                if re.match(r"\s*=\s*[^\s\d-]", part.astext()):
                    part.parent.remove(part)


def setup(app):
    """Register all of them."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("autodoc-process-docstring", keep_bars)
    app.connect("autodoc-process-docstring", keep_colons, priority=900)
    app.connect("autodoc-process-docstring", split_joint_attributes, priority=900)
    app.connect("object-description-transform", show_numbers_only)
