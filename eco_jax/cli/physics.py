"""Flags of the model's numbers, `--physics.NAME VALUE`: too many to stand among the other options of a command."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from eco_jax.env import EnvParams
from eco_jax.env.params import similar
from eco_jax.errors import UserError, quoted, shown

PREFIX = "--physics."
HELP = "--help-physics"
EPILOG = (
    f"{PREFIX}NAME VALUE sets a number of the model; {HELP} lists them all, with unit, range and meaning "
    "(with their sources: experiments/PARAMETERS.md, or eco-jax info --parameters)."
)


def takes_physics(kind: Any) -> bool:
    """Whether a command's arguments hold a run's settings, in a field `run`."""
    return dataclasses.is_dataclass(kind) and any(f.name == "run" for f in dataclasses.fields(kind))


def split(argv: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """The arguments without the flags of physics, and the numbers that these give, by name.

    Raises:
        UserError: no such number, or no number.
    """
    specs = EnvParams.specs()
    rest, found = [], {}
    words = iter(argv)
    for word in words:
        if not word.startswith(PREFIX):
            rest.append(word)
            continue
        flag, equals, value = word.partition("=")
        name = flag.removeprefix(PREFIX).replace("-", "_")
        if name not in specs:
            flags = [known.replace("_", "-") for known in specs]
            hint = similar(shown(name.replace("_", "-")), flags) if name else ""
            hint = hint if "did you mean" in hint else f"; {HELP} lists them"
            raise UserError(f"{shown(flag)}: unknown setting{hint}")
        if not equals:
            value = next(words, "")
        try:
            found[name] = float(value)
        except ValueError:
            raise UserError(f"{flag}: must be a number, not {quoted(value)}") from None
    return rest, found


def table() -> str:
    """Every flag with default, unit, range and meaning, a line each."""
    rows = [
        (f"{PREFIX}{name.replace('_', '-')}", f"{s.default:g} {s.unit}", f"{s.low:g} to {s.high:g}", s.doc)
        for name, s in EnvParams.specs().items()
    ]
    rows = [("flag", "default", "range", "meaning"), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]) for row in rows)
