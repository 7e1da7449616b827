"""Files that appear whole or not at all, and are told of before work is done in vain."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from visavis.errors import OutputError

__all__ = ["check_suffix", "check_writable", "replacing"]


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


def check_suffix(path: str | os.PathLike[str], suffixes: Collection[str], what: str) -> None:
    """Refuse a name whose suffix is none of those that something can be written as.

    >>> check_suffix("answers.csv", [".csv", ".json"], "tables")

    Raises:
        OutputError: it has another suffix, or none; a folder is told as such.
    """
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        folder = "it is a folder; give the name of a file: " if target.is_dir() else ""
        raise OutputError(f"cannot write {target}: {folder}{what} are written as {', '.join(suffixes)}")


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Yield a fresh empty file in the folder of `target` and remove it in the end; failures are told as of `target`."""
    temporary = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        if target.is_dir():
            raise OutputError(f"cannot write {target}: it is a folder; give the name of a file")
        if not target.parent.is_dir() and target.parent.exists():
            raise OutputError(f"cannot write {target}: {target.parent} is a file, not a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Made here first, so that a folder without write permission is told before any work is done in it.
        temporary.touch()
        yield temporary
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {error.strerror or error}; choose a folder that exists and can be written to"
        ) from error
    finally:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)
