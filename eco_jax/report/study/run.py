"""Run the parts of a study that are not there yet, and say what runs and how long is left."""

import dataclasses
import sys
import time
from collections.abc import Mapping
from typing import Any

from eco_jax.report.study.core import Part, Study
from eco_jax.report.study.parts import table_parts
from eco_jax.report.study.store import Store, fingerprint
from eco_jax.report.study.sweeps import other_parts


def all_parts(study: Study) -> list[Part]:
    """Every part of the study, in an order in which each finds what it needs."""
    profile = study.profile
    if study.world[0].config.mobility == "trace":
        profile = dataclasses.replace(profile, speeds=())  # recorded users move as fast as they did
    return [*table_parts(profile), *other_parts(profile)]


class Clock:
    """A live bar on a terminal, plain lines elsewhere: which part runs, and how long all that is missing takes."""

    def __init__(self, parts: list[Part], every_s: float = 15.0) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self.left = {part.name: part.seconds for part in parts}
        self.total = sum(self.left.values())
        self.count, self.number = len(parts), 0
        self.every_s, self.last = every_s, -every_s
        self.started = time.monotonic()
        self.part: Part | None = None
        self.bar: Any = None

    def __enter__(self) -> "Clock":
        if self.console.is_terminal and self.count:
            from rich import progress

            columns = (
                progress.TextColumn("{task.description}"), progress.BarColumn(bar_width=24),
                progress.TextColumn("{task.fields[text]}"),
            )  # fmt: skip
            self.bar = progress.Progress(*columns, console=self.console)
            self.task = self.bar.add_task("", total=self.total, text="")
            self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, part: Part) -> None:
        """A part starts."""
        self.part, self.number = part, self.number + 1
        self.last = -self.every_s
        self.tick(0.0)

    def tick(self, share: float) -> None:
        """A share of the present part is done."""
        assert self.part is not None
        self.left[self.part.name] = self.part.seconds * (1.0 - share)
        left = sum(self.left.values())
        done, spent = self.total - left, time.monotonic() - self.started
        # The parts' costs are for two idle cores: what has been done so far says how this machine compares.
        expected = left * (spent / done if done > 0.05 * self.total else 1.0)
        text = f"about {max(1, round(expected / 60))} min left" if expected > 45 else f"about {expected:.0f} s left"
        name = f"{self.number}/{self.count} {self.part.title}"
        if self.bar is not None:
            self.bar.update(self.task, completed=done, description=name, text=text)
        elif time.monotonic() - self.last >= self.every_s:
            self.last = time.monotonic()
            print(f"[{name}] {share:4.0%}   {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """The present part is done."""
        assert self.part is not None
        self.left[self.part.name] = 0.0


def run(study: Study, store: Store, settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Finish the study: parts that the store has of the same settings are kept, the others are run and stored.

    Args:
        study: `done` is filled.
        store: where the parts are.
        settings: everything beside the profile that the numbers depend on.

    Returns:
        part -> what was noted of it (`seconds`, ...).
    """
    parts = all_parts(study)
    profile = dataclasses.asdict(study.profile)
    marks = {part.name: fingerprint({"part": part.name, "profile": profile, **settings}) for part in parts}
    about: dict[str, dict[str, Any]] = {}
    missing = []
    for part in parts:
        kept = store.load(part.name, marks[part.name])
        if kept is None:
            missing.append(part)
        else:
            study.done[part.name], about[part.name] = kept
    if missing and len(missing) < len(parts):
        print(f"{len(parts) - len(missing)} of {len(parts)} parts are there already", file=sys.stderr)
    with Clock(missing) as clock:
        study.tick = clock.tick
        for part in missing:
            clock.begin(part)
            started = time.monotonic()
            study.done[part.name] = part.run(study)
            about[part.name] = {"title": part.title, "seconds": round(time.monotonic() - started, 1)}
            store.save(part.name, marks[part.name], study.done[part.name], about[part.name])
            clock.end()
    return {part.name: about[part.name] for part in parts}
