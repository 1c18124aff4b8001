"""The equations of the default world in plain NumPy, for `numpy_env.py`.

Written from the text of the model (equation numbers are the paper's, in their repaired reading), not from `eco_jax`:
the two can check each other. SI units throughout: bit, s, Hz, W, J, m, cycles, cycles/s. Every function works on
arrays of any shape and keeps their float type, so constants here are Python floats, never NumPy scalars.
"""

import math
from dataclasses import dataclass

import numpy as np

LEVELS = ("none", "telemetry", "forecast", "twin", "truth")
REMEMBERS = ("telemetry", "forecast", "twin")
FORESEES = ("forecast", "twin", "truth")
FACTORS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class World:
    """Constants of the default world, SI units."""

    side: float = 3000.0
    slot: float = 5.0
    slots: int = 60
    candidates: int = 4
    speed: tuple[float, float] = (5 / 3.6, 60 / 3.6)

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
    density: tuple[float, float] = (200 / 8, 400 / 8)  # cycles/bit
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


def link_rate(power: np.ndarray | float, attenuation: np.ndarray, world: World) -> np.ndarray:
    """Rate in bit/s of a link with transmit power in W and attenuation γ(d) s, Eq. (6) repaired."""
    return (world.bandwidth / math.log(2)) * np.log1p(power / world.noise * attenuation)


def path_gain(distance: np.ndarray, world: World) -> np.ndarray:
    """Power-law path gain γ(d) at a distance in m."""
    return world.gain * (np.maximum(distance, world.distance_min) / world.gain_distance) ** -world.exponent


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
    """Energy of computing in J, Eq. (8), by the world's law.

    Args:
        cycles: Done there.
        nominal: CPU rate, cycles/s.
        rate: What the CPU really does, or is believed to, cycles/s.
        where: "edge" or "device".
        world: Constants.
    """
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
