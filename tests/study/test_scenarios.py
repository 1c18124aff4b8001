"""eco-bench: worlds that stay what they were, and scores from random to the reference."""

import dataclasses

import jax
import numpy as np
import pytest

from eco_jax.env import policies
from eco_jax.env.config import TRUTH
from eco_jax.errors import UserError
from eco_jax.metrics import REWARD
from eco_jax.study import scenarios
from eco_jax.study.play import Entry, play

SPLITS = ("dev", "test")


def test_six_worlds_are_what_was_frozen():
    there = scenarios.scenarios()
    assert list(there) == ["default", "city", "sparse", "hard-coverage", "per-cycle", "no-overlap"]
    assert scenarios.chosen("") == list(there.values())
    assert len({scenario.sha256 for scenario in there.values()}) == 6
    for name, scenario in there.items():
        assert scenario.sha256 == scenarios.frozen()[name]["sha256"], name


def test_a_world_that_is_another_one_is_refused(monkeypatch):
    changed = dict(scenarios.frozen()) | {"sparse": scenarios.frozen()["default"]}
    monkeypatch.setattr(scenarios, "frozen", lambda: changed)
    assert [world.name for world in scenarios.chosen("city, default")] == ["city", "default"]
    with pytest.raises(UserError, match="the world 'sparse' is no longer what was frozen"):
        scenarios.chosen("sparse")


def test_a_hash_is_of_the_world_alone():
    scenario = scenarios.scenarios()["default"]
    assert dataclasses.replace(scenario, settings={"train.updates": 7, "knowledge": "none"}).sha256 == scenario.sha256
    assert dataclasses.replace(scenario, settings={"slot": 4.0}).sha256 != scenario.sha256


def test_flags_make_the_world():
    there = scenarios.scenarios()
    assert there["city"].flags == "--preset city"
    assert there["per-cycle"].flags == "--energy per_cycle"
    assert there["no-overlap"].flags == "--physics.overlap 0"


@pytest.mark.parametrize("split", SPLITS)
def test_a_score_goes_from_random_to_the_reference(split):
    for world, frozen in scenarios.frozen().items():
        low, high = (np.asarray(frozen[split][who]) for who in ("random", "reference"))
        assert low.shape == high.shape == (scenarios.declared()["episodes"],)
        assert low.mean() < high.mean()
        assert scenarios.score(low[None], world, split).mean == 0.0
        assert scenarios.score(high[None], world, split).mean == pytest.approx(100.0)
        half = scenarios.score(np.stack([0.5 * (low + high)] * 3), world, split)
        assert half.mean == pytest.approx(50.0)
        assert half.hi - half.lo < 1e-6  # what the episodes share is no uncertainty


@pytest.mark.parametrize(
    ("world", "split"),
    [("sparse", "dev"), *(pytest.param(w, s, marks=pytest.mark.long) for w in scenarios.scenarios() for s in SPLITS)],
)
def test_the_physics_is_what_was_frozen(world, split):
    env, params = scenarios.scenarios()[world].config().make()
    about = scenarios.declared()
    entries = {"random": Entry(policies.named()["random"], params)}
    played = play(env, entries, jax.random.key(about["splits"][split]), about["episodes"])["random"][REWARD][0]
    apart = np.abs(played - np.asarray(scenarios.frozen()[world][split]["random"]))
    # Two servers that are equally far but for rounding may change places: one slot of one user, in a few episodes.
    assert np.mean(apart > 2e-5) <= 0.1
    assert np.max(apart) < 2.0 / (env.agents * env.fixed_horizon)


@pytest.mark.long
def test_the_reference_is_what_was_frozen():
    env, params = scenarios.scenarios()["sparse"].config().make()
    about, frozen = scenarios.declared(), scenarios.frozen()["sparse"]["dev"]
    rule = policies.SlotReference(cache=frozen["name"].endswith("caching"))
    entries = {"reference": Entry(rule, params.with_knowledge(TRUTH))}
    played = play(env, entries, jax.random.key(about["splits"]["dev"]), about["episodes"])["reference"][REWARD][0]
    # A search may decide a tie the other way on another machine, and a slot's gain is a hundredth of an episode's.
    np.testing.assert_allclose(played, frozen["reference"], atol=2e-3)


def test_an_unknown_world_is_one_line():
    with pytest.raises(UserError, match="--worlds 'ctiy': must be among default, city.*; did you mean"):
        scenarios.chosen("ctiy")
