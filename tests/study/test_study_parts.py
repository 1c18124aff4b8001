"""Every part of a full profile, each by itself, on agents with random weights in the smallest world."""

import dataclasses

import jax
import numpy as np
import pytest

from eco_jax.env import policies
from eco_jax.run import settings
from eco_jax.study import ablations, learners, names
from eco_jax.study.assumptions import NAME as ASSUMPTIONS
from eco_jax.study.core import Study
from eco_jax.study.names import ONLINE, trained
from eco_jax.study.play import by_policy, flat
from eco_jax.study.profile import LADDER, LEVELS, SMOKE
from eco_jax.study.run import all_parts
from eco_jax.study.sweeps import changes
from eco_jax.train.fit import stack_algorithms

ONE_POINT = dataclasses.replace(
    SMOKE, updates=2, seeds=1, episodes=2, reference_episodes=2, tuning_episodes=2, side_updates=2, side_episodes=2,
    online_episodes=2, online_seeds=1, speeds=(30.0,), slowdowns=(0.3,), users=(3,), servers=(6,), fix_gaps=(2,),
    sync_errors=(0.3,), sync_energies=(5.0,), correlations=(0.9,), weights=((1.0, 4.0, 1.0),), checks=("repaired",),
    assumptions=("coverage",), ablations=("shares",), learners=True,
)  # fmt: skip
"""Every part. What they have in common (users, levels, episodes, the world of the check) makes them the same programs,
compiled once."""
ANOTHER = "pqn-mlp"
"""Plays beside the study's own agents."""


def small_study():
    tiny = settings.from_preset("tiny").but(
        env={"slots": 4, "candidates": 2, "beta_levels": (0.5, 1.0)}, train={"envs": 2, "rollout": 2},
        network={"hidden": 4, "layers": 1},
    )  # fmt: skip
    return Study(tiny, ONE_POINT)


STUDY = small_study()
ALIKE = {names.played(name) for name in learners.declared() if name != ANOTHER}
"""Play as `ANOTHER` does."""
PARTS = {part.name: part for part in all_parts(STUDY) if part.name not in ALIKE}


@pytest.fixture(scope="module")
def before():
    """What parts need of others: agents that were never trained, and rules that were never tuned."""
    learner = STUDY.learner(STUDY.world[0])
    one = stack_algorithms([STUDY.algorithm()])
    keys = jax.random.split(jax.random.key(0), 1)
    started = jax.eval_shape(lambda keys: learner.init(None, one, keys, STUDY.world[1]), keys)
    draw = np.random.default_rng(0)
    agents = flat(jax.tree.map(lambda leaf: draw.normal(size=leaf.shape).astype(np.float32), started.agent.params))
    tuned = {f"tuned:{rule}/{level}/hysteresis/value": 0.0 for rule in ("greedy", "foresight") for level in LEVELS}
    tuned |= {"tuned:greedy/twin/sync.above/value": 0.3, "tuned:foresight/twin/loads.harm_weight/value": 0.5}
    rules = {name: np.asarray(value) for name, value in tuned.items()}
    another = stack_algorithms([learners.algorithm(STUDY, ANOTHER)])
    begun = learner.init(None, another, keys, STUDY.world[1]).agent.params
    others = {names.learner(ANOTHER): flat(jax.tree.map(np.asarray, begun))}
    return {**{f"agents-{level}": agents for level in LADDER}, "rules": rules, **others}


@pytest.fixture(scope="module")
def reported():
    """Names of all that the environment says of a slot."""
    env, params = STUDY.world
    key, action = jax.random.key(0), np.zeros((env.agents, len(env.heads)), np.int32)
    return set(jax.eval_shape(lambda: env.step(key, env.reset(key, params)[1], action, params)[5]["metrics"]))


OTHERS = tuple(map(names.learner, learners.declared()))
LONG = (
    ONLINE, "printed", "rules", "references", "evaluation", "misleading", "speed", *map(trained, LADDER), *OTHERS,
    "value-error", "value-correlation", "value-energy", "check-repaired", "weights", ablations.NAME,
    names.played(ANOTHER),
)  # fmt: skip
"""Every smoke profile makes them, too, or they train as one that is here, or vary as `slowdown` does;
or they compile longest, in a world of their own."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in PARTS]
)
def test_part(name, before, reported, monkeypatch):
    # The one other design is what the world has already: no program more to compile.
    monkeypatch.setattr(ablations, "declared", lambda: {"shares": [{"beta_levels": [0.5, 1.0]}]})
    part = PARTS[name]
    study = dataclasses.replace(STUDY, done={n: before[n] for n in part.needs if n in before})
    shares = []
    study.tick = shares.append
    found = part.run(study)
    assert all(0.0 <= share <= 1.0 for share in shares)
    numbers = {key: value for key, value in found.items() if value.dtype.kind == "f" and "point/" not in key}
    assert numbers
    assert [
        key for key, value in numbers.items() if not key.startswith("tuned:") and not np.isfinite(value).all()
    ] == []
    if name == ASSUMPTIONS:
        assert found["point/level"].tolist() == [*LADDER, *LADDER]
        assert found["point/what"].tolist() == ["as it is"] * 4 + ["coverage"] * 4
        assert found["rule/reward"].shape == (8, 1, ONE_POINT.side_episodes)
    elif name == ablations.NAME:
        assert found["point/what"].tolist() == ["as it is", "shares"]
        assert found["point/value"].tolist() == ["", "0.5/1.0"]
        first, second = found["agents/reward"]
        assert first.shape == (1, ONE_POINT.side_episodes)
        np.testing.assert_array_equal(first, second)
    elif name == names.played(ANOTHER):
        assert {key.split("/")[0] for key in found} == {f"{ANOTHER}-twin"}
        assert found[f"{ANOTHER}-twin/reward"].shape == (1, ONE_POINT.episodes)
    elif "point/level" in found:
        levels = found["point/level"].tolist()
        assert levels in (list(LADDER), ["twin"], ["twin", "none"])
        varied = {key.removeprefix("point/") for key in found if key.startswith("point/")} - {"level"}
        assert any(varied == set(change) for change in changes(ONE_POINT))
        for who in ("agents", "rule"):  # a new metric needs no list of its own here
            assert {key.removeprefix(f"{who}/") for key in found if key.startswith(f"{who}/")} > reported
            assert found[f"{who}/latency_quantiles"].shape == (len(levels), 1, ONE_POINT.side_episodes, 99)
        assert found["agents/reward"].shape == found["rule/reward"].shape == (len(levels), 1, ONE_POINT.side_episodes)
    elif name.startswith(("agents-", "learner-")):
        assert found["curve/reward"].shape == (ONE_POINT.updates, ONE_POINT.seeds)
        assert {key.removeprefix("curve/") for key in found} > reported
    elif name == "online":
        assert found["curve/reward"].shape == (ONE_POINT.online_episodes, 2)
    else:
        played = by_policy(found)
        kinds = [rule.informed for rule in policies.named().values()]
        rules = len(LEVELS) * sum(kinds) + kinds.count(False)
        assert {"rules": rules, "references": 9, "evaluation": 8, "misleading": 2, "printed": 8}[name] == len(played)
        if name == "references":
            assert study.tuned == {}
            study.done[name] = found
            assert set(study.tuned) == {"central/twin/sync.above"}
            reward = {policy: played[policy]["reward"].mean() for policy in ("upper-bound", "bound-belief")}
            assert reward["upper-bound"] > reward["bound-belief"]
        for policy, values in played.items():
            if policy in ("upper-bound", "bound-belief"):  # report no terms
                continue
            terms = sum(value for metric, value in values.items() if metric.startswith("energy/"))
            assert terms == pytest.approx(values["energy"], rel=1e-4), policy
