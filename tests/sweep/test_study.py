"""Optuna's storage torn, emptied, lost or of another sweep: put back from the batches, or refused in one line."""

import json
import shutil

import pytest
from damaged_sweep import DAMAGES, PLAN, deleted, emptied, goes_on, torn
from made_up_sweep import launch, sweep

from eco_jax.errors import UserError
from eco_jax.sweep.plan import Plan
from eco_jax.sweep.study import absolute, check_storage, journal_fault


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("finished", [True, False])
def test_the_journal(request, finished, damage):
    out = request.getfixturevalue("out" if finished else "half")
    damage(out / "journal.log")
    lost = damage in (emptied, deleted)
    warning = (
        r"journal\.log: 4 of 4 trials were missing: put back" if lost else r"journal\.log: line \d+ is torn, or none"
    )
    goes_on(out, [warning], trained=("0002",) if finished else ("0001", "0002"))


def test_a_journal_of_another_sweep(out, tmp_path):
    sweep(tmp_path / "other", PLAN).run(launch)
    shutil.copy(tmp_path / "other" / "journal.log", out / "journal.log")
    goes_on(out, ["4 of 4 trials were missing: put back from the batches"])


def test_a_journal_without_a_line(out):
    lines = (out / "journal.log").read_text().splitlines(keepends=True)
    created = [i for i, line in enumerate(lines) if json.loads(line)["op_code"] == 4]
    (out / "journal.log").write_text("".join(line for i, line in enumerate(lines) if i != created[1]))
    goes_on(out, ["made again from the batches"])


def test_an_older_journal(out, done):
    lines = (out / "journal.log").read_text().splitlines(keepends=True)
    created = [i for i, line in enumerate(lines) if json.loads(line)["op_code"] == 4]
    (out / "journal.log").write_text("".join(lines[: created[2]]))
    goes_on(out, ["2 of 4 trials were missing"])


def test_cmaes_begins_anew_and_says_so(tmp_path):
    plan = Plan(4, sampler="cmaes", generation=4)
    sweep(tmp_path, plan).run(launch)
    (tmp_path / "journal.log").unlink()
    said = []
    sweep(tmp_path, plan, warn=said.append)
    assert said[0].endswith("put back from the batches; cmaes begins its search anew")


@pytest.mark.parametrize("damage", DAMAGES[:-2])
def test_a_storage_of_others_is_refused_or_gets_what_it_lacks(tmp_path, damage):
    storage = tmp_path / "shared"
    sweep(tmp_path / "a", PLAN, storage=str(storage), study="both").run(launch)
    damage(storage)
    if damage is torn:
        with pytest.raises(UserError, match=r"--storage .*shared: line \d+ is torn"):
            sweep(tmp_path / "a", PLAN)
        return
    goes_on(tmp_path / "a", ["shared: 4 of 4 trials were missing"])


def test_a_storage_is_checked_before_anything_is_written(tmp_path):
    (tmp_path / "notes.jsonl").write_text('{"update": 1}\n')
    for storage, said in (
        (tmp_path / "no" / "journal", "there is no folder"),
        (tmp_path, "Is a directory"),
        (tmp_path / "notes.jsonl", "line 1 is torn, or none of a journal of Optuna"),
        ("nothing://x", "Could not parse|Can't load|driver|plugin"),
        (f"sqlite:///{tmp_path}/no/db", "unable to open database file"),
    ):
        with pytest.raises(UserError, match=f"--storage .*({said})") as error:
            check_storage(str(storage))
        assert "\n" not in str(error.value)
    check_storage(str(tmp_path / "journal"))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.jsonl"]


def test_a_storage_means_the_same_in_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("journal") == str(tmp_path / "journal")
    assert absolute("sqlite:///db") == f"sqlite:///{tmp_path}/db"
    for name in (f"sqlite:///{tmp_path}/db", "mysql://host/db", "sqlite:///:memory:"):
        assert absolute(name) == name
    assert journal_fault(tmp_path / "nothing") is None
