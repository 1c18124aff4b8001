"""Parallel Q-network (PQN, Gallici et al. 2024): Q-learning without replay buffer and without target network.

A rollout of many environments, explored epsilon-greedily, gives Q(lambda) targets; several passes of minibatches move
Q towards them. What keeps it stable is layer normalisation (`network.norm = "layer"` of the MLP). Any network is the Q
of `eco_jax.agent.dueling`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.algorithms.base import Agent, Algorithm, check_minibatches
from eco_jax.agent.distribution import Heads
from eco_jax.agent.dueling import best, epsilon_greedy, highest, taken
from eco_jax.agent.gradient import OPTIMIZERS, descend, transformation
from eco_jax.agent.networks.base import Network, Params
from eco_jax.agent.rollout import Rollout, advantages, outlook
from eco_jax.env import Inputs, Observation
from eco_jax.errors import UserError
from eco_jax.parts import register
from eco_jax.random import uniform
from eco_jax.settings import choice, number, whole

EXPLORE = "explore"
"""Name in an agent's parameters of what acting needs and no gradient moves: {"epsilon": present epsilon}."""


@register("algorithm", "pqn")
class PQN(Algorithm):
    """Parallel Q-network: Q(lambda) targets of each rollout, learnt in `epochs` passes of `minibatches` each."""

    lr: Any = number(3e-3, "-", 0, 10, "", "tuned", "learning rate")
    final_lr: Any = number(
        0.1, "-", 0, 1, "", "assumed", "learning rate at the end, as a share of the first; linear in between"
    )
    discount: Any = number(0.9, "-", 0, 1, "γ", "assumed", "discount (the paper prints w3 in its place)")
    decay: Any = number(
        0.65, "-", 0, 1, "λ", "Gallici et al. 2024",
        "lambda of the Q(lambda) targets: 0 one-step, 1 to the end of the rollout",
    )  # fmt: skip
    epsilon: Any = number(1.0, "-", 0, 1, "ε", "Gallici et al. 2024", "probability of a random action at the start")
    final_epsilon: Any = number(0.05, "-", 0, 1, "", "assumed", "the same in the end")
    exploration: Any = number(
        0.2, "-", 1e-9, 1, "", "assumed", "share of the run in which epsilon falls to its last value, linearly"
    )
    epochs: int = whole(2, 1, 10**4, "passes over a rollout in one update", source="Gallici et al. 2024")
    minibatches: int = whole(
        4, 1, 10**6,
        "gradient steps in one pass; divides train.envs x train.rollout, with a network with memory train.envs",
        source="assumed",
    )  # fmt: skip
    clip: Any = number(
        10.0, "-", 1e-9, 1e9, "", "Gallici et al. 2024",
        "largest global norm of the gradient of each part of the network",
    )  # fmt: skip
    optimizer: str = choice("radam", OPTIMIZERS, "RAdam, Adam, or plain gradient steps", source="Gallici et al. 2024")

    def check(self, train: Any, env: Any) -> None:
        """See `Algorithm.check`."""
        check_minibatches(self, train)

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Agent:
        """See `Algorithm.init`.

        Raises:
            UserError: the network has a part of the name that the exploration has among the parameters.
        """
        weights = self.network.init(key, inputs, heads)
        if EXPLORE in weights:
            raise UserError(f"network {type(self.network).__name__}: no part of it may have the name {EXPLORE!r}")
        return Agent(exploring(weights, jnp.float32(self.epsilon)), transformation(self.optimizer).init(weights))

    def act(
        self,
        params: Params,
        carry: Any,
        key: PRNGKeyArray,
        observation: Observation,
        heads: Heads,
        greedy: bool | Bool[Array, ""] = False,
    ) -> tuple[Int[Array, "*batch users heads"], Any]:
        """See `Algorithm.act`: the best action where `greedy`, else epsilon-greedy at the present epsilon."""
        logits, _, carry = self.network.apply(weights_of(params), carry, observation.features)
        if greedy is True:
            return best(heads, logits, observation.mask), carry
        epsilon = jnp.where(greedy, 0.0, params[EXPLORE]["epsilon"])
        return epsilon_greedy(heads, key, logits, observation.mask, epsilon), carry

    def epsilon_at(self, progress: Float[Array, ""]) -> Float[Array, ""]:
        """Probability of a random action after the update at this point of the run."""
        share = jnp.minimum(progress / self.exploration, 1.0)
        return jnp.float32(self.epsilon + share * (self.final_epsilon - self.epsilon))

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """See `Algorithm.learn`; of the losses it reports the means, and the epsilon that the rollout had."""
        weights = weights_of(agent.params)
        batch, reported = prepare(weights, self.network, heads, rollout, self.discount, self.decay)
        if not self.remembers:
            batch = single_slots(batch)
        rate = self.lr * (1.0 + progress * (self.final_lr - 1.0))

        def step(learnt: Agent, part: Batch) -> tuple[Agent, dict[str, Array]]:
            error, gradient = jax.value_and_grad(loss)(learnt.params, self.network, heads, part)
            params, optimizer, norms = descend(
                self.optimizer, dict.fromkeys(gradient, rate), self.clip, learnt.params, learnt.optimizer, gradient
            )
            return Agent(params, optimizer), {"q_loss": error, **norms}

        def epoch(learnt: Agent, key: PRNGKeyArray) -> tuple[Agent, dict[str, Array]]:
            return lax.scan(step, learnt, shuffle(key, batch, self.minibatches))

        learnt, losses = lax.scan(epoch, Agent(weights, agent.optimizer), jax.random.split(key, self.epochs))
        reported |= {name: jnp.mean(value) for name, value in losses.items()}
        reported["epsilon"] = agent.params[EXPLORE]["epsilon"]
        return Agent(exploring(learnt.params, self.epsilon_at(progress)), learnt.optimizer), reported

    def finite(self, agent: Agent) -> Bool[Array, ""]:
        """Norms of the gradients and epsilon are reported; a step along a finite gradient is finite."""
        return jnp.isfinite(agent.params[EXPLORE]["epsilon"])


def weights_of(params: Params) -> Params:
    """The network's part of an agent's parameters."""
    return {name: part for name, part in params.items() if name != EXPLORE}


def exploring(weights: Params, epsilon: Float[Array, ""]) -> Params:
    """An agent's parameters: the network's, and the present epsilon."""
    return {**weights, EXPLORE: {"epsilon": epsilon}}


class Batch(NamedTuple):
    """A rollout with its targets; without memory each of its slots as a rollout of one slot."""

    features: Float[Array, "time envs users features"]
    mask: Bool[Array, "time envs users choices"]
    action: Int[Array, "time envs users heads"]
    target: Float[Array, "time envs users"]
    ended: Bool[Array, "time envs"]
    carry: Any
    """the network's memory before the first slot, leaves [envs, users, ...]"""


def prepare(
    weights: Params, network: Network, heads: Heads, rollout: Rollout, discount: Any, decay: Any
) -> tuple[Batch, dict[str, Float[Array, ""]]]:
    """A rollout with its Q(lambda) targets, and what is reported of it.

    The target of slot t is R + gamma (lambda target' + (1 - lambda) max_a Q(S', a)), without lambda's part at the end
    of an episode or of the rollout, and R alone where the episode terminated. That is the generalised advantage over
    V(s) = max_a Q(s, a), plus V(S). A random action does not cut it (Peng's Q(lambda)).

    Args:
        weights: of the network, before the update.
        network: its Q.
        heads: layout of the action.
        rollout: experience.
        discount: gamma.
        decay: lambda.
    """
    seen, following = rollout.observation, rollout.next_observation
    logits, values, (later_logits, later_values) = outlook(network, weights, rollout)
    now = highest(heads, logits, values, seen.mask)
    later = highest(heads, later_logits, later_values, following.mask)
    target = lax.stop_gradient(now + advantages(rollout, now, later, discount, decay))
    q = taken(heads, logits, values, seen.mask, rollout.action)
    explained = 1.0 - jnp.var(target - q) / (jnp.var(target) + 1e-8)
    batch = Batch(seen.features, seen.mask, rollout.action, target, rollout.ended, rollout.carry)
    return batch, {"q": jnp.mean(q), "explained_variance": explained}


def single_slots(batch: Batch) -> Batch:
    """Every slot as a rollout of one slot: [time, envs, ...] as [1, time * envs, ...]."""
    return jax.tree.map(lambda leaf: leaf.reshape(1, -1, *leaf.shape[2:]), batch)


def shuffle(key: PRNGKeyArray, batch: Batch, minibatches: int) -> Batch:
    """The rollouts of the environments in a new order, leaves [minibatches, time, envs in each, ...].

    Args:
        key: of the order.
        batch: all of them.
        minibatches: divides their number.
    """
    order = jnp.argsort(uniform(key, batch.action.shape[1])).reshape(minibatches, -1)

    chosen: Batch = jax.tree.map(lambda leaf: jnp.moveaxis(leaf[:, order], 1, 0), batch._replace(carry=()))
    return chosen._replace(carry=jax.tree.map(lambda leaf: leaf[order], batch.carry))


def loss(weights: Params, network: Network, heads: Heads, batch: Batch) -> Float[Array, ""]:
    """Half the mean squared difference of Q(S, A) and its target.

    Args:
        weights: of the network.
        network: its Q.
        heads: layout of the action.
        batch: a minibatch.
    """
    logits, values, _ = network.unroll(weights, batch.carry, batch.features, batch.ended)
    q = taken(heads, logits, values, batch.mask, batch.action)
    return 0.5 * jnp.mean((batch.target - q) ** 2)
