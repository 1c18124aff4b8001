"""Checkpoints: what is restored is what was saved, bit for bit, or the run says what is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env.state import Observation
from eco_jax.errors import UserError
from eco_jax.train.checkpoint import Checkpoints, fault, params_sha256, restore, restore_params, steps
from eco_jax.train.loop import TrainState


def state(seed=0, width=4):
    """Of two members, with every kind of leaf that a run has."""
    keys = jax.random.split(jax.random.key(seed), 5)
    layer = {"kernel": jax.random.normal(keys[0], (2, 3, width)), "bias": jnp.zeros((2, width))}
    return TrainState(
        params={"actor": {"dense_0": layer}, "critic": {"dense_0": dict(layer)}},
        optimizer=(jnp.ones(2, jnp.int32), {"mu": jax.random.normal(keys[1], (2, 3))}),
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
    assert (update, params_sha256(params)) == (20, params_sha256(state(2).params))


def test_saved_is_the_state_at_the_call(tmp_path):
    mine = state(1)
    mine.params["actor"]["dense_0"]["bias"] = np.zeros((2, 4), np.float32)
    with Checkpoints(tmp_path) as kept:
        kept.save(1, mine)
        mine.params["actor"]["dense_0"]["bias"][:] = 7.0  # as the next chunk does
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


def test_another_configuration_is_no_match(tmp_path):
    written(tmp_path)
    with pytest.raises(UserError, match="of another configuration"):
        restore(tmp_path, state(width=5), never)
    other = state()
    with pytest.raises(UserError, match="of another configuration: .* arrays"):
        restore(tmp_path, other._replace(optimizer=()), never)
    with pytest.raises(UserError, match="of another network"):
        restore(tmp_path, other._replace(params={"actor": {}}), never)


def test_a_write_that_fails_is_said_and_the_step_before_stays(tmp_path, monkeypatch):
    folder = written(tmp_path, 1)

    def full(*args):
        raise ValueError("RESOURCE_EXHAUSTED: no space left on device")

    kept = Checkpoints(folder)
    monkeypatch.setattr("eco_jax.train.checkpoint._digests", full)
    kept.save(20, state())
    with pytest.raises(OSError, match=r"could not be written .*no space left"):
        kept.wait()
    monkeypatch.undo()
    assert restore(folder, state(), never)[0] == 10
