"""`eco-jax evaluate`: play a run's agents and the rules on the same episodes."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.cli.main import parse
from eco_jax.cli.screen import show_table
from eco_jax.errors import UserError
from eco_jax.run import settings, setup
from eco_jax.run.settings import RunConfig

METRICS = {
    "reward": "reward", "energy": "energy J", "latency": "latency s", "qoe": "QoE", "miss": "missed",
    "migrations": "migrated", "offloaded": "offloaded", "syncs": "synced",
}  # fmt: skip
"""Metrics shown, and their column heads; the last five are shares of the tasks (of the slots for syncs)."""


@dataclass(frozen=True)
class Arguments:
    """Play a run's agents and the rules on the same episodes. Settings may differ from those of the run."""

    checkpoint: Path
    """Folder of a run (what `eco-jax train` wrote)."""
    episodes: int = 64
    """Parallel episodes, - (at least 2)."""
    seed: int = 1_000_003
    """Seed of the episodes, - (0 or above)."""
    rules: bool = True
    """Evaluate the rules too, at the run's level of knowledge."""
    json: Path | None = None
    """Write means and intervals to this file too."""
    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """Settings, those of the run by default."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--checkpoint", nargs="?")
    folder = parser.parse_known_args(list(argv))[0].checkpoint
    base = RunConfig() if folder is None else _config_of(Path(folder))
    default = Arguments(checkpoint=tyro.MISSING, run=base)
    a: Any = parse(Arguments, argv, "eco-jax evaluate", Arguments.__doc__ or "", default)
    if a.episodes < 2:
        raise UserError(f"--episodes {a.episodes}: must be at least 2")
    if a.run.train != base.train:
        raise UserError("--train.*: the run's network is what it is; only env, physics and knowledge may differ here")
    setup.configure()
    values = evaluate_run(a.run, Path(a.checkpoint), a.episodes, a.seed, a.rules)
    _show(values, a.episodes)
    if a.json is not None:
        from eco_jax.report import statistics

        data = {
            n: {k: statistics.interval(v)._asdict() for k, v in row.items() if v.ndim == 2} for n, row in values.items()
        }
        a.json.write_text(json.dumps(data, indent=2) + "\n")
    return 0


def _config_of(folder: Path) -> RunConfig:
    if not (folder / "config.toml").is_file():
        raise UserError(f"{folder}: holds no run (no config.toml)")
    return settings.from_toml(folder / "config.toml")


def evaluate_run(config: RunConfig, folder: Path, episodes: int, seed: int, rules: bool) -> dict[str, Any]:
    """Policy -> metric -> [seeds, episodes], agents of all the run's seeds and the rules on the same episodes."""
    import jax

    from eco_jax.env import policies
    from eco_jax.report.study.play import Entry, play, play_agents
    from eco_jax.report.study.rules import plain
    from eco_jax.train.checkpoint import restore_params
    from eco_jax.train.loop import Learner

    env, params = config.make()
    learner = Learner(env, dataclasses.replace(config.train, rollout=1))  # the rollout plays no part here
    run = settings.recorded(folder / "config.toml").get("id", "")
    _, agents = restore_params(folder / "checkpoint", setup.warn, run)
    expected = jax.eval_shape(env.reset, jax.random.key(0), params)[0].features.shape[-1]
    trained = agents["actor"]["dense_0"]["kernel"].shape[1]
    if trained != expected:
        raise UserError(
            f"{folder}: its network takes {trained} features, these settings give {expected} (env.candidates?)"
        )
    key = jax.random.key(seed)
    worlds = [params] * len(jax.tree.leaves(agents)[0])
    most_likely, sampled = play_agents(learner, agents, worlds, key, episodes, greedy=(True, False))
    found = {f"a2c-{config.knowledge}": most_likely, f"a2c-{config.knowledge} sampled": sampled}
    if rules:
        entries = {name: Entry(plain(env, rule), params) for name, rule in policies.named(env.config).items()}
        found |= play(env, entries, key, episodes)
    return found


def _show(values: dict[str, Any], episodes: int) -> None:
    from eco_jax.report import statistics

    rows = []
    for name, row in sorted(values.items(), key=lambda item: -item[1]["reward"].mean()):
        r = statistics.interval(row["reward"])
        rows.append(
            [name, f"{r.mean:+.3f} ± {(r.hi - r.lo) / 2:.3f}", *(f"{row[m].mean():.3f}" for m in list(METRICS)[1:])]
        )
    title = f"Means over {episodes} episodes; reward ± half of its 95 % interval"
    show_table(title, ["policy", *METRICS.values()], rows)
