"""The page about the doors: its code runs as it stands."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adapters.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", PAGE, flags=re.S))
BLOCKS = [code for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.S) if code not in FILES.values()]


def run(python, code, folder):
    done = subprocess.run(
        [str(python), "-c", code], cwd=folder, capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": os.environ["ECO_JAX_CACHE"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.documents
def test_its_code_runs_from_top_to_bottom(tmp_path):
    if importlib.util.find_spec("pettingzoo") is None:
        pytest.skip("pettingzoo is not installed: it is in the extra `dev`")
    shown = run(sys.executable, "\n".join(BLOCKS), tmp_path)
    assert "candidate1/distance distance (over the servers' spacing)" in shown
    assert "(460,)" in shown


@pytest.mark.trainers
@pytest.mark.parametrize(
    ("environment", "name"),
    [("sb3", "train_sb3.py"), ("rejax", "train_rejax.py"), ("jaxmarl", "play_jaxmarl.py")],
)
def test_its_files_run(environment, name, tmp_path):
    python = ROOT / ".peers" / environment / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment {python.parents[1]}: make test-trainers")
    small = (
        FILES[name].replace('"repaired", users=5, slots=10', '"tiny", slots=4').replace("EcoVecEnv(4", "EcoVecEnv(2")
    )
    assert "repaired" not in small
    run(python, small, tmp_path)


def test_its_table_names_every_door():
    doors = {path.stem for path in (ROOT / "eco_jax" / "adapters").glob("*.py")}
    named = set(re.findall(r"`adapters\.(\w+)`", PAGE))
    assert named == doors - {"__init__", "common", "spaces", "gymnax"}
