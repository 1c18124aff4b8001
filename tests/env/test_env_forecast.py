"""The forecast against the same told user by user, and what it must and must not react to."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import FAST, HAND, hand_state, world
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from eco_jax.env import KNOWLEDGE
from eco_jax.env.expected import expected_outcomes
from eco_jax.env.forecast import LOWEST, forecast
from eco_jax.env.observe import observe
from eco_jax.env.outcome import Cpu, Decision, outcome_of

BETAS = (0.25, 0.5, 0.75, 1.0)
PARTIES = {
    1: [[0]],
    2: [[0], [1]],
    3: [[0], [1], [2]],
    4: [[0], [1], [2, 3]],
    7: [[0, 1], [2, 3], [4, 5, 6]],
}
"""Who chooses together, of so many users."""
CLOSE = {"rtol": 1e-4, "atol": 2e-5}
"""Rewards, of order 0.1 to 1: what is told user by user is partly in float64."""


@pytest.fixture(scope="module")
def base():
    return world(**HAND)


@pytest.fixture(scope="module")
def twins(base):
    """As many equal users as one likes, without load or history: all as user 1 of the slot worked by hand.

    Their candidates are the servers 1, 0, 2 in this order, the last believed slower; the others run at 5e9 cycles/s.
    """
    seen = base.env.view(hand_state(base.reset()[1]), base.params)
    seen = jax.tree.map(lambda leaf: leaf[1:2] if leaf.ndim else leaf, seen)
    seen = seen._replace(others=jnp.zeros((1, 3)), server_mean=jnp.array([[0.0, 0.0, 1.0]]))

    return lambda users: jax.tree.map(lambda leaf: jnp.repeat(leaf, users, axis=0) if leaf.ndim else leaf, seen)


def meeting(seen, users, seed):
    """A view of users who compete for servers 0 to 3, with random tasks, links, beliefs, history and coverage."""
    rng = np.random.default_rng(seed)
    candidates = np.stack([rng.permutation(4)[:3] for _ in range(users)])
    last, replica = rng.integers(-1, 5, users), rng.integers(-1, 5, users)

    def real(low, high, *shape):
        return jnp.asarray(rng.uniform(low, high, (users, *shape)), jnp.float32)

    return jax.tree.map(lambda leaf: jnp.repeat(leaf[:1], users, axis=0) if leaf.ndim else leaf, seen)._replace(
        data=real(4.8e6, 6.4e6), cycles=real(1.2e8, 3.2e8), deadline=real(0.15, 0.25), power=real(0.2, 0.6),
        device=real(1.5e9, 2.5e9), device_mean=real(-1.5, 1.5), device_variance=real(0, 1),
        server=real(8e9, 12e9, 3), server_mean=real(-1.5, 1.5, 3), server_variance=real(0, 1, 3),
        rate_up=real(2e7, 3e8, 3), rate_down=real(2e7, 3e8, 3), others=jnp.floor(real(0, 4, 3)),
        candidates=jnp.asarray(candidates, jnp.int32), legal=real(0, 1, 3) < 0.8,
        last_server=jnp.asarray(last, jnp.int32), replica=jnp.asarray(replica, jnp.int32),
        served=jnp.asarray(last[:, None] == candidates), holds=jnp.asarray(replica[:, None] == candidates),
    )  # fmt: skip


@functools.cache
def programs(env):
    """The forecast, and the reward of one alternative of one user: compiled."""

    def reward(beta, elsewhere, h, load, device, server, numbers, params):
        decision = Decision(beta > 0, beta, elsewhere, h, False, False, load)
        return outcome_of(
            params, device=device, server=server, decision=decision,
            migration_time=params.migration_time, **numbers,
        ).reward  # fmt: skip

    ahead = jax.jit(lambda seen, params: forecast(env.config, seen, params), compiler_options=FAST)
    return ahead, jax.jit(reward, compiler_options=FAST)


def foreseen(base, seen):
    return jax.tree.map(np.asarray, programs(base.env)[0](seen, base.params))


def expected_cpu(frequency, mean, variance):
    """E[delta] = 0.5 (1 + 0.8 (2 Phi(m / sqrt(1 + v)) - 1))."""
    slow = 0.5 * (1 + 0.8 * (2 * norm.cdf(mean / np.sqrt(1 + variance)) - 1))
    return Cpu(float(frequency), float(slow * frequency))


def told(base, seen):
    """The forecast user by user: who is assumed where, others [users][candidates], harm the same, gain by factor."""
    seen = jax.tree.map(np.asarray, seen)
    users = range(len(seen.data))

    def reward(j, k, beta, load):
        server, last, replica = seen.candidates[j, k], seen.last_server[j], seen.replica[j]
        names = ("data", "cycles", "deadline", "power", "rate_up", "rate_down")
        numbers = {name: float(np.broadcast_to(getattr(seen, name).T, (3, len(users)))[k, j]) for name in names}
        device = expected_cpu(seen.device[j], seen.device_mean[j], seen.device_variance[j])
        there = expected_cpu(seen.server[j, k], seen.server_mean[j, k], seen.server_variance[j, k])
        h = bool(beta > 0 and last >= 0 and server not in (last, replica))
        return float(programs(base.env)[1](beta, k > 0, h, float(load), device, there, numbers, base.params))

    def gain(j, k, beta, others):
        return reward(j, k, beta, others + 1) - reward(j, 0, 0.0, 1) if seen.legal[j, k] else LOWEST

    allowed = [seen.candidates[j][seen.legal[j]] for j in users]
    assumed = [int(seen.last_server[j]) if seen.last_server[j] in allowed[j] else None for j in users]
    hurt = [0.0 for _ in users]

    def others(j, k):
        return sum(assumed[i] == seen.candidates[j, k] for i in users if i != j)

    def harm(j, k):
        return sum(hurt[i] for i in users if i != j and assumed[i] == seen.candidates[j, k])

    for party in PARTIES[len(users)]:
        decided = {}
        for j in party:
            worth = {
                (k, beta): gain(j, k, beta, others(j, k)) - harm(j, k)
                for k in range(3) if seen.legal[j, k] for beta in BETAS
            }  # fmt: skip
            k, beta = max(worth, key=worth.get, default=(0, 0.0))
            if worth and worth[k, beta] > 0:
                loss = gain(j, k, beta, others(j, k)) - gain(j, k, beta, others(j, k) + 1)
                decided[j] = int(seen.candidates[j, k]), loss
            else:
                decided[j] = None, 0.0
        for j, (server, loss) in decided.items():
            assumed[j], hurt[j] = server, loss
    return (
        assumed,
        [[others(j, k) for k in range(3)] for j in users],
        [[harm(j, k) for k in range(3)] for j in users],
        [[[gain(j, k, beta, others(j, k)) for beta in BETAS] for k in range(3)] for j in users],
    )


@pytest.mark.parametrize("users", [4 if n == 4 else pytest.param(n, marks=pytest.mark.long) for n in PARTIES])
def test_as_told_user_by_user(base, twins, users):
    happened = dict.fromkeys(("stays at home", "moves from its last server", "meets others", "harms"), 0)
    for seed in range(6):
        seen = meeting(twins(1), users, seed)
        ahead, (assumed, others, harm, gain) = foreseen(base, seen), told(base, seen)
        assert_array_equal(ahead.others, others, f"seed {seed}")
        assert_allclose(ahead.harm, harm, **CLOSE, err_msg=f"seed {seed}")
        assert_allclose(ahead.gain, gain, **CLOSE, err_msg=f"seed {seed}")
        happened["stays at home"] += assumed.count(None)
        happened["moves from its last server"] += sum(a != b for a, b in zip(assumed, seen.last_server, strict=True))
        happened["meets others"] += int(np.sum(others))
        happened["harms"] += int(np.sum(np.asarray(harm) > 0.01))
    if users > 2:
        assert min(happened.values()) > 0, happened


def test_two_twins_by_hand(base, twins):
    # At home 0.3 s and 0.3 J, past the deadline of 0.25 s: R = 0.3 - 0.6 = -0.3. At the access server, alone:
    # beta  L                              E                                             W    QoE                R
    # 3/4   0.06 + 0.002 + 0.045 + 0.003   0.225 + 0.012 + 0.03 + 0.0015 + 0.075 = .3435 0.7  0.49 + 0.21 = 0.7   .2465
    # 1     0.08 + 0.002 + 0.06 + 0.004    0.3 + 0.016 + 0.04 + 0.002 = 0.358            0.52 0.364 + 0.18 = .544 .04
    # so the first takes 3/4 there; a second task takes 0.045 s more, and 0.7 * 0.045 / 0.2 + 0.045 = 0.2025.
    # The second is better off elsewhere, 0.002 + 0.0048 s further: 0.0068 * 4.5 = 0.0306 less than 0.5465.
    ahead = foreseen(base, twins(2))
    assert_array_equal(ahead.others, [[0, 1, 0], [1, 0, 0]])
    assert_allclose(ahead.harm, [[0, 0.2025, 0], [0.2025, 0, 0]], rtol=1e-4, atol=1e-6)
    assert_allclose(ahead.gain[0, 0, 2:], [0.5465, 0.34], rtol=1e-4)
    assert_allclose(ahead.gain[1, 1, 2], 0.5159, rtol=1e-4)
    assert_allclose(ahead.gain[:, [0, 1], 2][[1, 0], [0, 1]], [0.344, 0.3134], rtol=1e-4)  # beside the other


def test_alone_with_oneself(base, twins):
    # Whatever ran there in the last slot.
    alone = jax.jit(lambda seen: expected_outcomes(base.env.config, seen, base.params)[:2], compiler_options=FAST)
    for seed in range(3):
        seen = meeting(twins(1), 1, seed)._replace(legal=jnp.ones((1, 3), bool), others=jnp.full((1, 3), 2.0))
        ahead = foreseen(base, seen)
        assert_array_equal(ahead.others, np.zeros((1, 3)))
        assert_array_equal(ahead.harm, np.zeros((1, 3)))
        home, edge = alone(seen._replace(others=jnp.zeros((1, 3))))
        assert_allclose(ahead.gain, edge.reward - home.reward, **CLOSE)
        assert np.ptp(ahead.gain) > 0.1


def loads(ahead):
    """Tasks on each candidate, where all have the same ones: everybody but oneself counts them."""
    counts = ahead.others.sum(axis=0) / (len(ahead.others) - 1)
    assert_array_equal(counts, counts.round())
    return counts.astype(int)


def places(ahead):
    """Number of the candidate that each is assumed on, -1 at home: the one that it counts one task less on."""
    own = loads(ahead) - ahead.others
    assert own.sum(axis=1).max() <= 1
    return np.where(own.any(axis=1), own.argmax(axis=1), -1).tolist()


def test_a_crowd_on_one_server_spreads_out(base, twins):
    users = 30
    seen = twins(users)._replace(
        last_server=jnp.full(users, 1),
        others=jnp.zeros((users, 3)).at[:, 0].set(users - 1),
        served=jnp.zeros((users, 3), bool).at[:, 0].set(True),
    )
    ahead = loads(foreseen(base, seen))
    assert 0 < ahead[0] < users / 2
    assert (ahead[1:] > 0).any()


def test_later_parties_react_to_earlier_ones_and_not_the_other_way(base, twins):
    seen = twins(3)

    def without(user):
        return places(foreseen(base, seen._replace(legal=seen.legal.at[user].set(False))))

    assert places(foreseen(base, seen)) == [0, 1, 2]
    assert without(0) == [-1, 0, 1]
    assert without(1) == [0, -1, 1]
    assert without(2) == [0, 1, -1]


def test_a_party_chooses_together(base, twins):
    # Equal users do the same, until a later party sees them there.
    first, _, second, _, third, _, _ = chosen = places(foreseen(base, twins(7)))
    assert chosen == [first] * 2 + [second] * 2 + [third] * 3
    assert (first, second) == (0, 1)


def test_who_has_not_chosen_yet_counts_where_it_ran_last(base, twins):
    # The last user ran at the access server. So the first avoids it, and the second does not: nothing is known yet of
    # what it would harm there. A server beyond the candidates counts for nothing.
    seen = twins(3)
    there = seen._replace(last_server=jnp.array([-1, -1, 1]))
    assert places(foreseen(base, there))[:2] == [1, 0]
    beyond = seen._replace(last_server=jnp.array([-1, -1, 8]))
    assert places(foreseen(base, beyond))[:2] == places(foreseen(base, seen))[:2] == [0, 1]


def test_the_illegal_is_lowest_and_nobody_is_assumed_there(base, twins):
    # Everybody ran last, and would run, at the access server.
    seen = twins(4)._replace(last_server=jnp.full(4, 1))
    assert 0 in places(foreseen(base, seen))
    for allowed in ([], [2]):
        barred = np.setdiff1d(np.arange(4), allowed)
        ahead = foreseen(base, seen._replace(legal=seen.legal.at[barred, 0].set(False)))
        assert_array_equal(ahead.gain[barred, 0], LOWEST)
        assert (ahead.gain[barred, 1:] > LOWEST).all()
        assert (ahead.gain[allowed] > LOWEST).all()
        assert [j for j, k in enumerate(places(ahead)) if k == 0] == allowed
    nowhere = foreseen(base, seen._replace(legal=jnp.zeros((4, 3), bool)))
    assert_array_equal(nowhere.gain, LOWEST)
    assert_array_equal(nowhere.others, 0.0)
    assert_array_equal(nowhere.harm, 0.0)


def played(small, slots):
    """An observation, and the state it is of."""
    observation, state = small.reset()
    for slot in range(slots):
        observation, state, *_ = small.step(state, small.random_action(slot), seed=slot)
    return observation, state


def forecast_columns(features, candidates):
    """(log(1 + others), 2 harm, 2 gain) [users, candidates, ...]: 20 features of the user and 14 a candidate before."""
    block = features[:, 20 : 20 + 14 * candidates].reshape(len(features), candidates, 14)
    gain = features[:, 20 + 14 * candidates :].reshape(len(features), candidates, len(BETAS))
    return block[:, :, 7], block[:, :, 8], gain


@pytest.mark.parametrize(
    ("users", "slots"),
    [(4, 3), (4, 0), pytest.param(2, 0, marks=pytest.mark.long), pytest.param(1, 0, marks=pytest.mark.long)],
)
def test_features_carry_it(users, slots):
    small = world(users=users)
    observation, state = played(small, slots)
    ahead = foreseen(small, small.env.view(state, small.params))
    others, harm, gain = forecast_columns(np.asarray(observation.features), 3)
    assert_allclose(others, np.log1p(ahead.others), rtol=1e-5, atol=1e-6)
    assert_allclose(harm, 2 * np.minimum(ahead.harm, -LOWEST), rtol=1e-4, atol=1e-5)
    assert_allclose(gain, 2 * np.maximum(ahead.gain, LOWEST), rtol=1e-4, atol=1e-5)
    assert np.ptp(ahead.gain) > 0.1


@pytest.mark.parametrize("level", [level for level in KNOWLEDGE if level != "truth"])
def test_the_hidden_truth_is_not_in_it(level):
    small = world(knowledge=level)
    shown = jax.jit(lambda state: observe(small.env.config, state, small.params).features, compiler_options=FAST)
    _, state = played(small, 3)
    other = state._replace(x_device=1.0 - state.x_device, x_server=-1.0 - state.x_server)
    assert_array_equal(shown(state), shown(other))
    # But what is believed is.
    belief = state.belief._replace(server_mean=state.belief.server_mean + 1.0)
    one, two = (forecast_columns(np.asarray(shown(s)), 3)[2] for s in (state, state._replace(belief=belief)))
    moved = np.abs(one - two).max(axis=(1, 2)) > 0.01
    assert (moved | (np.maximum(one, two) <= 2 * LOWEST).all(axis=(1, 2))).all()  # but where all is out of question
    assert moved.any()
