"""Progress: bars on a terminal, plain lines elsewhere, the same words in both."""

import io
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from eco_jax.run import progress
from eco_jax.run.progress import Display, Pace, Progress, updates_in_words
from eco_jax.train.fit import Chunk


@pytest.fixture
def clock(monkeypatch):
    """Time, s, to be set."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self):
        return True


def on_terminal(display):
    """What it writes, as to a terminal of 120 columns."""
    file = Terminal()
    display.console = Console(file=file, force_terminal=True, width=120, legacy_windows=False, color_system=None)
    return file


def chunk(start, done, total, wall_s):
    metrics = {"reward": np.full((done - start, 2), 0.25), "energy": np.array([[0.1, np.nan]] * (done - start))}
    return Chunk(start, {**metrics, "other": metrics["reward"]}, wall_s, total, lambda: None)


def test_words():
    means = {"energy": 0.2, "reward": -0.1234, "latency": 1.0, "qoe": 0.5}
    assert updates_in_words(30, 600, means, 0.02, 240) == (
        "update 30/600  12,000 steps/s  reward -0.123  energy +0.200  qoe +0.500  11 s left"
    )
    assert updates_in_words(30, 600, {}, 0.02) == "update 30/600  11 s left"
    assert updates_in_words(0, 600, {}) == "update 0/600"
    assert updates_in_words(600, 600, {}, 0.0, 240) == "update 600/600  0 s left"


def test_lines_are_printed_now_and_then(capsys, clock):
    with Display(every_s=10.0) as display:
        display.begin("a")
        for seconds in range(0, 26, 5):
            clock[0] = 1000.0 + seconds
            display.show("a", seconds, 25, f"at {seconds}", now=seconds == 25)
        display.show("a", 25, 25, "at the end", "another line", now=True)
        display.begin("b", "b begins")
        display.show("b", 0, 1, "at once")
        display.say("a remark " * 30)
    lines = ["a: at 0", "a: at 10", "a: at 20", "a: at 25", "another line", "b begins", "b: at once", "a remark " * 30]
    assert capsys.readouterr().err.splitlines() == lines


def test_bars_on_a_terminal(clock):
    display = Display()
    written = on_terminal(display)
    with display:
        display.begin("compiling [b]x[/b]")
        display.show("playing [b]x[/b]", 1, 2, "1 of 2 [i]", "no line")
        display.say("a [remark]")
        display.begin("b")
        display.bars.refresh()
        assert [(task.description, task.completed, task.total) for task in display.bars.tasks] == [
            ("playing [b]x[/b]", 1, 2), ("b", 0, None),
        ]  # fmt: skip
    text = written.getvalue()
    assert "a [remark]\n" in text
    assert "no line" not in text
    assert any("playing [b]x[/b]" in line and "1 of 2 [i] 0:00:00" in line for line in text.splitlines())


def test_a_pipe_has_no_bars_even_where_colours_are_forced(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    display = Display()
    assert display.console.is_terminal  # as rich has it
    with display:
        display.begin("a")
        for done in range(3):
            display.show("a", done, 3, f"{done} of 3", now=True)
    assert capsys.readouterr().err.splitlines() == ["a: 0 of 3", "a: 1 of 3", "a: 2 of 3"]


def test_a_training_says_how_far_it_is(capsys):
    with Progress(100, "twin x 2", every_s=0.0) as shown:
        shown.compiled(3.21)
        shown.chunk(chunk(0, 1, 3, 0.5))
        shown.chunk(chunk(1, 3, 3, 1.5))
    assert capsys.readouterr().err.splitlines() == [
        "twin x 2: compiling ...",
        "twin x 2: compiled in 3.2 s",
        "twin x 2: update 1/3  200 steps/s  reward +0.250  energy +0.100  1 s left",
        "twin x 2: update 3/3  200 steps/s  reward +0.250  energy +0.100  0 s left",
    ]


def test_a_training_on_a_terminal():
    shown = Progress(100, "twin")
    written = on_terminal(shown)
    with shown:
        shown.compiled(1.0)
        shown.chunk(chunk(0, 1, 3, 0.5))
    text = written.getvalue()
    assert "twin: compiling ...\n" in text
    assert "twin: compiled in 1.0 s\n" in text
    assert "update 1/3  200 steps/s  reward +0.250  energy +0.100  1 s left" in text


def test_the_speed_of_a_run_that_goes_on_is_that_of_what_it_does_itself(capsys):
    with Progress(100, every_s=0.0) as shown:
        shown.chunk(chunk(1000, 1001, 1003, 0.5))
    assert "update 1001/1003  200 steps/s" in (said := capsys.readouterr().err)
    assert "  1 s left" in said


def test_pace(clock):
    pace = Pace()
    assert pace.of(10) is None
    clock[0] += 4.0
    assert pace.of(10) is None
    assert pace.of(12) == 2.0


def test_rich_is_imported_where_it_is_used():
    code = "import sys, eco_jax.run.folder; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
