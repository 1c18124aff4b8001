"""The table and the moving picture of an episode."""

import io

import numpy as np
import polars as pl
import pytest
from episodes import played, world
from PIL import Image

from eco_jax.errors import UserError
from eco_jax.view import film, rows
from eco_jax.view.picture import PAINTS


def test_a_row_for_each_controller_slot_and_user():
    _, params = world()
    text = rows.table([played(), played("greedy-none")], params)
    assert text.startswith(rows.MARK)
    found = pl.read_csv(io.StringIO(text))
    assert found.height == 2 * 6 * 3
    mine = found.filter(pl.col("controller") == "greedy-twin")
    r = played().record
    for name, values in {
        "x_m": r.position[..., 0],
        "latency_s": r.outcome.latency,
        "energy_j": r.outcome.energy,
        "energy_synchronisation_j": r.outcome.terms.synchronisation,
        "reward": r.outcome.reward,
        "executing_server": r.server,
        "migrated": r.decision.migrates,
        "device_true_cycles_per_s": r.devices.true,
    }.items():
        np.testing.assert_allclose(mine[name].to_numpy().reshape(6, 3), values, rtol=1e-5, err_msg=name)
    assert mine["slot"].to_list()[:7] == [0, 0, 0, 1, 1, 1, 2]
    assert mine["time_s"].max() == 25.0
    local = mine.filter(pl.col("executing_server") < 0)
    assert local["server_true_cycles_per_s"].null_count() == local.height
    at = mine.filter(pl.col("executing_server") >= 0).row(0, named=True)
    assert at["server_true_cycles_per_s"] == pytest.approx(
        float(r.servers.true[at["slot"], at["executing_server"]]), rel=1e-5
    )
    assert (mine["missed"].to_numpy().reshape(6, 3) == (r.outcome.latency > r.task.deadline)).all()


def test_a_gif_of_two_controllers(tmp_path):
    env, params = world()
    path = tmp_path / "a.gif"
    film.write([played(), played("greedy-none")], env, params, path, None)
    with Image.open(path) as image:
        assert image.n_frames == 2 * 5 + 1
        assert image.size == (800, 600)
        assert image.info["loop"] == 0
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(5)
        assert (np.abs(np.asarray(image.convert("RGB")) - first) > 40).any()
    for colour in PAINTS:  # those of the legend, at least, are in every frame
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        assert np.abs(first - rgb).max(axis=-1).min() < 12, colour
    assert film.ours(path)
    path.write_bytes(b"GIF89a and my own")
    assert not film.ours(path)


def test_without_ffmpeg_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r'--mp4: needs ffmpeg on the PATH, or `pip install "eco-jax\[view\]"`'):
        film.ffmpeg()


def test_an_mp4(tmp_path, monkeypatch):
    monkeypatch.setattr(film, "MP4_FRAMES", 1)
    try:
        film.ffmpeg()
    except UserError as error:
        pytest.skip(str(error))
    env, params = world()
    film.write([played()], env, params, None, tmp_path / "a.mp4")
    assert film.ours(tmp_path / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_an_ffmpeg_that_fails_leaves_nothing(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(film, "ffmpeg", lambda: str(program))
    with pytest.raises(UserError, match="ffmpeg failed: no such codec"):
        film._mp4(tmp_path / "a.mp4", iter([np.zeros((4, 4, 3), np.uint8)] * 2), 0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]
