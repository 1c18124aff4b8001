"""The comparison, end to end at toy size, and its words."""

import json

import matplotlib.image
import numpy as np
import pytest

from eco_jax.env import make
from eco_jax.report import reproduce as study
from eco_jax.report.figures import by_episode
from eco_jax.train.config import Hyper, TrainConfig
from eco_jax.train.loop import Learner


def found(twin, none):
    """Made-up evaluations: [seeds, episodes] of every metric."""

    def rows(value, seeds):
        return {metric: np.full((seeds, 4), value) for metric in study.METRICS.values()}

    agents = {f"a2c-{level}": rows(value, 2) for level, value in (("twin", twin), ("telemetry", 2.0), ("none", none))}
    rules = {name: rows(0.5, 1) for name in ("greedy-twin", "greedy-telemetry", "greedy-none", "nearest-full", "local")}
    return agents | rules | {"random": rows(0.0, 1)}


def test_headline_says_what_was_measured_in_either_direction():
    better, worse = (study.summarise(found(*pair)) for pair in ((3.0, 1.0), (1.0, 3.0)))
    assert "QoE +200.0%" in study.headline(better)[0]
    assert "QoE -66.7%" in study.headline(worse)[0]
    assert better["comparisons"]["share_of_way_to_greedy_twin"]["least"] == 6.0
    assert study.table_lines(better)[2].startswith("| a2c-twin |")
    assert study.table_lines(worse)[2].startswith("| a2c-none |")


def test_by_episode():
    curve = np.arange(7.0)[:, None]
    assert by_episode(curve, 3).tolist() == [[1.0], [4.0]]


@pytest.mark.slow
def test_toy_study_end_to_end(tmp_path):
    env, params = make("tiny")
    train = TrainConfig(envs=4, rollout=6, hidden=8)
    profile = study.Profile(updates=8, seeds=2, episodes=4)
    fitted, values = study.reproduce(env, params, train, Hyper(), profile)
    study.write(tmp_path, Learner(env, train), fitted, values, {"profile": "toy"})
    results = json.loads((tmp_path / "results.json").read_text())
    names = {
        "a2c-twin", "a2c-telemetry", "a2c-none", "greedy-twin", "greedy-telemetry", "greedy-none", "nearest-full",
        "local", "random",
    }  # fmt: skip
    assert names <= set(results["policies"])
    for row in results["policies"].values():
        assert set(row) == {"reward", "energy_j", "latency_s", "qoe"}
        assert all(v["lo"] <= v["mean"] <= v["hi"] for v in row.values())
    assert results["policies"]["local"]["energy_j"]["mean"] == pytest.approx(values["local"]["energy"].mean())
    for name in ("fig3a", "fig3b"):
        assert matplotlib.image.imread(tmp_path / f"{name}.png").std() > 0
        rows = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert rows[0].startswith("episode,twin-seed0,twin-seed1,telemetry-seed0")
        assert len(rows) == 1 + 8 * 6 // 12
