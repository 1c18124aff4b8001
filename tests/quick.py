"""Flags of XLA for small programs, which compile longer than they run: `python tests/quick.py` prints them."""

import os

QUICK = (
    "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters",  # half the time; passed over where not known
    "--xla_cpu_parallel_codegen_split_count=1",  # some 7 % less: the cores are busy with other tests
)


def flags() -> str:
    """`XLA_FLAGS` of this process, and `QUICK`."""
    given = os.environ.get("XLA_FLAGS", "").split()
    return " ".join([*given, *(flag for flag in QUICK if flag not in given)])


if __name__ == "__main__":
    print(flags())
