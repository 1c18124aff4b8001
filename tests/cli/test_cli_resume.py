"""Killed, interrupted or damaged, a run ends where it would have ended."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from eco_jax.cli.main import main
from eco_jax.run import keeper
from eco_jax.train import checkpoint
from eco_jax.train.checkpoint import steps
from eco_jax.train.times import times

FLAGS = [
    "--preset", "tiny", "--knowledge", "telemetry", "--seeds", "2", "--train.updates", "600", "--train.rollout", "6",
    "--train.envs", "4", "--network.hidden", "8", "--network.layers", "1", "--train.chunk", "20",
    "--save-updates", "60",
]  # fmt: skip
KILLS = int(os.environ.get("ECO_JAX_KILLS", "1"))


def train(out, *more):
    return main(["train", "--out", str(out), *FLAGS, *more])


def start(out, *more):
    """`train` in a process of its own."""
    command = [sys.executable, "-m", "eco_jax", "train", "--out", str(out), *FLAGS, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run without interruption."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(out) == 0
    return out


@pytest.fixture(scope="module")
def moments(tmp_path_factory):
    """What lies on the disk at moments of a run at which it may be killed: name -> a copy of its folder."""
    out = tmp_path_factory.mktemp("moments") / "run"
    found, chunks, steps_written = {}, [], []
    take, replace = keeper.Keeper.chunk, os.replace

    def copy(name):
        found[name] = shutil.copytree(out, out.with_name(name))

    def chunk(self, chunk):
        take(self, chunk)
        chunks.append(chunk.done)
        if chunk.done == 100:
            self.checkpoints.wait()
            copy("metrics ahead of the checkpoint")

    def replaced(source, target):
        if str(source).endswith(".part") and os.path.isdir(source):
            steps_written.append(target)
            if len(steps_written) in (1, 4):
                copy(f"before checkpoint {len(steps_written)} is whole")
        replace(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeper.Keeper, "chunk", chunk)
        patch.setattr(checkpoint.os, "replace", replaced)
        assert train(out) == 0
    return found


def same(one, two):
    first, second = (json.loads((out / "summary.json").read_text()) for out in (one, two))
    clocks = {"wall_s", "train_s", "compile_s"}
    assert {k: v for k, v in first.items() if k not in clocks} == {k: v for k, v in second.items() if k not in clocks}
    assert (one / "metrics.jsonl").read_bytes() == (two / "metrics.jsonl").read_bytes()


MOMENTS = {
    "before checkpoint 1 is whole": 0, "metrics ahead of the checkpoint": 80, "before checkpoint 4 is whole": None
}  # fmt: skip


@pytest.mark.parametrize(
    "moment", [pytest.param(moment, marks=pytest.mark.long if i else ()) for i, moment in enumerate(MOMENTS)]
)
def test_from_what_a_kill_leaves_it_comes_to_the_same(whole, moments, tmp_path, capsys, moment):
    out = tmp_path / "run"
    shutil.copytree(moments[moment], out)
    with (out / "metrics.jsonl").open("a") as file:
        file.write('{"update": 5, "seed": 0, "rew')  # killed in the middle of a line
    capsys.readouterr()
    assert train(out, "--resume") == 0
    said = capsys.readouterr().err
    if MOMENTS[moment] != 0:
        assert f"going on after update {MOMENTS[moment] or ''}" in said
    else:
        assert "going on" not in said
    same(out, whole)
    assert json.loads((out / "summary.json").read_text())["train_s"] == times(out / "times.jsonl")[-1, 1]
    assert not list((out / "checkpoint").glob("*.part"))


def played(out):
    """What an evaluation writes."""
    path = out.with_name(f"{out.name}.json")
    flags = ["--checkpoint", str(out), "--episodes", "2", "--no-rules", "--json", str(path)]
    assert main(["evaluate", *flags]) == 0
    return path.read_bytes()


@pytest.mark.long
def test_killed_at_random_moments(whole, tmp_path):
    """Real processes and a real SIGKILL; `ECO_JAX_KILLS` says how many."""
    out, draw, kills = tmp_path / "run0", random.Random(7), 0
    while kills < KILLS:
        process = start(out, "--resume", "--save-s", "0.2")
        kept = steps(out / "checkpoint")
        while process.poll() is None and kills % 3 != 2 and steps(out / "checkpoint") == kept:
            time.sleep(0.01)  # every third one is killed at any time, compiling for instance
        try:
            process.wait(draw.uniform(0.0, 0.2) if kills % 3 != 2 else draw.uniform(1.0, 6.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if (out / "summary.json").exists():  # it came to its end between two kills: another one
            same(out, whole)
            out = tmp_path / f"run{kills}"
    assert train(out, "--resume") == 0
    same(out, whole)
    assert played(out) == played(whole)


def test_a_broken_checkpoint_costs_a_few_updates(whole, moments, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(moments["before checkpoint 4 is whole"], out)
    newest = out / "checkpoint" / str(steps(out / "checkpoint")[-1])
    data = next(path for path in sorted(newest.rglob("d/*")) if path.is_file())
    data.write_bytes(data.read_bytes()[:-3])
    assert train(out, "--resume") == 0
    assert f"warning: {data}: not as it was written; going back" in capsys.readouterr().err
    same(out, whole)


@pytest.mark.long
def test_asked_to_end(whole, tmp_path, capsys):
    """A real process and a real SIGTERM."""
    out = tmp_path / "run"
    process = start(out)
    for line in process.stdout:
        if "compiled in" in line:
            break
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = process.communicate()[0]
    assert time.monotonic() - asked < 10
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM: saving, then ending" in said
    assert "SIGTERM: saved; --resume goes on from there" in said
    assert train(out, "--resume") == 0
    assert "going on after update" in capsys.readouterr().err
    same(out, whole)


def test_a_checkpoint_under_another_name_is_not_taken(whole, moments, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(moments["before checkpoint 4 is whole"], out)
    kept = steps(out / "checkpoint")
    (out / "checkpoint" / str(kept[-1])).rename(out / "checkpoint" / str(kept[-1] + 20))
    assert train(out, "--resume") == 0
    said = capsys.readouterr().err
    assert (
        f"{out / 'checkpoint' / str(kept[-1] + 20)}: holds update {kept[-1]}, not {kept[-1] + 20}; going back" in said
    )
    assert f"going on after update {kept[-2]}" in said
    same(out, whole)


def test_a_lost_checkpoint_folder_is_said_and_nothing_is_touched(moments, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(moments["metrics ahead of the checkpoint"], out)
    shutil.rmtree(out / "checkpoint")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert train(out, "--resume") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert f"{out / 'checkpoint'}: holds no checkpoint, though {out / 'metrics.jsonl'} tells of 100 updates" in line
    assert "begin anew with --force" in line
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "size", [pytest.param("4k", marks=pytest.mark.long), "500k"], ids=["at the start", "at a checkpoint"]
)
def test_a_full_disk_costs_nothing_that_was_kept(whole, tmp_path, capfd, size):
    disk, out = tmp_path / "disk", tmp_path / "run"
    disk.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    if subprocess.run(small, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a small disk (needs root)")
    try:
        if size == "4k":
            (disk / "other").write_bytes(bytes(4096))
        assert train(disk / "run", "--save-updates", "20", "--keep", "99") == 2
        time.sleep(0.1)  # Orbax's threads have their say
        said = capfd.readouterr().err.splitlines()
        assert not [line for line in said if "Traceback" in line or line.startswith("  ")]
        assert "no space left on" in said[-1].lower()
        assert str(disk / "run") in said[-1]
        shutil.copytree(disk / "run", out, ignore=shutil.ignore_patterns("*.part"))
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert train(out, *(["--resume"] if size == "500k" else [])) == 0
    same(out, whole)


def test_what_resume_refuses(whole, capsys):
    assert train(whole, "--resume") == 0
    assert "finished already" in capsys.readouterr().err
    assert train(whole, "--resume", "--physics.sync-energy", "3") == 2
    assert "physics.sync_energy = 20.0 there, 3.0 here: a run goes on as it began" in capsys.readouterr().err
    assert train(whole, "--resume", "--seeds", "3") == 2
    assert "seeds = 2 there, 3 here" in capsys.readouterr().err
    assert train(whole) == 2
    assert "--resume to go on with it, --force to replace it" in capsys.readouterr().err


def test_one_process_a_folder(whole, tmp_path, capsys):
    from eco_jax.run.folder import locked

    shutil.copytree(whole, tmp_path / "run")
    with locked(tmp_path / "run"):
        assert train(tmp_path / "run", "--resume") == 2
    assert "another process trains there" in capsys.readouterr().err
