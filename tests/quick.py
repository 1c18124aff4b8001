"""Flags of XLA for small programs, which compile longer than they run: `python tests/quick.py` prints them."""

import os

QUICK = "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
"""Compiles in half the time. An extra option that a version of XLA does not know, it passes over."""


def flags() -> str:
    """`XLA_FLAGS` of this process, and `QUICK`."""
    given = os.environ.get("XLA_FLAGS", "")
    return given if QUICK in given else f"{given} {QUICK}".strip()


if __name__ == "__main__":
    print(flags())
