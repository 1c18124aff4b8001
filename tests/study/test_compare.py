"""Verdicts and what could have been shown, by hand."""

import numpy as np
import pytest

from eco_jax.metrics import ENERGY, REWARD
from eco_jax.study.compare import BETTER, UNDECIDED, WORSE, against, pairs, remarks, verdict
from eco_jax.study.statistics import Interval


def values(level, seeds=2, spread=0.0, episodes=40):
    noise = np.random.default_rng(0).normal(0.0, 1.0, (seeds, episodes))
    return level + spread * noise


def played(**levels):
    return {name: {REWARD: values(level), ENERGY: values(level / 2 + 1)} for name, level in levels.items()}


@pytest.mark.parametrize(
    ("found", "better", "said"),
    [
        (Interval(1.0, 0.5, 1.5), 1, BETTER), (Interval(1.0, 0.5, 1.5), -1, WORSE),
        (Interval(-1.0, -1.5, -0.5), 1, WORSE), (Interval(-1.0, -1.5, -0.5), -1, BETTER),
        (Interval(-0.1, 0.1, 0.5), 1, BETTER), (Interval(0.0, -0.5, -0.1), 1, WORSE),
        (Interval(1.0, -0.1, 2.1), 1, UNDECIDED), (Interval(0.0, 0.0, 0.0), 1, UNDECIDED),
        (Interval(1.0, -np.inf, np.inf), 1, UNDECIDED), (Interval(1.0, np.nan, np.nan), 1, UNDECIDED),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_metrics_direction(found, better, said):
    assert verdict(found, better) == said


def test_every_policy_stands_against_the_baseline_by_every_metric():
    found = {
        (d.policy, d.metric): d
        for d in against(played(a=1.0, b=2.0, c=0.5), "a", (REWARD, ENERGY), dict.fromkeys("abc", (0, 1)))
    }
    assert list(found) == [("b", REWARD), ("b", ENERGY), ("c", REWARD), ("c", ENERGY)]
    assert [found[key].verdict for key in found] == [BETTER, WORSE, WORSE, BETTER]
    assert found["b", REWARD].difference.mean == pytest.approx(1.0)
    assert found["b", REWARD].percent == pytest.approx(100.0)


def test_what_could_have_been_shown_is_2_8_standard_errors():
    """Of two normal quantiles, 1.96 and 0.84: the interval leaves out 0 in four of five tries."""
    rng = np.random.default_rng(1)
    base, noise = rng.normal(0.0, 1.0, (1, 400)), rng.normal(0.0, 0.3, (1, 400))
    (one,) = against({"a": {REWARD: base}, "b": {REWARD: base + noise}}, "a", [REWARD], {})
    assert one.detectable == pytest.approx(2.8 * noise.std() / 20.0, rel=0.1)


def test_seeds_stand_in_pairs():
    many, few, rule = range(5), range(3), ()
    assert pairs(many, few) == ([0, 1, 2], [0, 1, 2])
    assert pairs(many, rule) == ([0, 1, 2, 3, 4], [0])
    assert pairs(rule, few) == ([0], [0, 1, 2])
    assert pairs((7,), few) == ([0], [0, 1, 2])
    assert pairs((1, 2, 4), (0, 1, 4)) == ([0, 2], [1, 2])
    assert pairs((5, 6, 7), (0, 1)) == pairs((5, 6, 7), (0, 7)) == ([0, 1], [0, 1])  # nearly none in common: in order


def test_a_seed_that_failed_leaves_the_others_in_their_pairs():
    base = np.random.default_rng(0).normal(0.0, 1.0, (4, 1)) + np.zeros((4, 20))
    rows = {"a": {REWARD: base}, "b": {REWARD: base[1:] + 0.01}}
    seeds = {"a": (0, 1, 2, 3), "b": (1, 2, 3)}  # seed 0 of b failed
    (one,) = against(rows, "a", [REWARD], seeds)
    assert one.difference == pytest.approx((0.01, 0.01, 0.01))
    assert remarks(rows, "a", 1, seeds)[0] == "seeds of b and a stand in pairs; left out: 0 of a"


def test_what_to_know_is_said():
    said = "\n".join(remarks(["a", "b", "c", "rule"], "a", 2, {"a": range(5), "b": range(1, 4), "c": range(9, 12)}))
    assert "seeds of b and a stand in pairs; left out: 0, 4 of a" in said
    assert "seeds of c and a: fewer than two in common, the first 3 of each in their order" in said
    assert "exploratory: 3 seeds; a published verdict needs 10" in said
    assert "one row of episodes: rule" in said
    assert "2 comparisons, each with a 95 % interval of its own" in said
    assert remarks("ab", "a", 1, {"a": range(10), "b": range(10)}) == []
