"""The installed package holds what it needs, and needs no more than it says."""

import subprocess
import sys
from pathlib import Path

import pytest
from outside import PYTHON, command, python

from eco_jax.env import KNOWLEDGE

pytestmark = pytest.mark.wheel
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Where it is installed."""
    shown = python(tmp_path_factory.mktemp("empty"), "-c", "import eco_jax; print(eco_jax.__path__[0])")
    return Path(shown.strip())


@pytest.mark.skipif(sys.executable == PYTHON, reason="make test-wheel names an environment that has the wheel alone")
def test_it_is_the_wheel_and_nothing_else(package, tmp_path):
    assert package.parent.name == "site-packages"
    for name in ("gymnasium", "torch", "pytest", "sphinx"):
        python(tmp_path, "-c", f"import importlib.util as u, sys; sys.exit(u.find_spec('{name}') is not None)")
    for name, there in (("presets", "presets"), ("plugins", "examples")):
        own = {path.name for path in (ROOT / "experiments" / name).iterdir() if path.is_file()}
        assert own == {path.name for path in (package / there).iterdir() if path.is_file()}
    for level in KNOWLEDGE:
        assert (package / "reference" / level / "config.toml").is_file()
    assert (package / "py.typed").is_file()


def test_versions_presets_and_examples_are_told(tmp_path):
    shown = command(tmp_path, "info")
    for word in ("eco-jax ", "paper-printed", "levy.py"):
        assert word in shown
    folder = Path(command(tmp_path, "info", "--examples").strip())
    assert (folder / "money.py").is_file()


def test_the_agents_that_came_with_it_play(tmp_path):
    shown = command(tmp_path, "evaluate", "--episodes", "2", "--rules", "local", "--env.users", "3")
    assert "a2c-twin" in shown


def test_its_types_are_known(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import eco_jax\nenv, params = eco_jax.make('tiny')\nreveal_type(env)\nwrong: int = env.agents + 'a'\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", PYTHON, "mine.py"], cwd=tmp_path, capture_output=True,
        text=True,
    )  # fmt: skip
    assert 'Revealed type is "eco_jax.env.eco.EcoEnv"' in done.stdout, done.stdout
    assert done.stdout.count("error:") == 1, done.stdout
