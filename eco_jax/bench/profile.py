"""Where the time goes: the operations of a program, grouped by the named scope that they come from."""

import re
import tempfile
from collections import Counter
from pathlib import Path

import jax

from eco_jax.bench.programs import Program

SCOPES = (
    "draw", "view", "outcome", "placement", "credit", "prediction", "metrics", "belief", "mobility", "nearest",
    "features", "network", "sample",
)  # fmt: skip
"""`jax.named_scope`s of an environment step and of training."""


def _scopes(text: str) -> dict[str, str]:
    """Operation -> innermost known scope, from a compiled program's text."""
    found = {}
    for match in re.finditer(r"^\s*(?:ROOT )?%?([\w.\-]+) = .*?op_name=\"([^\"]*)\"", text, re.MULTILINE):
        names = re.findall(r"[\w]+", match.group(2))
        known = [name for name in names if name in SCOPES]
        found[match.group(1)] = known[-1] if known else "other"
    return found


def shares(program: Program, repeats: int = 3) -> dict[str, float]:
    """Scope -> share of the time in operations, largest first; empty where this jax has no profile reader."""
    if not hasattr(jax.profiler, "ProfileData"):
        return {}
    scopes = _scopes(program.text)
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(repeats):
                program.run()
        for path in Path(folder).rglob("*.xplane.pb"):
            for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
                for line in plane.lines:
                    for event in line.events:
                        operation = dict(event.stats).get("hlo_op")
                        if operation is not None and not str(operation).startswith("while"):
                            spent[scopes.get(str(operation), "other")] += event.duration_ns
    total = sum(spent.values())
    return {scope: time / total for scope, time in spent.most_common()} if total else {}
