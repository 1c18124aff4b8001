"""Rules: each decides on the view alone, and as a search over all its choices would."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import FAST, HAND, hand_state, world
from scipy.integrate import simpson
from scipy.stats import norm

from eco_jax.env import KNOWLEDGE, policies
from eco_jax.env.config import SIGHT
from eco_jax.env.expected import over_belief
from eco_jax.env.forecast import forecast
from eco_jax.env.outcome import Cpu, Decision, outcome_of
from eco_jax.env.policies.rules import NEVER
from eco_jax.model import twin
from eco_jax.train.evaluate import play_episodes as play

KEY = jax.random.key(0)
BETAS = (0.25, 0.5, 0.75, 1.0)


def rule_of(config, rule):
    """What a rule does, as a function of key, view and parameters."""
    return partial(rule.act, config)


@partial(jax.jit, static_argnums=0, compiler_options=FAST)
def acted(config, rule, key, seen, params):
    """What a rule does: rules that differ in numbers alone are one program."""
    return rule.act(config, key, seen, params)


def greedy(base, kind=policies.Greedy, **parts):
    """The same of a greedy rule that asks for no replica."""
    return partial(acted, base.env.config, kind(cache=False, **parts))


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


def slow_cpu(frequency, x):
    """delta = 0.5 (1 + 0.8 (2 Phi(x) - 1)) at the fluctuation x."""
    return Cpu(float(frequency), jnp.asarray(0.5 * (1 + 0.8 * (2 * norm.cdf(x) - 1)) * float(frequency), jnp.float32))


def moves(seen, j, target):
    """Whether the service of user j has to move to run at the target."""
    last, replica = int(seen.last_server[j]), int(seen.replica[j])
    return target > 0 and last >= 0 and int(seen.candidates[j, target - 1]) not in (last, replica)


def reward(base, seen, j, target, beta, device, server, blind=False):
    """Of user j for one alternative, where these are the CPUs."""
    i = max(target - 1, 0)
    h = moves(seen, j, target) and not blind
    decision = Decision(target > 0, beta, i > 0, h, False, False, float(seen.others[j, i]) + 1)
    task = {name: float(getattr(seen, name)[j]) for name in ("data", "cycles", "deadline", "power")}
    link = {name: float(getattr(seen, name)[j, i]) for name in ("rate_up", "rate_down")}
    return paid(base.params, **task, **link, device=device, server=server, decision=decision)


foreseen, by_posterior, by_mean = (
    jax.jit(function, static_argnums=0, compiler_options=FAST)
    for function in (forecast, policies.posterior_outcomes, policies.expected_outcomes)
)


@partial(jax.jit, compiler_options=FAST)
def paid(params, **given):
    return outcome_of(params, migration_time=params.migration_time, **given).reward


def on_host(seen):
    """The same view in NumPy: it is taken apart number by number."""
    return jax.tree.map(np.asarray, seen)


def alternatives(seen, j):
    """(target, level), beta, of local and of all that is legal."""
    away = [t for t in range(1, seen.candidates.shape[1] + 1) if seen.legal[j, t - 1]]
    return [((0, 0), 0.0)] + [((t, level), beta) for t in away for level, beta in enumerate(BETAS)]


def by_search(base, seen, blind=False):
    """Expected reward of every (target, level) that is legal, one by one, for each user."""
    seen = on_host(seen)

    def expected(j, target, beta):
        i = max(target - 1, 0)
        device = expected_cpu(seen.device[j], seen.device_mean[j], seen.device_variance[j])
        server = expected_cpu(seen.server[j, i], seen.server_mean[j, i], seen.server_variance[j, i])
        return float(reward(base, seen, j, target, beta, device, server, blind))

    return [
        {choice: expected(j, choice[0], beta) for choice, beta in alternatives(seen, j)}
        for j in range(seen.data.shape[0])
    ]


def by_integral(base, seen):
    """The same, each the integral of the reward over the two normal densities (Simpson's rule, +- 7 deviations)."""
    seen = on_host(seen)
    z = np.linspace(-7, 7, 141)
    density = norm.pdf(z)

    def expected(j, target, beta):
        i = max(target - 1, 0)
        device = slow_cpu(seen.device[j], (seen.device_mean[j] + seen.device_variance[j] ** 0.5 * z)[:, None])
        server = slow_cpu(seen.server[j, i], seen.server_mean[j, i] + seen.server_variance[j, i] ** 0.5 * z)
        values = np.broadcast_to(reward(base, seen, j, target, beta, device, server), (len(z), len(z)))
        return float(simpson(simpson(values * density, x=z) * density, x=z))

    return [
        {choice: expected(j, choice[0], beta) for choice, beta in alternatives(seen, j)}
        for j in range(seen.data.shape[0])
    ]


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_greedy_is_what_a_search_finds(base, calm, seed, blind):
    seen = crowd(calm, seed)
    action = np.asarray(greedy(base, outlook=policies.Certain(blind=blind))(KEY, seen, base.params))
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
        int(greedy(base, outlook=policies.Certain(blind=b))(KEY, seen, base.params)[0, 0]) for b in (False, True)
    )
    assert (careful, blind) == (1, 3)


def test_greedy_goes_where_nobody_is(base, calm):
    # Three others on candidate 1, two on 2, one on 3; all else equal but one hop.
    seen = calm._replace(others=jnp.full((4, 3), jnp.array([3.0, 2.0, 0.0])))
    assert greedy(base)(KEY, seen, base.params)[:, 0].tolist() == [3] * 4


def test_foresight_without_a_forecast_is_greedy(base, calm):
    foresees, looks_back = greedy(base, loads=policies.Foreseen()), greedy(base)
    for level in KNOWLEDGE:
        params = base.params.with_knowledge(level)
        same = all(
            (foresees(KEY, seen, params) == looks_back(KEY, seen, params)).all()
            for seen in (crowd(calm, 400 + seed) for seed in range(6))
        )
        assert same == (level in ("none", "telemetry")), level


def test_the_harm_to_others_has_a_weight(base, calm):
    differ = set()
    for seed in range(4):
        seen = crowd(calm, 500 + seed)  # of four users with the same three servers
        seen = seen._replace(
            candidates=jnp.tile(jnp.arange(3), (4, 1)), legal=jnp.ones((4, 3), bool), device_mean=jnp.full(4, 1.5)
        )
        ahead = foreseen(base.env.config, seen, base.params)
        options = by_search(base, seen._replace(others=ahead.others))
        for weight in (0.0, 1.0, 10.0):
            found = chosen(greedy(base, loads=policies.Foreseen(harm_weight=weight)), base, seen)
            for j, expected in enumerate(options):
                best = max(
                    expected, key=lambda c: expected[c] - (weight * float(ahead.harm[j, c[0] - 1]) if c[0] else 0.0)
                )
                assert found[j] == best
                differ.add((seed, j, best))
    assert len(differ) > 4 * 4  # the weight decides


def test_foresight_and_posterior_come_in_every_combination():
    rules = policies.named()
    for name, foresees, averages in (
        ("greedy", False, False), ("greedy-posterior", False, True), ("foresight", True, False),
        ("foresight-posterior", True, True),
    ):  # fmt: skip
        assert isinstance(rules[name].loads, policies.Foreseen) == foresees
        assert isinstance(rules[name].outlook, policies.Posterior) == averages
        assert ("loads.harm_weight" in policies.tunable(rules[name], SIGHT["twin"])) == foresees


def test_only_what_makes_a_difference_is_tuned():
    rule = policies.named()["foresight-hysteresis"]
    numbers = {level: set(policies.tunable(rule, SIGHT[level])) for level in KNOWLEDGE}
    assert numbers["none"] == numbers["telemetry"] == {"hysteresis"}
    assert numbers["forecast"] == numbers["truth"] == {"hysteresis", "loads.harm_weight"}
    assert numbers["twin"] == {"hysteresis", "loads.harm_weight", "sync.above"}


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.0, 0.5), (1.0, 0.5), (-1.0, 0.5)])
def test_posterior_knows_the_mean_of_the_time(base, calm, mean, variance):
    # E[1/(1 - delta)] of device and server: 2.75 at the prior, where 1/(1 - E[delta]) is 2.
    x = np.linspace(-10, 10, 20_001)
    exact = simpson(norm.pdf(x) / (1 - 0.5 * (1 + 0.8 * (2 * norm.cdf(mean + variance**0.5 * x) - 1))), x=x)
    seen = calm._replace(
        device_mean=jnp.full(4, mean), device_variance=jnp.full(4, variance),
        server_mean=jnp.full((4, 3), mean), server_variance=jnp.full((4, 3), variance),
    )  # fmt: skip
    slower = over_belief(
        seen, base.params, lambda device, server: (device.frequency / device.rate, server.frequency / server.rate)
    )
    for found in slower:
        np.testing.assert_allclose(found, exact, rtol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_never_picks_an_illegal_target(base, calm, seed):
    seen = crowd(calm, 100 + seed)
    # Offloading would pay a lot, were it allowed.
    seen = seen._replace(
        rate_up=seen.rate_up * 50, others=seen.others * 0, device_mean=jnp.full(4, 1.5),
        server_mean=jnp.full((4, 3), -1.5), legal=seen.legal.at[0].set(False),
    )  # fmt: skip
    for rule in (
        greedy(base),
        greedy(base, outlook=policies.Certain(blind=True)),
    ):
        target = np.asarray(rule(KEY, seen, base.params)[:, 0])
        assert target[0] == 0
        legal = np.asarray(seen.legal)
        assert all(t == 0 or legal[j, t - 1] for j, t in enumerate(target))
        # And does offload where it may.
        assert all(t > 0 for j, t in enumerate(target) if legal[j].any())


def chosen(rule, base, seen):
    """(target, level) of every user; the level means nothing where local."""
    action = rule(KEY, seen, base.params)
    return [(target, level) if target else (0, 0) for target, level in np.asarray(action)[:, :2].tolist()]


def test_hysteresis_leaves_for_more_than_its_margin(base, calm):
    stayed, left = 0, 0
    for seed in range(8):
        seen = crowd(calm, 200 + seed)
        eager = chosen(greedy(base), base, seen)
        searches = by_search(base, seen)
        for margin in (0.02, 0.3):
            loyal = chosen(greedy(base, policies.Loyal, hysteresis=margin), base, seen)
            for j, options in enumerate(searches):
                served = [c for c in options if c[0] and seen.served[j, c[0] - 1]]
                if not served:
                    assert loyal[j] == eager[j]
                    continue
                keep = max(served, key=options.get)
                other = max((c for c in options if c not in served), key=options.get)
                assert loyal[j] == (other if options[other] > options[keep] + margin else keep)
                stayed += loyal[j] == keep != eager[j]
                left += loyal[j] == other
    assert stayed >= 3
    assert left >= 3


def test_never_migrate_takes_the_best_that_does_not_move(base, calm):
    kept = 0
    for seed in range(8):
        seen = crowd(calm, 200 + seed)
        eager = chosen(greedy(base), base, seen)
        settled = chosen(greedy(base, stays=True), base, seen)
        for j, options in enumerate(by_search(base, seen)):
            assert settled[j] == max((c for c in options if not moves(seen, j, c[0])), key=options.get)
            kept += settled[j] != eager[j]
    assert kept >= 3


def test_never_migrate_still_goes_where_the_service_is(base, calm):
    rule = greedy(base, stays=True)
    # Nothing ran yet: everywhere is free.
    assert rule(KEY, calm, base.params)[:, 0].tolist() == [1] * 4
    # It ran out of reach; user 0 has a replica at its second candidate, user 1 at none.
    seen = calm._replace(last_server=jnp.full(4, 8, jnp.int32), replica=jnp.array([1, -1, -1, -1], jnp.int32))
    assert rule(KEY, seen, base.params)[:, 0].tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(("spread", "tolerance"), [(1.0, 0.05), (0.1, 0.015)])
def test_posterior_is_the_integral_over_the_belief(base, calm, spread, tolerance):
    worst, certain = 0.0, 0.0
    for seed in range(3):
        seen = crowd(calm, 300 + seed)
        seen = seen._replace(
            device_variance=seen.device_variance * spread, server_variance=seen.server_variance * spread
        )
        home, edge, _ = jax.tree.map(np.asarray, by_posterior(base.env.config, seen, base.params))
        for j, (exact, rough) in enumerate(zip(by_integral(base, seen), by_search(base, seen), strict=True)):
            for (target, level), value in exact.items():
                got = edge.reward[j, target - 1, level] if target else home.reward[j, 0, 0]
                worst = max(worst, abs(float(got) - value))
                certain = max(certain, abs(rough[target, level] - value))
    assert worst < tolerance
    assert certain > 3 * tolerance  # what the mean slowdown alone would give


def test_posterior_at_the_truth_is_the_certainty_equivalent(base, calm):
    seen = crowd(calm, 7)
    seen = seen._replace(device_variance=jnp.zeros(4), server_variance=jnp.zeros((4, 3)))
    same = [outcomes(base.env.config, seen, base.params) for outcomes in (by_posterior, by_mean)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-5, atol=1e-6), *same)


def test_posterior_shuns_a_server_unheard_of(base, calm):
    # Two hops alike, of equal mean slowdown: the second candidate is known, the third is not.
    seen = calm._replace(
        server=jnp.full((4, 3), 10e9),
        server_mean=jnp.zeros((4, 3)),
        server_variance=jnp.full((4, 3), jnp.array([0.5, 0.0, 1.0])),
        others=jnp.full((4, 3), jnp.array([5.0, 0.0, 0.0])),
        rate_up=calm.rate_up.at[:, 2].mul(1.01),
    )
    certain, careful = (
        greedy(base, outlook=outlook)(KEY, seen, base.params)[:, 0].tolist()
        for outlook in (policies.Certain(), policies.Posterior())
    )
    assert certain == [3] * 4
    assert careful == [2] * 4


def test_local_and_nearest(base, calm):
    config = base.env.config
    assert rule_of(config, policies.Local())(KEY, calm, base.params).tolist() == [[0, 0, 0, 0]] * 4
    assert rule_of(config, policies.Nearest())(KEY, calm, base.params).tolist() == [[1, 3, 0, 0]] * 4
    assert rule_of(config, policies.Nearest(beta=0.5))(KEY, calm, base.params).tolist() == [[1, 1, 0, 0]] * 4
    assert rule_of(config, policies.Nearest(cache=True))(KEY, calm, base.params).tolist() == [[1, 3, 1, 0]] * 4
    # The closest level of those that there are.
    coarse = world(beta_levels=(0.2, 0.6, 0.9)).env.config
    assert rule_of(coarse, policies.Nearest(beta=0.5))(KEY, calm, base.params)[0].tolist() == [1, 1, 0, 0]


def test_random_covers_all_choices(base, calm):
    rule = rule_of(base.env.config, policies.Random())
    draws = jax.vmap(lambda key: rule(key, calm, base.params))(jax.random.split(KEY, 500))
    for head, size in enumerate(base.env.heads):
        counts = np.bincount(np.asarray(draws[..., head]).ravel(), minlength=size)
        # 2000 draws: five standard deviations.
        assert len(counts) == size
        assert np.abs(counts - 2000 / size).max() < 5 * (2000 / size) ** 0.5


def test_the_sync_clock_is_staggered(base, calm):
    rule = greedy(base, sync=policies.Clock(every=3))
    syncs = np.stack([np.asarray(rule(KEY, calm._replace(t=jnp.int32(t)), base.params)[:, 3]) for t in range(6)])
    # (t + j) % 3 == 0
    assert syncs.tolist() == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]] * 2
    assert greedy(base)(KEY, calm, base.params)[:, 3].tolist() == [0] * 4
    assert greedy(base, sync=policies.Clock(every=1))(KEY, calm, base.params)[:, 3].tolist() == [1] * 4
    assert not any(policies.Clock(every=0).asks(calm._replace(t=jnp.int32(t))).any() for t in range(6))  # never


def test_sync_above_a_variance(base, calm):
    # Own device and candidates agree: variance 0.2, 0.4, 0.6, 0.8 throughout.
    level = jnp.array([0.2, 0.4, 0.6, 0.8])
    seen = calm._replace(device_variance=level, server_variance=jnp.broadcast_to(level[:, None], (4, 3)))
    rule = greedy(base, sync=policies.Doubt(above=0.5))
    assert rule(KEY, seen, base.params)[:, 3].tolist() == [0, 0, 1, 1]
    assert greedy(base, sync=policies.Doubt(above=0.9))(KEY, seen, base.params)[:, 3].tolist() == [0] * 4


def test_never_is_among_the_thresholds(base, calm):
    never = max(policies.Doubt.tries["above"])
    assert never == NEVER
    # A thousand slots without a measurement: the prior's variance, up to rounding.
    _, variance = jax.lax.scan(
        lambda v, _: (twin.age(0.0, v, base.params.correlation)[1],) * 2, jnp.float32(1.0), length=1000
    )
    for v in (1.0, float(variance.max())):
        seen = calm._replace(device_variance=jnp.full(4, v), server_variance=jnp.full((4, 3), v))
        assert policies.Doubt(above=0.6).asks(seen).all()
        assert not policies.Doubt(above=never).asks(seen).any()


def test_sync_above_counts_the_own_device(base, calm):
    # Mean of 1.0 (device), 0.4, 0.4, 0.4: 0.55.
    seen = calm._replace(device_variance=jnp.ones(4), server_variance=jnp.full((4, 3), 0.4))
    assert greedy(base, sync=policies.Doubt(above=0.5))(KEY, seen, base.params)[:, 3].tolist() == [1] * 4


def test_caching_asks_with_every_offload(base, calm):
    action = rule_of(base.env.config, policies.Greedy())(KEY, calm, base.params)
    assert action[:, 2].tolist() == [1] * 4


@pytest.mark.long  # a compilation for each; every smoke profile plays them, too
def test_every_named_rule_plays(base):
    _, state = base.reset()
    seen = base.env.view(state, base.params)
    for name, rule in policies.named().items():
        action = np.asarray(rule_of(base.env.config, rule)(KEY, seen, base.params))
        assert action.shape == (4, 4), name
        assert np.issubdtype(action.dtype, np.integer), name
        assert (action >= 0).all(), name
        assert (action < np.array(base.env.heads)).all(), name


def test_rules_under_evaluation(base):
    # Two rules in one program: which is played is data.
    rules = policies.named()
    home, away = (policies.as_policy(base.env, rules[name]) for name in ("local", "nearest-full"))

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
        assert all(len(value) == 3 for value in result.values())
        reward = -(result["latency"] + result["energy"]) + result["qoe"]
        np.testing.assert_allclose(result["reward"], reward, rtol=1e-4, atol=1e-5)
        assert (result["latency_p50"] <= result["latency_p95"]).all()
        assert (result["latency_p95"] <= result["latency_p99"]).all()
