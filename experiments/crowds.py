"""Agents that were trained among 30 users, played among 10 to 200, beside a rule.

python experiments/crowds.py        # experiments/tuning/crowds.md, of the agents of `learners.py` in runs/learners
"""

import argparse
import json
from pathlib import Path

from learners import EPISODES, HERE, PLAYED

import eco_jax
from eco_jax.env import make, policies
from eco_jax.env.config import TWIN
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import setup
from eco_jax.study import statistics

CROWDS = (10, 30, 60, 100, 200)
CROWDED = ("a2c-mlp", "a2c-attention", "a2c-attention-users")
RULE = "foresight-posterior"


def crowds(out: Path) -> str:
    """A Markdown table: agents of `twin`, trained among 30 users, played among others, beside a rule.

    The rule is as it comes, tuned nowhere; every agent is paired with it on the same episodes.

    Args:
        out: folder of `learners.py`.
    """
    rows, cases = [], [case for case in CROWDED if (out / case / TWIN / "played.json").exists()]
    for users in CROWDS:
        env, params = make(knowledge=TWIN, users=users)
        played = {RULE: eco_jax.evaluate(policies.named()[RULE], env, params, episodes=EPISODES, seed=PLAYED)[REWARD]}
        for case in cases:
            place = out / case / TWIN
            run = eco_jax.load(place / json.loads((place / "played.json").read_text())["best"])
            played[case] = eco_jax.evaluate(run, env, params, episodes=EPISODES, seed=PLAYED)[REWARD]
            print(f"{users} users, {case}: {played[case].mean():+.4f}", flush=True)
        cells = [f"{statistics.interval(played[RULE]).mean:+.4f}"]
        for case in cases:
            more = statistics.difference(played[case], played[RULE])
            cells.append(
                f"{statistics.interval(played[case]).mean:+.4f} ({more.mean:+.4f} [{more.lo:+.4f}, {more.hi:+.4f}])"
            )
        rows.append(f"| {' | '.join([str(users), *cells])} |")
    heads = ["users", RULE, *cases]
    return (
        "# Trained among 30 users, played among others\n\n"
        f"Agents of `twin` of the [table](README.md), 45 servers as in training, {EPISODES} episodes that nothing was\n"
        "tuned on: reward, and in brackets its difference from the rule, paired, with its 95 % interval. Made by\n"
        "`python experiments/crowds.py`.\n\n"
        + "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *rows, ""])
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/learners"), help="folder of learners.py")
    given = parser.parse_args()
    setup.configure()
    write_whole(HERE / "crowds.md", crowds(given.out))
    print((HERE / "crowds.md").read_text())


if __name__ == "__main__":
    main()
