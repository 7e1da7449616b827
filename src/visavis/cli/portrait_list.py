"""`visavis portrait list`: what can be asked for by name, in a line each, for people, pipes and programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import results_console, warn_left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from visavis.portrait.gallery import Portrait

__all__ = ["list_portraits"]

_COLOURS = {"built-in": "green", "to fetch": "yellow"}


def list_portraits(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object a portrait.")] = False,
) -> None:
    """List the portraits that can be asked for by name, a line each; in a narrow terminal, two."""
    from visavis.portrait.gallery import Gallery

    gallery = Gallery()
    portraits = gallery.entries()
    if as_json:
        typer.echo(json.dumps([_plain(portrait) for portrait in portraits], indent=1))
    else:
        console = results_console()
        # A pipe has no width: whatever reads it, such as grep, wants one line for one portrait.
        lines = _lines(portraits, width=console.width if console.is_terminal else None)
        for line in lines:
            console.print(line, soft_wrap=True)
        console.print("* the default. Fetch others with: visavis portrait fetch NAME", style="dim", soft_wrap=True)
    warn_left_out(gallery.damaged())


def _lines(portraits: Sequence[Portrait], *, width: int | None) -> list[Text]:
    """Name, state, painting and museum in columns, or where these do not fit, the painting on a second line."""
    from rich.text import Text

    rows = []
    for portrait in portraits:
        work = ", ".join(part for part in (portrait.artist, portrait.title, portrait.year) if part)
        rows.append((_name(portrait), _state(portrait), work, portrait.museum))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    wide = width is None or sum(widths) + 6 <= width
    lines = []
    for name, state, work, museum in rows:
        line = Text(name.ljust(widths[0] if wide else 0) + "  ")
        line.append(state.ljust(widths[1] if wide else 0), _COLOURS.get(state, "cyan"))
        parts = [work.ljust(widths[2]), museum] if wide else [museum]
        line.append("".join(f"  {part}" for part in parts))
        line.rstrip()
        lines += [line] if wide else [line, Text(f"    {work}")]
    return lines


def _name(portrait: Portrait) -> str:
    from visavis.portrait.gallery import DEFAULT_PORTRAIT

    return f"{portrait.name} *" if portrait.name == DEFAULT_PORTRAIT else portrait.name


def _state(portrait: Portrait) -> str:
    return portrait.origin if portrait.path is not None else "to fetch"


def _plain(portrait: Portrait) -> dict[str, object]:
    from visavis.portrait.gallery import DEFAULT_PORTRAIT

    path = None if portrait.path is None else str(portrait.path)
    return {**asdict(portrait), "path": path, "default": portrait.name == DEFAULT_PORTRAIT}
