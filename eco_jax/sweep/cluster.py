"""Batches as SLURM jobs, through submitit: the same `train_batch` as here, one batch a job.

Jobs are requeued by submitit when they are preempted or out of time, and go on from their checkpoints. What dies
otherwise is submitted again. Which job trains a batch stands in its folder, so that a sweep that is started again
finds the jobs of the one before.
"""

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from eco_jax import plugins
from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.run.folder import Saving, trained
from eco_jax.run.toml import read_toml
from eco_jax.settings import check as check_settings
from eco_jax.settings import number, similar, specs, text, whole
from eco_jax.sweep import batch, training
from eco_jax.train.interrupt import Interrupted, Stop

SAVED_WITHIN_S = 60.0
"""From the signal to the state on disk, before a job asks to be requeued."""


@dataclass(frozen=True)
class Slurm:
    """What jobs ask of SLURM: `[slurm]` of a TOML file."""

    section: ClassVar[str] = "slurm"
    partition: str = text("", "partition; empty: the cluster's default")
    minutes: int = whole(60, 1, 10**6, "time limit of a job, min; when it is over the job is requeued and goes on")
    cpus: int = whole(2, 1, 10**4, "CPU cores of a job")
    gpus: int = whole(0, 0, 10**4, "GPUs of a job")
    memory_gb: float = number(4, "-", 0.001, 1e6, "", "", "memory of a job, GB")
    at_once: int = whole(256, 1, 10**6, "most jobs that run at the same time")
    retries: int = whole(3, 0, 10**4, "times that a job which died is submitted again")
    warning_s: int = whole(60, 1, 10**6, "time before the limit at which SLURM warns a job, s")
    setup: list[str] = field(default_factory=list)
    """Shell lines that run before a job (`module load cuda`)."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further options of sbatch, by their long names (`account = "..."`)."""

    def __post_init__(self) -> None:
        known = specs(type(self))
        own = {name: getattr(self, name) for name in known}
        for name, value in check_settings(type(self), self.section, own).items():
            object.__setattr__(self, name, value)
        if not isinstance(self.setup, list) or not all(isinstance(line, str) for line in self.setup):
            raise UserError("slurm.setup: must be a list of shell lines")
        if not isinstance(self.options, dict):
            raise UserError("slurm.options: must be a table")


def from_toml(path: Path | None) -> Slurm:
    """The settings of a file; the defaults without one.

    Raises:
        UserError: it cannot be read, or a setting is unknown or out of range.
    """
    if path is None:
        return Slurm()
    data = read_toml(path)
    given = data.pop("slurm", {})
    if data or not isinstance(given, dict):
        raise UserError(f"{path}: must hold one table, [slurm]")
    known = [f.name for f in fields(Slurm)]
    for name in given:
        if name not in known:
            raise UserError(f"{path}: slurm.{name}: unknown setting{similar(name, known)}")
    try:
        return Slurm(**given)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def check(slurm: Slurm) -> None:
    """Whether jobs can be submitted from here: before anything is written.

    Raises:
        UserError: there is no SLURM here, it does not answer, or it has no such partition.
    """
    for program in ("srun", "sbatch", "squeue", "sinfo"):
        if shutil.which(program) is None:
            raise UserError(f"--launcher slurm: no {program} here; run it on a machine of the cluster")
    done = subprocess.run(["sinfo", "--noheader", "--format=%R"], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"--launcher slurm: no cluster answers: {(done.stderr.strip() or 'no word').splitlines()[-1]}")
    if slurm.partition:
        there = sorted(set(done.stdout.split()))
        missing = [name for name in slurm.partition.split(",") if name not in there]
        if missing:
            raise UserError(f"slurm.partition = {slurm.partition!r}: no {missing[0]} here; there is {', '.join(there)}")


class Job:
    """What runs on a node."""

    def __init__(self, folder: Path, saving: Saving, plugins: Sequence[Path] = ()) -> None:
        """`plugins`: files that the sweep was given."""
        self.folder, self.saving, self.plugins = folder, saving, tuple(plugins)
        self.stop = Stop()
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        """Train the batch, in a thread: the main one hears SLURM's signal."""
        from eco_jax.run import messages, setup

        messages.to_stderr()
        plugins.load_installed()
        plugins.load(self.plugins)
        setup.configure()
        outcome: list[BaseException] = []

        def say(text: str) -> None:
            messages.say(f"{self.folder.name}: {text}")

        def look(done: int, total: int, means: Any) -> None:
            say(f"update {done}/{total}  " + "  ".join(f"{name} {value:+.3f}" for name, value in means.items()))

        def work() -> None:
            try:
                training.train_batch(self.folder, self.saving, self.stop, training.Told(messages.warn, say, look))
            except BaseException as error:
                outcome.append(error)

        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()
        while self.thread.is_alive():
            self.thread.join(0.2)
        if outcome and not isinstance(outcome[0], Interrupted):
            raise outcome[0]

    def checkpoint(self) -> Any:
        """Called by submitit on SLURM's warning, perhaps before training has begun: save, then ask to run again."""
        import submitit

        self.stop.number = signal.SIGUSR1
        if self.thread is not None:
            self.thread.join(SAVED_WITHIN_S)
        return submitit.helpers.DelayedSubmission(Job(self.folder, self.saving, self.plugins))


class Launcher:
    """Runs batches as jobs and waits for them."""

    def __init__(
        self, out: Path, slurm: Slurm, saving: Saving, say: Callable[[str], None], stop: Stop, every_s: float = 2.0
    ) -> None:
        """`stop`: ends the waiting, not the jobs. `every_s`: time between two looks at the queue."""
        self.logs, self.slurm, self.saving = out / "slurm", slurm, saving
        self.say, self.stop, self.every_s = say, stop, every_s

    def __call__(self, folders: Sequence[Path]) -> None:
        """Until all batches are finished.

        Raises:
            UserError: there is no SLURM, or a batch died more often than it may.
            Interrupted: asked to end; the jobs go on, and are found again.
        """
        unknown = [f for f in folders if job_of(f) is None]
        for path in (f / "job.json" for f in unknown if (f / "job.json").exists()):
            self.say(f"{path}: torn; submitted again (a job that is still there keeps the batch for itself)")
        self._submit(unknown)
        missed: dict[Path, int] = {}
        died: dict[Path, int] = {}
        elsewhere: set[Path] = set()
        told = -1
        while open_ := [folder for folder in folders if not batch.finished(folder)]:
            if told != len(open_):
                told = len(open_)
                self.say(f"{len(folders) - told} of {len(folders)} batches finished")
            queued = in_queue()
            gone = []
            for folder in open_:
                missed[folder] = 0 if job_of(folder) in queued else missed.get(folder, 0) + 1
                if missed[folder] >= 2 and not batch.finished(folder):  # between two states a job may be in none
                    missed[folder] = 0
                    if trained(folder):  # by a job whose number was not noted in time
                        if folder not in elsewhere:
                            self.say(f"{folder.name}: trained by another job: waited for")
                        elsewhere.add(folder)
                        continue
                    died[folder] = died.get(folder, 0) + 1
                    if died[folder] > self.slurm.retries:
                        raise UserError(
                            f"{folder}: its job ended {died[folder]} times without a result; see {self.logs}"
                        )
                    self.say(f"{folder.name}: job {job_of(folder)} is gone without a result: submitted again")
                    gone.append(folder)
            self._submit(gone)
            for _ in range(max(1, round(self.every_s / 0.2))):
                self.stop.check()
                time.sleep(0.2)
        self.say(f"{len(folders)} of {len(folders)} batches finished")

    def _submit(self, folders: Sequence[Path]) -> None:
        if not folders:
            return
        import submitit

        s = self.slurm
        try:
            executor = submitit.SlurmExecutor(folder=self.logs, max_num_timeout=1000)
        except RuntimeError as error:
            raise UserError(f"--launcher slurm: {error}") from error
        more = dict(s.options)
        if s.partition:
            more["partition"] = s.partition
        executor.update_parameters(
            job_name="eco-jax", time=s.minutes, nodes=1, ntasks_per_node=1, cpus_per_task=s.cpus,
            gpus_per_node=s.gpus or None, mem=f"{round(s.memory_gb * 1000)}M", array_parallelism=s.at_once,
            signal_delay_s=s.warning_s, setup=s.setup, stderr_to_stdout=True, additional_parameters=more,
        )  # fmt: skip
        try:
            with executor.batch():
                own = tuple(plugins.LOADED.values())
                jobs = [executor.submit(Job(folder.absolute(), self.saving, own)) for folder in folders]
        except submitit.core.utils.FailedJobError as error:
            raise UserError(f"--launcher slurm: sbatch: {str(error).strip().splitlines()[-1]}") from error
        for folder, job in zip(folders, jobs, strict=True):
            write_whole(folder / "job.json", json.dumps({"job": job.job_id}) + "\n")
        self.say(f"{len(jobs)} jobs submitted: {jobs[0].job_id} ...")


def job_of(folder: Path) -> str | None:
    """The job that was submitted last for a batch; None where there is none, or nobody knows its number."""
    try:
        return str(json.loads((folder / "job.json").read_bytes())["job"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def in_queue() -> set[str]:
    """Jobs that run or wait, by their numbers (`12_3` in an array).

    Raises:
        UserError: SLURM does not answer.
    """
    said = "no answer within 60 s"
    for _ in range(5):  # a busy controller may be slow for a moment
        try:
            done = subprocess.run(
                ["squeue", "--me", "--noheader", "--array", "--format=%i"], capture_output=True, text=True, timeout=60
            )
        except FileNotFoundError:
            raise UserError("--launcher slurm: no squeue here; run it on a machine of the cluster") from None
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0:
            return set(done.stdout.split())
        said = done.stderr.strip()
        time.sleep(5)
    raise UserError(f"--launcher slurm: squeue: {said}")
