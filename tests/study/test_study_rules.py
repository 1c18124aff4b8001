"""How rules are tuned: all numbers of a rule together, with the same budget at every level."""

import numpy as np
import pytest

from eco_jax.env import KNOWLEDGE, make
from eco_jax.env.policies import named
from eco_jax.study import rules
from eco_jax.study.rules import TRIALS, chosen_rules, trials, tune

RIDGE = {0.15: 0.0, 0.2: 0.25, 0.25: 0.5, 0.3: 1.0, 0.4: 0.75}
"""Threshold -> the weight of the harm that goes with it, in the made-up rewards below."""


@pytest.fixture
def made_up(monkeypatch):
    """Rewards that ask for a threshold and a weight that go together, best at 0.2. Returns who plays."""
    played = {}

    def play(env, entries, key, episodes):
        played.update(entries)
        found = {}
        for name, (rule, _) in entries.items():
            above = round(float(getattr(rule.sync, "above", 0.3)), 3)
            weight = float(getattr(rule.loads, "harm_weight", 1.0))
            apart = abs(weight - RIDGE.get(above, 3.0))
            found[name] = {"reward": np.full((1, episodes), -3.0 * apart - abs(above - 0.2))}
        return found

    monkeypatch.setattr(rules, "play", play)
    return played


def test_numbers_that_depend_on_one_another_are_tuned_together(made_up):
    # From (0.3, 1) no single number leads to anything better: one at a time it would stay there.
    tuned = tune(*make("tiny"), None, 2, ["twin"], {"mine": named()["foresight"]})
    assert tuned == {"mine/twin/sync.above": 0.2, "mine/twin/loads.harm_weight": 0.25}
    assert len(made_up) == 35


def test_every_rule_has_the_same_budget_at_every_level(made_up):
    tune(*make("tiny"), None, 2)
    counts = {}
    for name in made_up:
        counts.setdefault(name.split(" ")[0], []).append(name)
    for name, rule in named().items():
        for level in KNOWLEDGE:
            mine = trials(rule, level)
            assert len(counts.get(f"{name}/{level}", [])) == len(mine) <= TRIALS
            assert len({tuple(sorted(values.items())) for values in mine}) == len(mine)
    # All combinations, or as many as there is room for; what makes no difference is not tried.
    both, three, one = (named()[name] for name in ("foresight-posterior", "foresight-hysteresis", "greedy"))
    assert [len(trials(both, level)) for level in KNOWLEDGE] == [0, 0, 5, 35, 5]
    assert [len(trials(three, level)) for level in KNOWLEDGE] == [4, 4, 20, TRIALS, 20]
    assert [len(trials(one, level)) for level in KNOWLEDGE] == [0, 0, 0, 7, 0]
    for number, values in (("hysteresis", 4), ("loads.harm_weight", 5), ("sync.above", 7)):  # drawn evenly
        assert len({values[number] for values in trials(three, "twin")}) == values


def test_a_rule_plays_with_what_it_was_tuned_to(made_up):
    _, params = make("tiny")
    tuned = {"foresight/twin/sync.above": 0.15, "foresight/twin/loads.harm_weight": 0.5,
             "foresight/forecast/loads.harm_weight": 0.25, "greedy-clock/twin/sync.every": 0.0}  # fmt: skip
    chosen = chosen_rules(params, tuned)
    assert float(chosen["foresight-twin"].rule.sync.above) == pytest.approx(0.15)
    weights = [float(chosen[f"foresight-{level}"].rule.loads.harm_weight) for level in KNOWLEDGE]
    assert weights == [1.0, 1.0, 0.25, 0.5, 1.0]
    assert float(chosen["greedy-clock-twin"].rule.sync.every) == 0.0
