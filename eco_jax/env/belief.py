"""Who learns what about the hidden slowdowns: the ladder of knowledge on one Kalman belief."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from eco_jax.env.params import EnvParams
from eco_jax.env.state import Belief
from eco_jax.model import twin


def prior(x_device: Float[Array, " users"], x_server: Float[Array, " servers"], params: EnvParams) -> Belief:
    """N(0, 1) about everything; the truth at level `truth`."""
    belief = Belief(
        jnp.zeros_like(x_device), jnp.ones_like(x_device), jnp.zeros_like(x_server), jnp.ones_like(x_server)
    )
    return _or_truth(belief, x_device, x_server, params)


@jax.named_scope("belief")
def learn(
    belief: Belief,
    x_device: Float[Array, " users"],
    x_server: Float[Array, " servers"],
    executed_device: Bool[Array, " users"],
    executed_server: Bool[Array, " servers"],
    synced_device: Bool[Array, " users"],
    synced_server: Bool[Array, " servers"],
    noise: Float[Array, "two both"],
    params: EnvParams,
) -> Belief:
    """The belief after this slot's telemetry and syncs, before it ages.

    Telemetry measures the CPUs that executed something, a sync those that it refreshes; each counts once a slot
    and CPU, however many users caused it. Under full measurement both measure every CPU.

    Args:
        belief: before.
        x_device: true fluctuations of the devices.
        x_server: true fluctuations of the servers.
        executed_device: devices that executed.
        executed_server: servers that executed.
        synced_device: devices synchronised (none below level `twin`).
        synced_server: servers synchronised.
        noise: standard normal, [telemetry, sync] for users, then servers.
        params: parameters.
    """
    users = x_device.shape[0]
    knows = params.knowledge

    def update(mean: Array, variance: Array, x: Array, executed: Array, synced: Array, noise: Array) -> tuple:
        for error, happened, n in (
            (params.telemetry_error, (executed & knows.telemetry) | knows.measures_all, noise[0]),
            (params.sync_error, (synced & knows.sync) | knows.measures_all, noise[1]),
        ):
            new = twin.measure(mean, variance, x + error * n, error)
            mean, variance = (jnp.where(happened, a, b) for a, b in zip(new, (mean, variance), strict=True))
        return mean, variance

    device = update(
        belief.device_mean, belief.device_variance, x_device, executed_device, synced_device, noise[:, :users]
    )
    server = update(
        belief.server_mean, belief.server_variance, x_server, executed_server, synced_server, noise[:, users:]
    )
    return Belief(*device, *server)


@jax.named_scope("belief")
def age(
    belief: Belief, x_device: Float[Array, " users"], x_server: Float[Array, " servers"], params: EnvParams
) -> Belief:
    """The belief one slot later; at level `truth` the new fluctuations themselves."""
    device = twin.age(belief.device_mean, belief.device_variance, params.correlation)
    server = twin.age(belief.server_mean, belief.server_variance, params.correlation)
    return _or_truth(Belief(*device, *server), x_device, x_server, params)


def _or_truth(belief: Belief, x_device: Array, x_server: Array, params: EnvParams) -> Belief:
    truth = Belief(x_device, jnp.zeros_like(x_device), x_server, jnp.zeros_like(x_server))
    return jax.tree.map(lambda known, believed: jnp.where(params.knowledge.truth, known, believed), truth, belief)
