"""Killed, interrupted or damaged, a run ends where it would have ended."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from eco_jax.cli.main import main
from eco_jax.train.checkpoint import steps

pytestmark = pytest.mark.slow

# Long enough to be killed in, with its program in the cache after the first start.
FLAGS = [
    "--preset", "tiny", "--seeds", "2", "--train.updates", "3000", "--train.rollout", "6", "--train.envs", "8",
    "--train.hidden", "8", "--train.chunk", "20", "--save-s", "0.2",
]  # fmt: skip
KILLS = int(os.environ.get("ECO_JAX_KILLS", "4"))


def start(out, *more):
    command = [sys.executable, "-m", "eco_jax", "train", "--out", str(out), *FLAGS, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run without interruption, and how long it takes once its program is compiled."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(start(out.with_name("first")))
    began = time.monotonic()
    finish(start(out))
    return out, time.monotonic() - began


def same(one, two):
    first, second = (json.loads((out / "summary.json").read_text()) for out in (one, two))
    times = {"wall_s", "train_s", "compile_s"}
    assert {k: v for k, v in first.items() if k not in times} == {k: v for k, v in second.items() if k not in times}
    assert (one / "metrics.jsonl").read_bytes() == (two / "metrics.jsonl").read_bytes()


def played(out):
    """What an evaluation writes."""
    path = out.with_name(f"{out.name}.json")
    flags = ["--checkpoint", str(out), "--episodes", "8", "--no-rules", "--json", str(path)]
    assert main(["evaluate", *flags]) == 0
    return path.read_bytes()


def test_killed_at_random_moments(whole, tmp_path):
    reference, seconds = whole
    out, draw, kills = tmp_path / "run0", random.Random(7), 0
    expected = played(reference)
    while kills < KILLS:
        process = start(out, "--resume")
        try:
            process.wait(draw.uniform(0.2, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if (out / "summary.json").exists():  # it came to its end between two kills: another one
            same(out, reference)
            out = tmp_path / f"run{kills}"
    finish(start(out, "--resume"))
    same(out, reference)
    assert played(out) == expected


def test_a_broken_checkpoint_costs_a_few_updates(whole, tmp_path):
    reference, _ = whole
    out = tmp_path / "run"
    process = start(out)
    while not (out / "checkpoint").is_dir() or len(steps(out / "checkpoint")) < 2:
        time.sleep(0.05)
        assert process.poll() is None
    process.kill()
    process.communicate()
    newest = out / "checkpoint" / str(steps(out / "checkpoint")[-1])
    data = next(path for path in sorted(newest.rglob("d/*")) if path.is_file())
    data.write_bytes(data.read_bytes()[:-3])
    said = finish(start(out, "--resume"))
    assert f"warning: {data}: not as it was written; going back" in said
    same(out, reference)


@pytest.mark.parametrize("delay", [0.0, 0.5], ids=["while compiling", "while training"])
def test_asked_to_end(whole, tmp_path, delay):
    reference, _ = whole
    out = tmp_path / "run"
    process = start(out, *(["--train.layers", "2"] if not delay else []))
    for line in process.stdout:
        if ("compiled in" if delay else "compiling") in line:
            break
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = process.communicate()[0]
    assert time.monotonic() - asked < 10
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM: saving, then ending" in said
    if delay:
        assert "SIGTERM: saved; --resume goes on from there" in said
        assert "going on after update" in finish(start(out, "--resume"))
        same(out, reference)


def test_what_resume_refuses(whole, tmp_path, capsys):
    reference, _ = whole
    assert main(["train", "--out", str(reference), "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert main(["train", "--out", str(reference), "--resume", "--physics.sync-energy", "3"]) == 2
    assert "physics.sync_energy = 20.0 there, 3.0 here: a run goes on as it began" in capsys.readouterr().err
    assert main(["train", "--out", str(reference), "--resume", "--seeds", "3"]) == 2
    assert "seeds = 2 there, 3 here" in capsys.readouterr().err
    assert main(["train", "--out", str(reference)]) == 2
    assert "--resume to go on with it, --force to replace it" in capsys.readouterr().err


def test_one_process_a_folder(whole, tmp_path, capsys):
    out = tmp_path / "run"
    process = start(out)
    while not (out / "config.toml").exists():
        time.sleep(0.05)
    assert main(["train", "--out", str(out), "--resume"]) == 2
    assert "another process trains there" in capsys.readouterr().err
    process.kill()
    process.communicate()
