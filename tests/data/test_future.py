"""From rows to a replayed episode: nothing that is predicted knows a later fix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from eco_jax.cli.main import main
from eco_jax.data import load, prepare, synthesize
from eco_jax.env import make
from eco_jax.env.observe import view

SLOT = 20
TIMES = ((0, 90, 180, 300, 400), (0, 150, 230, 310, 400), (0, 50, 210, 290, 400))
"""When each of three taxis tells where it is, s from noon."""
WORLD = {"users": 3, "servers": 9, "candidates": 9, "slots": 20, "knowledge": "telemetry", "mobility.start": "together"}
"""All servers are candidates: which of them are near tells where a user is, and that is no prediction."""


def places(seed, until):
    """East and north of every fix, m; those later than `until` depend on the seed."""
    rng, later = np.random.default_rng(0), np.random.default_rng(seed)
    for taxi, times in enumerate(TIMES):
        place = np.array([700.0 + 700.0 * taxi, 1500.0])
        for time in times:
            ways = [r.uniform(-500, 500, 2) for r in (rng, later)]
            place = np.clip(place + (ways[0] if time <= until else ways[1]), 100, 2900)
            yield taxi + 1, time, *place


@pytest.fixture(scope="module")
def programs():
    """Compiled (reset, step, view), by what is seen of a position."""
    found = {}

    def compiled(env, observed):
        if observed not in found:
            fast = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
            found[observed] = *(jax.jit(f, compiler_options=fast) for f in (env.reset, env.step)), jax.jit(view)
        return found[observed]

    return compiled


def replayed(trace, observed, programs):
    """(state, what is seen of it) of every slot of the episode that the trace has."""
    env, params = make(trace=trace, observed=observed, **WORLD)
    reset, step, seen = programs(env, observed)
    _, state = reset(jax.random.key(0), params)
    found = [state]
    for slot in range(WORLD["slots"]):
        action = np.zeros((3, 4), np.int32)
        found.append(step(jax.random.key(slot), found[-1], action, params)[1])
    return [(state, seen(state, params)) for state in found]


def by_server(state, leaf):
    """[users, candidates] in the order of the servers."""
    return np.take_along_axis(np.asarray(leaf), np.argsort(np.asarray(state.place.candidates), axis=1), axis=1)


@pytest.mark.parametrize("observed", ["position", pytest.param("fix", marks=pytest.mark.long)])
@pytest.mark.parametrize("until", [0, 100, 220])
def test_later_fixes_change_nothing_that_is_predicted(folder, row, tmp_path, programs, until, observed):
    episodes = []
    for seed in (1, 2):
        source = folder({"all.txt": [row(*place) for place in places(seed, until)]}, f"source-{seed}")
        prepare(source, tmp_path / f"{seed}.npz", slot_s=SLOT, min_slots=21)
        assert load(tmp_path / f"{seed}.npz").length.tolist() == [21] * 3
        episodes.append(replayed(tmp_path / f"{seed}.npz", observed, programs))
    moved, predicted = [], []
    for slot, ((one, seen), (other, again)) in enumerate(zip(*episodes, strict=True)):
        moved.append((one.place.position != other.place.position).any())
        predicted.append((seen.predicted_server != again.predicted_server).any())
        if slot * SLOT > until:
            continue
        assert_array_equal(seen.predicted_server, again.predicted_server)
        assert_array_equal(seen.fix_age, again.fix_age)
        for name in ("predicted_distance", *(("distance",) if observed == "fix" else ())):
            assert_array_equal(by_server(one, getattr(seen, name)), by_server(other, getattr(again, name)), name)
        assert_array_equal(one.fixes.last, other.fixes.last)
        # Where there is one fix so far, that is where the user is expected.
        known = np.asarray(one.fixes.known)
        assert known.tolist() == [min(2, sum(t <= slot * SLOT for t in times)) for times in TIMES]
    assert any(predicted)
    if until:  # the interpolated position knows the next fix, and the test would be worth nothing if it did not
        assert any(moved[: until // SLOT + 1])


def test_users_who_start_together_are_as_far_apart_as_recorded(tmp_path):
    rows, out = tmp_path / "rows", tmp_path / "out.npz"
    synthesize(rows, taxis=60, hours=1.0, seed=3)
    assert main(["data", "prepare", "--source", str(rows), "--out", str(out), "--min-slots", "20"]) == 0
    traces = load(out)
    recorded: dict[int, dict[int, np.ndarray]] = {}  # time -> taxi -> position
    for segment in range(len(traces.length)):
        for k in range(traces.length[segment]):
            time = int(traces.start_s[segment] + k * traces.slot_s)
            recorded.setdefault(time, {})[int(traces.taxi[segment])] = traces.position[segment, k]
    slots, users = 15, 4
    _, params = make(trace=out, users=users, servers=4, slots=slots, **{"mobility.start": "together"})
    long = traces.length > slots
    start, taxi = traces.start_s[long], traces.taxi[long]
    times = set()
    for draw in np.linspace(0, 0.999, 12):
        uniform = jnp.full((users, 1), draw, jnp.float32)
        motion = params.mobility.reset(uniform, params)
        now = start[motion.segment] + np.asarray(motion.time) * int(traces.slot_s)
        assert len(set(now.tolist())) == 1
        assert len(set(taxi[motion.segment].tolist())) == users
        times.add(int(now[0]))
        for slot in range(slots + 1):
            there = recorded[int(now[0]) + slot * int(traces.slot_s)]
            expected = np.stack([there[t] for t in taxi[motion.segment].tolist()])
            assert_array_equal(motion.position, expected)
            apart = np.linalg.norm(np.asarray(motion.position)[:, None] - np.asarray(motion.position), axis=2)
            assert_array_equal(apart, np.linalg.norm(expected[:, None] - expected, axis=2))
            motion = params.mobility.move(uniform, motion, params)
    assert len(times) > 6
