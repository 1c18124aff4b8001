"""`experiments/learners.py`: cases that can be made, spaces of one size, and its arithmetic."""

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
