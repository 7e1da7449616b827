"""`visavis portrait`: rig paintings and play them: render, score, list, add, remove, fetch, check, sheet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import named, progress, results_console, tell_failures, warn_left_out
from visavis.cli.fetching import fetch_each
from visavis.cli.outputs import keep_apart
from visavis.cli.portrait_list import list_portraits
from visavis.cli.portrait_render import FaceNumber, Name, parse_emotion, render
from visavis.cli.portrait_score import score
from visavis.errors import InputError, RigError, VisavisError

if TYPE_CHECKING:
    from visavis.portrait.gallery import OpenPortrait
    from visavis.types import Expression, Image

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the group `portrait`."""
    group = typer.Typer(no_args_is_help=True, help="Rig paintings and play them.")
    for verb in (render, check, score, sheet, add, remove, fetch):
        group.command(verb.__name__)(verb)
    group.command("list")(list_portraits)
    app.add_typer(group, name="portrait")


def add(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture; it is copied.")],
    name: Annotated[str, typer.Option(help="How it is asked for from now on, such as mona-lisa.")],
    title: Annotated[str, typer.Option(help="For people.", show_default="the file's name")] = "",
    artist: Annotated[str, typer.Option(help="For people.")] = "",
    face: FaceNumber = None,
) -> None:
    """Add a picture to the gallery, if it can be rigged."""
    from visavis.portrait.gallery import Gallery

    portrait, rig = Gallery().add(image, name=name, title=title, artist=artist, face=face)
    results_console().print(
        f"{portrait.name}: {portrait.path} (the face is {rig.face_width:.0f} pixels wide)", soft_wrap=True, markup=False
    )


def remove(name: Annotated[str, typer.Argument(help="An added portrait.")]) -> None:
    """Remove a portrait that was added."""
    from visavis.portrait.gallery import Gallery

    Gallery().remove(name)
    results_console().print(f"{name} is removed", markup=False)


def fetch(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Built-in portraits, or `all`.")]) -> None:
    """Fetch built-in portraits to this machine."""
    from visavis.portrait.gallery import Gallery

    gallery = Gallery()
    if names == ["all"]:
        names = [portrait.name for portrait in gallery.entries() if portrait.origin == "built-in"]
    fetch_each(names, lambda name: gallery.fetch(name).path)


def check(
    name: Name,
    draw: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw mesh, lip line and lids.", show_default=False)
    ] = None,
    crop: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the head, enlarged, for a face that is too small.", show_default=False
        ),
    ] = None,
    face: FaceNumber = None,
) -> None:
    """Check whether a portrait can be rigged, and how well; a refusal gives its reason and exit code 2."""
    from visavis.assets import AssetStore
    from visavis.images import check_picture_writable, write_image
    from visavis.portrait.check import check_rig, draw_rig, head_crop, too_small
    from visavis.portrait.gallery import find_sitter_of
    from visavis.portrait.rig import make_rig

    keep_apart({"--draw": draw, "--crop": crop}, portraits=[name])
    for path in (draw, crop):
        if path is not None:
            check_picture_writable(path)
    image, sitter = find_sitter_of(name, assets=AssetStore(), face=face)
    if crop is not None:
        write_image(crop, head_crop(image, sitter))
    try:
        rig = make_rig(image, sitter)
    except RigError as error:
        offer = f", or let `visavis portrait check {name} --crop head.png` cut it out" if too_small(sitter) else ""
        raise RigError(f"refused: {error}{offer if crop is None else f'; the head is in {crop}'}") from error
    report = check_rig(rig, sitter)
    console = results_console()
    facts = {
        "face": f"{report.face_width:.0f} pixels wide, found with confidence {sitter.score:.2f}",
        "head": f"yaw {report.yaw:+.0f}°, pitch {report.pitch:+.0f}°, roll {report.roll:+.0f}°",
        "mouth": f"painted {report.mouth}",
        "eyes": f"right {report.eyes[0]}, left {report.eyes[1]}",
        "doing": ", ".join(f"{name} {score:.2f}" for name, score in report.painted.items()) or "nothing: at rest",
        "covered": "; ".join(report.occlusions) or "nothing seen",
        "memory": f"{rig.nbytes / 1e6:.0f} MB",
    }
    for key, value in facts.items():
        console.print(f"{key:8} {value}", highlight=False, soft_wrap=True)
    _print_reach(report.reach)
    for concern in report.concerns:
        console.print(f"[yellow]concern[/]  {concern}", highlight=False, soft_wrap=True)
    colour = "green" if report.verdict == "good" else "yellow"
    console.print(f"verdict  [{colour}]{report.verdict}[/]", highlight=False)
    if draw is not None:
        write_image(draw, draw_rig(rig))


def sheet(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The sheet: .png, .jpg or .webp.")],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGE|NAME]...", help="Portraits; all that are here by default.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole/--face-only", help="Whole paintings, or the faces.")] = False,
    height: Annotated[int, typer.Option(min=64, max=1024, help="Of each picture, in pixels.")] = 260,
    emotions: Annotated[
        str | None, typer.Option(metavar="LABEL[=S],...", help="The columns.", show_default="all seven")
    ] = None,
) -> None:
    """Lay portraits (rows) and their expressions (columns) out on one picture, to look at."""
    from visavis.assets import AssetStore
    from visavis.files import printable
    from visavis.images import check_picture_writable, write_image
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.sheet import contact_sheet
    from visavis.types import EMOTIONS

    labels = emotions.split(",") if emotions else list(EMOTIONS)
    columns = {label.strip(): parse_emotion(label.strip()) for label in labels}
    assets = AssetStore()
    gallery = Gallery(assets)
    chosen = names or [portrait.name for portrait in gallery.entries() if portrait.path is not None]
    if not names:
        warn_left_out(gallery.damaged())
    if not chosen:
        raise InputError("no portrait is on this machine yet; name some, or see: visavis portrait fetch")
    keep_apart({"--out": out}, portraits=chosen)
    check_picture_writable(out)
    rows: list[tuple[str, list[Image]]] = []
    failed = []
    with progress(unit="portraits") as display:
        for name in display.track(chosen, description="rigging"):
            try:
                portrait = open_portrait(name, assets=assets)
                rows.append(
                    (printable(Path(name).stem), _in_cells(portrait, columns.values(), whole=whole, height=height))
                )
            except VisavisError as error:
                failed.append(named(name, str(error)))
    if rows:
        write_image(out, contact_sheet(rows, list(columns), cell_height=height))
        typer.echo(f"wrote {printable(out)}")
    tell_failures(failed)
    if failed:
        raise typer.Exit(1 if rows else InputError.exit_code)


def _in_cells(portrait: OpenPortrait, expressions: Iterable[Expression], *, whole: bool, height: int) -> list[Image]:
    from visavis.images import resize
    from visavis.portrait.render import MeshRenderer
    from visavis.portrait.sheet import face_window

    renderer = MeshRenderer(portrait.rig)
    shape = portrait.image.shape
    window = (slice(None), slice(None)) if whole else face_window(portrait.rig.landmarks, shape)
    return [resize(renderer.render(expression)[window], height=height) for expression in expressions]


def _print_reach(reach: dict[str, float]) -> None:
    from rich.table import Table

    table = Table(title="reach of each blendshape, in pixels", box=None, show_header=False, title_justify="left")
    for _ in range(3):
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
    names = [name for name in reach if name != "_neutral"]
    rows = -(-len(names) // 3)
    for row in range(rows):
        cells = []
        for name in names[row::rows]:
            cells += [name, f"{reach[name]:.1f}"]
        table.add_row(*cells)
    results_console().print(table)
