"""A batch: configurations of one shape in a folder of their own, trained by one process, wherever it runs.

`<folder>/batch.json` says what is to be done, `checkpoint/` how far it is, `results.parquet` that it is done. A process
may end at any time: the next one goes on from the checkpoint, and comes to the same numbers.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eco_jax.files import write_whole
from eco_jax.run import settings
from eco_jax.run.folder import Saving, locked
from eco_jax.run.settings import RunConfig
from eco_jax.sweep.population import SHOWN, Group, Population, State, changed
from eco_jax.sweep.space import Space
from eco_jax.sweep.strategies import Exploit, Standing, strategy
from eco_jax.train.fit import member
from eco_jax.train.interrupt import Interrupted, Stop
from eco_jax.train.loop import Learner

OBJECTIVES = {"reward": 1, "qoe": 1, "energy": -1, "latency": -1}
"""What a sweep looks for -> 1 the most, -1 the least."""
UNITS = {"reward": "reward", "energy": "energy_j", "latency": "latency_s", "qoe": "qoe"}
"""Metric -> column of the results."""


@dataclass(frozen=True)
class Batch:
    """What one process trains."""

    base: Mapping[str, Any]
    where: str
    trials: Sequence[Mapping[str, Any]]
    """each with its `trial` (number) and `values` (setting -> value)"""
    seeds: Sequence[int]
    objective: str = "reward"
    strategy: Mapping[str, Any] = field(default_factory=lambda: {"kind": "full"})
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """hyperparameter -> what `pbt` may make of it"""

    def write(self, folder: Path) -> None:
        """Into a new folder; whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "batch.json", json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Batch":
        """What a folder's batch.json says."""
        return cls(**json.loads((folder / "batch.json").read_text()))

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
        configs = self.configs()
        env, _ = configs[0].make()
        worlds = [config.make()[1] for config in configs]
        varied = {name for t in self.trials for name in t["values"]}
        vary = sorted(name.removeprefix("physics.") for name in varied if name.startswith(("physics.", "knowledge")))
        places = [place for place, _ in self.members]
        return Group(
            Learner(env, configs[0].train), [worlds[place] for place in places], tuple(vary),
            [configs[place].hyper for place in places], [seed for _, seed in self.members],
        )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """Who hears what of a batch at work."""

    warn: Callable[[str], None] = lambda text: None
    said: Callable[[str], None] = lambda text: None
    look: Callable[[int, int, Mapping[str, float]], None] = lambda done, total, means: None
    """updates done, updates in all, means of the living"""


def finished(folder: Path) -> bool:
    """Whether a batch is done."""
    return (folder / "results.parquet").exists()


def run(
    folder: Path,
    saving: Saving,
    stop: Stop | None = None,
    told: Told = Told(),
    programs: dict[Any, Any] | None = None,
) -> None:
    """Train a batch to its end, from wherever it stands, and write its results.

    Args:
        folder: of the batch.
        saving: when to keep a checkpoint.
        stop: asked between two calls of the device whether to end.
        told: hears what goes on.
        programs: see `Population`.

    Raises:
        Interrupted: `stop` said so; what was learnt is kept.
        UserError: another process trains there.
    """
    from eco_jax.train.checkpoint import Checkpoints, note_of, restore

    stop = stop or Stop()
    with ExitStack() as opened:
        opened.enter_context(locked(folder))
        if finished(folder):
            return
        batch = Batch.read(folder)
        population = Population(batch.group(), told.warn, told.said, programs)
        found = restore(folder / "checkpoint", population.like(), told.warn)
        checkpoints = opened.enter_context(Checkpoints(folder / "checkpoint", saving.keep))
        look, state = (0, population.begin()) if found is None else found
        population.load(state)
        if found is not None:
            population.failed = {int(which): cause for which, cause in note_of(folder / "checkpoint", look).items()}
            told.said(f"going on after update {look * population.group.look}")
        saved, saved_s = look, time.monotonic()

        def save() -> None:
            note = {str(which): cause for which, cause in population.failed.items()}
            checkpoints.save(look, population.state(), note=note)

        plan = strategy(batch.strategy, batch.ranges)
        rungs = plan.rungs(population.group.looks, len(batch.trials))
        while look < population.group.looks:
            try:
                population.advance(look, stop.check)
            except Interrupted:
                if look > saved:
                    save()
                raise
            look += 1
            if look in rungs:
                _decide(plan, batch, population, look)
            updates = look * population.group.look
            told.look(updates, population.group.learner.config.updates, _means(population.home, look))
            late = time.monotonic() - saved_s >= saving.every_s
            often = 0 < saving.every_updates <= (look - saved) * population.group.look
            if late or often or look == population.group.looks:
                save()
                saved, saved_s = look, time.monotonic()
        checkpoints.wait()
        state = population.state()
        curves(batch, population, state).write_parquet(folder / "curves.part")
        (folder / "curves.part").replace(folder / "curves.parquet")
        results(batch, population, state).write_parquet(folder / "results.part")
        (folder / "results.part").replace(folder / "results.parquet")


def _decide(plan: Any, batch: Batch, population: Population, look: int) -> None:
    """A rung: the population goes on with what the strategy makes of it."""
    state = population.state()
    of_look = np.asarray(state.curves)[:, look - 1, SHOWN.index(batch.objective)]
    scores = OBJECTIVES[batch.objective] * of_look
    bad = ~np.isfinite(scores)
    bad[list(population.failed)] = True
    hyper = {name: np.asarray(value) for name, value in state.hyper.items()}
    places = np.array([place for place, _ in batch.members])
    decision = plan.decide(Standing(look, np.where(bad, -np.inf, scores), np.asarray(state.alive), places, hyper))
    if isinstance(plan, Exploit):  # what failed goes on from one that did not, and is sound again
        moved = np.flatnonzero(decision.source != np.arange(len(places)))
        for which in set(population.failed) & set(moved.tolist()):
            del population.failed[which]
    population.load(changed(state, *decision))


def _means(state: State, look: int) -> dict[str, float]:
    now = np.asarray(state.curves)[:, look - 1]
    known = np.isfinite(now).all(-1)
    return dict(zip(SHOWN, now[known].mean(0).tolist(), strict=True)) if known.any() else {}


def curves(batch: Batch, population: Population, state: State) -> pl.DataFrame:
    """Means over each look of each member: trial, seed, updates done, metrics."""
    values = np.asarray(state.curves)
    members, looks, _ = values.shape
    done = (np.arange(looks) + 1) * population.group.look
    frame = pl.DataFrame(
        {
            "trial": np.repeat([batch.trials[place]["trial"] for place, _ in batch.members], looks),
            "seed": np.repeat([seed for _, seed in batch.members], looks),
            "update": np.tile(done, members),
            **{UNITS[name]: values[:, :, i].ravel() for i, name in enumerate(SHOWN)},
        }
    )
    ran = np.cumsum(np.isfinite(values).any(-1)[:, ::-1], axis=1)[:, ::-1] > 0  # up to a member's last look
    return frame.filter(pl.Series(ran.ravel())).with_columns(pl.col(list(UNITS.values())).fill_nan(None))


def results(batch: Batch, population: Population, state: State) -> pl.DataFrame:
    """One row for each trial and seed: what became of it, its last tenth's means, and its settings."""
    from eco_jax.train.checkpoint import params_sha256

    values, alive = np.asarray(state.curves), np.asarray(state.alive)
    configs = [settings.flat(config) for config in batch.configs()]
    params, hyper = _on_host((state.params, state.hyper))
    rows = []
    for i, (place, seed) in enumerate(batch.members):
        looks = int(np.isfinite(values[i]).any(-1).sum())
        failed = population.failed.get(i)
        last = values[i, looks - max(1, looks // 10) : looks].mean(0) if looks else np.full(len(SHOWN), np.nan)
        own = {name: configs[place][name] for name in batch.trials[place]["values"]}
        own |= {f"hyper.{name}": float(hyper[name][i]) for name in batch.ranges}
        rows.append(
            {
                "trial": batch.trials[place]["trial"],
                "seed": seed,
                "status": "failed" if failed else "done" if alive[i] else "pruned",
                "cause": failed,
                "updates": looks * population.group.look,
                **{UNITS[n]: None if failed else float(v) for n, v in zip(SHOWN, last.tolist(), strict=True)},
                "params_sha256": params_sha256(member(params, i)),
                **{name: _cell(value) for name, value in own.items()},
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"cause": pl.String})


def _cell(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, default=str)


def _on_host(tree: Any) -> Any:
    import jax

    return jax.tree.map(np.asarray, tree)
