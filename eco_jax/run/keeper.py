"""What becomes of each chunk of a run: its metrics written, the state kept when it is time."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax.errors import UserError
from eco_jax.metrics import MAIN, REWARD
from eco_jax.run import processes
from eco_jax.run.messages import say, warn
from eco_jax.train.interrupt import Stop


@dataclass(frozen=True)
class Saving:
    """When to keep a checkpoint, and how many."""

    every_s: float = 30.0
    every_updates: int = 0
    keep: int = 2


class Keeper:
    """Keeps a run on disk. Of several processes the first one writes, and all end together.

    The first chunk's state is on disk before the metrics of the second are, so metrics of more than one chunk without a
    checkpoint mean that the checkpoint was lost.
    """

    def __init__(
        self, out: Path, run: str, seeds: Sequence[int], chunk: int, saving: Saving, stop: Stop,
        opened: contextlib.ExitStack,
    ) -> None:  # fmt: skip
        """Touches nothing yet.

        Args:
            out: the run's folder.
            run: the run's own name, noted with each checkpoint; empty where it has none.
            seeds: of the run's members.
            chunk: updates of one chunk.
            saving: when to keep a checkpoint, and how many.
            stop: asked after each chunk whether to end.
            opened: closes what is opened here.
        """
        self.out, self.run, self.updates_of_chunk, self.saving = out, run, chunk, saving
        self.stop, self.opened = stop, opened
        self.labels = [{"seed": seed} for seed in seeds]
        self.writes = processes.first()
        self.saved_s, self.saved_update = time.monotonic(), 0
        self.checkpoints: Any = None
        self.sink: Any = None
        self.times: Any = None

    def begin(self, like: Any) -> Any:
        """(updates done, state after them) of the newest intact checkpoint; None to start from nothing.

        Everything that is there has been read and found good before anything is changed.

        Raises:
            UserError: something cannot be read, is not as it was written, or was there once and is missing.
        """
        from eco_jax.train.checkpoint import Checkpoints, note_of, restore
        from eco_jax.train.sinks import MetricsFile, updates_told
        from eco_jax.train.times import TIMES, TimesFile

        folder, metrics = self.out / "checkpoint", self.out / "metrics.jsonl"
        found = restore(folder, like, warn, self.run)
        processes.wait("restored")  # before the first one writes anew
        self.saved_update = found[0] if found else 0
        if not self.writes:
            return found
        told = updates_told(metrics, len(self.labels))
        if found is None and told > self.updates_of_chunk:
            raise UserError(
                f"{folder}: holds no checkpoint, though {metrics} tells of {told} updates and the first were kept: "
                "put the folder back, or begin anew with --force in place of --resume"
            )
        note = (note_of(folder, self.saved_update) if found else None) or {}
        self.sink = MetricsFile(metrics, self.labels, self.saved_update, list(MAIN), note.get("metrics_sha256"))
        self.opened.callback(self.sink.close)
        self.times = TimesFile(self.out / TIMES, self.saved_update)
        self.checkpoints = self.opened.enter_context(Checkpoints(folder, self.saving.keep, self.run))
        if found:
            say(f"{self.out}: going on after update {self.saved_update}")
        return found

    def failed(self) -> dict[int, str]:
        """Member -> cause, of those that had failed by the newest checkpoint."""
        from eco_jax.train.sinks import first_failures

        return first_failures(self.out / "metrics.jsonl", len(self.labels), self.saved_update)

    def chunk(self, chunk: Any) -> None:
        """Take in the newest chunk.

        Raises:
            Interrupted: a signal asked to end; the state is kept first.
            OSError: it could not be written.
        """
        if self.writes:
            self.sink.chunk(chunk)
            self.times.chunk(chunk)
        first = self.saved_update == 0
        by_updates = 0 < self.saving.every_updates <= chunk.done - self.saved_update
        by_time = time.monotonic() - self.saved_s >= self.saving.every_s
        due = first or by_updates or by_time or chunk.done == chunk.total
        numbers = processes.told([self.stop.number, due])
        self.stop.number = int(numbers[:, 0].max())
        if numbers[0, 1] or self.stop.number:
            state = processes.gathered(chunk.state)
            if self.writes:
                score = float(np.nanmean(chunk.metrics[REWARD]))
                self.checkpoints.save(chunk.done, state, score, {"metrics_sha256": self.sink.sha256()})
                if first:
                    self.checkpoints.wait()
            self.saved_s, self.saved_update = time.monotonic(), chunk.done
        self.stop.check()
