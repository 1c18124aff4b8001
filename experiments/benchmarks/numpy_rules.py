"""The equations of the model in plain NumPy, for `numpy_env.py`.

Written from the text of the model (equation numbers are the paper's, in their repaired and their printed reading), not
from `eco_jax`: the two can check each other. SI units throughout: bit, s, Hz, W, J, m, cycles, cycles/s. Every function
works on arrays of any shape and keeps their float type, so constants here are Python floats, never NumPy scalars.
"""

import math
import statistics
from dataclasses import dataclass

import numpy as np

LEVELS = ("none", "telemetry", "forecast", "twin", "truth")
REMEMBERS = ("telemetry", "forecast", "twin")
FORESEES = ("forecast", "twin", "truth")
FACTORS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class World:
    """Constants of the default world, and what it may have instead, SI units."""

    reading: str = "repaired"  # of the equations; or as they are printed
    spectrum: str = "link"  # a channel for every link; or shared by all that send to a server
    access: str = "nearest"  # radio to the nearest server; or direct to the executing one
    reach: float = math.inf  # hard coverage: no offloading over a longer radio link
    data_least: float = 0.0  # Eq. (12c): a smaller task is not offloaded
    combine: str = "max"  # the two branches of a task side by side; or their sum
    mobility: str = "waypoint"  # or gauss-markov
    pathloss: str = "power"  # of the distance; or umi, 3GPP's street canyon

    side: float = 3000.0
    slot: float = 5.0
    slots: int = 60
    candidates: int = 4
    speed: tuple[float, float] = (5 / 3.6, 60 / 3.6)
    speed_mean: float = 30 / 3.6  # this and the next three: Gauss-Markov
    speed_deviation: float = 5 / 3.6
    speed_memory: float = 0.9
    turn_deviation: float = 0.3

    bandwidth: float = 20e6
    power: tuple[float, float] = (0.2, 0.6)
    power_down: float = 1.0
    noise: float = 2e-12
    gain: float = 10**-9.8
    gain_distance: float = 150.0
    exponent: float = 3.5
    distance_min: float = 10.0
    fading_floor: float = 0.05
    backhaul: float = 1e9
    queuing: float = 2e-3
    overlap: float = 1.0
    law: str = "power_time"  # energy of computing: power_time, per_cycle or cmos
    kappa_edge: float = 4e-29
    kappa_device: float = 1e-27
    result_ratio: float = 0.05

    data: tuple[float, float] = (600 * 8000.0, 800 * 8000.0)
    density_quoted: tuple[float, float] = (200.0, 400.0)  # cycles per byte; as printed per kilobyte
    deadline: tuple[float, float] = (0.150, 0.250)
    service: tuple[float, float] = (1e6, 8e6)
    device: tuple[float, float] = (1.5e9, 2.5e9)
    server: tuple[float, float] = (8e9, 12e9)

    slowdown: float = 0.5
    spread: float = 0.8
    correlation: float = 0.95
    telemetry_error: float = 0.1
    sync_error: float = 0.3

    edge_power: float = 5.0
    device_power: float = 1.0
    receive_power: float = 0.2
    twin_energy: float = 1e-3
    sync_energy: float = 20e-3
    migration_time: float = 1e-8  # C_f, s/bit
    migration_error: float = 1e-9
    placement_time: float = 5e-9
    migration_power: float = 0.5
    placement_energy: float = 10e-3
    replica_slots: int = 2

    latency_full: float = 0.050
    baseline: float = 0.0
    qoe_latency: float = 0.7
    budget: float = 1.0
    edge_price: float = 0.4
    migration_price: float = 0.2
    w1: float = 1.0
    w2: float = 1.0
    w3: float = 1.0

    @property
    def printed(self) -> bool:
        """Whether the equations are those printed."""
        return self.reading == "printed"

    @property
    def density(self) -> tuple[float, float]:
        """Least and most cycles per bit."""
        bits = 8000.0 if self.printed else 8.0
        return self.density_quoted[0] / bits, self.density_quoted[1] / bits

    @property
    def w_qoe(self) -> float:
        """Weight of QoE in the reward with its sign, which Eq. (13) prints wrong."""
        return -self.w3 if self.printed else self.w3

    @property
    def cycles(self) -> tuple[float, float]:
        """Least and most cycles of a task."""
        return self.data[0] * self.density[0], self.data[1] * self.density[1]


def server_grid(servers: int, side: float) -> np.ndarray:
    """Coordinates [servers, 2] in m, spread evenly: round(√n) rows that differ by one server at most."""
    rows = round(math.sqrt(servers))
    points = []
    for row in range(rows):
        count = math.ceil((row + 1) * servers / rows) - math.ceil(row * servers / rows)
        points += [((k + 0.5) * side / count, (row + 0.5) * side / rows) for k in range(count)]
    return np.array(points)


def linear(uniform: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Uniforms on [0, 1) taken linearly to the bounds."""
    return bounds[0] + (bounds[1] - bounds[0]) * uniform


def centred(value: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """(value - middle of the bounds) / half their width, as an input of a network."""
    half = (bounds[1] - bounds[0]) / 2
    return (value - (bounds[0] + bounds[1]) / 2) / (half or 1.0)


def squash(value: np.ndarray, scale: np.ndarray | float) -> np.ndarray:
    """The ratio r = value / scale as r / (1 + r): any non-negative value to [0, 1)."""
    return value / (value + scale)


def squared_distance(points: np.ndarray, servers: np.ndarray) -> np.ndarray:
    """Squared distances [..., servers] in m² between points [..., 2] and servers [servers, 2], in m."""
    across = points[..., 0, None] - servers[:, 0]
    along = points[..., 1, None] - servers[:, 1]
    across *= across
    along *= along
    across += along
    return across


def nearest(points: np.ndarray, servers: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` nearest servers of every point, nearest first (ties: lowest index), and their distances in m.

    Args:
        points: [..., 2], m.
        servers: [servers, 2], m.
        count: At least 1, at most the number of servers.

    Returns:
        Indices and distances, both [..., count].
    """
    squared = squared_distance(points, servers).reshape(-1, len(servers))
    rows = np.arange(len(squared))
    order, distance = np.empty((len(squared), count), np.intp), np.empty((len(squared), count), squared.dtype)
    for rank in range(count):  # a few rounds of argmin cost less than a stable sort of every row
        order[:, rank] = best = squared.argmin(axis=1)
        distance[:, rank] = squared[rows, best]
        squared[rows, best] = np.inf
    shape = (*points.shape[:-1], count)
    return order.reshape(shape), np.sqrt(distance).reshape(shape)


def move(
    position: np.ndarray,
    target: np.ndarray,
    speed: np.ndarray,
    next_target: np.ndarray,
    next_speed: np.ndarray,
    slot: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One slot of random waypoint motion without pause.

    Who reaches the target spends the rest of the slot on the next leg at that leg's speed, and waits at its end should
    it reach that too: at most one arrival a slot.

    Args:
        position: [..., 2], m.
        target: End of the present leg, [..., 2], m.
        speed: Speed on the present leg, [...], m/s, above 0.
        next_target: End of the next leg, used on arrival only, [..., 2], m.
        next_speed: Speed on the next leg, [...], m/s.
        slot: Length of a slot, s.

    Returns:
        Position, target and speed after the slot.
    """
    leg = target - position
    length = np.hypot(leg[..., 0], leg[..., 1])
    reach = speed * slot
    arrived = np.nonzero(reach >= length)
    share = reach / np.maximum(length, reach)
    position = position + share[..., None] * leg
    if arrived[0].size:  # a few in a hundred, so worked out for those only
        corner, speed_on = target[arrived], next_speed[arrived]
        leg = next_target[arrived] - corner
        reach = speed_on * (slot - length[arrived] / speed[arrived])
        share = reach / np.maximum(np.hypot(leg[:, 0], leg[:, 1]), np.maximum(reach, 1e-9))
        position[arrived] = corner + share[:, None] * leg
        target, speed = target.copy(), speed.copy()
        target[arrived], speed[arrived] = next_target[arrived], speed_on
    return position, target, speed


def wander(
    position: np.ndarray, speed: np.ndarray, heading: np.ndarray, draws: np.ndarray, world: World
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One slot of Gauss-Markov motion: a speed that reverts to its mean, a heading that drifts, walls that reflect.

    Args:
        position: [..., 2], m.
        speed: m/s.
        heading: rad, anticlockwise from the first axis.
        draws: [..., 4], uniforms; the third is the speed's, the fourth the heading's.
        world: Constants.

    Returns:
        Position, speed and heading after the slot.
    """
    keeps = world.speed_memory
    gust = math.sqrt(1 - keeps**2) * world.speed_deviation * normal_quantile(draws[..., 2])
    speed = np.maximum(keeps * speed + (1 - keeps) * world.speed_mean + gust, 0)
    heading = heading + world.turn_deviation * normal_quantile(draws[..., 3])
    velocity = np.stack([speed * np.cos(heading), speed * np.sin(heading)], axis=-1)
    position = position + world.slot * velocity
    for axis in range(2):  # a slot is too short to reach a second wall
        for wall in (0.0, world.side):
            through = (position[..., axis] < 0) if wall == 0 else (position[..., axis] > world.side)
            position[..., axis] = np.where(through, 2 * wall - position[..., axis], position[..., axis])
            velocity[..., axis] = np.where(through, -velocity[..., axis], velocity[..., axis])
    return position, speed, np.where(speed > 0, np.arctan2(velocity[..., 1], velocity[..., 0]), heading)


def link_rate(
    power: np.ndarray | float, attenuation: np.ndarray, world: World, contenders: np.ndarray | float = 1.0
) -> np.ndarray:
    """Rate in bit/s of a link with transmit power in W and attenuation γ(d) s, its band shared, Eq. (6)."""
    return (world.bandwidth / math.log(2)) / contenders * np.log1p(power / world.noise * attenuation)


def path_gain(distance: np.ndarray, world: World) -> np.ndarray:
    """Path gain γ(d) at a distance in m; as printed a constant γ, and the distance once more: γ / d."""
    floored = np.maximum(distance, world.distance_min)
    if world.printed:
        gain = float(street_canyon(world.gain_distance)) if world.pathloss == "umi" else world.gain
        return gain * world.gain_distance / floored
    if world.pathloss == "umi":
        return street_canyon(floored)
    return world.gain * (floored / world.gain_distance) ** -world.exponent


def street_canyon(distance: np.ndarray | float) -> np.ndarray:
    """Mean path gain of TR 38.901, UMi, at 3.5 GHz between antennas at 10 m and 1.5 m; distance along the ground, m."""
    carrier, above = 3.5e9, 10.0 - 1.5
    slant = np.hypot(distance, above)
    turn = 4 * (10.0 - 1) * (1.5 - 1) * carrier / 3e8  # breakpoint, m
    seen = 32.4 + 21 * np.log10(slant)
    beyond = 32.4 + 40 * np.log10(slant) - 9.5 * math.log10(turn**2 + above**2)
    seen = np.where(distance > turn, beyond, seen) + 20 * math.log10(3.5)
    hidden = np.maximum(seen, 22.4 + 35.3 * np.log10(slant) + 21.3 * math.log10(3.5))
    chance = np.where(distance <= 18, 1, 18 / distance + np.exp(-distance / 36) * (1 - 18 / distance))
    return chance * 10 ** (-seen / 10) + (1 - chance) * 10 ** (-hidden / 10)


def rest_of_way(
    bits: np.ndarray, rate_up: np.ndarray, rate_down: np.ndarray, away: np.ndarray, world: World
) -> np.ndarray:
    """Time of the edge branch without computing, Eq. (7b) repaired, s; `away`: not on the nearest server."""
    relay = bits / world.backhaul + world.queuing if world.access == "nearest" else 0.0
    return bits / rate_up + away * relay + world.queuing + world.result_ratio * bits / rate_down


def total_latency(
    local: np.ndarray,
    travel: np.ndarray,
    edge: np.ndarray,
    others: np.ndarray,
    rate_up: np.ndarray,
    migration: np.ndarray,
    world: World,
) -> np.ndarray:
    """L of Eq. (7), s.

    Args:
        local: Time of the local branch.
        travel: That of the edge branch without computing, 0 of a local task.
        edge: That of computing alone on the server.
        others: Tasks beside it there.
        rate_up: Of the link, bit/s.
        migration: M_mig, s.
        world: Constants.
    """
    if world.printed:  # Eq. (7b): s divided by bit/s, and neither load nor migration
        return local + edge / rate_up
    away = travel + (1 + world.overlap * others) * edge
    return (np.maximum(local, away) if world.combine == "max" else local + away) + migration


def savings(cost: np.ndarray, world: World) -> np.ndarray:
    """S of Eq. (10): what the budget keeps; as printed also below 0."""
    saved = (world.budget - cost) / world.budget
    return saved if world.printed else np.clip(saved, 0, 1)


def discrepancy(work: np.ndarray, rate: np.ndarray, believed: np.ndarray) -> np.ndarray:
    """G of Eq. (9), s: the time of the work (cycles) at the rate believed, less that at the actual rate."""
    return work / believed - work / rate


def holds_as_printed(data: np.ndarray, data_twin: np.ndarray, migration: np.ndarray, world: World) -> np.ndarray:
    """Eq. (5) as printed, bit against s, with M_mig of Eq. (3): a user's own, or as printed all users' sum."""
    if world.printed:
        migration = migration.sum(axis=-1, keepdims=True)
    return (data <= migration) & (data_twin <= migration)


HART_TOP = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383,
    112.079291497871, 221.213596169931, 220.206867912376,
)  # fmt: skip
HART_BOTTOM = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461,
    296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752,
)  # fmt: skip


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ(x) by Hart's rational function (West 2005), accurate to double precision for |x| < 7."""
    size = np.minimum(np.abs(x), 7.0)
    top, bottom = HART_TOP[0] * size, HART_BOTTOM[0] * size
    for sum_, coefficients in ((top, HART_TOP), (bottom, HART_BOTTOM)):
        for coefficient in coefficients[1:-1]:
            sum_ += coefficient
            sum_ *= size
        sum_ += coefficients[-1]
    tail = np.exp(-0.5 * size * size) * top / bottom
    return np.where(x > 0, 1 - tail, tail)


def normal_quantile(share: np.ndarray) -> np.ndarray:
    """Φ⁻¹ of shares in (0, 1), one after the other."""
    return np.vectorize(statistics.NormalDist().inv_cdf)(share)


def slowdown(x: np.ndarray, world: World) -> np.ndarray:
    """Relative slowdown δ of a CPU whose hidden Gaussian state is x."""
    return world.slowdown * (1 + world.spread * (2 * normal_cdf(x) - 1))


def expected_slowdown(mean: np.ndarray, variance: np.ndarray, world: World) -> np.ndarray:
    """E[δ] under the belief x ~ N(mean, variance)."""
    return slowdown(mean / np.sqrt(1 + variance), world)


def measure(
    mean: np.ndarray, variance: np.ndarray, x: np.ndarray, error: float, noise: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scalar Kalman update of the belief by y = x + error * noise, where `seen`; all of one shape."""
    gain = np.where(seen, variance / (variance + error**2), 0)
    return mean + gain * (x + error * noise - mean), (1 - gain) * variance


def computing(cycles: np.ndarray, nominal: np.ndarray, rate: np.ndarray, where: str, world: World) -> np.ndarray:
    """Energy of computing in J, Eq. (8), by the world's law; as printed at f + f~, and a device's own in s.

    Args:
        cycles: Done there.
        nominal: CPU rate, cycles/s.
        rate: What the CPU really does, or is believed to, cycles/s.
        where: "edge" or "device".
        world: Constants.
    """
    if world.printed:
        return (world.edge_power if where == "edge" else 1.0) * cycles / (2 * nominal - rate)
    power = world.edge_power if where == "edge" else world.device_power
    if world.law == "cmos":
        return (world.kappa_edge if where == "edge" else world.kappa_device) * rate**2 * cycles
    return power * cycles / (nominal if world.law == "per_cycle" else rate)


def satisfaction(latency: np.ndarray, deadline: np.ndarray, world: World) -> np.ndarray:
    """W(L) of Eq. (11); both in s."""
    share = (deadline - latency) / (deadline - world.latency_full)
    return np.where(latency <= deadline, np.minimum(share, 1), world.baseline)


def count_by(server: np.ndarray, servers: int) -> np.ndarray:
    """How often every server occurs in `server`, any shape, integers below `servers`."""
    return np.bincount(server.ravel(), minlength=servers)


def admit(wants: np.ndarray, place: np.ndarray, bits: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Placements admitted: per server those of most offloaded bits (ties: lowest index), while slots are free.

    Args:
        wants: Who asks for a placement, bool of any shape.
        place: Server asked, the same shape, indexing `free`.
        bits: Offloaded bits, the same shape.
        free: Free slots of every server, one-dimensional.

    Returns:
        Who is admitted, bool of the shape of `wants`.
    """
    admitted = np.zeros(wants.shape, bool)
    user = np.flatnonzero(wants)
    asked = place.ravel()[user]
    order = np.lexsort((-bits.ravel()[user], asked))  # by server, then falling bits; stable, so ties go by index
    queue = asked[order]
    rank = np.arange(queue.size) - np.searchsorted(queue, queue)
    admitted.ravel()[user[order[rank < free[queue]]]] = True
    return admitted
