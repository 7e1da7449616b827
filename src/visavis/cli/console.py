"""Where the command line prints: results to standard output, everything said about the work to standard error."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

__all__ = ["INTERRUPTED", "errors_console", "named", "progress", "results_console", "tell_failures", "warn_left_out"]

#: The exit code of a command that the keyboard stopped, as shells have it.
INTERRUPTED: Final = 128 + signal.SIGINT


def results_console() -> Console:
    """A console on standard output, for what was asked for."""
    return _console()


def errors_console() -> Console:
    """A console on standard error, for errors, warnings and progress."""
    return _console(stderr=True)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    from visavis.files import printable

    class EscapingConsole(Console):
        """Messages name files, whose names need not be text: here all of them pass, in tables and titles too."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text), **options)

    return EscapingConsole(stderr=stderr)


def named(name: str, reason: str) -> str:
    """What is wrong with something of that name; a reason that says the name already says it once.

    >>> named("lady", "the head is turned"), named("lady", "no face was found in lady")
    ('lady: the head is turned', 'no face was found in lady')
    """
    # A name of one or two letters, such as `a`, may stand in any sentence.
    is_told = len(name) > 2 and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", reason)
    return reason if is_told else f"{name}: {reason}"


def tell_failures(reasons: Iterable[str]) -> None:
    """Print each reason why something failed as an error of one line."""
    for reason in reasons:
        errors_console().print(f"error: {' '.join(reason.split())}", style="red", soft_wrap=True, markup=False)


def warn_left_out(reasons: Iterable[str]) -> None:
    """Warn of what is passed over, one line each; the work goes on with the rest."""
    for reason in reasons:
        errors_console().print(f"left out: {reason}", style="yellow", soft_wrap=True, markup=False, highlight=False)


def progress(*, unit: str = "frames") -> Progress:
    """A progress display on standard error: description, bar, done of total, rate in `unit` a second, time left.

    It draws nothing where standard error is no terminal. Use it as a context manager:

    >>> with progress(unit="pictures") as display:               # doctest: +SKIP
    ...     task = display.add_task("reading", total=40)
    ...     display.advance(task)
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s", style="progress.data.speed")

    console = errors_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
