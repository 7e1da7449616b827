"""`visavis assets`: the models and artworks, where they are and whether they are genuine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visavis.assets import AssetStore
from visavis.cli.console import results_console
from visavis.cli.fetching import fetch_each
from visavis.errors import AssetError

__all__ = ["register"]

Names = Annotated[list[str] | None, typer.Argument(help="Names of assets; all when none is given.")]


def register(app: typer.Typer) -> None:
    """Add the group `assets`."""
    group = typer.Typer(no_args_is_help=True, help="List, fetch, verify and bundle models and artworks.")
    group.command("list")(list_assets)
    group.command("fetch")(fetch)
    group.command("verify")(verify)
    group.command("bundle")(bundle)
    app.add_typer(group, name="assets")


def list_assets() -> None:
    """List every asset with its state, size, licence and training data."""
    from rich.table import Column, Table

    store = AssetStore()
    table = Table(
        Column("asset", no_wrap=True), "state", "size", "licence", "what it is", "trained on", title="Assets of Visavis"
    )
    colours = {"verified": "green", "missing": "yellow", "wrong": "red"}
    for asset in store.entries():
        state, _ = store.state(asset.name)
        size = f"{asset.size / 1e6:.1f} MB" if asset.size else ""
        coloured = f"[{colours[state]}]{state}[/]"
        table.add_row(asset.name, coloured, size, asset.licence, asset.title, asset.training_data)
    results_console().print(table)


def fetch(names: Names = None) -> None:
    """Fetch assets into the cache and verify them."""
    store = AssetStore()
    fetch_each(names or [asset.name for asset in store.entries()], store.renew)


def verify(names: Names = None) -> None:
    """Check the hash of every asset that is here; exit code 3 when one is wrong, or a named one is missing."""
    store = AssetStore()
    bad = False
    for name in names or [asset.name for asset in store.entries()]:
        state, detail = store.state(name)
        results_console().print(f"{name}: {state}: {detail}", soft_wrap=True, markup=False)
        bad = bad or state == "wrong" or (state == "missing" and bool(names))
    if bad:
        raise typer.Exit(AssetError.exit_code)


def bundle(
    folder: Annotated[Path, typer.Argument(help="Where to put them; set VISAVIS_ASSETS to it on the other machine.")],
    names: Annotated[list[str] | None, typer.Option("--name", help="Only this asset (can be repeated).")] = None,
) -> None:
    """Copy verified assets into a folder, for a machine without network."""
    store = AssetStore()
    # What a live installation needs to run at all; larger or optional models go along when they are named.
    wanted = names or ["face-landmarker", "centerface", "bridgewater-madonna", "astronaut"]
    for path in store.bundle(folder, wanted):
        results_console().print(str(path), soft_wrap=True, markup=False)
