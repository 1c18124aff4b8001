"""The comparison: agents at each level of knowledge against rules that see the same, and Fig. 3."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from eco_jax.env import EcoEnv, EnvParams, policies
from eco_jax.report import figures, statistics
from eco_jax.report.statistics import Interval
from eco_jax.train.config import Hyper, TrainConfig
from eco_jax.train.evaluate import evaluate
from eco_jax.train.fit import Fit, fit, stack_levels
from eco_jax.train.loop import Learner
from eco_jax.train.sinks import Progress

LEVELS = ("twin", "telemetry", "none")
METRICS = {"reward": "reward", "energy_j": "energy", "latency_s": "latency", "qoe": "qoe"}
"""Names in results, and the environment's."""

Values = dict[str, NDArray[np.floating]]
"""Metric -> [seeds, episodes] (one row for a rule)."""


@dataclass(frozen=True)
class Profile:
    """How much to spend."""

    updates: int
    seeds: int
    episodes: int
    """of evaluation, parallel"""


PROFILES = {
    "smoke": Profile(updates=30, seeds=2, episodes=16),
    "quick": Profile(updates=1800, seeds=3, episodes=64),
}


def rules(env: EcoEnv) -> dict[str, tuple[policies.Rule, str]]:
    """Name -> (rule, level of knowledge): each sees what the agent of its level sees."""
    config = env.config
    return {
        "greedy-twin": (policies.greedy(config, cache="always", sync_every=4), "twin"),
        "greedy-telemetry": (policies.greedy(config, cache="always"), "telemetry"),
        "greedy-none": (policies.greedy(config, cache="always"), "none"),
        "nearest-full": (policies.nearest(config), "none"),
        "local": (policies.local(config), "none"),
        "random": (policies.random(config), "none"),
    }


def evaluate_rules(
    env: EcoEnv, params: Any, axes: Any, chosen: Mapping[str, policies.Rule], key: Any, episodes: int
) -> dict[str, Values]:
    """Every rule on the same episodes, in one program; `params` and `axes` as in training, a member a rule."""

    def one(index: Any, params: Any) -> dict[str, Any]:
        return evaluate(env, params, policies.one_of(list(chosen.values()), env, index), key, episodes)

    values = jax.jit(jax.vmap(one, in_axes=(0, axes)))(jnp.arange(len(chosen)), params)
    return {name: {k: np.asarray(v)[i][None] for k, v in values.items()} for i, name in enumerate(chosen)}


def evaluate_agents(
    learner: Learner, agents: Any, params: Any, axes: Any, key: Any, episodes: int
) -> tuple[Values, Values]:
    """All members on the same episodes, with their most likely actions, and with sampled ones: [members, episodes]."""

    def one(greedy: Any, agent: Any, params: Any) -> dict[str, Any]:
        return evaluate(learner.env, params, learner.policy(agent, greedy), key, episodes)

    both = jax.vmap(jax.vmap(one, in_axes=(None, 0, axes)), in_axes=(0, None, None))
    values = jax.jit(both)(jnp.array([True, False]), agents, params)
    most_likely, sampled = ({k: np.asarray(v[i]) for k, v in values.items()} for i in range(2))
    return most_likely, sampled


def reproduce(
    env: EcoEnv, params: EnvParams, train: TrainConfig, hyper: Hyper, profile: Profile, seed: int = 0
) -> tuple[Fit, dict[str, Values]]:
    """Train `profile.seeds` agents at each level in one program, and evaluate them and the rules.

    Agents are named `a2c-<level>` (most likely actions) and `a2c-<level>-sampled`.
    """
    learner = Learner(env, dataclasses.replace(train, updates=profile.updates))
    members = [level for level in LEVELS for _ in range(profile.seeds)]
    stacked, axes = stack_levels(params, members)
    # Member k of every level starts from the same key: the levels differ in what they know, not in luck.
    keys = [jax.random.key(seed + k) for _ in LEVELS for k in range(profile.seeds)]
    steps = train.envs * train.rollout * len(members)
    with Progress(steps, f"{len(LEVELS)} levels x {profile.seeds} seeds") as progress:
        fitted = fit(
            learner, stacked, [hyper] * len(members), keys, axes=axes, on_compiled=progress.compiled,
            on_chunk=progress.chunk,
        )  # fmt: skip
    key = jax.random.key(1_000_003 + seed)
    found: dict[str, Values] = {}
    for suffix, values in zip(
        ("", "-sampled"),
        evaluate_agents(learner, fitted.state.params, stacked, axes, key, profile.episodes),
        strict=True,
    ):
        for i, level in enumerate(LEVELS):
            rows = slice(i * profile.seeds, (i + 1) * profile.seeds)
            found[f"a2c-{level}{suffix}"] = {name: value[rows] for name, value in values.items()}
    chosen = rules(env)
    stacked, axes = stack_levels(params, [level for _, level in chosen.values()])
    named = {name: rule for name, (rule, _) in chosen.items()}
    return fitted, found | evaluate_rules(env, stacked, axes, named, key, profile.episodes)


def summarise(found: Mapping[str, Values]) -> dict[str, Any]:
    """Intervals of every policy's metrics, and the comparisons that the study is about."""
    table = {
        name: {out: statistics.bootstrap(values[metric])._asdict() for out, metric in METRICS.items()}
        for name, values in found.items()
    }
    comparisons: dict[str, Any] = {}
    for other in ("none", "telemetry"):
        new, old = found["a2c-twin"], found[f"a2c-{other}"]
        comparisons[f"twin_over_{other}"] = {
            "reward_difference": statistics.difference(new["reward"], old["reward"])._asdict(),
            "energy_relative": statistics.relative(new["energy"], old["energy"])._asdict(),
            "qoe_relative": statistics.relative(new["qoe"], old["qoe"])._asdict(),
        }
    random = found["random"]["reward"].mean()
    for level in LEVELS:
        rule = found[f"greedy-{level}"]["reward"].mean()
        agents = found[f"a2c-{level}"]["reward"].mean(axis=1)
        way = ((agents - random) / (rule - random)).tolist()
        comparisons[f"share_of_way_to_greedy_{level}"] = {"each_seed": way, "least": min(way)}
    return {"policies": table, "comparisons": comparisons}


def table_lines(summary: Mapping[str, Any]) -> list[str]:
    """The policy table as Markdown, best reward first."""
    units = {"reward": "reward", "energy_j": "energy J/task", "latency_s": "latency s", "qoe": "QoE"}
    head = "| policy | " + " | ".join(units.values()) + " |"
    rows = sorted(summary["policies"].items(), key=lambda item: -item[1]["reward"]["mean"])

    def cell(value: Mapping[str, float], sign: str) -> str:
        return f"{value['mean']:{sign}.3f} [{value['lo']:{sign}.3f}, {value['hi']:{sign}.3f}]"

    body = [
        f"| {name} | " + " | ".join(cell(row[m], "+" if m == "reward" else "") for m in units) + " |"
        for name, row in rows
        if not name.endswith("-sampled")
    ]
    return [head, "|---" * (len(units) + 1) + "|", *body]


def headline(summary: Mapping[str, Any]) -> list[str]:
    """What the twin saves and costs, in two sentences with intervals."""
    lines = []
    for other, words in (
        ("none", "the benchmark without a twin (`none`)"),
        ("telemetry", "an agent that remembers what it measured (`telemetry`)"),
    ):
        c = summary["comparisons"][f"twin_over_{other}"]
        e, q, r = (Interval(**c[name]) for name in ("energy_relative", "qoe_relative", "reward_difference"))
        lines.append(
            f"Twin against {words}: energy {e.mean:+.1%} [{e.lo:+.1%}, {e.hi:+.1%}], QoE {q.mean:+.1%} "
            f"[{q.lo:+.1%}, {q.hi:+.1%}], reward {r.mean:+.4f} [{r.lo:+.4f}, {r.hi:+.4f}]."
        )
    return lines


def write(
    out: Path, learner: Learner, fitted: Fit, found: Mapping[str, Values], about: Mapping[str, Any]
) -> dict[str, Any]:
    """`results.json`, `table.md`, `fig3a`, `fig3b` (PNG and PDF) and the CSV behind them. Returns the summary."""
    summary = summarise(found)
    (out / "results.json").write_text(json.dumps({**about, **summary}, indent=2) + "\n")
    text = [*table_lines(summary), "", *headline(summary)]
    (out / "table.md").write_text("\n".join(text) + "\n")

    horizon = learner.env.fixed_horizon or 1
    per_episode = max(1, horizon // learner.config.rollout)
    seeds = fitted.metrics["energy"].shape[1] // len(LEVELS)

    def curves(metric: str) -> dict[str, NDArray[np.floating]]:
        full = figures.by_episode(fitted.metrics[metric], per_episode)
        return {level: full[:, i * seeds : (i + 1) * seeds] for i, level in enumerate(LEVELS)}

    energy, qoe = curves("energy"), curves("qoe")
    figures.training_curves(
        energy, out / "fig3a", ylabel="Energy, % of benchmark's maximum", percent_of=float(energy["none"].max()),
        title="Fig. 3a: energy while training (synthetic mobility)",
    )  # fmt: skip
    figures.training_curves(
        qoe, out / "fig3b", ylabel="QoE, %", percent_of=1.0, title="Fig. 3b: QoE while training (synthetic mobility)"
    )
    for name, values in (("fig3a", energy), ("fig3b", qoe)):
        columns = [f"{level}-seed{k}" for level in LEVELS for k in range(seeds)]
        data = np.column_stack([np.arange(1, len(values["none"]) + 1), *(values[level] for level in LEVELS)])
        np.savetxt(
            out / f"{name}.csv", data, delimiter=",", header=",".join(["episode", *columns]), comments="", fmt="%.6g"
        )
    return summary
