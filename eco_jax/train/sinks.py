"""Where a run's figures go: the progress bar, `metrics.jsonl`."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from eco_jax.train.fit import Chunk

SHOWN = ("reward", "energy", "qoe")
"""Metrics beside the bar, where the environment has them."""


class Progress:
    """A live bar on a terminal, plain lines elsewhere: updates, steps/s, reward, energy, QoE, time left."""

    def __init__(self, steps_per_update: int, title: str = "training", every_s: float = 10.0) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.steps_per_update = steps_per_update
        self.title = title
        self.every_s = every_s
        self.bar: Any = None
        self.task: Any = None
        self.last = 0.0

    def __enter__(self) -> "Progress":
        self.console.print(f"{self.title}: compiling ...", highlight=False)
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def compiled(self, seconds: float) -> None:
        """Compilation is over."""
        self.console.print(f"{self.title}: compiled in {seconds:.1f} s", highlight=False)

    def chunk(self, chunk: Chunk) -> None:
        """Show the newest chunk."""
        rate = chunk.done * self.steps_per_update / chunk.wall_s
        means = {name: float(chunk.metrics[name].mean()) for name in SHOWN if name in chunk.metrics}
        text = "  ".join(f"{name} {value:+.3f}" for name, value in means.items())
        if self.console.is_terminal:
            self._draw(chunk, f"{rate:,.0f} steps/s  {text}")
        elif time.monotonic() - self.last >= self.every_s or chunk.done == chunk.total:
            self.last = time.monotonic()
            left = chunk.wall_s / chunk.done * (chunk.total - chunk.done)
            line = f"{self.title}: update {chunk.done}/{chunk.total}  {rate:,.0f} steps/s  {text}  {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)

    def _draw(self, chunk: Chunk, text: str) -> None:
        from rich import progress

        if self.bar is None:
            columns = (
                progress.TextColumn("{task.description}"), progress.BarColumn(bar_width=24),
                progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[text]}"),
                progress.TimeRemainingColumn(), progress.TextColumn("left"),
            )  # fmt: skip
            self.bar = progress.Progress(*columns, console=self.console)
            self.task = self.bar.add_task(self.title, total=chunk.total, text="")
            self.bar.start()
        self.bar.update(self.task, completed=chunk.done, text=text)


class MetricsFile:
    """`metrics.jsonl`: one line for each update and member."""

    def __init__(self, path: Path, labels: Sequence[dict[str, Any]]) -> None:
        self.labels = labels
        self.file: TextIO = path.open("w")

    def chunk(self, chunk: Chunk) -> None:
        """Append the newest chunk."""
        names = [name for name in chunk.metrics if name != "finite"]
        for offset in range(chunk.done - chunk.start):
            for which, label in enumerate(self.labels):
                row = {name: _number(chunk.metrics[name][offset, which]) for name in names}
                self.file.write(json.dumps({"update": chunk.start + offset, **label, **row}) + "\n")
        self.file.flush()

    def close(self) -> None:
        """The run is over."""
        self.file.close()


def _number(value: np.floating) -> float | None:
    return float(f"{float(value):.6g}") if np.isfinite(value) else None
