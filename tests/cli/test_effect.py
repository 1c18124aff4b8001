"""Settings without an effect are known, all of them, by what the programs read."""

import jax
import jax.numpy as jnp
import made_up_trace
import pytest

from eco_jax import make
from eco_jax.env import core
from eco_jax.env.parts import DEFAULTS

WORLDS = [
    {},
    {"equations": "printed"},
    {"equations": "printed", "pathloss": "umi"},
    {"mobility": "gauss-markov", "coverage": "hard"},
    {"pathloss": "umi"},
    {"energy": "cmos", "access": "direct"},
    {"mobility": "trace"},
    {"mobility": "trace", "mobility.start": "together", "mobility.observed": "fix"},
]
"""Every variant that comes with the package."""


def leaves_of(**chosen):
    """Settings of the world by their flags' names -> whether an episode's program reads them."""
    if chosen.get("mobility") == "trace":
        chosen["trace"] = made_up_trace.made_up()._asdict()
    env, params = make(users=2, servers=3, slots=2, candidates=2, **chosen)
    leaves, tree = jax.tree.flatten(params)

    def episode(*leaves):
        params = jax.tree.unflatten(tree, leaves)
        _, state = core.reset(env.config, jax.random.key(0), params)
        return core.step(env.config, jax.random.key(0), state, jnp.zeros((2, 4), int), params)

    program = jax.make_jaxpr(episode)(*leaves).jaxpr
    used = {id(var) for equation in program.eqns for var in equation.invars}
    with_paths = jax.tree_util.tree_leaves_with_path(params)
    paths = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in with_paths]
    names = [path if path.split(".")[0] in DEFAULTS else f"physics.{path}" for path in paths]
    return params, {name: id(var) in used for name, var in zip(names, program.invars, strict=True)}


@pytest.mark.parametrize("chosen", WORLDS, ids=str)
def test_settings_that_are_ignored_are_those_that_no_program_reads(chosen, monkeypatch):
    monkeypatch.setattr("eco_jax.env.core.varying_like", lambda tree, *given: tree)  # asks every leaf's type
    params, read = leaves_of(**chosen)
    assert {name for name, used in read.items() if not used} == set(params.equations.ignores) & set(read)
