"""Every slot against the independent NumPy environment: in float64 to 1e-12, in float32 to 1e-5.

Our side are the functions that a training runs. They compute in the precision of their parameters, so parameters in
float64 make them compute in double. The other side is always float64. Both get the same draws and actions, legal and
illegal ones, and run at all levels of knowledge, in both readings of the equations, with all energy laws.

An error is measured against the size of its quantity: the largest magnitude that it has in the case, over all slots,
episodes and users (of features: in each column). Where a quantity is the small difference of two large ones, the size
is that of those (`DIFFERENCES`). Whole numbers, decisions and masks agree exactly.

In float32 the users of the NumPy environment are put back to ours after every slot: rounding would otherwise choose
another nearest server now and then. As printed a load costs nothing, and the candidates of a user differ by 1e-5 of
the reward. Whom the forecast assumes where is then a matter of rounding, and is compared in float64 only.

Not compared, because the NumPy environment has none of it: replayed traces, fixes that are not made every slot, several
arrivals a slot and a stationary start of the random waypoint, other units of the task density, other offloading
factors, own cost terms, own server sites. The features of the first observation are compared in
`test_numpy_cross_check.py`, in float32.
"""

import collections
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax import metrics as m
from eco_jax.env import KNOWLEDGE, core, make
from eco_jax.env.parts.energy import CpuEnergy
from eco_jax.model.energy import EnergyTerms
from eco_jax.parts import variant
from eco_jax.random import uniform
from eco_jax.settings import UNITS, specs

EPISODES, SLOTS = 3, 10
SMALL = {"users": 7, "servers": 9, "slots": SLOTS, "side": 600.0}
"""Users meet on servers, arrive, and get other candidates within a few slots."""
OVERLAPS = (0.03, 1.0)
LAWS = ("power_time", "per_cycle", "cmos")
LIMITS = {"float64": 1e-12, "float32": 1e-5}

pytestmark = pytest.mark.slow  # every case is a program of its own, 5 s to trace and compile


class Case(NamedTuple):
    """A program of ours: its settings, those of the NumPy environment's `World`, and what must happen in it."""

    ours: dict[str, Any]
    world: dict[str, Any]
    laws: tuple[str, ...] = LAWS[:1]
    credit: str = "difference"
    happens: tuple[str, ...] = ()


OTHER = {
    "w1": 1.3, "w2": 0.7, "w3": 0.9, "qoe_latency": 0.6, "baseline": 0.1, "budget": 0.8, "edge_price": 1.2,
    "correlation": 0.9, "telemetry_error": 0.2, "migration_power": 0.8, "receive_power": 0.3, "result_ratio": 0.1,
    "noise": 3e-12,
}  # fmt: skip
"""Numbers that are 0 or 1 by default, and some others; the price is above the budget."""
OTHER_OURS = OTHER | {"slowdown_mean": 0.4, "slowdown_spread": 0.9, "queuing": 3.0, "latency_full": 40.0}
OTHER_WORLD = OTHER | {"slowdown": 0.4, "spread": 0.9, "queuing": 0.003, "latency_full": 0.040}

PRINTED = Case({"equations": "printed"}, {"reading": "printed"}, credit="team")
CASES = {
    "repaired": Case({}, {}, LAWS, happens=("refused", "missed", "arrived")),
    "printed": PRINTED._replace(happens=("arrived",)),
    "direct, shared, hard, all servers": Case(
        OTHER_OURS | {"access": "direct", "spectrum": "shared", "coverage": "hard", "radius": 220.0, "candidates": 9},
        OTHER_WORLD | {"access": "direct", "spectrum": "shared", "reach": 220.0, "candidates": 9},
        happens=("missed", "forbidden", "shared a link"),
    ),
    "shared, hard, sum, least task, gauss-markov, umi": Case(
        OTHER_OURS | {
            "spectrum": "shared", "coverage": "hard", "radius": 110.0, "combine": "sum", "task_min": 620.0,
            "mobility": "gauss-markov", "pathloss": "umi",
        },
        OTHER_WORLD | {
            "spectrum": "shared", "reach": 110.0, "combine": "sum", "data_least": 620 * 8000.0,
            "mobility": "gauss-markov", "pathloss": "umi",
        },
        happens=("refused", "missed", "forbidden", "shared a link"),
    ),
    "printed, direct, shared, hard, all servers, umi, slow migration": PRINTED._replace(
        ours=PRINTED.ours | OTHER_OURS | {
            "access": "direct", "spectrum": "shared", "coverage": "hard", "radius": 250.0, "candidates": 9,
            "migration_time": 1e9, "pathloss": "umi",
        },
        world=PRINTED.world | OTHER_WORLD | {
            "access": "direct", "spectrum": "shared", "reach": 250.0, "candidates": 9, "migration_time": 1.0,
            "pathloss": "umi",
        },
        happens=("forbidden", "shared a link", "Eq. (5) holds as printed"),
    ),
}  # fmt: skip
RUNS = [(name, "float64") for name in CASES] + [(name, "float32") for name in ("repaired", "printed")]
ALWAYS = [("repaired", "float64")]
"""Part of `make test`; the others are of `make test-numpy`."""

DIFFERENCES = {"harm": "reward", "gain": "reward", f"metric {m.DISCREPANCY}": "latency"}
"""What is a small difference of two others -> of what size these are."""
USER, CANDIDATE, FACTORS = 20, 14, 4
"""Features of a user, of each candidate, and of each candidate's gains."""
FORESEEN, HARM = 7, 8
"""Those of a candidate that tell the load and the harm foreseen."""


class AnyLaw(CpuEnergy):
    """All energy laws in one program: a number says which."""

    law: Any = 0
    laws: Any = ()

    def edge(self, share, cycles, cpu):
        return jnp.stack([law.edge(share, cycles, cpu) for law in self.laws])[self.law]

    def device(self, share, cycles, cpu):
        return jnp.stack([law.device(share, cycles, cpu) for law in self.laws])[self.law]


def in_double(params, given):
    """The same parameters in float64, converted to SI once more: a cast would keep the rounding of fp32."""

    def leaf(path, value):
        if not jnp.issubdtype(value.dtype, jnp.floating):  # which knowledge, which law
            return value
        *owner, name = path
        holder = params
        for key in owner:
            holder = holder[key.idx] if hasattr(key, "idx") else getattr(holder, key.name)
        spec = specs(type(holder))[name.name]
        return jnp.float64(UNITS[spec.unit](float(given.get(name.name, spec.default))))

    return jax.tree_util.tree_map_with_path(leaf, params)


def worlds(case, precision):
    """An environment, which worlds there are of it (level, overlap, law), and their parameters, stacked."""
    each, every = list(itertools.product(KNOWLEDGE, OVERLAPS, case.laws)), []
    laws = tuple(variant("energy", law)() for law in case.laws)
    for level, overlap, law in each:
        given = {**SMALL, "credit": case.credit, **case.ours, "overlap": overlap}
        if len(laws) > 1:
            given["energy"] = AnyLaw(law=jnp.int32(case.laws.index(law)), laws=laws)
        env, params = make(knowledge=level, **given)
        every.append(in_double(params, given) if precision == "float64" else params)
    return env, each, jax.tree.map(lambda *leaves: jnp.stack(leaves), *every)


@functools.partial(jax.jit, static_argnums=0)
def play(env, keys, actions, params):
    """All that is seen, drawn and done, slot by slot, in all worlds at once.

    Args:
        env: the environment.
        keys: [1 + slots, episodes], the first for the reset.
        actions: [slots, episodes, users, 4], the same in all worlds.
        params: stacked worlds.
    """
    one = jax.tree.map(lambda leaf: leaf[0], params)

    def drawn(key):
        """What `core` draws from a key, under the names of the NumPy environment."""
        draws = core._draw(env.config, key, one)._asdict()
        fading = draws["fading"][0]  # one number a link
        return draws | {"fading": fading[:, 0] if fading.shape[1] == 1 else fading}

    def drawn_at_reset(key):
        hardware, key = jax.random.split(key)
        numbers = uniform(hardware, 2 * env.config.users + env.config.servers)
        return drawn(key) | {"hardware": numbers.astype(one.dtype)}

    def wide(leaf):  # every episode in every world, as one axis: two take twice as long to trace
        return jnp.tile(leaf, (len(params.side), *(1,) * (leaf.ndim - 1)))

    each = jax.tree.map(lambda leaf: jnp.repeat(leaf, EPISODES, axis=0), params)

    def slot(state, now):
        key, action = now
        seen, state, reward, _, ends, info = jax.vmap(env.step)(wide(key), state, wide(action), each)
        return state, ((state, jax.vmap(env.view)(state, each)), (seen, reward, ends, info), jax.vmap(drawn)(key))

    _, state = jax.vmap(env.reset)(wide(keys[0]), each)
    first = (state, jax.vmap(env.view)(state, each)), jax.vmap(drawn_at_reset)(keys[0])
    return first, jax.lax.scan(slot, state, (keys[1:], actions))[1]


def ours(state, view):
    """What there is after a slot, quantity by name, [episodes, ...], of one world."""
    place, memory, belief = state.place, state.memory, state.belief
    heading = getattr(state.mobility, "heading", np.zeros(1))
    return {
        "legal": view.legal, "rate up": view.rate_up, "rate down": view.rate_down, "latency shown": view.latency,
        "x": np.concatenate([state.x_device, state.x_server], axis=1),
        "belief mean": np.concatenate([belief.device_mean, belief.server_mean], axis=1),
        "belief variance": np.concatenate([belief.device_variance, belief.server_variance], axis=1),
        "device": state.hardware.device, "server": state.hardware.server, "service": state.hardware.service,
        "candidates": place.candidates, "distance": place.distance,
        "distance ahead": place.predicted_distance, "predicted server": place.predicted_server,
        "data": state.task.data, "cycles": state.task.cycles, "deadline": state.task.deadline,
        "power": state.task.power, "last data": memory.data, "last cycles": memory.cycles,
        "twin's latency": memory.twin_latency, "last migration": memory.migration,
        "twin's migration": memory.twin_migration, "last bits": memory.bits, "ran": memory.server,
        "sent": memory.radio, "load": memory.load, "senders": memory.radio_load,
        "last server": state.last_server, "replica": state.replica,
        **{name: getattr(state.mobility, name) for name in state.mobility._fields},
        "heading": np.stack([np.cos(heading), np.sin(heading)], axis=-1),
    }  # fmt: skip


def our_result(observation, reward, ends, info):
    """What came of the slot: what it led to, what is reported of it, and the next observation."""
    outcome = info["outcome"]
    return {
        **shown(observation.features, observation.mask),
        "credit": reward, "ends": ends, "migrates": outcome.migration > 0,
        **{name: getattr(outcome, name) for name in ("latency", "energy", "qoe", "reward")},
        **{f"energy_{NAMES[name]}": value for name, value in outcome.terms._asdict().items()},
        **{f"metric {name}": value for name, value in info["metrics"].items()},
    }  # fmt: skip


def shown(features, mask):
    """An observation in pieces: of the user, of its candidates, and what is foreseen."""
    candidates = (features.shape[-1] - USER) // (CANDIDATE + FACTORS)
    user, each, gain = np.split(features, [USER, USER + candidates * CANDIDATE], axis=-1)
    each = each.reshape(*each.shape[:-1], candidates, CANDIDATE)
    return {
        "user": user, "candidate": np.delete(each, (FORESEEN, HARM), axis=-1), "load foreseen": each[..., FORESEEN],
        "harm": each[..., HARM], "gain": gain, "mask": mask,
    }  # fmt: skip


NAMES = dict(zip(EnergyTerms._fields, (
    "edge", "receive", "local", "upload", "download", "migration", "placement", "twin", "sync",
), strict=True))  # fmt: skip
"""The NumPy environment's names of the terms of Eq. (8)."""
METRICS = {
    m.REWARD: "team", m.LATENCY: "latency", m.ENERGY: "energy", m.QOE: "qoe", m.MISS: "miss",
    m.OFFLOADED: "offloaded", m.BETA: "beta", m.LATENCY_OFFLOADED: "latency_offloaded", m.MIGRATIONS: "migrates",
    m.PLACEMENTS: "placed", m.REFUSED: "refused", m.HITS: "hit", m.SYNCS: "sync", m.DISCREPANCY: "discrepancy",
    m.EQ5_PRINTED: "eq5_printed", **{m.energy_term(ours): f"energy_{theirs}" for ours, theirs in NAMES.items()},
}  # fmt: skip
"""The NumPy environment's names of what the metrics are means of."""


def theirs(other):
    """What there is after a slot in the NumPy environment."""
    links, cells = other.candidates.shape, (other.envs, other.servers)
    heading = getattr(other, "heading", np.zeros(1))
    return {
        "legal": other.legal,
        "rate up": np.broadcast_to(other.rate_up, links), "rate down": np.broadcast_to(other.rate_down, links),
        "latency shown": other.twin_latency if other.knowledge == KNOWLEDGE[0] else other.last_latency,
        "x": other.x, "belief mean": other.mean, "belief variance": other.variance,
        "device": other.device, "server": other.server, "service": other.service,
        "candidates": other.candidates, "distance": other.distance,
        "distance ahead": other.distance_ahead, "predicted server": other.predicted,
        "data": other.data, "cycles": other.cycles, "deadline": other.deadline,
        "power": other.power, "last data": other.memory_data, "last cycles": other.memory_cycles,
        "twin's latency": other.twin_latency, "last migration": other.last_migration,
        "twin's migration": other.twin_migration, "last bits": other.last_bits, "ran": other.ran,
        "sent": other.sent, "load": other.load.reshape(cells), "senders": other.senders.reshape(cells),
        "last server": other.last_server, "replica": other.replica,
        **motion_of(other),
        "heading": np.stack([np.cos(heading), np.sin(heading)], axis=-1),
    }  # fmt: skip


def motion_of(other):
    """Where the users of the NumPy environment are and go."""
    names = ("position", "target", "speed") if other.world.mobility == "waypoint" else ("position", "speed")
    return {name: getattr(other, name) for name in names}


def their_result(other, credited, ends, info):
    """What came of the slot there."""
    outcome = ("migrates", "latency", "energy", "qoe", "reward", *(f"energy_{name}" for name in NAMES.values()))
    return {
        **shown(other._observe(), other._allowed()),
        "credit": credited, "ends": np.full(other.envs, ends),
        **{name: info[name] for name in outcome},
        **{f"metric {name}": info[field].mean(axis=1) for name, field in METRICS.items()},
        f"metric {m.LOAD_MAX}": info["load"].max(axis=1),
    }  # fmt: skip


def follow(other, motion, draws):
    """Put the users of the NumPy environment where ours are."""
    for name in motion._fields:
        setattr(other, name, np.asarray(getattr(motion, name), np.float64))
    other._begin_slot(draws)


def far(mine, others, least, axes):
    """The largest difference in units of the quantity's size (at least `least`); infinity where decisions differ."""
    if mine.dtype.kind != "f":
        return 0.0 if mine.shape == others.shape and (mine == others).all() else np.inf
    mine = np.broadcast_to(mine.reshape(mine.shape + (1,) * (others.ndim - mine.ndim)), others.shape)  # E_DT: a number
    size = np.maximum(np.abs(others).max(axis=axes), least)
    return np.max(np.abs(mine - others).max(axis=axes) / np.where(size > 0, size, 1e-300))


@pytest.mark.parametrize(
    ("name", "precision"),
    [pytest.param(*run, marks=() if run in ALWAYS else pytest.mark.numpy, id="-".join(run)) for run in RUNS],
)
def test_slots_agree(numpy_env, name, precision):
    case, rng = CASES[name], np.random.default_rng(1)
    with jax.enable_x64(precision == "float64"):
        env, each, params = worlds(case, precision)
        heads, shape = np.array(env.heads), (SLOTS, EPISODES, env.agents, len(env.heads))
        illegal = rng.random(shape) < 0.1
        actions = np.where(illegal, rng.integers(-1, heads + 1, shape), rng.integers(0, heads, shape))
        keys = jax.random.split(jax.random.key(0), (1 + SLOTS, EPISODES))
        played = jax.tree.map(np.asarray, play(env, keys, jnp.asarray(actions, jnp.int32), params))
    assert {leaf.dtype for leaf in jax.tree.leaves(played) if leaf.dtype.kind == "f"} == {np.dtype(precision)}

    (start, first), slots = jax.tree.map(
        lambda leaf: leaf.astype(np.float64) if leaf.dtype.kind == "f" else leaf, played
    )
    errors, counts = {}, collections.Counter()
    for i, (level, overlap, law) in enumerate(each):
        world = numpy_env.World(side=600.0, slots=SLOTS, overlap=overlap, law=law, **case.world)
        other = numpy_env.NumpyEco(
            EPISODES, env.agents, env.config.servers, level, case.credit, dtype=np.float64, world=world, details=True
        )
        other.reset(first)
        rows = slice(i * EPISODES, (i + 1) * EPISODES)
        pairs = [(ours(*jax.tree.map(lambda leaf, rows=rows: leaf[rows], start)), theirs(other))]
        for t in range(SLOTS):
            state, result = jax.tree.map(lambda leaf, t=t, rows=rows: leaf[t, rows], slots[:2])
            draws = {name: value[t] for name, value in slots[2].items()}
            before = theirs(other)
            _, _, *after, info = other.step(actions[t], draws)
            count(counts, before, other, info)
            moved = motion_of(other)
            if precision == "float32":
                follow(other, state[0].mobility, draws)
            there = theirs(other) | moved | their_result(other, *after, info)
            pairs.append((ours(*state) | our_result(*result), there))
        values = {
            quantity: [np.stack([pair[k][quantity] for pair in pairs if quantity in pair[k]]) for k in (0, 1)]
            for quantity in there
        }
        for quantity, (here, there) in values.items():
            least = np.abs(values[DIFFERENCES[quantity]][1]).max() if quantity in DIFFERENCES else 0.0
            columns = tuple(range(there.ndim - 1)) if quantity in ("user", "candidate") else None
            errors[quantity, level, overlap, law] = far(here, there, least, columns)
    if precision == "float32" and world.printed:
        errors = {key: error for key, error in errors.items() if key[0] != "load foreseen"}
    assert {key: float(error) for key, error in errors.items() if not error <= LIMITS[precision]} == {}
    must = ("migrated", "placed", "spared by a replica", "shared a server", "synchronised", *case.happens)
    assert [branch for branch in must if not counts[branch]] == []


def count(counts, before, other, info):
    """How often what happens rarely did."""
    counts["migrated"] += info["migrates"].sum()
    counts["spared by a replica"] += info["hit"].sum()
    counts["placed"] += info["placed"].sum()
    counts["refused"] += info["refused"].sum()
    counts["shared a server"] += (info["load"] > 1).sum()
    counts["shared a link"] += (other.senders > 1).sum()
    counts["missed"] += info["miss"].sum()
    counts["synchronised"] += info["sync"].sum()
    counts["forbidden"] += (~before["legal"]).sum()
    counts["Eq. (5) holds as printed"] += info["eq5_printed"].sum()
    if "target" in before:
        counts["arrived"] += (before["target"] != other.target).any(axis=-1).sum()
