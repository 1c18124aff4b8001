"""Bad input: one clear line, exit code 2, nothing lost."""

import os

import pytest

import eco_jax
from eco_jax.cli.main import main

GOOD = ["--preset", "tiny", "--train.updates", "2", "--train.rollout", "6"]


def fails(capsys, argv):
    code = main(argv)
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    assert captured.err.strip().isprintable()
    assert len(captured.err) < 800
    return captured.err.strip()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--preset", "nope"], "preset 'nope': must be one of "),
        (["--env.userz", "3"], "eco-jax train: --env.userz: unknown setting; did you mean users"),
        (["--env.users", "many"], "--env.users: must be an integer, not 'many'"),
        (["--physics.bandwidth", "wide"], "--physics.bandwidth: must be a number, not 'wide'"),
        (["--env.users", "0"], "env.users = 0: must lie in [1, 100000]"),
        (["--access", "satellite"], "access = 'satellite': must be one of nearest, direct"),
        (["--physics.bandwidth", "-1"], "physics.bandwidth = -1 MHz: must lie in [1e-06, 1e+06]"),
        (["--physics.slowdown-mean", "0.7"], "must lie in [0, 0.428571) at slowdown_mean = 0.7"),
        (["--mobility.speed-min", "90"], "mobility.speed_min = 90: must be at most mobility.speed_max = 60"),
        (["--env.candidates", "46"], "env.candidates = 46: must lie in [1, 45]"),
        (["--algorithm.discount", "2"], "algorithm.discount = 2: must lie in [0, 1]"),
        (["--train.rollout", "7"], "train.rollout = 7: must divide the episode of 60 slots"),
        (["--seeds", "0"], "--seeds 0: must be at least 1"),
        (["--env.users", "x\x1b[31m" + "9" * 3000], "--env.users"),
        (["--save-s", "nan"], "--save-s nan: must be at least 0, and finite"),
        (["--save-updates", "-1"], "--save-updates -1: must be at least 0"),
        (["--keep", "0"], "--keep 0: must be at least 1"),
        (["--seed", "-1"], "--seed -1: must lie in [0, 4294967295]"),
        (["--seed", "9" * 5000], "--seed: is a number of too many digits"),
        (["--seed", str(2**32)], "--seed 4294967296: must lie in [0, 4294967295]"),
        (["--seed", str(2**63)], f"--seed {2**63}: must lie in [0, 4294967295]"),
        (["--seed", str(2**32 - 1), "--seeds", "2"], "must lie in [0, 4294967294], as 2 seeds begin there"),
        (["--train.updates", "3000000000"], "train.updates = 3000000000: must lie in [1, 2147483647]"),
        (["--physics.bandwith", "3"], "--physics.bandwith: unknown setting; did you mean bandwidth"),
        (["--physics.radius", "3"], "unknown setting; did you mean coverage.radius of coverage = 'hard'?"),
        (["--env.access", "direct"], "--env.access: unknown setting; did you mean access?"),
        (["--mobility.memory", "0.5"], "--mobility.memory: unknown setting; mobility = 'gauss-markov' has it"),
        (["--physics.zzz", "3"], "--physics.zzz: unknown setting; `eco-jax train --help` and `--help-physics` list"),
        (["--physics.bandwidth"], "--physics.bandwidth: needs a value, 1e-06 to 1e+06"),
        (["--preset", "a\x1b[31m" + "b" * 500], "preset 'a\\x1b[31mbbb"),
        (["--trace", "~nobody-is-called-this/t.npz"], "~nobody-is-called-this/t.npz"),
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
        ("[env]\nusers = 'three'", "env.users = 'three': must be a whole number"),
        ("[env]\nusers = 2.5", "env.users = 2.5: must be a whole number"),
        ("[physics]\nbandwidth = true", "physics.bandwidth = True: must be a number"),
        ("[env]\nbeta_levels = ['all']", "env.beta_levels = ['all']: must be a list of numbers"),
        ("access = 'none'", "access = 'none': must be one of nearest, direct"),
        ("preset = 'mars'", "preset = 'mars': must be one of "),
        ("knowledge = 'all'", "knowledge = 'all': must be one of none, telemetry, forecast, twin, truth"),
        ("env = 3", "env: must be a table of settings"),
        ("nonsense", "not a TOML file"),
        ("[run]\nseeds = 3\n[env]\nusers = 0", "settings.toml: env.users = 0: must lie in [1, 100000]"),
        ("[env]\nusers = nan", "env.users = nan: must lie in [1, 100000]"),
        ("[env]\nusers = inf", "env.users = inf: must lie in [1, 100000]"),
        ("[env]\nusers = [3]", "env.users = [3]: must be a whole number"),
        ("[env]\nusers = 2008-02-02", "env.users = datetime.date(2008, 2, 2): must be a whole number"),
        ("[env]\nusers = {a = 1}", "env.users = {'a': 1}: must be a whole number"),
        ("[env]\nusers = 0x" + "f" * 5000, "env.users = a huge int: must lie in"),
        ("[train]\nupdates = " + "9" * 5000, "settings.toml: holds a whole number of too many digits"),
        ("[env]\nbeta_levels = [true]", "env.beta_levels = [True]: must be a list of numbers"),
        ("[physics]\nbandwidth = 1" + "0" * 400, "physics.bandwidth = 1000000"),
        ("[physics]\nbandwidth = nan", "physics.bandwidth = nan MHz: must lie in [1e-06, 1e+06]"),
        ("[physics]\nbandwidth = -1", "physics.bandwidth = -1 MHz: must lie in [1e-06, 1e+06]"),
        ("[mobility]\nspeed_min = 90", "mobility.speed_min = 90: must be at most mobility.speed_max = 60"),
        ("[train]\nupdates = 9" + "0" * 30, "train.updates = 90000"),
        ("[algorithm]\ndiscount = nan", "algorithm.discount = nan: must lie in [0, 1]"),
        ("preset = []", "preset = []: must be one of "),
        ("knowledge = {twin = 1}", "knowledge = {'twin': 1}: must be one of none"),
        ("trace = 3", "trace = 3: must be a path"),
        ('trace = "a\\u0000b"', "is no path that can be recorded"),
        ("[[env]]\nusers = 3", "env: must be a table of settings"),
        ("x = " + "[" * 5000, "not a TOML file"),
        ("access = 'none" + "e" * 5000 + "'", "eee...: must be one of nearest, direct"),
        ('"a\\u001bb\\n" = 1', "a\\x1bb\\n: unknown setting"),
        ("[trian]\n", "trian: unknown setting; did you mean train"),
        ("trian = 3", "trian: unknown setting; did you mean train"),
        ("[mobility]\nkind = 3", "mobility = 3: must be one of gauss-markov, "),
        ("mobility = ['trace']", "mobility = ['trace']: must be one of gauss-markov, "),
        ("[mobility]\nmemory = 0.5", "mobility.memory: unknown setting; mobility = 'gauss-markov' has it"),
        ("[hyper]\nentropy = 0.1", "[hyper]: a file of eco_jax 0.1, whose settings have other names: 0.1.0 reads it"),
        ("[train]\nalgorithm = 'a2c'", "train.algorithm: a file of eco_jax 0.1"),
        ("[env]\nmobility = 'waypoint'", "env.mobility: a file of eco_jax 0.1"),
        ("[trace]\nx = 1", "trace = {'x': 1}: must be a path"),
        ("plugins = 3", "plugins = 3: must be a list of names"),
        ("cost = 3", "cost = 3: must be a list of names"),
        ("[cost]\nmoney = 3", "cost.money: must be a table of settings"),
        ("cost = ['honey']", "cost = 'honey': there is none; a plug-in (--plugin FILE) registers its own"),
        ("[trian]\nupdates = 3", "trian.updates: unknown setting; did you mean train.updates?"),
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
    part = tmp_path / "config.toml.1.part"
    monkeypatch.setattr("eco_jax.files.part_of", lambda path: part)
    part.symlink_to("/dev/full")  # «no space left»
    monkeypatch.setattr("eco_jax.run.folder.prepare_folder", lambda out, force: None)
    said = fails(capsys, ["train", "--out", str(tmp_path), *GOOD])
    assert said == f"eco-jax train: {tmp_path / 'config.toml'}: No space left on device"


def test_commands(capsys):
    assert main([]) == 2
    assert "usage: eco-jax" in capsys.readouterr().out
    assert main(["--help"]) == 0
    capsys.readouterr()
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"eco-jax {eco_jax.__version__}\n"
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
        assert text.index("--train.updates") < text.index("--env.users") < 8000
        assert "--physics.bandwidth" not in text
        assert "--help-physics" in text
        assert "eco-jax info --parameters" in text
        assert "mobile users (1 to 100000; default: 30)" in text


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_flags_of_physics_have_a_help_of_their_own(capsys, monkeypatch, command):
    from eco_jax.cli.flags import declared

    with pytest.raises(SystemExit) as stop:
        main([command, "--help-physics"])
    assert stop.value.code == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["flag", "default", "range", "meaning"]
    world = [name for name, *_ in declared() if name not in ("train", "env", "algorithm", "network")]
    assert len(rows) == len(world)
    row = next(row for row in rows if row.startswith("--physics.bandwidth "))
    assert row.split(maxsplit=6)[1:] == ["20", "MHz", "1e-06", "to", "1e+06", "channel bandwidth of a link"]
    monkeypatch.delenv("COLUMNS", raising=False)
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert len(capsys.readouterr().out.splitlines()) <= 120


def test_flags_of_physics_are_settings(capsys, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr("eco_jax.cli.train.run", lambda config, *rest: taken.append(config))
    flags = ["--physics.fading-floor", "0.1", "--pathloss.reference-gain=-90", "--physics.sync_energy", "3"]
    assert main(["train", "--out", str(tmp_path / "run"), "--preset", "city", *flags]) == 0
    names = ("physics.fading_floor", "pathloss.reference_gain", "physics.sync_energy", "physics.replica_slots")
    assert tuple(taken[0].values[name] for name in names) == (0.1, -90.0, 3.0, 8.0)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_byte_order_mark_is_read(tmp_path, encoding):
    from eco_jax.run import settings

    path = tmp_path / "settings.toml"
    path.write_text("# ü\n[env]\nusers = 7\n", encoding=encoding)
    assert settings.from_toml(path).env.users == 7


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_other_encodings_are_one_line(capsys, tmp_path, encoding):
    path = tmp_path / "settings.toml"
    path.write_text("# ü\n[env]\nusers = 7\n", encoding=encoding)
    said = fails(capsys, ["train", "--out", str(tmp_path / "run"), "--config", str(path)])
    assert f"{path}: not a TOML file" in said


def test_what_users_wrote_is_quoted_on_one_short_line():
    from eco_jax.errors import UserError, quoted, shown

    assert str(UserError("a\nb\x1b[0m\u2028\udcff")) == "a\\nb\\x1b[0m\\u2028\\udcff"
    assert quoted("ü\t") == "'ü\\t'"
    assert len(quoted(list(range(10_000)))) == len(shown("x" * 1000)) == 60
    assert quoted(16**6000) == "a huge int"


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


def test_info_prints_one_thing(capsys):
    assert "--parameters and --examples: give one of them" in fails(capsys, ["info", "--parameters", "--examples"])


def test_the_parameter_table_is_what_the_code_says(capsys, request):
    main(["info", "--parameters"])
    committed = request.config.rootpath / "experiments" / "PARAMETERS.md"
    assert capsys.readouterr().out == committed.read_text()


def test_every_preset_trains_as_it_is():
    from eco_jax.run import settings
    from eco_jax.train.loop import Learner

    names = settings.preset_names()
    assert {"repaired", "printed", "paper-online", "paper-printed", "smoke", "tiny"} <= set(names)
    for name in names:
        config = settings.from_preset(name)
        assert config == settings.resolve(*settings.base(name)[:2])
        env, params = config.make()
        assert params.sites is None
        Learner(env, config.train)  # refuses a rollout that does not divide the episode
