"""Parts of pages that are made from the code: `<!-- generated: NAME -->` in a page stands for what `MAKERS` has there.

So a table cannot say anything else than the code does. Everything here is Markdown.
"""

import ast
import contextlib
import dataclasses
import inspect
import io
import json
import os
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import eco_jax
import eco_jax.data.formats  # registers what it knows
from eco_jax import api, metrics
from eco_jax.bench.report import tables
from eco_jax.cli.flags import declared, told
from eco_jax.cli.main import COMMANDS, main
from eco_jax.env import PRESETS, config, eco
from eco_jax.env.config import SIGHT
from eco_jax.env.parts import COST
from eco_jax.env.policies import named, tunable
from eco_jax.model.energy import LABELS, EnergyTerms
from eco_jax.parts import KINDS, Part, registered
from eco_jax.run.config import CHOSEN, FIXED
from eco_jax.run.settings import preset_folders
from eco_jax.settings import Spec, specs
from eco_jax.study import scenarios

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
HEAD = ("setting", "symbol", "default", "unit", "range", "source", "meaning")
CONSTANTS = {"KNOWLEDGE": "The levels of knowledge, from least to most.", "PRESETS": "Worlds by name."}
"""What public constants are."""
SECTIONS = {
    "train": "The training loop. Static: each change is another program.",
    "env": "The shape of the world. Static: each change is another program.",
    "physics": "The numbers of the world. Traced: a sweep over them shares one program.",
}
"""What sections are that are no part."""
MARK = re.compile(r"^<!-- generated: ([a-z-]+) -->$", flags=re.M)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([row(head), "|" + "---|" * len(head), *map(row, rows)])


def prose(thing: Any) -> str:
    """A docstring's paragraphs up to its sections of arguments."""
    return re.split(r"\n\s*(?:Args|Returns|Raises):\n", inspect.getdoc(thing) or "")[0].strip()


def setting(name: str, spec: Spec) -> tuple[str, ...]:
    """A row of a table of settings."""
    return f"`{name}`", spec.symbol or "–", told(spec), spec.unit, spec.allowed, spec.source or "–", spec.doc


def parameters() -> str:
    """Every setting that there is, section by section."""
    made: dict[str, dict[str, list[tuple[str, ...]]]] = {}
    for section, part, name, spec in declared():
        made.setdefault(section, {}).setdefault(part, []).append(setting(f"{section}.{name}", spec))
    found = []
    for section, variants in made.items():
        kind = FIXED.get(section) or KINDS[section.split(".")[0]]
        found += [f"## `{section}`", SECTIONS.get(section) or prose(kind)]
        for part, rows in variants.items():
            found += [f'With `{section.split(".")[0]} = "{part}"`:'] if part else []
            found.append(table(HEAD, rows))
    return "\n\n".join(found)


def metric_row(metric: metrics.Metric, meaning: str = "") -> tuple[str, ...]:
    """A row of the table of metrics."""
    better = {1: "more", -1: "less", 0: "–"}[metric.better]
    return f"`{metric}`", metric.unit, better, f"`{metric.column}`", meaning or metric.label


def metric_table() -> str:
    """Every metric, in the order of their declaration; then the terms of the energy, and the registered cost terms."""
    head = ("metric", "unit", "better", "column", "meaning")
    plain = [metric_row(m) for m in vars(metrics).values() if isinstance(m, metrics.Metric)]
    docs = fields(EnergyTerms)
    terms = [
        metric_row(metrics.energy_term(name), f"{docs[name]} (in figures: {LABELS[name]})")
        for name in EnergyTerms._fields
    ]
    costs = [metric_row(made.metric(), prose(made)) for made in registered(COST).values()]
    return "\n\n".join([
        table(head, plain), "## Terms of the energy", prose(EnergyTerms), table(head, terms), "## Cost terms",
        table(head, costs) if costs else "None is built in; each that a plug-in registers is a metric `cost/NAME`.",
    ])  # fmt: skip


def fields(kind: Any) -> dict[str, str]:
    """Field -> the text below it in the source of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            found[node.target.id] = " ".join(str(text).split())
    return found


def presets() -> str:
    """Worlds, and whole runs, by name."""
    worlds = [
        (f"`{name}`", ", ".join(f"`{key} = {value!r}`" for key, value in differs.items()) or "the default world")
        for name, differs in PRESETS.items()
    ]
    found = ["## Worlds", "What differs from the default world.", table(("preset", "what differs"), worlds)]
    found += ["## Whole runs", "World, training and algorithm, as a file that `--config` takes, too."]
    seen: set[str] = set()
    for path in (path for folder in preset_folders() for path in sorted(folder.glob("*.toml"))):
        if path.name in seen:
            continue
        seen.add(path.name)
        about = re.match(r"(?:#.*\n)*", path.read_text())
        text = " ".join(line.strip("# ") for line in (about[0] if about else "").splitlines())
        found += [f"### `{path.stem}`", text, f"```toml\n{path.read_text()[about.end() if about else 0 :]}```"]
    return "\n\n".join(found)


def is_missing(name: str, method: Any) -> bool:
    """Whether a method of a base class must be said by its variants."""
    own = inspect.isfunction(method) and not name.startswith("_")
    return own and "raise NotImplementedError" in inspect.getsource(method)


def all_parts() -> str:
    """Each kind of part, what one of its own needs, and its variants with their settings."""
    found = []
    for kind in dict.fromkeys([*CHOSEN, *KINDS]):
        base, usual = KINDS[kind], CHOSEN.get(kind)
        needs = [f"`{name}`" for name, made in vars(base).items() if is_missing(name, made)]
        found += [f"## {kind}", prose(base)]
        found += [f"Base class {{py:class}}`{base.__module__}.{base.__qualname__}`; a new one says {', '.join(needs)}."]
        for name, made in registered(kind).items():
            found += [f'### `{kind} = "{name}"`' + (" (default)" if made is usual else ""), prose(made)]
            found += [f"{{py:class}}`{made.__module__}.{made.__qualname__}`"]
            known = specs(made) if dataclasses.is_dataclass(made) else {}
            own = [setting(f"{kind}.{n}", spec) for n, spec in known.items()]
            found += [table(HEAD, own)] if own else ["No settings."]
        if not registered(kind):
            found += ["None is built in: a plug-in brings its own."]
    return "\n\n".join(found)


def chosen(part: Part) -> list[str]:
    """The settings in which a part differs from one made without any."""
    usual = type(part)()
    own = {name: getattr(part, name) for name in specs(type(part))}
    return [f"(`{name} = {str(value).lower()}`.)" for name, value in own.items() if value != getattr(usual, name)]


def rules() -> str:
    """Every registered rule, and the numbers of it that the study tunes."""
    rows = []
    for name, rule in named().items():
        parts = [part for part in (rule, *vars(rule).values()) if isinstance(part, Part)]
        pieces = [" ".join([prose(type(part)).split("\n")[0], *chosen(part)]) for part in parts]
        tuned = {number for sight in SIGHT.values() for number in tunable(rule, sight)}
        rows.append((f"`{name}`", " ".join(pieces), ", ".join(f"`{n}`" for n in sorted(tuned)) or "–"))
    return table(("rule", "what it does, and its pieces", "tuned"), rows)


def shown(*argv: str) -> str:
    """What a command prints as its help."""
    before, out = os.environ.get("COLUMNS"), io.StringIO()
    os.environ["COLUMNS"] = "88"
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main([*argv, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        os.environ |= {} if before is None else {"COLUMNS": before}
    return out.getvalue().rstrip()


def command_line() -> str:
    """The help of every command."""
    found = [f"```text\n{shown()}\n```"]
    for name, text in COMMANDS.items():
        found += [f"## `eco-jax {name}`", f"{text[:1].upper()}{text[1:]}.", f"```text\n{shown(name)}\n```"]
        for inner in re.findall(rf"^  eco-jax {name} (\w+)  ", shown(name), flags=re.M):
            found += [f"### `eco-jax {name} {inner}`", f"```text\n{shown(name, inner)}\n```"]
    return "\n\n".join(found)


def performance() -> str:
    """Every benchmark that is committed."""
    found = []
    for path in sorted((ROOT / "experiments" / "benchmarks" / "results").glob("*/bench.json")):
        bench = json.loads(path.read_text())
        with_versions = ", ".join(f"{name} {version}" for name, version in bench["versions"].items())
        lines = "\n".join(tables(bench)).replace("\n## ", "\n### ")
        head, _, rest = lines.partition("\n")
        found += [
            f"## {head.removeprefix('# Benchmark: ')} ({path.parent.name})",
            f"Measured with {with_versions}.",
            rest,
        ]
    return "\n\n".join(found)


def rehearsal() -> str:
    """The programs as they were compiled for a card that was not there."""
    return (ROOT / "experiments" / "benchmarks" / "gpu" / "rehearsal.md").read_text().partition("\n")[2].strip()


def scenario_table() -> str:
    """The worlds of eco-bench."""
    every = scenarios.scenarios().values()
    rows = [(s.name, s.about, f"`{s.flags}`" if s.flags else "–", s.sha256[:12]) for s in every]
    return table(("world", "what it is", "flags of `eco-jax train`", "hash"), rows)


def scoreboard() -> str:
    """The scores that are committed."""
    found = json.loads((ROOT / "experiments" / "results" / "scoreboard.json").read_text())["scores"]
    worlds = list(scenarios.scenarios())
    means = {who: sum(row[name]["score"]["mean"] for name in worlds) / len(worlds) for who, row in found.items()}

    def cell(score: dict[str, float]) -> str:
        return f"{score['mean']:.1f} [{score['lo']:.1f}, {score['hi']:.1f}]"

    rows = [
        (f"`{who}`", f"{means[who]:.1f}", *(cell(found[who][name]["score"]) for name in worlds))
        for who in sorted(found, key=lambda who: -means[who])
    ]
    return table(("policy", "mean", *worlds), rows)


def audit() -> str:
    """What the paper prints that does not hold, as the report's audit has it."""
    data = tomllib.loads((ROOT / "eco_jax" / "report" / "audit" / "findings.toml").read_text())
    found = []
    for row in data["finding"]:
        printed, shows = (f"```text\n{row[name].strip()}\n```" for name in ("printed", "shows"))
        found += [f"### {row['equation']}", "*Printed:*", printed, row["problem"].strip()]
        found += ["*A program shows:*", shows, f"*Instead:* {row['repaired'].strip()}"]
    return "\n\n".join(found)


def public() -> str:
    """The names that `import eco_jax` gives, each with where it is documented."""
    rows = []
    for name in eco_jax.__all__:
        thing = getattr(eco_jax, name)
        thing = getattr(api, name) if inspect.ismodule(thing) and hasattr(api, name) else thing  # `eco_jax.train`
        if inspect.ismodule(thing):
            role, where = "mod", thing.__name__
        elif callable(thing):
            role, where = "class" if isinstance(thing, type) else "func", f"{thing.__module__}.{thing.__qualname__}"
        else:
            role, where = "data", f"{next(m.__name__ for m in (config, eco) if hasattr(m, name))}.{name}"
        rows.append((f"`{name}`", f"{{py:{role}}}`{where}`", CONSTANTS.get(name) or prose(thing).split("\n\n")[0]))
    return table(("name", "documented at", "what it is"), rows)


def guides() -> str:
    """The pages beside the index that it does not name itself, in the order of their titles."""
    named_there = (DOCS / "index.md").read_text().split()
    pages = {path.stem: path.read_text().lstrip("# ") for path in DOCS.glob("*.md")}
    return "\n".join(sorted(pages.keys() - {"index", *named_there}, key=lambda name: pages[name].lower()))


MAKERS: dict[str, Callable[[], str]] = {
    "parameters": parameters, "metrics": metric_table, "presets": presets, "parts": all_parts, "rules": rules,
    "command-line": command_line, "performance": performance, "audit": audit, "public": public,
    "guides": guides, "rehearsal": rehearsal, "scenarios": scenario_table, "scoreboard": scoreboard,
}  # fmt: skip
"""Name in a page -> what makes the Markdown."""


def filled(text: str) -> str:
    """A page with what is generated in its place."""
    return MARK.sub(lambda found: MAKERS[found[1]](), text)


def read(app: Any, name: str, source: list[str]) -> None:
    """See Sphinx's event `source-read`."""
    source[0] = filled(source[0])


def outdated(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Pages that are made from the code are read again in every build: see Sphinx's event `env-get-outdated`."""
    return [name for name in env.found_docs if MARK.search(Path(env.doc2path(name)).read_text())]


def setup(app: Any) -> dict[str, bool]:
    """See Sphinx."""
    app.connect("source-read", read)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
