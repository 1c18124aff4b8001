"""The training loop: same bits, members, truncation, NaN, learning."""

import dataclasses
import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import monitoring

from eco_jax.agent.algorithms import A2C, PPO
from eco_jax.agent.networks import MLP
from eco_jax.env import make
from eco_jax.errors import UserError
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import NotFiniteError, chunk_length, fit, member, stack_algorithms, stack_params
from eco_jax.train.loop import Learner

SMALL = TrainConfig(updates=6, envs=4, rollout=6, chunk=3)
TINY = MLP(hidden=8, layers=1)
TWO = [A2C(network=TINY)] * 2


@pytest.fixture(scope="module")
def world():
    return make("tiny", users=3)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Folder of the checkpoints of `two_seeds`, one after each chunk."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def two_seeds(world, kept):
    env, params = world
    with Checkpoints(kept) as writer:
        return fit(
            Learner(env, SMALL), params, TWO, [jax.random.key(0), jax.random.key(1)],
            on_chunk=lambda chunk: writer.save(chunk.done, chunk.state),
        )  # fmt: skip


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]


def test_same_seed_same_program_same_bits(world, two_seeds):
    env, params = world
    again = fit(Learner(env, SMALL), params, TWO, [jax.random.key(0), jax.random.key(1)])
    assert params_sha256(again.state.agent.params) == params_sha256(two_seeds.state.agent.params)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(again.state), leaves(two_seeds.state), strict=True))
    assert all(np.array_equal(again.metrics[k], two_seeds.metrics[k]) for k in again.metrics)


def test_what_was_compiled_is_not_compiled_again(world, two_seeds):
    env, params = world
    compiled = []

    def listen(event, seconds, **more):
        compiled.append(event) if "backend_compile" in event else None

    monitoring.register_event_duration_secs_listener(listen)
    # jax 0.12 compiles anew once somebody listens.
    fit(Learner(env, SMALL), params, TWO, [jax.random.key(0), jax.random.key(1)])
    params = params.set(overlap=0.5)
    compiled.clear()
    longer, other = dataclasses.replace(SMALL, updates=9), [A2C(network=TINY, clip=0.7)] * 2
    found = fit(Learner(env, longer), params, other, [jax.random.key(5), jax.random.key(6)])
    assert compiled == []
    assert len(found.metrics["reward"]) == 9
    jax.jit(lambda x: x + 0.123)(1.0)
    assert compiled


def test_going_on_from_a_checkpoint_gives_the_same_bits(world, two_seeds, kept):
    env, params = world

    def after_three(like):
        shutil.rmtree(kept / "6")
        return restore(kept, like, pytest.fail)

    on = fit(Learner(env, SMALL), params, TWO, [jax.random.key(0), jax.random.key(1)], resume=after_three)
    assert all(np.array_equal(on.metrics[k], two_seeds.metrics[k][3:]) for k in two_seeds.metrics)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(on.state), leaves(two_seeds.state), strict=True))
    assert (jax.random.key_data(on.state.key) == jax.random.key_data(two_seeds.state.key)).all()


def test_a_checkpoint_between_two_looks_is_refused(world, two_seeds):
    env, params = world
    with pytest.raises(UserError, match="2 updates done: not a multiple of 3"):
        fit(
            Learner(env, SMALL), params, TWO, [jax.random.key(0), jax.random.key(1)],
            resume=lambda like: (2, like),
        )  # fmt: skip


@pytest.mark.slow
def test_seeds_differ_and_equal_what_they_are_alone(world, two_seeds):
    env, params = world
    assert params_sha256(member(two_seeds.state.agent.params, 0)) != params_sha256(
        member(two_seeds.state.agent.params, 1)
    )
    alone = fit(Learner(env, SMALL), params, TWO[:1], [jax.random.key(1)])
    for a, b in zip(leaves(member(alone.state, 0)), leaves(member(two_seeds.state, 1)), strict=True):
        if np.issubdtype(a.dtype, np.floating):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # floats over six updates of another program
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.long
def test_chunks_do_not_change_the_result(world, two_seeds):
    env, params = world
    config = dataclasses.replace(SMALL, chunk=2)
    other = fit(Learner(env, config), params, TWO, [jax.random.key(0), jax.random.key(1)])
    np.testing.assert_allclose(other.metrics["reward"], two_seeds.metrics["reward"], rtol=1e-5)


def test_episodes_start_anew_at_the_horizon(world, two_seeds):
    # 12 slots an episode, 6 an update: after an even number of updates it has just ended, after an odd one not.
    assert (np.asarray(two_seeds.state.env_state.t) == 12).all()
    env, params = world
    config = dataclasses.replace(SMALL, updates=3)
    odd = fit(Learner(env, config), params, TWO[:1], [jax.random.key(0)])
    assert (np.asarray(odd.state.env_state.t) == 6).all()


@pytest.mark.slow
def test_levels_are_members(world):
    env, params = world
    stacked, axes = stack_params([params.with_knowledge(level) for level in ("none", "twin")])
    fitted = fit(Learner(env, SMALL), stacked, TWO, [jax.random.key(0)] * 2, axes=axes)
    assert (fitted.metrics["syncs"][:, 0] == 0).all()
    assert (fitted.metrics["syncs"][:, 1] > 0).all()
    assert (fitted.metrics["energy/prediction"][:, 0] == 0).all()


def test_nan_fails_its_member_and_no_other(world, two_seeds):
    env, params = world
    bad = dataclasses.replace(params, w1=jnp.array([1.0, jnp.nan]))
    axes = dataclasses.replace(jax.tree.map(lambda _: None, params), w1=0)
    said = []
    keys = [jax.random.key(0), jax.random.key(1)]
    fitted = fit(Learner(env, SMALL), bad, TWO, keys, axes=axes, on_failed=lambda *failed: said.append(failed))
    assert said == list(fitted.failed.items())
    assert [which for which, _ in said] == [1]  # once, though every update of its is bad
    assert re.match(r"update 0: .*reward.* not finite", fitted.failed[1])
    assert all(np.isfinite(leaf).all() for leaf in leaves(fitted.state.agent.params))
    start = Learner(env, SMALL).init(axes, stack_algorithms(TWO), jnp.stack(keys), bad)
    assert params_sha256(member(fitted.state.agent.params, 1)) == params_sha256(
        member(start.agent.params, 1)
    )  # never trained on it
    np.testing.assert_allclose(fitted.metrics["reward"][:, 0], two_seeds.metrics["reward"][:, 0], rtol=1e-4)
    # With the other one failed before it was resumed, it is the last.
    with pytest.raises(NotFiniteError, match="member 0, update 0: entropy not finite"):
        fit(Learner(env, SMALL), bad, TWO, keys, axes=axes, failed_before=lambda: {0: "update 0: entropy not finite"})


@pytest.mark.slow
def test_nan_everywhere_stops_with_its_cause_named(world):
    env, params = world
    bad = dataclasses.replace(params, w1=jnp.float32(jnp.nan))
    with pytest.raises(NotFiniteError, match=r"member 0, update 0: .*reward.* not finite") as caught:
        fit(Learner(env, SMALL), bad, TWO, [jax.random.key(0), jax.random.key(1)])
    assert all(np.isfinite(leaf).all() for leaf in leaves(caught.value.state.agent.params))


def test_rollout_must_divide_the_episode(world):
    with pytest.raises(UserError, match=r"train.rollout = 5: must divide the episode of 12 slots: one of 1, 2, 3, 4"):
        Learner(world[0], dataclasses.replace(SMALL, rollout=5))


@pytest.mark.parametrize(("updates", "wish", "length"), [(100, 25, 25), (90, 25, 18), (7, 25, 7), (13, 5, 1)])
def test_chunk_length_divides_the_run(updates, wish, length):
    assert chunk_length(updates, wish) == length


@pytest.mark.long
def test_paper_online_form_is_reachable_by_settings(world):
    env, params = world
    online = TrainConfig(updates=12, envs=1, rollout=1, chunk=12)
    algorithm = A2C(
        network=TINY, optimizer="sgd", residual=True, decay=0.0, discount=1.0, entropy=0.0, final_lr=1.0, clip=1e9,
        actor_lr=1e-3, critic_lr=1e-3,
    )  # fmt: skip
    fitted = fit(Learner(env, online), params, [algorithm], [jax.random.key(0)])
    assert np.isfinite(fitted.metrics["actor_loss"]).all()


def test_settings_are_checked():
    with pytest.raises(UserError, match=r"algorithm.discount = 1.5: must lie in \[0, 1\]"):
        A2C(discount=1.5)
    with pytest.raises(UserError, match=r"train.envs = 0: must lie in \[1, 1000000\]"):
        TrainConfig(envs=0)


def test_members_must_share_what_is_static(world):
    env, params = world
    keys = [jax.random.key(0), jax.random.key(1)]
    for other in (A2C(), A2C(network=TINY, optimizer="sgd"), PPO(network=TINY)):
        with pytest.raises(UserError, match="member 1: its algorithm, network or one of their static settings is not"):
            fit(Learner(env, SMALL), params, [TWO[0], other], keys)


def test_what_the_algorithm_refuses_is_refused_first(world):
    env, params = world
    with pytest.raises(UserError, match=r"algorithm.minibatches = 5: must divide"):
        fit(Learner(env, SMALL), params, [PPO(minibatches=5)], [jax.random.key(0)])
