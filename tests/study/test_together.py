"""Runs and rules on the same episodes, in several worlds at once."""

import numpy as np
import pytest
from made_up_agents import trained

from eco_jax.api import evaluate, load
from eco_jax.errors import UserError
from eco_jax.run.config import changed
from eco_jax.study.folders import open_run
from eco_jax.study.together import check_number, labels_of, play_together

pytestmark = pytest.mark.long  # compiles the programs of agents, of rules, and of one run alone
NAME, VALUES = "physics.sync_energy", (0.0, 80.0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    trained(folder / "twin")
    trained(folder / "none", seeds=(3,), knowledge="none", algorithm={"kind": "a2c", "entropy": 0.5})
    return {name: open_run(folder / name) for name in ("twin", "none")}


@pytest.fixture(scope="module")
def played(runs):
    worlds = check_number(runs["twin"].config, NAME, VALUES)
    return play_together(worlds, runs, ["nearest-full"], 7, 3)


def test_everybody_plays_in_every_world(played):
    assert {name: row["reward"].shape for name, row in played.items()} == {
        "twin": (2, 2, 3), "none": (2, 1, 3), "nearest-full-twin": (2, 1, 3), "nearest-full-none": (2, 1, 3),
    }  # fmt: skip


def test_each_is_what_it_is_alone(runs, played):
    """Its own level of knowledge, its own networks, the world of the point."""
    run = runs["none"]
    alone = evaluate(load(run.path), params=changed(run.config, {NAME: VALUES[1]}).make()[1], episodes=3, seed=7)
    for metric in ("reward", "energy", "energy/synchronisation"):
        np.testing.assert_allclose(played["none"][metric][1], alone[metric], rtol=1e-4, atol=1e-6)


def test_a_price_is_paid_by_who_synchronises(played):
    free, dear = played["twin"]["energy"].mean(axis=(1, 2))
    assert dear > free
    np.testing.assert_array_equal(*played["nearest-full-none"]["energy"])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("physics.zzz", 1.0, r"--over physics\.zzz: unknown setting"),
        ("env.users", 5.0, r"--over env\.users: changes the program; traced numbers"),
        ("algorithm.entropy", 0.1, r"--over algorithm\.entropy: the agents are what they were trained to"),
        ("physics.sync_energy", -1.0, r"physics\.sync_energy = -1 mJ: must lie in"),
    ],
)
def test_only_traced_numbers_of_the_world_vary(runs, name, value, said):
    with pytest.raises(UserError, match=said):
        check_number(runs["twin"].config, name, [value, 2.0])


def test_rules_play_at_the_levels_of_the_runs(runs):
    assert labels_of(runs, ["local"], "truth") == {"local-twin": ("local", "twin"), "local-none": ("local", "none")}
    assert labels_of(runs, ["local"], "truth", of_all=True) == {"local": ("local", "truth")}
    assert labels_of({}, ["local"], "truth") == {"local": ("local", "truth")}


def test_a_network_for_other_features_is_refused(runs):
    other = changed(runs["twin"].config, {"env.candidates": 2})
    with pytest.raises(UserError, match=r"its network takes \d+ features, these settings give \d+"):
        play_together([other], {"twin": runs["twin"]}, [], 0, 2)
