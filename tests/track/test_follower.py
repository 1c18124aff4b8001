"""A tracker beside a run: fed to the end, gone on with, and never in the way, whatever it does."""

import json
import logging
import subprocess
import sys
import time

import made_up_tracker
import pytest
from made_up_agents import recorded
from made_up_tracker import sweep

from eco_jax import plugins
from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.parts import forget
from eco_jax.track import follow
from eco_jax.track.base import check
from eco_jax.track.follower import Follower, Tracking


@pytest.fixture
def told(tmp_path):
    return tmp_path / "place" / "told.jsonl"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(autouse=True)
def forgotten():
    loaded = dict(plugins.LOADED)
    yield
    forget("tracker", "made-up")
    plugins.LOADED.clear()
    plugins.LOADED.update(loaded)


def task(tmp_path, folder, **more):
    plugin = made_up_tracker.write(
        tmp_path / "own.py", **{k: v for k, v in more.items() if k in ("begin", "log", "end")}
    )
    wanted = {"folder": str(folder), "sweep": False, "tracker": "made-up", "place": str(tmp_path / "place"),
              "project": "p", "plugins": [str(plugin)], "each": False}  # fmt: skip
    return wanted | {k: v for k, v in more.items() if k in wanted}


def test_it_is_told_all_and_goes_on_without_double_steps(tmp_path, told):
    recorded(tmp_path / "run", algorithm={"entropy": 0.25})
    path = tmp_path / "run" / "metrics.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:4]))
    said = []
    follow.follow(task(tmp_path, tmp_path / "run"), lambda seconds: True, said.append)
    assert said[0] == f"{follow.SAYS} look at {tmp_path / 'place'}"
    path.write_bytes(b"".join(whole))  # resumed
    follow.follow(task(tmp_path, tmp_path / "run"), lambda seconds: True, said.append)
    one, two = (line for line in lines(told) if "begin" in line)
    assert one == {"begin": "run", "id": "", "done": 0, "entropy": 0.25}
    assert two == {"begin": "run", "id": "own-1", "done": 2, "entropy": 0.25}
    assert [step for line in lines(told) for step, _ in line.get("rows", [])] == [1, 2, 3, 4, 5, 6]
    assert lines(told)[-1] == {"end": True}


@pytest.mark.parametrize("other", [{"place": "elsewhere"}, {"project": "q"}])
def test_elsewhere_it_is_told_all_from_the_first_on(tmp_path, other):
    recorded(tmp_path / "run")
    first = task(tmp_path, tmp_path / "run")
    other = first | other | ({"place": str(tmp_path / "elsewhere")} if "place" in other else {})
    for wanted in (first, other):
        follow.follow(wanted, lambda seconds: True, lambda line: None)
    told = lines(tmp_path / "elsewhere" / "told.jsonl") or lines(tmp_path / "place" / "told.jsonl")[-3:]
    assert (told[0]["id"], told[0]["done"], len(told[1]["rows"])) == ("", 0, 6)


def test_what_is_new_is_written_at_once_between_two_waits(tmp_path, told):
    recorded(tmp_path / "run")
    path, waits = tmp_path / "run" / "metrics.jsonl", []
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"")

    def over(seconds):
        waits.append(seconds)
        path.write_bytes(b"".join(whole[: 4 * len(waits)]))
        return len(waits) == 3

    follow.follow(task(tmp_path, tmp_path / "run"), over, lambda line: None)
    assert [len(line["rows"]) for line in lines(told) if "rows" in line] == [2, 2, 2]
    assert min(waits) >= 1.0  # rate-limited


def test_a_sweep_is_one_run_with_its_members_inside(tmp_path, told):
    wanted = task(tmp_path, sweep(tmp_path / "sweep"), sweep=True)
    for _ in range(2):  # gone on with: nothing twice
        follow.follow(wanted, lambda seconds: True, lambda line: None)
    assert [line["begin"] for line in lines(told) if "begin" in line] == ["sweep", "sweep"]
    (rows,) = (line["rows"] for line in lines(told) if "rows" in line)
    assert rows[0] == [10, {"reward/trial0004-seed0": 10, "reward/trial0004-seed1": 11}]
    assert [line["members"] for line in lines(told) if "members" in line] == [2]


def test_a_sweep_may_have_a_run_for_each_member(tmp_path, told, monkeypatch):
    monkeypatch.setattr(follow, "PAUSE_S", 0.0)
    wanted = task(tmp_path, sweep(tmp_path / "sweep"), sweep=True, each=True)
    for _ in range(2):
        follow.follow(wanted, lambda seconds: True, lambda line: None)
    assert [line["begin"] for line in lines(told) if "begin" in line] == [
        "sweep-trial0004-seed0",
        "sweep-trial0004-seed1",
    ]
    assert [line["rows"][0] for line in lines(told) if "rows" in line] == [[10, {"reward": 10}], [10, {"reward": 11}]]


def test_a_sweep_told_as_one_run_is_told_anew_by_its_members(tmp_path, told, monkeypatch):
    monkeypatch.setattr(follow, "PAUSE_S", 0.0)
    folder = sweep(tmp_path / "sweep")
    for each in (True, False, True):
        follow.follow(task(tmp_path, folder, sweep=True, each=each), lambda seconds: True, lambda line: None)
    begun = [(line["begin"], line["id"]) for line in lines(told) if "begin" in line]
    members = [("sweep-trial0004-seed0", ""), ("sweep-trial0004-seed1", "")]
    assert begun == [*members, ("sweep", ""), *members]


def test_each_member_is_told_once_wherever_it_ends(tmp_path, told, monkeypatch):
    monkeypatch.setattr(follow, "PAUSE_S", 0.0)
    wanted = task(tmp_path, sweep(tmp_path / "sweep"), sweep=True, each=True)

    def killed(line):
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):  # after each member
            follow.follow(wanted, lambda seconds: True, killed)
    assert [line["begin"] for line in lines(told) if "begin" in line] == [
        "sweep-trial0004-seed0",
        "sweep-trial0004-seed1",
    ]


def test_what_works_is_waited_for(tmp_path, monkeypatch, caplog):
    seconds = iter(range(0, 10**6, 30))
    monkeypatch.setattr("eco_jax.track.follower.time.monotonic", lambda: next(seconds))
    one = Follower(tmp_path, Tracking("made-up", ""))
    one.process = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    looks = iter([True] * 20 + [False] * 2)

    class Watcher:
        def is_alive(self):
            return next(looks)

        def join(self, seconds):
            one.alive_s = time.monotonic()

    one.watcher = Watcher()
    with caplog.at_level(logging.INFO, "eco_jax"):
        one.close(100.0)
    assert [r.getMessage() for r in caplog.records] == ["made-up: is told the rest"]


def beside(tmp_path, caplog, patience_s=20.0, **fails):
    """A follower in a process of its own, to its end: seconds that the end took, and the warnings."""
    if not (tmp_path / "run").exists():
        recorded(tmp_path / "run")
    plugin = made_up_tracker.write(tmp_path / "own.py", **fails)
    one = Follower(tmp_path / "run", Tracking("made-up", str(tmp_path / "place"), plugins=[str(plugin)]))
    with caplog.at_level(logging.INFO, "eco_jax"):
        one.begin()
        if patience_s < 10.0:  # it hangs where it is meant to, not at its imports
            while not (tmp_path / "place" / "told.jsonl").exists():
                time.sleep(0.05)
        began = time.monotonic()
        one.close(patience_s)
    assert one.process.poll() is not None or one.process.wait(5) is not None
    return time.monotonic() - began, [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]


def test_a_process_of_its_own(tmp_path, told, caplog):
    _, warnings = beside(tmp_path, caplog)
    assert warnings == []
    assert [step for line in lines(told) for step, _ in line.get("rows", [])] == [1, 2, 3, 4, 5, 6]
    assert f"made-up: look at {tmp_path / 'place'}" in caplog.text


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        ({"log": "raise OSError(28, 'No space left on device')"}, "OSError: [Errno 28] No space left on device"),
        pytest.param({"log": "os._exit(3)"}, "ended with code 3", marks=pytest.mark.long),
    ],
)
def test_what_fails_warns_once(tmp_path, told, caplog, fails, said):
    before = (recorded(tmp_path / "run"), (tmp_path / "run" / "metrics.jsonl").read_bytes())[1]
    _, warnings = beside(tmp_path, caplog, **fails)
    assert len(warnings) == 1
    assert said in warnings[0]
    assert "--resume tells it the rest" in warnings[0]
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == before
    assert not [line for line in lines(told) if "rows" in line]


def test_what_hangs_is_left_behind(tmp_path, told, caplog):
    seconds, warnings = beside(tmp_path, caplog, patience_s=1.0, log="time.sleep(600)")
    assert seconds < 5.0
    assert len(warnings) == 1
    assert "did not end within" in warnings[0]


def test_one_that_has_not_begun_has_time_for_it_from_its_start(tmp_path, caplog):
    recorded(tmp_path / "run")
    plugin = made_up_tracker.write(tmp_path / "own.py", begin="time.sleep(600)")
    one = Follower(tmp_path / "run", Tracking("made-up", str(tmp_path / "place"), plugins=[str(plugin)]))
    began = time.monotonic()
    one.begin()
    one.close(0.1, start_s=2.0)
    assert 2.0 <= time.monotonic() - began < 6.0
    assert caplog.text.count("did not end within") == 1


@pytest.mark.parametrize(
    "fails", [{"begin": "raise ValueError('no')"}, {"end": "raise ValueError('no')"}, {"log": "raise SystemExit(4)"}]
)
def test_whatever_it_does_its_process_tells_why(tmp_path, monkeypatch, fails):
    recorded(tmp_path / "run")
    with pytest.raises((ValueError, SystemExit), match="no|4"):
        follow.follow(task(tmp_path, tmp_path / "run", **fails), lambda seconds: True, lambda line: None)


def test_a_missing_package_is_one_line_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eco_jax.track.base.importlib.util.find_spec", lambda name: None)
    for command in (["train"], ["sweep", "space.toml", "--trials", "1"]):
        (tmp_path / "space.toml").write_text('[base]\npreset = "tiny"\n[space]\nknowledge = { choice = ["none"] }\n')
        assert main([*command, "--out", "run", "--tracker", "wandb"]) == 2
        assert "--tracker wandb: needs the package wandb: pip install 'eco-jax[wandb]'" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--tracker", "comet"], "--tracker = 'comet': must be one of"),
        (["--tracker-dir", "x"], "--tracker-dir: is for --tracker"),
        (["--tracker-project", "x"], "--tracker-project: is for --tracker"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, capsys, monkeypatch, flags, said):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--preset", "tiny", "--out", "run", *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_trackers_are_known_by_name():
    with pytest.raises(UserError, match="must be one of mlflow, tensorboard, wandb"):
        check("comet")


@pytest.mark.long
def test_a_training_is_the_same_beside_a_tracker_that_fails(tmp_path):
    made_up_tracker.write(tmp_path / "own.py", log="raise RuntimeError('HTTP 429')")
    flags = ["--preset", "tiny", "--train.updates", "4", "--train.envs", "2", "--train.chunk", "2", "--seeds", "2"]
    program = "import sys; from eco_jax.cli.main import main; sys.exit(main())"
    for out, more in (("plain", []), ("tracked", ["--tracker", "made-up"])):
        done = subprocess.run(
            [sys.executable, "-c", program, "train", "--plugin", "own.py", *flags, "--out", out, *more], cwd=tmp_path,
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("warning: --tracker made-up: RuntimeError: HTTP 429") == bool(more)
    for name in ("metrics.jsonl", "config.toml"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "tracked" / name).read_bytes()
    digests = [
        json.loads((tmp_path / out / "summary.json").read_text())["params_sha256"] for out in ("plain", "tracked")
    ]
    assert digests[0] == digests[1]
