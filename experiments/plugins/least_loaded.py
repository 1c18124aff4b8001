"""A rule of one's own: everything goes to the candidate that had the fewest tasks in the last slot.

eco-jax evaluate --plugin least_loaded.py --checkpoint runs/a2c --rules least-loaded,greedy
"""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.env.policies import Rule, joint_action
from eco_jax.parts import register
from eco_jax.settings import number


@register("rule", "least-loaded")
class LeastLoaded(Rule):
    """Offload whole to the least loaded candidate, a little further away if it has `slack` tasks less."""

    slack: Any = number(1, "-", 0, 1000, "", "assumed", "tasks less that make up for one place in nearness")
    tries = {"slack": (0.0, 0.5, 1.0, 2.0)}  # noqa: RUF012 - read only

    def act(self, config: Any, key: PRNGKeyArray, seen: Any, params: Any) -> Array:
        """The legal candidate of the smallest load + slack * place; local where none is legal."""
        place = jnp.arange(config.candidates, dtype=jnp.float32)
        load = jnp.where(seen.legal, seen.others + self.slack * place, jnp.inf)
        target = jnp.where(seen.legal.any(axis=1), jnp.argmin(load, axis=1) + 1, 0)
        whole = jnp.asarray(len(config.beta_levels) - 1)
        return joint_action(target, whole, jnp.asarray(False), jnp.asarray(False))
