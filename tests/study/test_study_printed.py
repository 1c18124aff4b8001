"""The printed reading is learnt as Algorithms 1 and 2 are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco_jax.agent.algorithms import A2C, PPO, Algorithm
from eco_jax.agent.networks import MLP
from eco_jax.parts import forget, register
from eco_jax.run import settings
from eco_jax.run.config import default
from eco_jax.study import printed
from eco_jax.study.core import Study
from eco_jax.study.printed import as_printed, not_as_printed
from eco_jax.study.profile import SMOKE

TINY = settings.from_preset("tiny").but(train={"rollout": 6})


class StoppedError(Exception):
    """Nothing is trained here."""


@pytest.fixture
def trained(monkeypatch):
    """What the printed part of a study trains: (algorithm, worlds), or nothing."""
    asked = []

    def train(study, learner, worlds, seeds, algorithm=None):
        asked.append((algorithm, worlds))
        raise StoppedError

    monkeypatch.setattr(printed, "play", lambda env, entries, key, episodes: {})
    monkeypatch.setattr(printed, "train", train)

    def run(config):
        asked.clear()
        try:
            printed.printed(Study(config, SMOKE))
        except StoppedError:
            return asked[0]
        return None

    return run


def of(algorithm, *names):
    return {name: float(getattr(algorithm, name)) for name in names}


@pytest.mark.parametrize("w3", [1.0, 0.25])
def test_agents_learn_with_w3_for_the_discount_and_the_gradient_through_the_next_value(trained, w3):
    mine = TINY.but(physics={"w3": w3}, algorithm={"entropy": 0.3, "discount": 0.8, "normalise": True})
    algorithm, worlds = trained(mine)
    assert isinstance(algorithm, A2C)
    assert (algorithm.residual, algorithm.normalise) == (True, False)
    assert of(algorithm, "discount", "decay", "entropy") == pytest.approx({"discount": w3, "decay": 0, "entropy": 0.3})
    for world in worlds:
        assert (world.equations.name, float(world.w3)) == ("printed", w3)


def test_the_study_itself_learns_as_it_is_set():
    usual = Study(TINY, SMOKE).algorithm()
    assert of(usual, "discount", "decay") == pytest.approx({"discount": 0.9, "decay": 0.9})
    assert not usual.residual


@given(st.floats(0, 1, width=32))
def test_every_weight_that_is_a_discount_is_taken(w3):
    study = Study(default().but(physics={"w3": w3}), SMOKE)
    assert not_as_printed(study) == ""
    assert float(study.algorithm(**as_printed(study)).discount) == pytest.approx(w3, rel=1e-6)


def test_a_weight_that_is_no_discount_leaves_the_rules_alone(trained):
    above = TINY.but(physics={"w3": 4.0})
    assert not_as_printed(Study(above, SMOKE)) == "algorithm.discount = 4: must lie in [0, 1]"
    assert trained(above) is None


class Plain(Algorithm):
    """Has none of these settings."""


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        (A2C, "a2c", {"discount": 1.0, "decay": 0.0, "normalise": False, "residual": True}),
        (PPO, "ppo", {"discount": 1.0, "decay": 0.0, "normalise": False}),
        (Plain, "plain", {}),
    ],
)
def test_another_algorithm_is_set_as_far_as_it_has_settings(trained, kind, name, found):
    if kind is Plain:
        register("algorithm", name)(kind)
    try:
        study = Study(TINY.but(algorithm=name), SMOKE)
        assert as_printed(study) == found
        algorithm, _ = trained(study.config)
        assert type(algorithm) is kind
        assert isinstance(algorithm.network, MLP)
    finally:
        if kind is Plain:
            forget("algorithm", name)


def test_the_run_as_printed_is_a_preset_that_changes_no_other():
    printed = settings.from_preset("paper-printed")
    assert printed.values["equations"] == "printed"
    assert printed.values["algorithm.discount"] == printed.values["physics.w3"]
    algorithm, study = printed.algorithm(), Study(printed, SMOKE)
    for name, value in as_printed(study).items():
        assert getattr(algorithm, name) == pytest.approx(value), name
    # Whoever asks for the equations alone keeps the usual learning.
    for usual in (settings.from_preset("printed"), default().but(equations="printed")):
        assert usual.own("algorithm") == default().own("algorithm")
