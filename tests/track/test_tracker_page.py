"""The page on trackers works as it stands, read from top to bottom in an empty folder."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = "import sys; from eco_jax.cli.main import main; sys.exit(main())"


def steps():
    """(kind, text) of each block: a file of the user's with its name, or a command."""
    pattern = r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```"
    for name, kind, text in re.findall(pattern, (DOCS / "trackers.md").read_text(), flags=re.S):
        if name:
            yield name, text
        elif kind == "bash":
            yield from (("", line) for line in text.splitlines() if line.strip())


def run(folder):
    for name, text in steps():
        if name:
            (folder / name).write_text(text)
            continue
        words = shlex.split(text, comments=True)
        if words[0] != "eco-jax":
            continue  # what sets up the machine
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words[1:]], cwd=folder, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        assert "warning: --" not in done.stderr, f"{text}\n{done.stderr}"


@pytest.mark.trackers
@pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed: make test-trackers"
)
def test_trackers(tmp_path):
    run(tmp_path)
    assert list((tmp_path / "runs" / "twin" / "tracker" / "twin").glob("events*"))
    assert len(list((tmp_path / "runs" / "each" / "tracker").iterdir())) == 2
    assert len((tmp_path / "runs" / "own" / "tracker" / "own.jsonl").read_text().splitlines()) == 20
