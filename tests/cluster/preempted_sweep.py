"""A sweep as jobs, one preempted and one killed. Run in `with_slurm.sh`; its last line says what happened."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

SLURM = """
[slurm]
partition = "low"
cpus = 2
minutes = 60
"""


def ask(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def running():
    """Jobs of the sweep that run: (job, its own number)."""
    jobs = ask("squeue", "--noheader", "--array", "--states=R", "--partition=low", "--format=%i %A").splitlines()
    return [tuple(line.split()) for line in jobs]


def at_work(but):
    """A running job, the newest first, and the process that trains in it."""
    for job, number in running()[::-1]:
        if job != but and (process := worker(number)):
            return job, process
    return None


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


def main(folder, command):
    out = folder / "sweep"
    (folder / "cluster.toml").write_text(SLURM)
    flags = ["--launcher", "slurm", "--slurm", str(folder / "cluster.toml"), "--save-s", "0.2", "--out", str(out)]
    sweep = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
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
    while True:  # a job may come to its end just before it is hit
        job, process = until("another job", lambda: at_work(preempted))
        os.kill(process, signal.SIGKILL)
        if not (out / "batches" / f"{int(job.split('_')[1]):04d}" / "results.parquet").exists():
            break
    said, _ = sweep.communicate(timeout=600)
    print(json.dumps({"code": sweep.returncode, "said": said, "preempted": preempted, "killed": job}))


main(Path(sys.argv[1]), sys.argv[2:])
