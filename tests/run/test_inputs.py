"""Files that a run reads: what they decide, what is recorded of them, and what yields to them."""

import numpy as np
import pytest

from eco_jax.data import from_tracks, save
from eco_jax.errors import UserError
from eco_jax.run import settings
from eco_jax.run.config import default, resolve

SITES = "id,lat,lon,cpu_ghz,cache_slots\n" + "".join(
    f"s{k},{59.995 + 0.005 * (k // 3):.3f},{9.99 + 0.01 * (k % 3):.2f},{8 + k},{1 + k % 2}\n" for k in range(9)
)
TASKS = "data_kb,cycles_per_bit,deadline_ms\n100,125,80\n200,60,100 # here\n400,40,300\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "sites.csv").write_text(SITES)
    (tmp_path / "tasks.csv").write_text(TASKS)
    t = np.arange(0, 1001, 100)
    way = np.array([[10.0, 60.0]]) + np.stack([-0.01 + 2e-5 * t, 0 * t], axis=1)
    save(tmp_path / "trace.npz", from_tracks(["a"] * 11, t, way, degrees=True, centre=(10.0, 60.0)))
    return tmp_path


def test_what_they_decide_is_recorded(files):
    config = resolve({"sites": files / "sites.csv", "workload": files / "tasks.csv"})
    wanted = {
        "env.servers": 9, "physics.side": 1490.0, "physics.server_min": 8.0, "physics.server_max": 16.0,
        "physics.replica_slots": 2.0, "coverage": "soft", "tasks": "rows", "physics.data_min": 100.0,
        "physics.data_max": 400.0, "physics.density_min": 320.0, "physics.density_max": 1000.0,
        "physics.deadline_min": 80.0, "physics.deadline_max": 300.0,
    }  # fmt: skip
    assert {name: config.values[name] for name in wanted} == wanted
    env, params = config.make()
    assert (env.config.servers, params.server_min.shape, params.replica_slots.tolist()) == (9, (9,), [1, 2] * 4 + [1])
    assert params.tasks.table.data.tolist() == [8e5, 1.6e6, 3.2e6]
    hashes = settings.input_hashes(config)
    assert set(hashes) == {"sites_sha256", "workload_sha256"}
    text = settings.to_toml(config, {"seed": 0, **hashes})
    (files / "config.toml").write_text(text)
    again = resolve(*settings.base(file=files / "config.toml")[:2])
    assert again == config
    settings.check_inputs(again, settings.recorded(files / "config.toml"), files / "config.toml")
    (files / "tasks.csv").write_text(TASKS.replace("100,125", "100,126"))
    with pytest.raises(UserError, match=r"tasks.csv: is not the file that .*config.toml was made with \(SHA-256"):
        settings.check_inputs(again, settings.recorded(files / "config.toml"), files / "config.toml")


def test_sites_stand_in_the_window_of_the_trace(files):
    config = resolve({"sites": files / "sites.csv", "trace": files / "trace.npz", "env.users": 3})
    assert (config.values["physics.side"], config.values["env.servers"]) == (3000.0, 9)
    _, params = config.make()
    np.testing.assert_allclose(params.sites[4], [1500, 1500], atol=0.5)  # 60.000 N 10.00 E


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"physics.data_max": 500.0}, r"physics.data_max = 500.0: .*tasks.csv has 400.0, and decides it"),
        ({"tasks": "uniform"}, r"tasks = 'uniform': .*tasks.csv has 'rows', and decides it"),
        ({"physics.server_max": 12.0}, r"physics.server_max = 12.0: .*sites.csv has 16.0, and decides it"),
        ({"physics.side": 3000.0}, r"physics.side = 3000.0: .*sites.csv has 1490.0, and decides it"),
        ({"physics.replica_slots": 3}, r"physics.replica_slots = 3: .*sites.csv has 2.0, and decides it"),
        ({"workload": None, "tasks": "rows"}, r"tasks = 'rows': needs a workload file"),
    ],
)
def test_what_they_decide_cannot_be_given(files, given, said):
    with pytest.raises(UserError, match=said):
        resolve({"sites": files / "sites.csv", "workload": files / "tasks.csv", **given})


def test_a_preset_yields_to_what_a_file_decides_and_to_nothing_else(files):
    plain = files / "plain.csv"
    plain.write_text("x,y\n100,200\n300,400\n500,600\n700,800\n")
    city = settings.preset("city")
    assert resolve({"sites": plain}, city).values["physics.replica_slots"] == 8
    with_own = resolve({"sites": files / "sites.csv"}, city)
    assert with_own.values["physics.replica_slots"] == 2
    back = resolve({"sites": None, "workload": None}, {**with_own.values, **{"workload": None}})
    assert back.values["env.servers"] == default().values["env.servers"]
    assert back.values["physics.server_max"] == 12
    rows = resolve({"workload": files / "tasks.csv"})
    assert resolve({"workload": None}, rows.values).values == default().values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no tasks: a header with data_kb, deadline_ms and one of cycles_per_bit, cycles_per_byte"),
        ("1,2,3\n", "line 1: '1,2,3': must be a header with data_kb"),
        (
            "data_kb,deadline_ms,density\n1,2,3\n",
            "line 1: needs columns data_kb, .*; there are 'data_kb', 'deadline_ms'",
        ),
        ("data_kb,deadline_ms,cycles_per_bit\n", "holds no tasks: rows below the header"),
        (
            "data_kb;deadline_ms;cycles_per_bit\n1;2;3\n1,5;2;3\n",
            "line 3: data_kb = '1,5': must be a number; a decimal",
        ),
        ("data_kb,deadline_ms,cycles_per_bit\n1,2,0\n", "line 2: cycles_per_bit = 0: must lie in .* cycles"),
        ("data_kb,deadline_ms,cycles_per_bit\n1,nan,1\n", "line 2: deadline_ms = nan: must lie in .* ms"),
        ("data_kb,deadline_ms,cycles_per_bit\n1,2\n", "line 2: '1,2': ends before the column cycles_per_bit"),
    ],
)
def test_a_bad_row_of_a_workload_is_named(tmp_path, text, said):
    path = tmp_path / "tasks.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        resolve({"workload": path})
    assert str(path) in str(caught.value)
    with pytest.raises(UserError, match=r"missing.csv: cannot be read: No such file"):
        resolve({"workload": tmp_path / "missing.csv"})
