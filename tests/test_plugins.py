"""Files of a user's own: what they bring, what is said when they fail, and that no folder brings any by itself."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import made_up_toll
import pytest

from eco_jax import parts, plugins
from eco_jax.cli.main import main
from eco_jax.errors import UserError
from eco_jax.files import sha256
from eco_jax.run.config import resolve

TINY = [
    "--preset", "tiny", "--train.updates", "1", "--train.rollout", "6", "--train.envs", "2", "--network.hidden", "4",
    "--network.layers", "1",
]  # fmt: skip


def forgotten(names, loaded):
    """As if nothing had been loaded since."""
    parts._REGISTERED.clear()
    parts._REGISTERED.update({kind: dict(known) for kind, known in names.items()})
    plugins.LOADED.clear()
    plugins.LOADED.update(loaded)


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A folder of one's own; what is called forgets all plug-ins, as a new process has none."""
    monkeypatch.chdir(tmp_path)
    before = {kind: dict(known) for kind, known in parts._REGISTERED.items()}, dict(plugins.LOADED)
    yield lambda: forgotten(*before)
    forgotten(*before)


@pytest.fixture
def toll(tmp_path):
    """A plug-in that leaves a line each time it is executed."""
    return made_up_toll.write(tmp_path / "toll.py")


@pytest.fixture
def trained(monkeypatch):
    """What `train` would train, in place of training it."""
    configs = []
    monkeypatch.setattr("eco_jax.cli.train.run", lambda config, *rest: configs.append(config))
    return configs


@pytest.fixture(scope="module")
def once():
    """Where the run of `recorded` was trained, once it was."""
    return []


@pytest.fixture
def recorded(toll, fresh, once, tmp_path):
    """A run with a plug-in, in `run`, as another process finds it."""
    if once:  # the same with the plug-in here
        shutil.copytree(once[0] / "kept", "run")
        config = tmp_path / "run" / "config.toml"
        config.write_text(config.read_text().replace(str(once[0]), str(tmp_path)))
    else:
        flags = ["--plugin", str(toll), "--cost", "toll", "--cost.toll.price", "3"]
        assert main(["train", "--out", "run", *TINY, *flags]) == 0
        shutil.copytree("run", "kept")
        once.append(tmp_path)
    fresh()
    made_up_toll.forget_executions()
    return Path("run")


def refused(capsys, *arguments):
    capsys.readouterr()
    assert main([str(a) for a in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return captured.err.strip()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1\n\n1 / 0\n", "mine.py:3: ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('no\\nway')\n\nf()\n", "mine.py:2: ValueError: no\\nway"),
        ("x = (\n", "mine.py:1: '(' was never closed"),
        ("\nif True:\nx = 1\n", "mine.py:3: expected an indented block"),
        ("import nobody_has_this\n", "mine.py:1: ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("import sys\nsys.exit(0)\n", "mine.py:2: SystemExit: 0"),
        ("assert False\n", "mine.py:1: AssertionError"),
        ("x = '\0'\n", "mine.py:1: source code string cannot contain null bytes"),
        (
            "from eco_jax.parts import register\n\n@register('coverage', 'mine')\nclass Mine:\n    pass\n",
            "must be a subclass of Coverage",
        ),
        (
            "import eco_jax.env.policies.rules\nfrom eco_jax.parts import register\n"
            "@register('rule', 'mine')\nclass Mine:\n    pass\n",
            "must be a subclass of Rule, or a function that makes one",
        ),
        (
            "from eco_jax import parts\nfrom eco_jax.env.parts import Hard\nparts.register('coverage', 'soft')(Hard)\n",
            "mine.py:3: register('coverage', 'soft')",
        ),
    ],
)
def test_a_file_that_fails_names_file_and_line(capsys, tmp_path, source, said):
    (tmp_path / "mine.py").write_text(source)
    line = refused(capsys, "train", "--out", "run", "--plugin", "mine.py")
    assert said in line
    assert str(tmp_path / "mine.py") in line
    assert not (tmp_path / "run").exists()
    assert not [name for name in sys.modules if name.startswith("eco_jax_plugin_mine")]


COST = "from eco_jax.env.parts import Cost\nfrom eco_jax.parts import register\n@register('cost', 'mine')\n"
MOBILITY = "from eco_jax.env.parts.mobility.base import Synthetic\nfrom eco_jax.parts import register\n"
ALGORITHM = "from eco_jax.agent.algorithms import Algorithm\nfrom eco_jax.parts import register\n"
NETWORK = "from eco_jax.agent.networks import MLP\nfrom eco_jax.parts import register\n"


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("cost", f"{COST}class Mine(Cost):\n    pass\n", "mine.py:3): has no `cost`"),
        (
            "cost", f"{COST}class Mine(Cost):\n    def cost(self, spent):\n        return [0.0] * 99\n",
            "mine.py:3): ValueError: Incompatible shapes",
        ),
        (
            "mobility", f"{MOBILITY}@register('mobility', 'mine')\nclass Mine(Synthetic):\n    draws = 2\n"
            "    def reset(self, *given):\n        pass\n", "mine.py:3): AttributeError",
        ),
        ("algorithm", f"{ALGORITHM}@register('algorithm', 'mine')\nclass Mine(Algorithm): pass\n", "has no `init`"),
        (
            "network", f"{NETWORK}@register('network', 'mine')\nclass Mine(MLP):\n"
            "    def apply(self, params, *given):\n        return 1 / 0\n", "mine.py:6: ZeroDivisionError",
        ),
    ],
)  # fmt: skip
def test_a_part_that_cannot_run_is_refused_before_the_folder_is_made(capsys, tmp_path, kind, source, said):
    (tmp_path / "mine.py").write_text(source)
    line = refused(capsys, "train", "--out", "run", "--plugin", "mine.py", f"--{kind}", "mine", *TINY)
    assert f"{kind} mine ({tmp_path / 'mine.py'}:" in line
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_study_of_a_part_that_cannot_run_is_refused_before_anything_is_written(capsys, tmp_path):
    (tmp_path / "mine.py").write_text(f"{COST}class Mine(Cost):\n    pass\n")
    own = ("--plugin", "mine.py", "--cost", "mine")
    assert "has no `cost`" in refused(capsys, "reproduce", "--profile", "smoke", "--out", "study", *own)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.py", "nowhere.py: cannot be read: No such file or directory"),
        ("folder.py", "folder.py: cannot be read: Is a directory"),
        ("notes.txt", "notes.txt: a plug-in is a Python file"),
        ("~nobody-is-called-this/x.py", "x.py"),
    ],
)
def test_what_is_no_plug_in(capsys, tmp_path, path, said):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "notes.txt").write_text("x = 1\n")
    assert said in refused(capsys, "train", "--out", "run", "--plugin", path)
    Path("mine.toml").write_text(f'plugins = ["{path}"]\n')
    assert said in refused(capsys, "train", "--out", "run", "--config", "mine.toml")


@pytest.mark.parametrize("given", ["3", "[3]", '[["a.py"]]', "{a = 1}", '["a\\u0000b.py"]'])
def test_plugins_of_a_file_are_names(capsys, given):
    Path("mine.toml").write_text(f"plugins = {given}\n")
    assert "mine.toml: plugins" in refused(capsys, "train", "--out", "run", "--config", "mine.toml")


def test_the_same_file_is_executed_once(trained, toll, tmp_path):
    copy = tmp_path / "copy.py"
    copy.write_bytes(toll.read_bytes())
    flags = ["--plugin", str(toll), "--plugin=toll.py", "--plugin", "./toll.py", "--plugin", str(copy)]
    assert main(["train", "--out", "run", *flags, "--cost", "toll"]) == 0
    assert made_up_toll.executions() == 1
    assert trained[0].values["plugins"] == (toll,)
    plugins.load([toll, copy])
    assert made_up_toll.executions() == 1


@pytest.mark.parametrize("given", ['["toll.py"]', '"toll.py"', '["./toll.py", "{}"]'])
def test_a_file_that_somebody_wrote_may_name_plug_ins(trained, toll, given):
    Path("mine.toml").write_text(f"plugins = {given.format(toll)}\n[cost.toll]\nprice = 4\n")
    assert main(["train", "--out", "run", "--config", "mine.toml"]) == 0
    assert trained[0].values["plugins"] == (toll,)
    assert (trained[0].values["cost"], trained[0].values["cost.toll.price"]) == (("toll",), 4.0)
    assert float(trained[0].make()[1].costs[0].price) == 4.0


def test_a_flag_s_plug_ins_stand_beside_those_of_the_file(trained, toll, tmp_path):
    made_up_toll.write(tmp_path / "fare.py", name="fare")
    Path("mine.toml").write_text('plugins = ["toll.py"]\ncost = "toll"\n')
    flags = ["--config", "mine.toml", "--plugin", "fare.py", "--cost", "toll", "--cost", "fare", "--cost.fare.price=2"]
    assert main(["train", "--out", "run", *flags]) == 0
    assert trained[0].values["plugins"] == (toll, tmp_path / "fare.py")
    assert trained[0].values["cost"] == ("toll", "fare")
    assert [float(cost.price) for cost in trained[0].make()[1].costs] == [1.0, 2.0]


def test_costs_are_chosen_by_name(capsys, toll):
    def said(*flags):
        return refused(capsys, "train", "--out", "run", "--plugin", toll, *flags)

    assert "cost = 'honey': must be one of toll" in said("--cost", "honey")
    assert "cost = ['toll', 'toll']: each at most once" in said("--cost", "toll", "--cost", "toll")
    assert "cost.toll.price = -1: must lie in [0, 100]" in said("--cost", "toll", "--cost.toll.price", "-1")
    assert "--cost.toll.prize: unknown setting; did you mean price" in said("--cost", "toll", "--cost.toll.prize", "1")
    assert "--cost.toll.price: unknown setting; it needs cost = 'toll'" in said("--cost.toll.price", "1")


def test_python_names_the_file(toll):
    with pytest.raises(UserError, match=r"toll\.py: a plug-in that is not loaded; name it with --plugin"):
        resolve({"plugins": [toll]})
    plugins.load([toll])
    assert resolve({"plugins": [str(toll)]}).values["plugins"] == (toll,)


def test_a_run_records_what_was_executed(recorded, toll):
    found = tomllib.loads((recorded / "config.toml").read_text())
    assert found["plugins"] == [str(toll)]
    assert found["run"]["plugins_sha256"] == sha256(toll)
    assert found["cost"] == {"toll": {"weight": 1.0, "price": 3.0}}


def test_a_file_that_changes_after_it_was_executed_is_recorded_as_it_was(toll):
    before = sha256(toll)
    plugins.load([toll])
    toll.write_text(toll.read_text() + "# more\n")
    config = resolve({"plugins": [toll], "cost": ["toll"]})
    from eco_jax.run import settings

    assert settings.input_hashes(config) == {"plugins_sha256": before}


def test_a_file_that_failed_half_way_leaves_its_names_free(tmp_path):
    path = tmp_path / "mine.py"
    text = "from eco_jax.env.parts import Hard\nfrom eco_jax.parts import register\n"
    text += "@register('coverage', 'mine')\nclass Mine(Hard):\n    pass\n"
    for error in ("1 / 0", "raise KeyboardInterrupt"):
        path.write_text(f"{text}{error}\n")
        with pytest.raises((UserError, KeyboardInterrupt)):
            plugins.load([path])
        assert "mine" not in parts.registered("coverage")
    path.write_text(text)
    plugins.load([path])
    assert "mine" in parts.registered("coverage")


def test_an_error_in_what_it_imports_is_said_there(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper_that_is_wrong.py").write_text("x = 1\n\ny = = 2\n")
    path = tmp_path / "mine.py"
    path.write_text("import helper_that_is_wrong\n")
    with pytest.raises(UserError, match=r"mine.py:1: SyntaxError: .*helper_that_is_wrong.py, line 3"):
        plugins.load(str(path))  # one file by itself


def test_what_is_executed_is_what_is_hashed(tmp_path, monkeypatch):
    """Not a bytecode of the same second and size: that is all that Python's cache looks at."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "mine.py"
    for value in (1, 2):
        path.write_text(f"import inspect\n\nVALUE = {value}\nSOURCE = inspect.getsource(inspect.currentframe())\n")
        os.utime(path, (1e9, 1e9))
        plugins.load([path])
        module = sys.modules[f"eco_jax_plugin_mine_{sha256(path)[:8]}"]
        assert (module.VALUE, module.__file__) == (value, str(path))
        assert module.SOURCE.startswith("import inspect")


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--out", "run", "--resume"],
        ["train", "--out", "other", "--config", "run/config.toml"],
        ["evaluate", "--checkpoint", "run", "--no-rules"],
        ["reproduce", "--out", "study", "--config", "run/config.toml"],
    ],
)
def test_a_run_asks_for_its_plug_in_and_never_executes_it(capsys, recorded, toll, command):
    line = refused(capsys, *command)
    assert f"run/config.toml: needs the plug-in {toll} (SHA-256 {sha256(toll)[:12]}): name it with --plugin" in line
    assert made_up_toll.executions() == 0
    toll.write_text(toll.read_text().replace("0, 100", "0, 200"))
    line = refused(capsys, *command, "--plugin", "toll.py")
    assert f"{toll}: is not the file that run/config.toml was made with (SHA-256 {sha256(toll)[:12]}, not " in line
    assert not Path("other").exists()
    assert not Path("study").exists()


@pytest.mark.long
def test_named_it_goes_on_wherever_it_lies_now(capsys, recorded, toll, fresh, tmp_path):
    moved = toll.rename(tmp_path / "moved.py")
    assert main(["train", "--out", "run", "--resume", "--plugin", "moved.py"]) == 0
    assert "finished already" in capsys.readouterr().err
    fresh()
    assert main(["train", "--out", "other", "--config", "run/config.toml", "--plugin", str(moved)]) == 0
    assert tomllib.loads(Path("other/config.toml").read_text())["plugins"] == [str(moved)]
    names = [Path(folder, "summary.json").read_text().split('"params_sha256"')[1] for folder in ("run", "other")]
    assert names[0][:80] == names[1][:80]


def test_a_run_goes_on_without_other_plug_ins_but_is_played_with_them(capsys, recorded, toll, tmp_path, monkeypatch):
    made_up_toll.write(tmp_path / "fare.py", name="fare")
    both = ["--plugin", "fare.py", "--plugin", "toll.py"]
    line = refused(capsys, "train", "--out", "run", "--resume", *both)
    assert f"{tmp_path / 'fare.py'}: a plug-in that run/config.toml was made without: leave it out" in line
    played = []
    monkeypatch.setattr("eco_jax.cli.evaluate.evaluate_run", lambda config, *rest: played.append(config) or {})
    monkeypatch.setattr("eco_jax.cli.evaluate._show", lambda *given: None)
    assert main(["evaluate", "--checkpoint", "run", *both, "--cost", "toll", "--cost", "fare"]) == 0
    assert played[0].values["cost"] == ("toll", "fare")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('plugins_sha256 = "', 'other = "', "plugins: 1 files, and 0 hashes in [run] plugins_sha256"),
        ('plugins_sha256 = "', 'plugins_sha256 = 3 # "', "[run] plugins_sha256 = 3: must be a text"),
        ("plugins = [", "plugins = 3 # [", "plugins = 3: must be a list of names"),
    ],
)
def test_a_damaged_record_is_one_line(capsys, recorded, toll, old, new, said):
    path = recorded / "config.toml"
    text = path.read_text().replace(f'plugins = [\n    "{toll}",\n]', f'plugins = ["{toll}"]')
    path.write_text(text.replace(old, new))
    assert said in refused(capsys, "train", "--out", "run", "--resume", "--plugin", "toll.py")


def test_in_a_process_of_its_own(toll):
    command = [sys.executable, "-m", "eco_jax", "info", "--plugin", str(toll), "--parameters"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    assert "| `cost.toll.price` | - | 1 | - | 0 to 100 | - | price of a task (toll) |" in done.stdout
