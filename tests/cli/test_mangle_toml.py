"""Mangled TOML files: settings, or one line."""

import time
from collections import Counter

import made_up_trace
import pytest
from mangle_toml import mangled

from eco_jax.cli.main import main, settings_of
from eco_jax.env.parts import Cost
from eco_jax.errors import UserError
from eco_jax.parts import forget, register
from eco_jax.run import settings
from eco_jax.train.loop import Learner


class Toll(Cost):
    """So that a file may ask for a cost."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made_up_trace.write(tmp_path / "taxis.npz", side=1000.0)
    (tmp_path / "sites.csv").write_text("x,y\n" + "".join(f"{100 * i},{70 * i}\n" for i in range(1, 10)))
    register("cost", "toll")(Toll)
    yield tmp_path
    forget("cost", "toll")


def look(capsys, folder, number):
    """What becomes of a file: a world that can be learnt in, or the line that the command line prints of it."""
    path = folder / "settings.toml"
    path.write_bytes(mangled(number))
    began, line = time.monotonic(), ""
    try:
        config = settings_of(["--config", str(path)]).config()
        env, _ = config.make()
        Learner(env, config.train)
        config.algorithm().check(config.train, env)
    except UserError as error:
        line = str(error)
    if line:
        assert line.isprintable()
        assert len(line) < 2000
        assert main(["train", "--config", str(path), "--out", str(folder / "run")]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err == f"eco-jax train: {line}\n"
        assert not (folder / "run").exists()
        said = "refused"
    else:
        settings.to_toml(config, {"seed": 0}).encode()
        said = "taken"
    assert time.monotonic() - began < 5
    return said


def test_a_mangled_file_is_settings_or_one_line(capsys, folder):
    found = Counter(look(capsys, folder, number) for number in range(60))
    assert min(found["refused"], found["taken"]) > 3


@pytest.mark.mangle
def test_thousands_of_mangled_files(capsys, folder):
    found = Counter(look(capsys, folder, number) for number in range(2000))
    with capsys.disabled():
        print(f"\n2000 mangled TOML files: {dict(found)}")
    assert min(found["refused"], found["taken"]) > 100
