"""What actor-critic algorithms share: their settings, schedules and the gradient step."""

from typing import Any

from jax import Array
from jaxtyping import Float, PRNGKeyArray

from eco_jax.agent.algorithms.base import Agent, Algorithm
from eco_jax.agent.distribution import Heads
from eco_jax.agent.gradient import OPTIMIZERS, descend, transformation
from eco_jax.agent.networks import Network
from eco_jax.env import Inputs
from eco_jax.settings import choice, number, switch


class ActorCritic(Algorithm):
    """Learns an actor and a critic by gradient steps on a loss, each at a learning rate of its own."""

    actor_lr: Any = number(4e-3, "-", 0, 10, "", "tuned", "learning rate of the actor")
    critic_lr: Any = number(2e-3, "-", 0, 10, "", "tuned", "learning rate of the critic")
    final_lr: Any = number(
        0.1, "-", 0, 1, "", "assumed", "learning rates at the end, as a share of the first; linear in between"
    )
    discount: Any = number(0.9, "-", 0, 1, "γ", "assumed", "discount (the paper prints w3 in its place)")
    decay: Any = number(
        0.9, "-", 0, 1, "λ", "assumed",
        "lambda of the generalised advantage estimate: 0 one-step, 1 to the end of the rollout",
    )  # fmt: skip
    entropy: Any = number(0.1, "1/nat", 0, 100, "", "tuned", "weight of the entropy bonus at the start, reward per nat")
    final_entropy: Any = number(
        0.01, "-", 1e-9, 1, "", "tuned",
        "weight of the entropy bonus at the end, as a share of the first; geometric in between",
    )  # fmt: skip
    clip: Any = number(
        0.5, "-", 1e-9, 1e9, "", "assumed", "largest global norm of the actor's and of the critic's gradient"
    )
    optimizer: str = choice("adam", OPTIMIZERS, "Adam, RAdam, or plain gradient steps (the paper's)", source="assumed")
    normalise: bool = switch(False, "scale the advantages of each batch to mean 0 and deviation 1")

    @property
    def trained(self) -> Network:
        """What the losses are of: the network, or one around it that knows more while it learns."""
        network: Network = self.network
        return network

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Agent:
        """See `Algorithm.init`."""
        params = self.trained.init(key, inputs, heads)
        return Agent(params, transformation(self.optimizer).init(params))

    def entropy_weight(self, progress: Float[Array, ""]) -> Any:
        """Weight of the entropy bonus at a point of the run, reward per nat."""
        return self.entropy * self.final_entropy**progress

    def descend(
        self, progress: Float[Array, ""], agent: Agent, gradient: Any
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """One gradient step, and the gradient's norms before it was clipped.

        Parameters under `critic` learn at the critic's rate, all others at the actor's.
        """
        share = 1.0 + progress * (self.final_lr - 1.0)
        rates = {part: (self.critic_lr if part == "critic" else self.actor_lr) * share for part in gradient}
        params, optimizer, norms = descend(self.optimizer, rates, self.clip, agent.params, agent.optimizer, gradient)
        return Agent(params, optimizer), norms
