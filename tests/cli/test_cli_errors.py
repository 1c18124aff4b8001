"""Bad input: one clear line, exit code 2, nothing lost."""

import os
import subprocess
import sys

import pytest

from eco_jax.cli.main import main

GOOD = ["--preset", "tiny", "--train.updates", "2", "--train.rollout", "6"]


def fails(capsys, argv):
    code = main(argv)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err.strip()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--preset", "nope"], "preset 'nope': must be one of "),
        (["--env.userz", "3"], "--env.userz"),
        (["--env.users", "many"], "--env.users: must be an integer, not 'many'"),
        (["--physics.bandwidth", "wide"], "--physics.bandwidth: must be a number, not 'wide'"),
        (["--env.users", "0"], "env.users = 0: must lie in [1, 100000]"),
        (["--env.access", "satellite"], "'satellite' for argument '--env.access'"),
        (["--physics.bandwidth", "-1"], "physics.bandwidth = -1 MHz: must lie in [1e-06, 1e+06]"),
        (["--physics.slowdown-mean", "0.7"], "must lie in [0, 0.428571) at slowdown_mean = 0.7"),
        (["--physics.speed-min", "90"], "physics.speed_min = 90: must be at most physics.speed_max = 60"),
        (["--env.candidates", "46"], "env.candidates = 46: must lie in [1, 45]"),
        (["--hyper.discount", "2"], "hyper.discount = 2: must lie in [0, 1]"),
        (["--train.rollout", "7"], "train.rollout = 7: must divide the episode of 60 slots"),
        (["--seeds", "0"], "seeds at least 1"),
        (["--trace", "missing.npz"], "missing.npz"),
        (["--config", "missing.toml"], "missing.toml: cannot be read"),
        (["--config", "x.toml", "--preset", "tiny"], "--preset and --config: give one of them, not both"),
    ],
)
def test_train_names_what_is_wrong(capsys, tmp_path, flags, said):
    out = tmp_path / "run"
    assert said in fails(capsys, ["train", "--out", str(out), *flags])
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[env]\nuserz = 3", "env.userz: unknown setting; did you mean users"),
        ("[env]\nusers = 'three'", "env.users = 'three': must be an int"),
        ("[env]\nusers = 2.5", "env.users = 2.5: must be an int"),
        ("[physics]\nbandwidth = true", "physics.bandwidth = True: must be a number"),
        ("[env]\nbeta_levels = ['all']", "env.beta_levels = ['all']: must be a list of numbers"),
        ("[env]\naccess = 'none'", "env.access = 'none': must be one of nearest, direct"),
        ("preset = 'mars'", "preset = 'mars': must be one of "),
        ("knowledge = 'all'", "knowledge = 'all': must be one of none, telemetry, twin, truth"),
        ("env = 3", "env: must be a table of settings"),
        ("nonsense", "not a TOML file"),
        ("[trian]\nupdates = 3", "trian: unknown setting; did you mean train"),
    ],
)
def test_toml_names_file_and_field(capsys, tmp_path, text, said):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    line = fails(capsys, ["train", "--out", str(tmp_path / "run"), "--config", str(path)])
    assert said in line
    assert str(path) in line


def test_a_run_is_never_overwritten_without_force(capsys, tmp_path):
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "summary.json").write_text("precious")
    assert "holds a run already" in fails(capsys, ["train", "--out", str(tmp_path), *GOOD])
    assert (tmp_path / "summary.json").read_text() == "precious"


def test_a_folder_of_something_else_is_never_emptied(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    assert "holds no run" in fails(capsys, ["train", "--out", str(tmp_path), "--force", *GOOD])
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file" in fails(capsys, ["train", "--out", str(tmp_path / "file"), *GOOD])


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody may write to")
def test_where_nothing_may_be_written(capsys):
    assert "/proc/eco" in fails(capsys, ["train", "--out", "/proc/eco", *GOOD])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line(capsys, tmp_path, monkeypatch):
    (tmp_path / "config.toml.part").symlink_to("/dev/full")  # every write to it fails with «no space left»
    monkeypatch.setattr("eco_jax.run.folder.prepare_folder", lambda out, force: None)
    assert "No space left" in fails(capsys, ["train", "--out", str(tmp_path), *GOOD])


def test_commands(capsys):
    assert main([]) == 2
    assert "usage: eco-jax" in capsys.readouterr().out
    assert main(["--help"]) == 0
    capsys.readouterr()
    assert "unknown command; must be one of train" in fails(capsys, ["trian"])
    assert "unknown command; must be one of prepare" in fails(capsys, ["data", "cook"])
    assert "holds no run" in fails(capsys, ["evaluate", "--checkpoint", "nowhere"])


@pytest.mark.parametrize(
    "command", [["train"], ["evaluate"], ["reproduce"], ["data", "prepare"], ["data", "synthesize"]]
)
def test_help_explains_every_option(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    options = [word for word in text.split() if word.startswith("--")]
    assert len(options) > 3
    if command == ["train"]:
        assert "channel bandwidth of a link (B, paper), MHz, 1e-06 to 1e+06 (default: 20)" in text
        assert "Mobile users u, - (at least 1). (default: 30)" in text


def test_bad_traces(capsys, tmp_path):
    out = str(tmp_path / "x.npz")
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    assert str(empty) in fails(capsys, ["data", "prepare", "--source", str(empty), "--out", out])
    assert "missing" in fails(capsys, ["data", "prepare", "--source", str(tmp_path / "missing"), "--out", out])


def test_info(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("jax", "device", "cache", "presets", "tiny"))


def test_import_is_cheap():
    # Over importing jax, flax and optax themselves: none of rich, polars, orbax, matplotlib, scipy.stats, tyro.
    code = (
        "import sys, jax, flax, optax, eco_jax, eco_jax.train.loop, eco_jax.train.fit, eco_jax.data; "
        "bad = [m for m in ('rich.progress', 'polars', 'orbax', 'matplotlib', 'tyro', 'gymnax') if m in sys.modules]; "
        "print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_parameter_table_is_what_the_code_says(capsys, request):
    main(["info", "--parameters"])
    committed = request.config.rootpath / "experiments" / "PARAMETERS.md"
    assert capsys.readouterr().out == committed.read_text()


def test_every_preset_can_be_made():
    from eco_jax.run import settings

    names = settings.preset_names()
    assert {"repaired", "printed", "paper-online", "smoke"} <= set(names)
    for name in names:
        env, params = settings.from_preset(name).make()
        assert len(params.sites) == env.config.servers
