"""Ours under Gymnasium: its own checks, the vector environment against single ones, and what the infos say."""

import gymnasium
import jax
import numpy as np
import pytest
from doors import SEED, WORLD, actions, made, played
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from eco_jax.adapters import common
from eco_jax.adapters import gymnasium as door
from eco_jax.env import PRESETS
from eco_jax.env.policies import Local
from eco_jax.errors import UserError

ID = "eco_jax.adapters.gymnasium:eco_jax/Tiny-v0"


def same(ours, theirs):
    """Equal to the bit, whatever holds it."""
    return data_equivalence(ours, theirs, exact=True)


def close(ours, theirs):
    """Equal to rounding: programs of other batches differ in the order of their operations. Integers are equal."""
    return data_equivalence(ours, theirs)


def test_every_preset_has_an_id():
    ids = [name for name in gymnasium.registry if name.startswith("eco_jax/")]
    assert ids == list(door.ids())
    assert sorted(gymnasium.spec(name).kwargs["preset"] for name in ids) == sorted(PRESETS)
    assert {"eco_jax/Repaired-v0", "eco_jax/HardCoverage-v0", "eco_jax/City-v0"} <= set(ids)


@pytest.mark.filterwarnings("error::UserWarning")
def test_gymnasiums_own_check_of_all_users():
    env = gymnasium.make(ID, **WORLD)
    assert env.observation_space.shape == (3, 92)
    assert env.action_space == gymnasium.spaces.MultiDiscrete([5, 4, 2, 2] * 3)
    check_env(env.unwrapped, skip_render_check=True)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.long
def test_gymnasiums_own_check_of_one_user():
    env = gymnasium.make(ID, user=1, actions="table", others=Local(), **WORLD)
    assert env.observation_space.shape == (92,)
    assert env.action_space == gymnasium.spaces.Discrete(66)
    check_env(env.unwrapped, skip_render_check=True)


def test_an_episode_is_the_environments_own():
    env = gymnasium.make(ID, **WORLD).unwrapped
    joint = actions(0, 3)[:, 0]
    for episode in range(2):
        observations, _, team, truncated = played(SEED, joint, episode)
        found, info = env.reset(seed=SEED if episode == 0 else None)
        for slot in range(4):
            assert close(found, np.asarray(observations[slot].features))
            assert same(info["action_mask"], np.asarray(observations[slot].mask, np.int8).reshape(-1))
            assert same(env.action_masks(), np.asarray(observations[slot].mask).reshape(-1))
            if slot < 3:
                found, reward, terminated, ended, info = env.step(joint[slot].reshape(-1))
                assert reward == info["reward"]
                assert reward == pytest.approx(float(team[slot]), abs=2e-6)
                assert (terminated, ended) == (False, bool(truncated[slot])) == (False, slot == 2)


def test_one_user_and_a_rule():
    """The user's choice in a joint action of the rule, its row of the observation, its credit."""
    user = 1
    env = gymnasium.make(ID, user=user, others="local", **WORLD).unwrapped
    own = actions(1, 3)[:, 0, 0]
    joint = np.zeros((3, 3, 4), int)
    joint[:, user] = own
    observations, credits, _, _ = played(SEED, joint)
    found, _ = env.reset(seed=SEED)
    for slot in range(3):
        assert close(found, np.asarray(observations[slot].features[user]))
        found, reward, *_, info = env.step(own[slot])
        assert reward == pytest.approx(float(credits[slot][user]), abs=2e-6)
        assert same(info["action_mask"], np.asarray(observations[slot + 1].mask[user], np.int8))


@pytest.mark.long
def test_the_others_act_by_what_they_see():
    """`greedy` is not `local`: what the others do changes what the user sees next."""
    seen = []
    for others in ("local", "greedy"):
        env = gymnasium.make(ID, user=1, others=others, **WORLD).unwrapped
        env.reset(seed=SEED)
        seen.append([env.step(np.zeros(4, int))[0] for _ in range(3)][-1])
    assert not np.array_equal(*seen)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_the_vector_is_its_single_environments(mode):
    """Against Gymnasium's own vector of single ones, over ends of episodes, with one that begins anew in between."""
    ours = gymnasium.make_vec(ID, num_envs=2, autoreset_mode=mode, **WORLD)
    theirs = SyncVectorEnv([lambda: gymnasium.make(ID, **WORLD).unwrapped] * 2, autoreset_mode=mode)
    assert ours.metadata["autoreset_mode"] is mode
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert close(*[env.reset(seed=SEED) for env in (ours, theirs)])
    chosen = actions(2, 9, envs=2).reshape(9, 2, -1)
    for slot, action in enumerate(chosen):
        if slot == 2:
            options = [{"reset_mask": np.array([True, False])} for _ in range(2)]
            (left, left_info), (right, right_info) = (
                env.reset(options=option) for env, option in zip((ours, theirs), options, strict=True)
            )
            assert close(left, right)
            assert same(left_info["action_mask"][0], right_info["action_mask"][0])
        left, right = ours.step(action), theirs.step(action)
        for one, other in zip(left[:4], right[:4], strict=True):
            assert close(np.asarray(one), np.asarray(other))
        assert close(left[4], right[4]), slot
        assert same(ours.action_masks(), np.stack([env.action_masks() for env in theirs.envs]))


def test_the_last_observation_is_the_true_one():
    env = gymnasium.make_vec(ID, num_envs=2, autoreset_mode="SameStep", **WORLD)
    env.reset(seed=SEED)
    joint = actions(3, 3, envs=2)
    for slot in range(3):
        found, *_, ended, info = env.step(joint[slot].reshape(2, -1))
    assert ended.all()
    for i in range(2):
        observations, *_ = played(SEED + i, joint[:, i])
        following, *_ = played(SEED + i, [], episode=1)
        assert close(info["final_obs"][i], np.asarray(observations[-1].features))
        assert close(found[i], np.asarray(following[0].features))


def test_an_ended_episode_is_not_gone_on_with_alone():
    env = gymnasium.make(ID, **WORLD).unwrapped
    env.reset(seed=SEED)
    action = np.zeros(12, int)
    assert [env.step(action)[3] for _ in range(3)] == [False, False, True]
    with pytest.raises(UserError, match="the episode has ended; call reset first"):
        env.step(action)
    env.reset()
    assert not env.step(action)[3]


def test_an_ended_episode_is_not_gone_on_with():
    env = gymnasium.make_vec(ID, num_envs=2, autoreset_mode="Disabled", **WORLD)
    env.reset(seed=SEED)
    for action in actions(4, 3, envs=2):
        *_, ended, _ = env.step(action.reshape(2, -1))
    assert ended.all()
    with pytest.raises(UserError, match="an episode has ended"):
        env.step(action.reshape(2, -1))
    env.reset(options={"reset_mask": np.array([True, True])})
    env.step(action.reshape(2, -1))


def test_a_step_is_one_transfer(monkeypatch):
    env = gymnasium.make_vec(ID, num_envs=2, **WORLD)
    env.reset(seed=SEED)
    taken = []
    monkeypatch.setattr(common.jax, "device_get", lambda x: taken.append(x) or np.asarray(x))
    env.step(actions(5, 1, envs=2).reshape(2, -1))
    assert [len(jax.tree.leaves(x)) for x in taken] == [1]


def test_flat_rows_and_tables():
    env = gymnasium.make(ID, flat=True, actions="table", **WORLD).unwrapped
    assert env.observation_space.shape == (3 * 92,)
    assert env.action_space == gymnasium.spaces.MultiDiscrete([66] * 3)
    rows = np.array([0, 7, 65])
    observations, _, team, _ = played(SEED, common.table(env.batch.env.config)[rows][None])
    found, _ = env.reset(seed=SEED)
    assert close(found, np.asarray(observations[0].features).reshape(-1))
    _, reward, *_, info = env.step(rows)
    assert reward == pytest.approx(float(team[0]), abs=2e-6)
    assert info["action_mask"].shape == (3 * 66,)


def test_the_table_and_its_mask():
    env, params, reset, _ = made()
    config = env.config
    rows = common.table(config)
    assert len(rows) == len({tuple(row) for row in rows}) == 66
    assert [tuple(row) for row in rows[:3]] == [(0, 0, 0, 0), (0, 0, 0, 1), (1, 0, 0, 0)]
    mask = np.array(reset(jax.random.key(0), params)[0].mask[0])
    mask[:5] = [True, True, False, False, False]
    for sync in (True, False):
        mask[-1] = sync
        legal = common.table_mask(config, mask)
        assert all(legal == ((rows[:, 0] <= 1) & (sync | (rows[:, 3] == 0))))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": 3}, r"user = 3: must lie in \[0, 2\], or be None"),
        ({"user": 0, "others": "gredy"}, "others = 'gredy': is no rule; did you mean greedy?"),
        ({"others": "nearest"}, "others = 'nearest': has no effect without user"),
        ({"actions": "flat"}, "actions = 'flat': must be 'heads' or 'table'"),
        ({"sync_energy": -1}, "sync_energy"),
        ({"knowledge": "all"}, "knowledge = 'all': must be one of"),
        ({"usres": 3}, "usres: unknown setting"),
    ],
)
def test_bad_settings_are_one_line(settings, said):
    with pytest.raises(UserError, match=said):
        gymnasium.make(ID, **settings)


def test_bad_settings_of_a_vector():
    for settings, said in [
        ({"user": 0, "others": ["greedy"]}, r"others = \['greedy'\]: is no rule"),
        ({"num_envs": 0}, "num_envs = 0: must be a whole number of at least 1"),
        ({"autoreset_mode": "Never"}, "autoreset_mode = 'Never': must be one of NextStep"),
    ]:
        with pytest.raises(UserError, match=said):
            door.EcoVector(preset="tiny", **settings)
    env = door.EcoVector(2, "tiny", **WORLD)
    with pytest.raises(UserError, match="no episode was begun"):
        env.step(env.action_space.sample())
    with pytest.raises(UserError, match="has 3 values, must have one for each of 2"):
        env.reset(seed=[1, 2, 3])
    env.reset(seed=1)
    with pytest.raises(UserError, match=r"action: has shape \(2, 3\), must hold"):
        env.step(np.zeros((2, 3), int))


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (np.full(12, 99), r"head 0: is 99, must lie in \[0, 4\]"),
        (np.array([0, 0, 2, 0] * 3), r"head 2: is 2, must lie in \[0, 1\]"),
        (np.full(12, -1), "head 0: is -1"),
        (np.full(12, 0.9), "head 0: holds numbers of type float64, must hold whole ones"),
        (np.full(12, np.nan), "head 0: holds numbers of type float64"),
        (np.zeros((4, 3), int), r"has shape \(1, 4, 3\), must hold \(1, 3, 4\) choices"),
    ],
)
def test_actions_that_are_none(action, said):
    env = door.EcoGymnasium("tiny", **WORLD)
    env.reset(seed=1)
    with pytest.raises(UserError, match=f"action: {said}"):
        env.step(action)


@pytest.mark.parametrize("action", [-1, 66, 1.0, True])
def test_rows_of_the_table_that_are_none(action):
    env = door.EcoGymnasium("tiny", actions="table", user=np.int64(0), **WORLD)
    env.reset(seed=1)
    with pytest.raises(UserError, match=r"action: (is .*, must lie in \[0, 65\]|holds numbers of type)"):
        env.step(action)
    env.step(np.int64(65))


@pytest.mark.parametrize("extreme", [{}, {"data_max": 1e6, "density_max": 1e6, "slowdown_spread": 0.99}])
def test_observations_keep_their_bounds(extreme):
    env = gymnasium.make_vec(ID, num_envs=2, **WORLD, **extreme)
    env.action_space.seed(0)
    for seed in range(3):
        found, _ = env.reset(seed=seed)
        for _ in range(4):
            assert found in env.observation_space
            found, *_ = env.step(env.action_space.sample())


def test_unseeded_episodes_differ_and_seeds_repeat():
    env = gymnasium.make(ID, **WORLD).unwrapped
    first, again = env.reset()[0], env.reset()[0]
    assert not np.array_equal(first, again)
    assert not np.array_equal(gymnasium.make(ID, **WORLD).unwrapped.reset()[0], first)
    vector = gymnasium.make_vec(ID, num_envs=2, **WORLD)
    one, _ = vector.reset(seed=[3, None])
    assert close(one[0], env.reset(seed=3)[0])
    assert not np.array_equal(one[0], one[1])


def test_what_is_not_installed_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"gymnasium is not installed: pip install 'eco-jax\[sb3\]'"):
        common.needs("gymnasium", "sb3")
