"""Run the parts of a study that are not there yet, and say what runs and how long is left."""

import dataclasses
import sys
import time
from collections.abc import Mapping
from typing import Any

from eco_jax.study.core import Part, Study
from eco_jax.study.parts import table_parts
from eco_jax.study.profile import Profile
from eco_jax.study.store import Store, fingerprint
from eco_jax.study.sweeps import changes, other_parts


def left_out(study: Study) -> dict[str, str]:
    """Points of the profile (its fields) that this world has no use for, and why."""
    mobility = study.world[0].config.mobility
    found: dict[str, str] = {}
    if mobility != "waypoint":
        found["speeds"] = f"of users who move by {mobility} no sweep sets the speed"
    if mobility == "trace":
        found["fix_gaps"] = "a recorded user's position is known when it was recorded"
    if study.config.sites is not None:
        found["servers"] = "there are as many servers as sites"
    return {name: why for name, why in found.items() if getattr(study.profile, name)}


def possible(study: Study) -> Profile:
    """The profile without the points that are left out."""
    nothing: Any = dict.fromkeys(left_out(study), ())
    return dataclasses.replace(study.profile, **nothing)


def check(study: Study) -> None:
    """Whether every part can run: makes each world that a part will need, and trains in none.

    Raises:
        UserError: what is wrong with one of them.
    """
    study.learner(study.world[0])
    for change in changes(possible(study)):
        study.make(**change)


def all_parts(study: Study) -> list[Part]:
    """Every part of the study, in an order in which each finds what it needs."""
    scale = study.profile.seconds / sum(part.seconds for part in _parts(study.profile))
    return [dataclasses.replace(part, seconds=scale * part.seconds) for part in _parts(possible(study))]


def _parts(profile: Profile) -> list[Part]:
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
        settings: what the numbers depend on beside the profile and the study's own settings: versions, device.

    Returns:
        part -> what was noted of it (`seconds`, ...).
    """
    parts = all_parts(study)
    profile = {name: value for name, value in dataclasses.asdict(study.profile).items() if name != "seconds"}
    same = {"profile": profile, "study": study.settings, **settings}
    marks = {part.name: fingerprint({"part": part.name, **same}) for part in parts}
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
