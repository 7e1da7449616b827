"""Files that a command is about to write, held against those that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path

from visavis.errors import OutputError, VisavisError

__all__ = ["keep_apart"]


def keep_apart(
    outs: Mapping[str, Path | None], *, portraits: Iterable[str] = (), files: Iterable[Path | None] = ()
) -> None:
    """Refuse files that would be written over what they are made from, or over each other.

    Args:
        outs: the files to be written, by the option that names them; None where it was not given.
        portraits: names of the gallery, or paths, of the portraits that are read; nothing is fetched for it.
        files: others that are read; None where there is none.

    Raises:
        OutputError: two of them are one file, by whatever path or link.
    """
    from visavis.portrait.gallery import Gallery

    given = {option: out for option, out in outs.items() if out is not None}
    if not given:
        return
    sources = [path for path in files if path is not None]
    for name in portraits:
        try:
            path = Gallery().find(name, fetch=False).path
        except VisavisError:
            continue  # there is no such portrait: whoever reads it says so, and what there is instead
        if path is not None:
            sources.append(path)
    for option, out in given.items():
        if any(_is_same(out, source) for source in sources):
            raise OutputError(f"{out} would be written over what it is made from; give another {option}")
    for (option, out), (other, second) in combinations(given.items(), 2):
        if _is_same(out, second):
            raise OutputError(f"{out} would be written by both {option} and {other}; give each a file of its own")


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        pass  # one of them is not there yet, or may not be looked at
    try:
        return path.resolve() == other.resolve()
    except (OSError, RuntimeError):
        return False  # a loop of links, which is told when it is written to
