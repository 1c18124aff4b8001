"""Timing: turns, ratios, and peers in processes of their own."""

import sys
from pathlib import Path

import pytest

from eco_jax.bench.measure import Peers, Speed, Worker, take_turns, timed
from eco_jax.errors import UserError

PEERS = Path(__file__).parents[2] / "experiments" / "benchmarks" / "peers"


def test_contenders_take_turns_after_a_warm_up():
    calls = []

    def contender(name, seconds):
        def run():
            calls.append(name)
            return seconds, 10

        return run

    speeds = take_turns({"a": contender("a", 2.0), "b": contender("b", 5.0)}, 3)
    assert calls == ["a", "b"] * 4  # one round to warm up
    assert speeds["a"].rates == (5.0, 5.0, 5.0)
    assert speeds["a"].over(speeds["b"]) == {"median": 2.5, "min": 2.5, "max": 2.5}


def test_a_ratio_is_of_the_same_round():
    # The machine halves its speed in the second round: the ratio does not notice.
    ours, other = Speed((100.0, 50.0, 90.0)), Speed((10.0, 5.0, 10.0))
    assert ours.over(other) == {"median": 10.0, "min": 9.0, "max": 10.0}
    assert ours.median == 90.0
    assert ours.times(2).over(other.times(4)) == {"median": 5.0, "min": 4.5, "max": 5.0}
    assert ours.row(users=30) == {"steps_per_s": 90.0, "min": 50.0, "max": 100.0, "decisions_per_s": 2700.0}


def test_timed_counts_the_steps_of_its_own_run():
    seconds, steps = timed(lambda: 7)()
    assert steps == 7
    assert 0 <= seconds < 1


def test_a_peer_answers_over_its_pipe():
    with Worker(Path(sys.executable), PEERS / "numpy_step.py", ["--envs", "2", "--users", "3", "--steps", "8"]) as peer:
        assert peer.about["ready"]
        assert peer.about["settings"]["envs"] == 2
        for _ in range(2):
            seconds, steps = peer()
            assert steps == 8
            assert seconds > 0
    assert peer.process.returncode == 0


def test_a_peer_that_does_not_start_says_why(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_package\n")
    with pytest.raises(UserError, match=r"peer broken stopped: .*no_such_package"):
        Worker(Path(sys.executable), broken)
    silent = tmp_path / "silent.py"
    silent.write_text("")
    with pytest.raises(UserError, match="peer silent stopped: it said nothing|nothing"):
        Worker(Path(sys.executable), silent)


def test_what_is_missing_is_named(tmp_path):
    peers = Peers(PEERS, tmp_path)
    assert peers.missing("numpy_step.py", None) is None
    assert peers.missing("sb3_a2c.py", "sb3") == f"no environment {tmp_path / 'sb3'}: make peers"
    assert Peers(tmp_path, tmp_path).missing("sb3_a2c.py", None).startswith("no checkout")
    assert Peers.near(tmp_path, None).scripts == PEERS
