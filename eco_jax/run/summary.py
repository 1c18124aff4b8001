"""`summary.json`: what a finished run says of itself, made up and read back."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eco_jax.env.parts import COST
from eco_jax.env.parts.cost import reported
from eco_jax.errors import FailedSeedsError, UserError
from eco_jax.metrics import Metric
from eco_jax.run.config import RunConfig


def means_of(config: RunConfig) -> dict[str, Metric]:
    """Name in the summary -> metric, of what a run's summary says: the main metrics, and the world's own costs."""
    return {metric.column: metric for metric in reported(config.values[COST])}


def summarise(out: Path, config: RunConfig, seeds: Sequence[int], fitted: Any) -> dict[str, Any]:
    """What `summary.json` says of a finished run: the same, in one go or with interruptions.

    `train_s` counts all training that the result took; `compile_s` is of the last start.
    """
    from eco_jax.train.checkpoint import params_sha256
    from eco_jax.train.fit import member
    from eco_jax.train.sinks import first_failures, last_means
    from eco_jax.train.times import TIMES, trained_s

    means = means_of(config)
    final = last_means(out / "metrics.jsonl", len(seeds), list(means.values()))
    failures = first_failures(out / "metrics.jsonl", len(seeds))
    members: list[dict[str, Any]] = []
    for i, seed in enumerate(seeds):
        known = {"seed": seed, "params_sha256": params_sha256(member(fitted.state.agent.params, i))}
        if i in failures:
            members.append(known | {"failed": failures[i]})
        else:
            members.append(known | {name: final[metric][i] for name, metric in means.items()})
    sound = [m for m in members if "failed" not in m]
    recorded_s = trained_s(out / TIMES, config.train.updates)
    return {
        "params_sha256": members[0]["params_sha256"] if len(seeds) == 1 else params_sha256(fitted.state.agent.params),
        "updates": config.train.updates,
        "env_steps": config.train.updates * config.train.envs * config.train.rollout * len(seeds),
        "train_s": round(fitted.wall_s if recorded_s is None else recorded_s, 3),
        "compile_s": round(fitted.compile_s, 3),
        **{name: sum(m[name] for m in sound) / len(sound) for name in means},
        "members": members,
    }


def read(path: Path, config: RunConfig, seeds: Sequence[int]) -> dict[str, Any]:
    """The summary of the finished run with these settings and seeds.

    Raises:
        UserError: it cannot be read, or is not what `summarise` makes.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        found = None
    wrong = _fault(found, config, seeds)
    if wrong:
        raise UserError(f"{path}: {wrong}; remove it, and --resume makes it again from the newest checkpoint")
    return dict(found)


def _fault(found: Any, config: RunConfig, seeds: Sequence[int]) -> str | None:
    """What is wrong with a summary, in words; None where it is as `summarise` makes it."""
    if not isinstance(found, dict):
        return "is no summary of a run"
    kinds = {"params_sha256": str, "updates": int, "env_steps": int, "train_s": float, "compile_s": float}
    wrong = _first_wrong(found, kinds | dict.fromkeys(means_of(config), float))
    if wrong:
        return wrong
    if found["updates"] != config.train.updates:
        return f"updates = {found['updates']}, not {config.train.updates}"
    members = found.get("members")
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        return "members is missing, or no list of agents"
    if [m.get("seed") for m in members] != list(seeds):
        return f"is not of the seeds {', '.join(map(str, seeds))}"
    for member in members:
        wrong = _first_wrong(member, {"failed": str} if "failed" in member else dict.fromkeys(means_of(config), float))
        if wrong:
            return f"seed {member['seed']}: {wrong}"
    return None


def _first_wrong(values: dict[str, Any], kinds: dict[str, type]) -> str | None:
    """The first value that is missing or of another kind."""
    for name, kind in kinds.items():
        value = values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
            return f"{name} is missing, or no {'text' if kind is str else 'number'}"
    return None


def check_failed(summary: dict[str, Any]) -> None:
    """Whether all agents of a finished run came to its end.

    Raises:
        FailedSeedsError: some did not; which and why is said. The others' results stand.
    """
    failed = [f"seed {m['seed']}, {m['failed']}" for m in summary["members"] if "failed" in m]
    if failed:
        raise FailedSeedsError(f"{len(failed)} of {len(summary['members'])} failed: {'; '.join(failed)}")
