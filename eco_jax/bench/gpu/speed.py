"""Cases compiled and timed on the default device, beside what is counted in the compiled program."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax

from eco_jax.bench import hlo
from eco_jax.bench.cases import MB, Case, memory
from eco_jax.errors import UserError

JOB = 10**8
"""Environment steps of the job whose seconds are told with compilation."""


@dataclass(frozen=True)
class Compiled:
    """A case, compiled for the default device."""

    case: Case
    program: Any
    lower_s: float
    """tracing and lowering"""
    compile_s: float
    alone: bool
    """whether nothing else was compiled at that time: otherwise its seconds mean little"""


def compile_case(case: Case) -> Compiled:
    """Compile a case, alone."""
    started = time.perf_counter()
    lowered = case.lower()
    middle = time.perf_counter()
    return Compiled(case, lowered.compile(), middle - started, time.perf_counter() - middle, True)


def compile_together(cases: Sequence[Case], threads: int) -> list[Compiled | Exception]:
    """Compile several cases at once; of one that cannot be compiled what went wrong."""

    def one(lowered: Any, lower_s: float, case: Case) -> Compiled | Exception:
        started = time.perf_counter()
        try:
            return Compiled(case, lowered.compile(), lower_s, time.perf_counter() - started, False)
        except Exception as error:
            return error

    found: list[Future[Compiled | Exception] | Exception] = []
    with ThreadPoolExecutor(threads) as pool:
        for case in cases:  # traced one after the other, each compiled while the next is traced
            started = time.perf_counter()
            try:
                lowered = case.lower()
            except Exception as error:
                found.append(error)
            else:
                found.append(pool.submit(one, lowered, time.perf_counter() - started, case))
    return [each.result() if isinstance(each, Future) else each for each in found]


def check_memory(compiled: Compiled) -> None:
    """Whether a call fits into the device's memory, as far as that is known.

    Raises:
        UserError: it does not.
    """
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit")
    needed = memory(compiled.program).get("total", 0.0)
    if limit and needed * MB > limit:
        raise UserError(f"needs {needed:,.0f} MB of the device's {limit / MB:,.0f} MB")


def counted(case: Case, text: str, rate: float) -> dict[str, Any]:
    """Kernels and bytes in a program, the speed that is estimated from them, and what was measured beside it.

    Args:
        case: what was compiled.
        text: of the program. What cannot be read of it is an `error` in the result: a speed is worth as much without.
        rate: measured, steps/s.
    """
    try:
        found = hlo.count(hlo.kernels(text))
        estimate, moved = case.steps / found.seconds, found.moved / case.steps
    except (ValueError, ArithmeticError, LookupError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "kernels_per_slot": found.kernels / case.slots,
        "bytes_per_step": moved,
        "estimated_steps_per_s": estimate,
        "measured_over_estimated": rate / estimate,
        "counted_gb_per_s": moved * rate / 1e9,
    }


class Runner:
    """Calls of a compiled case, one after the other, from a state of its own."""

    def __init__(self, compiled: Compiled) -> None:
        self.compiled = compiled
        self.calls = 0
        self.state = compiled.case.start()

    def run(self, calls: int) -> float:
        """Seconds of so many calls, their work finished."""
        given = [self.compiled.case.arguments(self.calls + call) for call in range(calls)]
        jax.block_until_ready((given, self.state))
        started = time.perf_counter()
        for arguments in given:
            self.state, out = self.compiled.program(self.state, *arguments)
        jax.block_until_ready((self.state, out))
        self.calls += calls
        return time.perf_counter() - started


def timed(compiled: Compiled, repeats: int, least: float) -> dict[str, Any]:
    """Steps/s of a case: the median, least and most of repeats that take `least` seconds or more each.

    Raises:
        UserError: it does not fit into the device's memory.
    """
    check_memory(compiled)
    runner, case = Runner(compiled), compiled.case
    first = runner.run(1)
    once = min(runner.run(1), runner.run(1))
    calls = max(1, round(1.05 * least / once + 0.5))
    rates = [calls * case.steps / runner.run(calls) for _ in range(repeats)]
    middle = statistics.median(rates)
    row: dict[str, Any] = {
        "what": case.what,
        "envs": case.envs,
        "members": case.members,
        "steps_per_call": case.steps,
        "calls": calls,
        "repeats": repeats,
        "steps_per_s": middle,
        "min": min(rates),
        "max": max(rates),
        "us_per_slot": 1e6 * case.envs * case.members / middle,
        "first_call_s": first,
        "lower_s": compiled.lower_s,
        "compile_s": compiled.compile_s,
        "compiled_alone": compiled.alone,
    }
    if compiled.alone:
        row["job_s"] = compiled.lower_s + compiled.compile_s + JOB / middle
    stats = jax.devices()[0].memory_stats() or {}
    row["memory_mb"] = memory(compiled.program)
    # The runtime's peak is that of the whole process so far: rows that need less than an earlier one do not move it.
    row["process_peak_mb"] = stats.get("peak_bytes_in_use", 0) / MB
    return row | {"counted": counted(case, compiled.program.as_text(), middle)}
