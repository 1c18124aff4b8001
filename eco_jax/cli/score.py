"""`eco-jax score`: runs and rules in the frozen worlds of eco-bench."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from eco_jax.cli.evaluate import watched
from eco_jax.cli.main import load_plugins, parse, without_plugins
from eco_jax.cli.screen import show_table
from eco_jax.env.config import TWIN, Knowledge
from eco_jax.errors import UserError, quoted
from eco_jax.files import check_output, write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import setup
from eco_jax.run.progress import Display
from eco_jax.run.reference import folder_of
from eco_jax.study import names, scenarios, statistics
from eco_jax.study.folders import Trained, check_policy, is_run, open_run
from eco_jax.study.scenarios import Scenario
from eco_jax.study.statistics import Interval, Values
from eco_jax.study.together import play_together

NAME = "eco-jax score"
WORLD = "{world}"
"""In the name of a run's folder: one of each world."""


@dataclass(frozen=True)
class Arguments:
    """Score runs and rules in the six frozen worlds of eco-bench v1: % of the way from random actions to the best
    reference, which knows the true slowdowns, on the same episodes for everybody."""  # noqa: D209

    what: tyro.conf.Positional[tuple[str, ...]] = ()
    """Folders of runs, agents that come with eco_jax (`reference-LEVEL`), or rules by name, a plug-in's too (--plugin
    FILE). With {world} in a folder's name each world has a run of its own: "runs/ppo-{world}"."""
    worlds: str = ""
    """Names of worlds, with commas between them; all six by default."""
    split: Literal["dev", "test"] = "dev"
    """Episodes to look at while you build, or those for what you publish."""
    knowledge: Knowledge = TWIN
    """Level of knowledge of the rules; runs have their own."""
    list: bool = False
    """Show the worlds, with the flags of `eco-jax train` that make them, and play nothing."""
    json: Path | None = None
    """Write scores and rewards to this file too."""


@dataclass(frozen=True)
class Scored:
    """Somebody in one world."""

    score: Interval
    """% of the way"""
    reward: Interval


def main(argv: Sequence[str]) -> int:
    """See the module."""
    load_plugins(argv)
    a: Any = parse(Arguments, without_plugins(argv), NAME, Arguments.__doc__ or "")
    worlds = scenarios.chosen(a.worlds)
    if a.list:
        if a.what:
            raise UserError(f"{quoted(a.what[0], 200)}: --list plays nobody; leave one of them out")
        _list(worlds)
        return 0
    if not a.what:
        raise UserError("name folders of runs, or rules")
    if len(set(a.what)) < len(a.what):
        raise UserError(f"{quoted(next(w for w in a.what if a.what.count(w) > 1), 200)}: named twice")
    if a.json is not None:
        if not a.json.absolute().parent.is_dir():
            raise UserError(f"--json {a.json}: its folder does not exist")
        check_output(a.json, _ours)
    opened = {world.name: {word: _opened(word, world) for word in a.what} for world in worlds}
    setup.configure()
    found: dict[str, dict[str, Scored]] = {}
    with Display() as display:
        for world in worlds:
            for label, rewards in _play(world, opened[world.name], a, display).items():
                scored = Scored(scenarios.score(rewards, world.name, a.split), statistics.interval(rewards))
                found.setdefault(label, {})[world.name] = scored
    budget, steps = int(scenarios.declared()["budget"]), _steps(opened)
    over = [
        f"{word}: trained for {count:,} environment steps, above the budget of {budget:,}"
        for word, count in steps.items() if count > budget
    ]  # fmt: skip
    _show(found, worlds, a.split, over)
    if a.json is not None:
        scores = {
            who: {name: {"score": s.score._asdict(), REWARD: s.reward._asdict()} for name, s in row.items()}
            for who, row in found.items()
        }
        data = {"benchmark": scenarios.NAME, "split": a.split, "scores": scores, "steps": steps, "over_budget": over}
        write_whole(a.json, json.dumps(data, indent=2) + "\n")
    return 0


def _steps(opened: Mapping[str, Mapping[str, Trained | None]]) -> dict[str, int]:
    """Environment steps that an agent of each run was trained for; the most of all worlds' runs."""
    found: dict[str, int] = {}
    for row in opened.values():
        for word, run in row.items():
            if run is not None:
                train = run.config.train
                found[word] = max(found.get(word, 0), train.updates * train.envs * train.rollout)
    return found


def _opened(word: str, world: Scenario) -> Trained | None:
    """The run that a word names for a world; None of a rule.

    Raises:
        UserError: it names neither, or the run is damaged.
    """
    folder = folder_of(word.replace(WORLD, world.name))
    if is_run(Path(folder)):
        return open_run(Path(folder))
    if WORLD in word:
        raise UserError(f"{quoted(folder, 200)}: no folder of a run")
    check_policy(word)
    return None


def _play(world: Scenario, opened: Mapping[str, Trained | None], a: Arguments, display: Display) -> dict[str, Values]:
    """Rewards of everybody in a world, [seeds, episodes], by the labels that they have in all of them."""

    def watch(what: str) -> Any:
        return watched(display, f"{what} in {world.name}", NAME)

    about = scenarios.declared()
    seed, episodes = int(about["splits"][a.split]), int(about["episodes"])
    runs = {word: run for word, run in opened.items() if run is not None}
    rules = [word for word, run in opened.items() if run is None]
    played = play_together([world.config()], runs, [], seed, episodes, None, watch) if runs else {}
    if rules:
        ruled = play_together([world.config(a.knowledge)], {}, rules, seed, episodes, a.knowledge, watch)
        played |= {names.at(rule, a.knowledge): ruled[rule] for rule in rules}
    return {label: np.asarray(values[REWARD][0]) for label, values in played.items()}


def _list(worlds: Sequence[Scenario]) -> None:
    rows = [[w.name, w.about, w.flags or "–", w.sha256[:12]] for w in worlds]
    about = scenarios.declared()
    lines = [
        f"an agent may train for {about['budget']:,} environment steps; {about['episodes']} episodes of each split",
        "a change of a world's settings, or of the physics behind it, makes another version",
    ]
    show_table(scenarios.NAME, ["world", "what it is", "flags", "hash"], rows, lines)


def _show(
    found: Mapping[str, Mapping[str, Scored]], worlds: Sequence[Scenario], split: str, over: Sequence[str]
) -> None:
    def cell(i: Interval) -> str:
        return f"{i.mean:.1f} [{i.lo:.1f}, {i.hi:.1f}]"

    means = {who: float(np.mean([s.score.mean for s in row.values()])) for who, row in found.items()}
    rows = [
        [who, f"{means[who]:.1f}", *(cell(found[who][w.name].score) for w in worlds)]
        for who in sorted(found, key=lambda who: -means[who])
    ]
    lines = [
        "% of the way from random actions to the best reference, which knows the true slowdowns, with 95 % intervals "
        "over seeds and episodes; mean: of the worlds",
        *over,
    ]
    show_table(f"{scenarios.NAME}, split {split}", ["policy", "mean", *(w.name for w in worlds)], rows, lines)


def _ours(path: Path) -> bool:
    """Whether a file is what `--json` writes."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"benchmark", "split", "scores"} <= set(found)
