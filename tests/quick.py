"""Flags of XLA for small programs, which compile longer than they run: `python tests/quick.py` prints them."""

import os
from importlib import metadata

QUICK = "--xla_cpu_use_fusion_emitters=false"
"""Compiles in half the time. XLA ends the process at a flag that it does not know, as it does in jax 0.11."""


def flags() -> str:
    """`XLA_FLAGS` of this process, and `QUICK` where the installed jax knows it."""
    given = os.environ.get("XLA_FLAGS", "")
    if QUICK in given or not metadata.version("jax").startswith("0.10."):
        return given
    return f"{given} {QUICK}".strip()


if __name__ == "__main__":
    print(flags())
