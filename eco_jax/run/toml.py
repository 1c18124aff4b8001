"""TOML as users write it: read, and its values as the types of the settings."""

import codecs
import math
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from eco_jax.env.config import check_type
from eco_jax.errors import UserError, quoted

WHOLE = 2**63
"""Integers of TOML lie below this in size."""


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says. A byte-order mark of UTF-8 is skipped.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no path at all
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{path}: not a TOML file: it is UTF-16; save it as UTF-8")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a TOML file: not UTF-8 from byte {error.start} on") from error
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        raise UserError(f"{path}: not a TOML file: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not a TOML file of settings: lists or tables in each other without end") from error


def typed(where: str, kind: Any, value: Any) -> Any:
    """The value as its field's type.

    Raises:
        UserError: it is of another one; both are named.
    """
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        check_type(where, kind, value)
        return value
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and all(_number(v) for v in value):
            return tuple(float(v) for v in value)
        raise UserError(f"{where} = {quoted(value)}: must be a list of numbers")
    if kind is float:
        if _number(value):
            return float(value)
        raise UserError(f"{where} = {quoted(value)}: must be a number")
    if kind is int and _number(value) and math.isfinite(value) and value == int(value):
        return int(value)
    check_type(where, kind, value)
    if isinstance(value, int) and not -WHOLE <= value < WHOLE:
        raise UserError(f"{where} = {quoted(value)}: must lie in [-2^63, 2^63)")
    return value


def _number(value: Any) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return -WHOLE <= value < WHOLE
    return isinstance(value, float)
