"""Files that a command reads: what is named, and what is found in folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from visavis.cli.console import errors_console
from visavis.errors import InputError

__all__ = ["Found", "expand", "tell_passed_over"]


@dataclass(frozen=True, slots=True)
class Found:
    """The files to read, and how many of a folder's files are none by their names' endings."""

    files: tuple[Path, ...]
    passed_over: int = 0


def expand(path: Path) -> Found:
    """`path` itself, or the pictures and videos in a folder and the folders below it, by name; hidden files are not.

    Raises:
        InputError: there is no such file, nothing to read in the folder, or a folder that may not be read.
    """
    from visavis.files import kind_of
    from visavis.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES

    kind = kind_of(path)
    if kind is None:
        raise InputError(f"{path} does not exist; check the path")
    if kind != "folder":
        return Found((path,))
    known = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    files, passed_over = [], 0
    for folder, _, names in os.walk(path, onerror=_refuse_folder):
        there = [Path(folder) / name for name in names if not name.startswith(".")]
        readable = [file for file in there if file.suffix.lower() in known]
        files += readable
        if not any(part.startswith(".") for part in Path(folder).relative_to(path).parts):
            passed_over += len(there) - len(readable)
    if not files:
        raise InputError(f"the folder {path} holds no picture or video; expected files such as .jpg, .png or .mp4")
    return Found(tuple(sorted(files)), passed_over)


def tell_passed_over(count: int) -> None:
    """Say how many files of folders were passed over by their endings; nothing where there were none."""
    if count:
        files = "1 file" if count == 1 else f"{count} files"
        errors_console().print(f"passed over: {files} with no ending of a picture or video", style="yellow")


def _refuse_folder(error: OSError) -> None:
    raise InputError(f"the folder {error.filename} cannot be read: {error.strerror}; check its permissions") from error
