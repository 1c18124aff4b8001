"""A study: its parts kept, run anew and left out; what they depend on; the order in which they run."""

import dataclasses

import numpy as np
import pytest

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import GRU
from eco_jax.errors import UserError
from eco_jax.parts import forget, register
from eco_jax.run import settings
from eco_jax.run.config import default
from eco_jax.study import ablations, assumptions, learners
from eco_jax.study import run as running
from eco_jax.study.core import Part, Study
from eco_jax.study.names import played
from eco_jax.study.profile import PAPER, PROFILES, QUICK, SMOKE
from eco_jax.study.run import all_parts, check, left_out, so_far
from eco_jax.study.store import Store, fingerprint

SETTINGS = {"seed": 0}
TINY = settings.from_preset("tiny").but(train={"rollout": 6})


def study(config=TINY, profile=SMOKE, seed=0):
    return Study(config, profile, seed)


def with_env(**changes):
    return TINY.but(env=changes)


def test_parts_are_kept_and_only_missing_ones_run(monkeypatch, tmp_path, capsys):
    ran = []

    def part(name):
        def run(study):
            ran.append(name)
            study.tick(0.5)
            return {"x": np.full(3, float(ord(name))), "level": np.array(["twin", "none"])}

        return Part(name, f"doing {name}", 1.0, run)

    monkeypatch.setattr(running, "all_parts", lambda study: [part("a"), part("b")])
    store = Store(tmp_path)
    running.finish(study(), store, SETTINGS)
    assert ran == ["a", "b"]
    first = study()
    about = running.finish(first, store, SETTINGS)
    assert ran == ["a", "b"]
    assert list(about) == ["a", "b"]
    assert first.done["b"]["level"].tolist() == ["twin", "none"]
    assert not [path for path in tmp_path.iterdir() if path.suffix not in (".npz", ".json")]
    for name, damaged in (
        ("b.npz", b"torn"), ("b.npz", (tmp_path / "a.npz").read_bytes()), ("b.json", b"[]"), ("b.json", b"\xff"),
    ):  # fmt: skip
        ran.clear()
        (tmp_path / name).write_bytes(damaged)
        running.finish(study(), store, SETTINGS)
        assert ran == ["b"], damaged
    assert "[1/2 doing a]" in capsys.readouterr().err


def test_a_part_that_fails_leaves_those_before_it(monkeypatch, tmp_path):
    def fails(study):
        raise RuntimeError("no")

    good = Part("good", "good", 1.0, lambda study: {"x": np.zeros(1)})
    monkeypatch.setattr(running, "all_parts", lambda study: [good, Part("bad", "bad", 1.0, fails)])
    with pytest.raises(RuntimeError):
        running.finish(study(), Store(tmp_path), SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.json", "good.npz"]


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"version": "1"}}, {"seed": 1}, {"profile": dataclasses.replace(SMOKE, episodes=5)},
        {"config": with_env(users=4)}, {"config": TINY.but(algorithm={"entropy": 0.2})},
        {"config": TINY.but(physics={"sync_energy": 5.0})},
        {"config": TINY.but(network={"hidden": 8})},
    ],
)  # fmt: skip
def test_parts_of_other_settings_are_run_anew(monkeypatch, tmp_path, changed):
    ran = []
    part = Part("a", "a", 1.0, lambda study: ran.append(1) or {"x": np.zeros(1)})
    monkeypatch.setattr(running, "all_parts", lambda study: [part])
    given = {"config": TINY, "profile": SMOKE, "seed": 0, "settings": SETTINGS}
    for now in (given, given, given | changed):
        running.finish(study(*(now[name] for name in ("config", "profile", "seed"))), Store(tmp_path), now["settings"])
    assert len(ran) == 2


def test_a_publication_plays_what_is_judged_anew_and_nothing_else(monkeypatch, tmp_path):
    ran, asked, over = [], [], []

    def part(name, judged):
        return Part(name, name, 1.0, lambda study: ran.append(name) or {"x": np.zeros(1)}, judged=judged)

    def finish(judge, stop=False):
        def before(parts):
            asked.append((judge, *parts))
            if stop:
                raise UserError("judged already")

        ran.clear()

        def after(part):
            assert (tmp_path / f"{part}.npz").exists()
            over.append((judge, part))

        running.finish(Study(TINY, SMOKE, judge=judge), Store(tmp_path), SETTINGS, before, after)
        return list(ran)

    monkeypatch.setattr(running, "all_parts", lambda study: [part("training", False), part("playing", True)])
    assert finish("") == ["training", "playing"]
    with pytest.raises(UserError, match="judged already"):
        finish("a paper", stop=True)
    assert ran == []
    assert finish("a paper") == ["playing"]
    assert finish("a paper") == []
    once = ("a paper", "playing")
    assert asked == [("", "playing"), once, once]  # not where nothing is left to be played
    assert over == [("", "playing"), once]


def test_verdicts_only_runs_what_they_hang_on_and_shows_what_is_there(monkeypatch, tmp_path):
    ran = []

    def part(name, needs=(), judged=False):
        return Part(name, name, 1.0, lambda study: ran.append(name) or {"x": np.zeros(1)}, needs, judged)

    parts = [part("training"), part("playing", ("training",), True), part("sweep"), part("another")]
    monkeypatch.setattr(running, "all_parts", lambda study: parts)
    store = Store(tmp_path)

    def finish(**of):
        ran.clear()
        asked = Study(TINY, SMOKE, **of)
        noted = running.finish(asked, store, SETTINGS)
        assert list(noted) == list(asked.done)
        return list(ran), list(noted)

    assert finish(verdicts_only=True) == (["training", "playing"], ["training", "playing"])
    monkeypatch.setattr(running, "all_parts", lambda study: parts[:3])
    assert finish() == (["sweep"], ["training", "playing", "sweep"])
    monkeypatch.setattr(running, "all_parts", lambda study: parts)
    assert finish(verdicts_only=True) == ([], ["training", "playing", "sweep"])
    assert finish()[0] == ["another"]


def test_only_what_has_ten_seeds_is_judged():
    judged = {part.name for part in running.all_parts(study(profile=PAPER)) if part.judged}
    others = {*(f"check-{preset}" for preset in PAPER.checks), *map(played, learners.declared())}
    assert judged == {"rules", "references", "evaluation", "misleading", "speed", *others}


def test_what_carries_verdicts_comes_first_and_finds_what_it_needs():
    parts = running.all_parts(study(profile=PAPER))
    order = [part.name for part in parts]
    for place, part in enumerate(parts):
        assert not set(part.needs) & set(order[place:]), part.name
    last = max(place for place, part in enumerate(parts) if part.judged)
    behind = {name for part in parts if part.judged for name in part.needs}
    assert all(part.judged or part.name in behind for part in parts[:last])
    assert {"users", "weights", "ablations"} <= set(order[last:])


def test_a_part_is_of_the_bytes_of_its_files_not_of_their_place(tmp_path):
    marks = []
    for folder, row in (("one", "1,1"), ("two", "1,1"), ("three", "1,2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sites.txt").write_text(f"{row}\n")
        marks.append(fingerprint(study(TINY.but(sites=tmp_path / folder / "sites.txt", env={"servers": 1})).settings))
    assert marks[0] == marks[1] != marks[2]


def test_what_the_study_decides_itself_is_no_setting_of_its_parts():
    other = TINY.but(knowledge="none", train={"updates": 7})
    assert study(other).settings == study().settings


def test_other_worlds_are_the_study_s_own_with_what_differs():
    here = study(with_env(users=2, slots=6))
    env, params = here.make(preset="cmos")
    assert (params.energy.name, env.config.users, env.config.slots) == ("cmos", 2, 6)
    assert here.make(equations="printed")[1].equations.name == "printed"
    assert float(here.make(sync_energy=5.0)[1].sync_energy) == pytest.approx(5e-3)
    assert here.make(users=7)[0].config.users == 7


def test_a_world_that_a_part_cannot_have_is_said_at_once():
    check(study(with_env(candidates=6), dataclasses.replace(SMOKE, servers=(6, 9))))
    with pytest.raises(UserError, match="candidates = 6"):
        check(study(with_env(candidates=6), dataclasses.replace(SMOKE, servers=(9, 5))))
    with pytest.raises(UserError, match="rollout = 5: must divide"):
        check(study(TINY.but(train={"rollout": 5})))


@pytest.mark.parametrize(
    ("declared", "made"),
    [(assumptions.declared, assumptions.varied), (ablations.declared, ablations.worlds_of)],
)
def test_every_world_that_is_declared_can_be_made(declared, made):
    every = [(what, change) for what, each in declared().items() for change in each]
    assert [(what, change) for what, _, change in made(study(default(), PAPER))[1:]] == every


def test_what_the_equations_decide_is_varied_nowhere_and_what_no_world_can_have_is_said():
    printed = study(TINY.but(equations="printed"))
    varied = {"law": [{"energy": "cmos"}], "overlap": [{"overlap": 0}]}
    assert assumptions.worlds(printed, varied)[1:] == [("overlap", "0", {"overlap": 0})]
    with pytest.raises(UserError, match=r"physics\.slowdown_mean = 1: must lie in"):
        assumptions.worlds(printed, {"slowdown": [{"slowdown_mean": 1}]})


def test_what_a_world_has_no_use_for_is_left_out(tmp_path):
    def names(config):
        return {part.name for part in all_parts(study(config, PAPER))}

    (tmp_path / "sites.txt").write_text("100,100\n200,200\n300,300\n400,400\n")
    sited = TINY.but(sites=tmp_path / "sites.txt")
    whole = names(TINY)
    assert whole - names(TINY.but(mobility="gauss-markov")) == {"speed"}
    assert whole - names(sited) == {"servers"}
    assert left_out(study(TINY, PAPER)) == left_out(study(sited, QUICK)) == {}


def test_algorithm_1_as_written_is_left_out_where_another_algorithm_learns():
    other = study(TINY.but(algorithm="ppo"), PAPER)
    assert {part.name for part in all_parts(study(TINY, PAPER))} - {p.name for p in all_parts(other)} == {
        "online", "learner-ppo-mlp", "played-ppo-mlp",  # the study's own agents are no others
    }  # fmt: skip
    assert left_out(other) == {"online_episodes": "Algorithm 1 as written is A2C, here PPO learns"}
    check(other)
    with pytest.raises(UserError, match="minibatches = 5: must divide"):
        check(study(TINY.but(algorithm="ppo", **{"algorithm.minibatches": 5})))


def test_a_learner_that_its_world_refuses_is_left_out_and_said(monkeypatch):
    def refuse(algorithm, train, env, params):
        if isinstance(algorithm.network, GRU):
            raise UserError("the agent has a memory")

    here = study(profile=dataclasses.replace(SMOKE, learners=True))
    assert "learner-a2c-gru" in {part.name for part in all_parts(here)}
    monkeypatch.setattr(learners, "check_learns", refuse)
    assert learners.left_out(here) == {"a2c-gru": "the agent has a memory"}
    names = {part.name for part in all_parts(here)}
    assert not {"learner-a2c-gru", "played-a2c-gru"} & names
    assert {"learner-ppo-mlp", "played-ppo-mlp"} <= names
    check(here)
    assert learners.left_out(study()) == {}


def test_only_the_learners_that_are_asked_for_are_trained():
    asked = dataclasses.replace(study(profile=dataclasses.replace(SMOKE, learners=True)), learners=("ppo-mlp",))
    names = {part.name for part in all_parts(asked) if part.name.startswith(("learner-", "played-"))}
    assert names == {"learner-ppo-mlp", "played-ppo-mlp"}
    assert set(learners.left_out(asked)) == set(learners.declared()) - {"ppo-mlp"}
    assert set(learners.left_out(asked).values()) == {"not among --learners"}
    none = dataclasses.replace(asked, learners=())
    assert not {part.name for part in all_parts(none) if part.name.startswith(("learner-", "played-"))}
    whole = {part.name: part for part in all_parts(dataclasses.replace(asked, learners=None))}
    for name in names:  # what is there is neither trained nor played again when others join
        alone = next(part for part in all_parts(asked) if part.name == name)
        assert (whole[name].varies, whole[name].seconds) == (alone.varies, alone.seconds)
    with pytest.raises(UserError, match="--learners: 'dqn-mlp' is none of a2c-attention, "):
        learners.check(("ppo-mlp", "dqn-mlp"), PAPER)
    learners.check(("ppo-mlp", "a2c-gru"), PAPER)
    with pytest.raises(UserError, match="--learners: the profile trains no other algorithms"):
        learners.check((), QUICK)


def test_an_algorithm_with_the_name_of_a_rule_is_refused():
    register("algorithm", "greedy")(type("Mine", (A2C,), {}))
    try:
        with pytest.raises(UserError, match="algorithm = 'greedy': has the name of a rule"):
            check(study(TINY.but(algorithm="greedy")))
    finally:
        forget("algorithm", "greedy")


def test_only_own_parts_are_forgotten(tmp_path):
    store = Store(tmp_path)
    store.save("a", "mark", {"x": np.zeros(1)}, {})
    for name in ("mine.json", "mine.npz"):
        (tmp_path / name).write_text("{}")
    store.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "mine.npz"]


def test_fingerprints_differ_with_any_setting():
    base = {"seed": 0, "algorithm": {"entropy": 0.1}}
    assert fingerprint(base) == fingerprint(dict(reversed(base.items())))
    assert (
        len({fingerprint(base), fingerprint(base | {"seed": 1}), fingerprint(base | {"algorithm": {"entropy": 0.2}})})
        == 3
    )


@pytest.mark.parametrize("name", PROFILES)
def test_every_part_comes_after_what_it_needs(name):
    whole = study(profile=PROFILES[name])
    seen: set[str] = set()
    for part in all_parts(whole):
        assert set(part.needs) <= seen, part.name
        assert part.name not in seen
        assert part.seconds > 0
        seen.add(part.name)
    assert {"rules", "references", "evaluation", "speed", "online", "printed"} <= seen
    assert sum(part.seconds for part in all_parts(whole)) == pytest.approx(whole.profile.seconds)


@pytest.mark.parametrize(
    ("number", "share", "spent_s", "found"),
    [
        (0, 0.0, 5.0, (0.0, "about 40 s left")),
        (0, 0.1, 60.0, (1.0, "about 39 s left")),  # too little to go by
        (1, 0.0, 40.0, (10.0, "about 2 min left")),
        (1, 0.5, 5.0, (25.0, "about 3 s left")),
    ],
)
def test_the_time_left_is_that_of_this_machine(number, share, spent_s, found):
    parts = [Part(name, name, seconds, lambda study: {}) for name, seconds in (("a", 10.0), ("b", 30.0))]
    assert so_far(parts, number, share, spent_s) == found
