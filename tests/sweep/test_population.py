"""Populations: a member is what it is alone, whatever trains beside it and however it is packed."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import GRU, MLP, Attention
from eco_jax.env import make
from eco_jax.errors import UserError
from eco_jax.parts import numbers_of
from eco_jax.sweep import population as module
from eco_jax.sweep.population import Group, Population, State, changed
from eco_jax.sweep.strategies import Exploit
from eco_jax.sweep.training import _decide
from eco_jax.train.checkpoint import params_sha256
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit, member, of_member, same, stack_algorithms, stack_params
from eco_jax.train.loop import Learner, TrainState

SMALL = TrainConfig(updates=6, envs=4, rollout=6, chunk=3)
LRS = (1e-3, 1e-2, 3e-2, 5e-3, 2e-2)
ERRORS = (0.1, 0.3, 0.3, 0.03, 1.0)
SIDES = (1000, 1000, 500, 2000, 1000)
PROGRAMS = {}
"""Compiled once for all tests."""


@pytest.fixture(scope="module")
def group():
    worlds = [make("tiny", sync_error=error, side=side)[1] for error, side in zip(ERRORS, SIDES, strict=True)]
    return Group(
        Learner(make("tiny")[0], SMALL),
        worlds,
        ("side", "sync_error"),
        [A2C(network=MLP(hidden=8, layers=1), actor_lr=lr) for lr in LRS],
        list(range(5)),
    )


def trained(group, programs=PROGRAMS, **options):
    population = Population(group, options.pop("warn", pytest.fail), programs=programs)
    population.load(population.begin())
    for look in range(group.looks):
        population.advance(look)
    return population


@pytest.fixture(scope="module")
def whole(group):
    return trained(group)


def test_a_member_is_to_the_last_bit_what_it_is_alone(group, whole):
    which = 3
    alone = fit(group.learner, group.worlds[which], [group.algorithms[which]], [jax.random.key(group.seeds[which])])
    assert params_sha256(member(whole.state().agent.params, which)) == params_sha256(
        member(alone.state.agent.params, 0)
    )
    reward = alone.metrics["reward"][:, 0].reshape(2, 3).mean(1)
    np.testing.assert_array_equal(np.asarray(whole.state().curves)[which, :, 0], reward)


def test_every_world_is_one_that_the_network_may_be_trained_in(group):
    _, params = make("tiny")
    worlds = [params.with_knowledge(level) for level in ("twin", "telemetry")]
    both = [A2C(network=Attention(hidden=8, users=True))] * 2
    mixed = dataclasses.replace(group, worlds=worlds, own=(), algorithms=both, seeds=[0, 1])
    with pytest.raises(UserError, match=r"network\.users = true"):
        Population(mixed, pytest.fail)
    Population(dataclasses.replace(mixed, worlds=worlds[:1] * 2), pytest.fail)


def test_only_what_is_equal_is_shared(group):
    """Whatever else follows from what varies, as the sites may from the side."""
    stacked, axes = stack_params(group.worlds, group.own)
    for i, world in enumerate(group.worlds):
        for mine, own in zip(*map(jax.tree.leaves, (of_member(stacked, axes, i), world)), strict=True):
            np.testing.assert_array_equal(mine, own)
    differs = {
        f.name for f in dataclasses.fields(world)
        if any(not same_tree(getattr(world, f.name), getattr(group.worlds[0], f.name)) for world in group.worlds)
    }  # fmt: skip
    own = {f.name for f in dataclasses.fields(axes) if 0 in jax.tree.leaves(getattr(axes, f.name))}
    assert differs == own


def same_tree(one, other):
    return all(map(same, *map(jax.tree.leaves, (one, other))))


def test_what_a_sweep_varies_is_each_member_s_own_even_where_equal(group):
    _, axes = stack_params(group.worlds[:1], group.own)
    assert (axes.side, axes.sync_error, axes.w1) == (0, 0, None)
    _, none = stack_params(group.worlds[:2])
    assert (none.side, none.sync_error) == (None, 0)


def test_leaves_are_equal_to_the_last_bit():
    zero, nan = np.float32(0.0), np.full(2, np.nan)
    assert same(nan, nan.copy())
    assert same(np.arange(3), np.arange(3))
    assert not same(zero, -zero)
    assert not same(zero, np.float64(0.0))
    assert not same(np.zeros((1, 2)), np.zeros((2, 1)))


def test_members_differ(whole):
    assert len({params_sha256(member(whole.state().agent.params, i)) for i in range(5)}) == 5


def test_one_compilation_for_all(whole):
    assert len(PROGRAMS) == 1


def near(one, other):
    for a, b in zip(*(jax.tree.leaves(p.state().agent.params) for p in (one, other)), strict=True):
        np.testing.assert_allclose(a, b[: len(a)], rtol=2e-4, atol=1e-6)


class Large:
    """A program that nobody has to compile, to see what is done about it."""

    def __init__(self, gigabytes=0.0):
        self.bytes = gigabytes * 1e9

    def memory_analysis(self):
        return SimpleNamespace(
            argument_size_in_bytes=0, output_size_in_bytes=0, temp_size_in_bytes=self.bytes, alias_size_in_bytes=0
        )

    def __call__(self, *given):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes.")


@pytest.fixture
def large(monkeypatch):
    """Programs of more than two members are `Large`; one of two is compiled once for all tests."""
    compiled = module.compile_program

    def instead(learner, axes, part, length, **where):
        members = len(part.state.key)
        if members <= 2:
            return compiled(learner, axes, part, length, **where)
        return module.Program(Large(members), members, length, 6, 0.0)

    monkeypatch.setattr(module, "together", lambda members, *more: members)
    monkeypatch.setattr(module, "compile_program", instead)


PAIRS = {}


@pytest.mark.long
def test_side_by_side_in_one_program_as_on_an_accelerator(group, whole, large):
    two = {name: getattr(group, name)[:2] for name in ("worlds", "algorithms", "seeds")}
    packed = trained(dataclasses.replace(group, **two), PAIRS)
    assert [part.state.key.shape for part in packed.parts] == [(2,)]
    near(packed, whole)


def test_what_does_not_fit_goes_in_parts(group, whole, large, monkeypatch):
    warned = []
    monkeypatch.setattr(module, "memory_bytes", lambda devices: 2.5e9 / module.MEMORY_SHARE)
    packed = trained(group, PAIRS, warn=warned.append)
    assert warned == ["5 members take 5.00 GB of 2.50 GB that a program may take: 2 at a time from here on"]
    assert [len(part.state.key) for part in packed.parts] == [2, 2, 2]  # the sixth is the fifth again
    near(packed, whole)


def test_out_of_memory_at_work_halves_and_changes_nothing_else(group, whole, large, monkeypatch):
    warned = []
    monkeypatch.setattr(module, "memory_bytes", lambda devices: 1e12)
    packed = trained(group, dict(PAIRS), warn=warned.append)
    assert warned == ["out of memory with 5 members in one program: 2 at a time from here on"]
    near(packed, whole)


def test_other_errors_of_the_device_go_on(group, monkeypatch):
    def broken(self, *given):
        raise jax.errors.JaxRuntimeError("INTERNAL: broken")

    monkeypatch.setattr(module.Program, "run", broken)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL: broken"):
        trained(group)


def test_survivors_are_not_touched_by_those_that_end(group, whole):
    population = Population(group, pytest.fail, programs=PROGRAMS)
    population.load(population.begin())
    population.advance(0)
    state = population.state()
    alive = np.array([True, False, True, False, False])
    population.load(changed(state, alive, np.arange(5), numbers_of(state.algorithm)))
    population.advance(1)
    end, half = population.state(), state.agent.params
    for which in range(5):
        same = whole.state().agent.params if alive[which] else half
        assert params_sha256(member(end.agent.params, which)) == params_sha256(member(same, which))
    assert np.isfinite(end.curves[alive]).all()
    assert np.isnan(end.curves[~alive][:, 1]).all()


def test_a_copy_goes_on_from_its_source_in_its_own_world(group):
    population = Population(group, pytest.fail, programs=PROGRAMS)
    population.load(population.begin())
    population.advance(0)
    state = population.state()
    numbers = {name: np.array(values) for name, values in numbers_of(state.algorithm).items()}
    numbers["actor_lr"][1] = 0.5
    copied = changed(state, np.ones(5, bool), np.array([0, 4, 2, 3, 4]), numbers)
    assert params_sha256(member(copied.agent.params, 1)) == params_sha256(member(state.agent.params, 4))
    for one, other in zip(jax.tree.leaves(copied.agent.optimizer), jax.tree.leaves(state.agent.optimizer), strict=True):
        np.testing.assert_array_equal(one[1], other[4])
    assert (jax.random.key_data(copied.others.key) == jax.random.key_data(state.others.key)).all()
    assert copied.algorithm.actor_lr[1] == 0.5


def test_a_copy_has_no_memory_of_the_agent_before(group):
    remembering = [dataclasses.replace(a, network=GRU(hidden=4, layers=1, memory=3)) for a in group.algorithms]
    carry = np.arange(1.0, 5 * 2 * 3 * 3 + 1, dtype=np.float32).reshape(5, 2, 3, 3)
    others = TrainState((), carry, (), (), ())
    state = State(np.arange(5.0), others, stack_algorithms(remembering), np.ones(5, bool), np.zeros((5, 2, 4)))
    copied = changed(state, np.ones(5, bool), np.array([0, 4, 2, 3, 4]), {})
    assert not np.asarray(copied.others.carry[1]).any()
    np.testing.assert_array_equal(np.delete(copied.others.carry, 1, 0), np.delete(carry, 1, 0))


@pytest.mark.parametrize(("failed", "left"), [((0, 1, 2, 3), {0, 1, 2, 3}), ((3,), set()), ((0, 3), {0})])
def test_what_failed_is_sound_again_where_it_goes_on_from_what_did_not(failed, left):
    state = State(
        {"x": np.arange(4.0)}, TrainState((), (), (), (), ()), stack_algorithms([A2C()] * 4), np.ones(4, bool),
        np.array([[[1.0]], [[4.0]], [[3.0]], [[2.0]]]),
    )  # fmt: skip
    loaded = []
    population = SimpleNamespace(
        state=lambda: state, failed=dict.fromkeys(failed, "why"), group=SimpleNamespace(shown=["reward"]),
        load=loaded.append,
    )  # fmt: skip
    batch = SimpleNamespace(objective="reward", members=[(i, 0) for i in range(4)])
    _decide(Exploit({"actor_lr": (1e-4, 1e-1)}, seed=0), batch, population, 1)
    assert set(population.failed) == left
    assert len(loaded) == 1


def test_a_nan_fails_its_member_alone(group, whole):
    bad = [*group.worlds]
    bad[1] = dataclasses.replace(bad[1], sync_error=bad[1].sync_error * np.nan)
    population = trained(dataclasses.replace(group, worlds=bad))
    assert list(population.failed) == [1]
    assert "update 0: " in population.failed[1]
    assert "not finite" in population.failed[1]
    assert params_sha256(member(population.state().agent.params, 2)) == params_sha256(
        member(whole.state().agent.params, 2)
    )


def test_a_look_that_is_broken_off_changes_nothing(group, whole):
    population = Population(group, pytest.fail, programs=PROGRAMS)
    population.load(population.begin())
    population.advance(0)
    before = params_sha256(population.state().agent.params)
    calls = iter(range(100))

    def check():
        if next(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        population.advance(1, check)
    assert params_sha256(population.state().agent.params) == before
    population.advance(1)
    assert params_sha256(population.state().agent.params) == params_sha256(whole.state().agent.params)
