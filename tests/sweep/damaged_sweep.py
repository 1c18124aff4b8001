"""What may happen to a file, and what a sweep does about it."""

import re

import optuna
import polars as pl
import pytest
from made_up_sweep import launch, sweep

from eco_jax.sweep.plan import Plan

PLAN = Plan(4, seeds=2, generation=2)
MORE = Plan(6, seeds=2, generation=2)


def torn(path):
    path.write_bytes(path.read_bytes()[:-15])


def emptied(path):
    path.write_bytes(b"")


def deleted(path):
    path.unlink()


def not_utf8(path):
    path.write_bytes(b"\xff\xfe" + path.read_bytes())


def nonsense(path):
    path.write_text("[]\n")


DAMAGES = (torn, emptied, deleted, not_utf8, nonsense)


def goes_on(out, warnings, plan=MORE, trained=("0002",), **more):
    """The sweep gone on with: what was warned of, what was trained, and nothing twice."""
    before = {path: path.read_bytes() for path in out.glob("batches/*/results.parquet")}
    said, launched = [], []
    running = sweep(out, plan, warn=said.append, **more)
    running.run(lambda folders: (launched.extend(f.name for f in folders), launch(folders)))
    assert len(said) == len(warnings), said
    for line, wanted in zip(said, warnings, strict=True):
        assert re.search(wanted, line), (wanted, line)
        assert "\n" not in line
    assert launched == list(trained)
    assert all(path.read_bytes() == data for path, data in before.items() if path.parent.name not in launched)
    frame = running.results().filter(pl.col("status") == "done")
    assert frame.height == 2 * plan.trials
    assert frame["trial"].n_unique() == plan.trials
    assert len({tuple(values.values()) for values in running.asked.values()}) == plan.trials
    trials = {t.number: t for t in running.study.get_trials()}
    for number, values in running.asked.items():  # the study knows them all, under these numbers
        assert trials[number].state == optuna.trial.TrialState.COMPLETE
        assert trials[number].params == values
    sweep(out, plan, warn=pytest.fail)  # it is put right once
    return running
