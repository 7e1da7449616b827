"""What `assets fetch` and `portrait fetch` share: what can be had is brought, and each cause of failure told once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import typer

from visavis.cli.console import named, results_console, tell_failures
from visavis.errors import AssetError, UnreachableError

__all__ = ["fetch_each"]


def fetch_each(names: Iterable[str], fetch: Callable[[str], Path | None]) -> None:
    """Fetch and print each of `names`; one that cannot be had keeps no other away.

    Without a network all fail for one cause: that is one line, with the names that it concerns.

    Raises:
        typer.Exit: with the code of `AssetError`, where one could not be had.
    """
    failed: list[str] = []
    unreachable: dict[str, list[str]] = {}
    causes: dict[str, str] = {}
    for name in names:
        try:
            results_console().print(f"{name}: {fetch(name)}", soft_wrap=True, markup=False)
        except UnreachableError as error:
            unreachable.setdefault(error.host, []).append(name)
            causes.setdefault(error.host, error.cause)
        except AssetError as error:
            failed.append(named(name, str(error)))
    for host, missed in unreachable.items():
        failed.append(
            f"{host} cannot be reached ({causes[host]}), so these were not fetched: {', '.join(missed)}; check the "
            "network, or run visavis assets bundle FOLDER --name NAME elsewhere, and set VISAVIS_ASSETS to FOLDER"
        )
    tell_failures(failed)
    if failed:
        raise typer.Exit(AssetError.exit_code)
