"""The model as a batched NumPy environment: the cross-check of `eco_jax`, and the baseline for its speed.

Vectorised over environments and users. Both readings of the equations, all levels of knowledge, all energy laws, any
overlap, any number of candidates; a channel for each link or a shared one, access by the nearest server or direct, soft
and hard coverage, random waypoint or Gauss-Markov, power-law or UMi path loss. A fix every slot, and no traces.
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
    discrepancy,
    expected_slowdown,
    holds_as_printed,
    linear,
    link_rate,
    measure,
    move,
    nearest,
    normal_quantile,
    path_gain,
    rest_of_way,
    satisfaction,
    savings,
    server_grid,
    slowdown,
    squared_distance,
    squash,
    total_latency,
    wander,
)

WORLD = World()
HEADS = (1 + WORLD.candidates, len(FACTORS), 2, 2)
USER_FEATURES, CANDIDATE_FEATURES = 20, 14
GAINS = USER_FEATURES + WORLD.candidates * CANDIDATE_FEATURES
"""Features before the gains, one for every candidate and β level."""
FEATURES = GAINS + WORLD.candidates * len(FACTORS)
CREDITS = ("user", "team", "difference")

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
        details: bool = False,
    ) -> None:
        """Make the environments; `reset` before the first step.

        Args:
            envs: Copies, at least 1.
            users: Users in each, at least 1.
            servers: Servers in each, at least as many as candidates.
            knowledge: One of `LEVELS`.
            credit: Reward given to a user: "user" (its own), "team" (all users' together: their mean, as printed their
                sum) or "difference" (with what its load does to others).
            seed: Of the generator that draws whatever the caller does not.
            dtype: np.float32 for speed, np.float64 to check.
            world: Constants and variants.
            details: Whether `step` tells what is only reported, too.
        """
        self.world, self.details = world, details
        self.direct, self.shared = world.access == "direct", world.spectrum == "shared"
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
        self.heads = (1 + world.candidates, len(FACTORS), 2, 2)
        self.gains = USER_FEATURES + world.candidates * CANDIDATE_FEATURES
        self.features = self.gains + world.candidates * len(FACTORS)
        self.mask = np.ones((envs, users, sum(self.heads)), bool)
        self.mask[..., -1] = knowledge == "twin"
        self.mask.setflags(write=False)

    def reset(self, draws: Draws | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Begin an episode in every environment.

        Args:
            draws: `task` [envs, users, 4] (data, density, deadline, power), `fading` [envs, users] (or, with direct
                access, [envs, users, servers]), `mobility` [envs, users, 5] (target x, y; speed; start x, y; of
                Gauss-Markov 4: start x, y; speed; heading) and `hardware` [envs, 2 * users + servers] (device CPU,
                service size, server CPU), uniforms on [0, 1); `fluctuation` [envs, users + servers], standard normals.
                None draws them.

        Returns:
            Features [envs, users, 92] and mask of legal choices [envs, users, 13] (with four candidates).
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
        if self.world.mobility == "waypoint":
            self.position = self.world.side * mobility[..., 3:]
            self.target = self.world.side * mobility[..., :2]
            self.speed = linear(mobility[..., 2], self.world.speed)
        else:
            self.position = self.world.side * mobility[..., :2]
            gust = self.world.speed_deviation * normal_quantile(mobility[..., 2])
            self.speed = np.maximum(self.world.speed_mean + gust, 0)
            self.heading = 2 * np.pi * mobility[..., 3]
        self.before = self.position  # the fix before the last; equal to it, dead reckoning stands still
        self.x = draws["fluctuation"]  # hidden states of CPUs, [envs, users + servers], users first
        self.mean, self.variance = np.zeros_like(self.x), np.ones_like(self.x)  # the belief about x

        self.load = np.zeros(self.envs * self.servers, self.dtype)  # tasks on every server in the last slot
        self.ran = np.full(shape, -1)  # where the last slot's task ran
        self.senders = self.load  # the same of users that sent there
        self.sent = self.ran
        self.last_server = np.full(shape, -1)  # where the last offloaded task ran
        self.replica = np.full(shape, -1)
        zero = np.zeros(shape, self.dtype)
        self.memory_data = zero + sum(self.world.data) / 2
        self.memory_cycles = zero + sum(self.world.data) * sum(self.world.density) / 4
        self.last_latency = self.twin_latency = self.last_migration = self.twin_migration = self.last_bits = zero
        self._begin_slot(draws)
        return self._observe(), self._allowed()

    def step(
        self, action: np.ndarray, draws: Draws | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool, dict[str, np.ndarray]]:
        """Carry out one slot in every environment. Does not start again by itself.

        Args:
            action: Integers [envs, users, 4]: target (0 local, k the k-th candidate), β level, cache, sync. An illegal
                target or level counts as local.
            draws: As for `reset` without `hardware`, for the next slot, and `measurement` [envs, 2, users + servers],
                standard normals (telemetry, sync) for this one. None draws them.

        Returns:
            Features [envs, users, 92] and mask [envs, users, 13] of the next slot; reward after credit [envs, users];
            whether the episode ends here (truncation, in all environments at once); and what happened, [envs, users]
            each: latency in s, energy and its terms in J, qoe, reward before credit, migrates, placed and load.
        """
        draws = self._convert(self._draw() if draws is None else draws)
        column = np.clip(action[..., :1] - 1, 0, self.world.candidates - 1)

        def own(candidates: np.ndarray) -> np.ndarray:
            """What belongs to the candidate that each user chose, or to the one link it has."""
            column_ = column if candidates.shape[-1] > 1 else np.zeros_like(column)
            return np.take_along_axis(candidates, column_, axis=-1)[..., 0]

        shape = (self.envs, self.users)
        offloaded = (action[..., 0] >= 1) & (action[..., 0] <= self.world.candidates) & own(self.legal)
        offloaded &= (action[..., 1] >= 0) & (action[..., 1] < len(self.factors))
        chosen = own(self.candidates)
        at = self.first + chosen
        beta = np.where(offloaded, self.factors[np.where(offloaded, action[..., 1], 0)], 0)

        # Eq. (6): the rates expected, or once it is clear who sends where
        via = at if self.direct else self.first + self.candidates[..., 0]
        senders, rate_up, rate_down = self.senders, own(self.rate_up), own(self.rate_down)
        if self.shared:
            senders = count_by(via[offloaded], self.load.size).astype(self.dtype)
            rate_up, rate_down = self._rates(own(self.attenuation), self.power, np.maximum(senders[via], 1))

        # Eq. (1) to (4): what is offloaded, and what moves with it
        bits, cycles = beta * self.data, beta * self.cycles
        moves = offloaded & (self.last_server >= 0) & (self.last_server != chosen) & (self.replica != chosen)
        moved = np.where(moves, bits, 0)
        migration = self.world.migration_time * moved
        twin_migration = (self.world.migration_time + self.world.migration_error) * moved

        # Eq. (7): both branches at once, then migration; the twin's view of the same with what it believes
        load = count_by(at[offloaded], self.load.size).astype(self.dtype)
        tasks = load[at]
        away = chosen != self.candidates[..., 0]

        def travel_at(up: np.ndarray, down: np.ndarray) -> np.ndarray:
            return np.where(offloaded, rest_of_way(bits, up, down, away, self.world), 0)

        travel = expected_travel = travel_at(own(self.rate_up), own(self.rate_down))
        if self.shared:
            travel = travel_at(rate_up, rate_down)
        edge = cycles / np.take(self.rate_server, at)
        local = (self.cycles - cycles) / self.rate_device
        latency = total_latency(local, travel, edge, tasks - 1, rate_up, migration, self.world)

        twin_latency = total_latency(
            (self.cycles - cycles) / self.belief_device,
            expected_travel,
            cycles / np.take(self.belief_server, at),
            self.load[at] - (self.ran == chosen),
            own(self.rate_up),
            twin_migration,
            self.world,
        )

        # Eq. (5): a replica ahead of the user, where that costs at most what the migration would
        place = self.first + self.predicted
        wants = offloaded & (action[..., 2] == 1)
        if self.world.printed:  # bit against s: enforced by nobody
            placed = wants
        else:
            wants &= (self.predicted != chosen) & (self.replica != self.predicted)
            saved = (self.world.migration_time + self.world.migration_error) * bits
            wants &= self.world.placement_time * self.service <= saved
            held = count_by((self.first + self.replica)[self.replica >= 0], self.load.size)
            placed = admit(wants, place, bits, self.world.replica_slots - held)

        # Eq. (8), (10), (11), (13)
        unprinted = 0.0 if self.world.printed else 1.0  # terms that Eq. (8) has not
        upload, download = bits / rate_up, self.world.result_ratio * bits / rate_down
        sync = (action[..., 3] == 1) & (self.knowledge == "twin")
        terms = {
            "energy_edge": computing(
                cycles, np.take(self.server, at), np.take(self.rate_server, at), "edge", self.world
            ),
            "energy_receive": self.world.receive_power * upload,
            "energy_local": computing(self.cycles - cycles, self.device, self.rate_device, "device", self.world),
            "energy_upload": self.power * upload,
            "energy_download": self.world.power_down * download,
            "energy_migration": unprinted * self.world.migration_power * migration,
            "energy_placement": unprinted * self.world.placement_energy * placed.astype(self.dtype),
            "energy_twin": np.full_like(bits, self.world.twin_energy if self.knowledge == "twin" else 0),
            "energy_sync": self.world.sync_energy * sync.astype(self.dtype),
        }
        energy = sum(terms.values())
        satisfied = satisfaction(latency, self.deadline, self.world)
        cost = self.world.edge_price * beta + self.world.migration_price * moves.astype(self.dtype)
        qoe = self.world.qoe_latency * satisfied + (1 - self.world.qoe_latency) * savings(cost, self.world)
        reward = self.world.w_qoe * qoe - self.world.w1 * latency - self.world.w2 * energy

        def harm_of(task: bool, sender: bool) -> np.ndarray:
            """What a user loses by one task more on its server, by one sender more on its link, or by both."""
            way, up, wasted = travel, rate_up, 0.0
            if sender:
                up, down = self._rates(own(self.attenuation), self.power, np.maximum(senders[via] - 1, 1))
                way = travel_at(up, down)
                wasted = (self.world.receive_power + self.power) * (upload - bits / up)
                wasted = wasted + self.world.power_down * (download - self.world.result_ratio * bits / down)
            others = np.maximum(tasks - 2, 0) if task else tasks - 1
            fewer = total_latency(local, way, edge, others, up, migration, self.world)
            relief = satisfied - satisfaction(fewer, self.deadline, self.world)
            lost = self.world.w_qoe * self.world.qoe_latency * relief - self.world.w1 * (latency - fewer)
            return offloaded * (lost - self.world.w2 * wasted)

        credited = reward
        team = reward.sum(axis=-1) if self.world.printed else reward.mean(axis=-1)
        if self.credit == "team":
            credited = np.broadcast_to(team[:, None], shape)
        elif self.credit == "difference" and not self.shared:
            harm = harm_of(task=True, sender=False)
            total = np.bincount(at.ravel(), harm.ravel(), self.load.size).astype(self.dtype)
            credited = reward + offloaded * (total[at] - harm)
        elif self.credit == "difference":
            # By every user to every other one, [envs, who harms, who loses]
            beside, heard = at[..., None] == at[:, None], via[..., None] == via[:, None]
            each = np.where(beside, harm_of(True, False)[:, None], 0)
            each = np.where(heard, harm_of(False, True)[:, None], each)
            each = np.where(beside & heard, harm_of(True, True)[:, None], each)
            each *= offloaded[..., None] & ~np.eye(self.users, dtype=bool)
            credited = reward + each.sum(axis=-1)

        info = {"latency": latency, "energy": energy, **terms, "qoe": qoe, "reward": reward}
        info |= {"migrates": moves, "placed": placed, "load": offloaded * tasks}
        if self.details:
            gap = discrepancy(cycles, np.take(self.rate_server, at), np.take(self.belief_server, at))
            info |= {
                "team": team[:, None],
                "miss": latency > self.deadline,
                "offloaded": offloaded,
                "beta": beta,
                "latency_offloaded": offloaded * latency,
                "refused": wants & ~placed,
                "hit": offloaded & (self.last_server >= 0) & (self.last_server != chosen) & (self.replica == chosen),
                "sync": sync,
                "discrepancy": offloaded * np.abs(gap),
                "eq5_printed": holds_as_printed(self.data, self.memory_data, migration, self.world),
            }

        self._learn(beta < 1, load > 0, sync, draws)
        self.load, self.ran = load, np.where(offloaded, chosen, -1)
        self.senders, self.sent = senders, np.where(offloaded, via - self.first, -1)
        self.last_server = np.where(offloaded, chosen, self.last_server)
        self.replica = np.where(placed, self.predicted, self.replica)
        self.memory_data, self.memory_cycles = self.data, self.cycles
        self.last_latency, self.twin_latency = latency, twin_latency
        self.last_migration, self.twin_migration, self.last_bits = migration, twin_migration, bits
        self._advance(draws)
        self.slot += 1
        return self._observe(), self._allowed(), credited, self.slot >= self.world.slots, info

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
        if self.world.mobility == "waypoint":
            self.position, self.target, self.speed = move(
                self.position,
                self.target,
                self.speed,
                self.world.side * mobility[..., :2],
                linear(mobility[..., 2], self.world.speed),
                self.world.slot,
            )
        else:
            self.position, self.speed, self.heading = wander(
                self.position, self.speed, self.heading, mobility, self.world
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
        # Of every link that a user may take: to each candidate, or the one to the nearest server
        links = self.world.candidates if self.direct else 1
        reached = self.candidates[..., :links]
        fading = np.take_along_axis(fading, reached, axis=-1) if self.direct else fading[..., None]
        self.attenuation = path_gain(self.distance[..., :links], self.world) * fading
        contenders = 1.0
        if self.shared:  # as many as in the last slot
            contenders = 1 + self.senders[self.first[..., None] + reached] - (self.sent[..., None] == reached)
        self.rate_up, self.rate_down = self._rates(self.attenuation, self.power[..., None], contenders)
        legal = (self.distance[..., :links] <= self.world.reach) & (self.data >= self.world.data_least)[..., None]
        self.legal = np.broadcast_to(legal, self.candidates.shape)

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

    def _rates(
        self, attenuation: np.ndarray, power: np.ndarray, contenders: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rates up and down, bit/s."""
        up = link_rate(power, attenuation, self.world, contenders)
        return up, link_rate(self.world.power_down, attenuation, self.world, contenders)

    def _allowed(self) -> np.ndarray:
        """The mask; of its own in every slot where something is forbidden but the twin."""
        if self.legal.all():
            return self.mask
        mask = self.mask.copy()
        mask[..., 1 : 1 + self.world.candidates] = self.legal
        return mask

    def _observe(self) -> np.ndarray:
        """Features [envs, users, 92]: 20 of the user, 14 of every candidate, then gains by candidate and β."""
        shape, n_users, candidates = (self.envs, self.users), self.users, self.candidates
        features = np.empty((*shape, self.features), self.dtype)
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
            squash(self.data[..., None] / self.rate_up, deadline),
            self.legal,
        )
        block = features[..., USER_FEATURES : self.gains]
        block = block.reshape(*shape, self.world.candidates, CANDIDATE_FEATURES)  # a view
        for column, value in enumerate(each):
            block[..., column] = value
        features[..., self.gains :] = 2 * np.maximum(gain, -1).reshape(*shape, -1)
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
            legal=self.legal,
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
            "fading": self._uniform(self.envs, self.users, *([self.servers] if self.direct else [])),
            "mobility": self._uniform(self.envs, self.users, 5 if self.world.mobility == "waypoint" else 4),
            "fluctuation": self._normal(self.envs, cpus),
        }
        if self.knowledge in REMEMBERS:
            draws["measurement"] = self._normal(self.envs, 2, cpus)
        return draws

    def _convert(self, draws: Draws) -> Draws:
        return {name: np.asarray(value, self.dtype) for name, value in draws.items()}
