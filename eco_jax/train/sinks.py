"""Where a run's figures go: the progress bar, `metrics.jsonl`."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from eco_jax.errors import UserError
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
        means = {name: float(np.nanmean(chunk.metrics[name])) for name in SHOWN if name in chunk.metrics}
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
    """`metrics.jsonl`: one line for each update and member, each once, however often the run went on."""

    def __init__(self, path: Path, labels: Sequence[dict[str, Any]], start: int = 0) -> None:
        """`start`: updates done; what stands there of later ones is dropped, as they are done again.

        Raises:
            UserError: lines of earlier ones are missing.
        """
        self.labels = labels
        kept = [line for line, row in _rows(path) if row["update"] < start] if start else []
        if len(kept) != start * len(labels):
            raise UserError(f"{path}: holds {len(kept)} lines of the first {start} updates, not {start * len(labels)}")
        part = path.with_suffix(".part")
        part.write_text("".join(line + "\n" for line in kept))
        os.replace(part, path)
        self.file: TextIO = path.open("a")

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


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whole lines and what they say; a line cut short by a sudden end is none."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        yield line, row


def last_means(path: Path, members: int, names: Sequence[str], share: float = 0.1) -> dict[str, list[float | None]]:
    """Of each metric the mean over the last `share` of the updates, member by member; None where one was not finite."""
    rows = [row for _, row in _rows(path)]
    count = max(1, int(len(rows) // members * share)) * members
    last = [rows[-count:][i::members] for i in range(members)]

    def mean(values: Sequence[float | None]) -> float | None:
        return None if None in values else float(np.mean(values))  # type: ignore[arg-type]

    return {name: [mean([row[name] for row in own]) for own in last] for name in names}


def first_failures(path: Path, members: int) -> dict[int, str]:
    """Member -> its first update with a number that was not finite, and which."""
    found: dict[int, str] = {}
    for i, (_, row) in enumerate(_rows(path)):
        bad = [name for name, value in row.items() if value is None]
        if bad and i % members not in found:
            found[i % members] = f"update {row['update']}: {', '.join(bad)} not finite"
    return found
