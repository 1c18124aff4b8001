"""`eco-jax bench`: how fast it is, against peers and against the machine's limits."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eco_jax.cli.main import parse
from eco_jax.cli.screen import show_table
from eco_jax.errors import UserError
from eco_jax.run import setup


@dataclass(frozen=True)
class Arguments:
    """Time the environment, training, a population, compilation, peers and the doors to other libraries, each against
    its counterpart in turns, and write bench.json, bench.md and bench.png."""  # noqa: D209

    suite: Literal["all", "env", "train", "sweep", "compile", "peers", "doors", "gpu"] = "all"
    """What to time; gpu: everything on an accelerator, and whether it computes what the CPU does."""
    out: Path = Path("runs/bench")
    """Folder for the results (earlier results there are replaced)."""
    size: Literal["full", "smoke"] = "full"
    """full, or smoke (a check that everything runs; its numbers mean nothing)."""
    peers: Path = Path(".peers")
    """Folder of the peers' virtual environments (`make peers` fills it)."""
    purejaxrl: Path | None = None
    """A checkout of PureJaxRL, which is not packaged."""
    minutes: float | None = None
    """Budget of the suite gpu, 8 if not given; what does not fit is left out, the least important first."""
    curve_updates: int | None = None
    """Updates of the learning curves of the suite gpu, 1000 if not given (4 in smoke)."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    a: Any = parse(Arguments, argv, "eco-jax bench", Arguments.__doc__ or "")
    if a.purejaxrl is not None and not (a.purejaxrl / "purejaxrl" / "ppo.py").is_file():
        raise UserError(f"--purejaxrl {a.purejaxrl}: holds no purejaxrl/ppo.py")
    for flag, value in (("--minutes", a.minutes), ("--curve-updates", a.curve_updates)):
        if value is not None and a.suite not in ("all", "gpu"):
            raise UserError(f"{flag}: is for the suite gpu, not for {a.suite}")
    from eco_jax.bench import report, suites
    from eco_jax.bench.gpu.suite import of_budget
    from eco_jax.bench.measure import Peers
    from eco_jax.bench.record import SIZES, Record

    size = of_budget(SIZES[a.size], a.minutes, a.curve_updates)
    report.check(a.out)
    # Without the cache of compiled programs: what compilation costs is measured too.
    setup.configure(cache=False)
    started = time.perf_counter()
    a.out.mkdir(parents=True, exist_ok=True)
    names = suites.usual() if a.suite == "all" else (a.suite,)
    peers = Peers.near(a.peers, None if a.purejaxrl is None else a.purejaxrl.resolve())

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - started:4.0f} s] {text}", file=sys.stderr, flush=True)

    record = Record()
    bench: dict[str, Any] = {
        "device": f"{setup.device()}, {os.cpu_count()} CPU cores",
        "versions": setup.versions(),
        "settings": {"suites": names, "size": a.size, "repeats": size.repeats},
        "wall_s": 0.0,
        "ratios": record.ratios,
        "seconds": record.seconds,
        "missing": record.missing,
        "details": record.details,
    }

    def keep() -> list[str]:
        bench["wall_s"] = round(time.perf_counter() - started, 1)
        return report.write(a.out, bench)

    record.keep = keep
    for name in names:
        suites.SUITES[name](record, size, peers, say)
        written = keep()  # after every suite: what is measured stays, whatever becomes of the next
    rows = [[name, f"{value:.3g}"] for name, value in record.ratios.items() if value is not None]
    rows += [[name, f"{value:.1f} s"] for name, value in record.seconds.items()]
    left_out = [f"{name}: not measured: {why}" for name, why in record.missing.items()]
    for row in record.details.get("gpu", {}).get("rows", ()):
        rows.append(
            [
                f"{row['what']} {row['members']} x {row['envs']} {row['precision']}",
                f"{row['steps_per_s']:,.0f} steps/s",
            ]
        )
    for name in ("episode", "updates"):
        found = record.details.get("gpu", {}).get(name)
        if found is not None:
            said = "the same as on the CPU" if found["passed"] else "NOT the same as on the CPU"
            left_out.append(f"{name}: {said}; largest difference of floats {found['worst']:.1e}")
    left_out += [f"{name}: left out: {why}" for name, why in record.details.get("gpu", {}).get("left_out", {}).items()]
    done = f"{a.out}: {', '.join(written)} ({time.perf_counter() - started:.0f} s)"
    show_table(f"Measured on {bench['device']}", ["", "median"], rows, [*left_out, done])
    return 0
