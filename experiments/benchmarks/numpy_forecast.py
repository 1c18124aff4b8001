"""What users may expect of the slot ahead in plain NumPy, for `numpy_env.py`: who will run where, and what of it.

Written from what the forecast says of itself.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy_rules import World, computing, rest_of_way, satisfaction, savings, total_latency

PARTIES = 3
"""Users choose in so many parties, one after the other."""
LOWEST = -1.0
"""Gain of what is not allowed."""


class Outlook(NamedTuple):
    """What the belief makes of every alternative, [envs, users, candidates, factors] or broadcasting to it, SI units.

    Of all this only the latency depends on the load.
    """

    local: np.ndarray
    """Time of the local branch."""
    travel: np.ndarray
    """Time of the edge branch without computing."""
    edge: np.ndarray
    """Time of computing alone on the server."""
    migration: np.ndarray
    rate: np.ndarray
    """Of the link up, bit/s."""
    legal: np.ndarray
    """Whether a task may go there at all, [envs, users, candidates, 1]."""
    deadline: np.ndarray
    rest: np.ndarray
    """Reward of energy and savings, less all the reward of running locally."""

    def of(self, users: slice) -> "Outlook":
        """That of some of the users."""
        return Outlook(*(field[:, users] for field in self))

    def gain(self, others: np.ndarray, world: World) -> np.ndarray:
        """Reward over that of running locally, beside `others` [envs, users, candidates] tasks of other users."""
        latency = total_latency(self.local, self.travel, self.edge, others[..., None], self.rate, self.migration, world)
        gain = self.rest + value(latency, self.deadline, world)
        return gain if self.legal.all() else np.where(self.legal, gain, LOWEST)


def value(latency: np.ndarray, deadline: np.ndarray, world: World) -> np.ndarray:
    """Reward of a latency by itself and by the satisfaction with it, Eq. (10), (11), (13); both in s."""
    return world.w_qoe * world.qoe_latency * satisfaction(latency, deadline, world) - world.w1 * latency


def look_out(
    data: np.ndarray,
    cycles: np.ndarray,
    deadline: np.ndarray,
    power: np.ndarray,
    rate_up: np.ndarray,
    rate_down: np.ndarray,
    device: tuple[np.ndarray, np.ndarray],
    server: tuple[np.ndarray, np.ndarray],
    moves: np.ndarray,
    legal: np.ndarray,
    factors: np.ndarray,
    world: World,
) -> Outlook:
    """Weigh every alternative, certainty-equivalent: Eq. (1) to (13) with the CPUs that the belief expects.

    Args:
        data: Of the tasks, [envs, users], bit.
        cycles: They need, the same shape.
        deadline: Of the tasks, s.
        power: Of the users' transmitters, W.
        rate_up: Of the links, bit/s, [envs, users, candidates] or, where they are all the same, [envs, users, 1].
        rate_down: The same of the way back.
        device: Nominal and expected rates of the devices, [envs, users] each.
        server: Nominal and expected rates of the candidates, [envs, users, candidates] each.
        moves: Whether the service would have to move there, the same shape.
        legal: Whether a task may go there, the same shape.
        factors: Offloading factors.
        world: Constants.

    Returns:
        What gains are made of. Nothing is placed or synchronised; the twin's own energy is paid at home, too.
    """
    nominal_device, device = device
    nominal_server, server = server
    at_home = cycles / device
    for_savings = world.w_qoe * (1 - world.qoe_latency)  # at home all of the budget is saved
    home = value(at_home, deadline, world) - world.w2 * computing(cycles, nominal_device, device, "device", world)
    home = home + for_savings

    data, cycles, deadline, power, device, nominal_device, home = (
        array[..., None, None] for array in (data, cycles, deadline, power, device, nominal_device, home)
    )
    moves, legal, rate_up, rate_down = (array[..., None] for array in (moves, legal, rate_up, rate_down))
    bits, work = factors * data, factors * cycles
    upload, download = bits / rate_up, world.result_ratio * bits / rate_down
    away = (np.arange(server.shape[-1]) > 0)[:, None]  # the first candidate is the access server
    travel = rest_of_way(bits, rate_up, rate_down, away, world)
    edge, local = work / server[..., None], (cycles - work) / device
    migration = moves * (world.migration_time * bits)
    energy = computing(work, nominal_server[..., None], server[..., None], "edge", world)
    energy = energy + computing(cycles - work, nominal_device, device, "device", world)
    if not world.printed:
        energy = energy + world.migration_power * migration
    energy = energy + (world.receive_power + power) * upload + world.power_down * download
    cost = world.edge_price * factors + np.where(moves, world.migration_price, 0).astype(data.dtype)
    rest = for_savings * savings(cost, world) - world.w2 * energy - home
    return Outlook(local, travel, edge, migration, rate_up, legal, deadline, rest)


def forecast(
    outlook: Outlook, at: np.ndarray, last: np.ndarray, servers: int, world: World
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Loads of the slot ahead if everybody chose by the beliefs at hand, and what they make of the alternatives.

    Everybody is assumed where its last offloaded task ran if that is an allowed candidate, at home if not. Then
    party after party, users by index, moves to what is best for the team as its users expect it: the own gain less
    what it costs those assumed there, as far as they have chosen, that one task more runs beside them.

    Args:
        outlook: What the alternatives are worth.
        at: Candidates, [envs, users, candidates], servers of all environments in one flat index.
        last: Where the last offloaded task ran, [envs, users], in the same index, negative before the first.
        servers: Servers in all environments together.
        world: Constants.

    Returns:
        Other users' tasks on each candidate, [envs, users, candidates]; the reward that those lose together by one
        task more, the same shape; the own reward over that of running locally, [envs, users, candidates, factors].
    """
    dtype = outlook.rest.dtype
    legal = outlook.legal[..., 0]
    assumed = np.where(((last[..., None] == at) & legal).any(axis=-1), last, -1)
    hurt = np.zeros(assumed.shape, dtype)

    def beside(users: slice) -> tuple[np.ndarray, np.ndarray]:
        """Other users' tasks on the candidates of some users, and what one task more does to them."""
        busy = assumed >= 0
        count = np.bincount(assumed[busy], minlength=servers).astype(dtype)
        harm = np.bincount(assumed[busy], hurt[busy], servers).astype(dtype)
        theirs = at[:, users]
        own = assumed[:, users, None] == theirs
        return count[theirs] - own, harm[theirs] - own * hurt[:, users, None]

    n_users, factors = at.shape[1], outlook.rest.shape[-1]
    for start, end in pairwise(n_users * party // PARTIES for party in range(PARTIES + 1)):
        users = slice(start, end)
        party = outlook.of(users)
        others, harm = beside(users)
        gain = party.gain(others, world)
        loss = gain - party.gain(others + 1, world)
        for_team = np.where(legal[:, users, :, None], gain - harm[..., None], -np.inf)
        for_team = for_team.reshape(*others.shape[:2], others.shape[2] * factors)
        best = for_team.argmax(axis=-1)[..., None]
        goes = np.take_along_axis(for_team, best, axis=-1)[..., 0] > 0
        server = np.take_along_axis(at[:, users], best // factors, axis=-1)[..., 0]
        own_loss = np.take_along_axis(loss.reshape(for_team.shape), best, axis=-1)[..., 0]
        assumed[:, users] = np.where(goes, server, -1)
        hurt[:, users] = np.where(goes, own_loss, 0)
    others, harm = beside(slice(None))
    return others, harm, outlook.gain(others, world)
