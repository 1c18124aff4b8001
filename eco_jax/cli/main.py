"""`eco-jax`: one command, its subcommands one file each."""

import argparse
import contextlib
import importlib
import io
import os
import re
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from eco_jax.errors import FailedSeedsError, UserError, printable, shown
from eco_jax.run import messages

COMMANDS = {
    "train": "train agents and keep the run in a folder",
    "evaluate": "play a run's agents and the rules on the same episodes",
    "view": "play one episode and show it: a page, a moving picture, a table",
    "compare": "runs and rules against a baseline, with intervals and verdicts",
    "score": "runs and rules in frozen worlds: how far from random to the best reference",
    "plot": "learning curves and other figures of your own runs and sweeps",
    "sweep": "train many configurations of a search space, here or on a cluster",
    "reproduce": "the paper's figures and claims put to the test, in one report",
    "data": "prepare traces of any town, or synthesize taxi rows",
    "bench": "time everything, against peers and against the machine",
    "info": "versions, devices, presets, examples, cache",
    "completion": "a script that completes all this at the Tab key",
}


def usage() -> str:
    """The overview of all commands."""
    lines = [f"  eco-jax {name:<10} {text}" for name, text in COMMANDS.items()]
    more = "eco-jax COMMAND --help explains its options; eco-jax --version says which version this is."
    return "\n".join(["usage: eco-jax COMMAND [OPTIONS]", "", *lines, "", more])


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on stderr and exit code 2."""
    messages.to_stderr()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a letter shows another, and nothing is lost
    try:
        try:
            return _command(list(sys.argv[1:] if argv is None else argv))
        finally:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
    except BrokenPipeError:  # who read along has gone, as `head` does
        _discard()
        return 128 + signal.SIGPIPE
    except OSError as error:
        _discard()
        print(f"eco-jax: output: {error.strerror}", file=sys.stderr)
        return 2


def _command(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        return 0 if arguments else 2
    if arguments == ["--version"]:
        from importlib import metadata  # takes as long as all else here

        print(f"eco-jax {metadata.version('eco-jax')}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"eco-jax: {shown(name)}: unknown command; must be one of {known}", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(f"eco_jax.cli.{name}").main(rest) or 0)
    except UserError as error:
        print(f"eco-jax {name}: {error}", file=sys.stderr)
        return 2
    except FailedSeedsError as error:
        print(f"eco-jax {name}: {error}", file=sys.stderr)
        return 3
    except BrokenPipeError:
        raise
    except OSError as error:
        where = printable(str(error.filename or "output"))
        print(f"eco-jax {name}: {where}: {error.strerror or printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"eco-jax {name}: interrupted", file=sys.stderr)
        return 130


def _discard() -> None:
    """Nothing more goes to a stdout or stderr that cannot be written to, not even when Python ends."""
    for stream, broken in ((sys.stdout, True), (sys.stderr, False)):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            broken = True
        if broken:
            with contextlib.suppress(OSError, AttributeError):  # no file behind it
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def parse(
    kind: type | Callable[..., Any], argv: Sequence[str], prog: str, description: str, default: object = None,
    settings: bool = False, refused: Sequence[str] = (),
) -> Any:  # fmt: skip
    """A command's own arguments by tyro, with its error message brought to one line.

    Args:
        kind: dataclass or function of the arguments.
        argv: without the flags of settings: see `settings_of`.
        prog: name of the command.
        description: of the command.
        default: what the flags go over.
        settings: whether the command takes a run's settings, which its help then lists.
        refused: settings, and whole sections of them, that it does not take all the same.

    Raises:
        UserError: what tyro says of the arguments.
    """
    import tyro

    options: dict[str, Any] = {} if default is None else {"default": default}
    arguments, description = list(argv), " ".join(description.split())
    if {"-h", "--help"} & set(arguments):
        tyro_help = partial(tyro.cli, kind, args=["--help"], prog=prog, description=description, **options)
        _show_help(tyro_help, settings, refused)
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stderr(stderr):
            return tyro.cli(kind, args=arguments, prog=prog, description=description, **options)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise UserError(shown(_one_line(stderr.getvalue()), 400)) from None


def _show_help(tyro_help: Callable[[], Any], settings: bool, refused: Sequence[str]) -> NoReturn:
    """Tyro's help with less space, and a run's settings; it ends the command."""
    from eco_jax.cli.help import TYRO_COLUMNS, compact, listed

    own, stdout = os.environ.get("COLUMNS"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    os.environ["COLUMNS"] = str(TYRO_COLUMNS)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.suppress(SystemExit):
            tyro_help()
    finally:
        os.environ.pop("COLUMNS")
        os.environ |= {} if own is None else {"COLUMNS": own}
    columns = shutil.get_terminal_size((100, 24)).columns
    stdout.seek(0)
    width = min(max(columns, 40), 120)
    print(compact(stdout.read(), width))
    if settings:
        from eco_jax.cli import flags

        more = f"numbers of the world: {flags.HELP}, or `eco-jax info --parameters` with their sources"
        head = textwrap.fill(f"settings of a run ({more}):", width, break_on_hyphens=False)
        print("", head, listed(flags.listing(refused), width), sep="\n")
    raise SystemExit(0)


def peek(argv: Sequence[str], *names: str) -> dict[str, str]:
    """What flags among `names` say, before all are parsed: the others' defaults depend on them."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}", nargs="?", default=argparse.SUPPRESS, dest=name)
    return {name: text for name, text in vars(parser.parse_known_args(list(argv))[0]).items() if text is not None}


def load_plugins(argv: Sequence[str]) -> None:
    """Load what `--plugin` names, and what installed packages bring."""
    from eco_jax import plugins

    plugins.load_installed()
    words = [*argv, ""]
    named = [b if a == "--plugin" else a.partition("=")[2] for a, b in pairwise(words) if a.split("=")[0] == "--plugin"]
    if "" in named:
        raise UserError("--plugin: needs a file")
    plugins.load(named)


def without_plugins(argv: Sequence[str]) -> list[str]:
    """The arguments without `--plugin FILE`."""
    words = list(argv)
    return [w for i, w in enumerate(words) if w.split("=")[0] != "--plugin" and (i == 0 or words[i - 1] != "--plugin")]


class Given(NamedTuple):
    """A run's settings as a command was given them, and the rest of its arguments."""

    given: dict[str, Any]
    """what flags, or a file that somebody wrote, say"""
    usual: dict[str, Any]
    """what they go over"""
    flags: dict[str, Any]
    """those of `given` that are flags"""
    rest: list[str]
    where: str = ""
    """the file, if it is one, that `usual` is of"""

    def config(self) -> Any:
        """All settings, checked.

        Raises:
            UserError: see `run.config.resolve`; it names the file where that says the same without flags.
        """
        from eco_jax.run.config import INPUTS, resolve

        try:
            return resolve(self.given, self.usual)
        except UserError as error:
            try:
                resolve({name: self.given[name] for name in INPUTS if name in self.given}, self.usual)
            except UserError as alone:
                if self.where and str(alone) == str(error):
                    raise UserError(f"{self.where}: {error}") from None
            raise


def settings_of(argv: Sequence[str], otherwise: Path | None = None, usual: str | None = None) -> Given:
    """The settings that flags give, over a preset or a file.

    Args:
        argv: the flags; `--preset` or `--config` says what they go over.
        otherwise: the TOML file where neither is given.
        usual: the preset where there is no such file either.

    Raises:
        UserError: both are given, or what is named cannot be taken.
    """
    from eco_jax import plugins
    from eco_jax.cli import flags
    from eco_jax.run import settings
    from eco_jax.run.config import INPUTS, listed, resolve, sections, yielding

    load_plugins(argv)
    if flags.HELP in argv:
        print(flags.table())
        raise SystemExit(0)
    found = peek(argv, "preset", "config")
    preset, file = found.get("preset"), found.get("config")
    if preset and file:
        raise UserError("--preset and --config: give one of them, not both")
    path = Path(file) if file else None if preset else otherwise
    written, below, where = settings.base(preset or (None if path else usual), path)
    try:
        plugins.load(listed("plugins", written.get("plugins", ())))
        sections({**below, **written})
    except UserError as error:
        raise UserError(f"{where}: {error}" if where else str(error)) from None
    rest, own = flags.split(argv, {**below, **written})
    if "plugins" in own:  # beside those of the file
        own["plugins"] = tuple(p for name in (below, written, own) for p in listed("plugins", name.get("plugins", ())))
    if written:
        try:
            resolve(written | {name: own[name] for name in INPUTS if name in own}, below)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
    return Given({**yielding(own, written, files=False), **own}, below, own, rest, where)


def _one_line(boxed: str) -> str:
    """Tyro's message without its frame, up to the pointer to --help."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", boxed)
    plain = re.sub(r"-{4,}", "", plain)  # the frame where stdout has no better
    lines = [re.sub(r"^[│╭╰─\s]+|[│╮╯─\s]+$", "", line) for line in plain.splitlines()]
    text = re.sub(r"\s+", " ", " ".join(line for line in lines if line))
    text = re.sub(r"^Parsing error |^(?:Value error|Required options|Invalid choice|Missing argument) ", "", text)
    text = re.sub(r"^(Unrecognized options) Unrec", "Unrec", text)
    text = re.split(r" ?Argument helptext| ?\(required\)|For full helptext| ?─+", text)[0]
    text = re.sub(r"(Perhaps you meant: --\S+).*", r"\1", text)
    text = re.sub(r"^Error parsing (?:run\.\w+: )?", "", text)
    text = re.sub(r"invalid literal for int\(\) with base 10: (.*)", r"must be an integer, not \1", text)
    text = re.sub(r"Exceeds the limit .* for integer string conversion.*", "is a number of too many digits", text)
    text = re.sub(r"could not convert string to float: (.*)", r"must be a number, not \1", text)
    text = re.sub(r"no type matching .* - (?:<class '\w+'>|tuple\[[^]]*\]): ", "", text)  # of `X | None`: what X says
    text = re.sub(r"input length (\d+) did not match expected argument count (\d+).*", r"needs \2 values, not \1", text)
    text = re.sub(r"Could not parse arguments \[(.*)\] into tuple.*", r"must be numbers, not \1", text)
    return text.strip() or "the arguments do not fit; see --help"
