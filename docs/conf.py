"""How the documentation is built. Nothing is fetched from the network, and every warning is an error (`make docs`)."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))
# A notebook's `!eco-jax` is that of this environment; what it computes runs on the CPU.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling is most of what the tutorial costs
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(HERE / "_build" / "compiled"))

import eco_jax

project = "eco_jax"
author = "The eco_jax authors"
project_copyright = "The eco_jax authors"
release = version = eco_jax.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "generated", "docstrings"]
exclude_patterns = ["_build", "extensions"]
nitpicky = True
nitpick_ignore_regex = [
    # Names of other packages and of type variables: their pages are elsewhere, and nothing is fetched.
    (r"py:(class|obj|data)", r"(jax|jaxlib|jaxtyping|numpy|np|collections|typing|pathlib|types|abc|argparse|os)\..*"),
    (r"py:(class|obj|data)", r"[A-Za-z_0-9]+"),
    (r"py:class", r"tuple\[.*"),
]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 3
myst_update_mathjax = False
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"eco_jax {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_extra_path = ["llms.txt"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
