"""What may import what, no circles, no long files; names are spelt where they are declared."""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from eco_jax.agent.algorithms import A2C, MAPPO, PPO, PQN
from eco_jax.env.config import KNOWLEDGE
from eco_jax.metrics import MAIN
from eco_jax.parts import registered

PACKAGE = Path(__file__).parents[1] / "eco_jax"
ORDER = (
    {"errors"}, {"files", "random"}, {"settings", "metrics"}, {"parts"}, {"plugins"}, {"model"}, {"env"}, {"data"},
    {"agent"}, {"train"}, {"run"}, {"sweep", "study"}, {"report", "view", "adapters", "track"}, {"bench"}, {"api"},
    {"cli"}, {"__init__", "__main__"},
)  # fmt: skip
"""Folders and modules of the package. Each imports what stands to its left, and nothing of what stands beside it."""
INSIDE = {("env", "data"), ("train", "api")}
"""(folder, folder): allowed all the same within a function. `make` takes the path of a prepared trace, and reads it;
`eco_jax.train` may be called, and is `api.train` then."""
LONGEST = 300
"""Lines of a file."""


DECLARED = {
    "metrics": MAIN,
    "env.config": KNOWLEDGE,
    "agent.algorithms.a2c": (A2C.name,),
    "agent.algorithms.ppo": (PPO.name,),
    "agent.algorithms.mappo": (MAPPO.name,),
    "agent.algorithms.pqn": (PQN.name,),
}
"""Module -> the names that it declares: of the main metrics, the levels of knowledge and the algorithms."""
OTHERWISE = {
    **dict.fromkeys(("env.eco", "env.params", "env.parts", "env.parts.energy", "env.parts.equations"), ("energy",)),
    "agent.networks.mlp": {"none"},
    "env.forecast": {"forecast"},
    "cli.evaluate": {"none"},
    "report.figures.style": {"none"},
    "report.sweep": {"none"},
}
"""Module -> words that mean something else there: the kind of the CPUs' energy law; the scope that a profile of the
computation shows; no normalisation, rules, layout or colour."""


class Import(NamedTuple):
    """One module imports another."""

    by: str
    of: str
    line: int
    inside: bool
    """within a function: when it is called, not when the module is loaded"""


def sources(package: Path) -> dict[str, str]:
    """Module -> its source; a package's is that of its `__init__.py`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts if len(parts) == 2 or parts[-1] != "__init__" else parts[:-1])] = path.read_text("utf-8")
    return found


def imports(modules: Mapping[str, str]) -> Iterator[Import]:
    """All imports among the modules, also within functions and under `if TYPE_CHECKING`."""

    def module(name: str) -> str | None:
        """The module that a dotted name is, or is of; None where it is none of these."""
        while "." in name:
            if name in modules:
                return name
            name = name.rpartition(".")[0]
        return f"{name}.__init__" if f"{name}.__init__" in modules else None

    def found(by: str, node: ast.AST, inside: bool) -> Iterator[Import]:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{by}, line {node.lineno}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (Import(by, of, node.lineno, inside) for of in map(module, names) if of is not None)
        for child in ast.iter_child_nodes(node):
            within = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from found(by, child, within)

    for name, source in modules.items():
        yield from found(name, ast.parse(source), False)


def out_of_order(modules: Mapping[str, str]) -> list[str]:
    """Imports of what stands to the right in `ORDER`, or beside; modules that stand nowhere in it."""
    place = {folder: i for i, folders in enumerate(ORDER) for folder in folders}
    homes = {name: name.split(".")[1] for name in modules}
    wrong = [f"{name}: has no place in ORDER" for name, home in homes.items() if home not in place]
    for found in imports(modules):
        by, of = homes[found.by], homes[found.of]
        if by == of or by not in place or of not in place or (found.inside and (by, of) in INSIDE):
            continue
        if place[by] <= place[of]:
            wrong.append(f"{found.by}, line {found.line}: imports {found.of}")
    return wrong


def circle(modules: Mapping[str, str]) -> list[str]:
    """A circle of modules that import one another when they are loaded; empty where there is none."""
    graph: dict[str, set[str]] = {}
    for found in imports(modules):
        if not found.inside:
            graph.setdefault(found.by, set()).add(found.of)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def too_long(modules: Mapping[str, str]) -> list[str]:
    """Modules of more than `LONGEST` lines."""
    counts = {name: len(source.splitlines()) for name, source in modules.items()}
    return [f"{name}: {count} lines" for name, count in counts.items() if count > LONGEST]


def literals(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every string literal and of every fixed part of an f-string, but for docstrings."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def spelt(modules: Mapping[str, str]) -> list[str]:
    """Declared names that are spelt out elsewhere: as they are, as `name/...`, `.../name`, `name-...` or `...-name`.

    A sentence that has one among its words is none.
    """
    names = {name for declared in DECLARED.values() for name in declared}
    wrong = []
    for module, source in modules.items():
        own = module.partition(".")[2]
        allowed = {*DECLARED.get(own, ()), *OTHERWISE.get(own, ())}
        for line, text in literals(source):
            if any(c.isspace() for c in text.strip()):
                continue
            words = {text.strip(), *text.strip().split("/"), text.split("-")[0], text.split("-")[-1]}
            wrong += [f"{module}, line {line}: spells {name!r}" for name in sorted(words & names - allowed)]
    return wrong


@pytest.mark.parametrize("faults", [out_of_order, circle, too_long, spelt])
def test_the_package(faults):
    assert faults(sources(PACKAGE)) == []


def test_every_exception_is_needed():
    made = {(found.by.split(".")[1], found.of.split(".")[1]) for found in imports(sources(PACKAGE)) if found.inside}
    assert made >= INSIDE


def test_all_files_are_looked_at():
    assert len(sources(PACKAGE)) == len(list(PACKAGE.rglob("*.py"))) > 100


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("p.env.core", "import p.train.loop"),
        ("p.env.core", "from p.train.loop import Learner"),
        ("p.env.core", "from p.train import loop"),
        ("p.env.core", "def step():\n    from p.train.loop import Learner"),
        ("p.env.core", "class A:\n    def step(self):\n        import p.train.loop as x"),
        ("p.env.core", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.train.loop import Learner"),
        ("p.env.core", "from p.data.store import load"),
        ("p.errors", "from p.files import whole"),
        ("p.sweep.batch", "from p.study.run import run"),
        ("p.study.run", "from p.report.page import write"),
        ("p.model.energy", "from p import make"),
    ],
)
def test_an_import_from_the_right_is_found(module, source):
    others = ("p.__init__", "p.train", "p.train.loop", "p.data.store", "p.files", "p.study.run", "p.report.page")
    wrong = out_of_order({**dict.fromkeys(others, ""), module: source})
    assert [fault.split(", line")[0] for fault in wrong] == [module]


def test_an_import_from_the_left_is_none():
    modules = {
        "p.__init__": "from p.env.core import step",
        "p.errors": "",
        "p.data.store": "from p.errors import UserError\nimport json, pathlib",
        "p.env.core": "from p import errors\ndef make():\n    from p.data.store import load",
        "p.env.eco": "import p.env.core\nfrom pp.train import loop",
        "p.cli.main": "from p.env import eco",
    }
    assert out_of_order(modules) == []
    assert circle(modules) == []


def test_a_folder_without_a_place_is_found():
    assert out_of_order({"p.new.thing": ""}) == ["p.new.thing: has no place in ORDER"]


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        ({"p.a": "import p.b", "p.b": "from p.a import x"}, {"p.a", "p.b"}),
        ({"p.a": "from p import b", "p.b": "from p.c import x", "p.c": "import p.a"}, {"p.a", "p.b", "p.c"}),
        ({"p.a": "import p.b", "p.b": "if TYPE_CHECKING:\n    from p.a import x"}, {"p.a", "p.b"}),
        ({"p.a": "import p.b", "p.b": "class A:\n    from p.a import x"}, {"p.a", "p.b"}),
        ({"p.a": "import p.b", "p.b": "def f():\n    from p.a import x"}, set()),
        ({"p.a": "import p.b\nimport p.c", "p.b": "import p.c", "p.c": ""}, set()),
    ],
)
def test_a_circle_is_found(modules, found):
    assert set(circle(modules)) == found


def prints(modules: Mapping[str, str]) -> list[str]:
    """Modules that print or end the process, though neither of the command line nor a program of the audit."""
    ends = {"print", "exit", "sys.exit", "quit"}
    return [
        module
        for module, source in modules.items()
        if module.split(".")[1] not in ("cli", "__main__") and ".audit.programs" not in module
        and any(isinstance(node, ast.Call) and ast.unparse(node.func) in ends for node in ast.walk(ast.parse(source)))
    ]  # fmt: skip


def test_only_the_command_line_prints_and_ends():
    assert prints(sources(PACKAGE)) == ["eco_jax.run.progress"]  # shows how far it is, where it was asked to
    assert prints({"p.cli.a": "print(1)", "p.a": "import sys\nsys.exit(2)", "p.b": "x = 1"}) == ["p.a"]


def test_a_long_file_is_found():
    modules = {"p.a": "x = 1\n" * LONGEST, "p.b": "x = 1\n" * (LONGEST + 1)}
    assert too_long(modules) == ["p.b: 301 lines"]


def test_all_registered_algorithms_and_levels_are_declared_somewhere():
    declared = [str(name) for names in DECLARED.values() for name in names]
    assert sorted(declared) == sorted({*map(str, MAIN), *KNOWLEDGE, *registered("algorithm")})


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = done['agents-twin']", ["twin"]),
        ("x = played[f'{who}/reward']", ["reward"]),
        ("x = f'a2c-{level}'", ["a2c"]),
        ("x = 'energy/edge'", ["energy"]),
        ("x = played['a2c-none/qoe']", ["a2c", "qoe"]),
        ("def f(level='truth'): pass", ["truth"]),
        ("match level:\n    case 'twin': pass", ["twin"]),
        ("x = {'reward': 1}", ["reward"]),
        ("x = 'the reward of a twin'", []),
        ("x = f'a twin at {place}'", []),
        ("x = 'twins', 'a2c_scaled'", []),
        ("def f():\n    'reward'\n    # 'twin'", []),
        ("x = {REWARD: f'{who}/{ENERGY}'}", []),
    ],
)
def test_a_name_that_is_spelt_out_is_found(source, names):
    found = [fault.rpartition(" ")[2].strip("'") for fault in spelt({"p.study.parts": source})]
    assert found == names
    assert all("line 1:" in fault or "line 2:" in fault for fault in spelt({"p.study.parts": source}))


def test_a_name_may_be_spelt_where_it_is_declared():
    assert spelt({"p.metrics": "REWARD = 'reward'"}) == []
    assert spelt({"p.metrics": "x = 'twin'"}) == ["p.metrics, line 1: spells 'twin'"]


def test_every_other_meaning_is_needed(monkeypatch):
    there = set(OTHERWISE)
    monkeypatch.setitem(globals(), "OTHERWISE", {})
    found = {fault.split(",")[0].partition(".")[2] for fault in spelt(sources(PACKAGE))}
    assert found == there
