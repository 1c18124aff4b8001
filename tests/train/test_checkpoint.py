"""Checkpoints: what is restored is what was saved, bit for bit, or the run says what is wrong."""

import os
import shutil
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms import Agent
from eco_jax.env.state import Observation
from eco_jax.errors import UserError
from eco_jax.train.checkpoint import Checkpoints, fault, params_sha256, restore, restore_params, steps
from eco_jax.train.loop import TrainState


def state(seed=0, width=4):
    """Of two members, with every kind of leaf that a run has."""
    keys = jax.random.split(jax.random.key(seed), 5)
    layer = {"kernel": jax.random.normal(keys[0], (2, 3, width)), "bias": jnp.zeros((2, width))}
    return TrainState(
        agent=Agent(
            {"actor": {"dense_0": layer}, "critic": {"dense_0": dict(layer)}},
            (jnp.ones(2, jnp.int32), {"mu": jax.random.normal(keys[1], (2, 3))}),
        ),
        carry=(),
        observation=Observation(jax.random.normal(keys[2], (2, 5)), jnp.ones((2, 5), bool)),
        env_state={"t": jnp.array([3, 4]), "key": jax.random.split(keys[3], 2)},
        key=jax.random.split(keys[4], 2),
    )


def bits(tree):
    raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(tree)]
    return [(np.asarray(leaf).dtype, np.asarray(leaf).tobytes()) for leaf in raw]


def written(folder, count=2, **kwargs):
    with Checkpoints(folder, **kwargs) as kept:
        for update in range(1, count + 1):
            kept.save(10 * update, state(update), score=float(update))
    return folder


def never(text):
    raise AssertionError(text)


def test_what_is_restored_is_what_was_saved(tmp_path):
    written(tmp_path)
    update, found = restore(tmp_path, state(), never)
    assert update == 20
    assert jax.tree.structure(found) == jax.tree.structure(state())
    assert bits(found) == bits(state(2))
    update, params = restore_params(tmp_path, never)
    assert (update, params_sha256(params)) == (20, params_sha256(state(2).agent.params))


def test_saved_is_the_state_at_the_call(tmp_path):
    mine = state(1)
    mine.agent.params["actor"]["dense_0"]["bias"] = np.zeros((2, 4), np.float32)
    with Checkpoints(tmp_path) as kept:
        kept.save(1, mine)
        mine.agent.params["actor"]["dense_0"]["bias"][:] = 7.0  # as the next chunk does
    assert not restore_params(tmp_path, never)[1]["actor"]["dense_0"]["bias"].any()


def test_nothing_there(tmp_path):
    assert restore(tmp_path / "nothing", state(), never) is None
    with pytest.raises(UserError, match="no complete checkpoint there"):
        restore_params(tmp_path, never)


def test_the_newest_and_the_best_are_kept(tmp_path):
    with Checkpoints(tmp_path, keep=2) as kept:
        for update, score in enumerate((0.1, 0.9, 0.3, 0.5, 0.2), 1):
            kept.save(update, state(), score)
    assert steps(tmp_path) == [2, 4, 5]


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [cut, flip, lambda path: path.unlink()], ids=["cut", "flipped", "deleted"])
def test_each_broken_file_is_found_and_the_step_before_taken(tmp_path, harm):
    folder = written(tmp_path)
    files = [path for path in (folder / "20").rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) > 3
    for path in files:
        whole = path.read_bytes()
        harm(path)
        said = []
        update, found = restore(folder, state(), said.append)
        assert update == 10, path
        assert bits(found) == bits(state(1))
        assert len(said) == 1
        assert str(path) in said[0]
        path.write_bytes(whole)
    assert restore(folder, state(), never)[0] == 20


def test_a_file_too_many_is_a_fault(tmp_path):
    folder = written(tmp_path, 1)
    (folder / "10" / "state" / "more").write_text("")
    assert "more: not as it was written" in fault(folder / "10")


def test_all_broken_stops_with_the_file_named(tmp_path):
    folder = written(tmp_path, 1)
    flip(folder / "10" / "manifest.json")
    with pytest.raises(UserError, match=r"10.*no intact checkpoint is left"):
        restore(folder, state(), lambda text: None)


def test_what_was_never_finished_is_cleared_away(tmp_path):
    (tmp_path / "30.part").mkdir()
    folder = written(tmp_path)
    assert not (folder / "30.part").exists()
    assert steps(folder) == [10, 20]


def test_a_broken_step_is_written_again(tmp_path):
    folder = written(tmp_path)
    flip(folder / "20" / "manifest.json")
    with Checkpoints(folder) as kept:
        kept.save(20, state(5))
    assert bits(restore(folder, state(), never)[1]) == bits(state(5))


def test_newer_broken_steps_take_no_place(tmp_path):
    folder = written(tmp_path, 3)
    cut(next(path for path in (folder / "30" / "state").rglob("*") if path.is_file() and path.stat().st_size))
    with Checkpoints(folder, keep=2) as kept:
        for update, there in ((22, [20, 22, 30]), (24, [20, 22, 24, 30]), (32, [20, 24, 30, 32]), (34, [20, 32, 34])):
            kept.save(update, state(), 0.0)  # 20 is the best
            kept.wait()
            assert steps(folder) == there
            assert restore(folder, state(), lambda text: None)[0] == update


def test_another_configuration_is_no_match(tmp_path):
    written(tmp_path)
    with pytest.raises(UserError, match="of another configuration"):
        restore(tmp_path, state(width=5), never)
    other = state()
    with pytest.raises(UserError, match="of another configuration: .* arrays"):
        restore(tmp_path, other._replace(agent=other.agent._replace(optimizer=())), never)
    with pytest.raises(UserError, match="of another network"):
        restore(tmp_path, other._replace(agent=other.agent._replace(params={"actor": {}})), never)
    with pytest.raises(UserError, match="of another configuration: .*, not key<"):
        restore(tmp_path, other._replace(observation=other.observation._replace(mask=other.key)), never)


def test_a_write_that_fails_is_said_and_the_step_before_stays(tmp_path, monkeypatch):
    folder = written(tmp_path, 1)

    def full(*args):
        raise ValueError("RESOURCE_EXHAUSTED: no space left on device")

    kept = Checkpoints(folder)
    monkeypatch.setattr("eco_jax.train.manifest.digests", full)
    kept.save(20, state())
    with pytest.raises(OSError, match=r"could not be written: No space left"):
        kept.wait()
    monkeypatch.undo()
    assert restore(folder, state(), never)[0] == 10
    assert [path.name for path in folder.iterdir()] == ["10"]  # what was half written is gone


def test_a_full_disk_is_one_error_and_no_tracebacks(tmp_path, caplog, capfd, monkeypatch):
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda error: unraisable.append(str(error.exc_value)))
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("may not mount a small disk (needs root)")
    try:
        folder = written(disk / "checkpoint", 1)
        kept = Checkpoints(folder)
        kept.save(20, state(width=100_000))
        with pytest.raises(OSError, match="No space left on device; what was kept before is intact"):
            kept.wait()
        assert restore(folder, state(), never)[0] == 10
        assert steps(folder) == [10]
        time.sleep(0.1)  # Orbax's threads have their say
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert (unraisable, capfd.readouterr().err) == ([], "")


def test_a_step_under_another_name_is_none(tmp_path):
    folder = written(tmp_path)
    (folder / "20").rename(folder / "25")
    said = []
    update, found = restore(folder, state(), said.append)
    assert (update, bits(found)) == (10, bits(state(1)))
    assert said == [f"{folder / '25'}: holds update 20, not 25; going back to the checkpoint before"]
    shutil.rmtree(folder / "10")
    with pytest.raises(UserError, match="holds update 20, not 25"):
        restore(folder, state(), said.append)


def test_a_step_of_another_run_is_none(tmp_path):
    mine, other = written(tmp_path / "mine", 1, run="mine"), written(tmp_path / "other", 2, run="other")
    shutil.copytree(other / "20", mine / "20")
    said = []
    assert restore(mine, state(), said.append, "mine")[0] == 10
    assert said == [f"{mine / '20'}: is a step of another run; going back to the checkpoint before"]
    assert restore_params(mine, said.append, "mine")[0] == 10
    unnamed = written(tmp_path / "unnamed")  # as before runs had names
    assert restore(unnamed, state(), never, "mine")[0] == 20
    assert restore(mine, state(), never)[0] == 20


def test_what_is_not_this_runs_takes_no_place(tmp_path):
    folder = written(tmp_path, 2)
    (folder / "20").rename(folder / "999")
    (folder / "010").mkdir()
    (folder / "\u00b2").mkdir()  # a digit, and no number
    with Checkpoints(folder, keep=2) as kept:
        for update in (20, 30, 40):
            kept.save(update, state())
    assert steps(folder) == [10, 30, 40, 999]  # 10 is the best


@pytest.mark.parametrize("what", ["", "20/manifest.json", "20/state", "20/state/d"])
def test_what_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch, what):
    folder = written(tmp_path)
    locked = folder / what if what else folder
    scan, read = os.scandir, type(folder).read_bytes

    def refused(path):
        if os.fspath(path) == str(locked):
            raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", lambda path: refused(path) or scan(path))
    monkeypatch.setattr(type(folder), "read_bytes", lambda path: refused(path) or read(path))
    with pytest.raises(UserError, match="cannot be read: Permission denied") as caught:
        restore(folder, state(), never)
    assert str(locked) in str(caught.value)


def test_a_file_in_the_folders_place_is_no_empty_folder(tmp_path):
    (tmp_path / "checkpoint").write_text("")
    with pytest.raises(UserError, match="checkpoint: cannot be read: Not a directory"):
        restore(tmp_path / "checkpoint", state(), never)


def test_what_orbax_cannot_read_is_one_line(tmp_path, monkeypatch):
    folder = written(tmp_path, 1)

    class Other:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def restore(self, path):
            raise ValueError("written by a newer Orbax\nand more")

    monkeypatch.setattr("eco_jax.train.checkpoint._orbax", Other)
    with pytest.raises(UserError, match=r"10: is as it was written, but cannot be restored: written by a newer Orbax$"):
        restore(folder, state(), never)
