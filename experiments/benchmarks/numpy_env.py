"""The default world as a batched NumPy environment: the cross-check of `eco_jax`, and the baseline for its speed.

Vectorised over environments and users. Repaired equations, access by the nearest server, soft coverage, one channel a
link, power-law path loss, branches in parallel, random waypoint with a fix every slot, four candidates. All levels of
knowledge, all energy laws, any overlap.
"""

import numpy as np
from numpy_forecast import forecast, look_out
from numpy_rules import (
    FACTORS,
    FORESEES,
    LEVELS,
    REMEMBERS,
    World,
    admit,
    centred,
    computing,
    count_by,
    expected_slowdown,
    linear,
    link_rate,
    measure,
    move,
    nearest,
    path_gain,
    satisfaction,
    server_grid,
    slowdown,
    squared_distance,
    squash,
)

WORLD = World()
HEADS = (1 + WORLD.candidates, len(FACTORS), 2, 2)
USER_FEATURES, CANDIDATE_FEATURES = 20, 14
GAINS = USER_FEATURES + WORLD.candidates * CANDIDATE_FEATURES
"""Features before the gains, one for every candidate and β level."""
FEATURES = GAINS + WORLD.candidates * len(FACTORS)
CREDITS = ("user", "difference")

Draws = dict[str, np.ndarray]


class NumpyEco:
    """Users that offload tasks to edge servers, in `envs` independent copies.

    Arrays are [envs, users] unless said otherwise, SI units. A server is an index below `servers`, -1 for none.
    """

    def __init__(
        self,
        envs: int,
        users: int = 30,
        servers: int = 45,
        knowledge: str = "twin",
        credit: str = "difference",
        seed: int = 0,
        dtype: type = np.float32,
        world: World = WORLD,
    ) -> None:
        """Make the environments; `reset` before the first step.

        Args:
            envs: Copies, at least 1.
            users: Users in each, at least 1.
            servers: Servers in each, at least 4.
            knowledge: One of `LEVELS`.
            credit: Reward given to a user: "user" (its own) or "difference" (with what its load does to others).
            seed: Of the generator that draws whatever the caller does not.
            dtype: np.float32 for speed, np.float64 to check.
            world: Constants, and the energy law.
        """
        self.world = world
        if knowledge not in LEVELS:
            raise ValueError(f"knowledge must be one of {', '.join(LEVELS)}; got {knowledge!r}")
        if credit not in CREDITS:
            raise ValueError(f"credit must be one of {', '.join(CREDITS)}; got {credit!r}")
        if servers < self.world.candidates:
            raise ValueError(f"at least {self.world.candidates} servers are needed; got {servers}")
        self.envs, self.users, self.servers = envs, users, servers
        self.knowledge, self.credit = knowledge, credit
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(seed)
        self.site = server_grid(servers, self.world.side).astype(self.dtype)
        self.spacing = self.world.side / servers**0.5
        self.factors = np.array(FACTORS, self.dtype)
        # Servers of all environments share one flat index, so that counts and look-ups are single calls.
        self.first = (np.arange(envs) * servers)[:, None]
        self.mask = np.ones((envs, users, sum(HEADS)), bool)
        self.mask[..., -1] = knowledge == "twin"
        self.mask.setflags(write=False)

    def reset(self, draws: Draws | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Begin an episode in every environment.

        Args:
            draws: `task` [envs, users, 4] (data, density, deadline, power), `fading` [envs, users], `mobility`
                [envs, users, 5] (target x, y; speed; start x, y) and `hardware` [envs, 2 * users + servers] (device
                CPU, service size, server CPU), uniforms on [0, 1); `fluctuation` [envs, users + servers], standard
                normals. None draws them.

        Returns:
            Features [envs, users, 92] and mask of legal choices [envs, users, 13].
        """
        shape, n_users = (self.envs, self.users), self.users
        if draws is None:
            draws = self._draw() | {"hardware": self._uniform(self.envs, 2 * n_users + self.servers)}
        draws = self._convert(draws)
        hardware, mobility = draws["hardware"], draws["mobility"]
        self.slot = 0
        self.device = linear(hardware[:, :n_users], self.world.device)
        self.service = linear(hardware[:, n_users : 2 * n_users], self.world.service)
        self.server = linear(hardware[:, 2 * n_users :], self.world.server)
        self.position = self.world.side * mobility[..., 3:]
        self.before = self.position  # the fix before the last; equal to it, dead reckoning stands still
        self.target = self.world.side * mobility[..., :2]
        self.speed = linear(mobility[..., 2], self.world.speed)
        self.x = draws["fluctuation"]  # hidden states of CPUs, [envs, users + servers], users first
        self.mean, self.variance = np.zeros_like(self.x), np.ones_like(self.x)  # the belief about x

        self.load = np.zeros(self.envs * self.servers, self.dtype)  # tasks on every server in the last slot
        self.ran = np.full(shape, -1)  # where the last slot's task ran
        self.last_server = np.full(shape, -1)  # where the last offloaded task ran
        self.replica = np.full(shape, -1)
        zero = np.zeros(shape, self.dtype)
        self.memory_data = zero + sum(self.world.data) / 2
        self.memory_cycles = zero + sum(self.world.data) * sum(self.world.density) / 4
        self.last_latency = self.twin_latency = self.last_migration = self.twin_migration = self.last_bits = zero
        self._begin_slot(draws)
        return self._observe(), self.mask

    def step(
        self, action: np.ndarray, draws: Draws | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool, dict[str, np.ndarray]]:
        """Carry out one slot in every environment. Does not start again by itself.

        Args:
            action: Integers [envs, users, 4]: target (0 local, k the k-th candidate), β level, cache, sync.
            draws: As for `reset` without `hardware`, for the next slot, and `measurement` [envs, 2, users + servers],
                standard normals (telemetry, sync) for this one. None draws them.

        Returns:
            Features [envs, users, 92] and mask [envs, users, 13] of the next slot; reward after credit [envs, users];
            whether the episode ends here (truncation, in all environments at once); and what happened, [envs, users]
            each: latency in s, energy and its terms in J, qoe, reward before credit, migrates, placed and load.
        """
        draws = self._convert(self._draw() if draws is None else draws)
        offloaded = action[..., 0] > 0
        column = np.maximum(action[..., 0] - 1, 0)
        chosen = np.take_along_axis(self.candidates, column[..., None], axis=-1)[..., 0]
        at = self.first + chosen
        beta = np.where(offloaded, self.factors[action[..., 1]], 0)

        # Eq. (1) to (4): what is offloaded, and what moves with it
        bits, cycles = beta * self.data, beta * self.cycles
        moves = offloaded & (self.last_server >= 0) & (self.last_server != chosen) & (self.replica != chosen)
        moved = np.where(moves, bits, 0)
        migration = self.world.migration_time * moved
        twin_migration = (self.world.migration_time + self.world.migration_error) * moved

        # Eq. (7): both branches at once, then migration; the twin's view of the same with what it believes
        load = count_by(at[offloaded], self.load.size).astype(self.dtype)
        tasks = load[at]
        share = 1 + self.world.overlap * (tasks - 1)
        away = chosen != self.candidates[..., 0]
        upload, download = bits / self.rate_up, self.world.result_ratio * bits / self.rate_down
        relay = np.where(away, bits / self.world.backhaul + self.world.queuing, 0)
        travel = np.where(offloaded, upload + relay + self.world.queuing + download, 0)
        edge = cycles / np.take(self.rate_server, at)
        local = (self.cycles - cycles) / self.rate_device
        latency = np.maximum(local, travel + share * edge) + migration

        others = self.load[at] - (self.ran == chosen)
        twin_edge = cycles / np.take(self.belief_server, at)
        twin_local = (self.cycles - cycles) / self.belief_device
        twin_latency = np.maximum(twin_local, travel + (1 + self.world.overlap * others) * twin_edge) + twin_migration

        # Eq. (5): a replica ahead of the user, where that costs at most what the migration would
        place = self.first + self.predicted
        wants = offloaded & (action[..., 2] == 1) & (self.predicted != chosen) & (self.replica != self.predicted)
        wants &= (
            self.world.placement_time * self.service <= (self.world.migration_time + self.world.migration_error) * bits
        )
        held = count_by((self.first + self.replica)[self.replica >= 0], self.load.size)
        placed = admit(wants, place, bits, self.world.replica_slots - held)

        # Eq. (8), (10), (11), (13)
        sync = (action[..., 3] == 1) & (self.knowledge == "twin")
        terms = {
            "energy_edge": computing(
                cycles, np.take(self.server, at), np.take(self.rate_server, at), "edge", self.world
            ),
            "energy_receive": self.world.receive_power * upload,
            "energy_local": computing(self.cycles - cycles, self.device, self.rate_device, "device", self.world),
            "energy_upload": self.power * upload,
            "energy_download": self.world.power_down * download,
            "energy_migration": self.world.migration_power * migration,
            "energy_placement": self.world.placement_energy * placed.astype(self.dtype),
            "energy_twin": np.full_like(bits, self.world.twin_energy if self.knowledge == "twin" else 0),
            "energy_sync": self.world.sync_energy * sync.astype(self.dtype),
        }
        energy = sum(terms.values())
        satisfied = satisfaction(latency, self.deadline, self.world)
        cost = self.world.edge_price * beta + self.world.migration_price * moves.astype(self.dtype)
        saved = np.clip((self.world.budget - cost) / self.world.budget, 0, 1)
        qoe = self.world.qoe_latency * satisfied + (1 - self.world.qoe_latency) * saved
        reward = self.world.w3 * qoe - self.world.w1 * latency - self.world.w2 * energy
        credited = reward
        if self.credit == "difference":
            # What one task fewer on its server would change for a user: nothing but the time of the edge branch
            relieved = 1 + self.world.overlap * (np.maximum(tasks - 1, 1) - 1)
            fewer = np.maximum(local, travel + relieved * edge) + migration
            relief = satisfied - satisfaction(fewer, self.deadline, self.world)
            harm = offloaded * (self.world.w3 * self.world.qoe_latency * relief - self.world.w1 * (latency - fewer))
            total = np.bincount(at.ravel(), harm.ravel(), self.load.size).astype(self.dtype)
            credited = reward + offloaded * (total[at] - harm)

        info = {"latency": latency, "energy": energy, **terms, "qoe": qoe, "reward": reward}
        info |= {"migrates": moves, "placed": placed, "load": offloaded * tasks}

        self._learn(beta < 1, load > 0, sync, draws)
        self.load, self.ran = load, np.where(offloaded, chosen, -1)
        self.last_server = np.where(offloaded, chosen, self.last_server)
        self.replica = np.where(placed, self.predicted, self.replica)
        self.memory_data, self.memory_cycles = self.data, self.cycles
        self.last_latency, self.twin_latency = latency, twin_latency
        self.last_migration, self.twin_migration, self.last_bits = migration, twin_migration, bits
        self._advance(draws)
        self.slot += 1
        return self._observe(), self.mask, credited, self.slot >= self.world.slots, info

    def _learn(self, device_ran: np.ndarray, server_ran: np.ndarray, sync: np.ndarray, draws: Draws) -> None:
        """Telemetry of what ran, then synchronisations, both of this slot's x; then age the belief by a slot."""
        if self.knowledge not in REMEMBERS:
            return
        noise = draws["measurement"]
        seen = np.concatenate([device_ran, server_ran.reshape(self.envs, -1)], axis=1)
        mean, variance = measure(self.mean, self.variance, self.x, self.world.telemetry_error, noise[:, 0], seen)
        if self.knowledge == "twin":
            # A server is read once however many users ask; a user asks for its device and all its candidates
            asked = np.zeros(self.load.size, bool)
            asked[(self.first[..., None] + self.candidates)[sync]] = True
            seen = np.concatenate([sync, asked.reshape(self.envs, -1)], axis=1)
            mean, variance = measure(mean, variance, self.x, self.world.sync_error, noise[:, 1], seen)
        rho = self.world.correlation
        self.mean, self.variance = rho * mean, rho**2 * variance + (1 - rho**2)

    def _advance(self, draws: Draws) -> None:
        """Move the users, let the CPUs fluctuate, and begin the next slot."""
        mobility = draws["mobility"]
        self.before = self.position
        self.position, self.target, self.speed = move(
            self.position,
            self.target,
            self.speed,
            self.world.side * mobility[..., :2],
            linear(mobility[..., 2], self.world.speed),
            self.world.slot,
        )
        rho = self.world.correlation
        self.x = rho * self.x + (1 - rho**2) ** 0.5 * draws["fluctuation"]
        self._begin_slot(draws)

    def _begin_slot(self, draws: Draws) -> None:
        """New tasks, candidates, links and rates, and what is believed and predicted of them."""
        task = draws["task"]
        self.data = linear(task[..., 0], self.world.data)
        self.cycles = linear(task[..., 1], self.world.density) * self.data  # Eq. (2)
        self.deadline = linear(task[..., 2], self.world.deadline)
        self.power = linear(task[..., 3], self.world.power)
        fading = np.maximum(-np.log1p(-draws["fading"]), self.world.fading_floor)

        self.candidates, self.distance = nearest(self.position, self.site, self.world.candidates)
        attenuation = path_gain(self.distance[..., 0], self.world) * fading
        self.rate_up = link_rate(self.power, attenuation, self.world)
        self.rate_down = link_rate(self.world.power_down, attenuation, self.world)

        delta = slowdown(self.x, self.world)
        if self.knowledge == "truth":
            self.mean, self.variance, estimate = self.x, np.zeros_like(self.x), delta
        else:
            estimate = expected_slowdown(self.mean, self.variance, self.world)
        self.rate_device = self.device * (1 - delta[:, : self.users])
        self.rate_server = self.server * (1 - delta[:, self.users :])
        self.belief_device = self.device * (1 - estimate[:, : self.users])
        self.belief_server = self.server * (1 - estimate[:, self.users :])

        if self.knowledge == "none":
            self.predicted, self.distance_ahead = self.candidates[..., 0], self.distance
        else:
            ahead = np.clip(2 * self.position - self.before, 0, self.world.side)
            squared = squared_distance(ahead, self.site)
            self.predicted = squared.argmin(axis=-1)
            self.distance_ahead = np.sqrt(np.take_along_axis(squared, self.candidates, axis=-1))

    def _observe(self) -> np.ndarray:
        """Features [envs, users, 92]: 20 of the user, 14 of every candidate, then gains by candidate and β."""
        shape, n_users, candidates = (self.envs, self.users), self.users, self.candidates
        features = np.empty((*shape, FEATURES), self.dtype)
        served = self.last_server[..., None] == candidates
        migration_scale = self.world.migration_time * self.world.data[1]
        user = (
            centred(self.data, self.world.data),
            centred(self.cycles, self.world.cycles),
            centred(self.deadline, self.world.deadline),
            centred(self.power, self.world.power),
            centred(self.service, self.world.service),
            centred(self.device, self.world.device),
            self.mean[:, :n_users],
            self.variance[:, :n_users],
            squash(self.cycles / self.belief_device, self.deadline),
            centred(self.memory_data, self.world.data),
            centred(self.memory_cycles, self.world.cycles),
            squash(self.twin_latency if self.knowledge == "none" else self.last_latency, self.world.deadline[1]),
            squash(self.twin_latency, self.world.deadline[1]),
            self.last_migration / migration_scale,
            self.twin_migration / migration_scale,
            self.last_bits / self.world.data[1],
            0,  # age of the last fix: one comes every slot
            self.last_server < 0,
            (self.last_server >= 0) & ~served.any(axis=-1),
            self.replica < 0,
        )
        for column, value in enumerate(user):
            features[..., column] = value

        at = self.first[..., None] + candidates
        deadline = self.deadline[..., None]
        others = self.load[at] - (self.ran[..., None] == candidates)
        others_ahead, harm, gain = self._forecast(at, others)
        each = (
            self.distance / self.spacing,
            self.distance_ahead / self.spacing,
            self.predicted[..., None] == candidates,
            np.take(centred(self.server, self.world.server), at),
            np.take(self.mean[:, n_users:], at),
            np.take(self.variance[:, n_users:], at),
            np.log1p(others),
            np.log1p(others_ahead),
            2 * np.minimum(harm, 1),
            served,
            self.replica[..., None] == candidates,
            squash(
                (1 + self.world.overlap * others) * self.cycles[..., None] / np.take(self.belief_server, at), deadline
            ),
            squash(self.data / self.rate_up, self.deadline)[..., None],
            1,  # legal: every candidate is, with soft coverage and no least task
        )
        block = features[..., USER_FEATURES:GAINS].reshape(*shape, self.world.candidates, CANDIDATE_FEATURES)  # a view
        for column, value in enumerate(each):
            block[..., column] = value
        features[..., GAINS:] = 2 * np.maximum(gain, -1).reshape(*shape, -1)
        return features

    def _forecast(self, at: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Others, harm and gain expected of the slot, by the belief about it; `at` are the candidates, flat.

        Where nothing is foreseen: `others` of the last slot, no harm, and the gains at those.
        """
        last, known = self.last_server[..., None], self.last_server >= 0
        outlook = look_out(
            self.data,
            self.cycles,
            self.deadline,
            self.power,
            self.rate_up,
            self.rate_down,
            device=(self.device, self.belief_device),
            server=(np.take(self.server, at), np.take(self.belief_server, at)),
            moves=known[..., None] & (last != self.candidates) & (self.replica[..., None] != self.candidates),
            factors=self.factors,
            world=self.world,
        )
        if self.knowledge not in FORESEES:
            return others, np.zeros_like(others), outlook.gain(others, self.world)
        return forecast(outlook, at, np.where(known, self.first + self.last_server, -1), self.load.size, self.world)

    def _uniform(self, *shape: int) -> np.ndarray:
        return self.rng.random(shape, dtype=self.dtype)

    def _normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape, dtype=self.dtype)

    def _draw(self) -> Draws:
        """Draws of one slot; measurement errors only where something is measured."""
        cpus = self.users + self.servers
        draws = {
            "task": self._uniform(self.envs, self.users, 4),
            "fading": self._uniform(self.envs, self.users),
            "mobility": self._uniform(self.envs, self.users, 5),
            "fluctuation": self._normal(self.envs, cpus),
        }
        if self.knowledge in REMEMBERS:
            draws["measurement"] = self._normal(self.envs, 2, cpus)
        return draws

    def _convert(self, draws: Draws) -> Draws:
        return {name: np.asarray(value, self.dtype) for name, value in draws.items()}
