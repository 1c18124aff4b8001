"""Training a batch: its members look by look, with what the strategy decides at its rungs, and its tables."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env.parts.cost import objectives
from eco_jax.parts import numbers_of
from eco_jax.run import settings
from eco_jax.run.folder import Saving, locked
from eco_jax.settings import UNITS as CONVERSIONS
from eco_jax.settings import specs
from eco_jax.sweep import tables
from eco_jax.sweep.batch import Batch, finish, finished
from eco_jax.sweep.population import Population, changed
from eco_jax.sweep.strategies import Exploit, Standing, strategy
from eco_jax.train.devices import on_host
from eco_jax.train.interrupt import Interrupted, Stop


@dataclass(frozen=True)
class Told:
    """Callbacks of a running batch."""

    warn: Callable[[str], None] = lambda text: None
    said: Callable[[str], None] = lambda text: None
    look: Callable[[int, int, Mapping[str, float]], None] = lambda done, total, means: None
    """updates done, updates in all, means of the living"""


def train_batch(
    folder: Path,
    saving: Saving,
    stop: Stop | None = None,
    told: Told = Told(),
    programs: dict[Any, Any] | None = None,
    devices: Sequence[Any] = (),
) -> None:
    """Train a batch to its end, from wherever it stands, and write its results.

    Args:
        folder: of the batch.
        saving: when to keep a checkpoint.
        stop: asked between two calls of the device whether to end.
        told: hears what goes on.
        programs: see `Population`.
        devices: see `Population`.

    Raises:
        Interrupted: `stop` said so; what was learnt is kept.
        UserError: another process trains there, or a file that the runs read is not what it was.
    """
    from eco_jax.train.checkpoint import Checkpoints, note_of, restore

    stop = stop or Stop()
    with ExitStack() as opened:
        opened.enter_context(locked(folder))
        if finished(folder):
            return
        opened.enter_context(on_host())
        batch = Batch.read(folder)
        first, path = batch.configs()[0], folder / "batch.json"  # all of a batch read the same
        settings.check_inputs(first, batch.inputs, path)
        settings.check_plugins(first, batch.inputs, path)
        population = Population(batch.group(), told.warn, told.said, programs, devices)
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

        plan = strategy(batch.strategy, ranges_in_si(population.algorithm, batch.ranges))
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
            told.look(updates, population.group.learner.config.updates, _means(population, look))
            late = time.monotonic() - saved_s >= saving.every_s
            often = 0 < saving.every_updates <= (look - saved) * population.group.look
            if late or often or look == population.group.looks:
                save()
                saved, saved_s = look, time.monotonic()
        checkpoints.wait()
        state = population.state()
        made = {"curves.parquet": tables.curves, "results.parquet": tables.results}
        finish(folder, {name: make(batch, population, state) for name, make in made.items()}, batch.sweep.get("id", ""))


def _decide(plan: Any, batch: Batch, population: Population, look: int) -> None:
    """A rung: the population goes on with what the strategy makes of it."""
    state = population.state()
    of_look = np.asarray(state.curves)[:, look - 1, population.group.shown.index(batch.objective)]
    scores = objectives()[batch.objective].better * of_look
    bad = ~np.isfinite(scores)
    bad[list(population.failed)] = True
    numbers = {name: np.asarray(value) for name, value in numbers_of(state.algorithm).items()}
    places = np.array([place for place, _ in batch.members])
    decision = plan.decide(Standing(look, np.where(bad, -np.inf, scores), np.asarray(state.alive), places, numbers))
    if isinstance(plan, Exploit):  # what failed goes on from one that did not, and is sound again
        before = dict(population.failed)
        for which in before:
            if int(decision.source[which]) not in before:
                del population.failed[which]
    population.load(changed(state, *decision))


def ranges_in_si(algorithm: Algorithm, ranges: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Ranges of an algorithm's traced numbers, from their units to what the algorithm holds."""
    known = specs(type(algorithm))
    return {name: [CONVERSIONS[known[name].unit](end) for end in ends] for name, ends in ranges.items()}


def _means(population: Population, look: int) -> dict[str, float]:
    now = np.asarray(population.home.curves)[:, look - 1]
    known = np.isfinite(now).all(-1)
    return dict(zip(population.group.shown, now[known].mean(0).tolist(), strict=True)) if known.any() else {}
