"""Runs with agents that can be played, without a training: what they learnt is where they began."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.agent.algorithms import Agent
from eco_jax.agent.distribution import Heads
from eco_jax.files import write_whole
from eco_jax.run import settings
from eco_jax.run.folder import about
from eco_jax.train.checkpoint import Checkpoints
from eco_jax.train.fit import Chunk
from eco_jax.train.loop import TrainState
from eco_jax.train.sinks import MetricsFile
from eco_jax.train.times import TimesFile

SMALL = {"preset": "tiny", "train": {"updates": 6, "rollout": 6, "chunk": 2, "envs": 4}, "network": {"hidden": 8}}


def config_of(**chosen):
    return settings.from_mapping(SMALL | chosen, "made up")


@functools.cache
def layout(config):
    """Features and action heads of its world."""
    env, _ = config.make()
    return env.inputs, Heads(env.heads, env.gated)


def write_curves(out, seeds, values, seconds=1.5, chunk=2, start=0):
    """`metrics.jsonl` and `times.jsonl` of a run: metric -> [updates, seeds]."""
    updates = len(next(iter(values.values())))
    sink = MetricsFile(out / "metrics.jsonl", [{"seed": seed} for seed in seeds], start)
    clock = TimesFile(out / "times.jsonl", start)
    for first in range(start, updates, chunk):
        rows = {name: value[first : first + chunk] for name, value in values.items()}
        rows["finite"] = np.isfinite(list(rows.values())).all(axis=0)
        each = Chunk(first, rows, seconds * (first + chunk - start) / chunk, updates, lambda: None)
        sink.chunk(each)
        clock.chunk(each)
    sink.close()


def recorded(out, seeds=(3, 4), values=None, **chosen):
    """Settings and learning curves of a run."""
    out.mkdir(parents=True)
    config = config_of(**chosen)
    write_whole(out / "config.toml", settings.to_toml(config, about(config, list(seeds))))
    rising = np.arange(6.0)[:, None] + np.arange(len(seeds)) / 2
    write_curves(out, seeds, values or {"reward": rising, "energy": 0.3 - rising / 50})
    return config


def trained(out, seeds=(3, 4), values=None, **chosen):
    """The same with agents, whose networks are as they began."""
    config = recorded(out, seeds, values, **chosen)
    network = config.algorithm().network
    agents = [network.init(jax.random.key(seed), *layout(config)) for seed in seeds]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *agents)
    with Checkpoints(out / "checkpoint", 2, settings.recorded(out / "config.toml")["id"]) as kept:
        kept.save(6, TrainState(Agent(params), (), None, None, None), 0.0, {})
    return out


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
