"""Strategies, against decisions worked by hand."""

import numpy as np
import pytest

from eco_jax.errors import UserError
from eco_jax.sweep.strategies import Exploit, Full, Halving, Standing, strategy


def standing(scores, trial=None, alive=None, looks=4, **numbers):
    scores = np.array(scores, float)
    return Standing(
        looks, scores, np.ones(len(scores), bool) if alive is None else np.array(alive),
        np.arange(len(scores)) if trial is None else np.array(trial),
        {name: np.array(values, np.float32) for name, values in numbers.items()},
    )  # fmt: skip


def test_rungs_of_halving():
    # 27 trials: a ninth... of 81 looks: 3, 9, 27, and one trial is left.
    assert Halving(3).rungs(81, 27) == (3, 9, 27)
    assert Halving(2).rungs(8, 8) == (1, 2, 4)
    assert Halving(3).rungs(81, 2) == ()  # nothing to choose a third of
    assert Halving(3).rungs(2, 27) == (1,)  # as many as there are looks for
    assert Full().rungs(81, 27) == ()


def test_halving_keeps_the_best_third_by_the_mean_of_their_seeds():
    now = standing([1, 1, 9, -9, 3, 4, 2, 2, 0, 0, 5, 1], trial=[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    # means: 1, 0, 3.5, 2, 0, 3: the best two of six
    assert Halving(3).decide(now).alive.tolist() == [t in (2, 5) for t in now.trial]


def test_halving_does_not_revive_and_drops_what_failed_first():
    now = standing([9, 1, -np.inf, 2], alive=[False, True, True, True])
    decision = Halving(2).decide(now)
    assert decision.alive.tolist() == [False, True, False, True]
    assert decision.source.tolist() == [0, 1, 2, 3]


def test_halving_leaves_at_least_one():
    assert Halving(3).decide(standing([-np.inf])).alive.tolist() == [True]


def test_exploit_sends_the_worst_quarter_on_from_the_best():
    now = standing([5, -np.inf, 7, 1, 2, 8, 3, 4], lr=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], clip=[1] * 8)
    plan = Exploit({"lr": (0.01, 0.8)}, seed=3)
    decision = plan.decide(now)
    losers, winners = [1, 3], {2, 5}
    assert set(decision.source[losers]) <= winners
    rest = [i for i in range(8) if i not in losers]
    assert decision.source[rest].tolist() == rest
    assert decision.alive.all()
    assert (decision.numbers["clip"] == 1).all()  # it is not in the space
    assert (decision.numbers["lr"][rest] == now.numbers["lr"][rest]).all()
    assert ((decision.numbers["lr"] >= np.float32(0.01)) & (decision.numbers["lr"] <= np.float32(0.8))).all()
    again = plan.decide(now)
    assert all((a == b).all() for a, b in zip(decision[:2], again[:2], strict=True))
    assert (again.numbers["lr"] == decision.numbers["lr"]).all()


def test_exploit_moves_by_its_factors_where_it_does_not_draw():
    now = standing([1.0, 2.0, 3.0, 4.0], lr=[1e-3, 1e-2, 1e-2, 2e-2])
    moved = Exploit({"lr": (1e-6, 1.0)}, anew=0.0).decide(now).numbers["lr"][0]
    assert min(abs(moved - 2e-2 * 0.8), abs(moved - 2e-2 * 1.25)) < 1e-8
    drawn = Exploit({"lr": (1e-6, 1e-5)}, anew=1.0).decide(now).numbers["lr"][0]
    assert 1e-6 <= drawn <= 1e-5


def test_exploit_not_at_the_end():
    assert Exploit({}).rungs(90, 8) == (10, 20, 30, 40, 50, 60, 70, 80)
    assert Exploit({}).rungs(3, 8) == (1, 2)
    assert Exploit({}).rungs(1, 8) == ()


def test_too_few_to_exploit_changes_nothing():
    now = standing([1.0, 2.0], lr=[1e-3, 1e-2])
    decision = Exploit({"lr": (1e-6, 1.0)}).decide(now)
    assert decision.source.tolist() == [0, 1]
    assert (decision.numbers["lr"] == now.numbers["lr"]).all()


def test_by_name():
    assert strategy({"kind": "halving", "eta": 4, "seed": 0}, {}) == Halving(4)
    assert strategy({"kind": "pbt", "eta": 3, "seed": 5}, {"clip": [1, 2]}) == Exploit({"clip": (1.0, 2.0)}, 5)
    with pytest.raises(UserError, match="--eta 1: must be at least 2"):
        strategy({"kind": "halving", "eta": 1, "seed": 0}, {})
    with pytest.raises(UserError, match="--strategy grid: must be one of full, halving, pbt"):
        strategy({"kind": "grid"}, {})
