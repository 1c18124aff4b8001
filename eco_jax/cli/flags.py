"""Flags of a run's settings: one for each setting that is declared, in this package or in a plug-in."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.env.parts import COST, Replay
from eco_jax.errors import UserError, in_words, quoted, shown
from eco_jax.parts import registered
from eco_jax.run.config import CHOSEN, FIXED, INPUTS, hint, specs_of
from eco_jax.settings import Spec, specs

HELP = "--help-physics"
PLAIN = {
    "knowledge": "what the agent knows: none, telemetry, forecast, twin or truth, each more than the one before",
    "trace": "prepared trace (`eco-jax data prepare`) to replay as the users' mobility",
    "sites": "own servers: a table of x,y in m or lat,lon in degrees; it may have cpu_ghz, coverage_m, cache_slots",
    "workload": "tasks to draw from: a table of data_kb, deadline_ms and cycles_per_byte (or cycles_per_bit)",
    "plugin": "a Python file of one's own parts, rules or algorithms; may be repeated",
    COST: "a cost term of one's own, by name; may be repeated",
}
"""Flag -> what it says, of settings that belong to no section."""
FILES = ("plugin", *INPUTS)
"""Those that are files."""
LISTS = {"plugin": "plugins", COST: COST}
"""Flag that may be repeated -> its setting."""


def split(argv: Sequence[str], values: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """The arguments without the flags of settings, and what these say, by setting.

    Args:
        argv: of a command.
        values: what the flags go over: it says which parts are chosen where no flag does.

    Raises:
        UserError: no such setting, or no value of its type.
    """
    choices = {name: words[0] for name, words in _flags(argv) if name in CHOSEN and any(words[:1])}
    traces = [words[0] for name, words in _flags(argv) if name == "trace" and any(words[:1])]
    trace = traces[-1] if traces else values.get("trace")
    if trace not in (None, "None"):  # it decides the mobility
        choices.setdefault(Replay.kind, Replay.name)
    elif traces and values.get(Replay.kind) == Replay.name:
        values = {name: value for name, value in values.items() if name != Replay.kind}
    costs = tuple(words[0] for name, words in _flags(argv) if name == COST and any(words[:1]))
    known = specs_of({**values, **choices, **({COST: costs} if costs else {})})
    rest: list[str] = []
    found: dict[str, Any] = {}
    for name, words in _flags(argv):
        negated = name.replace(".no_", ".", 1) if ".no_" in name and name not in known else None
        if name in known:
            value, used = _value(words.original, known[name], words)
            found[name] = value
            rest += words[used:]
        elif negated in known and known[negated].kind is bool:
            found[negated] = False
            rest += words
        elif name in LISTS and any(words[:1]):
            found[LISTS[name]] = (*found.get(LISTS[name], ()), words[0])
            rest += words[1:]
        elif name in (*CHOSEN, *INPUTS, "knowledge") and any(words[:1]):
            found[name] = None if name in INPUTS and words[0] == "None" else words[0]
            rest += words[1:]
        elif name in (*CHOSEN, *INPUTS, *LISTS, "knowledge"):
            raise UserError(f"{words.original}: needs a value")
        elif "." in name:
            raise UserError(f"{shown(words.original)}: unknown setting{hint(name, known)}")
        else:
            rest += [words.original, *words] if words.original else words
    return rest, found


class _Words(list[str]):
    """The words after a flag; `original` is the flag as it was written, empty where there was none before them."""

    original: str = ""


def _flags(argv: Sequence[str]) -> Iterator[tuple[str, _Words]]:
    """(name of the flag, the words up to the next one); first what stands before any flag, with an empty name."""
    words, name = _Words(), ""
    for word in argv:
        if word.startswith("--") and len(word) > 2:
            if name or words:
                yield name, words
            flag, equals, value = word.partition("=")
            name, words = _named(flag.removeprefix("--")), _Words([value] if equals else [])
            words.original = flag
            if equals and "." not in name and name not in (*CHOSEN, *PLAIN):
                words = _Words()
                words.original = word
        else:
            words.append(word)
    if name or words:
        yield name, words


def _named(flag: str) -> str:
    """A flag's setting: hyphens and underscores are the same, but in the name of a cost."""
    parts = flag.split(".")
    if parts[0] == COST and len(parts) == 3:
        return f"{COST}.{parts[1]}.{parts[2].replace('-', '_')}"
    return flag.replace("-", "_")


def _value(flag: str, spec: Spec, words: Sequence[str]) -> tuple[Any, int]:
    """What the words after a flag say, and how many of them belong to it.

    Raises:
        UserError: nothing of the setting's type.
    """
    if spec.kind is bool:
        if words and words[0].lower() in ("true", "false"):
            return words[0].lower() == "true", 1
        return True, 0
    if not words:
        raise UserError(f"{flag}: needs a value, {spec.allowed}")
    if spec.kind is tuple:
        return tuple(_number(flag, word, float) for word in words), len(words)
    if spec.kind is str:
        return words[0], 1
    return _number(flag, words[0], spec.kind), 1


def _number(flag: str, word: str, kind: Any) -> Any:
    try:
        return kind(word)
    except ValueError:
        an = "an integer" if kind is int else "a number"
        raise UserError(f"{flag}: must be {an}, not {quoted(word)}") from None


def listing(refused: Collection[str] = ()) -> list[tuple[str, str]]:
    """(flag, what it says) of all settings but the numbers of the world, which `table` lists.

    Args:
        refused: settings, and whole sections of them, that a command does not take.
    """
    rows: dict[str, tuple[str, str]] = {}
    for name, doc in PLAIN.items():
        costs = registered(COST) if name == COST else {}
        rows[name] = f"--{name} {'FILE' if name in FILES else 'NAME'}", doc + (f": {', '.join(costs)}" if costs else "")
    for section, kind in FIXED.items():
        if section != "physics":
            rows |= {f"{section}.{name}": _row(section, name, spec) for name, spec in specs(kind).items()}
    for kind, usual in CHOSEN.items():
        names = registered(kind)
        rows[kind] = f"--{kind} NAME", f"{_first(kind)}: {', '.join(names)} (default: {usual.name})"
        for variant in names.values() if kind in AGENT else ():
            for name, spec in specs(variant).items():
                rows.setdefault(f"{kind}.{name}", _row(kind, name, spec, _whose(names, name)))
    return [row for name, row in rows.items() if not {name, name.split(".")[0]} & set(refused)]


def _whose(variants: Mapping[str, Any], name: str) -> str:
    """The default where a setting's owners differ in it, and who they are where others have no such setting."""
    defaults = {owner: told(specs(made)[name]) for owner, made in variants.items() if name in specs(made)}
    first = next(iter(defaults.values()))
    others = [f", {default} of {owner}" for owner, default in defaults.items() if default != first]
    return "".join(others) + (f"; {in_words(list(defaults), 'and')} only" if len(defaults) < len(variants) else "")


def _first(kind: str) -> str:
    """What a kind of parts is, in the first words of its base class."""
    from eco_jax.parts import KINDS

    return re.split(r"[.;:]\s", str(KINDS[kind].__doc__))[0].rstrip(".")


def _row(section: str, name: str, spec: Spec, only: str = "") -> tuple[str, str]:
    return _flag(section, name), f"{spec.doc} ({spec.allowed}; default: {told(spec)}{only})"


def _flag(section: str, name: str) -> str:
    return f"--{section}.{name.replace('_', '-')}"


def told(spec: Spec) -> str:
    """A setting's default in words."""
    if isinstance(spec.default, tuple):
        return " ".join(f"{v:g}" for v in spec.default)
    if isinstance(spec.default, bool):
        return str(spec.default).lower()
    return f"{spec.default:g}" if isinstance(spec.default, float) else str(spec.default)


def table() -> str:
    """Every number of the world with default, unit, range and meaning, a line each."""
    rows = [("flag", "default", "range", "meaning")]
    for section, part, name, spec in declared():
        if section in ("train", "env", "algorithm", "network"):
            continue
        default = f"{told(spec)} {spec.unit}" if spec.unit != "-" else told(spec)
        only = f" ({section.split('.')[0]} {part})" if part else ""
        rows.append((_flag(section, name), default, spec.allowed, spec.doc + only))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]) for row in rows)


def declared() -> Iterator[tuple[str, str, str, Spec]]:
    """(section, variant or nothing, name, what is known) of every setting that there is."""
    for section, kind in FIXED.items():
        for name, spec in specs(kind).items():
            yield section, "", name, spec
    for kind in (*CHOSEN, COST):
        for part, variant in registered(kind).items():
            for name, spec in specs(variant).items():
                yield f"{COST}.{part}" if kind == COST else kind, part, name, spec
