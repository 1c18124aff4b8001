"""`python -m eco_jax`: the command `eco-jax`."""

import sys

from eco_jax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
