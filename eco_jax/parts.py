"""Exchangeable pieces of the model and of the agent, and how they get their names.

A variant is an object that brings its own numbers: a class that declares its settings, registered by name. Flags, TOML,
`--help` and sweeps know whatever is registered, in this package or in a file of the user's own.
"""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import jax
import numpy as np

from eco_jax.errors import UserError, quoted
from eco_jax.settings import changed, check, check_agreement, from_si, similar, specs, to_si


class Part:
    """An exchangeable piece that brings its own settings: a frozen dataclass and a pytree.

    Made with settings in their documented units (`Waypoint(speed_max=30)`, km/h), it holds its numbers in SI as fp32
    leaves. Its class and its static settings are part of the tree's structure. A subclass declares its settings as
    fields (`number`, `whole`, ...); other fields are taken as they are, and are leaves.
    """

    kind: ClassVar[str] = ""
    """what it is a variant of, as `mobility`; also the name of its section of settings"""
    name: ClassVar[str] = ""
    """its own name, as `waypoint`"""

    def __init_subclass__(cls, kind: str = "", **more: Any) -> None:
        super().__init_subclass__(**more)
        if kind:
            cls.kind = kind
            KINDS[kind] = cls
        dataclass(frozen=True, init=False, eq=False)(cls)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        leaves = tuple(f.name for f in fields if not f.metadata.get("static"))
        fixed = tuple(f.name for f in fields if f.metadata.get("static"))

        def flatten(part: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
            return tuple((jax.tree_util.GetAttrKey(n), getattr(part, n)) for n in leaves), tuple(
                getattr(part, n) for n in fixed
            )

        def unflatten(static: tuple[Any, ...], children: Iterable[Any]) -> Any:
            return _made(cls, dict(zip(fixed, static, strict=True)) | dict(zip(leaves, children, strict=True)))

        jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)

    def __init__(self, **values: Any) -> None:
        """See the class.

        Args:
            values: settings in their units; other fields as they are.

        Raises:
            UserError: an unknown name, a value that is not allowed, or values that contradict each other.
        """
        known = specs(type(self))
        others = [f for f in dataclasses.fields(type(self)) if f.name not in known]  # type: ignore[arg-type]
        arrays = {n: v for n, v in values.items() if n in known and not known[n].static and _is_array(v)}
        own = {n: v for n, v in values.items() if n not in arrays and n not in {f.name for f in others}}
        section = self.kind or type(self).__name__
        full = check(type(self), section, own, together=not arrays)
        held = {name: value if known[name].static else to_si(known[name], value) for name, value in full.items()}
        held |= changed(type(self), self.kind, arrays)
        if arrays:
            check_held(type(self), section, held)
        for f in others:
            held[f.name] = values.get(f.name, f.default)
        for name, value in held.items():
            object.__setattr__(self, name, value)

    def set(self, **values: Any) -> Self:
        """The same with other numbers, in their documented units; an array of them is for `jax.vmap`.

        Raises:
            UserError: an unknown name, a value that is not allowed, or values that contradict each other.
        """
        now = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        held = now | changed(type(self), self.kind, values)
        check_held(type(self), self.kind, held)
        return _made(type(self), held)

    def having(self, name: str, value: Any) -> Self:
        """The same with another value of a field that is no setting, for instance another part."""
        if name not in {f.name for f in dataclasses.fields(self)} or name in specs(type(self)):  # type: ignore[arg-type]
            raise UserError(f"{type(self).__name__}.{name}: no field for a part")
        return _made(type(self), {f.name: getattr(self, f.name) for f in dataclasses.fields(self)} | {name: value})  # type: ignore[arg-type]


def _is_array(value: Any) -> bool:
    return isinstance(value, jax.Array | np.ndarray)


def _made(cls: Any, held: Mapping[str, Any]) -> Any:
    """A part that holds this, unchecked: what `jax.tree.map` puts into a tree need not be a number."""
    part = object.__new__(cls)
    for name, value in held.items():
        object.__setattr__(part, name, value)
    return part


KINDS: dict[str, Any] = {}
"""Kind -> its base class, for kinds of parts."""
_REGISTERED: dict[str, dict[str, Any]] = {}
_MADE: dict[str, Any] = {}
"""Kind -> what its variants are or make, for the other kinds."""

Thing = TypeVar("Thing")
PartType = TypeVar("PartType", bound=Part)


def register(kind: str, name: str) -> Callable[[Thing], Thing]:
    """Give a variant its name: `@register("mobility", "levy")` above its class or function.

    Raises:
        UserError: there is no such kind, the name is taken, or it is no variant of that kind.
    """

    def named(thing: Thing) -> Thing:
        where = f"register({kind!r}, {name!r}), {place_of(thing)}"
        if kind not in _REGISTERED and kind not in KINDS:
            raise UserError(f"{where}: no such kind; must be one of {', '.join(sorted({*_REGISTERED, *KINDS}))}")
        if not name or any(c.isspace() or c in ".,=\"'" for c in name):
            raise UserError(f"{where}: a name has no space, dot, comma, quote or equals sign")
        there = _REGISTERED.setdefault(kind, {}).get(name)
        if there is not None:
            raise UserError(f"{where}: the name is taken by {place_of(there)}")
        base = KINDS.get(kind)
        if base is not None:
            if not (isinstance(thing, type) and issubclass(thing, base)):
                raise UserError(f"{where}: must be a subclass of {base.__name__}")
            thing.name = name  # type: ignore[attr-defined]
        elif not (issubclass(thing, _MADE[kind]) if isinstance(thing, type) else callable(thing)):
            raise UserError(f"{where}: must be a subclass of {_MADE[kind].__name__}, or a function that makes one")
        _REGISTERED[kind][name] = thing
        return thing

    return named


def open_kind(kind: str, base: Any) -> None:
    """Make a kind known whose variants may be functions that make a `base`, for instance rules."""
    _REGISTERED.setdefault(kind, {})
    _MADE[kind] = base


def forget(kind: str, name: str) -> None:
    """Take a name back, as the tests of plug-ins do."""
    _REGISTERED.get(kind, {}).pop(name, None)


def forget_all_of(module: str) -> None:
    """Take back the names of all that a module defines, as where it ended with an error."""
    for known in _REGISTERED.values():
        for name in [name for name, thing in known.items() if getattr(thing, "__module__", None) == module]:
            del known[name]


def registered(kind: str) -> dict[str, Any]:
    """Name -> variant, of all that is registered of a kind."""
    return dict(_REGISTERED.get(kind, {}))


def variant(kind: str, name: Any, where: str = "") -> Any:
    """The variant of a kind by its name.

    Raises:
        UserError: there is none of this name; those that there are are named.
    """
    known = registered(kind)
    if not known:
        raise UserError(f"{where or kind} = {quoted(name)}: there is none; a plug-in (--plugin FILE) registers its own")
    if not isinstance(name, str) or name not in known:
        raise UserError(f"{where or kind} = {quoted(name)}: must be one of {', '.join(known)}")
    return known[name]


def place_of(thing: Any) -> str:
    """File and line of a class or function."""
    try:
        return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]}"
    except (OSError, TypeError):
        return repr(thing)


def check_held(kind: Any, section: str, held: Mapping[str, Any]) -> None:
    """Whether settings agree with each other, as in `check`: those that somebody holds, in SI, or arrays of them.

    Elements of arrays of one shape belong together; else all combinations of the extremes must agree. What is no
    number (while jax traces it) agrees with everything.

    Raises:
        UserError: values that contradict each other.
    """
    full: dict[str, Any] = {}
    groups: dict[tuple[int, ...], dict[str, list[float]]] = {}
    for name, spec in (known := specs(kind)).items():
        value = held[name]
        if spec.static:
            full[name] = value
        elif isinstance(value, _NUMBERS) and not isinstance(value, jax.core.Tracer):
            group = groups.setdefault(np.shape(value), {})
            group[name] = [from_si(spec, number) for number in np.ravel(value).tolist()]
    names = [*full, *(name for group in groups.values() for name in group)]
    for rows in itertools.product(*(_rows(list(group.values())) for group in groups.values())):
        try:
            check_agreement(kind, section, dict(zip(names, [*full.values(), *itertools.chain(*rows)], strict=True)))
        except KeyError:  # it asked for a number that is traced
            if len(names) == len(known):
                raise


_NUMBERS = (int, float, np.generic, np.ndarray, jax.Array)


def _rows(columns: list[list[float]]) -> set[tuple[float, ...]]:
    """Numbers that belong together; of a single column the extremes."""
    return set(zip(*columns, strict=True)) if len(columns) > 1 else {(min(columns[0]),), (max(columns[0]),)}


def numbers_of(part: Part) -> dict[str, Any]:
    """Name -> value of the traced numbers that a part declares itself, in SI; not those of parts that it holds."""
    return {name: getattr(part, name) for name, spec in specs(type(part)).items() if not spec.static}


def with_numbers(part: PartType, values: Mapping[str, Any]) -> PartType:
    """The same part with other traced numbers, in SI as `numbers_of` gives them, unchecked: they may be traced.

    Raises:
        UserError: a name is none of its traced numbers.
    """
    known = numbers_of(part)
    for name in values:
        if name not in known:
            raise UserError(f"{part.kind}.{name}: no traced number of {type(part).__name__}{similar(name, known)}")
    now = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}  # type: ignore[arg-type]
    made: PartType = _made(type(part), now | dict(values))
    return made
