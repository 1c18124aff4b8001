"""Verdicts on made-up results: what is better is said to be, and what is not is not."""

import numpy as np
import pytest
from made_up_study import made_up

from eco_jax.agent.algorithms import A2C
from eco_jax.env.config import KNOWLEDGE, STEPS, WITHOUT_TWIN
from eco_jax.report.claims import Judging, all_claims, declared, verdict
from eco_jax.report.figures.learners import OF_INTEREST
from eco_jax.report.measures import MEASURES, Context, about_trend, best_rule, left_at_twin, rules_below
from eco_jax.report.tables import by_reward, comparisons, headline, policy_table, sweep_tables
from eco_jax.study.play import by_policy
from eco_jax.study.statistics import Interval

EPISODES, SEEDS = 12, 10
JUDGED = Judging(key=1_234_567_890, once=True)
METRICS = ("reward", "energy", "latency", "qoe")
GOOD = {"reward": 0.3, "energy": 0.20, "latency": 0.1, "qoe": 0.66}
BAD = {"reward": 0.1, "energy": 0.30, "latency": 0.2, "qoe": 0.55}


def values(policy, means, seeds=1, seed=0):
    """The same episodes for everybody, a little noise for each seed."""
    episodes = np.random.default_rng(7).normal(0.0, 0.02, (1, EPISODES))
    own = np.random.default_rng(seed).normal(0.0, 0.001, (seeds, EPISODES))
    return {f"{policy}/{metric}": means[metric] + 0.1 * episodes + own for metric in METRICS}


def study(twin, telemetry, none, rule=0.2, forecast=None):
    """Finished parts in which the levels earn what is given; `forecast` what `telemetry` does, if nothing else."""
    agents = {"twin": twin, "forecast": forecast or telemetry, "telemetry": telemetry, "none": none}
    done = {}
    for i, (level, means) in enumerate(agents.items()):
        progress = np.linspace(1.0, 0.0, 120)[:, None]
        noise = np.random.default_rng(i).normal(0.0, 1.0, (120, SEEDS))
        curve = {
            f"curve/{metric}": means[metric] + 0.1 * noise * (0.1 + progress) * means[metric]
            + (0.05 - 0.1 * progress if metric in ("reward", "qoe") else 0.0)
            for metric in METRICS
        }  # fmt: skip
        done[f"agents-{level}"] = curve
    done["evaluation"] = {
        name: value
        for i, (level, means) in enumerate(agents.items())
        for name, value in values(f"a2c-{level}", means, SEEDS, i).items()
    }
    rules = {"local": -0.2, "greedy-none": rule - 0.05, "greedy-telemetry": rule - 0.02,
             "greedy-forecast": rule - 0.01, "greedy-twin": rule, "greedy-truth": rule + 0.2}  # fmt: skip
    done["rules"] = {
        name: value for rule, reward in rules.items() for name, value in values(rule, GOOD | {"reward": reward}).items()
    }
    references = {"slot-reference": 0.45, "full-measurement": 0.4, "central-twin": rule - 0.03, "central-truth": 0.44}
    done["references"] = {
        name: value
        for who, reward in references.items()
        for name, value in values(who, GOOD | {"reward": reward}).items()
    }
    points = [("twin", v) for v in (0.0, 60.0, 120.0)]
    latency = np.stack([np.full((SEEDS, EPISODES), 0.1 + 1e-5 * v) for _, v in points])
    done["speed"] = {
        "point/level": np.array([level for level, _ in points]), "point/speed_min": np.array([v for _, v in points]),
        "agents/offloaded": np.full(latency.shape, 0.5), "agents/latency_offloaded": 0.5 * latency,
    }  # fmt: skip
    return done


def verdicts(done):
    return {claim.id: claim.verdict for claim in judged(done)}


def judged(done):
    return all_claims(done, per_episode=2, judging=JUDGED)


def test_a_better_twin_is_seen():
    found = verdicts(study(GOOD, {**GOOD, "reward": 0.28}, BAD))
    for name in ("fig3a-energy", "fig3b-qoe", "abstract-latency", "telemetry-reward", "rules-twin", "gap-twin"):
        assert found[name] == "holds", name
    assert found["rules-none"] == "does not hold"  # 0.10 against 0.15 of the greedy rule
    assert found["fig2b-slope"] == "holds"
    assert found["fig2a-rises"] == found["fig2a-settles"] == "holds"


def test_how_much_of_the_gap_knowledge_closes():
    found = comparisons(with_random(study(GOOD, GOOD, BAD)))["way_to_slot_reference_by_knowledge"]
    assert (found["rule"], found["from"]) == ("greedy-truth", "greedy-twin")
    assert found["share"]["mean"] == pytest.approx(0.8, abs=0.02)  # 0.4 on the way from 0.2 to 0.45


def with_random(done):
    return done | {"rules": done["rules"] | values("random", BAD | {"reward": -0.2})}


def test_every_claim_is_written_down_and_measured():
    assert [row["id"] for row in declared()] == list(MEASURES)
    for row in declared():
        assert ("above" in row) != ("below" in row), row["id"]
        assert row["smallest"] > 0, row["id"]


@pytest.mark.parametrize(("seeds", "once"), [(9, True), (10, False)])
def test_without_ten_seeds_and_episodes_of_their_own_nothing_has_a_verdict(seeds, once):
    done = study(GOOD, {**GOOD, "reward": 0.28}, BAD)

    def first(part, name, values):
        if part.startswith("agents-") or name.startswith("agents/"):
            return values[:, :seeds]
        return values[:seeds] if len(values) == SEEDS else values

    few = {part: {name: first(part, name, v) for name, v in arrays.items()} for part, arrays in done.items()}
    claims = all_claims(few, per_episode=2, judging=Judging(7, once))
    assert len(claims) == len(judged(done))
    assert {claim.verdict for claim in claims} == {"exploratory"}
    assert {claim.seeds for claim in claims} == {seeds}
    assert {claim.key for claim in claims} == {7, "training"}


def test_a_size_is_counted_in_smallest_effects():
    claims = {claim.id: claim for claim in judged(study(GOOD, {**GOOD, "reward": 0.28}, BAD))}
    assert claims["telemetry-reward"].size == pytest.approx(0.02 / 0.005, abs=0.3)
    assert claims["fig3a-energy"].size == pytest.approx(33.3, abs=1.0)  # a third less, in percent
    assert claims["gap-twin"].size == pytest.approx((50 - 33.3) / 10, abs=0.3)
    assert (claims["gap-twin"].key, claims["fig2a-settles"].key) == (JUDGED.key, "training")


def test_a_trend_alone_is_no_spread():
    noise = np.random.default_rng(0).normal(0.0, 0.01, (20, SEEDS))
    steep = np.linspace(0.0, 5.0, 20)[:, None] + noise
    np.testing.assert_allclose(about_trend(steep), about_trend(noise))
    done = study(GOOD, GOOD, BAD)
    rng = np.random.default_rng(1)
    done["agents-twin"]["curve/reward"] = np.geomspace(0.1, 1.0, 120)[:, None] + 0.01 * rng.normal(size=(120, SEEDS))
    assert verdicts(done)["fig2a-settles"] != "holds"


def test_qoe_that_rises_only_after_the_papers_episodes_does_not_rise_in_them():
    done = study(GOOD, GOOD, BAD)
    falls, rises_late = np.linspace(0.6, 0.55, 200), np.linspace(0.5, 0.9, 400)
    noise = 1e-3 * np.random.default_rng(2).normal(size=(600, SEEDS))
    done["agents-twin"]["curve/qoe"] = np.concatenate([falls, rises_late])[:, None] + noise
    assert verdicts(done)["fig3b-rising"] == "does not hold"


def test_the_bar_for_an_agent_is_full_measurement_from_the_best_rule():
    done = study(GOOD, GOOD, BAD)
    (bar,) = (claim for claim in judged(done) if claim.id == "gap-twin")
    assert bar.measured == pytest.approx(50.0, abs=2.0)  # 0.3 on the way from 0.2 to 0.4
    assert "`full-measurement`" in bar.text
    assert "`greedy-twin`" in bar.note
    # A central rule that knows no more is a rule; one that knows the truth is none to be compared with.
    few = {name: value[:, :6] for name, value in values("central-twin", GOOD | {"reward": 0.28}).items()}
    done["references"] |= few | {name: v[:, :6] for name, v in done["references"].items() if name not in few}
    (bar,) = (claim for claim in judged(done) if claim.id == "gap-twin")
    assert "`central-twin`" in bar.note
    assert bar.measured == pytest.approx(100 * 0.02 / 0.12, abs=4.0)
    assert bar.verdict == "does not hold"


def test_what_is_left_at_twin_charges_predictions_and_synchronisations_to_the_twin():
    done = study(GOOD, GOOD, BAD)
    done["references"] |= values("slot-reference-caching", GOOD | {"reward": 0.45})
    for term, joule in (("prediction", 0.001), ("synchronisation", 0.002)):
        done["evaluation"][f"a2c-twin/energy/{term}"] = np.full((SEEDS, EPISODES), joule)
    who, found = left_at_twin(Context(done, 2, A2C), 2.0)
    assert who == "a2c-twin"
    assert list(found) == ["staleness", "price of the twin", "policy", "all"]
    assert found["price of the twin"] == pytest.approx((0.006, 0.006, 0.006))
    parts = sum(found[part].mean for part in ("staleness", "price of the twin", "policy"))
    assert found["all"].mean == pytest.approx(parts)


def test_swapped_agents_fail_the_same_claims():
    found = verdicts(study(BAD, {**GOOD, "reward": 0.28}, GOOD))
    for name in ("fig3a-energy", "fig3b-qoe", "abstract-latency", "telemetry-reward", "rules-twin", "gap-twin"):
        assert found[name] == "does not hold", name


def test_the_parts_of_a_twins_worth_are_told_apart():
    done = study(GOOD, BAD, GOOD, forecast={**GOOD, "reward": 0.2})  # memory harms, the rest helps
    found = verdicts(done)
    assert [found[part] for part in STEPS] == ["does not hold", "holds", "holds"]
    assert "memory_foresight" not in comparisons(with_random(done))  # no such rule was played
    rewards = {"none": 0.1, "telemetry": 0.2, "forecast": 0.3, "twin": 0.25}
    for level, reward in rewards.items():
        done["rules"] |= values(f"foresight-{level}", GOOD | {"reward": reward})
    claims = {claim.id: claim for claim in judged(done)}
    compared = comparisons(with_random(done))
    ruled = [compared[f"{part}_foresight"]["reward_difference"]["mean"] for part in STEPS]
    assert ruled == pytest.approx([0.1, 0.1, -0.05])
    assert "`twin` than at `forecast`" in claims["synchronisation"].text
    # The whole is the sum of its parts.
    whole = np.subtract(*(done["evaluation"][f"a2c-{level}/reward"] for level in ("twin", "none"))).mean()
    assert sum(claims[part].measured for part in STEPS) == pytest.approx(whole, abs=2e-3)


def test_the_headline_has_the_whole_and_its_parts():
    found = comparisons(made_up(2, 3, 12))
    assert {*(f"twin_over_{level}" for level in WITHOUT_TWIN), *STEPS} <= set(found)
    whole, *parts = headline(found)
    assert "`none`" in whole
    assert "; under the energy law `power_time` energy " in whole
    assert "under the energy law `cmos` energy" in headline(comparisons(made_up(2, 3, 12), law="cmos"))[0]
    for line, (part, (level, below)) in zip(parts, STEPS.items(), strict=True):
        assert f"by {part} (`{level}` against `{below}`)" in line
    reward = [found[name]["reward_difference"]["mean"] for name in ("twin_over_none", *STEPS)]
    assert reward[0] == pytest.approx(sum(reward[1:]), abs=1e-3)


def test_a_figure_marks_the_smallest_effect_that_is_claimed():
    assert {row["smallest"] for row in declared() if row["id"].startswith("learner-")} == {OF_INTEREST}


def test_equal_agents_decide_nothing():
    done = study(GOOD, GOOD, BAD)
    done["evaluation"] |= {
        f"a2c-telemetry/{metric}": done["evaluation"][f"a2c-twin/{metric}"][::-1] for metric in METRICS
    }
    assert verdicts(done)["telemetry-reward"] == "not decidable"


def test_latency_falling_with_speed_fails():
    done = study(GOOD, GOOD, BAD)
    done["speed"]["agents/latency_offloaded"] = done["speed"]["agents/latency_offloaded"][::-1]
    assert verdicts(done)["fig2b-slope"] == "does not hold"


def test_numbers_of_a_claim():
    done = study(GOOD, GOOD, BAD)
    claims = {claim.id: claim for claim in judged(done)}
    # Latency rises by 0.01 ms a km/h.
    assert claims["fig2b-slope"].measured == pytest.approx(0.01, rel=1e-3)
    energy = claims["fig3a-energy"]
    assert energy.measured == pytest.approx(100 * (0.20 - 0.30) / 0.30, abs=0.5)
    assert energy.lo <= energy.measured <= energy.hi < 0
    assert energy.unit == "%"


def test_rules_that_see_more_are_not_asked():
    rules = by_policy(study(GOOD, GOOD, BAD)["rules"])
    assert set(rules_below(rules, "none")) == {"local", "greedy-none"}
    assert best_rule(rules, "telemetry") == "greedy-telemetry"
    assert best_rule(rules, "forecast") == "greedy-forecast"
    assert best_rule(rules, "twin") == "greedy-twin"
    assert best_rule(rules, "truth") == "greedy-truth"


def test_a_rule_without_a_level_in_its_name_is_asked_at_every_level():
    rules = by_policy(study(GOOD, GOOD, BAD)["rules"])
    rules["own-idea"] = {"reward": np.full((1, EPISODES), 9.0)}
    assert {best_rule(rules, level) for level in KNOWLEDGE} == {"own-idea"}


def test_every_point_has_its_row_and_every_number_its_column():
    whole = made_up(1, 2, 2)
    done = {"weights": whole["weights"], "speed": whole["speed"], "new": whole["fixes"]}
    found = {table.title: table for table in sweep_tables(done)}
    assert found["Trained for other weights"].columns[:4] == ("level", "w1", "w2", "w3")
    assert [row[1:4] for row in found["Trained for other weights"].rows][1:3] == [
        ("4.0", "1.0", "1.0"),
        ("1.0", "4.0", "1.0"),
    ]
    assert found["Users at other speeds, km/h"].columns[:3] == ("level", "speed_min", "A2C reward")
    assert found["new"].columns[1] == "fix_every"


@pytest.mark.parametrize(
    ("found", "above", "expected"),
    [
        (Interval(1.0, 0.5, 1.5), 0.0, "holds"),
        (Interval(1.0, 0.5, 1.5), 2.0, "does not hold"),
        (Interval(1.0, 0.5, 1.5), 1.2, "not decidable"),
        (Interval(1.0, float("nan"), 1.5), 0.0, "not decidable"),
        (Interval(1.0, float("-inf"), float("inf")), 0.0, "not decidable"),
    ],
)
def test_verdict(found, above, expected):
    assert verdict(found, above=above) == expected
    mirrored = Interval(-found.mean, -found.hi, -found.lo)
    assert verdict(mirrored, below=-above) == expected


def test_policies_are_ordered_by_the_episodes_that_all_play():
    played = {
        "few": {"reward": np.array([[0.1, 0.1]])},
        "many": {"reward": np.array([[0.0, 0.0, 1.0, 1.0]])},
        "agents": {"reward": np.array([[0.2, 0.2, 0.0, 0.0]] * 2)},
    }
    assert [name for name, _ in by_reward(played)] == ["agents", "few", "many"]


def test_rules_that_do_the_same_are_one_row():
    played = by_policy(made_up(2, 3, 12)["evaluation"]) | by_policy(study(GOOD, GOOD, BAD)["rules"])
    played |= {"greedy-other": played["greedy-twin"], "greedy-third": played["greedy-twin"]}
    table = policy_table({n: v for n, v in played.items() if "latency" in v}, 5.0)
    rows = [row[0] for row in table.rows]
    assert "greedy-twin" in rows
    assert not {"greedy-other", "greedy-third"} & set(rows)
    assert "one row: `greedy-twin` = `greedy-other`, `greedy-third`." in table.note
