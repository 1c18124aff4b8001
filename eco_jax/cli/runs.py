"""Runs and rules by which a command is called, and the world in which they are played."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from eco_jax.cli.evaluate import MOST, REFUSED, watched
from eco_jax.cli.main import Given, peek, settings_of
from eco_jax.env.policies import named
from eco_jax.errors import UserError, quoted, shown
from eco_jax.run import settings
from eco_jax.run.config import RunConfig
from eco_jax.run.progress import Display
from eco_jax.run.reference import folder_of
from eco_jax.settings import similar
from eco_jax.study.folders import Trained, check_policy, check_same_world, is_run, open_run
from eco_jax.study.play import Look
from eco_jax.study.store import Arrays
from eco_jax.study.together import labels_of, play_together


@dataclass(frozen=True)
class Policies:
    """Runs and rules, by their labels, and the world that they are played in."""

    given: Given
    """the settings that flags and the first run give"""
    runs: Mapping[str, Trained]
    rules: Sequence[str]
    level: str | None
    """of knowledge, where a flag says it: of all"""

    @property
    def world(self) -> RunConfig:
        """All settings, checked; those of the agent play no part."""
        return self.given.config()

    @property
    def labels(self) -> list[str]:
        """Of everybody, in the order in which they are played."""
        return [*self.runs, *labels_of(self.runs, self.rules, self.world.knowledge, self.level is not None)]

    def play(self, worlds: Sequence[RunConfig], seed: int, episodes: int, command: str) -> dict[str, Arrays]:
        """Everybody on the same episodes of each world, and how far it is on stderr (see `play_together`)."""
        with Display() as display:

            def watch(what: str) -> Look:
                return watched(display, f"{what} on {episodes} episodes", command)

            return play_together(worlds, self.runs, self.rules, seed, episodes, self.level, watch)


def leading(argv: Sequence[str]) -> list[str]:
    """The words before the first flag: runs, rules or a sweep, which decide what the flags go over."""
    return list(takewhile(lambda word: not word.startswith("-"), argv))


def with_references(argv: Sequence[str]) -> list[str]:
    """The arguments with the folders of agents that come with eco_jax, `reference-LEVEL`, for their names.

    Raises:
        UserError: there is no such agent.
    """
    words = leading(argv)
    return [*map(folder_of, words), *argv[len(words) :]]


def world_of(argv: Sequence[str], words: Sequence[str]) -> Given:
    """The settings of the world: of a preset, a file, or the first run, with flags over them.

    Raises:
        UserError: there is none, or a flag is of the agents.
    """
    first = next((Path(word) / "config.toml" for word in words if is_run(Path(word))), None)
    given = settings_of(argv, first)
    for name in given.flags:
        if name.split(".")[0] in REFUSED:
            raise UserError(f"--{name}: the runs' agents are what they were trained to; only the world may differ here")
    return given


def policies_of(argv: Sequence[str], words: Sequence[str], given: Given) -> Policies:
    """The runs and rules that `words` name.

    Raises:
        UserError: one is neither, is named twice, or a run was trained in another world that no flag gives.
    """
    if not words:
        raise UserError("name folders of runs, or rules, before the flags")
    for word in words:
        check_policy(word)
    if len(set(words)) < len(words):
        raise UserError(f"{quoted(next(w for w in words if words.count(w) > 1), 200)}: named twice")
    folders = [word for word in words if is_run(Path(word))]
    runs = {label: open_run(Path(word)) for label, word in zip(short_names(folders), folders, strict=True)}
    anew = bool(peek(argv, "preset", "config"))
    check_same_world(list(runs.values()), given.flags, anew)
    rules = [word for word in words if word not in folders]
    for label in runs:
        if label in rules:
            raise UserError(f"{label}: a run and a rule of one name; rename the run's folder")
    return Policies(given, runs, rules, given.flags.get("knowledge"))


def short_names(folders: Sequence[str]) -> list[str]:
    """The last part of each path, or all of it where two end alike; cut where no two become alike by that."""
    last = [Path(folder).absolute().name for folder in folders]
    cut = [shown(folder, 40) for folder in folders]
    return next((names for names in (last, cut) if len(set(names)) == len(names)), list(folders))


def labelled(names: Sequence[str], labels: str | None) -> list[str]:
    """The names that `--labels` gives to as many, in their order.

    Raises:
        UserError: they are more or fewer, or two are alike.
    """
    if labels is None:
        return list(names)
    given = [label.strip() for label in labels.split(",")]
    if len(given) != len(names) or len(set(given)) < len(given) or "" in given:
        raise UserError(f"--labels {quoted(labels)}: must be {len(names)} different ones, for {', '.join(names)}")
    return given


def check_episodes(episodes: int, seed: int) -> None:
    """Whether so many episodes can be played with this seed."""
    if not 2 <= episodes <= MOST:
        raise UserError(f"--episodes {episodes}: must lie in [2, {MOST}]")
    settings.check_seeds(seed)


def rules_of(names: str) -> list[str]:
    """The rules that `--rules` names, with commas between them.

    Raises:
        UserError: there is no such rule.
    """
    known: dict[str, Any] = named()
    chosen = [name.strip() for name in names.split(",")] if names else []
    for name in chosen:
        if name not in known:
            raise UserError(f"--rules {quoted(name)}: unknown rule{similar(name, known)}")
    return list(dict.fromkeys(chosen))
