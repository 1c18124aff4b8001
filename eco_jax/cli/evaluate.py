"""`eco-jax evaluate`: play a run's agents and the rules on the same episodes."""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.agent.algorithms.base import check_plays
from eco_jax.cli.main import parse, peek, settings_of
from eco_jax.cli.screen import show_table
from eco_jax.env import policies
from eco_jax.env.config import TWIN
from eco_jax.env.parts import COST
from eco_jax.env.parts.cost import reported
from eco_jax.errors import UserError, quoted
from eco_jax.files import check_output, write_whole
from eco_jax.metrics import MIGRATIONS, MISS, OFFLOADED, REWARD, SYNCS
from eco_jax.run import settings, setup
from eco_jax.run.config import INPUTS, RunConfig
from eco_jax.run.progress import Display
from eco_jax.run.reference import PREFIX, folder_of
from eco_jax.settings import similar
from eco_jax.train.config import PLAYED

SHARES = (MISS, MIGRATIONS, OFFLOADED, SYNCS)
"""Metrics shown beside the main ones: shares of the tasks, or of the slots for the last."""
MOST = 10**6
"""Episodes."""
REFUSED = ("train", *AGENT)
"""Sections of settings that are the run's own."""


@dataclass(frozen=True)
class Arguments:
    """Play a run's agents and the rules on the same episodes. Settings may differ from those of the run."""

    checkpoint: Path | None = None
    """Folder of a run (what `eco-jax train` wrote), or an agent that comes with eco_jax, `reference-LEVEL`: by default
    that of `--knowledge`."""
    episodes: int = 64
    """Parallel episodes, - (2 to 1000000)."""
    seed: int = PLAYED
    """Seed of the episodes, - (0 to 4294967295)."""
    rules: str = "all"
    """Rules to play too, at the run's level of knowledge: all, none, or names with commas between them."""
    no_rules: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """The same as --rules none."""
    json: Path | None = None
    """Write means and intervals to this file too."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    found = peek(argv, "checkpoint", "knowledge")
    if "checkpoint" not in found and {"-h", "--help"} & set(argv):  # it needs no run
        settings_of(argv)
        parse(Arguments, ["--help"], "eco-jax evaluate", Arguments.__doc__ or "", None, True, REFUSED)
    named = found.get("checkpoint", PREFIX + found.get("knowledge", TWIN))
    folder = Path(folder_of(named))
    if not (folder / "config.toml").is_file():
        raise UserError(f"{folder}: holds no run (no config.toml)")
    given = settings_of(argv, folder / "config.toml")
    for name in given.flags:
        if name.split(".")[0] in REFUSED:
            raise UserError(
                f"--{name}: the run's network and training are what they were; only the world, knowledge, trace, "
                "sites and workload may differ here"
            )
    a: Any = parse(Arguments, given.rest, "eco-jax evaluate", Arguments.__doc__ or "", None, True, REFUSED)
    if not 2 <= a.episodes <= MOST:
        raise UserError(f"--episodes {a.episodes}: must lie in [2, {MOST}]")
    settings.check_seeds(a.seed)
    config = given.config()
    rules = chosen_rules("none" if a.no_rules else a.rules)
    if a.no_rules and a.rules not in ("all", "none"):
        raise UserError(f"--no-rules and --rules {a.rules}: give one of them, not both")
    check_run_inputs(config, folder / "config.toml")
    if a.json is not None:
        check_output(a.json, _ours, [path for name in INPUTS if (path := config.values[name]) is not None])
        if not a.json.absolute().parent.is_dir():
            raise UserError(f"--json {a.json}: its folder does not exist")
    setup.configure()
    values = evaluate_run(config, folder, a.episodes, a.seed, rules)
    _show(values, a.episodes, config.values[COST])
    if a.json is not None:
        from eco_jax.study import statistics

        data = {
            n: {k: statistics.interval(v)._asdict() for k, v in row.items() if v.ndim == 2} for n, row in values.items()
        }
        write_whole(a.json, json.dumps(data, indent=2) + "\n")
    return 0


def check_run_inputs(config: RunConfig, path: Path) -> None:
    """A file that the run was trained with is still what it was; another one, given by a flag, may be anything."""
    _, there, _ = settings.base(file=path)
    same = [f"{name}_sha256" for name in INPUTS if there.get(name) == str(config.values[name])]
    noted = {name: value for name, value in settings.recorded(path).items() if name in same}
    settings.check_inputs(config, noted, path)


def _ours(path: Path) -> bool:
    """Whether a file is what `--json` writes: policies, their metrics, and an interval of each."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found) and all(
        isinstance(row, dict) and isinstance(cell := row.get(REWARD), dict) and {"mean", "lo", "hi"} <= set(cell)
        for row in found.values()
    )  # fmt: skip


def chosen_rules(names: str) -> dict[str, policies.Rule]:
    """The rules among `names` (with commas between them; all, or none), by name.

    Raises:
        UserError: there is no such rule.
    """
    known = policies.named()
    chosen = [name.strip() for name in names.split(",")]
    if chosen in (["all"], ["none"]):
        return known if chosen == ["all"] else {}
    for name in chosen:
        if name in ("all", "none"):
            raise UserError(f"--rules {quoted(names)}: all and none stand alone, without other names")
        if name not in known:
            raise UserError(f"--rules {quoted(name)}: unknown rule{similar(name, ['all', 'none', *known])}")
    return {name: known[name] for name in dict.fromkeys(chosen)}


def evaluate_run(
    config: RunConfig, folder: Path, episodes: int, seed: int, rules: dict[str, policies.Rule]
) -> dict[str, Any]:
    """Policy -> metric -> [seeds, episodes], agents of the run's seeds and the rules on the same episodes.

    A seed whose numbers were no longer finite is left out, with a warning.
    """
    import jax

    from eco_jax.study.folders import sound_agents
    from eco_jax.study.play import Entry, play, play_agents
    from eco_jax.train.loop import Learner
    from eco_jax.view.players import config_of

    env, params = config.make()
    learner = Learner(env, dataclasses.replace(config.train, rollout=1))  # the rollout plays no part here
    seeds, agents = sound_agents(folder)
    algorithm = config.algorithm()
    check_plays(algorithm, agents, env, params, config_of(folder).env.heads, str(folder))
    key = jax.random.key(seed)
    worlds = [params] * len(seeds)
    name = f"{algorithm.name}-{config.knowledge}"
    with Display() as display:
        look = watched(display, f"{len(worlds)} x {name} on {episodes} episodes, most likely and sampled choices")
        most_likely, sampled = play_agents(
            learner, algorithm, agents, worlds, key, episodes, greedy=(True, False), look=look
        )
        found = {name: most_likely, f"{name} sampled": sampled}
        if rules:
            look = watched(display, f"{len(rules)} rules on the same episodes")
            entries = {name: Entry(rule, params) for name, rule in rules.items()}
            found |= play(env, entries, key, episodes, look=look)
    return found


def watched(display: Display, what: str, name: str = "eco-jax evaluate") -> Callable[[int, int], None]:
    """Shows that `what` is compiled from now on; the function returned is told how many of how many have played.

    `name`: of the command, before its plain lines.
    """
    began = time.monotonic()
    display.begin(f"compiling {what}", f"{name}: compiling {what}")

    def look(done: int, total: int) -> None:
        line = f"{name}: played {done} of {total}"
        if not done:
            line = f"{name}: compiled in {time.monotonic() - began:.1f} s; playing {what}"
        display.show(f"playing {what}", done, total, f"{done} of {total}", line, now=done in (0, total))

    return look


def _show(values: dict[str, Any], episodes: int, costs: Sequence[str]) -> None:
    from eco_jax.study import statistics

    shown = [m for m in (*reported(costs), *SHARES) if m != REWARD]
    rows = []
    for name, row in sorted(values.items(), key=lambda item: -item[1][REWARD].mean()):
        r = statistics.interval(row[REWARD])
        rows.append([name, f"{r.mean:+.3f} ± {(r.hi - r.lo) / 2:.3f}", *(f"{row[m].mean():.3f}" for m in shown)])
    title = f"Means over {episodes} episodes; reward ± half of its 95 % interval"
    heads = [m.head if m.unit == "-" else f"{m.head} {m.unit}" for m in shown]
    show_table(title, ["policy", REWARD.head, *heads], rows)
