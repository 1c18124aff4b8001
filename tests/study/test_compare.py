"""Verdicts and what could have been shown, by hand."""

import numpy as np
import pytest

from eco_jax.metrics import ENERGY, REWARD
from eco_jax.study.compare import BETTER, UNDECIDED, WORSE, against, paired, remarks, verdict
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
        (Interval(1.0, -0.1, 2.1), 1, UNDECIDED), (Interval(0.0, 0.0, 0.0), 1, UNDECIDED),
        (Interval(1.0, -np.inf, np.inf), 1, UNDECIDED), (Interval(1.0, np.nan, np.nan), 1, UNDECIDED),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_metrics_direction(found, better, said):
    assert verdict(found, better) == said


def test_every_policy_stands_against_the_baseline_by_every_metric():
    found = {(d.policy, d.metric): d for d in against(played(a=1.0, b=2.0, c=0.5), "a", (REWARD, ENERGY))}
    assert list(found) == [("b", REWARD), ("b", ENERGY), ("c", REWARD), ("c", ENERGY)]
    assert [found[key].verdict for key in found] == [BETTER, WORSE, WORSE, BETTER]
    assert found["b", REWARD].difference.mean == pytest.approx(1.0)
    assert found["b", REWARD].percent == pytest.approx(100.0)


def test_what_could_have_been_shown_is_2_8_standard_errors():
    """Of two normal quantiles, 1.96 and 0.84: the interval leaves out 0 in four of five tries."""
    rng = np.random.default_rng(1)
    base, noise = rng.normal(0.0, 1.0, (1, 400)), rng.normal(0.0, 0.3, (1, 400))
    (one,) = against({"a": {REWARD: base}, "b": {REWARD: base + noise}}, "a", [REWARD])
    assert one.detectable == pytest.approx(2.8 * noise.std() / 20.0, rel=0.1)


def test_seeds_stand_in_pairs():
    many, few, rule = values(0.0, 5), values(0.0, 3), values(0.0, 1)
    assert [len(v) for v in paired(many, few)] == [3, 3]
    assert [len(v) for v in paired(many, rule)] == [5, 1]
    assert [len(v) for v in paired(rule, few)] == [1, 3]


def test_what_to_know_is_said():
    rows = {"a": {REWARD: values(0.0, 5)}, "b": {REWARD: values(0.0, 3)}, "rule": {REWARD: values(0.0, 1)}}
    said = "\n".join(remarks(rows, REWARD, "a", 2))
    assert "the others' first 3 stand against it" in said
    assert "exploratory: 3 seeds; a published verdict needs 10" in said
    assert "one row of episodes: rule" in said
    assert "2 comparisons, each with a 95 % interval of its own" in said
    assert remarks({"a": {REWARD: values(0.0, 10)}, "b": {REWARD: values(0.0, 10)}}, REWARD, "a", 1) == []
