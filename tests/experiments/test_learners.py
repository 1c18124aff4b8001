"""`experiments/learners.py`: cases that can be made, spaces of one size, and its arithmetic."""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "experiments"


@pytest.fixture(scope="module")
def learners():
    sys.path.insert(0, str(FOLDER))
    import learners

    yield learners
    sys.path.remove(str(FOLDER))


def test_every_case_can_be_made_and_swept(learners):
    from agents import CASES, algorithm, config, kind_of

    sizes = set()
    for case in CASES:
        made = algorithm(case)
        assert made.name == kind_of(case)
        space = tomllib.loads((FOLDER / "tuning" / f"{kind_of(case)}.toml").read_text())["space"]
        for name, axis in space.items():
            (ends,) = axis.values()
            for end in ends:  # as a sweep would set it
                config(case, algorithm=dict(CASES[case].get("algorithm", {})) | {name.removeprefix("algorithm."): end})
        sizes.add(len(space))
    assert sizes == {5}


def test_users_look_at_each_other_only_where_they_may(learners):
    assert learners.levels_of("a2c-mlp") == list(learners.LEVELS)
    assert set(learners.levels_of("ppo-attention-users")) == {"forecast", "twin", "truth"}


def test_a_row_says_how_much_of_the_way_is_closed(learners):
    episodes = np.random.default_rng(0).normal(0.0, 0.05, 16)
    episodes -= episodes.mean()
    known = {
        "best": {"twin": "central-twin"},
        "reward": {"central-twin": [(0.29 + episodes).tolist()], "full-measurement": [(0.30 + episodes).tolist()]},
    }
    agents = [(0.294 + episodes).tolist(), (0.296 + episodes).tolist()]
    line = learners.row("a2c-mlp", "twin", {"reward": agents}, known)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[0:2] == ["twin", "a2c-mlp"]
    assert cells[3].startswith("central-twin +0.29")
    assert cells[4].startswith("+0.0050")
    assert len(cells) == 6
    assert cells[5].startswith("+50% [")


def test_a_curve_is_the_middle_of_its_seeds_in_equal_parts(learners):
    reward = np.arange(240.0)[:, None] + np.array([-1.0, 0.0, 1.0, 500.0])
    curve = learners.curve(reward)
    assert len(curve) == learners.CURVE
    np.testing.assert_allclose(np.diff(curve), 10.0)
    assert curve[0] == 4.5 + 0.5  # seeds 0 and 1 are the middle half


def test_a_level_that_is_done_leaves_the_others_there(learners, tmp_path, monkeypatch):
    import polars as pl

    monkeypatch.setattr(learners, "HERE", tmp_path / "kept")
    learners.HERE.mkdir()

    def done(out, level, reward):
        place = out / "a2c-mlp" / level
        (place / "sweep").mkdir(parents=True)
        rows = {"trial": [0, 1], "seed": [learners.SWEEP_SEED] * 2, "cause": [None, None], "reward": [reward, 0.0]}
        pl.DataFrame(rows).write_parquet(place / "sweep" / "results.parquet")
        (place / "played.json").write_text(f'{{"reward": [[{reward}]]}}')
        learners.keep(out)

    for out, level, reward in (("one", "twin", 0.25), ("two", "none", 0.125), ("three", "twin", 0.5)):
        done(tmp_path / out, level, reward)
    played = json.loads((learners.HERE / "a2c-mlp.json").read_text())
    assert {level: found["reward"] for level, found in played.items()} == {"twin": [[0.5]], "none": [[0.125]]}
    trials = pl.read_csv(learners.HERE / "a2c-mlp.csv")
    assert sorted(trials.select("level", "reward").rows()) == [
        ("none", 0.0), ("none", 0.125), ("twin", 0.0), ("twin", 0.5),
    ]  # fmt: skip
