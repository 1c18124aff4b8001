"""What each switch of the environment changes, on the slot worked by hand in test_env_step.py."""

import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import HAND, HAND_ACTION, hand_state, world
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env.observe import expected_rates
from eco_jax.env.outcome import Cpu, Decision, outcome_of

RATE = 80e6


@pytest.fixture(scope="module")
def base():
    return world(**HAND)


@pytest.fixture(scope="module")
def start(base):
    return hand_state(base.reset()[1])


def evaluated(setting, **changes):
    """A task by hand: D = 6.4e6, C = 3e8, beta 1/2, device at 1e9 of 2e9, server at 5e9 of 10e9, elsewhere, load 2."""
    small = world(**HAND, **setting)
    decision = Decision(
        offloaded=jnp.array(True), beta=jnp.float32(0.5), elsewhere=jnp.array(True), migrates=jnp.array(False),
        placed=jnp.array(False), synced=jnp.array(False), load=jnp.float32(2.0),
    )._replace(**changes)  # fmt: skip
    return outcome_of(
        small.params, data=jnp.float32(6.4e6), cycles=jnp.float32(3e8), deadline=jnp.float32(0.25),
        power=jnp.float32(0.5), rate_up=jnp.float32(RATE), rate_down=jnp.float32(RATE),
        device=Cpu(jnp.float32(2e9), jnp.float32(1e9)), server=Cpu(jnp.float32(10e9), jnp.float32(5e9)),
        decision=decision, migration_time=small.params.migration_time,
    )  # fmt: skip


def test_branches_in_parallel_or_one_after_the_other():
    # local 0.15; edge 0.04 + 0.004 + 0.0032 + 0.06 + 0.002 = 0.1092
    assert_allclose(evaluated({}).latency, 0.15, rtol=1e-5)
    assert_allclose(evaluated({"combine": "sum"}).latency, 0.2592, rtol=1e-5)
    # Whole: nothing at home; 0.08 + 0.004 + 0.0064 + 0.12 + 0.004, either way.
    whole = {"beta": jnp.float32(1.0)}
    assert_allclose(evaluated({}, **whole).latency, 0.2144, rtol=1e-5)
    assert_allclose(evaluated({"combine": "sum"}, **whole).latency, 0.2144, rtol=1e-5)


def test_direct_access_has_one_hop_and_no_backhaul():
    whole = {"beta": jnp.float32(1.0)}
    # 0.2144 less one hop of 0.002 and the backhaul's 0.0064.
    assert_allclose(evaluated({"access": "direct"}, **whole).latency, 0.206, rtol=1e-5)


def test_cmos_energy():
    # kappa f^2 C: server 4e-29 * 25e18 * 1.5e8 = 0.15 J; device 1e-27 * 1e18 * 1.5e8 = 0.15 J: both as power * time at
    # these rates by choice of kappa. At a device of 2e9 and a server of 10e9: four times as much.
    terms = evaluated({"energy": "cmos"}).terms
    assert_allclose([terms.edge, terms.local], [0.15, 0.15], rtol=1e-5)
    doubled = evaluated({"energy": "cmos", "kappa_edge": 8e-29, "kappa_device": 3e-27}).terms
    assert_allclose([doubled.edge, doubled.local], [0.3, 0.45], rtol=1e-5)


def test_cmos_energy_of_a_slot(start):
    cmos = world("cmos", **HAND)
    terms = cmos.step(start, HAND_ACTION)[5]["outcome"].terms
    # Server 0 at 5e9: 2e8, 1.5e8 cycles at 1e-9 J each; server 2 at 3e9: 1.5e8 * 4e-29 * 9e18 = 0.054.
    # Devices at 1e9: 1e-9 J a cycle; device 3 at 0.6e9: 2e8 * 1e-27 * 0.36e18 = 0.072.
    assert_allclose(terms.edge, [0.2, 0.15, 0.054, 0], rtol=1e-5)
    assert_allclose(terms.local, [0, 0.15, 0.05, 0.072], rtol=1e-5)
    assert_allclose(terms.uplink, [0.04, 0.02, 0.03, 0], rtol=1e-5)


@pytest.mark.parametrize(("preset", "bits"), [("repaired", 8), ("printed", 8000)])
def test_unit_of_the_density(preset, bits):
    small = world(preset, density_min=300, density_max=300, data_min=800, data_max=800)
    _, state = small.reset()
    # 800 KB = 6.4e6 bit; per byte, and per kilobyte as printed.
    assert_allclose(state.task.cycles, 300 * 6.4e6 / bits, rtol=1e-6)
    assert_allclose(state.memory.cycles, 300 * 6.4e6 / bits, rtol=1e-6)


def test_printed_counts_kilobytes():
    assert world("printed").params.equations.density_unit == "kilobyte"
    assert [world(cycles_per=unit).params.equations.density_unit for unit in ("bit", "kilobyte")] == ["bit", "kilobyte"]


# Radio


def rates_of(state, small):
    up, down = expected_rates(state, small.params)
    return np.asarray(up), np.asarray(down)


def test_rates_by_hand(base, start):
    # SNR 50 p s = 15 at 150 m, 50/8 p s at 300 m: 20e6 * log2(16); one radio link whatever candidate executes.
    up, down = rates_of(start, base)
    assert_allclose(up, np.full((4, 3), RATE), rtol=1e-5)
    assert_allclose(down, np.full((4, 3), RATE), rtol=1e-5)


def test_distance_is_floored_at_ten_metres(base, start):
    def at(metres):
        return rates_of(start._replace(place=start.place._replace(distance=jnp.full((4, 3), metres))), base)[0]

    assert_array_equal(at(0.0), at(10.0))
    assert (at(10.0) > at(10.5)).all()


def test_direct_links_by_hand(start):
    direct = world(**HAND, access="direct")
    # Fading 0.6 to server i = 0 at 150 m, 4.8 to server 1 at 300 m, 0.1 to server 2 at 150 m.
    fading = jnp.full((4, 9), 1.0).at[:, 0].set(0.6).at[:, 1].set(4.8).at[:, 2].set(0.1)
    place = start.place._replace(
        candidates=jnp.full((4, 3), jnp.array([0, 1, 2], jnp.int32)),
        distance=jnp.full((4, 3), jnp.array([150.0, 300.0, 150.0])),
    )
    state = start._replace(task=start.task._replace(fading=fading), place=place)
    up, _ = rates_of(state, direct)
    third = 20e6 * np.log2(1 + 50 * 0.5 * 0.1)
    assert_allclose(up, [[RATE, RATE, third]] * 4, rtol=1e-5)
    # In a slot: user 0 to server 1, whole: up 0.08 + hop 0.002 + 2e8/5e9 = 0.04 + 0.004, as it comes alone.
    _, new, *_, info = direct.step(state, [[2, 3, 0, 0], [3, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    assert_allclose(info["outcome"].latency[0], 0.126 + 0.064, rtol=1e-5)  # it comes from server 0: 6.4e6 * 1e-8
    assert_allclose(info["outcome"].terms.uplink[1], 0.5 * 6.4e6 / third, rtol=1e-5)
    assert new.memory.radio.tolist() == [1, 2, -1, -1]


def test_shared_spectrum_of_a_slot(start):
    shared = world("shared-spectrum", **HAND)
    # Users 0 and 1 meet at access server 0 (1 executes elsewhere); user 2 alone at 5; user 3 is there but stays local.
    place = start.place._replace(candidates=start.place.candidates.at[1].set(jnp.array([0, 1, 2])).at[3, 0].set(5))
    _, new, *_, info = shared.step(start._replace(place=place), HAND_ACTION)
    # Half the bandwidth each: 40 Mbit/s: 0.5 W * 6.4e6 / 40e6, 0.5 W * 3.2e6 / 40e6; user 2 as before.
    assert_allclose(info["outcome"].terms.uplink, [0.08, 0.04, 0.03, 0], rtol=1e-5)
    assert_allclose(info["outcome"].terms.downlink, [0.004, 0.002, 0.0015, 0], rtol=1e-5)
    # 0: 0.16 + 0.002 + 0.04 + 0.008, alone on server 0.
    assert_allclose(info["outcome"].latency[0], 0.21, rtol=1e-5)
    assert new.memory.radio.tolist() == [0, 0, 5, -1]
    assert new.memory.radio_load[jnp.array([0, 1, 5])].tolist() == [2, 0, 1]


def test_shared_spectrum_is_expected_as_last_seen(start):
    shared = world("shared-spectrum", **HAND)
    memory = start.memory._replace(
        radio=jnp.array([0, 0, -1, 3], jnp.int32),
        radio_load=jnp.zeros(9, jnp.int32).at[0].set(2).at[3].set(1).at[5].set(3),
    )
    up, _ = rates_of(start._replace(memory=memory), shared)
    # Access servers 0, 1, 5, 3: of 2 one is user 0 itself: 2 contenders; 1: 0 others; 5: 3 others; 3: itself only.
    assert_allclose(up[:, 0], [RATE / 2, RATE, RATE / 4, RATE], rtol=1e-5)
    direct = world(**HAND, spectrum="shared", access="direct")
    fading = jnp.full((4, 9), 0.6)
    place = start.place._replace(distance=jnp.full((4, 3), 150.0))
    up, _ = rates_of(start._replace(memory=memory, place=place, task=start.task._replace(fading=fading)), direct)
    # Candidates 0 1 2 / 1 0 2 / 5 4 2 / 3 0 4, each with its own contenders.
    contenders = [[2, 1, 1], [1, 2, 1], [4, 1, 1], [1, 3, 1]]
    assert_allclose(up, RATE / np.array(contenders), rtol=1e-5)


def test_umi_path_loss(start):
    umi = world("umi")
    place = start.place._replace(distance=jnp.full((4, 3), 100.0))
    state = start._replace(place=place, task=start.task._replace(fading=jnp.ones((4, 1))))
    up, down = rates_of(state, umi)
    # TR 38.901 UMi at 100 m, 3.5 GHz, heights 10 and 1.5 m: slant 100.3606 m; 20 log10 3.5 = 10.8814.
    # LoS 32.4 + 21 * 2.0015633 + 10.8814 = 85.3142 dB (breakpoint 4 * 9 * 0.5 * 3.5e9/c = 210 m);
    # NLoS 22.4 + 35.3 * 2.0015633 + 21.3 * 0.5440680 = 104.6438 dB.
    # P(LoS) = 0.18 + exp(-100/36) * 0.82 = 0.2309880: gain 0.230988 * 10^-8.53142 + 0.769012 * 10^-10.46438.
    gain = 0.2309880 * 10**-8.53142 + 0.769012 * 10**-10.46438
    assert_allclose(up, np.full((4, 3), 20e6 * np.log2(1 + 0.5 * gain / 2e-12)), rtol=1e-4)
    assert_allclose(down, np.full((4, 3), 20e6 * np.log2(1 + 1.0 * gain / 2e-12)), rtol=1e-4)
    power = rates_of(state, world())[0]
    assert (up > power * 1.01).all()


def test_printed_rate_agrees_at_the_coverage_radius(start):
    printed, repaired = world("printed"), world()

    def at(metres, small):
        return rates_of(start._replace(place=start.place._replace(distance=jnp.full((4, 3), metres))), small)[0]

    assert_allclose(at(150.0, printed), at(150.0, repaired), rtol=1e-5)
    # Elsewhere it falls with 1/d: at 300 m the SNR is half that at 150 m.
    snr = 10**-9.8 * 0.5 * np.array([[0.6], [0.6], [4.8], [0.6]]) / 2e-12
    assert_allclose(at(300.0, printed), np.broadcast_to(20e6 * np.log2(1 + snr / 2), (4, 3)), rtol=1e-5)


def test_printed_rate_is_the_same_whatever_distance_the_gain_is_given_at():
    near = world("printed", reference_distance=75, reference_gain=-98 + 35 * np.log10(2.0)).params.pathloss
    usual = world("printed").params
    paths = [usual.equations.path(pathloss, 300.0) for pathloss in (usual.pathloss, near)]
    assert_allclose(paths, 150.0 * 10**-9.8, rtol=1e-5)


def test_printed_migration_costs_money_only(start):
    printed = world("printed", **HAND)
    outcomes = []
    for last in (2, 5):
        state = start._replace(last_server=start.last_server.at[2].set(last))
        outcomes.append(printed.step(state, HAND_ACTION)[5]["outcome"])
    stays, moves = outcomes
    assert_array_equal(stays.latency, moves.latency)
    assert_array_equal(stays.energy, moves.energy)
    # lambda^s * price 0.2
    assert_allclose(np.asarray(stays.qoe - moves.qoe), [0, 0, 0.06, 0], atol=1e-6)


def test_printed_energy_is_that_of_equation_8(start):
    """Each term worked by hand, and none beside: user 0 places a replica and synchronises, user 2 migrates."""
    settled = world("printed", **HAND).step(start, HAND_ACTION)[5]
    terms = settled["outcome"].terms
    assert_allclose(settled["metrics"]["migrations"], 0.25)
    assert settled["metrics"]["placements"] > 0
    # 5 W * beta C / (f + f~): servers of 10 + 5, the third of 10 + 7 Gcycles/s.
    assert_allclose(terms.edge, [2e8 * 5 / 15e9, 1.5e8 * 5 / 15e9, 1.5e8 * 5 / 17e9, 0], rtol=1e-5)
    # alpha C / (f + f~), in s: devices of 2 + 1, the last of 2 + 1.4 Gcycles/s.
    assert_allclose(terms.local, [0, 1.5e8 / 3e9, 0.5e8 / 3e9, 2e8 / 3.4e9], rtol=1e-5)
    # T / R: at 150 m 80 Mbit/s; at 300 m SNR 50 * 0.5 * 4.8 / 2 = 60. The result is 5 % of it.
    sent = np.array([6.4e6 / 80e6, 3.2e6 / 80e6, 4.8e6 / (20e6 * np.log2(61)), 0])
    assert_allclose(terms.receive, 0.2 * sent, rtol=1e-5)  # E_comm
    assert_allclose(terms.uplink, 0.5 * sent, rtol=1e-5)  # E_up
    assert_allclose(terms.downlink, 0.5 * 0.05 * sent, rtol=1e-5)  # E_down
    # D_E_DT: what the twin predicts, and what it does.
    assert_allclose(np.broadcast_to(terms.prediction, 4), 0.001, rtol=1e-5)
    assert_allclose(terms.synchronisation, [0.02, 0, 0, 0], rtol=1e-5)
    named = terms.edge, terms.receive, terms.local, terms.uplink, terms.downlink
    total = sum(np.asarray(term) for term in named) + np.array([0.021, 0.001, 0.001, 0.001])
    assert_allclose(settled["outcome"].energy, total, rtol=1e-5)
