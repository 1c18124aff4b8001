"""Tasks drawn from rows of one's own, and from a part of one's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import SMALL, World

from eco_jax import make
from eco_jax.env.core import _draw, _task
from eco_jax.env.parts import Tasks
from eco_jax.env.parts.tasks import Drawn
from eco_jax.errors import UserError
from eco_jax.parts import forget, register

ROWS = {"data_kb": [100.0, 200, 400], "cycles_per_byte": [1000.0, 500, 300], "deadline_ms": [80.0, 100, 300]}


def rows(**settings):
    return World(*make(workload=ROWS, **SMALL | settings))


def test_tasks_are_rows():
    params = rows().params
    task = params.tasks.draw(jax.random.uniform(jax.random.key(0), (200, 1)), params)
    found = np.stack([task.data / 8000, task.density, task.deadline * 1000], axis=1)
    table = np.array(list(ROWS.values())).T
    which = np.argmin(np.abs(found[:, None] - table).sum(axis=2), axis=1)
    np.testing.assert_allclose(found, table[which], rtol=1e-5)
    counts = np.bincount(which, minlength=3)
    assert (counts > 40).all(), counts  # a third of 200 each: 67, within 4 standard deviations


def test_what_is_expected_follows_the_rows():
    here = rows()
    p = here.params
    assert [float(v) for v in (p.data_min, p.data_max)] == [100 * 8000, 400 * 8000]
    assert [float(v) for v in (p.density_min, p.density_max)] == [300, 1000]
    np.testing.assert_allclose([p.deadline_min, p.deadline_max], [0.08, 0.3], rtol=1e-6)
    seen, state = here.reset()
    np.testing.assert_allclose(state.memory.data, 8000 * 700 / 3, rtol=1e-6)
    np.testing.assert_allclose(state.memory.cycles, 1000 * (1e5 + 1e5 + 1.2e5) / 3, rtol=1e-5)
    assert (np.abs(seen.features[:, [0, 1, 2, 9, 10]]) <= 1 + 1e-6).all()
    table = 8000 * np.array(ROWS["data_kb"])
    np.testing.assert_allclose(state.task.data, table[np.abs(state.task.data[:, None] - table).argmin(1)], rtol=1e-6)


def test_the_unit_of_the_density_is_the_files_own():
    per_bit = {**ROWS, "cycles_per_bit": np.array(ROWS["cycles_per_byte"]) / 8}
    del per_bit["cycles_per_byte"]
    uniform, bits = jnp.linspace(0, 0.99, 9)[:, None], {"byte": 8, "bit": 1}
    cycles = []
    for given, unit in ((ROWS, "byte"), (per_bit, "byte"), (ROWS, "bit")):
        params = make(workload=given, cycles_per=unit, **SMALL)[1]
        task = params.tasks.draw(uniform, params)
        cycles.append(task.density * task.data / bits[unit])
    np.testing.assert_allclose(cycles, np.tile(cycles[0], (3, 1)), rtol=1e-6)
    assert float(params.density_max) == 125


@pytest.mark.parametrize(
    ("workload", "settings", "said"),
    [
        (ROWS, {"data_max": 800}, "data_max = 800: the workload decides it, and has 400.0; leave it out"),
        (ROWS, {"tasks": "uniform"}, "tasks = 'uniform': the workload decides it, and has 'rows'"),
        (ROWS, {"latency_full": 90}, "physics.latency_full = 90 ms: must be below physics.deadline_min = 80 ms"),
        (None, {"tasks": "rows"}, "tasks = 'rows': needs a workload file"),
        ({"data_kb": [1.0]}, {}, "workload: needs data_kb, deadline_ms and one of cycles_per_bit, cycles_per_byte"),
        (ROWS | {"cycles_per_bit": [1, 1, 1]}, {}, "workload: needs .* and one of"),
        (ROWS | {"data_kb": [1.0]}, {}, r"workload: deadline_ms is of shape \(3,\)"),
        (ROWS | {"data_kb": [1.0, np.nan, 2]}, {}, "workload: data_kb = nan: must lie in"),
        (ROWS | {"deadline_ms": [1.0, -1, 2]}, {}, "workload: deadline_ms = -1: must lie in"),
        (ROWS | {"data_kb": ["a", "b", "c"]}, {}, "workload: data_kb = .*: must be numbers"),
    ],
)
def test_what_cannot_be_a_workload(workload, settings, said):
    with pytest.raises(UserError, match=said):
        make(workload=workload, **SMALL | settings)


def test_a_world_without_its_rows_is_refused():
    here = rows()
    params = here.params.set(tasks=here.params.tasks.having("table", None))
    with pytest.raises(UserError, match=r"params.tasks: has no rows to draw from"):
        here.env.reset(jax.random.key(0), params)


def test_a_part_of_ones_own():
    @register("tasks", "two-sizes")
    class TwoSizes(Tasks):
        """Small or large, each with its deadline."""

        draws = 1

        def draw(self, uniform, params):
            large = uniform[:, 0] < 0.5
            return Drawn(
                jnp.where(large, params.data_max, params.data_min),
                jnp.full(large.shape, params.density_min),
                jnp.where(large, params.deadline_max, params.deadline_min),
            )

    try:
        env, params = make(tasks="two-sizes", **SMALL | {"users": 50})
        draws = _draw(env.config, jax.random.key(0), params)
        assert draws.task.shape == (50, 2)  # its own, and that of the transmit power
        task = _task(env.config, draws, params)
        assert set(np.unique(task.data).tolist()) == {np.float32(4.8e6), np.float32(6.4e6)}
        assert ((task.data > 5e6) == (task.deadline > 0.2)).all()
    finally:
        forget("tasks", "two-sizes")
