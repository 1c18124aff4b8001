"""Optuna's side of a sweep: its storage opened, a study put back from the batches, samplers.

The study is a cache of what the sweep's folder says: what is lost of it is put back, under the same numbers.
"""

import json
import secrets
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eco_jax.errors import UserError
from eco_jax.settings import SEEDS
from eco_jax.sweep.space import Axis, Range, Values

JOURNAL = "journal.log"
OWNER = "sweep"
"""Attribute of a trial that holds the id of the sweep that asked for it."""
TOKEN = "token"
"""Attribute by which a trial that was added finds its number."""


class Known(NamedTuple):
    """What the sweep's folder says of a trial."""

    values: Values
    state: str
    """RUNNING, COMPLETE, PRUNED or FAIL"""
    value: float | None
    """of the objective, where it is COMPLETE"""


class UnusableError(Exception):
    """A storage, or the study in it, cannot be used."""


def absolute(storage: str) -> str:
    """A storage by a name that means the same in every folder: a file, or the URL of a database."""
    lite = "sqlite:///"
    if storage.startswith(lite) and not storage.startswith((lite + "/", lite + ":", lite + "file:")):
        return lite + str(Path(storage.removeprefix(lite)).absolute())
    return storage if "://" in storage else str(Path(storage).expanduser().absolute())


def check_storage(storage: str) -> None:
    """Whether a storage can be used: before anything is written.

    Raises:
        UserError: it cannot.
    """
    try:
        if "://" not in storage and not Path(storage).parent.is_dir():
            raise UnusableError(f"there is no folder {Path(storage).parent}")
        if "://" in storage or Path(storage).exists():
            _connected(storage).get_all_studies()
    except _errors() as error:
        raise UserError(f"--storage {storage}: {_line(error)}") from error


def open_study(
    storage: str, name: str, maximize: bool, sweep: str, axes: Mapping[str, Axis], known: Mapping[int, Known],
    own: bool, warn: Callable[[str], None],
) -> Any:  # fmt: skip
    """The study of a sweep, with every trial that its folder knows.

    Args:
        storage: a file (Optuna's journal) or a database's URL.
        name: of the study.
        maximize: whether the most is looked for.
        sweep: id of the sweep.
        axes: what varies.
        known: number of each trial asked -> what is known of it.
        own: whether the storage is this sweep's alone, and may be made again.
        warn: told what was damaged, in one line.

    Raises:
        UserError: it cannot be used, and may not be made again.
    """

    def opened() -> Any:
        import optuna

        found = optuna.create_study(
            storage=_connected(storage), study_name=name, direction="maximize" if maximize else "minimize",
            load_if_exists=True,
        )  # fmt: skip
        trials = found.get_trials(deepcopy=False)
        for number in known:
            if number < len(trials) and trials[number].user_attrs.get(OWNER) != sweep:
                raise UnusableError(f"trial {number} of study {name} there is not the one that was asked for here")
        _put_back(found, len(trials), sweep, axes, known)
        return found, sum(number >= len(trials) for number in known)

    try:
        study, lost = opened()
        if lost:
            warn(f"{storage}: {lost} of {len(known)} trials were missing: put back from the batches")
        return study
    except _errors() as error:
        if not own or not Path(storage).exists():
            raise UserError(f"--storage {storage}: {_line(error)}") from error
        Path(storage).replace(f"{storage}.broken")
        warn(f"{storage}: {_line(error)}; made again from the batches (the old one: {Path(storage).name}.broken)")
    try:
        return opened()[0]
    except _errors() as error:
        raise UserError(f"{storage}: {_line(error)}") from error


def begun(study: Any, params: Values, drawn: Mapping[str, Any], sweep: str) -> int:
    """Add a trial that runs with these values, as Optuna takes them; its number."""
    from optuna.trial import TrialState, create_trial

    token = secrets.token_hex(8)
    study.add_trial(
        create_trial(
            state=TrialState.RUNNING, params=dict(params), distributions=dict(drawn),
            user_attrs={OWNER: sweep, TOKEN: token},
        )
    )  # fmt: skip
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return next(t.number for t in reversed(running) if t.user_attrs.get(TOKEN) == token)


def _put_back(study: Any, there: int, sweep: str, axes: Mapping[str, Axis], known: Mapping[int, Known]) -> None:
    """Add the trials from number `there` on; numbers of which nothing is known are failed ones."""
    from optuna.trial import TrialState, create_trial

    for number in range(there, max(known, default=-1) + 1):
        if number not in known:
            study.add_trial(create_trial(state=TrialState.FAIL))
            continue
        values, state, value = known[number]
        params = {name: coded(axes[name], v) for name, v in values.items()}
        drawn = distributions({name: axes[name] for name in values})
        study.add_trial(
            create_trial(
                state=TrialState[state], value=value, params=params, distributions=drawn, user_attrs={OWNER: sweep}
            )
        )  # fmt: skip


def _connected(storage: str) -> Any:
    import optuna
    from optuna.storages import JournalStorage, get_storage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if "://" in storage:
        return get_storage(storage)
    path = Path(storage)
    for _ in range(5):  # another process may be writing this moment
        fault = journal_fault(path)
        if fault is None:
            return JournalStorage(JournalFileBackend(storage))
        time.sleep(0.1)
    raise UnusableError(fault)


def journal_fault(path: Path) -> str | None:
    """What is wrong with a journal, in words: Optuna appends to a torn line, and reads on past one of another file."""
    if not path.exists():
        return None
    for i, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        try:
            sound = line.endswith(b"\n") and "op_code" in dict(json.loads(line))
        except (ValueError, TypeError):
            sound = False
        if not sound:
            return f"line {i} is torn, or none of a journal of Optuna"
    return None


def _errors() -> tuple[type[Exception], ...]:
    """What Optuna and its storages raise; a journal whose lines are sound but make no sense, almost anything."""
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    return (
        UnusableError, OptunaError, SQLAlchemyError, OSError, ImportError, ValueError, LookupError, TypeError,
        AttributeError, AssertionError,
    )  # fmt: skip


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def sampler(kind: str, seed: int, population: int) -> Any:
    """A sampler by name. `population`: trials that `cmaes` takes for a generation."""
    import optuna

    seed %= SEEDS
    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)
    if kind == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed, popsize=population, warn_independent_sampling=False)
    return optuna.samplers.RandomSampler(seed=seed)


def distributions(axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The axes as Optuna takes them."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def one(axis: Axis) -> Any:
        if not isinstance(axis, Range):
            return CategoricalDistribution([coded(axis, value) for value in axis.values])
        if axis.whole:
            return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
        return FloatDistribution(axis.low, axis.high, log=axis.log)

    return {name: one(axis) for name, axis in axes.items()}


def coded(axis: Axis, value: Any) -> Any:
    """A value as Optuna takes it: lists as JSON."""
    return value if isinstance(axis, Range) or isinstance(value, bool | int | float | str) else json.dumps(value)


def decoded(axis: Axis, value: Any) -> Any:
    """The inverse of `coded`."""
    if isinstance(axis, Range):
        return value
    return next(v for v in axis.values if coded(axis, v) == value)
