"""One run on one device, on eight, and begun on eight and ended on one. Needs eight; prints what differs as JSON."""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.env import make
from eco_jax.train.checkpoint import Checkpoints, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner
from eco_jax.train.program import mesh_of

CONFIG = TrainConfig(updates=6, envs=16, rollout=6, chunk=3)
ALGORITHM = A2C(network=MLP(hidden=8, layers=1))
env, params = make("tiny")
folder = Path(sys.argv[1])


def train(devices, **options):
    keys = [jax.random.key(0), jax.random.key(1)]
    return fit(Learner(env, CONFIG), params, [ALGORITHM] * 2, keys, mesh=mesh_of(devices, CONFIG.envs), **options)


def difference(one, other):
    """(whether all integers are equal, the largest relative difference of a float)."""
    whole, far = True, 0.0
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if jax.numpy.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype.kind == "f":
            far = max(far, float(np.max(np.abs(a - b) / np.maximum(np.abs(a), 1e-3), initial=0.0)))
        else:
            whole = whole and bool((a == b).all())
    return whole, far


with Checkpoints(folder, keep=9) as writer:
    eight = train(jax.devices(), on_chunk=lambda chunk: writer.save(chunk.done, chunk.state))
one = train(jax.devices()[:1])


def half(like):
    import shutil

    shutil.rmtree(folder / "6")
    return restore(folder, like, print)


moved = train(jax.devices()[:1], resume=half)
print(
    json.dumps(
        {
            "devices": len(jax.devices()),
            "spread": len(eight.state.observation.features.sharding.device_set),
            "first": difference(
                {k: v[:1] for k, v in one.metrics.items()}, {k: v[:1] for k, v in eight.metrics.items()}
            ),
            "state": difference(one.state, eight.state),
            "resumed": difference(one.state, moved.state),
            "updates": len(moved.metrics["reward"]),
        }
    )
)
