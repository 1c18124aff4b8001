"""An agent with a memory from the command line to Python: trained, ended, resumed, played and compared."""

import json
import os
import signal

import jax
import numpy as np
import pytest

from eco_jax.api import evaluate, load
from eco_jax.cli.main import main
from eco_jax.train import sinks
from eco_jax.train.evaluate import Remembering

pytestmark = pytest.mark.long

FLAGS = [
    "--preset", "tiny", "--train.updates", "12", "--train.rollout", "3", "--train.envs", "4", "--train.chunk", "3",
    "--network", "gru", "--network.memory", "4", "--network.hidden", "8", "--network.layers", "1", "--seeds", "2",
    "--save-s", "0",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--out", str(out), *FLAGS]) == 0
    return out


def test_ended_in_the_middle_of_episodes_it_resumes_to_the_same(run, tmp_path, monkeypatch):
    """Rollouts of 3 slots in episodes of 12: after 9 updates all episodes go on."""
    whole, rows = json.loads((run / "summary.json").read_text()), sinks.MetricsFile.chunk

    def ended(self, chunk):
        rows(self, chunk)
        if chunk.done == 9:
            os.kill(os.getpid(), signal.SIGTERM)

    out = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(sinks.MetricsFile, "chunk", ended)
        assert main(["train", "--out", str(out), *FLAGS]) == 128 + signal.SIGTERM
    assert not (out / "summary.json").exists()
    assert main(["train", "--out", str(out), *FLAGS, "--resume"]) == 0
    assert json.loads((out / "summary.json").read_text())["params_sha256"] == whole["params_sha256"]
    assert (out / "metrics.jsonl").read_bytes() == (run / "metrics.jsonl").read_bytes()


def test_it_is_played_the_same_from_the_command_line_and_from_python(run, tmp_path):
    result = tmp_path / "result.json"
    assert main(["evaluate", "--checkpoint", str(run), "--episodes", "4", "--json", str(result), "--no-rules"]) == 0
    shown = json.loads(result.read_text())["a2c-twin"]["reward"]["mean"]
    found = load(run)
    values = evaluate(found, episodes=4)["reward"]
    assert shown == pytest.approx(values.mean(), abs=1e-5)
    policy = found.policy(1)
    assert isinstance(policy, Remembering)
    one = evaluate(policy, found.env, found.params, episodes=4)["reward"]
    np.testing.assert_allclose(one, values[1], rtol=1e-5, atol=1e-6)
    observation, state = found.env.reset(jax.random.key(0), found.params)
    _, memory = policy.act(policy.start, jax.random.key(1), observation, state, found.params)
    assert memory.shape == policy.start.shape == (3, 4)
    assert memory.any()
    assert not policy.start.any()
    assert main(["compare", str(run), "local", "--episodes", "4", "--json", str(tmp_path / "compared.json")]) == 0
    assert "local" in (tmp_path / "compared.json").read_text()
