"""The command line: `visavis VERB ...`, one file a verb.

A verb's file has a function `register(app)` that adds its command, or its group of commands, to the app. Verbs are
imported when they are called (all of them for `--help`), so each file keeps heavy imports inside its functions.
Libraries raise the errors of `visavis.errors`; here, and only here, they become one line and an exit code.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Final, NoReturn

import typer

from visavis import __version__
from visavis.cli.console import INTERRUPTED, errors_console
from visavis.errors import InputError, VisavisError

__all__ = ["VERBS", "build_app", "main"]

#: The verbs, in the order in which `--help` lists them; `visavis.cli.NAME` registers each.
VERBS: Final = ("demo", "run", "read", "crop", "faces", "portrait", "assets", "doctor", "bench", "lab")

# The same of a command that SIGTERM stopped; see `console.INTERRUPTED`.
_TERMINATED: Final = 128 + signal.SIGTERM


def build_app(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """The typer app with the given verbs registered."""
    app = typer.Typer(
        name="visavis",
        help="A Renaissance portrait that looks back: it reads a spectator's face and answers with its own expression.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for verb in verbs:
        if importlib.util.find_spec(f"visavis.cli.{verb}") is None:
            continue
        importlib.import_module(f"visavis.cli.{verb}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `arguments` default to those of the process.

    0 success, 1 some inputs failed, or a command was ended that had nothing to keep, 2 wrong usage or unusable input,
    3 assets and models, 4 camera or stream, 5 output, 6 a missing optional package, 130 stopped by the keyboard and 143
    by SIGTERM, with what was done until then kept.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    termination = _Termination()
    if arguments is None:
        signal.signal(signal.SIGTERM, termination)
        # A degree sign or a file's name must not end a command whose work is done; standard error escapes by itself.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
    code = _run(words)
    # What a command made of its end, such as a table that cannot be written, goes before the signal that ended it.
    return _TERMINATED if termination.came and code in (0, INTERRUPTED) else code


def _run(words: list[str]) -> int:
    # Only the verb that is called is imported; help, a typing error or shell completion need all of them.
    verbs = (words[0],) if words and words[0] in VERBS and "_VISAVIS_COMPLETE" not in os.environ else VERBS
    try:
        build_app(verbs)(args=words, prog_name="visavis")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:  # before typer took over
        return INTERRUPTED
    except VisavisError as error:
        errors_console().print(f"[bold red]error:[/] {_one_line(error)}", highlight=False, soft_wrap=True)
        return error.exit_code
    except PermissionError as error:
        errors_console().print(
            f"[bold red]error:[/] {error.filename} may not be used: {error.strerror}; check its permissions",
            highlight=False,
            soft_wrap=True,
        )
        return InputError.exit_code
    return 0


class _Termination:
    """Ends a command as Ctrl-C does, so that it keeps what it keeps then; that it was SIGTERM tells the exit code."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, number: int, frame: object) -> NoReturn:
        self.came = True
        raise KeyboardInterrupt


def _one_line(error: VisavisError) -> str:
    from rich.markup import escape

    return escape(" ".join(str(error).split()))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"visavis {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """A Renaissance portrait that looks back: it reads a spectator's face and answers with its own expression."""
