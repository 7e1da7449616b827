"""Files that appear whole or not at all, and are told of before work is done in vain; and their names as text."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from visavis.errors import OutputError

__all__ = ["advice_on", "check_suffix", "check_writable", "fitting_name", "kind_of", "printable", "replacing"]

#: Most bytes of a file's name: of ext4, XFS, APFS and NTFS alike none takes more.
_LONGEST_NAME: Final = 255
#: Errors of a path that leads to nothing.
_NOT_THERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EBADF)
#: Errors of a disk, or of a person's share of it, that has no room left.
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
#: Errors of what this user may not do there.
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success it takes the place of `path`, on any error it is removed.

    The temporary name keeps the suffix, for writers that choose their format by it. Missing parent folders are made.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'

    Raises:
        OutputError: the folder cannot be made, or the file cannot be written or put in place. An error that is none of
            the operating system's passes through unchanged.
    """
    target = Path(path)
    with _beside(target) as temporary:
        yield temporary
        temporary.replace(target)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out, before long work, whether a file could be written at `path`; folders that are missing are made.

    Raises:
        OutputError: as `replacing`.
    """
    with _beside(Path(path)):
        pass


def advice_on(error: OSError) -> str:
    """What to do about a file or folder that could not be written.

    >>> advice_on(OSError(errno.ENOSPC, "No space left on device"))
    'make room, or choose another disk'
    """
    if error.errno in _FULL:
        return "make room, or choose another disk"
    if error.errno in _FORBIDDEN:
        return "check its permissions, or choose another folder"
    return "choose a folder that exists and can be written to"


def check_suffix(path: str | os.PathLike[str], suffixes: Collection[str], what: str) -> None:
    """Refuse a name whose suffix is none of those that something can be written as.

    >>> check_suffix("answers.csv", [".csv", ".json"], "tables")

    Raises:
        OutputError: it has another suffix, or none; a folder is told as such.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        is_folder = False
        with suppress(OSError):  # the suffix is wrong wherever it leads
            is_folder = kind_of(target) == "folder"
        folder = "it is a folder; give the name of a file: " if is_folder else ""
        raise OutputError(f"cannot write {target}: {folder}{what} are written as {', '.join(suffixes)}")


def kind_of(path: str | os.PathLike[str]) -> Literal["file", "folder", "special"] | None:
    """What is at `path`, links followed; a pipe, socket or device is `special`, and None is nothing.

    A name that is longer than any file's can be is nothing, as a name that no file has.

    >>> kind_of("/"), kind_of("a" * 5000)
    ('folder', None)

    Raises:
        OSError: it cannot be known, such as PermissionError in a folder that may not be entered.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "special"


def printable(text: str | os.PathLike[str]) -> str:
    """A file's name, or a text that tells of one, as text that every encoding of Unicode takes.

    Names are bytes, and those that are no UTF-8, as on old disks, reach Python as lone surrogates, which no file, page
    or terminal takes: here they are written as `\\xe4`.

    >>> printable(os.fsdecode(b"M\\xe4dchen.jpg"))
    'M\\\\xe4dchen.jpg'
    """
    name = os.fspath(text)
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates that come from no file's name, as of a damaged text
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def fitting_name(stem: str, tail: str, *, room: int = _LONGEST_NAME) -> str:
    """The name `stem` + `tail`, its stem cut where the whole would be longer than `room` bytes.

    >>> fitting_name("a" * 300, "-face00.png")[-13:]
    'aa-face00.png'
    """
    # Systems count bytes, and of a letter beyond ASCII there are up to four: cut between letters.
    return os.fsencode(stem)[: max(room - len(os.fsencode(tail)), 0)].decode(errors="ignore") + tail


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a fresh empty file in the folder of `target` and remove it in the end; failures are told as of `target`."""
    temporary = _temporary_name(target)
    try:
        if len(os.fsencode(target.name)) > _LONGEST_NAME:
            raise OutputError(f"cannot write {target}: its name is too long for a file; give a shorter one")
        if kind_of(target) == "folder":
            raise OutputError(f"cannot write {target}: it is a folder; give the name of a file")
        if kind_of(target.parent) in ("file", "special"):
            raise OutputError(f"cannot write {target}: {target.parent} is a file, not a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Made here first, so that a folder without write permission is told before any work is done in it.
        temporary.touch()
        yield temporary
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; {advice_on(error)}") from error
    finally:
        with suppress(OSError):  # where nothing could be made, there is nothing to take away
            temporary.unlink(missing_ok=True)


def _temporary_name(target: Path) -> Path:
    """A fresh name in the same folder, with the same suffix, and no longer than a name may be."""
    tail = f".{secrets.token_hex(4)}.part{target.suffix}"
    room = min(80 + len(os.fsencode(tail)), _LONGEST_NAME - 1)
    return target.with_name(f".{fitting_name(target.stem, tail, room=room)}")
