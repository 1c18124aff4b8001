"""One notation for every setting: default, unit, range, symbol, source and meaning, declared where the thing lives.

Flags, TOML, `--help`, range checks and the table of parameters are made from it. A setting is *traced* (a number that
lives in a pytree: a sweep over a thousand values is one program) or *static* (it decides shapes or control flow).

`parts.Part` is the base of the classes that declare them; `form` is what a run's TOML holds of one.
"""

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from eco_jax.errors import UserError, quoted, shown

UNITS: dict[str, Callable[[Any], Any]] = {
    "-": lambda x: x, "m": lambda x: x, "s": lambda x: x, "W": lambda x: x, "rad": lambda x: x,
    "1/s": lambda x: x, "1/J": lambda x: x, "slots": lambda x: x, "replicas": lambda x: x, "cycles/unit": lambda x: x,
    "J s^2/cycles^3": lambda x: x, "1/nat": lambda x: x,
    "ms": lambda x: x * 1e-3,
    "km/h": lambda x: x / 3.6,
    "MHz": lambda x: x * 1e6,
    "GHz": lambda x: x * 1e9,
    "Gbit/s": lambda x: x * 1e9,
    "Mbit": lambda x: x * 1e6,
    "KB": lambda x: x * 8000.0,
    "mJ": lambda x: x * 1e-3,
    "ns/bit": lambda x: x * 1e-9,
    "dB": lambda x: 10.0 ** (x / 10.0),
}  # fmt: skip
"""Conversion of each unit that a setting may be given in to the SI unit used inside (bit, s, Hz, W, J, m, cycles)."""
COUNTED = ("slots", "replicas")
"""Units of which there are only whole numbers, though the number is traced."""
WHOLE = 2**63
"""Whole numbers of settings lie below this in size, as those of TOML do."""
SEEDS = 2**32
"""Seeds are 0 to this less one: what a key is made of."""


class Spec(NamedTuple):
    """What is known about a setting."""

    default: Any
    unit: str
    low: Any
    high: Any
    symbol: str
    source: str
    doc: str
    static: bool = False
    of: tuple[str, ...] = ()
    """the words to choose from; empty where it is no word"""

    @property
    def kind(self) -> type:
        """float, int, bool, str or tuple (of numbers)."""
        return float if not self.static else type(self.default)

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are allowed."""
        return self.kind is int or self.unit in COUNTED

    @property
    def allowed(self) -> str:
        """The allowed values in words."""
        if self.of:
            return f"one of {', '.join(self.of)}"
        if self.kind in (bool, str):
            return "true or false" if self.kind is bool else "a text"
        if self.kind is tuple:
            return f"numbers in ({self.low:g}, {self.high:g}]"
        return f"{self.low} to {self.high}" if self.kind is int else f"{self.low:g} to {self.high:g}"


def number(
    default: float, unit: str, low: float, high: float, symbol: str, source: str, doc: str
) -> Any:  # a dataclass field; Any so that the annotated type of the attribute stands
    """A traced number, given in `unit`, from `low` to `high` (both allowed), held in SI."""
    spec = Spec(default, unit, low, high, symbol, source, doc)
    return field(default=float(UNITS[unit](default)), metadata={"spec": spec})


def whole(default: int, low: int, high: int, doc: str, symbol: str = "", source: str = "") -> Any:
    """A static whole number from `low` to `high` (both allowed)."""
    return _static(Spec(default, "-", low, high, symbol, source, doc, static=True))


def switch(default: bool, doc: str) -> Any:
    """A static yes or no."""
    return _static(Spec(default, "-", False, True, "", "", doc, static=True))


def choice(default: str, of: Sequence[str], doc: str, source: str = "") -> Any:
    """A static choice of words."""
    return _static(Spec(default, "-", None, None, "", source, doc, static=True, of=tuple(of)))


def text(default: str, doc: str) -> Any:
    """A static text of any kind."""
    return _static(Spec(default, "-", None, None, "", "", doc, static=True))


def numbers(default: tuple[float, ...], low: float, high: float, doc: str, symbol: str = "", source: str = "") -> Any:
    """A static list of numbers, each above `low` and at most `high`."""
    return _static(Spec(default, "-", low, high, symbol, source, doc, static=True))


def _static(spec: Spec) -> Any:
    return field(default=spec.default, metadata={"spec": spec, "static": True})


def specs(kind: Any) -> dict[str, Spec]:
    """Name -> what is known, for every setting that a class declares or inherits."""
    return {f.name: f.metadata["spec"] for f in dataclasses.fields(kind) if "spec" in f.metadata}


def check_value(where: str, spec: Spec, value: Any) -> Any:
    """The value as its setting's type.

    Args:
        where: names the setting in a message.
        spec: of the setting.
        value: as somebody gave it, in the setting's unit.

    Raises:
        UserError: it is of another type, or out of range.
    """
    if spec.of:
        if not isinstance(value, str) or value not in spec.of:
            raise UserError(f"{where} = {quoted(value)}: must be {spec.allowed}")
        return value
    if spec.kind in (bool, str):
        if not isinstance(value, spec.kind):
            raise UserError(f"{where} = {quoted(value)}: must be {spec.allowed}")
        return value
    if spec.kind is tuple:
        value = value.tolist() if isinstance(value, np.ndarray) and value.ndim == 1 else value
        if not isinstance(value, list | tuple) or not value or not all(map(is_number, value)):
            raise UserError(f"{where} = {quoted(value)}: must be a list of numbers in ({spec.low:g}, {spec.high:g}]")
        if not all(spec.low < v <= spec.high for v in value):
            raise UserError(f"{where} = {quoted(value)}: each must lie in ({spec.low:g}, {spec.high:g}], at least one")
        return tuple(float(v) for v in value)
    unit = "" if spec.unit == "-" else f" {spec.unit}"
    if not is_number(value):
        raise UserError(f"{where} = {quoted(value)}: must be a {'whole ' * spec.whole}number{unit and ' in' + unit}")
    if isinstance(value, int) and not -WHOLE <= value < WHOLE:
        raise UserError(f"{where} = {quoted(value)}: must lie in [{spec.low:g}, {spec.high:g}]{unit}")
    told = f"{value:g}" if isinstance(value, float | np.floating) else str(value)
    if spec.whole and math.isfinite(value) and value != int(value):
        raise UserError(f"{where} = {told}{unit}: must be a whole number")
    if not spec.low <= value <= spec.high:
        low, high = (f"{n}" if isinstance(n, int) and spec.static else f"{n:g}" for n in (spec.low, spec.high))
        raise UserError(f"{where} = {told}{unit}: must lie in [{low}, {high}]")
    return int(value) if spec.kind is int else float(value)


def is_whole(value: Any) -> bool:
    """Whether a value is one whole number; true and false are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is one number; true and false are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check(kind: Any, section: str, values: Mapping[str, Any], together: bool = True) -> dict[str, Any]:
    """All settings of a class, in their units, with the defaults of those that `values` leaves out.

    Args:
        kind: declares them. Its `check_together(values, section)`, if it has one, sees them all.
        section: names them in a message, as in `physics.side`.
        values: name -> value.
        together: whether they must agree with each other, too.

    Raises:
        UserError: an unknown name, a value that is not allowed, or values that contradict each other.
    """
    known = specs(kind)
    for name in values:
        if name not in known:
            raise UserError(f"{section}.{shown(str(name))}: unknown setting{similar(shown(str(name)), known)}")
    full = {name: check_value(f"{section}.{name}", s, values.get(name, s.default)) for name, s in known.items()}
    if together:
        check_agreement(kind, section, full)
    return full


def check_agreement(kind: Any, section: str, full: Mapping[str, Any]) -> None:
    """Whether settings in their units agree with each other: see `check`. Some may be left out.

    Raises:
        UserError: values that contradict each other, or KeyError: the class asked for one that is left out.
    """
    for low, high in _ranges(kind):
        if low in full and high in full and full[low] > full[high]:
            raise UserError(f"{section}.{low} = {full[low]:g}: must be at most {section}.{high} = {full[high]:g}")
    if hasattr(kind, "check_together"):
        kind.check_together(full, section)


@cache
def _ranges(kind: Any) -> list[tuple[str, str]]:
    known = specs(kind)
    pairs = [(name, name.replace("_min", "_max")) for name in known if name.endswith("_min")]
    return [(low, high) for low, high in pairs if high in known]


def similar(name: str, known: Iterable[str]) -> str:
    """A hint at the names that may have been meant."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known are {', '.join(known)}"


def to_si(spec: Spec, value: Any) -> Any:
    """A traced number, or an array of them, from its unit to fp32 in SI."""
    import jax.numpy as jnp

    if isinstance(value, int | float | np.integer | np.floating):
        return jnp.float32(UNITS[spec.unit](float(value)))
    return jnp.asarray(UNITS[spec.unit](value), jnp.float32)


def from_si(spec: Spec, value: float) -> float:
    """A traced number from SI to its unit: the inverse of `to_si`."""
    if spec.unit == "dB":
        return 10.0 * math.log10(value) if value else -math.inf
    return value / float(UNITS[spec.unit](1.0))


def changed(kind: Any, section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Some traced numbers of a class from their units to fp32 in SI; each may be an array of values to vmap over.

    Raises:
        UserError: an unknown name, a static setting, or a number out of range.
    """
    known, found = specs(kind), {}
    for name, value in values.items():
        if name not in known:
            raise UserError(f"{section}.{name}: unknown setting{similar(name, known)}")
        if known[name].static:
            raise UserError(f"{section}.{name}: is static; make a new {kind.__name__} with it")
        if isinstance(value, jax.core.Tracer):
            found[name] = to_si(known[name], value)
            continue
        array = np.asarray(value)
        if array.ndim == 0:
            value = check_value(f"{section}.{name}", known[name], value.item() if hasattr(value, "item") else value)
        else:
            for extreme in (array.min(), array.max()):
                check_value(f"{section}.{name}", known[name], extreme.item())
        found[name] = to_si(known[name], value)
    return found


def form(kind: Any) -> Any:
    """A class's settings as plain values in their units: `form(Waypoint)(speed_max=30.0)`, what a run's TOML holds.

    Its attribute `of` is the class. Unknown names and values that are not allowed are a `UserError`.
    """
    made = _FORMS.get(kind)
    if made is None:
        fields = [
            (name, spec.kind, field(default=float(spec.default) if spec.kind is float else spec.default))
            for name, spec in specs(kind).items()
        ]
        section = kind.section if hasattr(kind, "section") else kind.kind

        def post(self: Any) -> None:
            for name, value in check(kind, section, vars(self)).items():
                object.__setattr__(self, name, value)

        namespace = {"__post_init__": post, "of": kind}
        made = dataclasses.make_dataclass(kind.__name__, fields, frozen=True, namespace=namespace)
        _FORMS[kind] = made
    return made


_FORMS: dict[Any, Any] = {}
