"""What the Tab key offers."""

import shutil
import subprocess

import pytest

from eco_jax.cli.completion import helped, parser_of
from eco_jax.cli.main import COMMANDS, main


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    import contextlib
    import io

    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["completion", "--shell", "bash"]) == 0
    path = tmp_path_factory.mktemp("completion") / "eco-jax.bash"
    path.write_text(shown.getvalue())
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("",), set(COMMANDS)),
        (("--v",), {"--version"}),
        (("data", ""), {"prepare", "synthesize"}),
        (("train", "--mob"), {"--mobility"}),
        (("train", "--mobility", "ga"), {"gauss-markov"}),
        (("train", "--preset", "ti"), {"tiny"}),
        (("sweep", "--stra"), {"--strategy"}),
        (("evaluate", "--epi"), {"--episodes"}),
    ],
)
def test_bash_offers(script, words, offered):
    typed = " ".join(f"'{word}'" for word in ("eco-jax", *words))
    code = f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; _shtab_eco_jax; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert offered <= set(done.stdout.split()), done.stderr


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script_too(capsys, shell):
    assert main(["completion", "--shell", shell]) == 0
    shown = capsys.readouterr().out
    assert "eco-jax" in shown
    assert "gauss-markov" in shown
    if shell == "zsh" and shutil.which("zsh"):
        subprocess.run(["zsh", "-n"], input=shown, text=True, check=True)


def test_every_command_has_flags_to_offer():
    commands = parser_of()._subparsers._group_actions[0].choices
    assert set(commands) == set(COMMANDS)
    for name, command in commands.items():
        flags = [flag for action in command._actions for flag in action.option_strings]
        assert len(flags) > 2 or command._subparsers, name
        assert all(flag in helped(name) for flag in flags if flag not in ("-h", "--help")), name


def test_without_shtab_it_is_one_line(capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "--shell", "bash"]) == 2
    assert capsys.readouterr().err == "eco-jax completion: needs shtab: pip install 'eco-jax[completion]'\n"


def test_an_unknown_shell_is_one_line(capsys):
    assert main(["completion", "--shell", "fish"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
