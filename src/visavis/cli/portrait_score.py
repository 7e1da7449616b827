"""`visavis portrait score`: measure how well portraits move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import INTERRUPTED, errors_console, named, progress, results_console, warn_left_out
from visavis.errors import ConfigError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from visavis.portrait.score import PortraitScore

__all__ = ["score"]


def score(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE|NAME]...", help="Portraits; all that are here by default.")
    ] = None,
    judges: Annotated[
        bool, typer.Option("--judges/--no-judges", help="Let other networks judge emotion and likeness (extra `lab`).")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Every figure: .csv or .json; the tables: .md.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what FILE holds, and go on from there.")] = False,
    renderer: Annotated[str, typer.Option(metavar="NAME", help="What draws: mesh, or a plug-in's.")] = "mesh",
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Only every N-th of the portraits.")] = 1,
) -> None:
    """Measure how well portraits move: reach, rest, what strangers see, likeness; each beside its target."""
    from visavis.assets import AssetStore
    from visavis.files import check_suffix, check_writable, printable
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.renderers import renderer_factory
    from visavis.portrait.score import Instruments, PortraitScore, read_scores, score_portrait, write_scores
    from visavis.portrait.score.table import SUFFIXES

    if out is not None:
        check_suffix(out, SUFFIXES, "scores")
    if resume and (out is None or out.suffix.lower() == ".md"):
        raise ConfigError("--resume goes on from a file of figures: give --out as .csv or .json")
    if out is not None:
        check_writable(out)
    assets = AssetStore()
    gallery = Gallery(assets)
    chosen = names or [portrait.name for portrait in gallery.entries() if portrait.path is not None]
    chosen = chosen[::every]
    if not names:
        warn_left_out(gallery.damaged())
    for name in chosen:
        gallery.find(name, fetch=False)  # a name that is nobody's is a slip, not a portrait that was refused
    scores = read_scores(out) if resume and out is not None and out.exists() else []
    finished = {item.name for item in scores}
    instruments = Instruments.of(assets, judges=judges, renderer=renderer_factory(renderer))
    instruments.load()
    is_stopped = False
    try:
        with progress(unit="portraits") as display:
            for name in display.track(
                [name for name in chosen if printable(name) not in finished], description="scoring"
            ):
                try:
                    portrait = open_portrait(name, assets=assets, gallery=gallery)
                except InputError as error:
                    scores.append(PortraitScore(name, refused=str(error)))
                else:
                    scores.append(score_portrait(name, portrait, instruments))
                if out is not None:
                    write_scores(out, scores)
    except KeyboardInterrupt:
        is_stopped = True
        errors_console().print(f"stopped after {len(scores)} of {len(chosen)} portraits", style="yellow")
    if is_stopped and not scores:
        raise typer.Exit(INTERRUPTED)
    if not any(item.figures for item in scores):
        raise InputError(
            "none of the portraits could be scored: " + "; ".join(named(item.name, item.refused) for item in scores)
        )
    _print(scores)
    if is_stopped:
        raise typer.Exit(INTERRUPTED)


def _print(scores: Sequence[PortraitScore]) -> None:
    from rich.table import Column, Table

    from visavis.portrait.score import tables

    console = results_console()
    rigged = sum(bool(item.figures) for item in scores)
    console.print(
        f"{rigged} of {len(scores)} portraits rigged; means over them, with their targets; ✗ misses", highlight=False
    )
    for table in tables(scores):
        grid = Table(table.title, *(Column(name, justify="right") for name in table.columns), box=None)
        for name, cells in table.rows:
            # A few columns have room for the targets beside the figures, many only for a line below.
            inline = len(cells) < 6
            texts = []
            for cell in cells:
                colour, mark = {True: ("green", ""), False: ("yellow", " ✗"), None: ("default", "")}[cell.met]
                texts.append(f"[{colour}]{cell.text}{mark}[/]" + (f" [dim]{cell.target}[/]" if inline else ""))
            grid.add_row(name, *texts)
            if not inline and any(cell.target for cell in cells):
                grid.add_row("", *(cell.target for cell in cells), style="dim")
        console.print(grid)
    for item in scores:
        if item.refused:
            console.print(f"refused: {named(item.name, item.refused)}", highlight=False, soft_wrap=True, markup=False)
