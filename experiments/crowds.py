"""Agents that were trained among 30 users with 4 candidates, played with other numbers of them, beside a rule.

python experiments/crowds.py                     # experiments/tuning/crowds.md, of the agents of `learners.py`
python experiments/crowds.py --over candidates   # experiments/tuning/candidates.md
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import NamedTuple

from learners import EPISODES, HERE, PLAYED

import eco_jax
from eco_jax.env import make, policies
from eco_jax.env.config import TWIN
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import setup
from eco_jax.study import statistics

RULE = "foresight-posterior"


class Over(NamedTuple):
    """What is varied, and of whom."""

    page: str
    title: str
    values: tuple[int, ...]
    cases: tuple[str, ...]
    """that can play with every value"""


OVER = {
    "users": Over(
        "crowds.md", "Trained among 30 users, played among others", (10, 30, 60, 100, 200),
        ("a2c-mlp", "a2c-attention", "a2c-attention-users"),
    ),
    "candidates": Over(
        "candidates.md", "Trained with 4 candidates, played with more", (4, 8, 16, 45),
        ("a2c-attention", "ppo-attention"),
    ),
}  # fmt: skip
"""Setting of the world -> its table."""


def played_elsewhere(out: Path, setting: str) -> str:
    """A Markdown table: agents of `twin` in worlds where one setting differs from that of training, beside a rule.

    The rule is as it comes, tuned nowhere; every agent is paired with it on the same episodes.

    Args:
        out: folder of `learners.py`; what it has of the cases is played.
        setting: a key of `OVER`.
    """
    over = OVER[setting]
    rows, cases = [], [case for case in over.cases if (out / case / TWIN / "played.json").exists()]
    for value in over.values:
        env, params = make(knowledge=TWIN, **{setting: value})
        played = {RULE: eco_jax.evaluate(policies.named()[RULE], env, params, episodes=EPISODES, seed=PLAYED)[REWARD]}
        for case in cases:
            place = out / case / TWIN
            run = eco_jax.load(place / json.loads((place / "played.json").read_text())["best"])
            played[case] = eco_jax.evaluate(run, env, params, episodes=EPISODES, seed=PLAYED)[REWARD]
            print(f"{value} {setting}, {case}: {played[case].mean():+.4f}", flush=True)
        cells = [f"{statistics.interval(played[RULE]).mean:+.4f}"]
        for case in cases:
            more = statistics.difference(played[case], played[RULE])
            cells.append(
                f"{statistics.interval(played[case]).mean:+.4f} ({more.mean:+.4f} [{more.lo:+.4f}, {more.hi:+.4f}])"
            )
        rows.append(f"| {' | '.join([str(value), *cells])} |")
    heads = [setting, RULE, *cases]
    flag = "" if setting == next(iter(OVER)) else f" --over {setting}"
    text = (
        f"Agents of `twin` of the [table](README.md), in all else the world of training, {EPISODES} episodes that "
        "nothing was tuned on: reward, and in brackets its difference from the rule, paired, with its 95 % interval. "
        "The rule is as it comes, tuned in none of these worlds. "
        f"Made by `python experiments/crowds.py{flag}`."
    )
    table = "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *rows, ""])
    return f"# {over.title}\n\n{textwrap.fill(text, 110)}\n\n{table}"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/learners"), help="folder of learners.py")
    parser.add_argument("--over", choices=OVER, default=next(iter(OVER)), help="what differs from training")
    given = parser.parse_args()
    setup.configure()
    page = HERE / OVER[given.over].page
    write_whole(page, played_elsewhere(given.out, given.over))
    print(page.read_text())


if __name__ == "__main__":
    main()
