"""An algorithm of a user's own, one class in one file, does all that ours do."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

import eco_jax
from eco_jax.agent.advantages import gae
from eco_jax.agent.algorithms import A2C, Agent, Algorithm
from eco_jax.agent.distribution import choose, log_prob_and_entropy
from eco_jax.errors import UserError
from eco_jax.parts import forget, numbers_of, register, registered, with_numbers
from eco_jax.settings import form, number, switch
from eco_jax.sweep.population import Group, Population, changed
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore, restore_params
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import play_episodes
from eco_jax.train.fit import NotFiniteError, fit, member, stack_params
from eco_jax.train.loop import Learner


class Learnt(NamedTuple):
    """It acts by a table, and learns with a baseline."""

    params: Any
    mean: Any


class Reinforce(Algorithm):
    """REINFORCE (Williams 1992) with a linear policy and the mean return as its baseline."""

    lr: Any = number(1.0, "-", 0, 100, "", "assumed", "learning rate")
    forgetting: Any = number(0.1, "-", 0, 1, "", "assumed", "weight of the newest mean return in the baseline")
    biased: bool = switch(False, "a bias for each choice, too")

    def init(self, key, inputs, heads):
        features, choices = inputs.total, sum(heads.sizes)
        table = {"weights": 0.01 * jax.random.normal(key, (features, choices))}
        bias = {"bias": jnp.zeros(choices)} if self.biased else {}
        return Learnt({"policy": table | bias}, jnp.float32(0.0))

    def logits(self, params, features):
        return features @ params["policy"]["weights"] + params["policy"].get("bias", 0.0)

    def act(self, params, carry, key, observation, heads, greedy=False):
        return choose(heads, key, self.logits(params, observation.features), observation.mask, greedy), carry

    def learn(self, agent, rollout, heads, key, progress):
        zero = jnp.zeros_like(rollout.reward)
        ended = jnp.broadcast_to(rollout.ended[..., None], zero.shape)
        returns = gae(rollout.reward, zero, zero, ended, ended, 0.0, 1.0)
        seen = rollout.observation

        def loss(params):
            logits = self.logits(params, seen.features)
            log_prob, _ = log_prob_and_entropy(heads, logits, seen.mask, rollout.action)
            return -jnp.mean(log_prob * (returns - agent.mean))

        value, gradient = jax.value_and_grad(loss)(agent.params)
        params = jax.tree.map(lambda p, g: p - self.lr * (1.0 - 0.5 * progress) * g, agent.params, gradient)
        mean = agent.mean + self.forgetting * (jnp.mean(returns) - agent.mean)
        return Learnt(params, mean), {"loss": value}


LOOP = TrainConfig(updates=60, envs=8, rollout=4, chunk=20)
ENV, WORLD = Guess(), {"gain": jnp.float32(1.0)}
KEYS = [jax.random.key(0), jax.random.key(1)]
MEMBERS = [Reinforce(lr=4.0), Reinforce(lr=2.0)]


def bits(tree):
    raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(tree)]
    return [np.asarray(leaf).tobytes() for leaf in raw]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def trained(kept):
    with Checkpoints(kept, keep=9) as writer:
        return fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS, on_chunk=lambda c: writer.save(c.done, c.state))


def test_it_learns(trained):
    assert (trained.metrics["right"][:3].mean(0) < 0.6).all()  # at random: a third
    assert (trained.metrics["right"][-10:].mean(0) > 0.9).all()
    assert set(trained.metrics) == {"reward", "right", "slot", "loss", "finite"}
    params = member(trained.state.agent.params, 0)
    policy = Learner(ENV, LOOP).policy(MEMBERS[0], params)
    assert float(play_episodes(ENV, WORLD, policy, jax.random.key(5), 16)["right"].mean()) == 1.0


def test_its_settings_are_settings():
    assert form(Reinforce)(lr=3) == form(Reinforce)(lr=3.0, forgetting=0.1, biased=False)
    with pytest.raises(UserError, match=r"algorithm.lr = 101: must lie in \[0, 100\]"):
        Reinforce(lr=101)
    assert set(numbers_of(Reinforce())) == {"lr", "forgetting"}
    biased = fit(Learner(ENV, TrainConfig(2, 8, 4, 2)), WORLD, [Reinforce(biased=True)], KEYS[:1])
    assert set(biased.state.agent.params["policy"]) == {"weights", "bias"}


def test_it_has_a_name():
    try:
        assert register("algorithm", "reinforce")(Reinforce) is registered("algorithm")["reinforce"]
    finally:
        forget("algorithm", "reinforce")


def test_it_goes_on_from_a_checkpoint_bit_for_bit(trained, kept):
    def after_forty(like):
        for later in kept.glob("60*"):
            later.rename(kept / "other")
        return restore(kept, like, pytest.fail)

    on = fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS, resume=after_forty)
    assert len(on.metrics["loss"]) == 20
    assert bits(on.state) == bits(trained.state)
    update, params = restore_params(kept, pytest.fail)
    assert update == 40
    assert params.keys() == {"policy"}


def test_a_population_of_it_is_what_its_members_are_alone(trained):
    group = Group(Learner(ENV, LOOP), [WORLD, WORLD], (), MEMBERS, [0, 1])
    population = Population(group, pytest.fail)
    population.load(population.begin())
    for look in range(group.looks):
        population.advance(look)
    state = population.state()
    for which in range(2):
        assert params_sha256(member(state.agent.params, which)) == params_sha256(
            member(trained.state.agent.params, which)
        )
    numbers = numbers_of(state.algorithm) | {"lr": np.array([1.0, 9.0])}
    on = changed(state, np.ones(2, bool), np.array([1, 1]), numbers)
    assert on.algorithm.lr.tolist() == [1.0, 9.0]
    assert bits(member(on.agent, 0)) == bits(member(state.agent, 1))


@pytest.mark.long
def test_side_by_side_in_one_program(trained, monkeypatch):
    monkeypatch.setattr("eco_jax.train.fit.together", lambda members, *more: members)
    both = fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS)
    for a, b in zip(*(jax.tree.leaves(f.state.agent) for f in (both, trained)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_a_nan_stops_its_member_alone(trained):
    worlds, axes = stack_params([WORLD, {"gain": jnp.float32(jnp.nan)}])
    fitted = fit(Learner(ENV, LOOP), worlds, MEMBERS, KEYS, axes=axes)
    assert re.match("update 0: .*reward.* not finite", fitted.failed[1])
    assert list(fitted.failed) == [1]
    assert np.isfinite(np.asarray(fitted.state.agent.mean)).all()
    assert params_sha256(member(fitted.state.agent.params, 0)) == params_sha256(member(trained.state.agent.params, 0))


def test_what_is_not_finite_is_not_taken_even_if_nothing_reported_shows_it():
    bad = with_numbers(MEMBERS[0], {"lr": jnp.float32(jnp.inf)})  # the loss before the step is sound
    fitted = fit(Learner(ENV, LOOP), WORLD, [bad, MEMBERS[1]], KEYS)
    assert fitted.failed == {0: "update 0: what was learnt not finite"}
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(fitted.state.agent))
    with pytest.raises(NotFiniteError, match="member 0, update 0: what was learnt not finite"):
        fit(Learner(ENV, LOOP), WORLD, [bad], KEYS[:1])


class Nameless(Reinforce):
    """Its parameters have no names."""

    def init(self, key, inputs, heads):
        return Agent([jnp.zeros(3)])


class Loose(Reinforce):
    """It gives no named tuple."""

    def init(self, key, inputs, heads):
        return {"params": {}}


class Double(Reinforce):
    """It reports the environment's metric as its own."""

    def learn(self, agent, rollout, heads, key, progress):
        return agent, {"reward": jnp.float32(0.0)}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Nameless, r"algorithm Nameless: init: `params` must be a nested dict of arrays by names; params\[0\]"),
        (Loose, "algorithm Loose: init: must give a named tuple with a field `params`, not dict"),
        (Double, "algorithm Double: learn: reports 'reward', the name of another metric"),
    ],
)
def test_what_does_not_keep_to_the_protocol_is_said(kind, said):
    with pytest.raises(UserError, match=said):
        fit(Learner(ENV, LOOP), WORLD, [kind()], KEYS[:1])


def test_numbers_are_set_by_name():
    a2c = A2C(actor_lr=0.5)
    assert float(with_numbers(a2c, {"actor_lr": jnp.float32(0.25)}).actor_lr) == 0.25
    assert jax.tree.structure(with_numbers(a2c, {"clip": 1.0})) == jax.tree.structure(a2c)
    with pytest.raises(UserError, match="algorithm.optimizer: no traced number of A2C"):
        with_numbers(a2c, {"optimizer": 1.0})


SEES_THE_PROTOCOL = [
    *(f"train/{name}.py" for name in ("loop", "program", "fit", "checkpoint", "evaluate", "config")),
    *(f"sweep/{name}.py" for name in ("population", "batch", "strategies")),
]


@pytest.mark.parametrize("path", SEES_THE_PROTOCOL)
def test_who_knows_the_protocol_names_no_algorithm(path):
    text = (Path(eco_jax.__file__).parent / path).read_text()
    for word in (*registered("algorithm"), *registered("network"), "actor", "critic"):
        assert not re.search(rf"(?<![a-z]){word}(?![a-z])", text, re.IGNORECASE), word
