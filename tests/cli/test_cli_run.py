"""From nothing to a trained and evaluated agent, through the command line."""

import json

import numpy as np
import pytest

from eco_jax.cli.main import main
from eco_jax.run import settings
from eco_jax.train import fit

UPDATES = 20
SMALL = [  # the same program as in `test_cli_resume`, so that it is compiled once
    "--preset", "tiny", "--knowledge", "telemetry", "--train.updates", str(UPDATES), "--train.rollout", "6",
    "--train.envs", "4", "--network.hidden", "8", "--network.layers", "1", "--train.chunk", "20",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--out", str(out), "--seeds", "2", *SMALL]) == 0
    return out


def test_a_run_leaves_what_a_program_can_read(run):
    summary = json.loads((run / "summary.json").read_text())
    assert summary["updates"] == UPDATES
    assert summary["env_steps"] == UPDATES * 6 * 4 * 2
    assert all(
        isinstance(summary[name], float) for name in ("reward", "energy_j", "latency_s", "qoe", "wall_s", "compile_s")
    )
    assert [m["seed"] for m in summary["members"]] == [0, 1]
    assert len({m["params_sha256"] for m in summary["members"]} | {summary["params_sha256"]}) == 3
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [(row["update"], row["seed"]) for row in rows] == [(u, s) for u in range(UPDATES) for s in (0, 1)]
    assert sum(value for name, value in rows[0].items() if name.startswith("energy/")) == pytest.approx(
        rows[0]["energy"], rel=1e-4
    )


def test_the_resolved_config_repeats_the_run(run, tmp_path):
    config = settings.from_toml(run / "config.toml")
    assert config.knowledge == "telemetry"
    assert config.env.users == 3
    assert config.values["physics.side"] == 1000
    again = tmp_path / "again"
    assert main(["train", "--out", str(again), "--config", str(run / "config.toml"), "--seeds", "2"]) == 0
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in (run, again))
    assert first["params_sha256"] == second["params_sha256"]


def test_force_replaces_a_run(run, tmp_path, capsys):
    out = tmp_path / "again"
    for flags in ([], ["--force"]):
        assert main(["train", "--out", str(out), *SMALL, "--seeds", "2", *flags]) == 0
    assert main(["train", "--out", str(out), *SMALL]) == 2
    assert "holds a run already" in capsys.readouterr().err


THREE = ["--rules", "greedy,local,random"]
"""Compiling all takes long."""


def test_evaluate_agents_and_rules_on_the_same_episodes(run, tmp_path, capsys):
    result = tmp_path / "result.json"
    assert main(["evaluate", "--checkpoint", str(run), "--episodes", "4", "--json", str(result), *THREE]) == 0
    captured = capsys.readouterr()
    assert "greedy" in captured.out
    assert "eco-jax evaluate: compiling 2 x a2c-telemetry on 4 episodes" in captured.err
    assert "eco-jax evaluate: played 4 of 4" in captured.err
    values = json.loads(result.read_text())
    assert {"a2c-telemetry", "a2c-telemetry sampled", "greedy", "local", "random"} <= set(values)
    assert values["local"]["offloaded"]["mean"] == 0
    assert values["a2c-telemetry"]["reward"]["lo"] <= values["a2c-telemetry"]["reward"]["mean"]
    assert main(["evaluate", "--checkpoint", str(run), "--episodes", "4", "--env.candidates", "2"]) == 2
    assert "its network takes" in capsys.readouterr().err


@pytest.mark.long  # a program of its own; the page about data goes the same way in `make test-docs`
def test_a_trace_from_rows_to_a_run(tmp_path, capsys):
    rows, trace = tmp_path / "rows", tmp_path / "trace.npz"
    assert main(["data", "synthesize", "--out", str(rows), "--taxis", "200", "--hours", "1"]) == 0
    assert main(["data", "prepare", "--source", str(rows), "--out", str(trace), "--densest"]) == 0
    assert "segments" in capsys.readouterr().out
    flags = [
        "--trace", str(trace), "--train.updates", "1", "--train.envs", "2", "--train.rollout", "6", "--env.users", "4",
        "--env.servers", "4", "--env.candidates", "2", "--network.hidden", "8", "--network.layers", "1",
    ]  # fmt: skip
    assert main(["train", "--out", str(tmp_path / "run"), *flags]) == 0
    assert (tmp_path / "run" / "summary.json").exists()
    assert settings.from_toml(tmp_path / "run" / "config.toml").values["mobility"] == "trace"


def test_nan_stops_with_its_cause_and_a_code_of_its_own(run, tmp_path, capsys, monkeypatch):
    def not_finite(metrics, start):
        return dict.fromkeys(range(2), f"update {start}: loss not finite")

    monkeypatch.setattr(fit, "not_finite", not_finite)
    out = tmp_path / "run"
    assert main(["train", "--out", str(out), "--seeds", "2", *SMALL]) == 3
    said = capsys.readouterr().err.splitlines()
    assert "eco-jax train: stopped: member 0, update 0: loss not finite; the parameters before it are kept" in said
    assert (out / "last-finite" / "0" / "manifest.json").exists()
    assert not (out / "summary.json").exists()


def test_what_is_not_finite_is_found_with_its_term():
    metrics = {"loss": np.array([[0.0, 1.0], [np.nan, 1.0]]), "finite": np.array([[1.0, 1.0], [0.0, 1.0]])}
    assert fit.not_finite(metrics, 10) == {0: "update 11: loss not finite"}
