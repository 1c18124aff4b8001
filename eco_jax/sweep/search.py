"""A sweep: a sampler proposes configurations, batches train them, and the sampler is told their results.

The sweep's folder decides: `sweep.json` holds the plan and the space, `batches/` the trials and how far each batch is.
Optuna's storage serves the sampler and Optuna's own tools; it is brought into line with the folder.
"""

import dataclasses
import json
import math
import secrets
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from eco_jax.env.parts.cost import objectives
from eco_jax.errors import UserError
from eco_jax.run import settings
from eco_jax.run.settings import RunConfig
from eco_jax.sweep import state
from eco_jax.sweep.batch import Batch, finished
from eco_jax.sweep.plan import FIXED, Plan, check_strategy
from eco_jax.sweep.population import static_key
from eco_jax.sweep.results import read_results, summary
from eco_jax.sweep.space import Space, Values
from eco_jax.sweep.study import (
    JOURNAL,
    OWNER,
    Known,
    absolute,
    begun,
    coded,
    decoded,
    distributions,
    open_study,
    sampler,
)


class Sweep:
    """A sweep: its folder, its search space, its plan, and Optuna's study."""

    def __init__(
        self, out: Path, space: Space, plan: Plan, storage: str | None = None, study: str | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:  # fmt: skip
        """Create the sweep, or reopen it and put right what is damaged.

        Args:
            out: the sweep's folder, which exists and is locked.
            space: what may vary.
            plan: what is wanted.
            storage: a file (Optuna's journal) or a database's URL; None for a journal in `out`.
            study: name in the storage; sweeps of one name share their trials. None for one of its own.
            warn: told of what is damaged, in one line each.

        Raises:
            UserError: the folder holds another sweep, or the storage cannot be used.
        """
        self.out, self.space, self.plan = out, space, plan
        check_strategy(space, plan)
        there = state.recover(out, warn)
        wanted = json.loads(json.dumps({name: getattr(plan, name) for name in FIXED} | _described(space), default=str))
        if there is None:
            self.id = secrets.token_hex(4)
            there = {"storage": "", "study": f"{out.absolute().name}-{self.id}"}
        else:
            state.compare(there, wanted, out)
            self.id = there["id"]
        kept = absolute(storage) if storage else there["storage"]
        self.note = {
            "id": self.id, "storage": kept, "study": study or there["study"], "where": space.where, **wanted,
        }  # fmt: skip
        self.refused_trials = state.Refused(out, self.id)
        self.refused_trials.read(warn)
        anew = "; cmaes begins its search anew" if plan.sampler == "cmaes" else ""
        maximize = objectives()[plan.objective].better > 0
        self.study = open_study(
            kept or str(out / JOURNAL), self.note["study"], maximize, self.id, space.axes,
            self._known(), own=not kept, warn=lambda text: warn(text + anew),
        )  # fmt: skip
        state.write_note(out, self.note)

    @property
    def batches(self) -> list[Path]:
        """Folders of the batches, in the order in which their trials were proposed."""
        return state.batches(self.out)

    @property
    def refused(self) -> dict[int, dict[str, Any]]:
        """Trials whose settings do not go together: number -> their values and the reason."""
        return self.refused_trials.read()

    @property
    def asked(self) -> dict[int, Values]:
        """Trials proposed so far, refused ones included: number -> values of the settings."""
        found = {t["trial"]: dict(t["values"]) for folder in self.batches for t in Batch.read(folder).trials}
        return found | {number: row["values"] for number, row in self.refused.items()}

    def results(self) -> pl.DataFrame:
        """One row for each trial and seed of finished batches, and for each refused trial (see `read_results`)."""
        return read_results(self.batches, self.refused)

    def _known(self) -> dict[int, Known]:
        """State and value of each trial by what the folder holds, in Optuna's terms."""
        states = {"done": "COMPLETE", "pruned": "PRUNED"}
        known = {number: Known(values, "RUNNING", None) for number, values in self.asked.items()}
        for row in summary(self.results()).iter_rows(named=True):
            became = states.get(row["status"], "FAIL")
            value = row[objectives()[self.plan.objective].column] if became == "COMPLETE" else None
            known[row["trial"]] = known[row["trial"]]._replace(state=became, value=value)
        return known | {number: Known(row["values"], "FAIL", None) for number, row in self.refused.items()}

    def run(
        self, launch: Callable[[Sequence[Path]], None], told: Callable[["Sweep"], None] = lambda sweep: None
    ) -> None:
        """Train until all trials of the plan are done: unfinished batches first, then generation by generation.

        Args:
            launch: trains the batches in these folders to their ends.
            told: called after each generation.

        Raises:
            RuntimeError: `launch` returned and left a batch unfinished.
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
        """Mark trials as failed in Optuna's study that no batch holds: the process ended too soon, or it was lost."""
        from optuna.trial import TrialState

        known = self.asked
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.user_attrs.get(OWNER) == self.id and trial.number not in known:
                self.study.tell(trial.number, state=TrialState.FAIL)

    def _ask(self, count: int) -> bool:
        """Propose `count` trials and write their batches; False where a grid has no points left."""
        asked = []
        # The same draws whether or not it was interrupted before, and others than sweeps in the same study get.
        before = len(self.study.get_trials(deepcopy=False)) if self.shared else len(self.asked)
        self.study.sampler = sampler(self.plan.sampler, self.plan.seed + before, self.plan.at_once)
        axes = self.space.axes
        for values in self._next(count):
            if values is None:
                trial = self.study.ask(distributions(axes))
                trial.set_user_attr(OWNER, self.id)
                number = trial.number
                values = {n: decoded(axis, trial.params[n]) for n, axis in axes.items() if n in trial.params}
            else:
                row = {name: coded(axes[name], value) for name, value in values.items()}
                number = begun(self.study, row, distributions({name: axes[name] for name in values}), self.id)
            asked.append({"trial": number, "values": self.space.placed(values)})
        good, refused = [], self.refused
        for row in asked:
            try:
                good.append((self.space.make(row["values"]), row))
            except UserError as error:
                cause = str(error).removeprefix(f"{self.space.where}: ")
                refused[row["trial"]] = {"values": row["values"], "cause": cause}
        made = [
            state.new_batch(self.note, rows, settings.input_hashes(self.space.configure(rows[0]["values"])))
            for rows in packed(good, max(1, self.plan.batch // self.plan.seeds))
        ]
        state.write_generation(self.out, self.id, made, refused)
        return bool(asked)

    @cached_property
    def shared(self) -> bool:
        """Whether other sweeps may ask for trials of the same study."""
        return self.note["study"] != f"{self.out.absolute().name}-{self.id}"

    def _next(self, count: int) -> Sequence[Values | None]:
        """For each of the next `count` trials: its point of the grid, or None where the sampler chooses the values."""
        if self.plan.sampler != "grid":
            return [None] * count
        there = {_point(values) for values in self.asked.values()}
        return [values for values in self.space.grid() if _point(values) not in there][:count]

    def _tell(self) -> None:
        """Tell Optuna's study of each trial that has finished since."""
        from optuna.trial import TrialState

        open_ = {t.number for t in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
        for number, known in self._known().items():
            if number in open_ and known.state != "RUNNING":
                self.study.tell(number, known.value, TrialState[known.state])


def packed(trials: Sequence[tuple[RunConfig, Any]], most: int) -> list[list[Any]]:
    """Trials in batches: those of a batch share one compiled program, no batch holds more than `most`.

    There are as few batches as that allows, those of one program about equally large.
    """
    groups: dict[Any, list[Any]] = {}
    for config, row in trials:
        groups.setdefault(static_key(config), []).append(row)
    found = []
    for rows in groups.values():
        size = math.ceil(len(rows) / math.ceil(len(rows) / most))
        found += [rows[i : i + size] for i in range(0, len(rows), size)]
    return found


def _point(values: Values) -> str:
    """A point of a grid as text, equal for equal points: 1 and 1.0 are the same value."""
    return json.dumps({n: float(v) if type(v) is int else v for n, v in values.items()}, sort_keys=True)


def _described(space: Space) -> dict[str, Any]:
    """What a resumed sweep must find unchanged: the space, and the hashes of the files that its runs read."""
    axes = {name: dataclasses.asdict(axis) for name, axis in space.axes.items()}
    return {"space": {"base": space.base, "axes": axes}, "inputs": state.hashes(space.inputs())}
