"""What the environment remembers, and what it shows."""

from typing import Any, NamedTuple

from jax import Array
from jaxtyping import Bool, Float, Int

from eco_jax.model.energy import EnergyTerms
from eco_jax.model.types import Count, Flag, Real


class Cpu(NamedTuple):
    """A CPU as far as one knows it: nominal rate and deviation (what it lacks), cycles/s."""

    frequency: Real
    deviation: Real

    @property
    def rate(self) -> Real:
        """Actual rate f - f~, cycles/s."""
        return self.frequency - self.deviation


class Decision(NamedTuple):
    """A decision and what follows from it, for users, or for users and alternatives."""

    offloaded: Flag
    beta: Real
    """offloading factor if offloaded, -"""
    elsewhere: Flag
    """the executing server is not the access server"""
    migrates: Flag
    placed: Flag
    synced: Flag
    load: Count
    """tasks on the executing server, this one included"""


class Fixes(NamedTuple):
    """Raw position fixes of the users: all that mobility prediction may use."""

    last: Float[Array, "users 2"]
    """m"""
    previous: Float[Array, "users 2"]
    """m"""
    age: Float[Array, " users"]
    """s since the last fix"""
    gap: Float[Array, " users"]
    """s between the two"""
    known: Int[Array, " users"]
    """how many of the two there are: 1 or 2"""


class Hardware(NamedTuple):
    """Drawn at reset."""

    device: Float[Array, " users"]
    """f_j, cycles/s"""
    server: Float[Array, " servers"]
    """f_i, cycles/s"""
    service: Float[Array, " users"]
    """S_j, bit"""


class Task(NamedTuple):
    """Drawn every slot."""

    data: Float[Array, " users"]
    """D_j, bit"""
    cycles: Float[Array, " users"]
    """C_j, cycles"""
    deadline: Float[Array, " users"]
    """L_max,j, s"""
    power: Float[Array, " users"]
    """p_j, W"""
    fading: Float[Array, "users links"]
    """s, -: one link (to the access server), or one to each server with direct access"""


class Belief(NamedTuple):
    """Gaussian beliefs N(mean, variance) about the fluctuations x."""

    device_mean: Float[Array, " users"]
    device_variance: Float[Array, " users"]
    server_mean: Float[Array, " servers"]
    server_variance: Float[Array, " servers"]


class Place(NamedTuple):
    """Where the users are and are expected: found once a slot."""

    position: Float[Array, "users 2"]
    """m"""
    candidates: Int[Array, "users candidates"]
    """nearest servers, the first is the access server"""
    distance: Float[Array, "users candidates"]
    """to them, m"""
    predicted_distance: Float[Array, "users candidates"]
    """from the predicted point to them, m"""
    predicted_server: Int[Array, " users"]
    """nearest to the predicted point"""
    fix_age: Float[Array, " users"]
    """s since the last fix (0 where positions are not predicted)"""
    seen_distance: Float[Array, "users candidates"] | None = None
    """from where a controller sees the users to the candidates, m; None: from where they are"""
    legal_distance: Float[Array, "users candidates"] | None = None
    """what decides whether a candidate is legal, m; None: `distance`"""

    def as_seen(self) -> "Place":
        """The same with the distances that a controller sees for the true ones, which still say what is legal."""
        if self.seen_distance is None:
            return self
        return self._replace(distance=self.seen_distance, seen_distance=None, legal_distance=self.distance)


class Memory(NamedTuple):
    """The last slot, as its users and servers remember it."""

    latency: Float[Array, " users"]
    """L_j, s"""
    twin_latency: Float[Array, " users"]
    """latency that the belief predicted for the action taken, s"""
    migration: Float[Array, " users"]
    """M_mig,j, s"""
    twin_migration: Float[Array, " users"]
    """the twin's, with C_f + C~_f, s"""
    bits: Float[Array, " users"]
    """T_ij, bit"""
    data: Float[Array, " users"]
    """the twin's forecast of the coming task's data: the last one's, bit"""
    cycles: Float[Array, " users"]
    """the same of its cycles"""
    server: Int[Array, " users"]
    """executing server, -1 for local"""
    radio: Int[Array, " users"]
    """server that the user sent to, -1 for none"""
    load: Int[Array, " servers"]
    """n_i, tasks on each server"""
    radio_load: Int[Array, " servers"]
    """users that sent to each server (counted only where they share its spectrum)"""


class State(NamedTuple):
    """The whole state of one environment."""

    t: Int[Array, ""]
    mobility: Any
    """the mobility model's own; `position` is among it"""
    fixes: Fixes
    place: Place
    hardware: Hardware
    x_device: Float[Array, " users"]
    x_server: Float[Array, " servers"]
    belief: Belief
    task: Task
    memory: Memory
    last_server: Int[Array, " users"]
    """server of the user's last offloaded task, -1 before the first"""
    replica: Int[Array, " users"]
    """server that holds the user's replica, -1 for none"""


class View(NamedTuple):
    """All that a controller may see, in SI units. Rules decide on it, and the features are a function of it."""

    data: Float[Array, " users"]
    cycles: Float[Array, " users"]
    deadline: Float[Array, " users"]
    power: Float[Array, " users"]
    service: Float[Array, " users"]
    device: Float[Array, " users"]
    device_mean: Float[Array, " users"]
    device_variance: Float[Array, " users"]
    rate_up: Float[Array, "users candidates"]
    """bit/s (the same for all candidates with nearest access)"""
    rate_down: Float[Array, "users candidates"]
    candidates: Int[Array, "users candidates"]
    distance: Float[Array, "users candidates"]
    server: Float[Array, "users candidates"]
    """f_i of the candidates, cycles/s"""
    server_mean: Float[Array, "users candidates"]
    server_variance: Float[Array, "users candidates"]
    others: Float[Array, "users candidates"]
    """other users' tasks on the candidate in the last slot, -"""
    served: Bool[Array, "users candidates"]
    """the candidate executed the user's last offloaded task"""
    holds: Bool[Array, "users candidates"]
    """the candidate holds the user's replica"""
    legal: Bool[Array, "users candidates"]
    """offloading to the candidate is allowed"""
    predicted_distance: Float[Array, "users candidates"]
    predicted_server: Int[Array, " users"]
    fix_age: Float[Array, " users"]
    last_server: Int[Array, " users"]
    replica: Int[Array, " users"]
    latency: Float[Array, " users"]
    """of the last slot, s; as the prior predicts it where nothing is measured"""
    twin_latency: Float[Array, " users"]
    migration: Float[Array, " users"]
    twin_migration: Float[Array, " users"]
    bits: Float[Array, " users"]
    twin_data: Float[Array, " users"]
    twin_cycles: Float[Array, " users"]
    can_sync: Bool[Array, ""]
    t: Int[Array, ""]


class Observation(NamedTuple):
    """What a policy network gets."""

    features: Float[Array, "users features"]
    """scaled to O(1)"""
    mask: Bool[Array, "users choices"]
    """legal choices of all action heads, concatenated"""


class Outcome(NamedTuple):
    """What a decision leads to, for each user (or for each user and alternative)."""

    latency: Float[Array, "*shape"]
    """L_j, s"""
    energy: Float[Array, "*shape"]
    """E_j, J"""
    terms: EnergyTerms
    """its terms, J"""
    qoe: Float[Array, "*shape"]
    """QoE_j, -"""
    reward: Float[Array, "*shape"]
    """r_j, -"""
    migration: Float[Array, "*shape"]
    """M_mig,j, s"""
    costs: tuple[Float[Array, "*shape"], ...] = ()
    """of the world's own cost terms, in their units"""
