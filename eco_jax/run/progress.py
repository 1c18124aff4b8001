"""Progress of long work, on stderr: live bars on a terminal, plain lines every few seconds elsewhere."""

import math
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from eco_jax.metrics import ENERGY, QOE, REWARD

if TYPE_CHECKING:
    from eco_jax.train.fit import Chunk

SHOWN = (REWARD, ENERGY, QOE)
"""Metrics that are shown, where there are such."""


class Display:
    """Bars on a terminal, plain lines elsewhere; to be used in a `with` statement.

    Args:
        every_s: time between two plain lines, s (at least).
    """

    def __init__(self, every_s: float = 10.0) -> None:
        from rich.console import Console

        self.every_s, self.last = every_s, -math.inf
        self.console = Console(stderr=True)
        self.bars: Any = None
        self.bar: Any = None

    def __enter__(self) -> Self:
        if self.console.is_terminal and self.console.file.isatty():  # FORCE_COLOR makes a pipe a terminal to rich
            from rich import progress
            from rich.table import Column

            title, text = (  # on a narrow terminal they take several lines: nothing is cut off
                progress.TextColumn(words, markup=False, table_column=Column())
                for words in ("{task.description}", "{task.fields[text]}")
            )
            columns = title, progress.BarColumn(bar_width=24), text, progress.TimeElapsedColumn()
            self.bars = progress.Progress(*columns, console=self.console)
            self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bars is not None:
            self.bars.stop()

    def say(self, text: str) -> None:
        """A line of its own, above the bars."""
        if self.bars is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def begin(self, title: str, line: str | None = None) -> None:
        """Some other work begins: a new bar, at first without an end; elsewhere `line`, where it is given."""
        self.last = -math.inf
        if self.bars is not None:
            self.bar = self.bars.add_task(title, total=None, text="")
        elif line is not None:
            self.say(line)

    def show(
        self, title: str, done: float, total: float, text: str, line: str | None = None, now: bool = False
    ) -> None:
        """How far the work is.

        Args:
            title: before the bar.
            done: part of `total`, in whatever unit.
            total: the whole.
            text: behind the bar.
            line: plain line, where there is no bar; None for the title and the text.
            now: print the plain line in any case; otherwise only `every_s` after the last one.
        """
        if self.bars is not None:
            if self.bar is None:
                self.begin(title)
            self.bars.update(self.bar, description=title, completed=done, total=total, text=text)
        elif now or time.monotonic() - self.last >= self.every_s:
            self.last = time.monotonic()
            self.say(f"{title}: {text}" if line is None else line)


class Progress(Display):
    """Progress of a training: updates, steps/s, means, time left.

    Args:
        steps_per_update: environment steps of an update.
        title: what is trained.
        every_s: see `Display`.
    """

    def __init__(self, steps_per_update: int, title: str = "training", every_s: float = 10.0) -> None:
        super().__init__(every_s)
        self.steps_per_update, self.title = steps_per_update, title
        self.first: int | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self.say(f"{self.title}: compiling ...")
        return self

    def compiled(self, seconds: float) -> None:
        """Compilation is over."""
        self.say(f"{self.title}: compiled in {seconds:.1f} s")

    def chunk(self, chunk: "Chunk") -> None:
        """Show the newest chunk."""
        if self.first is None:
            self.first = chunk.start  # of a run that goes on, not 0
        means: dict[str, float] = {
            name: float(np.nanmean(chunk.metrics[name])) for name in SHOWN if name in chunk.metrics
        }
        each_s = chunk.wall_s / (chunk.done - self.first)
        text = updates_in_words(chunk.done, chunk.total, means, each_s, self.steps_per_update)
        self.show(self.title, chunk.done, chunk.total, text, now=chunk.done == chunk.total)


def updates_in_words(
    done: int, total: int, means: Mapping[str, float], each_s: float | None = None, steps: int = 0
) -> str:
    """A training so far, as in `update 30/600  11,400 steps/s  reward +0.100  12 s left`.

    Args:
        done: updates done.
        total: updates in all.
        means: metric -> its present mean.
        each_s: time of an update, s; None where it is not known yet.
        steps: environment steps of an update; 0 leaves out the speed.
    """
    words = [f"update {done}/{total}"]
    if each_s and steps:
        words.append(f"{steps / each_s:,.0f} steps/s")
    words += [f"{name} {means[name]:+.3f}" for name in SHOWN if name in means]
    if each_s is not None:
        words.append(f"{each_s * (total - done):.0f} s left")
    return "  ".join(words)


class Pace:
    """Measures the time that a unit of work takes, from the first call on."""

    def __init__(self) -> None:
        self.first: tuple[float, float] | None = None

    def of(self, done: float) -> float | None:
        """Seconds of each unit, when `done` units are done in all; None while it is not known."""
        now = time.monotonic()
        if self.first is None:
            self.first = done, now
        before, began = self.first
        return (now - began) / (done - before) if done > before else None
