"""The command: every suite runs, the record is whole, and what it shows is what was measured."""

import json

import pytest

from eco_jax.bench import record, report
from eco_jax.cli.main import main


def test_every_ratio_has_a_meaning():
    assert set(report.MEANING) == set(record.RATIOS)


def test_the_four_numbers_come_from_their_suites():
    assert set(report.headline({}).values()) == {None}
    row = {"steps_per_s": 100.0}
    details = {
        "env": {"against": {"ours": {"steps_per_s": 9.0}}},
        "train": {"compile_s": 3.0, "settings": {"env_steps": 500}, "training": row},
        "population": [{"steps_per_s": 1.0}, {"steps_per_s": 7.0}],
    }
    assert list(report.headline(details).values()) == [9.0, 100.0, 7.0, 8.0]


@pytest.fixture(scope="module")
def env_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    assert main(["bench", "--suite", "env", "--size", "smoke", "--out", str(out), "--peers", str(out / "none")]) == 0
    return out


@pytest.mark.bench
def test_the_suite_of_the_environment(env_run):
    bench = json.loads((env_run / "bench.json").read_text())
    assert set(bench["ratios"]) == set(record.RATIOS)
    for name in ("env.vs_numpy_single", "env.vs_numpy_vectorized", "env.growth_256_to_4096"):
        spread = bench["details"]["spread"][name]
        assert 0 < spread["min"] <= spread["median"] <= spread["max"]
        assert bench["ratios"][name] == spread["median"]
    assert bench["ratios"]["train.vs_sb3"] is None
    assert "make peers" in bench["missing"]["env.vs_mobile_env"]
    rows = bench["details"]["env"]["envs"]
    assert [row["envs"] for row in rows] == [1, 2]
    assert all(row["decisions_per_s"] == pytest.approx(30 * row["steps_per_s"]) for row in rows)
    profile = bench["details"]["env"]["profile"]
    assert sum(profile.values()) == pytest.approx(1.0)
    # Named scopes survive compilation: the parts are told apart.
    assert {"nearest", "features", "outcome", "draw"} <= set(profile)
    assert "cpu" in bench["device"]
    assert "jax" in bench["versions"]


@pytest.mark.bench
def test_its_table_and_figure(env_run):
    text = (env_run / "bench.md").read_text()
    bench = json.loads((env_run / "bench.json").read_text())
    assert f"| `env.vs_numpy_single` | {bench['ratios']['env.vs_numpy_single']:.3g} |" in text
    assert "no environment" in text
    assert (env_run / "bench.png").stat().st_size > 10_000


@pytest.mark.bench
@pytest.mark.parametrize("suite", ["train", "sweep"])
def test_the_other_suites(suite, tmp_path):
    arguments = ["bench", "--suite", suite, "--size", "smoke", "--out", str(tmp_path), "--peers", str(tmp_path)]
    assert main(arguments) == 0
    bench = json.loads((tmp_path / "bench.json").read_text())
    measured = {name for name, value in bench["ratios"].items() if value is not None}
    expected = {
        "train": {"train.matmul_share", "train.network_share", "train.vs_dummy_env"},
        "sweep": {"population.aggregate_vs_single", "population.time_16x16", "population.time_256x16"},
    }
    assert measured == expected[suite]
    assert all(bench["ratios"][name] > 0 for name in measured)
    assert (tmp_path / "bench.md").read_text().startswith("# Benchmark: ")


@pytest.mark.bench
def test_the_doors(tmp_path):
    assert main(["bench", "--suite", "doors", "--size", "smoke", "--out", str(tmp_path), "--peers", str(tmp_path)]) == 0
    bench = json.loads((tmp_path / "bench.json").read_text())
    for name in ("gymnasium", "gymnasium_vector", "gymnax"):
        assert bench["ratios"][f"doors.{name}"] > 0
        assert bench["details"]["doors"][f"doors.{name}"]["steps_per_s"] > 0
    for name in ("sb3", "pettingzoo"):
        assert (bench["ratios"][f"doors.{name}"] is None) == (f"doors.{name}" in bench["missing"])
    assert "| doors.gymnasium_vector | 1 |" in (tmp_path / "bench.md").read_text()


def test_a_checkout_of_purejaxrl_must_be_one(tmp_path, capsys):
    assert main(["bench", "--purejaxrl", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"eco-jax bench: --purejaxrl {tmp_path}: holds no purejaxrl/ppo.py\n"
    assert not (tmp_path / "out").exists()
