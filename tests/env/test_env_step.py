"""One slot worked by hand, and the rule of migration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import HAND, HAND_ACTION, hand_state, world
from numpy.testing import assert_allclose


@pytest.fixture(scope="module")
def hand():
    return world(**HAND)


@pytest.fixture(scope="module")
def start(hand):
    return hand_state(hand.reset()[1])


@pytest.fixture(scope="module")
def played(hand, start):
    return hand.step(start, HAND_ACTION)


def test_latency(played):
    # 0: T = 6.4e6; up 0.08 + hop 0.002 + 2 tasks * 2e8/5e9 = 0.08 + result 0.05 * 6.4e6 / 80e6 = 0.004
    # 1: T = 3.2e6; edge 0.04 + 2 hops 0.004 + backhaul 0.0032 + 2 * 0.5 * 3e8/5e9 = 0.06 + result 0.002 = 0.1092;
    #    local 0.5 * 3e8 / 1e9 = 0.15, the slower one
    # 2: T = 4.8e6; edge 0.06 + 0.004 + 0.0048 + 0.75 * 2e8/3e9 = 0.05 + 0.003 = 0.1218; local 0.05;
    #    migration 4.8e6 * 1e-8 = 0.048
    # 3: local 2e8 / 0.6e9
    outcome = played[5]["outcome"]
    assert_allclose(outcome.latency, [0.166, 0.15, 0.1698, 1 / 3], rtol=1e-5)
    assert_allclose(outcome.migration, [0, 0, 0.048, 0], rtol=1e-5)


def test_energy_by_term(played):
    terms = played[5]["outcome"].terms
    # C beta * 5 W / rate: 2e8*5/5e9, 1.5e8*5/5e9, 1.5e8*5/3e9: the load beside a task does not count.
    assert_allclose(terms.edge, [0.2, 0.15, 0.25, 0], rtol=1e-5)
    assert_allclose(terms.receive, [0.016, 0.008, 0.012, 0], rtol=1e-5)  # 0.2 W * upload time
    assert_allclose(terms.local, [0, 0.15, 0.05, 1 / 3], rtol=1e-5)  # 1 W * local time
    assert_allclose(terms.uplink, [0.04, 0.02, 0.03, 0], rtol=1e-5)  # 0.5 W * upload time
    assert_allclose(terms.downlink, [0.002, 0.001, 0.0015, 0], rtol=1e-5)  # 0.5 W * download time
    assert_allclose(terms.migration, [0, 0, 0.024, 0], rtol=1e-5)  # 0.5 W * 0.048 s
    assert_allclose(terms.placement, [0.01, 0, 0, 0], rtol=1e-5)  # 2's replica is there already
    assert_allclose(np.broadcast_to(terms.prediction, 4), 0.001, rtol=1e-5)
    assert_allclose(terms.synchronisation, [0.02, 0, 0, 0], rtol=1e-5)
    assert_allclose(played[5]["outcome"].energy, [0.289, 0.33, 0.3685, 1 / 3 + 0.001], rtol=1e-5)


def test_qoe_and_reward(played):
    # W: (0.25-0.166)/0.2 = 0.42, (0.25-0.15)/0.2 = 0.5, (0.2-0.1698)/0.15 = 0.201333, past the deadline 0
    # S: 1-0.4, 1-0.2, 1-0.3-0.2, 1
    qoe = [0.7 * 0.42 + 0.3 * 0.6, 0.7 * 0.5 + 0.3 * 0.8, 0.7 * 0.2013333 + 0.3 * 0.5, 0.3]
    assert_allclose(played[5]["outcome"].qoe, qoe, rtol=1e-5)
    # -(L + E) + QoE: -0.455 + 0.474, -0.48 + 0.59, -0.5383 + 0.2909333, -0.6676667 + 0.3
    assert_allclose(played[5]["outcome"].reward, [0.019, 0.11, -0.2473667, -0.3676667], rtol=1e-4)
    assert_allclose(played[5]["reward"], -0.1215083, rtol=1e-4)


def test_metrics(played):
    metrics = {name: float(value) for name, value in played[5]["metrics"].items()}
    expected = {
        "reward": -0.1215083, "latency": (0.166 + 0.15 + 0.1698 + 1 / 3) / 4, "miss": 0.25, "offloaded": 0.75,
        "beta": 2.25 / 4, "latency_offloaded": (0.166 + 0.15 + 0.1698) / 4, "migrations": 0.25, "placements": 0.25,
        "refused": 0.0, "hits": 0.0, "syncs": 0.25, "load_max": 2.0, "energy/migration": 0.006,
        "energy/prediction": 0.001, "eq5_printed": 0.0,
        # Eq. (9) at the belief's 5e9 cycles/s: exact for server 0; server 2 runs at 3e9: 1.5e8/5e9 - 1.5e8/3e9 = -0.02.
        "discrepancy": 0.02 / 4,
    }  # fmt: skip
    for name, value in expected.items():
        assert_allclose(metrics[name], value, rtol=1e-4, atol=1e-7, err_msg=name)
    parts = sum(value for name, value in metrics.items() if name.startswith("energy/"))
    assert_allclose(parts, metrics["energy"], rtol=1e-5)


def test_memory(played):
    state = played[1]
    memory = state.memory
    assert int(state.t) == 1
    assert_allclose(memory.latency, [0.166, 0.15, 0.1698, 1 / 3], rtol=1e-5)
    assert_allclose(memory.bits, [6.4e6, 3.2e6, 4.8e6, 0])
    assert_allclose(memory.data, 6.4e6)
    assert_allclose(memory.cycles, [2e8, 3e8, 2e8, 2e8])
    assert memory.server.tolist() == [0, 0, 2, -1]
    assert memory.load.tolist() == [2, 0, 1, 0, 0, 0, 0, 0, 0]
    assert state.last_server.tolist() == [0, 0, 2, 7]
    assert state.replica.tolist() == [1, -1, 4, -1]
    # Access servers: 0, 1, 5; nobody for user 3. Nobody shares a link, so nobody is counted.
    assert memory.radio.tolist() == [0, 1, 5, -1]
    assert memory.radio_load.tolist() == [0] * 9


def test_twin_latency(played):
    # The belief is the prior: every CPU at half its nominal rate. Load: others of the last slot there, and oneself.
    # 0: 3 tasks, one its own: load 3: 0.08 + 0.002 + 3 * 0.04 + 0.004
    # 1: load 3 + 1: 0.04 + 0.004 + 0.0032 + 4 * 0.03 + 0.002, above its local 0.15
    # 2: load 1 at 5e9: 0.06 + 0.004 + 0.0048 + 0.03 + 0.003 = 0.1018, migration 4.8e6 * 1.1e-8
    # 3: 2e8 / 1e9
    memory = played[1].memory
    assert_allclose(memory.twin_latency, [0.206, 0.1692, 0.1546, 0.2], rtol=1e-5)
    assert_allclose(memory.twin_migration, [0, 0, 0.0528, 0], rtol=1e-5)


def test_reset_holds_the_means_of_the_ranges(hand):
    _, state = hand.reset(5)
    memory = state.memory
    assert int(state.t) == 0
    assert_allclose(memory.data, 700 * 8000)  # 700 KB
    assert_allclose(memory.cycles, 700e3 * 300)  # 300 cycles/byte
    for leaf in (memory.latency, memory.twin_latency, memory.migration, memory.twin_migration, memory.bits):
        assert_allclose(leaf, 0.0)
    assert state.last_server.tolist() == state.replica.tolist() == memory.server.tolist() == [-1] * 4
    assert memory.load.tolist() == [0] * 9


def test_draws_lie_in_their_ranges(hand):
    states = [hand.reset(seed)[1] for seed in range(40)]
    hardware = jax.tree.map(lambda *rows: np.stack(rows), *(s.hardware for s in states))
    task = jax.tree.map(lambda *rows: np.stack(rows), *(s.task for s in states))
    ranges = {
        "device": (hardware.device, 1.5e9, 2.5e9),
        "server": (hardware.server, 8e9, 12e9),
        "service": (hardware.service, 1e6, 8e6),
        "data": (task.data, 4.8e6, 6.4e6),
        "density": (task.cycles / task.data * 8, 200, 400),
        "deadline": (task.deadline, 0.15, 0.25),
        "power": (task.power, 0.2, 0.6),
    }
    for name, (leaf, low, high) in ranges.items():
        assert leaf.min() >= low * (1 - 1e-6), name
        assert leaf.max() <= high * (1 + 1e-6), name
        assert leaf.max() - leaf.min() > 0.9 * (high - low), name
        assert len(np.unique(leaf)) > 0.99 * leaf.size, name
    # Exp(1) floored at 0.05: mean 0.05 + exp(-0.05) = 1.0012, standard error 1/sqrt(160) = 0.08.
    assert task.fading.min() >= np.float32(0.05)
    assert abs(task.fading.mean() - 1.0012) < 0.32
    # x is standard normal: 40 * 13 of them, standard error 0.044 of the mean, 0.031 of the deviation.
    x = np.stack([np.concatenate([s.x_device, s.x_server]) for s in states])
    assert abs(x.mean()) < 0.18
    assert abs(x.std() - 1.0) < 0.13


@pytest.mark.parametrize(
    ("last", "replica", "target", "moves"),
    [
        (-1, -1, 3, False),  # the first offload
        (5, -1, 3, True),  # another server
        (2, -1, 3, False),  # candidate 3 of user 2 is server 2: the same
        (5, 2, 3, False),  # the service waits there
        (5, 4, 3, True),  # it waits elsewhere
        (5, -1, 0, False),  # at home
    ],
)
def test_migration_rule(hand, start, last, replica, target, moves):
    state = start._replace(last_server=start.last_server.at[2].set(last), replica=start.replica.at[2].set(replica))
    action = HAND_ACTION.copy()
    action[2] = [target, 2, 0, 0]
    _, new, _, _, _, info = hand.step(state, action)
    assert_allclose(info["outcome"].migration[2], 0.048 if moves else 0.0, rtol=1e-5)
    assert_allclose(info["outcome"].latency[2], 0.1698 if moves else 0.1218 if target else 0.2, rtol=1e-5)
    assert int(new.last_server[2]) == (2 if target else last)
    assert_allclose(info["metrics"]["migrations"], 0.25 * moves)
    hit = target == 3 and last not in (-1, 2) and not moves
    assert_allclose(info["metrics"]["hits"], 0.25 * hit)


def test_a_local_slot_does_not_forget_the_server(hand, start):
    # Offload to 2, stay at home, offload to 2 again: no migration; then elsewhere: one.
    nothing = jnp.full_like(start.replica, -1)
    state, moved = start._replace(last_server=nothing, replica=nothing), []
    place = state.place
    for target in (3, 0, 3, 2):
        state = state._replace(place=place)
        _, state, *_, info = hand.step(state, [[target, 3, 0, 0]] * 4)
        moved.append(bool(info["outcome"].migration[2] > 0))
    assert moved == [False, False, False, True]
