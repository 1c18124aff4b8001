"""A real SLURM of two nodes on this machine: sweeps as jobs, and one run in two processes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

HERE = Path(__file__).parent
SPACE = """
[base]
preset = "tiny"
[base.train]
updates = 1500
envs = 4
rollout = 6
chunk = 50
[base.network]
hidden = 8
[space]
"algorithm.actor_lr" = { log_uniform = [1e-4, 1e-1] }
"""
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "unshare", "ip"))),
        reason="needs root, slurm-wlm, munge and iproute2",
    ),
]


def under_slurm(folder, *command):
    """What a command says, run beside a SLURM of its own."""
    done = subprocess.run(
        ["timeout", "-k", "5", "500", str(HERE / "with_slurm.sh"), str(folder), *command],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("jobs", [4, 8], ids=["four", "eight"])
def test_a_sweep_of_jobs_one_preempted_one_killed(jobs, tmp_path):
    (tmp_path / "space.toml").write_text(SPACE)
    sweep = ["sweep", str(tmp_path / "space.toml"), "--trials", str(2 * jobs), "--batch", "2"]
    command = [sys.executable, "-m", "eco_jax", *sweep]
    subprocess.run([*command, "--out", str(tmp_path / "here")], check=True, capture_output=True)

    output = under_slurm(tmp_path / "slurm", sys.executable, str(HERE / "preempted_sweep.py"), str(tmp_path), *command)
    happened = json.loads(output.splitlines()[-1])
    assert happened["code"] == 0, happened["said"]
    assert happened["preempted"] != happened["killed"]
    logs = {path.name: path.read_text() for path in (tmp_path / "sweep" / "slurm").glob("*_log.out")}
    log = logs[f"{happened['preempted']}_0_log.out"]  # SLURM puts the job back into its queue, or the job itself does
    assert log.index("this job is preempted") < log.rindex("Starting with JobEnvironment")
    assert f"job {happened['killed']} is gone without a result: submitted again" in happened["said"]
    assert any("going on after update" in log for log in logs.values())
    frame = pl.read_parquet(tmp_path / "sweep" / "results.parquet")
    assert frame["trial"].to_list() == list(range(2 * jobs))
    assert frame.equals(pl.read_parquet(tmp_path / "here" / "results.parquet"))  # the same bits as without a cluster


def test_one_run_in_two_processes(tmp_path):
    run = [
        sys.executable, "-m", "eco_jax", "train", "--preset", "tiny", "--seeds", "2", "--train.envs", "8",
        "--train.rollout", "6", "--network.hidden", "8", "--train.updates", "12", "--train.chunk", "4",
        "--save-updates", "4",
    ]  # fmt: skip
    under_slurm(tmp_path / "slurm", "srun", "-N2", "-n2", *run, "--distributed", "--out", str(tmp_path / "two"))
    subprocess.run([*run, "--out", str(tmp_path / "one")], check=True, capture_output=True)
    one, two = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 24
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=2e-4, atol=1e-5)
