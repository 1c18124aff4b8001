"""Every algorithm, and every kind of network, killed in a process of its own and resumed: the same to the bit."""

import json
import signal
import subprocess
import sys
import time

import pytest

from eco_jax.cli.main import main
from eco_jax.train.checkpoint import steps

pytestmark = pytest.mark.long

FLAGS = [
    "--preset", "tiny", "--train.updates", "600", "--train.rollout", "6", "--train.envs", "4", "--train.chunk", "20",
    "--network.hidden", "8", "--seeds", "2",
]  # fmt: skip
LEARNERS = {
    "ppo": ["--algorithm", "ppo", "--algorithm.minibatches", "2"],
    "mappo": ["--algorithm", "mappo", "--algorithm.minibatches", "2", "--algorithm.critic-hidden", "4"],
    "pqn": ["--algorithm", "pqn", "--algorithm.minibatches", "2"],
    "gru": ["--network", "gru", "--network.memory", "4"],
    "attention": ["--network", "attention"],
    "attention over users": ["--network", "attention", "--network.users"],
}


@pytest.mark.parametrize("learner", LEARNERS)
def test_killed_it_resumes_to_the_same(learner, tmp_path):
    whole, out, own = tmp_path / "whole", tmp_path / "run", [*FLAGS, *LEARNERS[learner]]
    assert main(["train", "--out", str(whole), *own]) == 0
    command = [sys.executable, "-m", "eco_jax", "train", "--out", str(out), *own, "--save-updates", "20"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and len(steps(out / "checkpoint")) < 2:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "summary.json").exists()
    assert main(["train", "--out", str(out), *own, "--resume"]) == 0
    ends = [json.loads((folder / "summary.json").read_text())["params_sha256"] for folder in (whole, out)]
    assert ends[0] == ends[1]
    assert (whole / "metrics.jsonl").read_bytes() == (out / "metrics.jsonl").read_bytes()
