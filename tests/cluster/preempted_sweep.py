"""A sweep of eight jobs: one is preempted, one killed. Run in `with_slurm.sh`; the last line says what happened."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SPACE = """
[base]
preset = "tiny"
[base.train]
updates = 1500
envs = 4
rollout = 6
hidden = 8
chunk = 50
[space]
"hyper.actor_lr" = { log_uniform = [1e-4, 1e-1] }
"""
SLURM = """
[slurm]
partition = "low"
cpus = 2
minutes = 60
"""


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def running():
    """Jobs of the sweep that run: (job, batch's process)."""
    found = []
    for line in ask("squeue", "--noheader", "--array", "--states=R", "--partition=low", "--format=%i").split():
        task = ask("scontrol", "show", "job", line)
        found.append((line, re.search(r"JobId=(\d+)", task)[1]))
    return found


def worker(number):
    """The process that trains in a job: it has the job's number in its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if (
            f"SLURM_JOB_ID={number}".encode() in environment
            and b"submitit.core._submit" in command
            and b"srun" not in command
        ):
            return int(process.name)
    return None


def until(what, found, seconds=120):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        value = found()
        if value:
            return value
        time.sleep(0.2)
    raise SystemExit(f"{what}: not within {seconds} s")


def checkpointed(out):
    """Batches that are at work and have a checkpoint."""
    return [
        f.parent.parent
        for f in out.glob("batches/*/checkpoint/*/manifest.json")
        if not list(f.parent.parent.parent.glob("results.parquet"))
    ]


def main(folder):
    out = folder / "sweep"
    (folder / "space.toml").write_text(SPACE)
    (folder / "cluster.toml").write_text(SLURM)
    command = [
        sys.executable,
        "-m",
        "eco_jax",
        "sweep",
        str(folder / "space.toml"),
        "--out",
        str(out),
        "--trials",
        "16",
        "--batch",
        "2",
        "--launcher",
        "slurm",
        "--slurm",
        str(folder / "cluster.toml"),
        "--save-s",
        "0.2",
    ]
    sweep = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until("a checkpoint", lambda: sweep.poll() is not None or checkpointed(out))
    if sweep.poll() is not None:
        raise SystemExit(sweep.stdout.read())
    until("two jobs", lambda: len(running()) == 2)
    subprocess.run(["srun", "--partition=high", "--nodes=1", "--cpus-per-task=2", "sleep", "1"], check=True)
    waiting = until(
        "the requeued job",
        lambda: re.findall(r"(\S+) PD BeginTime", ask("squeue", "--noheader", "--array", "--format=%i %t %r")),
    )
    preempted = waiting[0]
    ask("scontrol", "update", f"JobId={preempted}", "StartTime=now")  # a requeued job waits for two minutes otherwise
    job, number = next((j, n) for j, n in until("a job", running) if j != preempted)
    pid = until("the process", lambda: worker(number))
    os.kill(pid, signal.SIGKILL)
    said, _ = sweep.communicate(timeout=600)
    print(json.dumps({"code": sweep.returncode, "said": said, "preempted": preempted, "killed": job}))


main(Path(sys.argv[1]))
