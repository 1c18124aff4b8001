"""The loop that every peer of the speed comparison runs: one long-lived process that repeats on request.

Standard output carries the protocol and nothing else, one JSON object a line. First `{"ready": true, "setup_s": ...,
"versions": {...}, "settings": {...}}`, after one repeat as warm-up; then for every line `run` on standard input one
repeat and `{"seconds": ..., "steps": ...}`. `quit` or the end of the input ends the process.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import metadata


def versions(*packages: str) -> dict[str, str]:
    """Python's version and those of installed distributions, by name."""
    return {"python": sys.version.split()[0]} | {package: metadata.version(package) for package in packages}


def serve(prepare: Callable[[], tuple[Callable[[], int], dict]]) -> None:
    """Speak the protocol on standard input and output.

    Args:
        prepare: Sets up and returns (one repeat, which gives the number of environment steps that it did; what the
            ready line says beside the time, usually `versions` and `settings`). A repeat must have finished its work
            when it returns (block until ready). `setup_s` covers `prepare` and the warm-up.
    """
    # The protocol keeps a copy of the real standard output; whatever else prints, C code too, reaches standard error.
    protocol = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(message: dict) -> None:
        protocol.write(json.dumps(message) + "\n")
        protocol.flush()

    started = time.perf_counter()
    repeat, about = prepare()
    repeat()
    say({"ready": True, "setup_s": time.perf_counter() - started, **about})
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        if line.strip() != "run":
            print(f"unknown request {line.strip()!r}: 'run' or 'quit' expected", file=sys.stderr)
            continue
        started = time.perf_counter()
        steps = repeat()
        say({"seconds": time.perf_counter() - started, "steps": steps})
