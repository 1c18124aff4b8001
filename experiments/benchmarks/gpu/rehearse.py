"""Compile eco_jax' programs for an NVIDIA H100 on a machine that has none, and count their kernels and bytes.

    .gpu/bin/python experiments/benchmarks/gpu/rehearse.py                 # the table, in runs/rehearsal
    .gpu/bin/python experiments/benchmarks/gpu/rehearse.py --size smoke    # what a test compares with bars.json
    .gpu/bin/python experiments/benchmarks/gpu/rehearse.py --size agents   # training of every agent of agents.py

`make rehearse-gpu` makes the environment `.gpu`: XLA's compiler for CUDA, without driver, cuDNN or cuBLAS. It compiles
for the card that `h100.textproto` describes. Kernels and bytes are counts (`eco_jax/bench/hlo.py`), and repeatable.
The speeds are estimates from them. What no rehearsal sees: autotuning, cuBLAS beside Triton's products, clocks, and
what the host does between two calls.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"  # the compiler is asked for by name below
sys.path.insert(0, str(Path(__file__).parents[2]))

import agents
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from eco_jax.agent.algorithms import A2C
from eco_jax.bench import cases, hlo
from eco_jax.bench.cases import ENVIRONMENT, INFERENCE, TRAINING
from eco_jax.env import make
from eco_jax.run import setup

HERE = Path(__file__).parent
PACKAGES = ("jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt", "nvidia-cuda-nvcc-cu12")
ROLLOUT = 10
SIZES = {
    "full": (
        (ENVIRONMENT, 1024, 1), (ENVIRONMENT, 4096, 1), (ENVIRONMENT, 16_384, 1), (INFERENCE, 4096, 1),
        (TRAINING, 4096, 1), (TRAINING, 16, 64),
    ),
    "smoke": ((ENVIRONMENT, 64, 1), (INFERENCE, 64, 1), (TRAINING, 64, 1), (TRAINING, 4, 16)),
}  # fmt: skip
"""(what, environments, members) of the table, and of the test."""
ALLOWED = 1.05
"""Kernels and bytes may rise to so many times their bars."""


def card() -> Any:
    """A device that can be compiled for, and nothing else."""
    described = (HERE / "h100.textproto").read_text()
    topology = topologies.get_topology_desc(
        platform="cuda", topology_name="", topology="1x1x1", target_config=described
    )
    return SingleDeviceSharding(topology.devices[0])


def rehearse(what: str, envs: int, members: int, where: Any, agent: str = "") -> dict[str, Any]:
    """One row: a program of the default world compiled for the card, and what is counted in it.

    Args:
        what: kind of the program.
        envs: environments of each member.
        members: of the program.
        where: see `card`.
        agent: of `experiments/agents.py`; A2C as it comes where none is given.
    """
    env, params = make()
    case = cases.of(what, env, params, agents.algorithm(agent) if agent else A2C(), envs, members, ROLLOUT)
    started = time.perf_counter()
    lowered = case.lower(where)
    middle = time.perf_counter()
    compiled = lowered.compile()
    ended = time.perf_counter()
    kernels = hlo.kernels(compiled.as_text())
    total, memory = hlo.count(kernels), compiled.memory_analysis()
    return {
        "what": f"{what}, {agent}" if agent else what,
        "envs": envs,
        "members": members,
        "kernels_per_slot": round(total.kernels / case.slots, 2),
        "bytes_per_step": round(total.moved / case.steps),
        "estimated_steps_per_s": round(case.steps / total.seconds),
        "share_of_launches": round(total.kernels * hlo.H100.launch / total.seconds, 3),
        "memory_gb": round((memory.temp_size_in_bytes + memory.argument_size_in_bytes) / 1e9, 3),
        "lower_s": round(middle - started, 1),
        "compile_s": round(ended - middle, 1),
        "largest": [
            {"kernel": name, "launches": launches, "share": round(moved / total.moved, 3)}
            for name, launches, moved in hlo.largest(kernels)
        ],
    }


def versions() -> dict[str, str]:
    """Of what the counts depend on."""
    return {name: metadata.version(name) for name in PACKAGES}


def risen(bars: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Counts that rose beyond their bars, a line each, and bars that nothing was counted for."""
    rows = {(row["what"], row["envs"], row["members"]): row for row in found}
    lines = []
    for bar in bars:
        row = rows.get((bar["what"], bar["envs"], bar["members"]))
        name = f"{bar['what']} {bar['members']} x {bar['envs']}"
        if row is None:
            lines.append(f"{name}: not counted")
            continue
        for count in ("kernels_per_slot", "bytes_per_step"):
            if row[count] > ALLOWED * bar[count]:
                lines.append(f"{name}: {count} {row[count]:,} is more than 5 % above the bar, {bar[count]:,}")
    return lines


def table(found: Mapping[str, Any]) -> str:
    """The rows as Markdown."""
    with_versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        "# Rehearsal for an NVIDIA H100",
        "",
        f"Compiled on a machine without a GPU, with {with_versions}. Kernels and bytes are counted in the compiled "
        "programs. **Speeds are estimates from them**; `experiments/benchmarks/results/h100` is what a card did. "
        f"Compilation is timed on {found['cores']} CPU cores, whatever else they did.",
        "",
        "| program | members x environments | kernels a slot | bytes a step | estimated steps/s | share of launches "
        "| memory GB | tracing s | compilation s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in found["rows"]:
        lines.append(
            f"| {r['what']} | {r['members']:,} x {r['envs']:,} | {r['kernels_per_slot']:.1f} | {r['bytes_per_step']:,} "
            f"| {r['estimated_steps_per_s']:,} | {r['share_of_launches']:.0%} | {r['memory_gb']:.2f} "
            f"| {r['lower_s']:.1f} | {r['compile_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compile, count, write, and compare with the bars."""
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument(
        "--size", choices=[*SIZES, "agents"], default="full",
        help="the table; the small programs that have bars; or training of every agent",
    )  # fmt: skip
    cli.add_argument("--out", type=Path, default=Path("runs/rehearsal"), help="folder for rehearsal.json and .md")
    cli.add_argument("--bars", type=Path, help="write the rows there as new bars, too")
    given = cli.parse_args()
    setup.configure(cache=False, look=False)
    given.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"versions": versions(), "cores": os.cpu_count(), "rows": []}
    where = card()
    every = [(TRAINING, 16, 64, case) for case in agents.CASES]
    for row in every if given.size == "agents" else SIZES[given.size]:
        print(*row, file=sys.stderr, flush=True)
        what, envs, members, *agent = row
        found["rows"].append(rehearse(what, envs, members, where, *agent))
        (given.out / "rehearsal.json").write_text(json.dumps(found, indent=1) + "\n")
        (given.out / "rehearsal.md").write_text(table(found))
    print(table(found))
    if given.bars is not None:
        kept = ("what", "envs", "members", "kernels_per_slot", "bytes_per_step")
        rows = [{name: row[name] for name in kept} for row in found["rows"]]
        given.bars.write_text(json.dumps({"versions": found["versions"], "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
