"""What is reported of a slot."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float

from eco_jax import metrics as m
from eco_jax.env.action import Act, pick
from eco_jax.env.outcome import believed
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Cpu, Decision, Outcome, State, View
from eco_jax.model import tasks, twin


@jax.named_scope("metrics")
def slot_metrics(
    params: EnvParams,
    state: State,
    act: Act,
    decision: Decision,
    outcome: Outcome,
    seen: View,
    asked: Bool[Array, " users"],
    team: Float[Array, ""],
    server: Cpu,
) -> dict[str, Float[Array, ""]]:
    """Means over the users of a slot (per task) by their metrics; see `eco_jax.metrics`. The reward is the team's."""
    moved = tasks.migrates(act.offloaded, act.server, state.last_server, jnp.full_like(state.replica, -1))
    bits = tasks.offloaded_bits(act.beta, state.task.data)
    believes = (pick(leaf, act.choice) for leaf in (seen.server, seen.server_mean, seen.server_variance))
    gap = twin.discrepancy(act.beta * state.task.cycles, server.rate, believed(params, *believes).rate)
    migration = params.equations.migration(decision.migrates, bits, outcome.migration, params.migration_time)
    eq5 = tasks.placement_holds_printed(state.task.data, state.memory.data, migration)
    per_user = {
        m.LATENCY: outcome.latency,
        m.ENERGY: outcome.energy,
        m.QOE: outcome.qoe,
        m.MISS: outcome.latency > state.task.deadline,
        m.OFFLOADED: act.offloaded,
        m.BETA: act.beta,
        m.LATENCY_OFFLOADED: jnp.where(act.offloaded, outcome.latency, 0.0),
        m.MIGRATIONS: decision.migrates,
        m.PLACEMENTS: decision.placed,
        m.REFUSED: asked & ~decision.placed,
        m.HITS: moved & ~decision.migrates,
        m.SYNCS: act.sync,
        m.DISCREPANCY: jnp.where(act.offloaded, jnp.abs(gap), 0.0),
        m.EQ5_PRINTED: eq5,
        **{m.energy_term(name): value for name, value in outcome.terms._asdict().items()},
        **{term.metric(): cost for term, cost in zip(params.costs, outcome.costs, strict=True)},
    }
    # One mean over them all: two dozen small ones cost more than the numbers. The barrier is for GPUs, whose threads
    # would compute a metric of all users each.
    every = [jnp.broadcast_to(value, act.beta.shape).astype(params.dtype) for value in per_user.values()]
    rows = lax.optimization_barrier(jnp.stack(every))
    means = dict(zip(per_user, jnp.mean(rows, axis=1), strict=True))
    load_max = jnp.max(jnp.where(act.offloaded, decision.load, 0.0))
    return {m.REWARD: team, **means, m.LOAD_MAX: load_max}
