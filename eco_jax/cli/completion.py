"""`eco-jax completion`: commands and flags at the Tab key."""

import argparse
import contextlib
import io
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Literal

from eco_jax.cli.main import COMMANDS, parse
from eco_jax.errors import UserError
from eco_jax.parts import registered
from eco_jax.run.config import CHOSEN
from eco_jax.run.settings import preset_names

Shell = Literal["bash", "zsh", "tcsh"]


def helped(*command: str) -> str:
    """The help of a command."""
    name, *rest = command
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        import_module(f"eco_jax.cli.{name}").main([*rest, "--help"])
    return shown.getvalue()


def parser_of() -> argparse.ArgumentParser:
    """Every command with the flags that its help lists."""
    import shtab

    choices = {"preset": preset_names()} | {kind: list(registered(kind)) for kind in CHOSEN}
    top = argparse.ArgumentParser("eco-jax")
    top.add_argument("--version", action="store_true")
    commands = top.add_subparsers()

    def add(below: argparse._SubParsersAction, *command: str) -> None:
        text = helped(*command)
        about = COMMANDS.get(command[-1], " ".join(command))
        own = below.add_parser(command[-1], help=about, description=about)
        inner = re.findall(rf"^  eco-jax {' '.join(command)} (\w+) ", text, flags=re.M)
        if inner:
            deeper = own.add_subparsers()
            for name in inner:
                add(deeper, *command, name)
        for flag in dict.fromkeys(re.findall(r"^ +(--[a-z][\w.-]*)", text, flags=re.M)):
            given = choices.get(flag.removeprefix("--"))
            option = own.add_argument(flag, choices=given)
            if given is None:
                setattr(option, "complete", shtab.FILE)  # noqa: B010

    for name in COMMANDS:
        add(commands, name)
    return top


def main(argv: Sequence[str]) -> int:
    """See the module."""

    def completion(shell: Shell) -> None:
        """Print a script that completes eco-jax's commands and flags.

        Args:
            shell: whose: bash, zsh or tcsh. `eval "$(eco-jax completion --shell bash)"` in its start-up file.
        """
        try:
            import shtab
        except ImportError:
            raise UserError("needs shtab: pip install 'eco-jax[completion]'") from None
        print(shtab.complete(parser_of(), shell))

    parse(completion, argv, "eco-jax completion", "Print a script that completes eco-jax's commands and flags.")
    return 0
