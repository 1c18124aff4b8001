"""The table of `experiments/order.py`: each policy against the next, paired."""

import importlib.util
from pathlib import Path

import numpy as np

FILE = Path(__file__).parents[2] / "experiments" / "order.py"
spec = importlib.util.spec_from_file_location("order", FILE)
order = importlib.util.module_from_spec(spec)
spec.loader.exec_module(order)


def test_each_is_compared_with_the_next_on_the_same_episodes():
    episodes = np.random.default_rng(0).normal(0.0, 0.1, (1, 32))
    head, _, *rows = order.table({"bound": 0.4 + episodes, "rule": 0.25 + episodes, "none": 0.3 + 0.5 * episodes})
    assert head.count("|") == 4
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == ["bound", "rule", "none"]
    assert cells[0][2] == "+0.1500 [+0.1500, +0.1500]"  # what the episodes share cancels out
    assert cells[1][2].startswith("-0.0")
    assert cells[2][2] == "–"
    lo, hi = map(float, cells[0][1].split("[")[1].strip("]").split(","))
    assert lo < (0.4 + episodes).mean() < hi


def test_its_episodes_are_used_nowhere_else():
    for path in (*FILE.parent.parent.glob("eco_jax/**/*.py"), *FILE.parent.rglob("*.py")):
        if path != FILE:
            assert str(order.KEY) not in path.read_text("utf-8").replace("_", ""), path
