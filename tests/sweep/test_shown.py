"""What a sweep shows when it is done: tables, figures, what was written. Its batches are made up."""

import sys

import pytest
from made_up_sweep import made_up

from eco_jax.cli.main import main


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text('[base]\npreset = "tiny"\n[space]\nalgorithm.actor_lr = { log_uniform = [1e-4, 1e-1] }\n')
    return str(path)


@pytest.fixture
def untrained(monkeypatch):
    """Batches are made up."""
    monkeypatch.setattr("eco_jax.sweep.training.train_batch", lambda folder, *given: made_up(folder))


@pytest.fixture
def unimported():
    """Matplotlib as if it had not been imported yet: on the first import it looks at its variable."""

    def take_out():
        names = [name for name in sys.modules if name.split(".")[0] in ("matplotlib", "mpl_toolkits")]
        return {name: sys.modules.pop(name) for name in names}

    before = take_out()
    yield
    take_out()
    sys.modules.update(before)


@pytest.mark.parametrize(
    "backend", ["module://matplotlib_inline.backend_inline", pytest.param("tkagg", marks=pytest.mark.long)]
)
def test_draws_whatever_the_shell_says(tmp_path, space, backend, untrained, unimported, monkeypatch, capfd):
    monkeypatch.setenv("MPLBACKEND", backend)
    monkeypatch.delenv("DISPLAY", raising=False)
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    out = tmp_path / "out"
    assert main(["sweep", space, "--out", str(out), "--trials", "8"]) == 0
    assert "parallel.png, importance.png" in capfd.readouterr().out
    assert (out / "parallel.png").stat().st_size > 1000


def test_says_only_what_it_wrote(tmp_path, space, untrained, capfd):
    assert main(["sweep", space, "--out", str(tmp_path / "out"), "--trials", "1"]) == 0
    said = capfd.readouterr().out
    assert "results.parquet, leaderboard.csv; to train the best again:" in said
    assert ".png" not in said
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_drawing_that_fails_loses_nothing_else(tmp_path, space, untrained, monkeypatch, capfd):
    def broken(*given):
        raise RuntimeError("no LaTeX here\nand more")

    monkeypatch.setattr("eco_jax.report.sweep.parallel", broken)
    out = tmp_path / "out"
    assert main(["sweep", space, "--out", str(out), "--trials", "8"]) == 0
    said = capfd.readouterr()
    assert "parallel.png: could not be drawn: no LaTeX here\n" in said.err
    assert "leaderboard.csv, importance.png" in said.out
    assert (out / "best.toml").exists()


def test_a_space_of_worlds_says_what_it_finds(tmp_path, untrained, capfd):
    path = tmp_path / "space.toml"
    path.write_text('[base]\npreset = "tiny"\n[space]\nphysics.sync_error = { uniform = [0.1, 1.0] }')
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--trials", "3"]) == 0
    line = "worlds differ in physics.sync_error: the best reward is that of the easiest world, not of the best agent"
    said = capfd.readouterr()
    assert said.err.count(f"warning: {line}") == 1
    assert line in said.out


def test_no_importance_of_settings_that_moved_on(tmp_path, space, untrained, capfd):
    out = tmp_path / "out"
    assert main(["sweep", space, "--out", str(out), "--trials", "8", "--strategy", "pbt"]) == 0
    assert "parallel.png" in capfd.readouterr().out
    assert not (out / "importance.png").exists()
