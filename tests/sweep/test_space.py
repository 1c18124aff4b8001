"""Search spaces: what a TOML file may say, and what it gets when it says something else."""

from pathlib import Path

import pytest

from eco_jax.errors import UserError
from eco_jax.sweep.space import Choice, Range, from_toml

EXAMPLES = Path(__file__).parents[2] / "experiments" / "sweeps"


def space(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return from_toml(path)


def test_axes_and_base(tmp_path):
    found = space(
        tmp_path,
        """
        [base]
        preset = "tiny"
        knowledge = "none"
        train.rollout = 6
        [space]
        "algorithm.actor_lr" = { log_uniform = [1e-4, 1e-1] }
        physics.sync_error = { choice = [0.03, 0.3] }
        network.hidden = { uniform = [8, 16] }
        physics.sync_energy = { uniform = [1, 20] }
        env.beta_levels = { choice = [[0.5, 1.0], [1.0]] }
        """,
    )
    assert found.axes == {
        "algorithm.actor_lr": Range(1e-4, 1e-1, log=True),
        "physics.sync_error": Choice((0.03, 0.3)),
        "network.hidden": Range(8, 16, whole=True),
        "physics.sync_energy": Range(1, 20),
        "env.beta_levels": Choice(([0.5, 1.0], [1.0])),
    }
    config = found.configure({"algorithm.actor_lr": 0.01, "network.hidden": 12, "env.beta_levels": [1.0]})
    assert config.values["algorithm.actor_lr"] == 0.01
    assert config.values["network.hidden"] == 12
    assert config.train.rollout == 6
    assert config.env.beta_levels == (1.0,)
    assert config.env.users == 3
    assert config.knowledge == "none"


def test_a_grid_has_every_combination_the_last_axis_fastest(tmp_path):
    found = space(tmp_path, '[space]\n"algorithm.clip" = {grid = [1, 2]}\nknowledge = {choice = ["twin", "none"]}')
    assert list(found.grid()) == [
        {"algorithm.clip": 1, "knowledge": "twin"}, {"algorithm.clip": 1, "knowledge": "none"},
        {"algorithm.clip": 2, "knowledge": "twin"}, {"algorithm.clip": 2, "knowledge": "none"},
    ]  # fmt: skip


def test_counts_are_whole_numbers_within_the_range(tmp_path):
    found = space(
        tmp_path,
        """
        [base]
        preset = "tiny"
        [space]
        env.users = { uniform = [2.5, 4.7] }
        network.hidden = { log_uniform = [0.5, 8] }
        mobility.fix_every = { uniform = [1, 5] }
        physics.replica_slots = { uniform = [0.5, 3] }
        physics.sync_error = { uniform = [0, 1] }
        """,
    )
    assert found.axes == {
        "env.users": Range(3, 4, whole=True),
        "network.hidden": Range(1, 8, log=True, whole=True),
        "mobility.fix_every": Range(1, 5, whole=True),
        "physics.replica_slots": Range(1, 3, whole=True),
        "physics.sync_error": Range(0, 1),
    }
    found.make({"mobility.fix_every": 3, "env.users": 4})


def test_files_are_the_same_wherever_the_sweep_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("".join(f"{100 * i},{100 * i}\n" for i in range(1, 7)))
    text = '[base]\npreset = "tiny"\n{}\n[space]\n"algorithm.clip" = {{choice = [1.0, 2.0]}}\n{}'
    base = space(tmp_path, text.format('sites = "a.csv"', ""))
    assert base.base["sites"] == str(tmp_path / "a.csv")
    varied = space(tmp_path, text.format("", 'sites = {choice = ["a.csv", "b.csv"]}'))
    monkeypatch.chdir("/")
    assert base.inputs() == [tmp_path / "a.csv"]
    assert varied.inputs() == [tmp_path / "a.csv", tmp_path / "b.csv"]
    varied.make({"sites": varied.axes["sites"].ends[1]})


def test_a_range_has_no_grid(tmp_path):
    found = space(tmp_path, '[space]\n"algorithm.clip" = {uniform = [1, 2]}')
    with pytest.raises(UserError, match=r"algorithm\.clip: a range has no grid"):
        list(found.grid())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[space]", r"\[space\]: needs at least one setting"),
        ("[spaces]", r"\[spaces\]: must be \[base\] or \[space\]"),
        ("[space", "not a TOML file"),
        ("space = 3", "space = 3: must be a table"),
        ('base = ["tiny"]', r"base = \['tiny'\]: must be a table"),
        ('[space]\n"algorithm.clip" = {choice = [1, 2, 1.0]}', r"algorithm\.clip: choice: 1\.0 stands there twice"),
        (
            '[space]\n"env.users" = {uniform = [2.1, 2.9]}',
            r"env\.users: there is no whole number between 2\.1 and 2\.9",
        ),
        (
            '[space]\n"algorithm.actorlr" = {choice = [1]}',
            r"algorithm\.actorlr: unknown setting; did you mean actor_lr",
        ),
        (
            '[space]\n"algorithm.clip" = {choice = [1]}\nalgorithm.clip = {choice = [2]}',
            r"algorithm\.clip: is there twice",
        ),
        (
            '[base]\n"train.updates" = 3\ntrain.updates = 5\n[space]\n"algorithm.clip" = {choice = [1]}',
            r"train\.updates: is there twice",
        ),
        ('[space]\n"algorithm.clip" = 3', r"algorithm\.clip: must be one of \{ choice"),
        ('[space]\n"algorithm.clip" = {choice = []}', "must be a list of values"),
        ('[space]\n"algorithm.clip" = {uniform = [1]}', "must be two numbers, low and high"),
        ('[space]\n"algorithm.clip" = {uniform = [false, true]}', "must be two numbers, low and high"),
        ('[space]\n"algorithm.clip" = {uniform = [1, nan]}', "must be two numbers, low and high"),
        ('[space]\n"algorithm.clip" = {uniform = [1, 1' + "0" * 400 + "]}", "must be two numbers, low and high"),
        ('[space]\n"algorithm.clip" = {uniform = [2, 1]}', "must rise$"),
        ('[space]\n"algorithm.entropy" = {log_uniform = [0, 1]}', "must rise, from above 0"),
        ('[space]\n"algorithm.discount" = {uniform = [0.5, 1.5]}', r"algorithm\.discount = 1\.5: must lie in \[0, 1\]"),
        ('[space]\n"physics.correlation" = {choice = [2]}', r"physics\.correlation = 2: must lie in \[0, 1\]"),
        (
            '[base]\ntrain.envs = 0\n[space]\n"algorithm.clip" = {choice = [1]}',
            r"train\.envs = 0: must lie in \[1, 1000000\]",
        ),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, said):
    with pytest.raises(UserError, match=said) as error:
        space(tmp_path, text)
    assert "space.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.toml: cannot be read"):
        from_toml(tmp_path / "nowhere.toml")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_spaces(path):
    assert from_toml(path).axes
