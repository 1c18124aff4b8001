"""References: the slot's best joint action, nearly, at the truth or by the beliefs, and bounds that nobody can beat."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int, PRNGKeyArray

from eco_jax.env.action import interpret
from eco_jax.env.config import EnvConfig
from eco_jax.env.eco import EcoEnv
from eco_jax.env.expected import best, best_expected, outcomes_at, over_belief
from eco_jax.env.observe import view
from eco_jax.env.outcome import believed
from eco_jax.env.params import EnvParams
from eco_jax.env.parts import Link
from eco_jax.env.policies.rules import Rule, Sync, joint_action
from eco_jax.env.settle import paid, settle
from eco_jax.env.state import Cpu, Observation, Outcome, State, View
from eco_jax.errors import UserError
from eco_jax.metrics import MAIN, REWARD
from eco_jax.settings import switch, whole


def at_place(state: State, params: EnvParams) -> View:
    """The view of one who knows where the users are, whatever fixes there are of them."""
    return view(state._replace(place=state.place._replace(seen_distance=None)), params)


def at_truth(state: State, params: EnvParams) -> View:
    """The view of one who knows the true slowdowns, and where the users are."""
    seen = at_place(state, params)
    return seen._replace(
        device_mean=state.x_device,
        device_variance=jnp.zeros_like(seen.device_variance),
        server_mean=state.x_server[seen.candidates],
        server_variance=jnp.zeros_like(seen.server_variance),
    )


class SlotReference(Rule):
    """Knows the true slowdowns and nearly maximises the team's reward of the slot, as it is paid.

    Coordinate ascent: user by user the target and factor that are best for the team given what the others do, over
    and over. It starts from everybody local and from the greedy rule at the truth, in order of index and in reverse,
    and takes the best of the four ends. It looks no slot ahead, so it is a reference and not a bound.
    """

    sweeps: int = whole(2, 1, 1000, "sweeps over all users; a third would gain less than 1e-4 reward")
    cache: bool = switch(
        False,
        "ask for a replica with every offload; within its slot a placement only costs, so the search leaves it out",
    )

    def decide(self, config: EnvConfig, key: PRNGKeyArray, state: State, params: EnvParams) -> Int[Array, "users 4"]:
        """The best joint action that the search finds."""
        levels = len(config.beta_levels)
        away = jnp.arange(config.candidates * levels)
        targets = jnp.concatenate([jnp.zeros(1, jnp.int32), away // levels + 1])
        factors = jnp.concatenate([jnp.zeros(1, jnp.int32), away % levels])
        seen = at_truth(state, params)
        nothing = jnp.asarray(0)

        def team(target: Array, level: Array) -> Array:
            act = interpret(config, state, joint_action(target, level, nothing, nothing), params)
            settled = settle(config, params, state, act, seen)
            return params.equations.team(paid(params, state.task, settled, settled.decision.load).reward)

        legal = jnp.concatenate([jnp.ones((config.users, 1), bool), jnp.repeat(seen.legal, levels, axis=1)], axis=1)

        def improve(joint: tuple[Array, Array], user: Array) -> tuple[tuple[Array, Array], None]:
            own = jnp.arange(config.users) == user
            tried = jnp.where(own, targets[:, None], joint[0]), jnp.where(own, factors[:, None], joint[1])
            choice = jnp.argmax(jnp.where(legal[user], jax.vmap(team)(*tried), -jnp.inf))
            return (tried[0][choice], tried[1][choice]), None

        def ascend(target: Array, level: Array, order: Array) -> tuple[Array, Array, Array]:
            (target, level), _ = lax.scan(improve, (target, level), order)
            return target, level, team(target, level)

        target, level = (jnp.stack([jnp.zeros_like(own), own] * 2) for own in best_expected(config, seen, params))
        forth = jnp.tile(jnp.arange(config.users), self.sweeps)
        order = jnp.stack([forth, forth, forth[::-1], forth[::-1]])
        target, level, reached = jax.vmap(ascend)(target, level, order)
        chosen = jnp.argmax(reached)
        return joint_action(target[chosen], level[chosen], jnp.asarray(self.cache), nothing)


class Central(SlotReference):
    """One controller that decides for all users at once, by the beliefs: the slot reference with E[delta] for delta.

    It sees every user's task and position, which an agent of one user does not. At `truth` it is the slot reference,
    but that it sees positions as agents do (`Mobility.seen_at`).
    """

    sync: Any = Sync()
    """a `Sync`: a refreshed belief serves later slots, so the search leaves it out"""

    def decide(self, config: EnvConfig, key: PRNGKeyArray, state: State, params: EnvParams) -> Int[Array, "users 4"]:
        """The best joint action that the search finds, as far as the beliefs go, and who synchronises."""
        b = state.belief
        # slowdown(m / sqrt(1 + v)) is E[delta] exactly
        expected = state._replace(
            x_device=b.device_mean / jnp.sqrt(1.0 + b.device_variance),
            x_server=b.server_mean / jnp.sqrt(1.0 + b.server_variance),
            place=state.place.as_seen(),
        )
        action = super().decide(config, key, expected, params)
        return action.at[:, 3].set(self.sync.asks(view(state, params)).astype(action.dtype))


At = Callable[[Cpu, Cpu], tuple[Outcome, Outcome]]
"""(device [users], server [users, candidates]) -> outcomes of (local, edge)"""


def upper_bound(config: EnvConfig, state: State, params: EnvParams) -> Outcome:
    """What every user could have at most in this slot: [users].

    True slowdowns, a server and a channel of its own, and nothing paid for migration, placement, synchronisation or
    prediction; so separable, and each user takes its best. Nothing that anybody does changes tasks, motion or
    slowdowns: the sum over the slots of an episode bounds every policy's.

    Raises:
        UserError: the printed equations. They reward low QoE, so contention and migrations can pay there.
    """

    def as_known(seen: View, params: EnvParams, at: At) -> tuple[Outcome, Outcome]:
        device = believed(params, seen.device, seen.device_mean, seen.device_variance)
        return at(device, believed(params, seen.server, seen.server_mean, seen.server_variance))

    return _alone(config, state, params, at_truth, as_known)


def belief_bound(config: EnvConfig, state: State, params: EnvParams) -> Outcome:
    """What every user could expect at most in this slot by the beliefs of the state: [users].

    As `upper_bound`, but each user takes the alternative whose outcome is best in the mean over the belief, and has
    that mean. In expectation it bounds every policy that knows no more than these beliefs (an agent's own last latency
    is exact, and so a little more); one that takes the best at the mean slowdown would not be a bound.

    Raises:
        UserError: as `upper_bound`.
    """
    return _alone(config, state, params, at_place, over_belief)


def _alone(
    config: EnvConfig,
    state: State,
    params: EnvParams,
    look: Callable[[State, EnvParams], View],
    mean: Callable[[View, EnvParams, At], tuple[Outcome, Outcome]],
) -> Outcome:
    """The best of every user alone, by the view that `look` gives and the `mean` over what the CPUs may be."""
    if not params.equations.bounded:
        raise UserError(
            f"equations = {params.equations.name!r}: has no upper bound of this kind, as it rewards low QoE"
        )
    own_channel = dataclasses.replace(params, spectrum=Link())
    free = dataclasses.replace(own_channel, twin_energy=jnp.zeros((), params.dtype))
    seen = look(state, own_channel)
    alone = seen._replace(others=jnp.zeros_like(seen.others))
    # Where W_b is above 0, contention can carry a task past its deadline to more satisfaction than just before it.
    # Whether it does depends on the slowdowns, so the better one is taken within the mean.
    late = alone._replace(deadline=jnp.zeros_like(alone.deadline))

    def at(device: Cpu, server: Cpu) -> tuple[Outcome, Outcome]:
        in_time, too_late = (outcomes_at(config, seen, free, device, server, blind=True) for seen in (alone, late))
        return _better(in_time[0], too_late[0]), _better(in_time[1], too_late[1])

    home, edge = mean(alone, free, at)
    target, level = best(home.reward, edge.reward, seen.legal)
    user = jnp.arange(config.users)

    def taken(local: Array, offloaded: Array) -> Array:
        return jnp.where(target == 0, local[:, 0, 0], offloaded[user, target - 1, level])

    return jax.tree.map(taken, home, edge)


def _better(one: Outcome, other: Outcome) -> Outcome:
    """Elementwise the outcome of higher reward."""
    return jax.tree.map(lambda a, b: jnp.where(one.reward >= other.reward, a, b), one, other)


@dataclass(frozen=True)
class BoundEnv:
    """An environment that reports what a bound gives, whatever is done: evaluate any policy in it.

    Its episodes have the tasks, motion and slowdowns of those of `env` with the same key.
    """

    env: EcoEnv
    bound: Callable[[EnvConfig, State, EnvParams], Outcome] = upper_bound

    @property
    def heads(self) -> tuple[int, ...]:
        """Those of `env`, as are the next three."""
        return self.env.heads

    @property
    def gated(self) -> tuple[bool, ...]:
        """See `EcoEnv`."""
        return self.env.gated

    @property
    def agents(self) -> int:
        """See `EcoEnv`."""
        return self.env.agents

    @property
    def fixed_horizon(self) -> int | None:
        """See `EcoEnv`."""
        return self.env.fixed_horizon

    def reset(self, key: PRNGKeyArray, params: EnvParams) -> tuple[Observation, State]:
        """See `core.reset`."""
        return self.env.reset(key, params)

    def step(
        self, key: PRNGKeyArray, state: State, action: Int[Array, "users 4"], params: EnvParams
    ) -> tuple[Observation, State, Float[Array, " users"], Array, Array, dict[str, Any]]:
        """The world plays on, everybody local. Metrics: reward, latency (s), energy (J), qoe, means over the users."""
        outcome = self.bound(self.env.config, state, params)
        observation, state, _, terminated, truncated, _ = self.env.step(key, state, jnp.zeros_like(action), params)
        means = {name: jnp.mean(getattr(outcome, name)) for name in MAIN}
        info = {REWARD: means[REWARD], "metrics": means, "outcome": outcome}
        return observation, state, outcome.reward, terminated, truncated, info
