"""The agents that come with the package are what their card says."""

import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import eco_jax
from eco_jax.cli.main import main
from eco_jax.env import KNOWLEDGE
from eco_jax.env.policies import Greedy
from eco_jax.errors import UserError
from eco_jax.run import reference as module
from eco_jax.run.reference import reference
from eco_jax.train.checkpoint import params_sha256

FOLDER = Path(__file__).parents[2] / "checkpoints" / "reference"


@pytest.mark.parametrize("level", KNOWLEDGE)
def test_each_level_has_one_and_the_card_names_it(level):
    run = eco_jax.load(reference(level))
    assert run.seeds == (0,)
    digest = params_sha256(run.agents)
    row = re.search(rf"^\| `{level}` \|.*\| `(\w+)` \|$", (FOLDER / "README.md").read_text(), flags=re.M)
    assert digest.startswith(row.group(1))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(run.agents))


def test_they_are_small_and_name_no_machine():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 1e6
    home = str(Path(__file__).parents[2])
    for path in files:
        assert b"checkpoint/" not in path.read_bytes() or path.suffix == ".md", path
        assert home.encode() not in path.read_bytes(), path
    for path in FOLDER.rglob("config.toml"):
        assert "/" not in re.sub(r"#.*", "", path.read_text()), path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", r"config.toml: \[run\] seed: is missing"),
        (lambda text: text.replace("users = 30", "users = 4"), "config.toml: was changed since the run began"),
    ],
)
@pytest.mark.parametrize(
    "command", [["evaluate", "--rules", "none"], ["view"], ["compare"], ["plot"]], ids=lambda command: command[0]
)
def test_a_run_that_was_changed_is_not_read_as_another(tmp_path, capsys, command, change, said):
    shutil.copytree(reference("twin"), tmp_path / "run")
    file = tmp_path / "run" / "config.toml"
    assert change(file.read_text()) != file.read_text()
    file.write_text(change(file.read_text()))
    name, *flags = command
    named = ["--checkpoint", str(tmp_path / "run")] if name == "evaluate" else [str(tmp_path / "run")]
    assert main([name, *named, *flags]) == 2
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.policy(1), r"index = 1: must lie in \[-1, 0\]"),
        (lambda run: eco_jax.evaluate("greedy", run.env, run.params), "evaluate: 'greedy': must be a run, a rule"),
        (lambda run: eco_jax.evaluate(Greedy, run.env, run.params), "must be a run, a rule as `Greedy"),
        (lambda run: eco_jax.evaluate(run, episodes=0), "episodes = 0: must be a whole number of at least 1"),
        (lambda run: eco_jax.evaluate(run, seed=-1), r"seed: -1: must be a whole number in \[0, 4294967295\]"),
        (lambda run: eco_jax.train(run.env, run.params, seeds=[0.5]), r"seeds: 0.5: must be a whole number in"),
        (lambda run: eco_jax.train(run.env, run.params, seeds=[2**32]), r"seeds: 4294967296: must be a whole number"),
        (lambda run: eco_jax.train(run.env, run.params, seeds=0), "seeds = 0: must be a whole number of at least 1"),
        (lambda run: eco_jax.train(run.env, run.params, seeds=1.5), "seeds = 1.5: must be a whole number of"),
        (lambda run: eco_jax.train(run.env, run.params, seeds=[]), "seeds: must be at least one"),
        (lambda run: eco_jax.train(run.env, run.params, rollout=0), r"train.rollout = 0"),
    ],
)
def test_numbers_that_cannot_be(call, said):
    with pytest.raises(UserError, match=said):
        call(eco_jax.load(reference("twin")))


def test_a_level_that_is_none_is_refused():
    with pytest.raises(UserError, match="must be one of none, telemetry"):
        reference("psychic")


def test_an_installation_without_them_says_so(monkeypatch, capsys):
    monkeypatch.setattr(module, "FOLDERS", ("nowhere",))
    assert main(["evaluate"]) == 2
    assert capsys.readouterr().err == (
        "eco-jax evaluate: no reference agent for knowledge = 'twin' came with this installation; name a run\n"
    )
