"""A sweep's folder torn, emptied, robbed or mixed up: put right with one warning, or refused in one line."""

import json
import shutil

import pytest
from damaged_sweep import DAMAGES, MORE, PLAN, deleted, emptied, goes_on
from made_up_sweep import AXES, BASE, SPACE, launch, sweep

from eco_jax import files
from eco_jax.errors import UserError
from eco_jax.sweep import training
from eco_jax.sweep.batch import Batch
from eco_jax.sweep.plan import Plan
from eco_jax.sweep.space import Choice, Space
from eco_jax.sweep.state import check_folder


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("finished", [True, False])
def test_the_note_of_a_sweep(request, finished, damage):
    out = request.getfixturevalue("out" if finished else "half")
    before = json.loads((out / "sweep.json").read_text())
    damage(out / "sweep.json")
    why = "missing" if damage is deleted else "torn, or no sweep's"
    goes_on(
        out, [f"sweep.json: {why}; made again from the batches"], trained=("0002",) if finished else ("0001", "0002")
    )
    assert json.loads((out / "sweep.json").read_text()) == before


def test_the_note_of_another_sweep(out, tmp_path):
    sweep(tmp_path / "other", PLAN)
    shutil.copy(tmp_path / "other" / "sweep.json", out / "sweep.json")
    goes_on(out, ["sweep.json: of another sweep; made again from the batches"])


def test_a_file_of_that_name_that_nothing_is_known_of(tmp_path):
    (tmp_path / "sweep.json").write_text('{"method": "bayes"}')
    with pytest.raises(UserError, match=r"sweep\.json: torn, or no sweep's, and no batch says what it was"):
        sweep(tmp_path)
    assert (tmp_path / "sweep.json").read_text() == '{"method": "bayes"}'


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_batch_that_is_done_is_known_by_its_results(out, damage):
    before = Batch.read(out / "batches" / "0000")
    damage(out / "batches" / "0000" / "batch.json")
    goes_on(out, [r"0000/batch\.json: .*; made again from its results"])
    after = Batch.read(out / "batches" / "0000")
    assert list(after.trials) == list(before.trials)
    assert (after.seeds, after.objective, after.strategy) == (before.seeds, before.objective, before.strategy)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_batch_that_is_not_done_is_set_aside(half, damage):
    (half / "batches" / "0001" / "checkpoint").mkdir()
    damage(half / "batches" / "0001" / "batch.json")
    running = goes_on(
        half,
        [r"0001/batch\.json: .*; its trials are asked anew \(what was there: .*0001\.lost\)"],
        trained=("0002", "0003"),
    )
    assert sorted(running.asked) == [0, 1, 4, 5, 6, 7]  # numbers are not used twice
    assert (half / "batches" / "0001.lost" / "checkpoint").exists()


def test_lists_in_a_batch_known_by_its_results(tmp_path):
    axes = {"env.beta_levels": Choice(([0.5, 1.0], [1.0]))}
    grid = Plan(2, sampler="grid"), Space(BASE, axes, "space.toml")
    sweep(tmp_path, *grid).run(launch)
    (tmp_path / "batches" / "0000" / "batch.json").unlink()
    assert list(sweep(tmp_path, *grid).asked.values()) == [{"env.beta_levels": [0.5, 1.0]}, {"env.beta_levels": [1.0]}]


def test_a_batch_of_another_sweep(out, tmp_path):
    sweep(tmp_path / "other", PLAN).run(launch)
    shutil.copy(tmp_path / "other" / "batches" / "0001" / "batch.json", out / "batches" / "0001" / "batch.json")
    with pytest.raises(UserError, match=r"0001/batch\.json: of another sweep; put back the right one"):
        sweep(out, MORE)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["results.parquet", "finished.json"])
def test_tables_that_cannot_be_read_are_written_again(out, name, damage):
    damage(out / "batches" / "0000" / name)
    unknown = name == "finished.json" and damage is deleted  # as if it had ended just before
    goes_on(out, [] if unknown else [rf"0000/{name}: .*; trained again"], trained=("0000", "0002"))


def test_results_of_another_sweep(out, tmp_path):
    sweep(tmp_path / "other", PLAN).run(launch)
    for name in ("results.parquet", "finished.json"):
        shutil.copy(tmp_path / "other" / "batches" / "0000" / name, out / "batches" / "0000" / name)
    goes_on(out, [r"0000/finished\.json: of another sweep; trained again"], trained=("0000", "0002"))


@pytest.mark.parametrize("damage", [*DAMAGES, "of another sweep"])
def test_refused_trials_are_asked_anew(tmp_path, damage):
    axes = {"env.candidates": Choice((2, 6)), "env.servers": Choice((4, 8))}
    grid = Plan(4, sampler="grid"), Space(BASE, axes, "space.toml")
    out = tmp_path / "sweep"
    sweep(out, *grid).run(launch)
    path = out / "refused.json"
    if damage == "of another sweep":
        sweep(tmp_path / "other", *grid).run(launch)
        shutil.copy(tmp_path / "other" / "refused.json", path)
    else:
        damage(path)
    said = []
    again = sweep(out, *grid, warn=said.append)
    again.run(lambda folders: pytest.fail("trained twice"))
    assert len(said) == (damage is not deleted)
    assert again.results()["status"].to_list() == ["done", "done", "done", "refused"]
    assert again.results()["trial"].to_list() == [0, 1, 3, 4]


def test_everything_lost_but_the_results(out):
    for path in (out / "sweep.json", out / "journal.log", out / "batches" / "0000" / "batch.json"):
        emptied(path)
    goes_on(out, ["sweep.json: torn", r"batch\.json: torn", "4 of 4 trials were missing"])


def test_killed_at_every_step(done, tmp_path, monkeypatch):
    """The process ends at the k-th file that takes its place, whatever it is, and goes on: no number changes."""

    class Killed(BaseException):
        pass

    def numbers(out):
        frame = sweep(out, PLAN).results()
        return frame.drop("trial", "params_sha256").rows(), frame["trial"].n_unique()

    replace = files.os.replace
    ended = 0
    for k in range(100):
        out, left = tmp_path / str(k), [k]

        def killed(part, path, left=left):
            if left[0] == 0:
                shutil.copy(part, f"{part}.left.part")  # a real end leaves it there
                raise Killed
            left[0] -= 1
            replace(part, path)

        monkeypatch.setattr(files.os, "replace", killed)
        try:
            sweep(out, PLAN).run(launch)
        except Killed:
            ended += 1
        monkeypatch.setattr(files.os, "replace", replace)
        sweep(out, PLAN, warn=pytest.fail).run(launch)
        assert numbers(out) == numbers(done)
        if ended == k:
            break
    assert ended > 5


def test_where_a_sweep_may_live(tmp_path, done):
    check_folder(tmp_path / "new", False)
    (tmp_path / "left").mkdir()
    for name in (".lock", "journal.log", "sweep.json.123.part"):
        (tmp_path / "left" / name).touch()
    check_folder(tmp_path / "left", False)
    check_folder(done, True, [tmp_path / "space.toml"])


@pytest.mark.parametrize(
    "name", ["thesis.tex", "best.toml", "space.toml", "config.toml", "results.parquet", "refused.json"]
)
def test_no_other_files_are_written_over(tmp_path, name):
    (tmp_path / name).write_text("years of work")
    for resume in (True, False):
        with pytest.raises(UserError, match=rf"is not empty and holds no sweep \(it holds {name}\)"):
            check_folder(tmp_path, resume)


def test_no_sweep_in_another_or_over_what_it_reads(tmp_path, done):
    with pytest.raises(UserError, match="holds a sweep already; --resume"):
        check_folder(done, False)
    for inside in (done / "batches" / "0000", done / "more"):
        with pytest.raises(UserError, match="the folder of a run or a sweep"):
            check_folder(inside, False)
    with pytest.raises(UserError, match="best.toml: is read from"):
        check_folder(done, True, [done / "best.toml"])
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    (tmp_path / "run" / "config.toml").touch()
    with pytest.raises(UserError, match="the folder of a run or a sweep"):
        check_folder(tmp_path / "run" / "sweep", False)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file; --out needs a folder"):
        check_folder(tmp_path / "file", False)


def test_a_sweep_that_has_not_begun_is_gone_on_with(tmp_path):
    """Its jobs could not be submitted, say: the same command works as soon as they can."""
    running = sweep(tmp_path, PLAN)
    with pytest.raises(UserError, match="no sbatch"):
        running.run(no_jobs)
    check_folder(tmp_path, False)
    goes_on(tmp_path, [], plan=PLAN, trained=("0000", "0001"))


def no_jobs(folders):
    raise UserError("no sbatch")


def test_what_a_run_reads_is_what_it_was(tmp_path):
    """`trace` and `sites` of the base: recorded absolute with their hash, compared by the sweep and by every batch."""
    sites = tmp_path / "sites.csv"
    sites.write_text("".join(f"{100 * i},{100 * i}\n" for i in range(1, 7)))
    space = Space({**BASE, "sites": str(sites)}, AXES, "space.toml")
    out = tmp_path / "sweep"
    running = sweep(out, Plan(2), space)
    running._ask(2)
    assert running.note["inputs"] == {str(sites): files.sha256(sites)}
    assert Batch.read(running.batches[0]).inputs == {"sites_sha256": files.sha256(sites)}
    sites.write_text(sites.read_text().replace("100,100", "150,150"))
    with pytest.raises(UserError, match=r"sites\.csv is not the file that the sweep began with"):
        sweep(out, Plan(2), space)
    with pytest.raises(UserError, match=r"sites\.csv: is not the file that .*batch\.json was made with"):
        training.train_batch(running.batches[0], None)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        (
            Space(BASE, {**AXES, "algorithm.clip": Choice((1.0,))}, "x"),
            r"\[space\] algorithm.clip = nothing there, .* here",
        ),
        (Space({**BASE, "train": {"rollout": 12}}, AXES, "x"), r"\[base\] train.rollout = 6 there, 12 here"),
        (Space({"preset": "tiny"}, AXES, "x"), r"\[base\] train.rollout = 6 there, nothing here"),
    ],
)
def test_a_changed_space_is_refused_and_what_changed_is_named(done, space, said):
    with pytest.raises(UserError, match=f"{said}: a sweep goes on as it began"):
        sweep(done, PLAN, space)
    sweep(done, PLAN, Space(BASE, AXES, "the same in another file"))
    sweep(done, PLAN, SPACE)
