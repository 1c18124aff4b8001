"""A batch's folder: killed, damaged or run twice, it ends with the same results."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import polars as pl
import pytest

from eco_jax.errors import UserError
from eco_jax.run.folder import Saving, locked
from eco_jax.sweep.batch import DONE, Batch, damage, finished
from eco_jax.sweep.search import packed
from eco_jax.sweep.space import Choice, Space
from eco_jax.sweep.training import Told, train_batch
from eco_jax.train.checkpoint import params_sha256, steps
from eco_jax.train.fit import fit, member, stack_params
from eco_jax.train.interrupt import Interrupted, Stop
from eco_jax.train.loop import Learner

BASE = {
    "preset": "tiny", "train": {"updates": 24, "envs": 4, "rollout": 6, "chunk": 3},
    "network": {"hidden": 8, "layers": 1},
}  # fmt: skip
TRIALS = [
    {"trial": 10 + i, "values": {"algorithm.actor_lr": lr, "physics.side": side, "physics.sync_error": 0.3}}
    for i, (lr, side) in enumerate(((1e-4, 1000), (1e-2, 500), (3e-2, 2000), (2e-2, 1000)))
]
PLAIN = Batch(BASE, "space", TRIALS, [0, 1])
HALVING = dataclasses.replace(PLAIN, strategy={"kind": "halving", "eta": 2, "seed": 0})
PBT = dataclasses.replace(PLAIN, strategy={"kind": "pbt", "eta": 3, "seed": 0}, ranges={"actor_lr": [1e-4, 1e-1]})
MEMORY = dataclasses.replace(HALVING, base=BASE | {"network": {"kind": "gru", "memory": 4, "hidden": 8, "layers": 1}})
PROGRAMS = {}
OFTEN = Saving(every_s=0.0)


KINDS = {"full": PLAIN, "halving": HALVING, "pbt": PBT, "memory": MEMORY}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, id=name, marks=() if name in ("full", "halving") else pytest.mark.long)
        for name, kind in KINDS.items()
    ],
)
def whole(request, tmp_path_factory):
    """A batch, and its folder after a run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    request.param.write(folder)
    train_batch(folder, Saving(), programs=PROGRAMS)
    return request.param, folder


def same(one, other):
    for name in ("results", "curves"):
        first, second = (pl.read_parquet(folder / f"{name}.parquet") for folder in (one, other))
        assert first.equals(second), name


def stopped_after(looks):
    """Told and a stop that ends a run after so many looks."""
    stop, seen = Stop(), []

    def look(done, total, means):
        seen.append(done)
        if len(seen) == looks:
            stop.number = 10

    return Told(look=look), stop


def test_ended_again_and_again_it_comes_to_the_same(whole, tmp_path):
    batch, folder = whole
    batch.write(tmp_path)
    for looks in (1, 2, 3):
        told, stop = stopped_after(looks)
        with pytest.raises(Interrupted):
            train_batch(tmp_path, OFTEN, stop, told, PROGRAMS)
        assert not finished(tmp_path)
    said = []
    train_batch(tmp_path, OFTEN, told=Told(said=said.append), programs=PROGRAMS)
    assert said == ["going on after update 18"]
    same(folder, tmp_path)


def test_a_damaged_checkpoint_is_passed_over(whole, tmp_path):
    batch, folder = whole
    batch.write(tmp_path)
    told, stop = stopped_after(3)
    with pytest.raises(Interrupted):
        train_batch(tmp_path, OFTEN, stop, told, PROGRAMS)
    newest = tmp_path / "checkpoint" / str(steps(tmp_path / "checkpoint")[-1])
    victim = max((path for path in (newest / "state").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    warned = []
    train_batch(tmp_path, OFTEN, told=Told(warn=warned.append), programs=PROGRAMS)
    assert len(warned) == 1
    assert str(victim) in warned[0]
    same(folder, tmp_path)


def test_what_is_done_is_not_done_again(whole):
    _, folder = whole
    train_batch(folder, Saving(), told=Told(look=lambda *_: pytest.fail("trained again")))


def test_tables_that_are_damaged_are_written_again_and_nothing_is_trained(whole, tmp_path):
    _, folder = whole
    shutil.copytree(folder, tmp_path / "copy")
    copy = tmp_path / "copy"
    assert damage(copy) is None
    for name in ("results.parquet", "curves.parquet"):
        (copy / name).write_bytes((copy / name).read_bytes()[:-15])
        assert damage(copy) == f"{copy / name}: not as it was written"
        (copy / DONE).unlink()
        train_batch(copy, Saving(), told=Told(look=lambda *_: pytest.fail("trained again")), programs=PROGRAMS)
        assert damage(copy) is None
        same(folder, copy)


def test_a_folder_is_for_one_process(tmp_path):
    PLAIN.write(tmp_path)
    with locked(tmp_path), pytest.raises(UserError, match="another process trains there"):
        train_batch(tmp_path, Saving())


def test_results_and_curves(whole):
    _, folder = whole
    rows, curves = (pl.read_parquet(folder / f"{name}.parquet") for name in ("results", "curves"))
    assert rows["trial"].to_list() == [10, 10, 11, 11, 12, 12, 13, 13]
    assert rows["seed"].to_list() == [0, 1] * 4
    assert rows["params_sha256"].n_unique() == 8
    for row in rows.iter_rows(named=True):
        own = curves.filter((pl.col("trial") == row["trial"]) & (pl.col("seed") == row["seed"]))
        assert own["update"].to_list() == list(range(3, row["updates"] + 1, 3))
        assert row["reward"] == pytest.approx(own["reward"][-1], rel=1e-6)  # a tenth of 8 looks is the last one
        assert row["cause"] is None


@pytest.mark.long
@pytest.mark.parametrize("whole", [PLAIN], indirect=True)
def test_each_member_of_a_sweep_over_the_side_is_what_it_is_alone(whole):
    """The servers' sites follow from the side."""
    batch, folder = whole
    place = 2
    config = batch.configs()[place]
    env, params = config.make()
    alone = fit(Learner(env, config.train), params, [config.algorithm()], [jax.random.key(1)])
    row = pl.read_parquet(folder / "results.parquet").row(2 * place + 1, named=True)
    assert (row["trial"], row["seed"], row["physics.side"]) == (10 + place, 1, config.values["physics.side"])
    assert row["params_sha256"] == params_sha256(member(alone.state.agent.params, 0))


def test_worlds_of_other_files_are_other_programs_and_each_its_own(tmp_path):
    """Sites in files of equal length: nothing of one is another's."""
    rng = np.random.default_rng(0)
    files = [tmp_path / f"{i}.csv" for i in range(2)]
    for path in files:
        np.savetxt(path, rng.uniform(100, 900, (6, 2)), delimiter=",")
    space = Space(BASE, {"sites": Choice(tuple(map(str, files))), "physics.side": Choice((1000, 1200))}, "space")
    trials = [(space.make(values), {"trial": i, "values": values}) for i, values in enumerate(space.grid())]
    groups = packed(trials, 64)
    assert [[row["trial"] for row in rows] for rows in groups] == [[0, 1], [2, 3]]
    for rows, path in zip(groups, files, strict=True):
        group = Batch(BASE, "space", rows, [0]).group()
        stacked, axes = stack_params(group.worlds, group.own)
        assert (axes.sites, axes.side) == (None, 0)
        np.testing.assert_allclose(stacked.sites, np.loadtxt(path, delimiter=","), rtol=1e-6)
        assert group.worlds[1].sites is group.worlds[0].sites  # kept once


def test_halving_ends_early_what_is_worse(tmp_path):
    HALVING.write(tmp_path)
    train_batch(tmp_path, Saving(), programs=PROGRAMS)
    rows = pl.read_parquet(tmp_path / "results.parquet")
    curves = pl.read_parquet(tmp_path / "curves.parquet")
    # 8 looks, rungs after 2 and 4: 4 trials, 2, 1.
    ends = rows.group_by("trial").agg(pl.col("updates").unique(), pl.col("status").unique()).sort("trial")
    assert sorted(ends["updates"].explode().to_list()) == [6, 6, 12, 24]
    assert rows.filter(pl.col("status") == "done")["updates"].to_list() == [24, 24]
    means = curves.filter(pl.col("update") == 6).group_by("trial").agg(pl.col("reward").mean()).sort("reward")
    assert set(means["trial"][:2]) == set(rows.filter(pl.col("updates") == 6)["trial"])


def test_population_based_training_moves_settings(tmp_path):
    PBT.write(tmp_path)
    train_batch(tmp_path, Saving(), programs=PROGRAMS)
    rows = pl.read_parquet(tmp_path / "results.parquet")
    given = [t["values"]["algorithm.actor_lr"] for t in TRIALS for _ in range(2)]
    changed = [not np.isclose(a, b, rtol=1e-6) for a, b in zip(given, rows["algorithm.actor_lr"], strict=True)]
    assert any(changed)
    assert not all(changed)
    assert rows["algorithm.actor_lr"].is_between(0.9999e-4, 1.0001e-1).all()
    assert set(rows["status"]) == {"done"}


def test_a_member_that_fails_is_marked_and_the_others_train_on(tmp_path, monkeypatch):
    real = Batch.group

    def broken(self):
        group = real(self)
        worlds = list(group.worlds)
        worlds[2] = dataclasses.replace(worlds[2], sync_error=worlds[2].sync_error * np.nan)
        return dataclasses.replace(group, worlds=worlds)

    monkeypatch.setattr(Batch, "group", broken)
    PLAIN.write(tmp_path)
    told, stop = stopped_after(2)
    with pytest.raises(Interrupted):
        train_batch(tmp_path, OFTEN, stop, told, PROGRAMS)
    train_batch(tmp_path, OFTEN, programs=PROGRAMS)
    rows = pl.read_parquet(tmp_path / "results.parquet")
    assert rows["status"].to_list() == ["done", "done", "failed", *["done"] * 5]
    assert rows["cause"][2].startswith("update 0: ")  # known after going on, too
    assert rows["reward"][2] is None
    assert rows["reward"].null_count() == 1


def test_a_full_disk_stops_with_a_clear_message(tmp_path, monkeypatch):
    PLAIN.write(tmp_path)
    told, stop = stopped_after(2)
    with pytest.raises(Interrupted):
        train_batch(tmp_path, OFTEN, stop, told, PROGRAMS)

    def full(self, *given):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("eco_jax.train.checkpoint.Checkpoints._write", full)
    with pytest.raises(OSError, match="No space left"):
        train_batch(tmp_path, OFTEN, programs=PROGRAMS)
    monkeypatch.undo()
    assert json.loads((tmp_path / "batch.json").read_text())["seeds"] == [0, 1]
    said = []
    train_batch(tmp_path, Saving(), told=Told(said=said.append), programs=PROGRAMS)
    assert said == ["going on after update 6"]
