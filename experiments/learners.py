"""Every algorithm and network at every level of knowledge, tuned alike, against the best rule of the level.

    python experiments/learners.py                                  # all of it: many hours on a CPU
    python experiments/learners.py --case a2c-mlp --level twin      # a part; what is done is not done again
    python experiments/learners.py --table                          # experiments/tuning/README.md from what there is
    python experiments/learners.py --speed                          # experiments/tuning/speed.md: training, in turns

A case is an algorithm with a network. For each case and level: `--trials` random configurations of the algorithm's
space (`tuning/<algorithm>.toml`, as many axes for each) and the settings that agents come with, one agent each; the
best `--finalists` of them again with `--finals` new seeds; and the better ones by their reward while training are
played on episodes that nothing was tuned on. All of them learn for `--updates` updates: what is best after a third of
the time is not what is best in the end, and what is best with one seed may not learn with another. Trials are the same
at every level. `crowds.py` takes the agents to other numbers of users.
"""

import argparse
import json
import subprocess
import sys
import textwrap
import tomllib
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
from eco_jax.env import make, policies
from eco_jax.env.config import TRUTH, TWIN
from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.report.figures import style
from eco_jax.run import setup
from eco_jax.run.config import default
from eco_jax.study import names, statistics
from eco_jax.study.core import Study
from eco_jax.study.play import Entry, play
from eco_jax.study.profile import LEVELS, PAPER
from eco_jax.train.config import ROLLOUT, TrainConfig
from eco_jax.train.loop import Learner

HERE = Path(__file__).parent / "tuning"
PLAYED, EPISODES = 6_000_011, 64
SWEEP_SEED, FINAL_SEED = 100, 200
CURVE = 24
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def levels_of(case: str) -> list[str]:
    """Levels of knowledge at which the case's network may be trained."""
    env, params = make()

    def may(level: str) -> bool:
        try:
            algorithm(case).network.check(env, params.with_knowledge(level))
        except UserError:
            return False
        return True

    return [level for level in LEVELS if may(level)]


def command(*words: Any) -> None:
    """Run an `eco-jax` command.

    Raises:
        SystemExit: it failed; it has said why.
    """
    done = subprocess.run([sys.executable, "-m", "eco_jax", *map(str, words)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def train(out: Path, config: Path, values: Mapping[str, float], seeds: int, seed: int) -> float:
    """Agents with these values of the axes, in a run's folder. Their mean reward in the last tenth of training."""
    flags = [f"--{name.replace('_', '-')}={value!r}" for name, value in values.items()]
    command("train", "--config", config, "--out", out, "--seeds", seeds, "--seed", seed, "--resume", *flags)
    reward = eco_jax.load(out).metrics[REWARD]
    return float(reward[-(len(reward) // 10) :].mean())


def tried(place: Path) -> pl.DataFrame:
    """The trials of a sweep: their values and their rewards (of the last 100 updates), none of one that failed."""
    return pl.read_parquet(place / "sweep" / "results.parquet").filter(pl.col("seed") == SWEEP_SEED)


def learn(out: Path, case: str, level: str, given: argparse.Namespace) -> None:
    """Sweep, train the best configurations anew, play the agents of the best; what is done already is left as it is.

    The settings that agents come with are a trial, too.
    """
    place = out / case / level
    if (place / "played.json").exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    settings = {"knowledge": level, "train": {"updates": given.updates}} | CASES[case]
    space = (HERE / f"{kind_of(case)}.toml").read_text()
    write_whole(place / "space.toml", tomli_w.dumps({"base": settings}) + "\n" + space)
    write_whole(place / "usual.toml", tomli_w.dumps(settings))
    command(
        "sweep", place / "space.toml", "--out", place / "sweep", "--trials", given.trials, "--seed", SWEEP_SEED,
        "--resume",
    )  # fmt: skip
    usual = train(place / "usual", place / "usual.toml", {}, 1, SWEEP_SEED)
    axes = list(tomllib.loads(space)["space"])
    sound = tried(place).drop_nulls(REWARD).to_dicts()
    trials = [(row[REWARD], {name: row[name] for name in axes}) for row in sound]
    ranked = sorted([(usual, {}), *trials], key=lambda trial: -trial[0])
    finals = {
        train(place / f"best-{k}", place / "usual.toml", values, given.finals, FINAL_SEED): (
            place / f"best-{k}",
            values,
        )
        for k, (_, values) in enumerate(ranked[: given.finalists])
    }
    best, values = finals[max(finals)]
    run = eco_jax.load(best)
    reward = eco_jax.evaluate(run, episodes=EPISODES, seed=PLAYED)[REWARD]
    found = {
        "reward": np.asarray(reward).round(6).tolist(), "updates": given.updates, "trials": given.trials,
        "finalists": list(finals), "best": best.name, "usual": usual, "values": values, "device": setup.device(),
        "curve": curve(run.metrics[REWARD]),
    }  # fmt: skip
    write_whole(place / "played.json", json.dumps(found))


def curve(reward: Any) -> list[float]:
    """Sampled reward while training, interquartile mean over seeds, of so many equal parts of the updates."""
    parts = np.array_split(np.asarray(reward), CURVE)
    return [round(float(statistics.interquartile_mean(part.mean(0))), 5) for part in parts]


def keep(out: Path) -> None:
    """Put trials and results where they are committed, a file for each case; of other levels what is there stays."""
    for case in CASES:
        levels = [level for level in levels_of(case) if (out / case / level / "played.json").exists()]
        if not levels:
            continue
        csv, whole = HERE / f"{case}.csv", HERE / f"{case}.json"
        trials = [tried(out / case / level).with_columns(pl.lit(level).alias("level")) for level in levels]
        played = {level: json.loads((out / case / level / "played.json").read_text()) for level in levels}
        if whole.exists():
            known = pl.read_csv(csv, infer_schema_length=None)
            trials.insert(0, known.filter(~pl.col("level").is_in(levels)))
            played = json.loads(whole.read_text()) | played
        pl.concat(trials, how="diagonal_relaxed").write_csv(csv, float_precision=6)
        write_whole(whole, json.dumps(played, indent=1) + "\n")


def rules() -> dict[str, Any]:
    """The best rule of each level and full measurement on the same episodes: name -> rewards; level -> name."""
    path = HERE / "rules.json"
    if not path.exists():
        env, params = make()
        best, key = best_rules(env, params, Study(default(), PAPER).tuning), jax.random.key(PLAYED)
        search = Entry(policies.Central(cache=True, sync=policies.Doubt()), params.with_knowledge(TRUTH))
        played = play_rules(env, best, key, EPISODES) | play(env, {names.SLOT_REFERENCE_CACHING: search}, key, EPISODES)
        found = {name: np.asarray(metrics[REWARD]).round(6).tolist() for name, metrics in played.items()}
        chosen = best.names | {TRUTH: names.SLOT_REFERENCE_CACHING}
        write_whole(path, json.dumps({"best": chosen, "values": best.values, "reward": found}, indent=1) + "\n")
    known: dict[str, Any] = json.loads(path.read_text())
    return known


def row(case: str, level: str, found: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """A line of the table: an agent against the best rule of its level, paired, and how much of the way it closes."""
    reward = np.asarray(found["reward"])
    name = known["best"][level]
    rule, full = (np.asarray(known["reward"][n]) for n in (name, names.FULL_MEASUREMENT))
    own, more = statistics.interval(reward), statistics.difference(reward, rule)
    way = (
        "–"
        if level == TRUTH
        else "{0.mean:+.0%} [{0.lo:+.0%}, {0.hi:+.0%}]".format(statistics.share_of_way(reward, rule, full))
    )
    return (
        f"| {level} | {case} | {own.mean:+.4f} [{own.lo:+.4f}, {own.hi:+.4f}] | {name} {rule.mean():+.4f} "
        f"| {more.mean:+.4f} [{more.lo:+.4f}, {more.hi:+.4f}] | {way} |"
    )


def table(known: Mapping[str, Any]) -> str:
    """The Markdown page, from the files that are kept."""
    kept = {case: json.loads((HERE / f"{case}.json").read_text()) for case in CASES if (HERE / f"{case}.json").exists()}
    lines = [
        "| level | agent | reward | best rule | agent less rule, paired | of the way to full measurement |",
        "|---|---|---|---|---|---|",
    ]
    for level in LEVELS:
        there = {case: found[level] for case, found in kept.items() if level in found}
        for case in sorted(there, key=lambda c: -float(statistics.interquartile_mean(np.mean(there[c]["reward"], 1)))):
            lines.append(row(case, level, there[case], known))
    figure(kept)
    some: Iterable[Mapping[str, Any]] = (found for case in kept.values() for found in case.values())
    budgets = sorted({(f["trials"], len(f["finalists"]), len(f["reward"]), f["updates"], f["device"]) for f in some})
    says = "; ".join(
        f"{trials} random configurations and the one that agents come with, one agent each; the best {finalists} of "
        f"them again with {finals} new seeds, the better ones shown; all for {updates:,} updates (on {device})"
        for trials, finalists, finals, updates, device in budgets
    )
    text = (
        f"Made by `python experiments/learners.py`. Budgets: {says}. Reward on {EPISODES} episodes that nothing was "
        "tuned on, interquartile mean over seeds with its 95 % bootstrap interval; rules are tuned on other episodes "
        "and chosen at each level, below `forecast` among those that decide for each user alone (`central` sees all "
        "users' present tasks). **Exploratory**: fewer than 10 seeds. An agent at `twin` should close a third of "
        "the way from the best rule there to full measurement. All trials: a CSV file for each agent. How long "
        "training takes: [speed](speed.md). Agents of `twin` among other numbers of users: [crowds](crowds.md); with "
        "other numbers of candidates: [candidates](candidates.md)."
    )
    picture = "![Reward while training at twin over steps and over seconds](curves.png)"
    title = "# Algorithms, networks and levels of knowledge, tuned alike"
    parts = [title, text, picture, "\n".join(lines), against_default(kept), left(kept)]
    return "\n\n".join(textwrap.fill(part, 120) if part == text else part for part in parts if part) + "\n"


def against_default(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """What the others earn more at `twin` than the default agents, in a line each."""
    usual = next(iter(CASES))
    there = {case: np.asarray(found[TWIN]["reward"]) for case, found in kept.items() if TWIN in found}
    if usual not in there:
        return ""
    times = json.loads((HERE / "speed.json").read_text())["time_of_a_step"]
    lines = [
        f"| agent at {TWIN} | reward less {usual}'s, paired | time of a step over {usual}'s |",
        "|---|---|---|",
    ]
    for case in sorted(set(there) - {usual}, key=lambda c: -float(there[c].mean())):
        more = statistics.difference(there[case], there[usual])
        lines.append(f"| {case} | {more.mean:+.4f} [{more.lo:+.4f}, {more.hi:+.4f}] | {times[case]:.2f} |")
    return "\n".join(lines)


def left(kept: Mapping[str, Mapping[str, Any]]) -> str:
    """What was not run yet, in a sentence."""
    found = []
    for level in LEVELS:
        every = [case for case in CASES if level in levels_of(case)]
        missing = [case for case in every if level not in kept.get(case, {})]
        if missing:
            found.append(f"at `{level}` {'all' if missing == every else ', '.join(missing)}")
    return f"Not run yet: {'; '.join(found)}." if found else ""


def figure(kept: Mapping[str, Mapping[str, Any]]) -> None:
    """Training at `twin` over steps and over seconds: `curves.png`."""
    speeds = json.loads((HERE / "speed.json").read_text())["steps_per_s"]
    with style.drawing():
        drawing, axes = style.canvas(2.9, columns=2, sharey=True)
        for number, (case, found) in enumerate((c, f[TWIN]) for c, f in kept.items() if TWIN in f):
            look = {"color": COLOURS[number % len(COLOURS)], "linestyle": ("-", "--", ":")[number // len(COLOURS)]}
            steps = TrainConfig.envs * ROLLOUT * found["updates"] * (np.arange(CURVE) + 0.5) / CURVE
            for panel, x in zip(axes[0], (steps / 1000, steps / speeds[case]), strict=True):
                panel.plot(x, found["curve"], label=case, linewidth=1.3, **look)
        axes[0, 0].set(xlabel="steps, thousands", ylabel="reward while training", ylim=(0.2, None))
        axes[0, 1].set(xlabel="seconds, 2 CPU cores", xscale="log")
        style.legend(drawing, axes[0, 0])
        drawing.savefig(HERE / "curves.png", dpi=200)


def speed(cases: Iterable[str]) -> str:
    """A Markdown table: training of cases in the default world, in turns. Of all cases it is kept, with the speeds."""
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
    kept = {
        "device": setup.device(),
        "steps_per_s": {case: round(each.median) for case, each in found.items()},
        "time_of_a_step": {case: round(found[first].over(each)["median"], 2) for case, each in found.items()},
    }
    c = learner.config
    page = (
        "# Speed of training\n\n"
        f"{c.envs} environments x {c.rollout} slots x {env.agents} users, agents as they come, seven rounds in turns,\n"
        f"on {setup.device()}; made by `python experiments/learners.py --speed`.\n\n" + "\n".join([*lines, ""])
    )
    if set(CASES) <= set(found):  # of some alone the ratios are to another one
        write_whole(HERE / "speed.json", json.dumps(kept, indent=1) + "\n")
        write_whole(HERE / "speed.md", page)
    return page


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/learners"))
    parser.add_argument("--case", action="append", choices=CASES, help="may be repeated; all by default")
    parser.add_argument("--level", action="append", choices=LEVELS, help="may be repeated; all by default")
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--updates", type=int, default=1200)
    parser.add_argument("--finalists", type=int, default=2)
    parser.add_argument("--finals", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="write the page, learn nothing")
    parser.add_argument("--speed", action="store_true", help="time training, learn nothing")
    given = parser.parse_args()
    setup.configure()
    if given.speed:
        print(speed(given.case or CASES))
        return
    if not given.table:
        for case in given.case or CASES:
            for level in given.level or levels_of(case):
                if level in levels_of(case):
                    learn(given.out, case, level, given)
                    keep(given.out)
    write_whole(HERE / "README.md", table(rules()))
    print((HERE / "README.md").read_text())


if __name__ == "__main__":
    main()
