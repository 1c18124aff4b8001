"""Policies and agents on the same episodes, each in its own world, whatever the worlds differ in."""

import jax
import numpy as np

from eco_jax.env import make
from eco_jax.env.policies import Nearest
from eco_jax.study.play import Entry, play


def test_a_world_is_what_it_is_alone():
    """The sites follow from the side, or are given."""
    rule = Nearest()
    env, usual = make("tiny")
    small, own = make("tiny", side=400)[1], make("tiny", sites=np.full((6, 2), 500.0))[1]
    entries = {"usual": Entry(rule, usual), "small": Entry(rule, small), "own": Entry(rule, own)}
    if jax.tree.structure(own) != jax.tree.structure(usual):  # without sites of its own a world has none to share
        del entries["own"]
    key = jax.random.key(0)
    found = play(env, entries, key, 2)
    alone = play(env, {"small": entries["small"]}, key, 2)
    for name, values in alone["small"].items():
        np.testing.assert_allclose(found["small"][name], values, rtol=1e-5, atol=1e-7)
    rewards = [float(found[name]["reward"].mean()) for name in entries]
    assert np.abs(np.diff(rewards)).min() > 1e-3
