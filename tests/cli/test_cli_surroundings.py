"""Devices, folders, pipes and alphabets as they may be."""

import io
import os
import pwd
import signal

import jax
import pytest

from eco_jax.cli.main import main
from eco_jax.run import setup


@pytest.fixture
def config(monkeypatch):
    """What is told to JAX, in place of telling it."""
    told = {}
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    return told


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AssertionError(), "no such device here"),
        (RuntimeError("Unable to initialize backend 'cuda': no driver\nTraceback of it"), "Unable to initialize"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [["info"], ["train", "--out", "nowhere"], ["reproduce", "--out", "nowhere"], ["bench", "--out", "nowhere"]],
)
def test_no_device_is_one_line(capsys, tmp_path, monkeypatch, command, error, reason):
    def devices():
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jax, "devices", devices)
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(
        f"eco-jax {command[0]}: JAX_PLATFORMS = 'cuda': JAX finds nothing to run on: {reason}"
    )
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_unknown_platform_is_one_line(monkeypatch):
    """What JAX itself raises is caught: the name is looked up anew."""
    from jax.extend import backend

    monkeypatch.setenv("JAX_PLATFORMS", "nonsense")
    before = jax.config.jax_platforms
    jax.config.update("jax_platforms", "nonsense")
    backend.clear_backends()
    try:
        with pytest.raises(setup.UserError, match="JAX_PLATFORMS = 'nonsense': JAX finds nothing to run on: "):
            setup.devices()
    finally:
        jax.config.update("jax_platforms", before)
        backend.clear_backends()
    assert setup.devices()


def test_double_precision_is_turned_off_and_said(capsys):
    assert not jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        setup.configure(cache=False)
        assert not jax.config.jax_enable_x64
    finally:
        jax.config.update("jax_enable_x64", False)
    assert capsys.readouterr().err == "warning: JAX_ENABLE_X64: eco_jax computes in fp32; turned off\n"


def test_whose_cache_it_is(config, monkeypatch, tmp_path):
    for name in ("ECO_JAX_CACHE", "JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    places = [str(tmp_path / "home" / ".cache" / "eco_jax"), str(tmp_path / "xdg" / "eco_jax")]
    places += ["gs://bucket/theirs", str(tmp_path / "ours")]
    assert setup.cache_folder() == places[0]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert setup.cache_folder() == places[1]
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", places[2])
    assert setup.cache_folder() == places[2]
    monkeypatch.setenv("ECO_JAX_CACHE", places[3])
    assert setup.cache_folder() == places[3]
    setup.configure()
    assert config["jax_compilation_cache_dir"] == places[3]
    assert "jax_persistent_cache_min_compile_time_secs" not in config  # a user's own stands
    assert os.path.isdir(places[3])
    assert not os.path.exists(places[1])


@pytest.mark.parametrize(("own", "told"), [(None, setup.WORTH_KEEPING_S), ("1", None)])
def test_short_compilations_are_kept_unless_the_user_has_a_bound(monkeypatch, own, told):
    least = "jax_persistent_cache_min_compile_time_secs"
    before, updates = getattr(jax.config, least), {}
    monkeypatch.delenv(least.upper(), raising=False)  # the tests' own
    if own is not None:
        monkeypatch.setenv(least.upper(), own)
    jax.config.update(least, 1.0)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(jax.config, "update", updates.__setitem__)
            setup.configure()
    finally:
        jax.config.update(least, before)
    assert updates.get(least) == told


def test_without_a_home_there_is_no_cache(capsys, config, monkeypatch):
    def nobody(uid):
        raise KeyError(uid)

    for name in ("ECO_JAX_CACHE", "JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert setup.cache_folder() is None
    setup.configure()
    assert "jax_compilation_cache_dir" not in config
    assert main(["info"]) == 0
    assert "none: no home folder" in capsys.readouterr().out


def test_a_cache_that_cannot_be_is_none(config, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ECO_JAX_CACHE", str(tmp_path / "file" / "cache"))
    setup.configure()
    assert "jax_compilation_cache_dir" not in config


@pytest.mark.parametrize("arguments", [["info", "--parameters"], ["info"], ["--help"], ["train", "--help"]])
def test_who_reads_along_may_go(monkeypatch, arguments):
    read, write = os.pipe()
    os.close(read)
    errors = io.StringIO()
    errors.fileno = lambda: pytest.fail("nothing is wrong with stderr")
    monkeypatch.setattr("sys.stderr", errors)
    with os.fdopen(write, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert main(arguments) == 128 + signal.SIGPIPE
        stdout.write("what Python flushes when it ends")  # is written to nowhere: no error
        stdout.flush()
    assert errors.getvalue() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("arguments", "said"), [(["--help"], "eco-jax: output"), (["info", "--parameters"], "eco-jax info: output")]
)
def test_a_full_disk_behind_stdout_is_one_line(monkeypatch, arguments, said):
    errors = io.StringIO()
    monkeypatch.setattr("sys.stderr", errors)
    with open("/dev/full", "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert main(arguments) == 2
    assert errors.getvalue() == f"{said}: No space left on device\n"


def test_an_alphabet_that_lacks_a_letter(monkeypatch):
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, "ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["info", "--parameters"]) == 0
    text = raw.getvalue().decode("ascii")
    assert "| `physics.slot` | ?t | 5 | s |" in text
    from eco_jax.cli.screen import show_table

    show_table("A ± B", ["policy", "reward"], [["a2c-twin", "+0.1 ± 0.2"]], ["§"])
    stdout.flush()
    assert b"+0.1 ? 0.2" in raw.getvalue()
