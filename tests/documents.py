"""Pages of documentation, taken apart and run: every command and every Python block, in small worlds, few updates.

A page is Markdown. What is run of it, from top to bottom in one folder that begins empty:

- each line of a ```bash block, and each indented line that begins with one of `PROGRAMS`;
- each ```python block and each cell of a notebook (lines that begin with `!`, and cells that begin with `%%bash`, are
  commands);
- a block after `<!-- file: NAME -->`, and a file that a page includes, are written to the folder.
"""

import ast
import contextlib
import importlib.util
import re
import runpy
import shlex
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import eco_jax
from eco_jax import api, data, parts, plugins
from eco_jax.cli.main import main
from eco_jax.env import eco

ROOT = Path(__file__).parents[1]
PROGRAMS = ("eco-jax", "make", "pip", "python", "srun")
"""What a line of an indented block begins with, if it is a command."""
CHECKED = {
    r"^eco-jax reproduce\b": "minutes",
    r"^eco-jax bench\b": "minutes",
    r"^eco-jax score\b(?!.* --list\b)": "minutes",
    r"--launcher slurm\b": "needs SLURM",
    r"--distributed\b": "needs several nodes",
    r"--tracker (tensorboard|wandb|mlflow)\b": "needs a package of an extra",
    r"--source nyc\.csv\b": "needs rows that we have not",
}
"""Commands that are not run, and why. Their flags and files are read and checked up to where the work begins."""
GIVEN = {"README.md": {"SPACE.toml": "experiments/sweeps/tiny.toml"}}
"""Page -> file that it takes for granted -> what stands for it."""
ROWS = "taxi_log_2008_by_id"
"""T-Drive's own rows, which may not be passed on: made-up ones in the same format stand for them."""
SHRUNK: dict[str, tuple[str, ...]] = {
    "train": (
        "--train.updates", "2", "--train.envs", "2", "--train.chunk", "1", "--env.servers", "6", "--env.slots", "12",
    ),
    "evaluate": ("--episodes", "2"),
    "sweep": ("--seeds", "1"),
    "view": ("--env.slots", "4"),
    "compare": ("--episodes", "4"),
}  # fmt: skip
"""Command -> flags that go behind those of the page: the last one counts."""
UNLESS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"--env.users": ("--env.users", "1"), "--network": ("--network.hidden", "8")},
    "evaluate": {"--rules": ("--rules", "local")},
    "sweep": {"grid": ("--trials", "2")},  # a grid is the whole of it
}
"""Command -> flag -> flags that go there, too, where the page does not have that one."""


class Block(NamedTuple):
    """A piece of a page that is run, or a file that is written."""

    kind: str
    """command, python or file"""
    text: str
    line: int
    """of the page"""
    name: str = ""
    """of the file"""


FENCE = re.compile(r"^( *)(`{3,}|~{3,}|:{3,})\s*(.*?)\s*$")
FILE = re.compile(r"^<!-- file: (\S+) -->$")


def blocks(text: str, folder: Path = ROOT) -> list[Block]:
    """What there is to run in a page.

    Args:
        text: of the page.
        folder: where it lies; included files are named from there.
    """
    return list(_blocks(text.splitlines(), folder, 1))


def _blocks(lines: Sequence[str], folder: Path, first: int) -> Iterator[Block]:
    i, name = 0, ""
    while i < len(lines):
        line, at = lines[i], first + i
        fence = FENCE.match(line)
        if fence:
            body, i = _body(lines, i, fence)
            yield from _fenced(fence[3], body, name, folder, at)
            name = ""
        elif found := FILE.match(line):
            name = found[1]
        elif line.startswith("    ") and line.split()[:1] and line.split()[0] in PROGRAMS:
            yield Block("command", line.strip(), at)
        elif line.strip():
            name = ""
        i += 1


def _body(lines: Sequence[str], i: int, fence: re.Match[str]) -> tuple[list[str], int]:
    """The lines of a fenced block, and where it ends."""
    body = []
    for j in range(i + 1, len(lines)):
        text = lines[j].strip()
        if text and set(text) == {fence[2][0]} and len(text) >= len(fence[2]):
            return body, j
        body.append(lines[j].removeprefix(fence[1]))
    raise AssertionError(f"line {i + 1}: a block has no end")


def _fenced(info: str, body: list[str], name: str, folder: Path, at: int) -> Iterator[Block]:
    if found := re.match(r"\{literalinclude\} *(\S+)", info):
        path = folder / found[1]
        yield Block("file", path.read_text(), at, path.name)
    elif name:
        yield Block("file", "\n".join(body) + "\n", at, name)
    elif info.split()[:1] in (["bash"], ["sh"]):
        yield from _commands(body, at)
    elif info.split()[:1] == ["python"]:
        yield Block("python", "\n" * at + "\n".join(body), at)
    elif info.startswith("{code-cell}"):
        options = next((i for i, line in enumerate(body) if line and not line.startswith(":")), len(body))
        yield from _cell(body[options:], at + options)
    elif info.startswith("{") and not info.startswith(("{math}", "{toctree}", "{eval-rst}")):
        yield from _blocks(body, folder, at + 1)


def _commands(body: Iterable[str], at: int) -> Iterator[Block]:
    begun, start = "", at
    for i, line in enumerate(body, 1):
        start = start if begun else at + i
        begun += line.strip().removeprefix("$ ")
        if begun.endswith("\\"):
            begun = begun[:-1]
        else:
            if begun and not begun.startswith("#"):
                yield Block("command", begun, start)
            begun = ""


def _cell(body: Sequence[str], at: int) -> Iterator[Block]:
    if body[:1] == ["%%bash"]:
        yield from _commands(body[1:], at + 1)
        return
    yield from (Block("command", line[1:], at + i) for i, line in enumerate(body, 1) if line.startswith("!"))
    code = ["" if line.startswith("!") else line for line in body]
    if any(code):
        yield Block("python", "\n" * at + "\n".join(code), at)


def why_not(command: str) -> str:
    """Why a command is only checked; empty where it is run."""
    return next((why for pattern, why in CHECKED.items() if re.search(pattern, command)), "")


class Begun(BaseException):
    """A command that is only checked has come to where its work begins."""


class Page:
    """A page that is being run in a folder."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.monkeypatch = path, monkeypatch
        self.module = types.ModuleType("page")
        monkeypatch.setitem(sys.modules, "page", self.module)

    def run(self) -> None:
        """All of it, from top to bottom.

        Raises:
            AssertionError: something does not work; page, line and command are named.
        """
        for name, source in GIVEN.get(self.path.name, {}).items():
            Path(name).write_text((ROOT / source).read_text())
        if ROWS in self.path.read_text():
            data.synthesize(Path(ROWS), taxis=200, hours=1.0, seed=0)
        for block in blocks(self.path.read_text(), self.path.parent):
            where = f"{self.path.name}:{block.line}"
            if block.kind == "file":
                Path(block.name).write_text(block.text)
            elif block.kind == "command":
                self.command(block.text, where)
            else:
                self.code(block.text, where)

    def command(self, line: str, where: str) -> None:
        """One command, or the check of one that cannot be run; several with `&&` between them."""
        if len(several := re.split(r"\s+&&\s+", line)) > 1:
            for one in several:
                self.command(one, where)
            return
        words = [word for word in shlex.split(line, comments=True) if word]
        while words and re.match(r"^[A-Z_]+=", words[0]):
            words.pop(0)
        program, *rest = words or [""]
        if program == "srun":
            assert "eco-jax" in rest, f"{where}: {line}: srun of what?"
            program, *rest = rest[rest.index("eco-jax") :]
        if program == "eco-jax":
            self.eco_jax(rest, f"{where}: {line}", bool(why_not(line)))
        elif program == "make":
            targets = [word for word in rest if "=" not in word]
            known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
            assert set(targets) <= set(known), f"{where}: {line}: no such target"
        elif program == "pip" or (program == "python" and rest[:2] == ["-m", "pip"]):
            wanted = re.findall(r"\[([\w,-]+)\]", line)
            extras = re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text(), flags=re.M)
            assert {name for names in wanted for name in names.split(",")} <= set(extras), f"{where}: no such extra"
        elif program == "python" and rest and rest[0].endswith(".py"):
            self.monkeypatch.setattr(sys, "argv", rest)
            runpy.run_path(rest[0], run_name="__main__")
        else:
            raise AssertionError(f"{where}: {line}: nothing runs this; tests/documents.py says what is run")

    def eco_jax(self, argv: list[str], where: str, check: bool) -> None:
        """`eco-jax` in this process; `check`: up to where the work begins."""
        if not check:
            name = argv[0] if argv else ""
            small = [*argv, *SHRUNK.get(name, ())]
            small += [word for flag, words in UNLESS.get(name, {}).items() if flag not in argv for word in words]
            with _sweeps_are_short():
                assert main(small) == 0, f"{where}: ends with an error (see stderr)"
            return
        with self.monkeypatch.context() as patch:
            for place in ("eco_jax.run.setup.configure", "eco_jax.data.prepare", "eco_jax.cli.train.checked"):
                patch.setattr(place, _begin)
            try:
                code = main(argv)
            except Begun:
                return
        raise AssertionError(f"{where}: ends with code {code} before its work begins (see stderr)")

    def code(self, text: str, where: str) -> None:
        """A block of Python, in the page's own module; only compiled where a package that it imports is missing."""
        compiled = compile(text, str(self.path), "exec")
        if absent := [name for name in imported(text) if importlib.util.find_spec(name) is None]:
            pytest.skip(f"{where}: needs {', '.join(absent)}")
        with small_worlds(self.monkeypatch):
            exec(compiled, self.module.__dict__)


def _begin(*given: Any, **more: Any) -> None:
    raise Begun


def imported(code: str) -> set[str]:
    """Top-level packages that a piece of code imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@contextlib.contextmanager
def _sweeps_are_short() -> Iterator[None]:
    """Each configuration of a sweep has the budget of a shrunk training."""
    from eco_jax.sweep import space

    read = space.from_toml
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(space, "from_toml", lambda path: _short(read, path))
        yield


def _short(read: Any, path: Path) -> Any:
    """A search space with the budget of a shrunk training, read from a copy of the file."""
    import tomllib

    import tomli_w

    data = tomllib.loads(Path(path).read_text())
    base = data.setdefault("base", {})
    base["train"] = {**base.get("train", {}), "updates": 4, "envs": 2, "chunk": 2}
    base["network"] = {**base.get("network", {}), "hidden": 8}
    copy = Path(path).with_suffix(".short.toml")
    copy.write_text(tomli_w.dumps(data))
    try:
        return read(copy)
    finally:
        copy.unlink()


@contextlib.contextmanager
def small_worlds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """From Python, too: six servers and twelve slots, two updates of two environments, two episodes."""
    make, train, evaluate = eco.make, api.train, api.evaluate

    def small_make(preset: str = "repaired", **more: Any) -> Any:
        own = {} if more.get("sites") is not None or "candidates" in more else {"servers": 6}
        return make(preset, **{**more, "slots": 12, **own})

    def small_train(env: Any, params: Any, *given: Any, **more: Any) -> Any:
        return train(env, params, *given, **{**more, "updates": 2, "envs": 2})

    def small_evaluate(*given: Any, **more: Any) -> Any:
        return evaluate(*given, **{**more, "episodes": 2})

    with monkeypatch.context() as patch:
        for module in (eco_jax, eco_jax.env, eco):
            patch.setattr(module, "make", small_make)
        patch.setattr(api, "train", small_train)
        patch.setattr(api, "evaluate", small_evaluate)
        yield


@contextlib.contextmanager
def nothing_stays() -> Iterator[None]:
    """What a page registers is forgotten after it."""
    before, loaded = {kind: dict(known) for kind, known in parts._REGISTERED.items()}, dict(plugins.LOADED)
    try:
        yield
    finally:
        for kind in parts._REGISTERED:
            parts._REGISTERED[kind] = before.get(kind, {})
        plugins.LOADED.clear()
        plugins.LOADED.update(loaded)
