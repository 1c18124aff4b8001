"""A misleading twin: every mirror is that of another device or server."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import make
from eco_jax.env.policies import Rule
from eco_jax.study.rules import Misled, shifted, worn_twin

SMALL = {"servers": 3, "candidates": 2, "slots": 2}


def state_of(users, servers):
    """A state whose mirrors are all different, and the environment."""
    env, params = make(**{**SMALL, "users": users, "servers": servers, "candidates": min(2, servers)})
    state = jax.eval_shape(env.reset, jax.random.key(0), params)[1]
    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    numbers = [jnp.arange(1.0, 1.0 + leaf.size) / 10.0 for leaf in state.belief]
    return env, params, state._replace(belief=type(state.belief)(*numbers))


@pytest.mark.parametrize(("users", "servers"), [(2, 2), (3, 5), (30, 45), (1, 3), (4, 1), (1, 1)])
def test_every_mirror_is_another_one_s(users, servers):
    env, _, state = state_of(users, servers)
    before, after = state.belief, shifted(env.config, state).belief
    for name, mine in before._asdict().items():
        other = getattr(after, name)
        assert sorted(other.tolist()) == sorted(mine.tolist()), name  # a permutation
        alone = mine.size == 1
        assert bool((other == mine).any()) == alone, name
    # mean and variance go together
    for kind in ("device", "server"):
        mean, variance = (np.asarray(getattr(after, f"{kind}_{what}")) for what in ("mean", "variance"))
        np.testing.assert_array_equal(mean, variance)
    rest = shifted(env.config, state)._replace(belief=before)
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(rest), jax.tree.leaves(state), strict=True))


class Watching(Rule):
    """Says what it believes of the users' own devices and of their first candidates."""

    def act(self, config, key, seen, params):
        return jnp.stack([seen.device_mean, seen.device_variance, seen.server_mean[:, 0]], axis=1)


def test_a_rule_and_an_agent_are_shown_the_others_mirrors(monkeypatch):
    env, params, state = state_of(3, 3)
    key = jax.random.key(0)
    state = state._replace(place=state.place._replace(candidates=jnp.array([[0, 1], [1, 2], [2, 0]], jnp.int32)))
    own = Watching().decide(env.config, key, state, params)
    misled = Misled(rule=Watching()).decide(env.config, key, state, params)
    np.testing.assert_allclose(own[:, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    np.testing.assert_allclose(misled[:, 0], [0.3, 0.1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(misled[:, 2], [0.3, 0.1, 0.2], rtol=1e-6)
    monkeypatch.setattr("eco_jax.study.rules.observe", lambda config, state, params: state.belief)
    seen = worn_twin(env, lambda key, observation, state, params: (observation, state.belief))(key, None, state, params)
    for belief in seen:
        np.testing.assert_allclose(belief.device_mean, [0.3, 0.1, 0.2], rtol=1e-6)
