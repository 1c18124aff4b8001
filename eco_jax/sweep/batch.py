"""A batch: configurations of one shape in a folder of their own, trained by one process, wherever it runs.

`<folder>/batch.json` says what is to be done, `checkpoint/` how far it is, `finished.json` that it is done, with the
hashes of its tables (`results.parquet`, `curves.parquet`). A process may end at any time: the next one goes on from the
checkpoint, and comes to the same numbers. Tables that are damaged are written again from the last checkpoint.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from eco_jax.env import EnvParams
from eco_jax.env.parts import COST
from eco_jax.env.parts import DEFAULTS as WORLD
from eco_jax.env.parts.cost import reported
from eco_jax.errors import UserError
from eco_jax.files import sha256, whole, write_whole
from eco_jax.metrics import REWARD
from eco_jax.run.config import RunConfig
from eco_jax.sweep.population import Group
from eco_jax.sweep.space import Space
from eco_jax.train.fit import same
from eco_jax.train.loop import Learner

DONE = "finished.json"
"""Written last: the sweep that the batch is of, and the SHA-256 of its tables."""


@dataclass(frozen=True)
class Batch:
    """What one process trains."""

    base: Mapping[str, Any]
    where: str
    trials: Sequence[Mapping[str, Any]]
    """each with its `trial` (number) and `values` (setting -> value)"""
    seeds: Sequence[int]
    objective: str = REWARD
    strategy: Mapping[str, Any] = field(default_factory=lambda: {"kind": "full"})
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """traced number of the algorithm -> what `pbt` may make of it, in its unit"""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """hashes of the files that its runs read: see `settings.input_hashes`"""
    sweep: Mapping[str, Any] = field(default_factory=dict)
    """what `sweep.json` says of the sweep that it is of, so that it can be made again"""

    def write(self, folder: Path) -> None:
        """Into a new folder; whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "batch.json", json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Batch":
        """What a folder's batch.json says.

        Raises:
            UserError: it cannot be read.
        """
        path = folder / "batch.json"
        try:
            batch = cls(**json.loads(path.read_bytes()))
            numbers = [t["trial"] for t in batch.trials if dict(t["values"])]
            if not numbers or not all(isinstance(n, int) for n in (*numbers, *batch.seeds)):
                raise TypeError
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError):
            raise UserError(f"{path}: torn, or no batch's") from None
        return batch

    @property
    def members(self) -> list[tuple[int, int]]:
        """(place in `trials`, seed) of each member: a trial's seeds side by side."""
        return [(place, seed) for place in range(len(self.trials)) for seed in self.seeds]

    def configs(self) -> list[RunConfig]:
        """The run of each trial."""
        space = Space(self.base, {}, self.where)
        return [space.configure(dict(t["values"])) for t in self.trials]

    def group(self) -> Group:
        """The members as a population takes them."""
        import jax

        configs = self.configs()
        algorithms = [config.algorithm() for config in configs]
        env, first = configs[0].make()
        # What is equal is the same array, kept once: a trace is large, and each configuration reads it anew.
        worlds = [first, *(jax.tree.map(_one_of, first, config.make()[1]) for config in configs[1:])]
        varied = {name for t in self.trials for name in t["values"]}
        own = sorted({world_field(name) for name in varied} - {""})
        places = [place for place, _ in self.members]
        return Group(
            Learner(env, configs[0].train), [worlds[place] for place in places], tuple(own),
            [algorithms[place] for place in places], [seed for _, seed in self.members],
            reported(configs[0].values[COST]),
        )  # fmt: skip


def world_field(name: str) -> str:
    """The field of `EnvParams` that holds a setting; nothing where none does."""
    section, _, own = name.partition(".")
    if section == EnvParams.section:
        return own
    return "costs" if section == COST and own else section if section in WORLD or name == "knowledge" else ""


def _one_of(first: Any, other: Any) -> Any:
    return first if same(first, other) else other


def finished(folder: Path) -> bool:
    """Whether a batch is done."""
    return (folder / DONE).exists()


def finish(folder: Path, tables: Mapping[str, pl.DataFrame], sweep: str = "") -> None:
    """Write a batch's tables, and then that it is done. `sweep`: the sweep's id."""
    for name, table in tables.items():
        with whole(folder / name) as part:
            table.write_parquet(part)
    hashes = {name: sha256(folder / name) for name in tables}
    write_whole(folder / DONE, json.dumps({"sweep": sweep, "files": hashes}, indent=1) + "\n")


def damage(folder: Path, sweep: str = "") -> str | None:
    """What is wrong with the tables of a batch that is done, in words; None where they are as they were written."""
    try:
        noted = json.loads((folder / DONE).read_bytes())
        of, files = noted["sweep"], dict(noted["files"])
    except (OSError, ValueError, TypeError, KeyError):
        return f"{folder / DONE}: torn"
    if of != sweep:
        return f"{folder / DONE}: of another sweep"
    for name, digest in files.items():
        if not (folder / name).is_file():
            return f"{folder / name}: missing"
        if sha256(folder / name) != digest:
            return f"{folder / name}: not as it was written"
    return None
