"""Every algorithm and network at every level of knowledge, tuned alike, against the best rule of the level.

    python experiments/learners.py                                  # all of it: many hours on a CPU
    python experiments/learners.py --case a2c-mlp --level twin      # a part; what is done is not done again
    python experiments/learners.py --table                          # experiments/tuning/README.md from what there is
    python experiments/learners.py --speed                          # experiments/tuning/speed.md: training, in turns

A case is an algorithm with a network. For each case and level: a sweep of `--trials` random configurations of the
algorithm's space (`tuning/<algorithm>.toml`, as many axes for each), `--seeds` agents each; then `--finals` new seeds
of the best one, for `--updates` updates, played on episodes that nothing was tuned on. Trials are the same at every
level.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import polars as pl
import tomli_w
from agents import CASES, algorithm, kind_of
from order import best_rules, play_rules

import eco_jax
from eco_jax.bench import programs
from eco_jax.bench.measure import take_turns, timed
from eco_jax.env import make
from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import setup
from eco_jax.run.config import default
from eco_jax.study import names, statistics
from eco_jax.study.core import Study
from eco_jax.study.profile import LADDER, PAPER
from eco_jax.train.config import TrainConfig
from eco_jax.train.loop import Learner

HERE = Path(__file__).parent / "tuning"
PLAYED, EPISODES = 6_000_011, 64
SWEEP_SEED, FINAL_SEED = 100, 200


def levels_of(case: str) -> list[str]:
    """Levels of knowledge at which the case's network may be trained."""
    env, params = make()

    def may(level: str) -> bool:
        try:
            algorithm(case).network.check(env, params.with_knowledge(level))
        except UserError:
            return False
        return True

    return [level for level in LADDER if may(level)]


def command(*words: Any) -> None:
    """Run an `eco-jax` command.

    Raises:
        SystemExit: it failed; it has said why.
    """
    done = subprocess.run([sys.executable, "-m", "eco_jax", *map(str, words)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def learn(out: Path, case: str, level: str, given: argparse.Namespace) -> None:
    """Sweep, train the best configuration, play its agents; what is done already is left as it is."""
    place = out / case / level
    if (place / "played.json").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    settings = CASES[case]
    base = {"knowledge": level, "train": {"updates": given.sweep_updates}} | settings
    space = (HERE / f"{kind_of(case)}.toml").read_text()
    write_whole(place / "space.toml", tomli_w.dumps({"base": base}) + "\n" + space)
    command(
        "sweep", place / "space.toml", "--out", place / "sweep", "--trials", given.trials, "--seeds", given.seeds,
        "--seed", SWEEP_SEED, "--resume",
    )  # fmt: skip
    command(
        "train", "--config", place / "sweep" / "best.toml", "--out", place / "best", "--seeds", given.finals,
        "--seed", FINAL_SEED, "--train.updates", given.updates, "--resume",
    )  # fmt: skip
    run = eco_jax.load(place / "best")
    reward = eco_jax.evaluate(run, episodes=EPISODES, seed=PLAYED)[REWARD]
    summary = json.loads((place / "best" / "summary.json").read_text())
    found = {
        "reward": np.asarray(reward).round(6).tolist(), "updates": given.updates, "trials": given.trials,
        "sweep_updates": given.sweep_updates, "device": setup.device(), "train_s": summary["train_s"],
    }  # fmt: skip
    write_whole(place / "played.json", json.dumps(found))


def keep(out: Path) -> None:
    """Copy trials and results, a file for each case, to where they are committed."""
    for case in CASES:
        trials, played = [], {}
        for level in levels_of(case):
            place = out / case / level
            if (place / "played.json").exists():
                played[level] = json.loads((place / "played.json").read_text())
                rows = pl.read_parquet(place / "sweep" / "results.parquet")
                trials.append(rows.with_columns(pl.lit(level).alias("level")))
        if played:
            pl.concat(trials, how="diagonal").write_csv(HERE / f"{case}.csv", float_precision=6)
            write_whole(HERE / f"{case}.json", json.dumps(played, indent=1) + "\n")


def rules(out: Path) -> dict[str, Any]:
    """The best rule of each level and full measurement on the same episodes: name -> rewards; level -> name."""
    path = HERE / "rules.json"
    if not path.exists():
        env, params = make()
        best = best_rules(env, params, Study(default(), PAPER).tuning)
        played = play_rules(env, best, jax.random.key(PLAYED), EPISODES)
        found = {name: np.asarray(metrics[REWARD]).round(6).tolist() for name, metrics in played.items()}
        write_whole(path, json.dumps({"best": best.names, "values": best.values, "reward": found}, indent=1) + "\n")
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def row(case: str, level: str, found: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """A line of the table: an agent against the best rule of its level, paired, and how much of the way it closes."""
    reward = np.asarray(found["reward"])
    name = known["best"][level]
    rule, full = (np.asarray(known["reward"][n]) for n in (name, names.FULL_MEASUREMENT))
    own, more = statistics.interval(reward), statistics.difference(reward, rule)
    way = more.mean / statistics.difference(full, rule).mean
    return (
        f"| {level} | {case} | {own.mean:+.4f} [{own.lo:+.4f}, {own.hi:+.4f}] | {name} {rule.mean():+.4f} "
        f"| {more.mean:+.4f} [{more.lo:+.4f}, {more.hi:+.4f}] | {way:+.0%} | {found['train_s']:.0f} |"
    )


def table(known: Mapping[str, Any]) -> str:
    """The Markdown page, from the files that are kept."""
    kept = {case: json.loads((HERE / f"{case}.json").read_text()) for case in CASES if (HERE / f"{case}.json").exists()}
    lines = [
        "| level | agent | reward | best rule | agent less rule, paired | of the way to full measurement | train s |",
        "|---|---|---|---|---|---|---|",
    ]
    for level in LADDER:
        there = {case: found[level] for case, found in kept.items() if level in found}
        for case in sorted(there, key=lambda c: -np.mean(there[c]["reward"])):
            lines.append(row(case, level, there[case], known))
    some: Iterable[Mapping[str, Any]] = (found for case in kept.values() for found in case.values())
    budgets = sorted({(f["trials"], f["sweep_updates"], f["updates"], len(f["reward"]), f["device"]) for f in some})
    says = "; ".join(
        f"{trials} trials of {short} updates, the best one again with {seeds} seeds for {updates} (on {device})"
        for trials, short, updates, seeds, device in budgets
    )
    return (
        "# Algorithms, networks and levels of knowledge, tuned alike\n\n"
        f"Made by `python experiments/learners.py`. Budgets: {says}. Reward on {EPISODES} episodes that nothing was\n"
        "tuned on, interquartile mean over seeds with its 95 % bootstrap interval; rules are tuned on other episodes\n"
        "and chosen at each level. **Exploratory**: fewer than 10 seeds. An agent at `twin` should close a third of\n"
        "the way from the best rule there to full measurement. All trials: a CSV file for each agent.\n\n"
        + "\n".join([*lines, ""])
    )


def speed(cases: Iterable[str]) -> str:
    """A Markdown table: training of every case in the default world, in turns."""
    env, params = make()
    learner = Learner(env, TrainConfig())
    made = {case: programs.training(learner, algorithm(case), params, 1, 2) for case in cases}
    for program in made.values():
        program.run()
    found = take_turns({case: timed(program.run) for case, program in made.items()}, 7)
    first = next(iter(found))
    lines = [f"| agent | steps/s | time of a step over {first}'s, rounds | compilation s |", "|---|---|---|---|"]
    for case, each in found.items():
        over = found[first].over(each)
        ratio = f"{over['median']:.2f} ({over['min']:.2f} to {over['max']:.2f})"
        lines.append(f"| {case} | {each.median:,.0f} | {ratio} | {made[case].compile_s:.0f} |")
    c = learner.config
    return (
        "# Speed of training\n\n"
        f"{c.envs} environments x {c.rollout} slots x {env.agents} users, agents as they come, seven rounds in turns,\n"
        f"on {setup.device()}; made by `python experiments/learners.py --speed`.\n\n" + "\n".join([*lines, ""])
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/learners"))
    parser.add_argument("--case", action="append", choices=CASES, help="may be repeated; all by default")
    parser.add_argument("--level", action="append", choices=LADDER, help="may be repeated; all by default")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sweep-updates", type=int, default=1200)
    parser.add_argument("--updates", type=int, default=4000)
    parser.add_argument("--finals", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="write the page, learn nothing")
    parser.add_argument("--speed", action="store_true", help="time training, learn nothing")
    given = parser.parse_args()
    setup.configure()
    if given.speed:
        write_whole(HERE / "speed.md", speed(given.case or CASES))
        print((HERE / "speed.md").read_text())
        return
    if not given.table:
        for case in given.case or CASES:
            for level in given.level or levels_of(case):
                if level in levels_of(case):
                    learn(given.out, case, level, given)
                    keep(given.out)
    write_whole(HERE / "README.md", table(rules(given.out)))
    print((HERE / "README.md").read_text())


if __name__ == "__main__":
    main()
