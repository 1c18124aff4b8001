"""`bench` replaces its own results, and nothing else."""

import pytest

from eco_jax.bench import report
from eco_jax.cli.main import main

BENCH = {"device": "x", "details": {}, "ratios": {}, "seconds": {}, "missing": {}, "versions": {}}


@pytest.mark.parametrize("name", ["bench.json", "bench.md", "bench.png"])
def test_a_file_of_somebody_else_stays(capsys, tmp_path, name):
    (tmp_path / name).write_text("{}")
    assert main(["bench", "--out", str(tmp_path)]) == 2
    assert f"{tmp_path / name}: is there already and was not written by this command" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "{}")]


def test_its_own_results_are_replaced(tmp_path):
    report.check(tmp_path / "new")
    for _ in range(2):
        report.check(tmp_path)
        assert report.write(tmp_path, BENCH) == ["bench.json", "bench.md"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "bench.md"]


def test_rows_of_suites_that_were_not_run_are_left_out():
    """But a ratio that was asked for and not had says why."""
    ratios = {"env.vs_numpy_single": None, "cartpole.vs_rejax": None, "cartpole.vs_purejaxrl": 1.25}
    missing = {"cartpole.vs_rejax": "no environment .peers/rejax"}
    lines = report.tables(BENCH | {"ratios": ratios, "missing": missing})
    assert [line.split(" | ")[0] for line in lines if line.startswith("| `")] == [
        "| `cartpole.vs_rejax`", "| `cartpole.vs_purejaxrl`",
    ]  # fmt: skip
    assert any("no environment .peers/rejax" in line for line in lines)
    assert "## Four numbers" not in lines
