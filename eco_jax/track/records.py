"""What a tracker has not been given yet of a run or a sweep, read from its folder."""

import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eco_jax.env.parts.cost import objectives
from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.run import settings
from eco_jax.run.folder import TRACKED
from eco_jax.track.base import Row

EVERY_S = 5.0
"""Seconds between two calls of a tracker's `log`, at least: all that is new is written in one."""


class State:
    """`tracker.json` in the folder: tracker -> its own name of the run, and how far it was given it."""

    def __init__(self, folder: Path, tracker: str, place: str = "", project: str = "", each: bool = False) -> None:
        """What is known of a tracker: nothing where it was told elsewhere, in another project or another way.

        Args:
            folder: of the run or the sweep.
            tracker: its name.
            place: of its files, or its address.
            project: name of the project.
            each: whether each member of a sweep has a run of the tracker.
        """
        self.path, self.tracker = folder / TRACKED, tracker
        self.where = {"place": _seen_from(folder, place), "project": project, "each": each}
        own = self._all().get(tracker)
        own = own if isinstance(own, dict) and self.where.items() <= (self.where | own).items() else {}
        self.id = own["id"] if isinstance(own.get("id"), str) else ""
        self.done: int = own["done"] if self.id and type(own.get("done")) is int else 0
        self.batches: list[str] = [str(b) for b in own.get("batches", ())] if self.id else []
        self.members: list[str] = [str(m) for m in own.get("members", ())] if self.id else []
        """of the batch that is being told, where each member has a run of the tracker"""

    def keep(self) -> None:
        """Write it."""
        own = self.where | {"id": self.id, "done": self.done, "batches": self.batches, "members": self.members}
        write_whole(self.path, json.dumps(self._all() | {self.tracker: own}, indent=1) + "\n")

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(self.path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def _seen_from(folder: Path, place: str) -> str:
    """A place by a name that it keeps when the folder is moved with it, or the command begins elsewhere."""
    if not place or "://" in place:
        return place
    there, home = os.path.realpath(place), os.path.realpath(folder)
    return os.path.relpath(there, home) if Path(there).is_relative_to(home) else there


class RunRecords:
    """The lines of a run's `metrics.jsonl` that are not told yet."""

    def __init__(self, folder: Path) -> None:
        """Reads its settings.

        Args:
            folder: of a run that has begun.
        """
        data = tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
        about = data.pop("run", {})
        self.path, self.seeds, self.read = folder / "metrics.jsonl", int(about.get("seeds", 1)), 0
        seed = {"seed": about.get("seed", 0), "seeds": self.seeds}
        self.settings: dict[str, Any] = {**settings.flat(data, str(folder)), **seed}

    def new(self, done: int) -> list[Row]:
        """Updates after the first `done`, as far as all seeds' whole lines are there."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.read)
                data = file.read()
        except FileNotFoundError:
            return []
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)
        lines = lines[: len(lines) // self.seeds * self.seeds]
        self.read += sum(map(len, lines))
        rows = [json.loads(line) for line in lines]
        together = [rows[i : i + self.seeds] for i in range(0, len(rows), self.seeds)]
        return [(own[0]["update"] + 1, _series(own)) for own in together if own[0]["update"] + 1 > done]


def _series(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The mean of each metric over the seeds, by its name, and each seed's own as `metric/seed3`. None of what is not
    finite."""  # noqa: D209
    found: dict[str, float] = {}
    for name in rows[0]:
        if name in ("update", "seed"):
            continue
        own = {row["seed"]: row[name] for row in rows if _finite(row.get(name))}
        if own:
            found[name] = sum(own.values()) / len(own)
        if len(rows) > 1:
            found |= {f"{name}/seed{seed}": value for seed, value in own.items()}
    return found


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


class SweepRecords:
    """The finished batches of a sweep that are not told yet."""

    def __init__(self, folder: Path) -> None:
        """Reads what is wanted of it.

        Args:
            folder: of a sweep that has begun.
        """
        self.folder = folder
        note = json.loads((folder / "sweep.json").read_bytes())
        base, axes = note["space"]["base"], note["space"]["axes"]
        kept = ("sampler", "strategy", "objective", "seeds", "seed")
        self.settings: dict[str, Any] = {
            **{name: note[name] for name in kept if name in note},
            **{f"base.{name}": value for name, value in settings.flat(base, str(folder)).items()},
            **{f"space.{name}": json.dumps(axis) for name, axis in axes.items()},
        }

    def new(self, told: Sequence[str]) -> list[str]:
        """Names of the batches that are finished and not among `told`."""
        there = sorted(path.parent.name for path in self.folder.glob("batches/*/finished.json"))
        return [name for name in there if name not in told]

    def members(self, batch: str) -> list[dict[str, Any]]:
        """Settings and results of its members, a row each."""
        import polars as pl

        return list(pl.read_parquet(self.folder / "batches" / batch / "results.parquet").iter_rows(named=True))

    def curves(self, batch: str) -> dict[tuple[int, int], list[Row]]:
        """(trial, seed) -> its learning curve."""
        import polars as pl

        path = self.folder / "batches" / batch / "curves.parquet"
        names = {metric.column: name for name, metric in objectives().items()}
        found: dict[tuple[int, int], list[Row]] = {}
        for row in pl.read_parquet(path).iter_rows(named=True) if path.is_file() else ():
            values = {names.get(n, n): v for n, v in row.items() if n not in ("trial", "seed", "update") and _finite(v)}
            found.setdefault((row["trial"], row["seed"]), []).append((row["update"], values))
        return found


def member_name(trial: int, seed: int) -> str:
    """A member of a sweep in words."""
    return f"trial{trial:04d}-seed{seed}"


def side_by_side(curves: Mapping[tuple[int, int], Sequence[Row]]) -> list[Row]:
    """The curves of all members as rows of one run: series `metric/trial0003-seed0`."""
    steps: dict[int, dict[str, float]] = {}
    for (trial, seed), rows in curves.items():
        for step, values in rows:
            steps.setdefault(step, {}).update({f"{n}/{member_name(trial, seed)}": v for n, v in values.items()})
    return sorted(steps.items())


def check_place(place: str) -> None:
    """Whether a tracker's files may lie there: not where a run or a sweep writes its own.

    Raises:
        UserError: they may not.
    """
    from eco_jax.files import part_of_a_run

    if "://" not in place and (part_of_a_run(Path(place)) or Path(place).is_file()):
        raise UserError(f"--tracker-dir {place}: is a file, or part of a run; name a folder of its own")
