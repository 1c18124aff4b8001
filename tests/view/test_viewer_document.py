"""What `docs/viewer.md` shows works from top to bottom, in an empty folder."""

import re
import shlex
from pathlib import Path

import pytest

from eco_jax.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "viewer.md").read_text()
WORLD = ["--preset", "tiny", "--env.slots", "4"]
SMALL = {"train": [*WORLD, "--train.updates", "1", "--train.envs", "2", "--train.rollout", "4"], "view": WORLD}
SHORTER = {"--env.slots 20": "--env.slots 4", 'make("tiny")': 'make("tiny", slots=4)'}
"""What else is made small: one world, so that its programs are compiled once."""


def small(command, *words):
    """The same command in a small world, where it names none of its own."""
    if "runs/twin" in words and command == "view":
        return [command, *words]  # the run's own is small
    given = [word for word in words if word.startswith("--")]
    pairs = zip(SMALL[command][::2], SMALL[command][1::2], strict=True)
    return [command, *words, *(word for pair in pairs if pair[0] not in given for word in pair)]


@pytest.mark.documents
def test_every_command_and_snippet_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = PAGE
    for long, short in SHORTER.items():
        assert long in page
        page = page.replace(long, short)
    blocks = re.findall(r"```(bash|python)\n(.*?)```", page, flags=re.S)
    assert len(blocks) == 5
    for language, text in blocks:
        if language == "python":
            exec(compile(text, "viewer.md", "exec"), {})
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line, comments=True)
            assert program == "eco-jax"
            assert main(small(*words)) == 0, line
    assert {"view.html", "agent-and-rule.html", "episode.gif", "episode.csv"} <= {p.name for p in tmp_path.iterdir()}


def test_every_picture_of_the_page_is_there():
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / link).exists(), link
