"""Files of rows: which of a folder or a zip are traces, and what became of the others."""

import gzip
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from eco_jax.errors import UserError, shown

ROW_FORMAT = "taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude"
UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, AttributeError, OverflowError, struct.error,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    RuntimeError,  # encrypted zips; NotImplementedError for methods of compression that are not known
)  # fmt: skip
"""What opening and reading a damaged zip or a file raises, by experience."""
_SUFFIXES = (".txt", ".csv")
GZ, ZIP = ".gz", ".zip"
"""Endings of packed files. A zip within a folder is looked into where a format has `ZIP` among its endings."""

Skip = Callable[[str, str], None]
"""Takes down that the file of a name was left out, for a reason (a key of `report.SKIPPED`)."""


class File(NamedTuple):
    """A trace, by its name within the source."""

    name: str
    open: Callable[[], IO[bytes]]


@contextmanager
def traces(path: Path, skip: Skip, suffixes: tuple[str, ...] = _SUFFIXES) -> Iterator[list[File]]:
    """The traces under `path` (a file, a folder or a zip), in the order of their names; perhaps none.

    Links to files are followed, links to folders inside of a folder are not: they may lead anywhere, and back.

    Args:
        path: the source.
        skip: told of every file that is left out.
        suffixes: endings of the names of traces in a folder or a zip, in small letters; see `GZ` and `ZIP`.

    Raises:
        UserError: `path` cannot be read.
    """
    place, kinds = shown(path, 300), endings(suffixes)
    if not os.path.exists(path):
        raise UserError(f"{place} does not exist: expected a file, a folder of {kinds}, or a zip")
    if os.path.isdir(path):
        with ExitStack() as opened:
            try:
                found = _in_folder(path, skip, suffixes, opened)
            except RecursionError as error:
                raise UserError(f"cannot read {place}: its folders are nested too deep") from error
            yield sorted(found, key=_name)
    elif not os.path.isfile(path):
        raise UserError(f"{place} is no plain file: expected a file, a folder of {kinds}, or a zip")
    elif zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except UNREADABLE as error:
            raise UserError(f"cannot read {place}: {reason(error)}") from error
        with archive:
            yield sorted(_in_zip(archive, skip, suffixes), key=_name)
    else:
        try:
            path.open("rb").close()
        except OSError as error:
            raise UserError(f"cannot read {place}: {reason(error)}") from error
        yield [File(path.name, _unpacked(path.name, lambda: path.open("rb")))]


def endings(suffixes: tuple[str, ...]) -> str:
    """Endings for a message, without those of packed files."""
    return " or ".join(f"*{suffix}" for suffix in suffixes if not suffix.endswith((GZ, ZIP)))


def _unpacked(name: str, opens: Callable[[], IO[bytes]]) -> Callable[[], IO[bytes]]:
    """What opens the file of this name: through gzip, where its name says so."""
    if not name.lower().endswith(GZ):
        return opens
    return lambda: cast(IO[bytes], gzip.GzipFile(fileobj=opens()))


def _name(file: File) -> str:
    return file.name  # equal ones, as a zip may have, stay in their order


def _in_folder(root: Path, skip: Skip, suffixes: tuple[str, ...], opened: ExitStack) -> list[File]:
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
            why = why_no_trace(name, suffixes) or _why_closed(path)
            if why:
                skip(name, why)
            elif name.lower().endswith(ZIP):
                try:
                    archive = opened.enter_context(zipfile.ZipFile(path))
                except UNREADABLE:
                    skip(name, "unreadable")
                    continue
                inner = _in_zip(archive, lambda member, why, name=name: skip(f"{name}/{member}", why), suffixes)  # type: ignore[misc]
                files += [file._replace(name=f"{name}/{file.name}") for file in inner]
            else:
                files.append(File(name, _unpacked(name, lambda path=path: path.open("rb"))))  # type: ignore[misc]
    return files


def _why_closed(path: Path) -> str | None:
    """The reason why a file of a folder is not even opened: what is no plain file may never end."""
    try:
        return None if stat.S_ISREG(path.stat().st_mode) else "special"
    except (OSError, ValueError):  # a dangling link
        return "unreadable"


def _in_zip(archive: zipfile.ZipFile, skip: Skip, suffixes: tuple[str, ...]) -> list[File]:
    files: list[File] = []
    for info in archive.infolist():
        folder = info.filename.endswith("/") and not info.file_size  # a damaged name may be empty, or end so
        within = tuple(suffix for suffix in suffixes if suffix != ZIP)  # a zip in a zip is not looked into
        why = None if folder else why_no_trace(info.filename, within)
        if why:
            skip(info.filename, why)
        elif not folder:
            files.append(File(info.filename, _unpacked(info.filename, lambda info=info: archive.open(info))))  # type: ignore[misc]
    return files


def why_no_trace(name: str, suffixes: tuple[str, ...] = _SUFFIXES) -> str | None:
    """The reason why a file of this name in a source is not taken for a trace, or None: it is one."""
    path = PurePosixPath(name)
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        return "hidden"
    if not path.name.lower().endswith(suffixes):
        return "name" if suffixes == _SUFFIXES else "ending"
    return "readme" if path.stem.lower().endswith("readme") else None


def reason(error: BaseException) -> str:
    """An error of reading or writing in few printable words."""
    if isinstance(error, UnicodeDecodeError):
        return "a name in it is not in the encoding that it says"
    text = error.strerror if isinstance(error, OSError) else None
    return shown(text or (str(error) and str(error).splitlines()[0]) or type(error).__name__, 120)
