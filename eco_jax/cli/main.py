"""`eco-jax`: one command, its subcommands one file each."""

import contextlib
import importlib
import io
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from eco_jax.errors import FailedSeedsError, UserError

COMMANDS = {
    "train": "train agents and keep the run in a folder",
    "evaluate": "play a run's agents and the rules on the same episodes",
    "sweep": "train many configurations of a search space, here or on a cluster",
    "reproduce": "the paper's figures and claims put to the test, in one report",
    "data": "prepare T-Drive traces, or synthesize rows in their format",
    "bench": "time everything, against peers and against the machine",
    "info": "versions, devices, presets, cache",
}


def usage() -> str:
    """The overview of all commands."""
    lines = [f"  eco-jax {name:<10} {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        ["usage: eco-jax COMMAND [OPTIONS]", "", *lines, "", "eco-jax COMMAND --help explains its options."]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on stderr and exit code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"eco-jax: {name}: unknown command; must be one of {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(f"eco_jax.cli.{name}").main(rest) or 0)
    except UserError as error:
        print(f"eco-jax {name}: {error}", file=sys.stderr)
        return 2
    except FailedSeedsError as error:
        print(f"eco-jax {name}: {error}", file=sys.stderr)
        return 3
    except OSError as error:
        print(f"eco-jax {name}: {error.filename or 'output'}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"eco-jax {name}: interrupted", file=sys.stderr)
        return 130


def parse(
    kind: type | Callable[..., Any], argv: Sequence[str], prog: str, description: str, default: object = None
) -> Any:
    """tyro, with its error message brought to one line.

    Raises:
        UserError: what tyro says of the arguments.
    """
    import tyro

    stderr = io.StringIO()
    options: dict[str, Any] = {} if default is None else {"default": default}
    try:
        with contextlib.redirect_stderr(stderr):
            return tyro.cli(kind, args=list(argv), prog=prog, description=description, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(_one_line(stderr.getvalue())) from None


def _one_line(boxed: str) -> str:
    """Tyro's message without its frame, up to the pointer to --help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    lines = [re.sub(r"^[│╭╰─\s]+|[│╮╯─\s]+$", "", line) for line in plain.splitlines()]
    text = re.sub(r"\s+", " ", " ".join(line for line in lines if line))
    text = re.sub(r"^Parsing error |^(?:Value error|Required options|Invalid choice|Missing argument) ", "", text)
    text = re.sub(r"^(Unrecognized options) Unrec", "Unrec", text)
    text = re.split(r" ?Argument helptext| ?\(required\)|For full helptext| ?─+", text)[0]
    text = re.sub(r"(Perhaps you meant: --\S+).*", r"\1", text)
    text = re.sub(r"^Error parsing (?:run\.\w+: )?", "", text)
    text = re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"must be an integer, not \1", text)
    text = re.sub(r"could not convert string to float: (.*)", r"must be a number, not \1", text)
    return text.strip() or "the arguments do not fit; see --help"
