"""Settings without an effect are known, all of them, by what the programs read."""

import jax
import jax.numpy as jnp
import made_up_trace
import pytest

from eco_jax import make
from eco_jax.env import EnvParams
from eco_jax.run.config import RunConfig, flat, with_settings
from eco_jax.run.effect import idle

WORLDS = [
    {},
    {"equations": "printed"},
    {"equations": "printed", "pathloss": "umi", "access": "direct"},
    {"mobility": "gauss-markov", "coverage": "hard"},
    {"pathloss": "umi"},
    {"cpu_energy": "cmos", "access": "direct"},
    {"mobility": "trace"},
]
"""Each value of each setting that `NEEDS` asks for."""
DISCARDED = {"queuing", "backhaul"}
"""Read, and times nothing, with radio straight to the executing server."""


def read(**chosen):
    """The numbers of the model that an episode's program reads."""
    if chosen.get("mobility") == "trace":
        chosen["trace"] = made_up_trace.made_up()._asdict()
    env, params = make(users=2, servers=3, slots=2, candidates=2, **chosen)
    leaves, tree = jax.tree.flatten(params)

    def episode(*leaves):
        params = jax.tree.unflatten(tree, leaves)
        _, state = env.reset(jax.random.key(0), params)
        return env.step(jax.random.key(0), state, jnp.zeros((2, 4), int), params)

    program = jax.make_jaxpr(episode)(*leaves).jaxpr
    used = {id(var) for equation in program.eqns for var in equation.invars}
    names = [jax.tree_util.keystr(path, simple=True) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    return {name for name, var in zip(names, program.invars, strict=True) if id(var) in used}


@pytest.mark.parametrize("chosen", WORLDS, ids=str)
def test_physics_without_an_effect_are_those_that_no_program_reads(chosen, monkeypatch):
    monkeypatch.setattr("eco_jax.env.core.varying_like", lambda tree, *given: tree)  # asks every leaf's type
    every = set(EnvParams.specs())
    config = with_settings(RunConfig(), {f"env.{name}": value for name, value in chosen.items()})
    told = {name.removeprefix("physics.") for name in idle(flat(config)) if name.startswith("physics.")}
    discarded = DISCARDED if chosen.get("access") == "direct" else set()
    assert told == every - read(**chosen) | discarded
