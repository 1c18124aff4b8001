"""Timing: contenders that take turns, and peers that live in processes of their own."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from eco_jax.errors import UserError

Contender = Callable[[], tuple[float, int]]
"""One repeat, its work finished when it returns: (seconds, environment steps)."""


@dataclass(frozen=True)
class Speed:
    """Repeats of one contender, steps/s each."""

    rates: tuple[float, ...]

    @property
    def median(self) -> float:
        """Steps/s."""
        return statistics.median(self.rates)

    def times(self, amount: float) -> "Speed":
        """The speed in another unit, of which a step holds `amount` (users, operations)."""
        return Speed(tuple(rate * amount for rate in self.rates))

    def over(self, other: "Speed") -> dict[str, float]:
        """How many times faster than `other`, repeat by repeat (they took turns): median, least and most."""
        ratios = [a / b for a, b in zip(self.rates, other.rates, strict=True)]
        return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}

    def row(self, users: int | None = None) -> dict[str, float]:
        """What is reported: min, median and max of steps/s, and user decisions/s."""
        found = {"steps_per_s": self.median, "min": min(self.rates), "max": max(self.rates)}
        return found if users is None else found | {"decisions_per_s": self.median * users}


def timed(run: Callable[[], int]) -> Contender:
    """A function that does some steps and returns their number, as a contender."""

    def repeat() -> tuple[float, int]:
        started = time.perf_counter()
        steps = run()
        return time.perf_counter() - started, steps

    return repeat


def take_turns(contenders: Mapping[str, Contender], repeats: int) -> dict[str, Speed]:
    """Time all contenders `repeats` times, one after the other in every round.

    What else the machine does then slows all of them alike, and ratios within a round stand. Every contender warms up
    once before the first round.
    """
    for run in contenders.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            seconds, steps = run()
            rates[name].append(steps / seconds)
    return {name: Speed(tuple(found)) for name, found in rates.items()}


class Worker:
    """A peer in a process of its own: `experiments/benchmarks/peers/worker.py` has the protocol.

    Args:
        python: interpreter of the peer's environment.
        script: the peer.
        arguments: its options.

    Raises:
        UserError: the peer does not start; the last line of what it said is in the message.
    """

    def __init__(self, python: Path, script: Path, arguments: Sequence[str] = ()) -> None:
        self.name = script.stem
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen(
            [str(python), str(script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self.about = self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            said = (self.process.communicate()[1] or "nothing").strip().splitlines()
            raise UserError(f"peer {self.name} stopped: {said[-1] if said else 'it said nothing'}")
        return json.loads(line)

    def __call__(self) -> tuple[float, int]:
        """One repeat."""
        assert self.process.stdin is not None
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        answer = self._read()
        return answer["seconds"], answer["steps"]

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Peers:
    """Where the peers are: a checkout's scripts, and the virtual environments that `make peers` makes for them."""

    scripts: Path
    environments: Path
    purejaxrl: Path | None = None

    @staticmethod
    def near(environments: Path, purejaxrl: Path | None) -> "Peers":
        """The scripts of the checkout that this package runs from."""
        checkout = Path(__file__).resolve().parents[2]
        return Peers(checkout / "experiments" / "benchmarks" / "peers", environments, purejaxrl)

    def missing(self, script: str, environment: str | None) -> str | None:
        """Why a peer cannot run, if it cannot."""
        if not (self.scripts / script).is_file():
            return "no checkout: the peers' scripts are not installed"
        if environment is not None and not self._python(environment).is_file():
            return f"no environment {self.environments / environment}: make peers"
        return None

    def start(self, script: str, environment: str | None, *arguments: Any) -> Worker:
        """A peer's process; `environment` None is this interpreter's."""
        python = Path(sys.executable) if environment is None else self._python(environment)
        return Worker(python, self.scripts / script, [str(a) for a in arguments])

    def _python(self, environment: str) -> Path:
        return self.environments / environment / "bin" / "python"
