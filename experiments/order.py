"""Whether knowing more is worth more: bounds, references and the best rule at each level on the same new episodes.

    python experiments/order.py            # writes experiments/results/order.md
    python experiments/order.py 64         # the same on fewer episodes

Rules are tuned, and the best of each level is chosen, on the study's episodes of tuning; the episodes of the table are
used nowhere else. A central rule sees every user's present task, so it counts as a rule from `forecast` on.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from eco_jax.env import EcoEnv, EnvParams, make, policies
from eco_jax.env.config import FULL_MEASUREMENT, SIGHT, TRUTH
from eco_jax.metrics import REWARD
from eco_jax.report.measures import best_rule
from eco_jax.run import setup
from eco_jax.run.config import default
from eco_jax.study import names, statistics
from eco_jax.study.core import Study
from eco_jax.study.play import Entry, play
from eco_jax.study.profile import LADDER, PAPER
from eco_jax.study.rules import chosen_rules, tune, with_tuned

KEY, EPISODES = 5_000_011, 256
TUNING = 16
RESULT = Path(__file__).parent / "results" / "order.md"


def table(found: Mapping[str, Any]) -> list[str]:
    """Rows of a Markdown table: mean rewards [1, episodes] in the order given, and what each has over the next."""
    lines = ["| policy | reward | more than the next, paired |", "|---|---|---|"]
    rewards = list(found.items())
    for i, (name, reward) in enumerate(rewards):
        each = [statistics.interval(reward)]
        if i + 1 < len(rewards):
            each.append(statistics.difference(reward, rewards[i + 1][1]))
        cells = [f"{x.mean:+.4f} [{x.lo:+.4f}, {x.hi:+.4f}]" for x in each]
        lines.append(f"| {' | '.join([name, *cells, *['–'] * (2 - len(cells))])} |")
    return lines


class Best(NamedTuple):
    """The best tuned rule of each level."""

    names: dict[str, str]
    """level -> its name"""
    entries: dict[str, Entry]
    """name -> who plays, and full measurement besides"""
    values: dict[str, float]
    """`<rule>/<level>/<number>` -> what tuning chose"""


def watched(env: EcoEnv, entries: Mapping[str, Entry], key: Any, episodes: int) -> dict[str, Any]:
    """`study.play.play`, which says on the screen how far it is."""

    def look(done: int, total: int) -> None:
        print(f"\r{done} of {total} played ", end="", file=sys.stderr)

    return play(env, entries, key, episodes, look)


def best_rules(env: EcoEnv, params: EnvParams, tuning: Any, levels: Sequence[str] = LADDER) -> Best:
    """Tune every rule at these levels, and choose the best of each.

    Args:
        env: where.
        params: its parameters.
        tuning: key of the episodes of tuning.
        levels: of knowledge.
    """
    search = policies.Central(cache=True, sync=policies.Doubt())
    tuned = tune(env, params, tuning, TUNING, levels)
    foreseeing = [level for level in levels if SIGHT[level].foresees]
    central = tune(env, params, tuning, TUNING, foreseeing, {names.CENTRAL: search})
    rules = chosen_rules(params, tuned, levels)
    searches = {
        names.at(names.CENTRAL, level): Entry(
            with_tuned(search, names.CENTRAL, level, central), params.with_knowledge(level)
        )
        for level in foreseeing
    }
    seen = watched(env, rules, tuning, TUNING) | watched(env, searches, tuning, TUNING)
    best = {
        level: best_rule({n: v for n, v in seen.items() if n.endswith(names.at("", level))}, level) for level in levels
    }
    every = rules | searches
    entries = {name: every[name] for name in best.values()}
    entries[names.FULL_MEASUREMENT] = Entry(search, params.with_sight(FULL_MEASUREMENT))
    values = {name: value for name, value in (tuned | central).items() if _of(name, best)}
    return Best(best, entries, values)


def play_rules(env: EcoEnv, best: Best, key: Any, episodes: int) -> dict[str, Any]:
    """Name -> metric -> [1, episodes] of all entries. Rules of one kind share a program."""
    central = {name: e for name, e in best.entries.items() if name.startswith(names.CENTRAL)}
    full = {names.FULL_MEASUREMENT: best.entries[names.FULL_MEASUREMENT]}
    others = {name: e for name, e in best.entries.items() if name not in central | full}
    found = watched(env, full | central, key, episodes)
    return found | (watched(env, others, key, episodes) if others else {})


def main(episodes: int = EPISODES) -> None:
    """Tune, choose, play, write the table."""
    setup.configure()
    env, params = make()
    best = best_rules(env, params, Study(default(), PAPER).tuning)
    truth, measured = params.with_knowledge(TRUTH), params.with_sight(FULL_MEASUREMENT)
    key, found = jax.random.key(KEY), {}
    for name, bound, world in (
        (names.UPPER_BOUND, policies.upper_bound, truth), (names.BOUND_BELIEF, policies.belief_bound, measured),
    ):  # fmt: skip
        entries = {name: Entry(policies.Local(), world)}
        found |= play(policies.BoundEnv(env, bound), entries, key, episodes)
    found |= play_rules(env, best, key, episodes)
    bounds = (names.UPPER_BOUND, names.BOUND_BELIEF, names.FULL_MEASUREMENT)
    rows = table({name: np.asarray(found[name][REWARD]) for name in (*bounds, *best.names.values())})
    values = ", ".join(f"{name} {value:g}" for name, value in best.values.items())
    about = (
        "# Whether knowing more is worth more\n\n"
        f"Reward on {episodes} episodes that nothing was tuned or chosen on, with 95 % intervals; made by\n"
        f"`python experiments/order.py`, on {setup.device()}. Below the bounds and full measurement stand the\n"
        f"best rules of their levels, tuned and chosen on {TUNING} other episodes: {values}.\n\n"
    )
    RESULT.write_text(about + "\n".join([*rows, ""]))
    print(f"\n{RESULT.read_text()}")


def _of(number: str, best: Mapping[str, str]) -> bool:
    """Whether a tuned number (`<rule>/<level>/<number>`) is of one of the best rules."""
    rule, level, _ = number.split("/")
    return best.get(level) == names.at(rule, level)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
