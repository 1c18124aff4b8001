"""PQN from the command line: trained, evaluated, swept."""

import json

import pytest

from eco_jax.cli.main import main

SMALL = [
    "--preset",
    "smoke",
    "--env.users",
    "3",
    "--env.servers",
    "9",
    "--physics.side",
    "1000",
    "--train.updates",
    "4",
]


@pytest.mark.long
def test_train_and_evaluate(tmp_path, capsys):
    out, found = tmp_path / "run", tmp_path / "found.json"
    own = [
        "--algorithm",
        "pqn",
        "--network.norm",
        "layer",
        "--algorithm.epsilon",
        "0.5",
        "--algorithm.minibatches",
        "2",
    ]
    assert main(["train", "--out", str(out), *SMALL, *own]) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["epsilon"] for row in rows][:2] == [0.5, 0.5]
    assert rows[-1]["epsilon"] == pytest.approx(0.05)
    assert all({"q", "q_loss", "explained_variance"} <= row.keys() for row in rows)
    command = ["evaluate", "--checkpoint", str(out), "--episodes", "2", "--rules", "local", "--json", str(found)]
    assert main(command) == 0
    assert {"pqn-twin", "pqn-twin sampled", "local"} <= set(json.loads(found.read_text()))


@pytest.mark.long
def test_its_numbers_are_swept_in_one_program(tmp_path, capsys):
    space = tmp_path / "space.toml"
    space.write_text("""
[base]
preset = "tiny"
algorithm = { kind = "pqn", minibatches = 2 }
network = { norm = "layer", hidden = 8 }
env = { users = 3, servers = 9 }
physics = { side = 1000 }
train = { updates = 2, envs = 2, rollout = 6 }
[space]
"algorithm.lr" = { log_uniform = [1e-4, 1e-2] }
"algorithm.final_epsilon" = { uniform = [0.01, 0.2] }
"algorithm.decay" = { uniform = [0.0, 1.0] }
""")
    assert main(["sweep", str(space), "--out", str(tmp_path / "sweep"), "--trials", "3"]) == 0
    best = (tmp_path / "sweep" / "best.toml").read_text()
    assert 'kind = "pqn"' in best
    assert len((tmp_path / "sweep" / "leaderboard.csv").read_text().splitlines()) == 4
    assert len(list((tmp_path / "sweep").rglob("batch.json"))) == 1  # one group: numbers are traced
