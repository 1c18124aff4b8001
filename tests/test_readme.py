"""What the README shows works as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
SHORT = ("--preset", "tiny", "--train.updates", "2", "--train.envs", "2", "--train.chunk", "1")


def blocks():
    """Python blocks of the README."""
    return re.findall(r"```python\n(.*?)```", README, flags=re.S)


def command(folder, *argv):
    """A command in a folder."""
    program = "import sys; from eco_jax.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *argv], cwd=folder, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_link_leads_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in link:
            assert (Path(__file__).parents[1] / link).exists(), link


@pytest.mark.wheel
def test_from_python(tmp_path):
    command(tmp_path, "train", *SHORT, "--out", "runs/twin")
    code = next(block for block in blocks() if "eco_jax.train(" in block)
    small = code.replace("users=30, ", "users=3, servers=6, slots=12, ").replace("updates=300", "updates=2")
    small = small.replace("(30, 4)", "(3, 4)").replace("episodes=64", "episodes=2")
    done = subprocess.run([sys.executable, "-c", small], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.wheel
def test_your_own_parts(tmp_path):
    """Every part of the file takes part in a run, and is named where it must be."""
    code = re.search(r"<!-- my_parts.py -->\n```python\n(.*?)```", README, flags=re.S).group(1)
    (tmp_path / "my_parts.py").write_text(code)
    kinds = dict(re.findall(r'@register\("(\w+)", "([\w-]+)"\)', code))
    chosen = [word for kind, name in kinds.items() if kind != "rule" for word in (f"--{kind}", name)]
    command(
        tmp_path, "train", "--plugin", "my_parts.py", *SHORT, *chosen, "--mobility.speed", "15", "--out", "runs/mine"
    )
    config = (tmp_path / "runs" / "mine" / "config.toml").read_text()
    for kind, name in kinds.items():
        assert kind == "rule" or f'kind = "{name}"' in config or f"[{kind}.{name}]" in config
    shown = command(
        tmp_path, "evaluate", "--plugin", "my_parts.py", "--checkpoint", "runs/mine", "--episodes", "2", "--rules",
        f"{kinds['rule']},greedy",
    )  # fmt: skip
    assert kinds["rule"] in shown
    assert f"{kinds['algorithm']}-twin" in shown
