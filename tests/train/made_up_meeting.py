"""A game made up for tests: two users have to agree where to meet, and most of the reward is luck."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from eco_jax.env import Observation

PLACES = 3


@dataclass(frozen=True)
class Meeting:
    """Each user stands at a place of three on a ring, which it alone sees, and goes 0, 1 or 2 places on.

    The team earns 1 where they meet, and `luck` times where both stood, counted from the middle place: no action
    changes that, and a critic that sees one user explains half of it. At best users agree on one place and always
    meet there; at random a third of them does. Parameters: {"luck": reward of a place}.
    """

    heads = (PLACES,)
    gated = (False,)
    agents = 2
    fixed_horizon = 4

    def _observation(self, place):
        return Observation(jax.nn.one_hot(place, PLACES), jnp.ones((2, PLACES), bool))

    def reset(self, key, params):
        place = jax.random.randint(key, (2,), 0, PLACES)
        return self._observation(place), {"place": place, "t": jnp.int32(0)}

    def step(self, key, state, action, params):
        reached = (state["place"] + action[:, 0]) % PLACES
        met = (reached[0] == reached[1]).astype(jnp.float32)
        reward = jnp.full(2, met + params["luck"] * jnp.sum(state["place"] - 1.0))
        place = jax.random.randint(key, (2,), 0, PLACES)
        new = {"place": place, "t": state["t"] + 1}
        info = {"metrics": {"reward": jnp.mean(reward), "met": met}}
        return self._observation(place), new, reward, jnp.bool_(False), new["t"] == 4, info
