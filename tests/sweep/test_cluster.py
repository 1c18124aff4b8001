"""What jobs ask of SLURM, and whether it is there. `tests/cluster` has a real one."""

import json
import signal
import subprocess

import pytest

from eco_jax.errors import UserError
from eco_jax.run.folder import Saving, locked
from eco_jax.sweep import cluster
from eco_jax.sweep.batch import DONE
from eco_jax.sweep.cluster import Job, Launcher, Slurm, check, from_toml, in_queue, job_of
from eco_jax.train.interrupt import Stop


def test_settings_of_jobs(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text('[slurm]\npartition = "gpu"\ngpus = 1\nsetup = ["module load cuda"]\noptions = { account = "x" }')
    assert from_toml(path) == Slurm("gpu", gpus=1, setup=["module load cuda"], options={"account": "x"})
    assert from_toml(None) == Slurm()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[slurm]\npartitoin = 'x'", "slurm.partitoin: unknown setting; did you mean partition"),
        ("[slurm]\nminutes = 0", r"slurm\.minutes = 0: must lie in \[1, 1000000\]"),
        ("[slurm]\nminutes = 'long'", "slurm.minutes = 'long': must be a whole number"),
        ("[slurm]\nmemory_gb = -1", r"slurm\.memory_gb = -1: must lie in \[0\.001, 1e\+06\]"),
        ("[slurm]\ngpus = -1", r"slurm\.gpus = -1: must lie in \[0, 10000\]"),
        ("minutes = 3", r"must hold one table, \[slurm\]"),
        ("[slurm", "not a TOML file"),
    ],
)
def test_bad_settings_of_jobs(tmp_path, text, said):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        from_toml(path)
    assert "cluster.toml" in str(error.value)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Makes programs of SLURM that say something; nothing else can be found."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def make(name, says="", code=0):
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
        path.chmod(0o755)

    return make


def test_slurm_is_looked_for_before_anything_is_written(programs):
    for name in ("srun", "sbatch", "squeue", "sinfo"):
        with pytest.raises(UserError, match=f"--launcher slurm: no {name} here; run it on a machine of the cluster"):
            check(Slurm())
        programs(name)
    check(Slurm())
    programs("sinfo", code=1)  # SLURM's programs are installed, and no cluster is there
    with pytest.raises(UserError, match="--launcher slurm: no cluster answers: no word"):
        check(Slurm())


def test_a_partition_that_is_not_there(programs):
    for name in ("srun", "sbatch", "squeue"):
        programs(name)
    programs("sinfo", "low\nhigh")
    check(Slurm())
    check(Slurm(partition="low,high"))
    with pytest.raises(UserError, match="slurm.partition = 'gpu': no gpu here; there is high, low"):
        check(Slurm(partition="gpu"))


def test_a_queue_that_does_not_answer(programs, monkeypatch):
    programs("squeue", code=1)
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: None)
    with pytest.raises(UserError, match="--launcher slurm: squeue: $"):
        in_queue()

    def late(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(cluster.subprocess, "run", late)
    with pytest.raises(UserError, match="--launcher slurm: squeue: no answer within 60 s"):
        in_queue()


def test_a_signal_before_a_job_has_begun_to_train(tmp_path):
    pytest.importorskip("submitit")
    job = Job(tmp_path, Saving())
    again = job.checkpoint()
    assert job.stop.number == signal.SIGUSR1
    assert again.function.folder == tmp_path
    assert again.function.stop.number == 0


@pytest.mark.parametrize("text", ["", '{"job": ', "[]", "\udcff"])
def test_a_batch_whose_job_nobody_knows_is_submitted_again(tmp_path, text, monkeypatch):
    known, torn = tmp_path / "0000", tmp_path / "0001"
    for folder in (known, torn):
        folder.mkdir()
    (known / "job.json").write_text(json.dumps({"job": "7_0"}))
    (torn / "job.json").write_bytes(text.encode(errors="surrogateescape"))
    assert (job_of(known), job_of(torn)) == ("7_0", None)
    submitted, said = [], []

    def submit(self, folders):
        submitted.extend(folders)
        for folder in (known, torn):
            (folder / DONE).touch()

    monkeypatch.setattr(Launcher, "_submit", submit)
    monkeypatch.setattr(cluster, "in_queue", lambda: {"7_0"})
    Launcher(tmp_path, Slurm(), Saving(), said.append, Stop(), every_s=0.0)([known, torn])
    assert submitted == [torn]
    assert said[0].startswith(f"{torn / 'job.json'}: torn; submitted again")


def test_a_batch_that_another_job_trains_is_waited_for(tmp_path, monkeypatch):
    folder, looks, submitted, said = tmp_path / "0000", [], [], []
    folder.mkdir()
    monkeypatch.setattr(Launcher, "_submit", lambda self, folders: submitted.extend(folders))
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: None)

    def in_queue():
        looks.append(None)
        if len(looks) == 20:
            (folder / DONE).touch()
        return {"99"}

    monkeypatch.setattr(cluster, "in_queue", in_queue)
    with locked(folder):  # its number was not noted
        Launcher(tmp_path, Slurm(), Saving(), said.append, Stop(), every_s=0.0)([folder])
    assert submitted == [folder]
    assert said[1:-1] == ["0000: trained by another job: waited for"]
    (folder / DONE).unlink()
    with pytest.raises(UserError, match="its job ended 4 times without a result"):  # nobody trains there
        Launcher(tmp_path, Slurm(), Saving(), said.append, Stop(), every_s=0.0)([folder])
