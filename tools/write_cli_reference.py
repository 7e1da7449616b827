"""Write the command reference from the commands' own help.

    python tools/write_cli_reference.py docs/cli.md

A test compares the page with what this would write, so that no option goes undocumented.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperCommand, TyperGroup

from visavis.cli import build_app
from visavis.files import replacing

_HEAD = "# Commands\n\nWritten from the commands' own help by `make docs`.\n"


def commands(command: Any, path: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """A command and all below it, each with its full name."""
    yield path, command
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, f"{path} {name}")


def page() -> str:
    """The whole reference as Markdown."""
    parts = [_HEAD]
    for path, command in commands(typer.main.get_command(build_app()), "visavis"):
        context = command.make_context(path, [], resilient_parsing=True)
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        parts.append(f"\n## `{path}`\n\n{(command.help or '').strip()}\n\n    {usage}\n")
        rows = []
        for parameter in command.get_params(context):
            if parameter.name == "help" or getattr(parameter, "hidden", False):
                continue
            if parameter.param_type_name == "option":
                names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
            else:
                names = f"`{(parameter.name or '').upper()}`"
            text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
            default = parameter.default
            shown = "" if default in (None, False, ()) or callable(default) else f"`{default}`"
            rows.append(f"| {names} | {text} | {shown} |")
        if rows:
            parts.append("\n| option | what it does | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    with replacing(Path(sys.argv[1])) as temporary:
        temporary.write_text(page(), encoding="utf-8")
