"""`eco-jax reproduce`: settings of one's own, what is refused, and that nothing is touched before."""

import re
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from eco_jax import plugins
from eco_jax.agent.algorithms import A2C, PPO
from eco_jax.cli.main import main
from eco_jax.env.config import TWIN
from eco_jax.files import sha256
from eco_jax.parts import forget
from eco_jax.report import reproduce as report
from eco_jax.report.claims import as_written
from eco_jax.run import settings
from eco_jax.run.config import default
from eco_jax.study import judging
from eco_jax.study.profile import PAPER, QUICK, SMOKE
from eco_jax.study.store import Store, fingerprint


def said(capsys, arguments):
    """The one line on stderr of a command that is refused."""
    assert main(["reproduce", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture
def studied(monkeypatch, tmp_path):
    """Run the command up to the study; it returns the study, what is noted of it, and the fingerprint's settings."""
    seen = []

    def reproduced(out, study, here, about, repeat, again):
        seen.append((study, about, repeat))
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "reproduce", reproduced)

    def run(*arguments):
        assert main(["reproduce", "--out", str(tmp_path / "study"), *map(str, arguments)]) == 130
        return seen[-1]

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "mars"], "preset 'mars': must be one of"),
        (["--seed", "-1"], "--seed -1: must lie in [0, "),
        (["--profile", "paper", "--learners", "a2c-gru,dqn"], "--learners: 'dqn' is none of a2c-attention, "),
        (["--profile", "paper", "--learners", ","], "--learners: '' is none of a2c-attention, "),
        (["--learners", "a2c-gru"], "--learners: the profile trains no other algorithms and networks; --profile paper"),
        (["--seed", str(2**32 - 2)], "--seed 4294967294: must lie in [0, "),
        (["--seed", str(2**63)], "--seed 9223372036854775808: must lie in [0, "),
        (["--profile", "huge"], "huge"),
        (["--trace", "nowhere.npz"], "nowhere.npz"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--config", "a.toml", "--preset", "tiny"], "--preset and --config: give one of them"),
        (["--knowledge", "none"], "--knowledge: is not a setting here"),
        (["--judge", "a paper"], "--judge: profile quick has 3 seeds, a verdict needs 10: --profile paper"),
        (["--judge", "", "--profile", "paper"], "--judge '': must be a name of 1 to 80 letters"),
        (["--again", "--profile", "paper"], "--again: goes with --judge NAME"),
        (["--train.updates=7"], "--train.updates: is not a setting here"),
        (["--algorithm", "nobody"], "algorithm = 'nobody': must be one of a2c, ppo"),
        (["--algorithm", "ppo", "--algorithm.minibatches", "7"], "algorithm.minibatches = 7: must divide"),
        (["--env.users", "0"], "env.users = 0"),
        (["--physics.sync-energy", "-1"], "sync_energy"),
        (["--env.candidates", "20", "--profile", "paper"], "env.candidates = 20: must lie in [1, 15]"),
        (["--train.rollout", "7"], "train.rollout = 7: must divide"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(capsys, tmp_path, arguments, words):
    assert words in said(capsys, ["--out", tmp_path / "study", *arguments])
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"knowledge": "none"}, "knowledge: is not a setting here"),
        ({"train": {"updates": 5}}, "train.updates: is not a setting here"),
        ({"env": {"userz": 5}}, "env.userz: unknown setting"),
    ],
)
def test_a_file_of_settings_is_read_as_strictly(capsys, tmp_path, data, words):
    (tmp_path / "mine.toml").write_text(tomli_w.dumps(data))
    line = said(capsys, ["--out", tmp_path / "study", "--config", tmp_path / "mine.toml"])
    assert str(tmp_path / "mine.toml") in line
    assert words in line


@pytest.mark.parametrize("content", [{"config.toml": ""}, {"sweep.json": "{}"}, {"notes.txt": "mine"}])
@pytest.mark.parametrize("fresh", [[], ["--fresh"]])
def test_a_folder_of_something_else_is_left_alone(capsys, tmp_path, content, fresh):
    (tmp_path / "parts").mkdir()
    for name in (*content, "parts/mine.npz"):
        (tmp_path / name).write_text(content.get(name, "mine"))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert f"holds {next(iter(content))}" in said(capsys, ["--out", tmp_path, *fresh])
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_fresh_forgets_the_parts_and_nothing_else(studied, tmp_path):
    store = Store(tmp_path / "study" / "parts")
    store.save("rules", "mark", {"x": np.zeros(1)}, {})
    (tmp_path / "study" / "report.html").write_text("before")
    studied()
    assert len(list(store.folder.iterdir())) == 2
    studied("--fresh")
    assert list(store.folder.iterdir()) == []
    assert (tmp_path / "study" / "report.html").read_text() == "before"


def test_settings_of_one_s_own(studied, tmp_path):
    (tmp_path / "sites.txt").write_text("".join(f"{x},100\n" for x in range(0, 900, 100)))
    (tmp_path / "mine.toml").write_text(tomli_w.dumps({"preset": "tiny", "env": {"users": 4}, "train": {"rollout": 4}}))
    study, about, repeat = studied(
        "--config", tmp_path / "mine.toml", "--physics.sync-energy", 5, "--algorithm.entropy", 0.2, "--env.servers", 9,
        "--sites", tmp_path / "sites.txt", "--profile", "smoke", "--seed", 3,
    )  # fmt: skip
    env, params = study.world
    assert (env.config.users, env.config.slots, env.config.servers, study.seed) == (4, 12, 9, 3)
    assert float(params.sync_energy) == pytest.approx(5e-3)
    assert float(study.algorithm().entropy) == pytest.approx(0.2)
    assert (study.train.rollout, study.train.envs) == (4, 4)  # the file's, and the toy's where it says nothing
    assert about["world"] == "mine.toml"
    for words in ("env.users = 4", "physics.sync_energy = 5", "algorithm.entropy = 0.2", "sites = sites.txt"):
        assert words in about["differs from the default"]
    assert about["sites_sha256"] == study.settings["sites_sha256"]
    assert "--physics.sync-energy 5" in repeat


@pytest.fixture
def reinforce():
    """The file of an algorithm of one's own, which is forgotten afterwards."""
    yield Path(__file__).parents[2] / "experiments" / "plugins" / "reinforce.py"
    plugins.LOADED.clear()
    forget("algorithm", "reinforce")


def test_any_algorithm_can_be_reproduced(studied, reinforce):
    usual, _, _ = studied()
    assert (usual.kind, usual.agent(TWIN)) == (A2C, "a2c-twin")
    study, about, repeat = studied("--algorithm", "ppo", "--algorithm.epochs", 2)
    assert (study.kind, study.agent(TWIN)) == (PPO, "ppo-twin")
    assert study.algorithm().epochs == 2
    assert "algorithm = ppo" in about["differs from the default"]
    assert "--algorithm ppo" in repeat
    own, about, _ = studied("--plugin", reinforce, "--algorithm", "reinforce", "--profile", "smoke")
    assert (own.kind.__name__, own.agent(TWIN)) == ("Reinforce", "reinforce-twin")
    assert "plugins = reinforce.py" in about["differs from the default"]
    assert len({str(fingerprint(each.settings)) for each in (usual, study, own)}) == 3
    assert own.settings["plugins_sha256"] == sha256(reinforce)


def test_the_default_is_the_default_world(studied):
    study, about, _ = studied()
    assert study.config == default()
    assert (about["world"], about["differs from the default"]) == ("repaired", "nothing")
    assert about["mobility"] == "synthetic (random waypoint)"


def test_what_of_a_study_is_run(studied):
    usual, _, _ = studied("--profile", "paper")
    assert (usual.verdicts_only, usual.learners) == (False, None)
    some, _, repeat = studied("--profile", "paper", "--verdicts-only", "--learners", "a2c-gru,ppo-mlp")
    assert (some.verdicts_only, some.learners) == (True, ("a2c-gru", "ppo-mlp"))
    assert "--verdicts-only --learners a2c-gru,ppo-mlp" in repeat
    assert studied("--profile", "paper", "--learners", "")[0].learners == ()


def test_smoke_is_a_toy_where_no_world_is_given(studied):
    assert studied("--profile", "smoke")[0].world[0].config.users == 3
    assert studied("--profile", "smoke", "--preset", "sparse")[0].world[0].config.users == 10


def test_the_settings_of_a_run_are_taken_without_what_the_study_decides(studied, capsys, tmp_path):
    run = settings.from_mapping({"preset": "tiny", "knowledge": "none", "train": {"updates": 9, "rollout": 6}}, "here")
    (tmp_path / "config.toml").write_text(settings.to_toml(run, {"seed": 1}))
    study, about, _ = studied("--config", tmp_path / "config.toml")
    notes = capsys.readouterr().err
    assert "knowledge of that run is not a setting here" in notes
    assert "train.updates of that run" in notes
    assert study.world[0].config.users == 3
    assert "updates" not in about["differs from the default"]


def test_help_says_how_long_it_takes(capsys):
    with pytest.raises(SystemExit):
        main(["reproduce", "--help"])
    text = " ".join(re.sub("[│╭╰─╮╯]", " ", capsys.readouterr().out).split())
    for profile in (SMOKE, QUICK, PAPER):
        assert profile.takes in text
    assert set(re.findall(r"about \d+ minutes? on 2 cores", text)) == {p.takes for p in (SMOKE, QUICK, PAPER)}


def test_what_was_judged_is_not_thrown_away_by_fresh(capsys, monkeypatch, tmp_path, studied):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    out = tmp_path / "study"
    Store(out / "parts").save("rules", "mark", {"x": np.zeros(1)}, {})
    judging.begin(out, "a paper", as_written(), ["rules"])
    judging.end(out)
    flags = ["--out", out, "--profile", "paper", "--fresh", "--judge"]
    assert "its episodes were played on" in said(capsys, [*flags, "a paper"])
    assert (out / "parts" / "rules.npz").exists()
    studied("--profile", "paper", "--fresh", "--judge", "a paper", "--again")
    assert not (out / "parts" / "rules.npz").exists()
