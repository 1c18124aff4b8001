"""The difference reward where users share a server's spectrum, too: against each user taken away."""

import numpy as np
import pytest
from env_worlds import world


@pytest.mark.parametrize("access", ["nearest", pytest.param("direct", marks=pytest.mark.long)])
def test_difference_is_what_the_others_lose_by_a_user(access):
    crowd = {"users": 6, "servers": 4, "candidates": 3, "side": 600, "slots": 5, "overlap": 0.7}
    small = world(spectrum="shared", access=access, credit="difference", **crowd)
    _, state = small.reset()
    shared = 0
    for seed in range(6):
        action = small.random_action(seed)
        action[:, 0] = np.random.default_rng(seed).integers(0, 4, 6)
        action[:, 2:] = 0
        _, new, reward, *_, info = small.step(state, action, seed=seed)
        own = np.asarray(info["outcome"].reward)
        for user in range(6):
            without = action.copy()
            without[user, 0] = 0
            *_, there = small.step(state, without, seed=seed)
            others = np.arange(6) != user
            caused = (own - np.asarray(there["outcome"].reward))[others].sum()
            np.testing.assert_allclose(reward[user], own[user] + caused, rtol=1e-4, atol=1e-4)
            shared += abs(caused) > 1e-3
        state = new
    assert shared > 10
