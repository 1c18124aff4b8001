"""A benchmark's record as JSON, as Markdown tables, and as a figure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.bench.gpu.tables import tables as gpu_tables
from eco_jax.errors import UserError
from eco_jax.files import check_output, whole, write_whole
from eco_jax.report.figures.style import drawing

MEANING = {
    "env.vs_numpy_single": "environment against NumPy, one environment at a time",
    "env.vs_numpy_vectorized": "environment against NumPy, the same number of environments at once",
    "env.vs_mobile_env": "environment against mobile-env's large scenario (context: not the same work)",
    "env.growth_256_to_4096": "time per environment step, 4096 environments over 256",
    "env.growth_per_user_30_to_200": "time per user and step, 200 users over 30",
    "train.vs_sb3": "training against Stable-Baselines3 A2C at its best: vectorised NumPy, 128 environments",
    "train.vs_sb3_stock": "training against Stable-Baselines3 A2C as it comes: DummyVecEnv, 8 environments",
    "train.matmul_share": "training: share of the matrix product peak at the network's shape",
    "train.network_share": "training: share of the time that its network alone takes",
    "train.vs_dummy_env": "training: speed over that with an environment that does nothing",
    "cartpole.vs_rejax": "PPO on CartPole against rejax, without compilation",
    "cartpole.vs_rejax_with_compile": "the same with compilation",
    "cartpole.vs_purejaxrl": "PPO on CartPole against PureJaxRL, without compilation",
    "cartpole.vs_purejaxrl_with_compile": "the same with compilation",
    "population.aggregate_vs_single": "steps/s of the largest population over those of one run",
    "population.time_16x16": "small world, 16 environments x 16 slots: time of a configuration, 64 at once over 1",
    "population.time_256x16": "the same with 256 environments",
    "doors.gymnasium": "one Gymnasium environment: its speed over that of the environment alone, one at a time",
    "doors.gymnasium_vector": "Gymnasium's vector: its speed over that of as many environments alone",
    "doors.sb3": "the VecEnv of Stable-Baselines3, without its training: the same",
    "doors.pettingzoo": "one PettingZoo environment: its speed over that of the environment alone, one at a time",
    "doors.gymnax": "gymnax, one user and a rule for the others: its speed over that of as many environments alone",
}


def headline(details: Mapping[str, Any]) -> dict[str, float | None]:
    """The four numbers that stand for all: null where their suite was not run.

    Environment alone, at the batch that peers are compared at; one run; the largest population, steps/s of all its
    members together; and the seconds of a default run: compilation, and its steps at the speed of one run.
    """
    env, train, population = (details.get(name) for name in ("env", "train", "population"))
    run = train and train["compile_s"] + train["settings"]["env_steps"] / train["training"]["steps_per_s"]
    return {
        "environment_steps_per_s": env and env["against"]["ours"]["steps_per_s"],
        "training_steps_per_s": train and train["training"]["steps_per_s"],
        "population_steps_per_s": population and population[-1]["steps_per_s"],
        "default_run_s": run,
    }


def _rows(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    return (
        [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        + [f"| {' | '.join(row)} |" for row in rows]
        + [""]
    )


def _speed(row: Mapping[str, float]) -> list[str]:
    cells = [f"{row['steps_per_s']:,.0f}", f"{row['min']:,.0f} to {row['max']:,.0f}"]
    return cells + ([f"{row['decisions_per_s']:,.0f}"] if "decisions_per_s" in row else ["-"])


def tables(bench: Mapping[str, Any]) -> list[str]:
    """The record as Markdown."""
    spread, details = bench["details"].get("spread", {}), bench["details"]
    rows = []
    for name, value in bench["ratios"].items():
        if value is None and name not in bench["missing"]:
            continue  # its suite was not run
        extent = spread.get(name)
        shown = "-" if value is None else f"{value:.3g}"
        between = f"{extent['min']:.3g} to {extent['max']:.3g}" if extent else "-"
        rows.append([f"`{name}`", shown, between, bench["missing"].get(name, MEANING[name])])
    numbers = [[name, f"{value:,.0f}"] for name, value in headline(details).items() if value is not None]
    lines = [f"# Benchmark: {bench['device']}", ""]
    if "gpu" in details:
        for title, head, body in gpu_tables(details["gpu"]):
            lines += _rows(title, head, body)
    if set(details) == {"gpu"}:
        return lines
    lines += _rows("Four numbers", ["", ""], numbers) if numbers else []
    lines += _rows("Ratios", ["ratio", "median", "rounds", ""], rows)
    if bench["seconds"]:
        found = [[f"`{name}`", f"{value:.1f}"] for name, value in bench["seconds"].items()]
        lines += _rows("Start of a process to the end of the first update, s", ["", "s"], found)
    speeds = ["steps/s", "rounds", "user decisions/s"]
    if "env" in details:
        env = details["env"]
        for key, what in (("envs", "environments, 30 users each"), ("users", "users")):
            body = [
                [
                    str(r[key]),
                    *_speed(r),
                    f"{1e6 / r['steps_per_s']:.1f}",
                    f"{r['memory_mb']:.0f}",
                    f"{r['compile_s']:.1f}",
                ]
                for r in env[key]
            ]
            lines += _rows(f"Environment alone: {what}", [key, *speeds, "us/step", "memory MB", "compile s"], body)
        lines += _rows("Against", ["", *speeds], [[name, *_speed(r)] for name, r in env["against"].items()])
        if env["profile"]:
            shares = [[name, f"{share:.0%}"] for name, share in env["profile"].items() if share >= 0.005]
            lines += _rows("Where an environment step's time goes", ["part", "share"], shares)
        r = env["roofline"]
        lines += _rows(
            "Limits of this machine, and the environment's share of them", ["", "machine", "a step", "share"],
            [
                ["arithmetic", f"{r['matmul_gflops']:.0f} GFLOP/s", f"{r['flops_per_step']:,.0f} flops",
                 f"{r['flops_share']:.1%}"],
                ["memory", f"{r['copy_gb_per_s']:.0f} GB/s", f"{r['bytes_per_step']:,.0f} bytes",
                 f"{r['bytes_share']:.0%}"],
            ],
        )  # fmt: skip
    if "train" in details:
        train = details["train"]
        body = [[name, *_speed(row)] for name, row in train.items() if isinstance(row, dict) and "steps_per_s" in row]
        lines += _rows("Training one run, and its parts alone", ["", *speeds], body)
        body = [[name, f"{value:.1f}"] for name, value in train["us_per_step"].items()]
        lines += _rows("Where an environment step of training goes, us", ["part", "us"], body)
    if "population" in details:
        body = [
            [str(r["members"]), *_speed(r), f"{r['memory_mb']:.0f}", f"{r['compile_s']:.1f}"]
            for r in details["population"]
        ]
        lines += _rows("Population", ["members", *speeds, "memory MB", "compile s"], body)
    if "doors" in details:
        body = [[name, str(r["envs"]), *_speed(r)] for name, r in details["doors"].items()]
        lines += _rows("Doors to other libraries, random actions, 30 users", ["", "environments", *speeds], body)
    if "cartpole" in details:
        body = [[name, *_speed(r)[:2], f"{r['compile_s']:.1f}"] for name, r in details["cartpole"].items()]
        lines += _rows("PPO on CartPole, 64 environments", ["", "steps/s", "rounds", "compile s"], body)
    return lines


def figure(bench: Mapping[str, Any], path: Path) -> None:
    """How the cost of an environment step grows with environments and with users."""
    with drawing({}), whole(path) as part:
        _drawn(bench).savefig(part, dpi=150, format="png")


def _drawn(bench: Mapping[str, Any]) -> Any:
    from matplotlib.figure import Figure

    env = bench["details"]["env"]
    drawn = Figure(figsize=(9, 3.4), layout="constrained")
    axes = drawn.subplots(1, 2)
    labels = {"envs": "environments at once (30 users each)", "users": "users (256 environments)"}
    for axis, (key, label) in zip(axes, labels.items(), strict=True):
        x = [row[key] for row in env[key]]
        cost, most, least = ([1e6 / row[name] for row in env[key]] for name in ("steps_per_s", "min", "max"))
        axis.fill_between(x, least, most, alpha=0.25, linewidth=0, label="all rounds")
        axis.plot(x, cost, "o-", label="median")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel(label)
        axis.set_xticks(x, [str(n) for n in x])
        ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if 0.8 * min(least) <= n <= 1.25 * max(most)]
        axis.set_yticks(ticks, [str(n) for n in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    anchor = env["users"][1]
    line = [1e6 / anchor["steps_per_s"] * row["users"] / anchor["users"] for row in env["users"]]
    axes[1].plot([row["users"] for row in env["users"]], line, "--", color="grey", label="linear in users")
    axes[1].legend(frameon=False)
    axes[0].set_ylabel("µs per environment step")
    drawn.suptitle(f"Environment alone: {bench['device']}", fontsize=10)
    return drawn


def check(out: Path) -> None:
    """Whether the folder may take the results: what lies there under their names are earlier ones.

    Raises:
        UserError: it is none, or something else lies there.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    for name in ("bench.json", "bench.md", "bench.png"):
        check_output(out / name, _ours)


def _ours(path: Path) -> bool:
    try:
        if path.suffix == ".md":
            return path.read_bytes().startswith(b"# Benchmark: ")
        found = json.loads((path.parent / "bench.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and {"ratios", "seconds", "versions"} <= set(found)


def write(out: Path, bench: Mapping[str, Any]) -> list[str]:
    """`bench.json`, `bench.md` and, with the suite `env`, `bench.png`; their names."""
    write_whole(out / "bench.json", json.dumps({**bench, "numbers": headline(bench["details"])}, indent=2) + "\n")
    write_whole(out / "bench.md", "\n".join(tables(bench)))
    names = ["bench.json", "bench.md"]
    if "env" in bench["details"]:
        with whole(out / "bench.png") as part:
            figure(bench, part)
        names.append("bench.png")
    return names
