"""Rules: each decides on the view alone, and as a search over all its choices would."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import FAST, HAND, hand_state, world
from scipy.stats import norm

from eco_jax.env import policies
from eco_jax.env.outcome import Cpu, Decision, evaluate
from eco_jax.train.evaluate import evaluate as play

KEY = jax.random.key(0)
BETAS = (0.25, 0.5, 0.75, 1.0)


@pytest.fixture(scope="module")
def base():
    return world(**HAND)


@pytest.fixture(scope="module")
def calm(base):
    """The view of the slot worked by hand, without load or history."""
    state = hand_state(base.reset()[1])
    nothing = jnp.full(4, -1, jnp.int32)
    memory = state.memory._replace(server=nothing, load=jnp.zeros(9, jnp.int32))
    return base.env.view(state._replace(memory=memory, last_server=nothing, replica=nothing), base.params)


def crowd(seen, seed):
    """A view with random loads, beliefs, history, rates and coverage."""
    rng = np.random.default_rng(seed)
    users, k = seen.candidates.shape
    candidates = np.stack([rng.permutation(9)[:k] for _ in range(users)])
    last, replica = rng.integers(-1, 9, users), rng.integers(-1, 9, users)
    # Half of them were last served by, or hold a replica at, a candidate.
    last = np.where(rng.random(users) < 0.5, candidates[:, rng.integers(k)], last)
    replica = np.where(rng.random(users) < 0.3, candidates[:, rng.integers(k)], replica)

    def real(low, high, *shape):
        return jnp.asarray(rng.uniform(low, high, shape), jnp.float32)

    return seen._replace(
        data=real(4.8e6, 6.4e6, users), cycles=real(1.2e8, 3.2e8, users), deadline=real(0.15, 0.25, users),
        power=real(0.2, 0.6, users), device=real(1.5e9, 2.5e9, users), device_mean=real(-1.5, 1.5, users),
        device_variance=real(0, 1, users), server=real(8e9, 12e9, users, k), server_mean=real(-1.5, 1.5, users, k),
        server_variance=real(0, 1, users, k), others=jnp.asarray(rng.integers(0, 4, (users, k)), jnp.float32),
        rate_up=jnp.broadcast_to(real(2e7, 3e8, users, 1), (users, k)),
        rate_down=jnp.broadcast_to(real(2e7, 3e8, users, 1), (users, k)),
        candidates=jnp.asarray(candidates, jnp.int32), legal=jnp.asarray(rng.random((users, k)) < 0.7),
        last_server=jnp.asarray(last, jnp.int32), replica=jnp.asarray(replica, jnp.int32),
        served=jnp.asarray(last[:, None] == candidates), holds=jnp.asarray(replica[:, None] == candidates),
    )  # fmt: skip


def expected_cpu(frequency, mean, variance):
    """E[delta] = 0.5 (1 + 0.8 (2 Phi(m / sqrt(1 + v)) - 1))."""
    slow = 0.5 * (1 + 0.8 * (2 * norm.cdf(mean / np.sqrt(1 + variance)) - 1))
    return Cpu(float(frequency), float(slow * frequency))


def by_search(base, seen, blind=False):
    """Expected reward of every (target, level) that is legal, one by one, and the best."""
    best = []
    for j in range(seen.data.shape[0]):

        def reward(target, beta, j=j):
            i = max(target - 1, 0)
            server = int(seen.candidates[j, i])
            last, replica = int(seen.last_server[j]), int(seen.replica[j])
            moves = target > 0 and last >= 0 and server not in (last, replica) and not blind
            decision = Decision(target > 0, beta, i > 0, moves, False, False, float(seen.others[j, i]) + 1)
            out = evaluate(
                base.env.config, base.params, data=float(seen.data[j]), cycles=float(seen.cycles[j]),
                deadline=float(seen.deadline[j]), power=float(seen.power[j]), rate_up=float(seen.rate_up[j, i]),
                rate_down=float(seen.rate_down[j, i]),
                device=expected_cpu(seen.device[j], seen.device_mean[j], seen.device_variance[j]),
                server=expected_cpu(seen.server[j, i], seen.server_mean[j, i], seen.server_variance[j, i]),
                decision=decision, migration_time=base.params.migration_time,
            )  # fmt: skip
            return float(out.reward)

        options = {(0, 0): reward(0, 0.0)}
        for target in range(1, seen.candidates.shape[1] + 1):
            if seen.legal[j, target - 1]:
                options |= {(target, level): reward(target, beta) for level, beta in enumerate(BETAS)}
        best.append(options)
    return best


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_greedy_is_what_a_search_finds(base, calm, seed, blind):
    seen = crowd(calm, seed)
    action = np.asarray(policies.greedy(base.env.config, blind=blind)(KEY, seen, base.params))
    for j, options in enumerate(by_search(base, seen, blind)):
        target, level = (int(value) for value in action[j, :2])
        chosen = (target, level) if target else (0, 0)
        assert chosen in options, "an illegal target"
        assert options[chosen] >= max(options.values()) - 1e-5
    assert (action[:, 2:] == 0).all()


def test_searches_differ_by_blindness(base, calm):
    # The two searches above are not the same test.
    both = [
        [max(options, key=options.get) for seed in range(5) for options in by_search(base, crowd(calm, seed), blind)]
        for blind in (False, True)
    ]
    assert both[0] != both[1]
    assert len({target for target, _ in both[0]}) >= 3


def test_blind_takes_the_faster_server_at_any_price(base, calm):
    # Server 2, candidate 3 of user 0, is a little faster than candidate 1, which served last.
    seen = calm._replace(
        server=calm.server.at[0].set(jnp.array([10e9, 10e9, 14e9])),
        last_server=calm.last_server.at[0].set(0),
        served=calm.served.at[0, 0].set(True),
    )
    careful, blind = (
        int(policies.greedy(base.env.config, blind=b)(KEY, seen, base.params)[0, 0]) for b in (False, True)
    )
    assert (careful, blind) == (1, 3)


def test_greedy_goes_where_nobody_is(base, calm):
    # Three others on candidate 1, two on 2, one on 3; all else equal but one hop.
    seen = calm._replace(others=jnp.full((4, 3), jnp.array([3.0, 2.0, 0.0])))
    assert policies.greedy(base.env.config)(KEY, seen, base.params)[:, 0].tolist() == [3] * 4


@pytest.mark.parametrize("seed", range(4))
def test_greedy_never_picks_an_illegal_target(base, calm, seed):
    seen = crowd(calm, 100 + seed)
    # Offloading would pay a lot, were it allowed.
    seen = seen._replace(
        rate_up=seen.rate_up * 50, others=seen.others * 0, device_mean=jnp.full(4, 1.5),
        server_mean=jnp.full((4, 3), -1.5), legal=seen.legal.at[0].set(False),
    )  # fmt: skip
    for rule in (policies.greedy(base.env.config), policies.greedy(base.env.config, blind=True)):
        target = np.asarray(rule(KEY, seen, base.params)[:, 0])
        assert target[0] == 0
        legal = np.asarray(seen.legal)
        assert all(t == 0 or legal[j, t - 1] for j, t in enumerate(target))
        # And does offload where it may.
        assert all(t > 0 for j, t in enumerate(target) if legal[j].any())


def test_local_and_nearest(base, calm):
    config = base.env.config
    assert policies.local(config)(KEY, calm, base.params).tolist() == [[0, 0, 0, 0]] * 4
    assert policies.nearest(config)(KEY, calm, base.params).tolist() == [[1, 3, 0, 0]] * 4
    assert policies.nearest(config, 0.5)(KEY, calm, base.params).tolist() == [[1, 1, 0, 0]] * 4
    assert policies.nearest(config, cache=True)(KEY, calm, base.params).tolist() == [[1, 3, 1, 0]] * 4
    # The closest level of those that there are.
    coarse = world(beta_levels=(0.2, 0.6, 0.9)).env.config
    assert policies.nearest(coarse, 0.5)(KEY, calm, base.params)[0].tolist() == [1, 1, 0, 0]


def test_random_covers_all_choices(base, calm):
    rule = policies.random(base.env.config)
    draws = jax.vmap(lambda key: rule(key, calm, base.params))(jax.random.split(KEY, 500))
    for head, size in enumerate(base.env.heads):
        counts = np.bincount(np.asarray(draws[..., head]).ravel(), minlength=size)
        # 2000 draws: five standard deviations.
        assert len(counts) == size
        assert np.abs(counts - 2000 / size).max() < 5 * (2000 / size) ** 0.5


def test_the_sync_clock_is_staggered(base, calm):
    rule = policies.greedy(base.env.config, sync_every=3)
    syncs = np.stack([np.asarray(rule(KEY, calm._replace(t=jnp.int32(t)), base.params)[:, 3]) for t in range(6)])
    # (t + j) % 3 == 0
    assert syncs.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]] * 2
    assert policies.greedy(base.env.config)(KEY, calm, base.params)[:, 3].tolist() == [0] * 4
    assert policies.greedy(base.env.config, sync_every=1)(KEY, calm, base.params)[:, 3].tolist() == [1] * 4


def test_sync_above_a_variance(base, calm):
    # Own device and candidates agree: variance 0.2, 0.4, 0.6, 0.8 throughout.
    level = jnp.array([0.2, 0.4, 0.6, 0.8])
    seen = calm._replace(device_variance=level, server_variance=jnp.broadcast_to(level[:, None], (4, 3)))
    rule = policies.greedy(base.env.config, sync_above=0.5, sync_every=1)  # the threshold overrides the clock
    assert rule(KEY, seen, base.params)[:, 3].tolist() == [0, 0, 1, 1]
    assert policies.greedy(base.env.config, sync_above=0.9)(KEY, seen, base.params)[:, 3].tolist() == [0] * 4


def test_sync_above_counts_the_own_device(base, calm):
    # Mean of 1.0 (device), 0.4, 0.4, 0.4: 0.55.
    seen = calm._replace(device_variance=jnp.ones(4), server_variance=jnp.full((4, 3), 0.4))
    assert policies.greedy(base.env.config, sync_above=0.5)(KEY, seen, base.params)[:, 3].tolist() == [1] * 4


def test_caching_asks_with_every_offload(base, calm):
    action = policies.greedy(base.env.config, cache="always")(KEY, calm, base.params)
    assert action[:, 2].tolist() == [1] * 4


def test_every_named_rule_plays(base):
    _, state = base.reset()
    seen = base.env.view(state, base.params)
    for name, rule in policies.named(base.env.config).items():
        action = np.asarray(rule(KEY, seen, base.params))
        assert action.shape == (4, 4), name
        assert np.issubdtype(action.dtype, np.integer), name
        assert (action >= 0).all(), name
        assert (action < np.array(base.env.heads)).all(), name


def test_rules_under_evaluation(base):
    # Two rules in one program: which is played is data.
    rules = policies.named(base.env.config)
    home, away = (policies.one_of([rules[name]], base.env, jnp.int32(0)) for name in ("local", "nearest-full"))

    def run(key, at_home):
        def policy(*given):
            return jnp.where(at_home, home(*given), away(*given))

        return play(base.env, base.params, policy, key, 3)

    run = jax.jit(run, compiler_options=FAST)
    local, near = run(KEY, True), run(KEY, False)
    np.testing.assert_array_equal(local["offloaded"], 0.0)
    np.testing.assert_array_equal(near["offloaded"], 1.0)
    np.testing.assert_allclose(near["beta"], 1.0)
    for result in (local, near):
        assert all(value.shape == (3,) for value in result.values())
        reward = -(result["latency"] + result["energy"]) + result["qoe"]
        np.testing.assert_allclose(result["reward"], reward, rtol=1e-4, atol=1e-5)
        assert (result["latency_p50"] <= result["latency_p95"]).all()
        assert (result["latency_p95"] <= result["latency_p99"]).all()
