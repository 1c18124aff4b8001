"""Every allowed value of every parameter gives finite numbers and features of a size that a network can take."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import world

from eco_jax.env import EnvParams
from eco_jax.env.core import _draw
from eco_jax.env.joined import HIGHEST
from eco_jax.env.parts import DEFAULTS
from eco_jax.errors import UserError
from eco_jax.settings import specs
from eco_jax.train.fit import stack

SLOTS, EPISODES, AT_ONCE = 6, 4, 256


def bounds(parts):
    """(name, value) of both ends of every traced number's range, those of the world's parts among them."""
    params = world(**parts).params
    known = dict(EnvParams.specs())
    known |= {f"{kind}.{name}": s for kind in DEFAULTS for name, s in specs(type(getattr(params, kind))).items()}
    return [(name, end) for name, spec in known.items() if not spec.static for end in (spec.low, spec.high)]


def played(parts, sets):
    """Of each set of parameters of this world: whether all numbers of its episodes are finite; the largest feature."""

    here = world(**parts)

    def episode(key, params):
        def slot(carry, key):
            observation, state = carry
            action = jax.random.randint(key, (here.env.agents, 4), 0, jnp.asarray(here.env.heads))
            observation, state, reward, _, _, info = here.env.step(key, state, action, params)
            leaves = [leaf for leaf in jax.tree.leaves((state, reward, info)) if leaf.dtype == jnp.float32]
            finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
            return (observation, state), (finite, jnp.abs(observation.features).max())

        start = here.env.reset(key, params)
        finite, largest = jax.lax.scan(slot, start, jax.random.split(key, SLOTS))[1]
        return finite.all(), jnp.maximum(largest.max(), jnp.abs(start[0].features).max())

    run = jax.jit(jax.vmap(jax.vmap(episode, in_axes=(0, None)), in_axes=(None, 0)))
    keys = jax.random.split(jax.random.key(0), EPISODES)
    for first in range(0, len(sets), AT_ONCE):
        some = [world(**parts, **settings).params for settings in sets[first : first + AT_ONCE]]
        finite, largest = run(keys, stack(some + some[-1:] * (AT_ONCE - len(some))))
        for settings, good, size in zip(sets[first : first + AT_ONCE], finite, largest, strict=False):
            yield settings, bool(good.all()), float(size.max())


def allowed(parts, combinations):
    """The combinations that a world of these parts accepts, as settings."""
    for combination in combinations:
        settings = dict(combination)
        try:
            world(**parts, **settings)
        except UserError:
            continue
        if len(settings) == len(combination):
            yield settings


WORLDS = {
    "repaired": {},
    "printed": {"equations": "printed"},
    "umi-shared-direct": {"pathloss": "umi", "spectrum": "shared", "access": "direct"},
    "cmos-gauss-markov": {"energy": "cmos", "mobility": "gauss-markov"},
}


def check(parts, together):
    sets = list(allowed(parts, itertools.combinations(bounds(parts), together)))
    bad = [(s, size) for s, finite, size in played(parts, sets) if not finite or size > HIGHEST]
    assert bad == []


def test_the_bounds_are_those_of_the_parts():
    assert ("mobility.speed_max", 1000) in bounds({})
    assert ("mobility.speed", 1000) in bounds({"mobility": "gauss-markov"})
    assert "energy.edge_power" not in dict(bounds({"energy": "cmos"}))


@pytest.mark.long
def test_every_bound_gives_finite_numbers():
    check({}, 1)


@pytest.mark.mangle
@pytest.mark.parametrize("name", WORLDS)
def test_every_pair_of_bounds_gives_finite_numbers(name):
    check(WORLDS[name], 2)


def test_plain_rayleigh_fading_is_never_zero(monkeypatch):
    """A uniform number of exactly 0 once in 2^23 draws made a fade, and with it a rate, of 0."""
    here = world(fading_floor=0)
    monkeypatch.setattr("eco_jax.env.core.uniform", lambda key, count: jnp.zeros(count))
    lowest = _draw(here.env.config, jax.random.key(0), here.params).fading
    monkeypatch.setattr("eco_jax.env.core.uniform", lambda key, count: jnp.full(count, 1.0 - 2.0**-23))
    highest = _draw(here.env.config, jax.random.key(0), here.params).fading
    for uniform in (lowest, highest):
        power = -np.log(1.0 - np.asarray(uniform))
        assert ((power > 0.0) & (power < 20.0)).all()
