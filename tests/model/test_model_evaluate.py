"""The equations put together: one task worked by hand in both readings, and one at home."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from eco_jax.env import make
from eco_jax.env.outcome import Cpu, Decision, outcome_of

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

# 700 KB, half of it offloaded: 2.8e6 bit up, 1.4e5 bit down (ratio 0.05). 2e8 cycles. Device 2 GHz, server 10 GHz,
# both slowed by half. The default parameters for the rest.
TASK = {"data": 5.6e6, "cycles": 2e8, "deadline": 0.2, "power": 0.4, "migration_time": 1e-8}
LINK = {"rate_up": 1e8, "rate_down": 1.4e8}
DEVICE, SERVER = Cpu(2e9, 1e9), Cpu(10e9, 5e9)
AWAY = Decision(offloaded=True, beta=0.5, elsewhere=True, migrates=True, placed=True, synced=True, load=4.0)
HOME = Decision(offloaded=False, beta=0.5, elsewhere=False, migrates=False, placed=False, synced=False, load=0.0)

TERMS = {
    "edge": 0.1,  # 1e8 cycles at 5 GHz, 5 W
    "receive": 0.0056,  # 0.028 s, 0.2 W
    "local": 0.1,  # 1e8 cycles at 1 GHz, 1 W
    "uplink": 0.0112,  # 0.028 s, 0.4 W
    "downlink": 0.001,  # 1.4e5 / 1.4e8 = 0.001 s, 1 W
    "migration": 0.014,  # 2.8e6 * 1e-8 = 0.028 s, 0.5 W
    "placement": 0.01,
    "prediction": 0.001,
    "synchronisation": 0.02,
}  # 0.2628 J
PRINTED_TERMS = TERMS | {
    "edge": 1 / 30,  # 1e8 * 5 / (10e9 + 5e9)
    "local": 1 / 30,  # 1e8 / (2e9 + 1e9), in seconds
    "migration": 0.0,  # Eq. (8) has no such term,
    "placement": 0.0,  # nor this
}  # 0.1054667


def run(decision, reading="repaired", knowledge="twin", link=LINK, **overrides):
    _, params = make(reading, knowledge=knowledge, **overrides)
    decision = jax.tree.map(jnp.asarray, decision)
    return outcome_of(params, **TASK, **link, device=DEVICE, server=SERVER, decision=decision)


def test_an_offloaded_task_repaired():
    out = run(AWAY)
    # Home 1e8 / 1e9 = 0.1 s. Away: upload 0.028, backhaul 0.0028, two routers 0.004, four tasks 4 * 0.02 = 0.08,
    # result 0.001: 0.1158 s. max + migration 0.028 = 0.1438 s.
    assert float(out.latency) == approx(0.1438)
    assert float(out.migration) == approx(0.028)
    assert {name: float(joules) for name, joules in out.terms._asdict().items()} == approx(TERMS)
    assert float(out.energy) == approx(0.2628)
    # W = (0.2 - 0.1438) / 0.15 = 0.3746667; C_st = 0.4 * 0.5 + 0.2 = 0.4; QoE = 0.7 * 0.3746667 + 0.3 * 0.6 = 0.4422667
    assert float(out.qoe) == approx(0.4422667)
    # -(0.1438 + 0.2628) + 0.4422667
    assert float(out.reward) == approx(0.0356667, rel=1e-4)


def test_an_offloaded_task_as_printed():
    out = run(AWAY, "printed")
    # Home 0.1 s; away 0.02 / 1e8 = 2e-10 "s"; no migration, no router, no load: 0.1 s
    assert float(out.latency) == approx(0.1)
    assert {name: float(joules) for name, joules in out.terms._asdict().items()} == approx(PRINTED_TERMS)
    assert float(out.energy) == approx(0.1054667)
    # W = 0.1 / 0.15 = 2/3; QoE = 0.4666667 + 0.18 = 0.6466667; reward = -(0.1 + 0.1054667) - 0.6466667
    assert float(out.qoe) == approx(0.6466667)
    assert float(out.reward) == approx(-0.8521333)


def test_the_printed_branches_are_added():
    # At 1 bit/s the edge term would show: 0.1 + 0.02 / 1 = 0.12 s
    assert float(run(AWAY, "printed", link={"rate_up": 1.0, "rate_down": 1.0}).latency) == approx(0.12)


@pytest.mark.parametrize(
    ("overrides", "latency"),
    [
        ({"combine": "sum"}, 0.2438),  # 0.1 + 0.1158 + 0.028
        ({"access": "direct"}, 0.139),  # no second router, no backhaul: 0.111 + 0.028
    ],
)
def test_options_of_the_latency(overrides, latency):
    assert float(run(AWAY, **overrides).latency) == approx(latency)


@pytest.mark.parametrize("link", [LINK, {"rate_up": 0.0, "rate_down": 0.0}])
@pytest.mark.parametrize("reading", ["repaired", "printed"])
def test_a_local_task_pays_for_nothing_else(reading, link):
    # All of it at home: 2e8 / 1e9 = 0.2 s, on the deadline, so W = 0; S = 1; QoE 0.3. Its rate does not matter.
    out = run(HOME, reading, link=link)
    assert float(out.latency) == approx(0.2)
    assert float(out.qoe) == approx(0.3, abs=1e-5)
    # 0.2 s * 1 W; printed 2e8 / 3e9 = 1/15. And the twin's prediction, 1 mJ.
    local = {"repaired": 0.2, "printed": 1 / 15}[reading]
    spent = {name: float(joules) for name, joules in out.terms._asdict().items() if float(joules) != 0.0}
    assert spent == approx({"local": local, "prediction": 0.001})
    sign = {"repaired": 1.0, "printed": -1.0}[reading]
    assert float(out.reward) == approx(-(0.2 + local + 0.001) + sign * 0.3, abs=1e-5)


@pytest.mark.parametrize(
    ("knowledge", "joules"), [("none", 0.0), ("telemetry", 0.0), ("forecast", 0.0), ("twin", 0.001), ("truth", 0.0)]
)
def test_only_a_twin_pays_for_predictions(knowledge, joules):
    assert float(run(HOME, knowledge=knowledge).terms.prediction) == approx(joules)


@pytest.mark.parametrize(("reading", "qoe"), [("repaired", 0.2622667), ("printed", -0.1933333)])
def test_only_the_printed_qoe_falls_below_zero(reading, qoe):
    # At an edge price of 6, C_st = 6 * 0.5 + 0.2 = 3.2, over the budget of 1: S = 0, and printed -2.2.
    # QoE = 0.7 * 0.3746667 + 0 = 0.2622667; printed 0.7 * 2/3 - 0.3 * 2.2 = -0.1933333.
    assert float(run(AWAY, reading, edge_price=6.0).qoe) == approx(qoe)
