"""TOML files as users write them."""

import codecs
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError


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
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not a TOML file: {error}") from error
    except ValueError as error:
        raise UserError(f"{path}: holds a whole number of too many digits") from error
    except RecursionError as error:
        raise UserError(f"{path}: not a TOML file of settings: lists or tables in each other without end") from error


def add(found: dict[str, Any], more: Mapping[str, Any], where: str) -> None:
    """Put settings by their dotted names, in which a file may write them in several ways, beside others.

    Raises:
        UserError: one is there already.
    """
    for name, value in more.items():
        if name in found:
            raise UserError(f"{where}: {name}: is there twice")
        found[name] = value
