"""Files of rows: which of a folder or a zip are traces, and what became of the others."""

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from eco_jax.errors import UserError, shown

ROW_FORMAT = "taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude"
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, AttributeError, OverflowError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    RuntimeError,  # encrypted zips; NotImplementedError for methods of compression that are not known
)  # fmt: skip
"""What opening and reading a damaged zip or a file raises, by experience."""
_SUFFIXES = (".txt", ".csv")

Skip = Callable[[str, str], None]
"""Takes down that the file of a name was left out, for a reason (a key of `report.SKIPPED`)."""


class File(NamedTuple):
    """A trace, by its name within the source."""

    name: str
    open: Callable[[], IO[bytes]]


@contextmanager
def traces(path: Path, skip: Skip) -> Iterator[list[File]]:
    """The traces under `path` (a file, a folder or a zip), in the order of their names; perhaps none.

    Links to files are followed, links to folders inside of a folder are not: they may lead anywhere, and back.

    Raises:
        UserError: `path` cannot be read.
    """
    place = shown(path, 300)
    if not os.path.exists(path):
        raise UserError(f"{place} does not exist: expected a file, a folder of *.txt or *.csv, or a zip")
    if os.path.isdir(path):
        try:
            found = _in_folder(path, skip)
        except RecursionError as error:
            raise UserError(f"cannot read {place}: its folders are nested too deep") from error
        yield sorted(found, key=_name)
    elif not os.path.isfile(path):
        raise UserError(f"{place} is no plain file: expected a file, a folder of *.txt or *.csv, or a zip")
    elif zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except UNREADABLE as error:
            raise UserError(f"cannot read {place}: {reason(error)}") from error
        with archive:
            yield sorted(_in_zip(archive, skip), key=_name)
    else:
        try:
            path.open("rb").close()
        except OSError as error:
            raise UserError(f"cannot read {place}: {reason(error)}") from error
        yield [File(path.name, lambda: path.open("rb"))]


def _name(file: File) -> str:
    return file.name  # equal ones, as a zip may have, stay in their order


def _in_folder(root: Path, skip: Skip) -> list[File]:
    files: list[File] = []

    def closed(error: OSError) -> None:
        skip(f"{Path(error.filename).relative_to(root).as_posix()}/", "unreadable")

    for folder, folders, names in os.walk(root, onerror=closed):
        for name in folders:
            path = Path(folder, name)
            if path.is_symlink():
                skip(f"{path.relative_to(root).as_posix()}/", "link")
        for path in (Path(folder, name) for name in names):
            name = path.relative_to(root).as_posix()
            why = why_no_trace(name) or _why_closed(path)
            if why:
                skip(name, why)
            else:
                files.append(File(name, lambda path=path: path.open("rb")))  # type: ignore[misc]
    return files


def _why_closed(path: Path) -> str | None:
    """The reason why a file of a folder is not even opened: what is no plain file may never end."""
    try:
        return None if stat.S_ISREG(path.stat().st_mode) else "special"
    except (OSError, ValueError):  # a dangling link
        return "unreadable"


def _in_zip(archive: zipfile.ZipFile, skip: Skip) -> list[File]:
    files: list[File] = []
    for info in archive.infolist():
        folder = info.filename.endswith("/") and not info.file_size  # a damaged name may be empty, or end so
        why = None if folder else why_no_trace(info.filename)
        if why:
            skip(info.filename, why)
        elif not folder:
            files.append(File(info.filename, lambda info=info: archive.open(info)))  # type: ignore[misc]
    return files


def why_no_trace(name: str) -> str | None:
    """The reason why a file of this name in a source is not taken for a trace, or None: it is one."""
    path = PurePosixPath(name)
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return "hidden"
    if path.suffix.lower() not in _SUFFIXES:
        return "name"
    return "readme" if path.stem.lower().endswith("readme") else None


def reason(error: BaseException) -> str:
    """An error of reading or writing in few printable words."""
    if isinstance(error, UnicodeDecodeError):
        return "a name in it is not in the encoding that it says"
    text = error.strerror if isinstance(error, OSError) else None
    return shown(text or (str(error) and str(error).splitlines()[0]) or type(error).__name__, 120)
