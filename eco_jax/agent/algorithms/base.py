"""The protocol of learning algorithms: all that the training loop knows of one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.distribution import Heads, choose
from eco_jax.agent.networks import MLP, Params
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation, inputs_of
from eco_jax.errors import UserError
from eco_jax.parts import Part


class Agent(NamedTuple):
    """What an algorithm learns. One of its own may have other fields: only `params` is required."""

    params: Params
    """all that acting needs: a nested dict of arrays"""
    optimizer: Any = ()
    """what only learning needs"""


class Algorithm(Part, kind="algorithm"):
    """How an agent acts and learns: settings and pure functions, written for one member.

    Its class, its static settings and its network's are part of the pytree's structure; its traced numbers are the
    leaves. The members of a population are one such tree whose leaves have a leading axis. Needs `init` and `learn`.
    """

    network: Any = MLP()
    """a `Network`"""

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Any:
        """A new agent: an `Agent`, or another named tuple with `params`.

        Args:
            key: for whatever is random.
            inputs: layout of a user's features.
            heads: layout of the action.
        """
        raise NotImplementedError

    def learn(
        self, agent: Any, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Any, dict[str, Float[Array, ""]]]:
        """The agent after an update, and what is reported of it by name.

        If any number of either is NaN or infinite the loop keeps the agent from before.

        Args:
            agent: before.
            rollout: what its `act` led to since the last update.
            heads: layout of the action.
            key: for whatever is random.
            progress: 0 at a run's first update, 1 at its last, for schedules.
        """
        raise NotImplementedError

    def act(
        self,
        params: Params,
        carry: Any,
        key: PRNGKeyArray,
        observation: Observation,
        heads: Heads,
        greedy: bool | Bool[Array, ""] = False,
    ) -> tuple[Int[Array, "*batch users heads"], Any]:
        """The users' actions in one slot, and the memory after it. Here: from the network's logits.

        Args:
            params: of the agent.
            carry: memory after the slot before.
            key: for the choice.
            observation: features [*batch, users, features], mask [*batch, users, choices].
            heads: layout of the action.
            greedy: the most likely action instead of a sample; may be traced.
        """
        logits, _, carry = self.network.apply(params, carry, observation.features)
        return choose(heads, key, logits, observation.mask, greedy), carry

    def start(self, shape: tuple[int, ...]) -> Any:
        """Memory at the beginning of an episode, leaves [*shape, ...] (see `Network.start`)."""
        return self.network.start(shape)

    @property
    def remembers(self) -> bool:
        """Whether the agent has a memory."""
        return bool(jax.tree.leaves(self.start((1, 1))))

    def stored(self, observation: Observation) -> Observation:
        """An observation as training holds it, in the state and in rollouts (see `Network.stored`)."""
        return observation._replace(features=self.network.stored(observation.features))

    def finite(self, agent: Any) -> Bool[Array, ""]:
        """Whether no number of an agent that was just learnt is NaN or infinite, so that it may be taken.

        An algorithm that reports a number which any bad one would spoil may answer True: what is reported is checked
        anyway, and this costs a pass over all parameters.
        """
        floats = [leaf for leaf in jax.tree.leaves(agent) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
        return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in floats]))

    def check(self, train: Any, env: Any) -> None:
        """Whether it can learn in this loop and environment; asked before anything is compiled.

        Args:
            train: the loop's settings: `updates`, `envs`, `rollout`, `chunk`.
            env: an `Environment`.

        Raises:
            UserError: settings contradict each other; they are named.
        """


def check_minibatches(algorithm: Any, train: Any) -> None:
    """Whether `minibatches` of equal size can be made of a rollout: of its slots, or with a memory of its environments.

    Args:
        algorithm: with `minibatches`.
        train: the loop's settings.

    Raises:
        UserError: they cannot.
    """
    whole = algorithm.remembers
    samples = train.envs if whole else train.envs * train.rollout
    if samples % algorithm.minibatches:
        of = "train.envs" if whole else "train.envs x train.rollout"
        why = ": a network with a memory sees whole environments" if whole else ""
        raise UserError(
            f"algorithm.minibatches = {algorithm.minibatches}: must divide the rollout of {of} = {samples} samples{why}"
        )


def check_learns(algorithm: Algorithm, train: Any, env: Any, params: Any) -> None:
    """Whether an algorithm can learn in this loop and world: what it and its network say, and what it may remember.

    Args:
        algorithm: settings.
        train: the loop's settings.
        env: an `Environment`.
        params: of the environment.

    Raises:
        UserError: it cannot, or it has a memory where two positions give the next one away.
    """
    algorithm.check(train, env)
    algorithm.network.check(env, params)
    who = f"the agent has a memory ({type(algorithm).__name__} with the network {type(algorithm.network).__name__})"
    check_memory(algorithm.start((1, 1)), params, who)


def check_memory(memory: Any, params: Any, who: str) -> None:
    """Whether there may be a memory in this world, in training or in play.

    Args:
        memory: at the beginning of an episode; without leaves where there is none.
        params: of the environment.
        who: says in a message whose it is, as a clause.

    Raises:
        UserError: there is one, and two positions seen in turn would give the next one away.
    """
    told = getattr(getattr(params, "mobility", None), "foretells", "")
    if told and jax.tree.leaves(memory):
        raise UserError(f"{told}, and {who}")


def check_plays(algorithm: Algorithm, agents: Params, env: Any, params: Any, heads: Sequence[int], who: str) -> None:
    """Whether agents can play in this world: whether their network takes what is seen there, and may.

    Args:
        algorithm: that made them.
        agents: parameters of one, or of many with a leading axis.
        env: an `Environment`.
        params: of the environment.
        heads: choices of each head of the action where they were trained.
        who: they are, for the message.

    Raises:
        UserError: they cannot.
    """
    seen = jax.eval_shape(env.reset, jax.random.key(0), params)[0].features
    try:
        algorithm.network.check_inputs(agents, inputs_of(env, seen.shape[-1]))
        algorithm.network.check(env, params)
        if algorithm.network.inputs(agents) is not None and tuple(env.heads) != tuple(heads):  # features laid out anew
            own, there = (" x ".join(map(str, each)) for each in (heads, env.heads))
            raise UserError(
                f"its network chooses among {own}, these settings give {there} (env.candidates, env.beta_levels?)"
            )
    except UserError as error:
        raise UserError(f"{who}: {error}") from None
    check_memory(algorithm.start((1,)), params, f"the agents of {who} have a memory")


def check_agent(algorithm: Algorithm, agent: Any) -> None:
    """Whether an algorithm's `init` gives what the loop and checkpoints can hold.

    Raises:
        UserError: it does not, with what is wrong.
    """
    who = f"algorithm {type(algorithm).__name__}: init"
    if not (isinstance(agent, tuple) and hasattr(agent, "_replace") and hasattr(agent, "params")):
        raise UserError(f"{who}: must give a named tuple with a field `params`, not {type(agent).__name__}")
    for path, _ in jax.tree_util.tree_leaves_with_path(agent.params):
        if not path or not all(isinstance(getattr(step, "key", None), str) for step in path):
            where = jax.tree_util.keystr(path)
            raise UserError(f"{who}: `params` must be a nested dict of arrays by names; params{where} is not in one")
