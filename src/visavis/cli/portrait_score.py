"""`visavis portrait score`: measure how well portraits move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.errors import InputError, OutputError

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
        typer.Option("--out", "-o", metavar="FILE", help="Every figure: .csv or .json.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep what FILE holds, and go on from there.")] = False,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Only every N-th of the portraits.")] = 1,
    full: Annotated[bool, typer.Option("--full/--brief", help="Every figure, or those with a target.")] = False,
) -> None:
    """Measure how well portraits move: reach, rest, what strangers see, likeness; each beside its target."""
    from visavis.assets import AssetStore
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.score import Instruments, PortraitScore, score_portrait
    from visavis.portrait.score.summary import read_scores, write_scores

    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise OutputError(f"cannot write {out}: expected .csv or .json")
    assets = AssetStore()
    chosen = names or [portrait.name for portrait in Gallery(assets).entries() if portrait.path is not None]
    chosen = chosen[::every]
    scores = read_scores(out) if resume and out is not None and out.exists() else []
    finished = {item.name for item in scores}
    instruments = Instruments.of(assets, judges=judges)
    for judge in instruments.judges:
        judge.load()
    try:
        with progress(unit="portraits") as display:
            for name in display.track([name for name in chosen if name not in finished], description="scoring"):
                try:
                    portrait = open_portrait(name, assets=assets)
                except InputError as error:
                    scores.append(PortraitScore(name, refused=str(error)))
                else:
                    scores.append(score_portrait(name, portrait, instruments))
                if out is not None:
                    write_scores(out, scores)
    except KeyboardInterrupt:
        errors_console().print(f"stopped after {len(scores)} of {len(chosen)} portraits", style="yellow")
    if not any(item.figures for item in scores):
        raise InputError("none of the portraits could be scored: " + "; ".join(item.refused for item in scores))
    _print_table(scores, full=full)


def _print_table(scores: Sequence[PortraitScore], *, full: bool) -> None:
    from rich.table import Column, Table

    from visavis.portrait.score import summarise

    rigged = [item for item in scores if item.figures]
    table = Table(
        "figure",
        Column("mean", justify="right"),
        Column("median", justify="right"),
        Column("worst", justify="right"),
        Column("target", justify="right"),
        Column("kept by", justify="right"),
        "",
        title=f"{len(rigged)} of {len(scores)} portraits rigged",
        box=None,
    )
    for row in summarise(scores):
        if row.target is None and not full:
            continue
        table.add_row(
            row.figure,
            f"{row.mean:.2f}",
            f"{row.median:.2f}",
            f"{row.worst:.2f}",
            "" if row.target is None else str(row.target),
            "" if row.share is None else f"{row.share:.0%}",
            "" if row.met is None else "[green]met[/]" if row.met else "[yellow]missed[/]",
        )
    console = results_console()
    console.print(table)
    for item in scores:
        if item.refused:
            console.print(f"refused  {item.refused}", highlight=False, soft_wrap=True, markup=False)
