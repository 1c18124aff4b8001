"""The suite for accelerators: what passes for the same, intervals, profiles, what is left out; and its rehearsal."""

import gzip
import json
from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.bench import cases, suites
from eco_jax.bench.gpu import correct, curves, speed, suite, trace
from eco_jax.bench.gpu.tables import tables
from eco_jax.bench.record import GPU_SIZES, SIZES, Record
from eco_jax.cli.main import main
from eco_jax.env import make
from eco_jax.errors import UserError


def test_integers_must_be_equal_and_floats_close():
    mine = {"n": np.array([1, 2]), "ok": np.array([True]), "x": np.array([1.0, -4.0]), "z": np.array([np.nan, 1.0])}
    its = {"n": np.array([1, 3]), "ok": np.array([True]), "x": np.array([1.0, -4.1]), "z": np.array([np.nan, 1.0])}
    found = correct.differences(mine, its)
    assert found["unequal"] == {"['n']": 1}
    assert found["equal_leaves"] == 1
    assert found["floats"] == {"['x']": pytest.approx(0.1 / 4.1), "['z']": 0.0}
    assert found["worst"] == pytest.approx(0.1 / 4.1)
    assert correct.differences({"z": np.array([1.0])}, {"z": np.array([np.nan])})["worst"] == np.inf
    assert correct.differences({"z": np.array([0.0, 2.0])}, {"z": np.zeros(2)})["worst"] == 2.0


def test_keys_are_compared_by_their_data():
    found = correct.differences({"key": jax.random.key(1)}, {"key": jax.random.key(2)})
    assert found["unequal"] == {"['key']": 1}


def test_the_interval_of_a_paired_difference_by_hand():
    old = np.zeros((20, 4))
    new = np.zeros((30, 4))
    new[18:20] = [1.0, 2.0, 3.0, 4.0]  # the last tenth of the 20 updates that both have
    new[20:] = 99.0
    found = curves.paired(new, old)
    assert found["difference"] == 2.5
    # t(0.975; 3) = 3.18245, deviation sqrt(5/3), four seeds
    assert found["hi"] - 2.5 == pytest.approx(3.18245 * (5 / 3) ** 0.5 / 2, rel=1e-5)
    assert found["lo"] == pytest.approx(5.0 - found["hi"])
    assert (found["updates"], found["seeds"]) == (20, 4)


def test_a_curve_is_thinned():
    reward = np.repeat(np.arange(250.0), 2).reshape(250, 2)
    found = curves.curve(reward, 160)
    assert len(found["mean"]) == curves.POINTS
    assert found["env_steps"][-1] == 250 * 160
    assert found["mean"][0] == 1.0  # of updates 0, 1 and 2
    assert set(found["deviation"]) == {0.0}


KERNELS = [
    {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "/device:GPU:0"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 7, "args": {"name": "Stream #7(Compute)"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 8, "args": {"name": "XLA Ops"}},
    {"ph": "M", "name": "process_name", "pid": 2, "args": {"name": "/host:CPU"}},
    {"ph": "X", "name": "fusion_1", "pid": 1, "tid": 7, "ts": 0, "dur": 3.0},
    {"ph": "X", "name": "fusion_1", "pid": 1, "tid": 7, "ts": 5, "dur": 4.0},
    {"ph": "X", "name": "gemm", "pid": 1, "tid": 7, "ts": 9, "dur": 13.0},
    {"ph": "X", "name": "the same again", "pid": 1, "tid": 8, "ts": 9, "dur": 13.0},
    {"ph": "X", "name": "launch", "pid": 2, "tid": 1, "ts": 0, "dur": 50.0, "args": {"hlo_op": "fusion_1"}},
]
"""As a trace of a GPU has them."""


def test_kernels_of_a_device_by_their_time(tmp_path):
    with gzip.open(tmp_path / "host.trace.json.gz", "wt") as file:
        json.dump({"traceEvents": KERNELS}, file)
    found = trace.summary(trace.read(tmp_path))
    assert (found["device_us"], found["launches"]) == (20.0, 3)
    assert found["kernels"] == [
        {"name": "gemm", "count": 1, "us": 13.0, "share": 0.65},
        {"name": "fusion_1", "count": 2, "us": 7.0, "share": 0.35},
    ]


def test_operations_of_a_cpu_are_found_where_there_is_no_device():
    loop = {"ph": "X", "name": "while.1", "pid": 2, "tid": 1, "dur": 9.0, "args": {"hlo_op": "while.1"}}
    assert list(trace.of_trace([*KERNELS[3:4], KERNELS[-1], loop])) == [("launch", 50.0)]


@pytest.mark.long
def test_what_cannot_be_profiled_says_so():
    def broken():
        raise ValueError("no profiler\nat all")

    assert trace.profile(broken) == {"error": "ValueError: no profiler"}
    assert trace.profile(lambda: None) == {"error": "the trace holds no kernels"}


def made(**changes):
    size = replace(GPU_SIZES["smoke"], **changes)
    record = Record()
    said = []
    return suite.Suite(size, record, said.append), said


def test_what_fails_is_named_and_the_others_go_on():
    run, _ = made()
    kept = []
    run.record.keep = lambda: kept.append(dict(run.found["left_out"]))

    def fails():
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory\nand so on")

    run.step("large", fails)
    run.step("small", lambda: run.found["rows"].append("a row"))
    assert run.found["left_out"] == {"large": "RuntimeError: RESOURCE_EXHAUSTED: out of memory"}
    assert run.found["rows"] == ["a row"]
    assert len(kept) == 2  # after either


def test_nothing_begins_when_the_time_is_up():
    run, _ = made(minutes=1e-9, reserve=1.0)
    run.step("late", lambda: pytest.fail("it began"))
    run.batch([run.case(cases.ENVIRONMENT, 2)])
    assert run.found["left_out"] == {"late": "no time left", "environment 2": "no time left"}


def test_members_begin_alike_with_keys_of_their_own():
    env, params = make("tiny")
    case = cases.of(cases.TRAINING, env, params, A2C(network=MLP(hidden=4, layers=1)), 2, 3, 3)
    assert case.steps == 3 * 2 * 12
    state = case.start()
    kernel = state.agent.params["actor"]["dense_0"]["kernel"]
    assert kernel.shape[0] == 3
    assert jnp.all(kernel == kernel[:1])
    assert kernel.std() > 0
    assert len(np.unique(jax.random.key_data(state.key), axis=0)) == 3
    shape = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
    assert shape == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), case.shapes())


@pytest.mark.long
def test_more_environments_than_are_drawn_begin_as_copies(monkeypatch):
    env, params = make("tiny")
    monkeypatch.setattr(cases, "DRAWN", 2)
    case = cases.of(cases.ENVIRONMENT, env, params, A2C(), 5, 1, 3)
    position = case.start()[1].place.position
    assert jnp.array_equal(position[0], position[4])
    assert not jnp.array_equal(position[0], position[1])


def test_it_is_no_part_of_all_without_a_gpu(monkeypatch):
    assert "gpu" in suites.SUITES
    assert "gpu" not in suites.usual()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert suites.usual() == tuple(suites.SUITES)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--minutes", "0"), "--minutes 0: must lie in (0, 1440]"),
        (("--minutes", "nan"), "--minutes nan: must lie in (0, 1440]"),
        (("--curve-updates", "0"), "--curve-updates 0: must lie in [1, 1000000]"),
    ],
)
def test_a_budget_must_be_one(option, said, capsys, tmp_path):
    assert main(["bench", "--suite", "gpu", *option, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"eco-jax bench: {said}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--minutes", "--curve-updates"])
def test_a_budget_is_of_this_suite(option, capsys, tmp_path):
    assert main(["bench", "--suite", "env", option, "5", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"eco-jax bench: {option}: is for the suite gpu, not for env\n"
    assert not (tmp_path / "out").exists()


def test_a_size_keeps_its_own_budget():
    assert suite.of_budget(SIZES["smoke"], None, None) == SIZES["smoke"]
    assert suite.of_budget(SIZES["full"], 3.0, 7).gpu == replace(GPU_SIZES["full"], minutes=3.0, curve_updates=7)


@pytest.mark.bench
def test_the_suite_rehearsed(tmp_path):
    assert main(["bench", "--suite", "gpu", "--size", "smoke", "--out", str(tmp_path)]) == 0
    bench = json.loads((tmp_path / "bench.json").read_text())
    found = bench["details"]["gpu"]
    assert not found["left_out"]
    assert found["episode"]["passed"]
    assert found["updates"]["passed"]
    for level in found["episode"]["levels"].values():
        assert level["unequal"] == {}
        assert level["equal_leaves"] > 5
        assert len(level["floats"]) > 20
    rows = {(r["what"], r["members"], r["envs"], r["precision"]): r for r in found["rows"]}
    assert {
        (what, members, 2, "fp32") for what, members in (("environment", 1), ("inference", 1), ("training", 3))
    } <= set(rows)
    for row in rows.values():
        assert row["device"] == found["device"]["kind"]
        assert 0 < row["min"] <= row["steps_per_s"] <= row["max"]
        assert row["counted"]["kernels_per_slot"] > 10
        assert row["memory_mb"]["alias"] > 0  # the state is donated
    assert all("kernels" in one for one in found["profile"].values())
    assert len(found["compilation"]) >= 4
    text = (tmp_path / "bench.md").read_text()
    assert "| an episode at twin | 0 | 0.0e+00 |" in text
    assert "FAILED" not in text
    assert "Ratios" not in text


def test_a_speed_stands_without_its_counts():
    env, params = make("tiny")
    case = cases.of(cases.ENVIRONMENT, env, params, A2C(), 5, 1, 3)
    assert set(speed.counted(case, "no program", 1.0)) == {"error"}
    text = "ENTRY %main (a: f32[8]) -> f32[8] {\n  %a = f32[8]{0} parameter(0)\n  ROOT %b = f32[8]{0} negate(%a)\n}\n"
    found = speed.counted(case, text, 120.0)
    assert found["kernels_per_slot"] == 1 / 12
    assert found["bytes_per_step"] == 64 / 60
    assert found["measured_over_estimated"] == pytest.approx(120.0 / (60 / 2e-6))


def test_a_case_that_cannot_be_compiled_leaves_the_others():
    class Bad:
        def lower(self):
            raise TypeError("no such shape")

    class Large:
        def lower(self):
            return self

        def compile(self):
            raise RuntimeError("out of memory")

    class Good(Large):
        def compile(self):
            return "a program"

    bad, large, good = speed.compile_together([Bad(), Large(), Good()], 2)
    assert [str(bad), str(large)] == ["no such shape", "out of memory"]
    assert (good.program, good.alone) == ("a program", False)
    run, _ = made()
    run.step("bad", lambda: run.measure(bad))
    assert run.found["left_out"] == {"bad": "TypeError: no such shape"}


def test_what_does_not_fit_into_the_memory_says_so(monkeypatch):
    class Device:
        @staticmethod
        def memory_stats():
            return {"bytes_limit": 10}

    env, params = make("tiny")
    case = cases.of(cases.ENVIRONMENT, env, params, A2C(), 1, 1, 3)
    sizes = {f"{name}_size_in_bytes": 1e6 for name in ("argument", "output", "temp", "alias")}
    program = SimpleNamespace(memory_analysis=lambda: SimpleNamespace(**sizes))
    compiled = speed.Compiled(case, program, 0.0, 0.0, True)
    speed.check_memory(compiled)  # a CPU does not say what it has
    monkeypatch.setattr(jax, "devices", lambda: [Device()])
    with pytest.raises(UserError, match="needs 2 MB of the device's 0 MB"):
        speed.check_memory(compiled)


def test_an_unfinished_record_has_tables():
    run, _ = made()
    titles = [title for title, *_ in tables(run.found)]
    assert titles == ["Accelerator"]
    run.found["left_out"]["x"] = "no time left"
    assert [rows for title, _, rows in tables(run.found) if title == "Left out"] == [[["x", "no time left"]]]
