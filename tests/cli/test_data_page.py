"""What `docs/data.md` shows works from top to bottom, in an empty folder: from own rows to a trained agent."""

import re
import shlex
from pathlib import Path

import pytest

from eco_jax import plugins
from eco_jax.cli.main import main
from eco_jax.parts import forget
from eco_jax.run import settings

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
SMALL = {
    "train": ("--train.updates", "1", "--train.envs", "2", "--train.chunk", "1", "--env.slots", "12"),
    "evaluate": ("--episodes", "2"),
}
"""Command -> flags that make it short."""
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w*)\n(.*?)```", flags=re.S)


@pytest.mark.documents
def test_every_command_and_snippet_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    try:
        for file, language, text in BLOCK.findall(PAGE):
            if file:
                Path(file).write_text(text)
            elif language == "python":
                exec(compile(text, "data.md", "exec"), names)
            else:
                for line in text.splitlines():
                    program, command, *words = shlex.split(line, comments=True)
                    assert program == "eco-jax"
                    assert main([command, *words, *SMALL.get(command, ())]) == 0, (line, capsys.readouterr().err)
    finally:
        plugins.LOADED.clear()
        forget("format", "json-lines")
    recorded = settings.recorded(tmp_path / "runs/rome/config.toml")
    assert {"trace_sha256", "sites_sha256", "workload_sha256"} <= recorded.keys()
    # a run that goes on wants the same workload
    (tmp_path / "tasks.csv").write_text("data_kb,cycles_per_bit,deadline_ms\n1,2,100\n")
    assert main(["train", "--out", "runs/rome", "--resume"]) == 2
    assert "is not the file that" in capsys.readouterr().err
