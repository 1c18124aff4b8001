"""Other people's trainers, unmodified, each in an environment of its own that `make test-trainers` sets up."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "trainers"


@pytest.mark.trainers
@pytest.mark.parametrize(
    ("environment", "program", "trained"),
    [
        ("sb3", "sb3.py", ("protocol: ok", "A2C", "PPO", "DQN", "MaskablePPO")),
        ("rejax", "rejax_ppo.py", ("rejax PPO: 256 steps", "five-value loop: 256 steps")),
        ("jaxmarl", "jaxmarl_loop.py", ("JaxMARL loop: 256 steps", "CTRolloutManager: ok")),
    ],
)
def test_it_trains(environment, program, trained):
    python = ROOT / ".peers" / environment / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment {python.parents[1]}: make test-trainers")
    done = subprocess.run(
        [str(python), str(PROGRAMS / program)], capture_output=True, text=True, timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": os.environ["ECO_JAX_CACHE"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for line in trained:
        assert line in done.stdout
