"""Every equation has finite gradients in its continuous inputs, at the edges of its clips and cases too.

The gradients in fp32 are also compared with those in fp64: at SI magnitudes a finite number can still be wrong.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import make
from eco_jax.env.outcome import Cpu, Decision, outcome_of
from eco_jax.model import energy, latency, objective, qoe, radio, tasks, twin

# name: (function of floats, points). The points are at the magnitudes of the default parameters, and at edges.
CASES = {
    "split": (lambda b: jnp.stack(tasks.split(b, True)), [(0.0,), (0.5,), (1.0,)]),
    "split at home": (lambda b: jnp.stack(tasks.split(b, False)), [(0.5,)]),
    "offloaded_bits": (tasks.offloaded_bits, [(0.5, 5.6e6), (0.0, 5.6e6)]),
    "required_cycles": (tasks.required_cycles, [(5.6e6, 300.0)]),
    "migration_cost": (partial(tasks.migration_cost, True), [(1.4e6, 1e-8), (0.0, 0.0)]),
    "no migration_cost": (partial(tasks.migration_cost, False), [(1.4e6, 1e-8)]),
    "path_gain": (radio.path_gain, [(d, 1.6e-10, 150.0, 3.5) for d in (0.0, 9.0, 11.0, 150.0)]),
    "path_gain_umi": (
        radio.path_gain_umi,
        [(d, 3.5e9, 10.0, 1.5) for d in (0.0, 5.0, 17.0, 19.0, 150.0, 211.0, 1000.0)] + [(50.0, 1e9, 11.0, 11.0)],
    ),
    "rate": (radio.rate, [(20e6, 0.4, 1.6e-10, 1.0, 2e-12), (20e6, 0.0, 1.6e-10, 0.05, 2e-12)]),
    "rate_printed": (
        radio.rate_printed,
        [(20e6, 0.4, 2.4e-8, 1.0, 2e-12, d, pi) for d in (0.0, 150.0) for pi in (0.0, 1.0)],
    ),
    "computing_latency": (latency.computing_latency, [(0.5, 2e8, 2e9), (0.0, 2e8, 1e10)]),
    "computing_gap of a device": (latency.computing_gap, [(0.5, 2e8, 2e9, 1e9), (0.0, 2e8, 2e9, 0.0)]),
    "edge_latency": (
        lambda *a: latency.edge_latency(*a[:6], True, *a[6:]),
        [(2.8e6, 0.02, 3.0, 1e8, 1.3e8, 1.4e5, 2e-3, 1e9), (0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1e9)],
    ),
    "edge_latency_printed": (latency.edge_latency_printed, [(0.02, 1e8), (0.0, 1.0)]),
    "total_latency": (latency.total_latency, [(0.1, 0.2, 0.01), (0.2, 0.1, 0.0)]),
    "total_latency sum": (partial(latency.total_latency, combine="sum"), [(0.1, 0.1, 0.0)]),
    "computing_energy": (energy.computing_energy, [(0.5, 2e8, 5e9, 5.0), (0.0, 2e8, 1e9, 0.0)]),
    "computing_energy_printed": (energy.computing_energy_printed, [(0.5, 2e8, 1e10, 5e9, 5.0)]),
    "computing_energy_cmos": (energy.computing_energy_cmos, [(0.5, 2e8, 5e9, 4e-29), (0.0, 2e8, 1e9, 0.0)]),
    "transmit_energy": (energy.transmit_energy, [(2.8e6, 1e8, 0.4), (0.0, 1.0, 0.4)]),
    "switched": (partial(energy.switched, True), [(0.02,)]),
    "slowdown": (twin.slowdown, [(x, 0.5, 0.8) for x in (-5.0, 0.0, 3.0)] + [(1.0, 0.0, 0.0)]),
    "next_fluctuation": (twin.next_fluctuation, [(1.0, -1.0, r) for r in (0.0, 0.95)]),
    "age": (lambda *a: jnp.stack(twin.age(*a)), [(0.5, 0.3, 0.95), (0.0, 0.0, 1.0), (0.5, 1.0, 0.0)]),
    "measure": (
        lambda *a: jnp.stack(twin.measure(*a)),
        [(0.5, 0.3, 1.0, 0.1), (0.5, 0.0, 1.0, 0.3), (0.5, 0.0, 1.0, 0.0)],
    ),
    "expected_slowdown": (twin.expected_slowdown, [(0.5, v, 0.5, 0.8) for v in (0.0, 0.3, 1.0)]),
    "discrepancy in GHz": (twin.discrepancy, [(0.1, 5.0, 4.0), (0.1, 5.0, 5.0)]),
    "discrepancy_printed in GHz": (twin.discrepancy_printed, [(0.1, 5.0, 4.0), (0.1, 5.0, 5.0)]),
    "satisfaction": (qoe.satisfaction, [(t, 0.05, 0.2, 0.1) for t in (0.0, 0.05, 0.1, 0.2, 0.3)]),
    "consumption_cost": (lambda b, e, m: qoe.consumption_cost(b, True, e, m), [(0.5, 0.4, 0.2), (0.0, 0.0, 0.0)]),
    "savings": (qoe.savings, [(1.0, 0.4), (1.0, 1.5), (1.0, -0.5)]),
    "savings_printed": (qoe.savings_printed, [(1.0, 0.4), (1.0, 1.5)]),
    "qoe": (qoe.qoe, [(0.5, 0.6, 0.7, 0.3), (0.0, 0.0, 1.0, 0.0)]),
    "reward": (objective.reward, [(0.1, 0.3, 0.5, 1.0, 1.0, 1.0)]),
    "reward_printed": (objective.reward_printed, [(0.1, 0.3, 0.5, 1.0, 1.0, 1.0)]),
    "cost": (objective.cost, [(0.1, 0.3, 0.5, 1.0, 1.0, 1.0)]),
    "temporal_difference": (objective.temporal_difference, [(1.0, 2.0, 3.0, 0.9)]),
}
# Where a `where` or a `clip` changes branch, fp32 and fp64 may take different ones: finiteness is what counts there.
EDGES = {
    "savings": [(1.0, 0.0), (1.0, 1.0)],
    "total_latency": [(0.1, 0.1, 0.0), (0.0, 0.0, 0.0)],
    "path_gain": [(10.0, 1.6e-10, 150.0, 3.5)],
    "path_gain_umi": [(d, 3.5e9, 10.0, 1.5) for d in (10.0, 18.0, 210.0, 210.14538)],
    "rate_printed": [(20e6, 0.4, 2.4e-8, 1.0, 2e-12, 10.0, 1.0)],
    "measure": [(0.5, 0.3, 1.0, 0.0)],
}
# A server's f (f - f~) is about 5e19, and its square, which a single quotient's derivative needs, no fp32 number.
SERVERS = {
    "computing_gap": (latency.computing_gap, (1.0, 2e8, 1e10, 5e9)),
    "discrepancy": (twin.discrepancy, (1e8, 5e9, 4e9)),
    "discrepancy_printed": (twin.discrepancy_printed, (1e8, 5e9, 4e9)),
}


def slopes_of(function, arity):
    """Its gradients in every argument, compiled once for all points."""
    gradient = jax.jacrev(function, argnums=tuple(range(arity)))
    return jax.jit(gradient, compiler_options={"xla_backend_optimization_level": 0})  # called a few times only


def gradients(slopes, point):
    return [np.asarray(g, np.float64) for g in slopes(*point)]


def gradients_in_fp64(slopes, point):
    with jax.enable_x64(True):
        return gradients(slopes, point)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite_and_right(name):
    function, points = CASES[name]
    slopes = slopes_of(function, len(points[0]))
    for point in points:
        single, double = gradients(slopes, point), gradients_in_fp64(slopes, point)
        for index, (a, b) in enumerate(zip(single, double, strict=True)):
            assert np.isfinite(a).all(), (point, index, a)
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=0.0, err_msg=f"{point}, argument {index}")


@pytest.mark.parametrize("name", EDGES)
def test_gradients_are_finite_exactly_on_an_edge(name):
    slopes = slopes_of(CASES[name][0], len(EDGES[name][0]))
    for point in EDGES[name]:
        for index, a in enumerate(gradients(slopes, point)):
            assert np.isfinite(a).all(), (point, index, a)


@pytest.mark.parametrize("name", SERVERS)
def test_gradients_of_a_servers_rates_are_right(name):
    # computing_gap by hand, C = 2e8, f = 1e10, f~ = 5e9: C/(f - f~) - C/f has the derivatives
    # -C/(f - f~)^2 + C/f^2 = -8e-12 + 2e-12 = -6e-12 in f, and C/(f - f~)^2 = 8e-12 in f~.
    function, point = SERVERS[name]
    slopes = slopes_of(function, len(point))
    np.testing.assert_allclose(gradients(slopes, point), gradients_in_fp64(slopes, point), rtol=2e-3)


def test_gradients_that_are_known_by_hand():
    # W on its line: dW/dL = -1 / (0.2 - 0.05) = -6.6667; flat outside.
    slope = jax.grad(qoe.satisfaction)
    assert [float(slope(t, 0.05, 0.2, 0.1)) for t in (0.01, 0.1, 0.3)] == pytest.approx([0.0, -1 / 0.15, 0.0], rel=1e-4)
    # A faster link: d(T/R)/dR = -2.8e6 / 1e16 = -2.8e-10 s per bit/s
    up = jax.grad(lambda r: latency.edge_latency(2.8e6, 0.02, 3.0, r, 1.3e8, 1.4e5, True, 2e-3, 1e9))
    assert float(up(1e8)) == pytest.approx(-2.8e-10, rel=1e-4, abs=0.0)
    # What is known exactly and measured exactly is not moved by the reading.
    assert float(jax.grad(lambda y: twin.measure(0.5, 0.0, y, 0.0)[0])(1.0)) == 0.0


WHOLE_TASKS = [  # (offloaded, rate, deadline)
    (False, 0.0, 0.2),  # at home, without a link, and exactly on its deadline
    (False, 0.0, 0.15),  # at home and late
    (False, 1e8, 0.25),
    (True, 1e8, 0.25),
]


@pytest.mark.parametrize("reading", ["repaired", "printed"])
def test_a_whole_task_has_finite_gradients(reading):
    _, params = make(reading, knowledge="twin")

    def outcome(x, offloaded):
        decision = Decision(offloaded, x["beta"], offloaded, offloaded, offloaded, True, x["load"])
        out = outcome_of(
            params, data=x["data"], cycles=x["cycles"], deadline=x["deadline"], power=x["power"],
            rate_up=x["up"], rate_down=x["down"], device=Cpu(x["device"], 0.5 * x["device"]),
            server=Cpu(x["server"], 0.5 * x["server"]), decision=decision, migration_time=x["time"],
        )  # fmt: skip
        return jnp.stack([out.latency, out.energy, out.qoe, out.reward, out.migration])

    derive = jax.jit(jax.jacrev(outcome))
    for offloaded, rate, deadline in WHOLE_TASKS:
        point = {
            "beta": 0.5 if offloaded else 0.0, "load": 2.0 if offloaded else 0.0, "data": 5.6e6, "cycles": 2e8,
            "deadline": deadline, "power": 0.4, "up": rate, "down": rate, "device": 2e9, "server": 1e10, "time": 1e-8,
        }  # fmt: skip
        slopes = jax.device_get(derive(point, jnp.asarray(offloaded)))
        for name, slope in slopes.items():
            assert np.isfinite(slope).all(), (offloaded, rate, name)
        if not offloaded:
            # The link moves nothing, and a cycle takes 1/(f - f~) = 1e-9 s.
            assert not slopes["up"].any()
            assert not slopes["down"].any()
            assert slopes["cycles"][0] == pytest.approx(1e-9, rel=1e-4, abs=0.0)
