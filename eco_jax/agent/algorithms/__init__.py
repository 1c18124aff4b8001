"""Learning algorithms, one file each.

A file of a user's own with one class is an algorithm, too:

    @register("algorithm", "reinforce")
    class Reinforce(Algorithm):
        lr: Any = number(1e-3, "-", 0, 10, "", "assumed", "learning rate")

        def init(self, key, inputs, heads):
            return Agent(self.network.init(key, inputs, heads))

        def learn(self, agent, rollout, heads, key, progress):
            ...
            return agent._replace(params=params), {"loss": loss}

What it needs for that: `rollout` (experience, advantage estimates), `distribution` (log-probabilities, entropy),
`gradient` (gradient steps) and `network` in `eco_jax.agent`, and the settings' notation in `eco_jax.settings`.
"""

from eco_jax.agent.algorithms.a2c import A2C
from eco_jax.agent.algorithms.actor_critic import ActorCritic
from eco_jax.agent.algorithms.base import Agent, Algorithm
from eco_jax.agent.algorithms.mappo import MAPPO
from eco_jax.agent.algorithms.ppo import PPO
from eco_jax.agent.algorithms.pqn import PQN
from eco_jax.agent.networks import MLP

DEFAULTS = {"algorithm": A2C, "network": MLP}
"""Kind -> the variant where none is chosen: an agent has one of each."""

__all__ = ["A2C", "DEFAULTS", "MAPPO", "PPO", "PQN", "ActorCritic", "Agent", "Algorithm"]
