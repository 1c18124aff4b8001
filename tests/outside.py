"""A user's commands: processes of their own, in folders that are no checkout."""

import os
import subprocess
import sys

PYTHON = os.environ.get("ECO_JAX_PYTHON", sys.executable)
"""With eco_jax installed: that of the tests, or of an environment that has the wheel alone (`make test-wheel`)."""


def python(folder, *words):
    """Run Python in a folder; its standard output."""
    done = subprocess.run([PYTHON, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(folder, *argv):
    """Run `eco-jax` in a folder; its standard output."""
    return python(folder, "-c", "import sys; from eco_jax.cli.main import main; sys.exit(main())", *argv)
