"""What is reported of a slot."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

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
    """Means over the users of a slot (per task); `reward` is the team's.

    latency (s), energy and its terms `energy/*` (J), qoe, miss (past the deadline), offloaded, beta (0 where local),
    latency_offloaded (sum over offloaded tasks, per user: divide by `offloaded`), migrations, placements, refused
    (no free slot), hits (a replica saved a migration), syncs, load_max, discrepancy (|G| of Eq. (9), s), and
    eq5_printed (how often the printed inequality of Eq. (5) holds).
    """
    moved = tasks.migrates(act.offloaded, act.server, state.last_server, jnp.full_like(state.replica, -1))
    bits = tasks.offloaded_bits(act.beta, state.task.data)
    believes = (pick(leaf, act.choice) for leaf in (seen.server, seen.server_mean, seen.server_variance))
    gap = twin.discrepancy(act.beta * state.task.cycles, server.rate, believed(params, *believes).rate)
    migration = params.equations.migration(decision.migrates, bits, outcome.migration, params.migration_time)
    eq5 = tasks.placement_holds_printed(state.task.data, state.memory.data, migration)
    per_user = {
        "latency": outcome.latency,
        "energy": outcome.energy,
        "qoe": outcome.qoe,
        "miss": outcome.latency > state.task.deadline,
        "offloaded": act.offloaded,
        "beta": act.beta,
        "latency_offloaded": jnp.where(act.offloaded, outcome.latency, 0.0),
        "migrations": decision.migrates,
        "placements": decision.placed,
        "refused": asked & ~decision.placed,
        "hits": moved & ~decision.migrates,
        "syncs": act.sync,
        "discrepancy": jnp.where(act.offloaded, jnp.abs(gap), 0.0),
        "eq5_printed": eq5,
        **{f"energy/{name}": value for name, value in outcome.terms._asdict().items()},
        **{f"cost/{term.name}": cost for term, cost in zip(params.costs, outcome.costs, strict=True)},
    }
    # One mean over them all: two dozen small ones cost more than the numbers.
    rows = [jnp.broadcast_to(value, act.beta.shape).astype(jnp.float32) for value in per_user.values()]
    means = dict(zip(per_user, jnp.mean(jnp.stack(rows), axis=1), strict=True))
    load_max = jnp.max(jnp.where(act.offloaded, decision.load, 0.0))
    return {"reward": team, **means, "load_max": load_max}
