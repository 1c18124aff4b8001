"""An algorithm, a rule and a cost term of one's own stand by name in figures, tables, claims and the page."""

import csv
from typing import Any, ClassVar

import numpy as np
import pytest
from made_up_study import LEVELS, made_up

from eco_jax.agent.algorithms import PPO, Algorithm
from eco_jax.env.parts import Cost
from eco_jax.env.policies import Local, Nearest
from eco_jax.parts import forget, register
from eco_jax.report import figures
from eco_jax.report.claims import all_claims
from eco_jax.report.figures import figure
from eco_jax.report.figures.policies import ENERGY_TERMS, LADDER
from eco_jax.report.figures.style import drawing, policy_name
from eco_jax.report.tables import comparisons, headline, policy_table, short_lines, sweep_tables
from eco_jax.study import statistics
from eco_jax.study.play import by_policy, everyone


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    """Intervals that take less time."""
    monkeypatch.setattr(figure, "RESAMPLES", 20)
    monkeypatch.setattr(statistics.bootstrap, "__kwdefaults__", statistics.bootstrap.__kwdefaults__ | {"resamples": 50})


@pytest.fixture
def own():
    """Two rules, a cost term and an algorithm of one's own."""

    class Toll(Cost):
        unit: ClassVar[str] = "cent"
        label: ClassVar[str] = "road toll"

    class Mine(Algorithm):
        pass

    register("rule", "hopeful")(Nearest)
    register("rule", "far-off")(Local)
    register("cost", "toll")(Toll)
    register("algorithm", "mine")(Mine)
    yield Mine
    for kind, name in (("rule", "hopeful"), ("rule", "far-off"), ("cost", "toll"), ("algorithm", "mine")):
        forget(kind, name)


def with_own(algorithm: str) -> dict[str, Any]:
    """A made-up study of an algorithm, with rules of one's own (one knows levels) and a cost term in its world."""
    done = made_up(2, 3, 40, algorithm=algorithm)
    like = by_policy(done["rules"])
    mine = {f"hopeful-{level}": like[f"greedy-{level}"] for level in LEVELS} | {"far-off": like["local"]}
    done["rules"] |= {f"{name}/{m}": value for name, values in mine.items() for m, value in values.items()}
    for part in ("evaluation", "rules", "references", "users"):
        costs = {
            f"{key.rpartition('/')[0]}/cost/toll": 10.0 * (1.0 + value)
            for key, value in done[part].items()
            if key.endswith("/reward")
        }
        done[part] |= {name: value for name, value in costs.items() if not name.startswith(("upper-bound", "bound-"))}
    return done


def texts(each: figures.Figure, done: dict[str, Any], algorithm: type[Algorithm]) -> tuple[Any, Any, list[str]]:
    """A figure, its columns, and every text of its axes."""
    with drawing():
        drawn, columns = each.draw(figures.Results(done, 60, 10, algorithm))
        found = [text.get_text() for ax in drawn.axes for text in (*ax.get_yticklabels(), ax.xaxis.label, ax.title)] + [
            text.get_text() for text in drawn.legends[0].get_texts()
        ]
    return drawn, columns, found


def test_policies_in_a_figure(own):
    done = with_own("mine")
    drawn, columns, said = texts(LADDER, done, own)
    assert {"Mine agents", "hopeful", "far-off", "full measurement", "road toll, cent", "reward"} <= set(said)
    assert "all measured (ref.)" in said
    assert "A2C agents" not in said
    assert [ax.get_xlabel() for ax in drawn.axes] == ["reward", "road toll, cent"]
    row = columns["policy"].tolist().index("mine")
    level = columns["knows"][row]
    assert columns["cost/toll_mean"][row] == pytest.approx(10.0 * (1.0 + columns["mean"][row]), rel=0.01)
    assert level in LEVELS
    assert np.isnan(columns["cost/toll_mean"][columns["policy"].tolist().index("upper-bound")])
    knows = {k for p, k in zip(columns["policy"], columns["knows"], strict=True) if p == "hopeful"}
    assert knows == set(LEVELS)


def test_the_energy_of_rules_of_one_s_own(own):
    _, columns, said = texts(ENERGY_TERMS, with_own("mine"), own)
    assert {"agent, twin", "hopeful, twin", "far-off", "local only", "slot-reference"} <= set(said)
    assert {"mine-twin", "hopeful-none", "far-off"} <= set(columns["policy"].tolist())
    assert policy_name("least-loaded", "a2c") == "least-loaded"


def test_every_figure_of_another_algorithm_is_drawn(own, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "save", lambda drawing, path: None)
    for algorithm in (own, PPO):
        done = made_up(2, 3, 40, algorithm=algorithm.name)
        del done["online"]
        assert figures.write(tmp_path, done, 60, 10, algorithm) == list(figures.FIGURES)
        for name in ("ladder", "value", "sync_rate", "users", "weights", "misleading"):
            with (tmp_path / f"{name}.csv").open() as file:
                policies = {row["policy"] for row in csv.DictReader(file)}
            assert algorithm.name in policies, name
            assert "a2c" not in policies


def test_tables(own):
    done = with_own("mine")
    played = {  # each a little different: those that are the same share a row
        name: row | {"reward": row["reward"] + 1e-7 * i} for i, (name, row) in enumerate(everyone(done).items())
    }
    table = policy_table(played, 5.0)
    assert table.columns[-1] == "road toll, cent"
    rows = {row[0]: row for row in table.rows}
    assert {"mine-twin", "hopeful-twin", "far-off"} <= set(rows)
    assert float(rows["far-off"][-1]) == pytest.approx(10.0 * (1.0 - 0.171), abs=0.5)
    assert rows["upper-bound"][-1] == "–"
    assert "full-measurement" in rows
    short = short_lines(everyone(done), own)
    assert short[0] == "| policy | reward | energy J/task | latency s | QoE | toll cent |"
    assert {"mine-twin", "hopeful-none", "far-off"} <= {line.split("|")[1].strip() for line in short}
    assert not any("sampled" in line for line in short)
    assert any("full-measurement" in line for line in short)
    assert any("bound-belief" in line for line in short)
    (users,) = sweep_tables({"users": done["users"]}, own)
    assert "Mine reward" in users.columns
    assert "Mine road toll, cent" in users.columns


def test_claims_and_comparisons(own):
    done = with_own("mine")
    claims = {claim.id: claim for claim in all_claims(done, 2, own)}
    usual = {claim.id for claim in all_claims(made_up(2, 3, 40), 2)}
    assert set(claims) == set(usual)
    assert claims["rules-twin"].text.startswith("Mine at `twin` earns more")
    assert not any("A2C" in claim.text for claim in claims.values())
    assert "Twin against the benchmark" in headline(comparisons(done, own))[0]
