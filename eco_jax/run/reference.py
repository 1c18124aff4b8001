"""The reference agents that come with the package: one for each level of knowledge, on synthetic mobility."""

from pathlib import Path

from eco_jax.env.config import KNOWLEDGE
from eco_jax.errors import UserError, quoted

PREFIX = "reference-"
"""What stands before the level in an agent's name."""
FOLDERS = ("reference", "../checkpoints/reference")
"""Where they lie, seen from the package: when it is installed, and in a checkout."""


def reference(level: str) -> Path:
    """The folder of the reference agent at a level of knowledge: a run's, with the parameters of one agent alone.

    Raises:
        UserError: no such level, or this installation came without them.
    """
    if level not in KNOWLEDGE:
        raise UserError(f"knowledge = {quoted(level)}: must be one of {', '.join(KNOWLEDGE)}")
    package = Path(__file__).resolve().parents[1]
    found = [folder for name in FOLDERS if (folder := (package / name).resolve() / level).is_dir()]
    if not found:
        raise UserError(f"no reference agent for knowledge = {level!r} came with this installation; name a run")
    return found[0]


def folder_of(what: str) -> str:
    """The folder of a reference agent named as `reference-twin`; everything else as it is.

    Raises:
        UserError: see `reference`.
    """
    return str(reference(what.removeprefix(PREFIX))) if what.startswith(PREFIX) and not Path(what).exists() else what
