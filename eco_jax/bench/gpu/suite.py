"""The suite `gpu`: what is measured, in the order of its importance, within a budget of time.

Every row is written as soon as it is there. What does not fit into the time or the memory is named, with the reason.
"""

import contextlib
import datetime
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import zip_longest
from typing import Any

import jax

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP, PRECISIONS
from eco_jax.bench import cases, hlo
from eco_jax.bench.cases import Case
from eco_jax.bench.gpu import correct, curves
from eco_jax.bench.gpu.speed import Compiled, Runner, compile_case, compile_together, timed
from eco_jax.bench.gpu.trace import profile
from eco_jax.bench.measure import Peers
from eco_jax.bench.record import GpuSize, Record, Size
from eco_jax.env import make
from eco_jax.env.config import KNOWLEDGE
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import stack_algorithms
from eco_jax.train.loop import Learner
from eco_jax.train.program import begin, cores

EXACT, HALF = PRECISIONS
PRECISION = "precision"
"""The network's setting."""
USUAL = MLP()
TOGETHER = max(2, min(8, cores() // 2))
"""Programs that are compiled at once where their own seconds are not asked for."""


@dataclass
class Suite:
    """A run of the suite."""

    size: GpuSize
    record: Record
    say: Callable[[str], None]

    def __post_init__(self) -> None:
        self.deadline = time.perf_counter() + 60 * self.size.minutes
        self.env, self.params = make(self.size.preset)
        self.device = jax.devices()[0]
        self.compiled: dict[str, Compiled] = {}
        self.found: dict[str, Any] = {
            "device": about(self.device),
            "settings": {
                "preset": self.size.preset,
                "users": self.env.agents,
                "rollout": self.size.rollout,
                "repeats": self.size.repeats,
                "least_s": self.size.least,
                "minutes": self.size.minutes,
                "estimates_for": hlo.H100.name,
            },
            "rows": [],
            "compilation": [],
            "left_out": {},
        }
        self.record.details["gpu"] = self.found

    @property
    def left(self) -> float:
        """Seconds of the budget."""
        return self.deadline - time.perf_counter()

    def step(self, name: str, work: Callable[[], object]) -> None:
        """Do a piece of the suite: what fails in it is noted, and the others go on; what it found is written."""
        try:
            if self.left < self.size.reserve:
                raise UserError("no time left")
            self.say(f"gpu: {name} ({self.left:.0f} s left)")
            work()
        except Exception as error:  # memory, a compiler, a driver: whatever a device comes up with
            kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
            self.leave_out(name, kind + (str(error).strip() or "no word").splitlines()[0][:300])
        self.record.keep()

    def leave_out(self, name: str, why: str) -> None:
        """Note what is not measured."""
        self.found["left_out"][name] = why
        self.say(f"gpu: {name}: left out: {why}")

    def case(self, what: str, envs: int, members: int = 1, network: MLP | None = None) -> Case:
        """A case of the suite's world; a call of it is an episode."""
        algorithm = A2C(network=network or MLP())
        return cases.of(what, self.env, self.params, algorithm, envs, members, self.size.rollout)

    def measure(self, compiled: Compiled | Exception, network: MLP = USUAL) -> None:
        """Time a case, and write its row. Raises what went wrong when it was compiled."""
        if isinstance(compiled, Exception):
            raise compiled
        row = {"device": self.found["device"]["kind"], PRECISION: network.precision}
        self.found["rows"].append(row | timed(compiled, self.size.repeats, self.size.least))
        self.record.keep()

    def alone(self, case: Case, network: MLP = USUAL, again: bool = False) -> None:
        """Compile a case alone, and time it; `again`: see how long the cache of compiled programs takes, too."""
        compiled = compile_case(case)
        self.measure(compiled, network)
        self.compiled.setdefault(name_of(case), compiled)
        row = {"case": name_of(case), PRECISION: network.precision, "lower_s": compiled.lower_s}
        row["compile_s"] = compiled.compile_s
        if again:
            jax.clear_caches()
            cached = compile_case(case)
            row |= {"cached_lower_s": cached.lower_s, "cached_s": cached.compile_s}
        self.found["compilation"].append(row)

    def batch(self, wanted: Sequence[Case]) -> None:
        """Compile some cases at once, and time them."""
        if self.left < 3 * self.size.reserve:  # several compile, and are timed one after the other
            for case in wanted:
                self.leave_out(name_of(case), "no time left")
            return
        self.say(f"gpu: compiling {', '.join(map(name_of, wanted))}")
        for case, compiled in zip(wanted, compile_together(wanted, TOGETHER), strict=True):
            self.step(name_of(case), partial(self.measure, compiled))


def name_of(case: Case) -> str:
    """A case in words."""
    return f"{case.what} {f'{case.members} x ' * (case.members > 1)}{case.envs}"


def about(device: Any) -> dict[str, Any]:
    """The device, its driver, and when this is."""
    driver = None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
        driver = said.splitlines()[0] if said else None
    stats = device.memory_stats() or {}
    return {
        "kind": device.device_kind, "platform": device.platform, "driver": driver,
        "runtime": " ".join(device.client.platform_version.split()), "memory_mb": stats.get("bytes_limit", 0) / 1e6,
        "jax": jax.__version__, "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


@contextlib.contextmanager
def _own_cache() -> Iterator[None]:
    """Compiled programs go to a folder that is empty at first and gone afterwards."""
    from jax.experimental.compilation_cache import compilation_cache

    config: Any = jax.config
    before = config.jax_compilation_cache_dir, config.jax_persistent_cache_min_compile_time_secs
    with tempfile.TemporaryDirectory() as folder:
        try:
            config.update("jax_compilation_cache_dir", folder)
            config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            compilation_cache.reset_cache()  # a process looks once where its cache is
            yield
        finally:
            config.update("jax_compilation_cache_dir", before[0])
            config.update("jax_persistent_cache_min_compile_time_secs", before[1])
            compilation_cache.reset_cache()


def gpu(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """Everything on the default device: see the module."""
    with _own_cache():
        _run(Suite(size.gpu, record, say))


def _run(suite: Suite) -> None:
    size, found = suite.size, suite.found
    try:
        cpu = jax.devices("cpu")[0]
    except RuntimeError:
        raise UserError("JAX_PLATFORMS: the suite gpu compares with the CPU; name it, too: cuda,cpu") from None

    def episode() -> None:
        given = suite.env, suite.params, KNOWLEDGE, size.checked
        found["episode"] = correct.compare_episode(*given, suite.device, cpu)

    def updates() -> None:
        config = TrainConfig(envs=size.checked, rollout=size.rollout, updates=size.checked_updates)
        given = suite.env, suite.params, A2C(), config
        found["updates"] = correct.compare_training(*given, suite.device, cpu)

    suite.step("correctness of an episode", episode)
    suite.step("correctness of updates", updates)
    batch, (members, few) = size.batch, size.population
    first = [suite.case(cases.ENVIRONMENT, batch), suite.case(cases.TRAINING, batch)]
    first += [suite.case(cases.TRAINING, few, members), suite.case(cases.INFERENCE, batch)]
    for which, case in enumerate(first):
        suite.step(name_of(case), partial(suite.alone, case, again=which < 2))
    for case in first[:2]:
        suite.step(f"profile of {name_of(case)}", partial(_profile, suite, case))
    _precision(suite)
    suite.step(f"beginning of {members} members", partial(_begin, suite, members))
    done = {(row["what"], row["envs"], row["members"]) for row in found["rows"]}
    wanted: list[tuple[str, int, int]] = []
    for envs, count in zip_longest(size.envs, size.members):
        wanted += [(what, envs, 1) for what in (cases.ENVIRONMENT, cases.TRAINING) if envs]
        wanted += [(cases.TRAINING, few, count)] if count else []
    wanted += [(cases.INFERENCE, envs, 1) for envs in size.envs]
    rest = [one for one in dict.fromkeys(wanted) if one not in done]
    for start in range(0, len(rest), TOGETHER):
        suite.batch([suite.case(*one) for one in rest[start : start + TOGETHER]])
    most = max(size.members)
    suite.step(f"beginning of {most} members", partial(_begin, suite, most))


def _begin(suite: Suite, members: int) -> None:
    """Seconds until a population has its first state: with compilation, and once more without."""
    learner = Learner(suite.env, TrainConfig(envs=suite.size.population[1], rollout=suite.size.rollout))
    axes, several = jax.tree.map(lambda _: None, suite.params), stack_algorithms([A2C()] * members)
    row: dict[str, Any] = {"members": members}
    for seed, name in enumerate(("first_s", "again_s")):
        keys = jax.random.split(jax.random.key(seed), members)
        started = time.perf_counter()
        jax.block_until_ready(begin(learner, axes, several, keys, suite.params))
        row[name] = time.perf_counter() - started
    suite.found.setdefault("beginning", []).append(row)


def _profile(suite: Suite, case: Case) -> None:
    compiled = suite.compiled.get(name_of(case))
    if compiled is None:
        raise UserError("it was not measured")
    runner = Runner(compiled)
    runner.run(1)
    shown = profile(lambda: runner.run(1))
    suite.found.setdefault("profile", {})[name_of(case)] = shown
    if "error" in shown:
        raise UserError(f"no profile: {shown['error']}")


def _precision(suite: Suite) -> None:
    """The network in half precision beside the usual one: speed, and learning curves."""
    size = suite.size
    half = MLP(precision=HALF)
    for envs, members in ((size.batch, 1), (size.population[1], size.population[0])):
        case = suite.case(cases.TRAINING, envs, members, half)
        suite.step(f"{name_of(case)} in {HALF}", partial(suite.alone, case, half))
    config = TrainConfig(envs=size.curve_envs, rollout=size.rollout, updates=size.curve_updates)
    learnt: dict[str, Any] = {}

    def learn(name: str, network: MLP) -> None:
        given = suite.env, suite.params, A2C(network=network), config, size.seeds
        learnt[name] = curves.rewards(*given, lambda: suite.left > 0)
        suite.found.setdefault("curves", {})[name] = curves.curve(learnt[name], config.envs * config.rollout)

    for name, network in ((EXACT, MLP()), (HALF, half)):
        suite.step(f"learning curves in {name}", partial(learn, name, network))
    if len(learnt) == 2:
        suite.found["curves"]["difference"] = curves.paired(learnt[HALF], learnt[EXACT])
        suite.record.keep()


def of_budget(size: Size, minutes: float | None, updates: int | None) -> Size:
    """A size with another budget of time, minutes, and other learning curves, updates; None leaves its own.

    Raises:
        UserError: one is not allowed.
    """
    own = size.gpu
    minutes, updates = own.minutes if minutes is None else minutes, own.curve_updates if updates is None else updates
    if not 0 < minutes <= 24 * 60:
        raise UserError(f"--minutes {minutes:g}: must lie in (0, 1440]")
    if not 1 <= updates <= 10**6:
        raise UserError(f"--curve-updates {updates}: must lie in [1, 1000000]")
    return replace(size, gpu=replace(own, minutes=minutes, curve_updates=updates))
