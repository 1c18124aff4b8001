"""A sweep: a sampler asks for configurations, batches train them, their results are told to it.

A sweep's folder is the truth: `sweep.json` says what is wanted, `batches/` holds what was asked and how far it is.
Optuna's storage only helps the sampler to ask well, and shows the trials to Optuna's own tools.
"""

import dataclasses
import json
import math
import secrets
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.run.settings import RunConfig
from eco_jax.sweep.batch import OBJECTIVES, UNITS, Batch, finished
from eco_jax.sweep.population import static_key
from eco_jax.sweep.results import results, summary
from eco_jax.sweep.space import Range, Space
from eco_jax.sweep.strategies import strategy

SAMPLERS = ("random", "tpe", "cmaes", "grid")
ASKED_AT_ONCE = 32
"""Trials that a sampler which learns from results asks before it is told any."""


@dataclass(frozen=True)
class Plan:
    """What is wanted of a sweep."""

    trials: int
    """configurations"""
    seeds: int = 1
    """runs of each"""
    seed: int = 0
    """of the sampler, and of the first run of each"""
    sampler: str = "random"
    objective: str = "reward"
    strategy: str = "full"
    eta: int = 3
    generation: int = 0
    """configurations asked at once; 0: all (random, grid) or `ASKED_AT_ONCE`"""
    batch: int = 1024
    """most members (configurations x seeds) of a batch"""

    def __post_init__(self) -> None:
        for name, allowed in (("sampler", SAMPLERS), ("objective", tuple(OBJECTIVES))):
            if getattr(self, name) not in allowed:
                raise UserError(f"--{name} {getattr(self, name)}: must be one of {', '.join(allowed)}")
        for name, least in (("trials", 1), ("seeds", 1), ("seed", 0), ("generation", 0), ("batch", 1)):
            if getattr(self, name) < least:
                raise UserError(f"--{name} {getattr(self, name)}: must be at least {least}")
        strategy({"kind": self.strategy, "eta": self.eta, "seed": self.seed}, {})
        if self.strategy == "pbt" and self.sampler not in ("random", "grid"):
            raise UserError(f"--sampler {self.sampler}: pbt moves the settings itself; random or grid fit it")

    @property
    def at_once(self) -> int:
        """Trials that are asked before results are told."""
        return self.generation or (self.trials if self.sampler in ("random", "grid") else ASKED_AT_ONCE)


FIXED = ("seeds", "seed", "sampler", "objective", "strategy", "eta")
"""What a sweep that goes on must share with its beginning; trials may become more."""


class Sweep:
    """A sweep in its folder."""

    def __init__(self, out: Path, space: Space, plan: Plan, storage: str | None, study: str | None) -> None:
        """Begun, or gone on with.

        Args:
            out: the sweep's folder, which exists.
            space: what may vary.
            plan: what is wanted.
            storage: a file (Optuna's journal) or a database's URL; None for a journal in `out`.
            study: name in the storage; sweeps of one name share their trials. None for one of its own.

        Raises:
            UserError: the folder holds another sweep, or the storage cannot be used.
        """
        self.out, self.space, self.plan = out, space, plan
        note = out / "sweep.json"
        wanted = {"space": _described(space), **{name: getattr(plan, name) for name in FIXED}}
        wanted = json.loads(json.dumps(wanted, default=str))
        if note.exists():
            there = json.loads(note.read_text())
            for name, value in wanted.items():
                if there[name] != value:
                    raise UserError(f"{out}: {name} is another there: a sweep goes on as it began")
            storage, study = storage or there["storage"], study or there["study"]
            self.id = there["id"]
        else:
            self.id = secrets.token_hex(4)
            storage, study = storage or "", study or f"{out.name}-{self.id}"
        _check_strategy(space, plan)
        self.study = self._open(storage, study)
        write_whole(note, json.dumps({"id": self.id, "storage": storage, "study": study, **wanted}, indent=1) + "\n")

    def _open(self, storage: str, name: str) -> Any:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from sqlalchemy.exc import SQLAlchemyError

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        try:
            opened: Any = (
                storage
                if "://" in storage
                else JournalStorage(JournalFileBackend(storage or str(self.out / "journal.log")))
            )
            study = optuna.create_study(
                storage=opened,
                study_name=name,
                direction="maximize" if OBJECTIVES[self.plan.objective] > 0 else "minimize",
                load_if_exists=True,
            )
        except (OSError, optuna.exceptions.OptunaError, ImportError, ValueError, SQLAlchemyError) as error:
            raise UserError(f"--storage {storage}: {str(error).splitlines()[0]}") from error
        study.sampler = self._sampler(len(study.get_trials(deepcopy=False)))
        return study

    def _sampler(self, asked: int) -> Any:
        """A sampler that does not repeat what one with the same seed drew before."""
        import optuna

        seed = self.plan.seed + asked
        if self.plan.sampler == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)
        if self.plan.sampler == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, popsize=self.plan.at_once, warn_independent_sampling=False)
        return optuna.samplers.RandomSampler(seed=seed)

    @property
    def batches(self) -> list[Path]:
        """Folders of the batches, in the order in which they were asked."""
        return sorted(path.parent for path in (self.out / "batches").glob("*/batch.json"))

    @property
    def asked(self) -> list[int]:
        """Numbers of the trials asked so far."""
        return sorted({t["trial"] for folder in self.batches for t in Batch.read(folder).trials} | set(self.refused))

    @property
    def refused(self) -> dict[int, dict[str, Any]]:
        """Trials whose settings do not go together: number -> their values and the reason."""
        path = self.out / "refused.json"
        return {int(n): row for n, row in json.loads(path.read_text()).items()} if path.exists() else {}

    def run(
        self, launch: Callable[[Sequence[Path]], None], told: Callable[["Sweep"], None] = lambda sweep: None
    ) -> None:
        """Until all trials are done: what is unfinished first, then generation by generation.

        Args:
            launch: trains batches to their ends.
            told: hears of it after each generation.
        """
        self._forget_lost()
        while True:
            open_ = [folder for folder in self.batches if not finished(folder)]
            if open_:
                launch(open_)
                missing = [folder for folder in open_ if not finished(folder)]
                if missing:
                    raise RuntimeError(f"{missing[0]}: not finished")
            self._tell()
            told(self)
            missing_trials = self.plan.trials - len(self.asked)
            if missing_trials <= 0 or not self._ask(min(missing_trials, self.plan.at_once)):
                return

    def _forget_lost(self) -> None:
        """Trials that were asked, and of which no batch was written before the process ended."""
        import optuna

        known = set(self.asked)
        for trial in self.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            if trial.user_attrs.get("sweep") == self.id and trial.number not in known:
                self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def _ask(self, count: int) -> bool:
        """Ask for so many trials and write their batches; False where a grid has no more."""
        asked = []
        for fixed in self._next(count):
            if fixed is not None:
                self.study.enqueue_trial(fixed, user_attrs={"sweep": self.id})
            trial = self.study.ask()
            trial.set_user_attr("sweep", self.id)
            values = {name: _suggest(trial, name, axis) for name, axis in self.space.axes.items()}
            asked.append({"trial": trial.number, "values": values})
        good, refused = [], self.refused
        for row in asked:
            try:
                good.append((self.space.make(row["values"]), row))
            except UserError as error:
                refused[row["trial"]] = {
                    "values": row["values"],
                    "cause": str(error).removeprefix(f"{self.space.where}: "),
                }
        first = len(self.batches)
        for i, rows in enumerate(packed(good, max(1, self.plan.batch // self.plan.seeds))):
            batch = Batch(
                self.space.base, self.space.where, rows, list(range(self.plan.seed, self.plan.seed + self.plan.seeds)),
                self.plan.objective, {"kind": self.plan.strategy, "eta": self.plan.eta, "seed": self.plan.seed},
                _ranges(self.space) if self.plan.strategy == "pbt" else {},
            )  # fmt: skip
            batch.write(self.out / "batches" / f"{first + i:04d}")
        if refused:
            write_whole(self.out / "refused.json", json.dumps(refused, indent=1, default=str) + "\n")
        return bool(asked)

    def _next(self, count: int) -> Iterable[dict[str, Any] | None]:
        """For each trial to ask: its values where a grid says so, None where the sampler does."""
        if self.plan.sampler != "grid":
            return [None] * count
        done = len(self.asked)
        every = list(self.space.grid())
        return [
            {name: _coded(self.space.axes[name], v) for name, v in row.items()} for row in every[done : done + count]
        ]

    def _tell(self) -> None:
        """The sampler hears of every finished trial, once."""
        from optuna.trial import TrialState

        open_ = {t.number: t for t in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
        for number in self.refused:
            if open_.pop(number, None):
                self.study.tell(number, state=TrialState.FAIL)
        for row in summary(results(self)).iter_rows(named=True):
            if row["trial"] not in open_:
                continue
            if row["status"] == "done":
                self.study.tell(row["trial"], row[UNITS[self.plan.objective]])
            else:
                state = TrialState.PRUNED if row["status"] == "pruned" else TrialState.FAIL
                self.study.tell(row["trial"], state=state)


def packed(trials: Sequence[tuple[RunConfig, Any]], most: int) -> list[list[Any]]:
    """Trials that one program can train, in as few batches of at most `most` as there must be, of about one size."""
    groups: dict[Any, list[Any]] = {}
    for config, row in trials:
        groups.setdefault(static_key(config), []).append(row)
    found = []
    for rows in groups.values():
        size = math.ceil(len(rows) / math.ceil(len(rows) / most))
        found += [rows[i : i + size] for i in range(0, len(rows), size)]
    return found


def _suggest(trial: Any, name: str, axis: Any) -> Any:
    if isinstance(axis, Range):
        if axis.whole:
            return trial.suggest_int(name, int(axis.low), int(axis.high), log=axis.log)
        return trial.suggest_float(name, axis.low, axis.high, log=axis.log)
    by_code = {_coded(axis, value): value for value in axis.values}
    return by_code[trial.suggest_categorical(name, list(by_code))]


def _coded(axis: Any, value: Any) -> Any:
    """A choice as Optuna takes it: lists as JSON."""
    return value if isinstance(axis, Range) or isinstance(value, bool | int | float | str) else json.dumps(value)


def _ranges(space: Space) -> dict[str, tuple[float, float]]:
    """What `pbt` may make of each hyperparameter."""
    return {name.removeprefix("hyper."): (min(axis.ends), max(axis.ends)) for name, axis in space.axes.items()}


def _check_strategy(space: Space, plan: Plan) -> None:
    if plan.strategy != "pbt":
        return
    for name, axis in space.axes.items():
        if not name.startswith("hyper.") or not all(isinstance(v, int | float) for v in axis.ends):
            raise UserError(f"{space.where}: {name}: pbt moves numbers of [hyper] only; leave it out, or use halving")


def _described(space: Space) -> dict[str, Any]:
    return {"base": space.base, "axes": {name: dataclasses.asdict(axis) for name, axis in space.axes.items()}}
