"""Tables and progress on the terminal."""

import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from eco_jax.train.config import ALGORITHMS


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], lines: Sequence[str] = ()) -> None:
    """Print a table, agents in bold, and lines of text below it. It never shrinks until its words are cut off."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row, style="bold" if row[0].split("-")[0] in ALGORITHMS else None)
    console.width = max(console.width, Console(width=1000).measure(table).maximum)
    console.print(table)
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


class Steps:
    """Long work of a few steps, on stderr: a live bar on a terminal, plain lines elsewhere."""

    def __init__(self, name: str, every_s: float = 5.0) -> None:
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True)
        self.name, self.every_s, self.last = name, every_s, 0.0
        self.bar: Any = None
        if console.is_terminal:
            columns = (
                progress.TextColumn("{task.description}"), progress.BarColumn(bar_width=24),
                progress.MofNCompleteColumn(), progress.TimeElapsedColumn(),
            )  # fmt: skip
            self.bar = progress.Progress(*columns, console=console)

    def __enter__(self) -> "Steps":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, what: str) -> None:
        """Something is compiled, which takes its time."""
        self.what, self.began, self.task = what, time.monotonic(), None
        if self.bar is not None:
            self.task = self.bar.add_task(f"compiling {what}", total=None)
        else:
            self._say(f"compiling {what}")

    def look(self, done: int, total: int) -> None:
        """It is compiled (0 done), or so much of it is played."""
        now = time.monotonic()
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, description=f"playing {self.what}", completed=done, total=total)
        elif not done:
            self._say(f"compiled in {now - self.began:.1f} s; playing {self.what}")
        elif done == total or now - self.last >= self.every_s:
            self._say(f"played {done} of {total}")
        self.last = now if not done or now - self.last >= self.every_s else self.last

    def _say(self, text: str) -> None:
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)
