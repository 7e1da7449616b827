"""`visavis portrait`: rig paintings and play them: render, list, add, remove, fetch, check, sheet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.cli.portrait_score import score
from visavis.errors import AssetError, ConfigError, InputError, NoFaceError, OutputError, RigError, VisavisError

if TYPE_CHECKING:
    from visavis.portrait.gallery import OpenPortrait
    from visavis.portrait.passage import Passage, Timeline
    from visavis.types import Expression, Image

__all__ = ["parse_blend", "parse_emotion", "register"]

Name = Annotated[str, typer.Argument(metavar="IMAGE|NAME", help="A picture, or a name of `visavis portrait list`.")]
FaceNumber = Annotated[
    int | None, typer.Option("--face", min=1, metavar="N", help="Which face, 1 for the biggest.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the group `portrait`."""
    group = typer.Typer(no_args_is_help=True, help="Rig paintings and play them.")
    for verb in (render, check, score, sheet, add, remove, fetch):
        group.command(verb.__name__)(verb)
    group.command("list")(list_portraits)
    app.add_typer(group, name="portrait")


def render(
    name: Name,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help=".png .jpg .webp, .mp4 .webm .gif, or .glb.")
    ],
    emotion: Annotated[
        str | None, typer.Option(metavar="LABEL[=S]", help="An emotion, at a strength of 0 to 1.", show_default=False)
    ] = None,
    blend: Annotated[
        str | None,
        typer.Option(metavar="NAME=W,...", help="Blendshapes: mouthSmileLeft=0.5,jawOpen=0.3.", show_default=False),
    ] = None,
    driver: Annotated[
        Path | None, typer.Option(metavar="VIDEO", help="A video of a face to play along with.", show_default=False)
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0.1, max=600, metavar="S", help="Seconds.", show_default="4, or the driver's")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=1, max=120, help="Frames a second.", show_default="25, or the driver's")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=64, max=8192, metavar="H", help="Height in pixels.", show_default="the painting's")
    ] = None,
    face: FaceNumber = None,
    from_rest: Annotated[
        bool,
        typer.Option("--from-rest/--absolute", help="Play the driver's changes from rest, or all that is measured."),
    ] = True,
    sway: Annotated[bool, typer.Option("--sway", help="Let the head turn a little with the driver's.")] = False,
) -> None:
    """Render a portrait with an expression: a picture, or a film.

    An emotion or a blend becomes a film of its coming and going. A driver's face is played as it moves. A .glb holds
    the whole rig for other programs, and shows the expression, if any is given, until they move it.
    """
    from visavis.assets import AssetStore
    from visavis.images import write_image
    from visavis.portrait.gallery import open_portrait
    from visavis.portrait.passage import emotion_passage
    from visavis.portrait.render import MeshRenderer
    from visavis.video import MOVING_SUFFIXES

    if out.suffix.lower() == ".glb":
        if driver is not None or duration is not None or fps is not None or (emotion is not None and blend is not None):
            raise ConfigError("a .glb holds a rig, not a film: give it one of --emotion and --blend, or none")
        _model(name, out, emotion=emotion, blend=blend, size=size, face=face)
        return
    moving = _is_moving(out, MOVING_SUFFIXES)
    if sum(choice is not None for choice in (emotion, blend, driver)) != 1:
        raise ConfigError("say what the portrait shall play: one of --emotion, --blend or --driver")
    if driver is not None and not moving:
        raise ConfigError(f"a driver's face moves, {out.suffix} does not: give --out as {', '.join(MOVING_SUFFIXES)}")
    if not moving and (duration is not None or fps is not None):
        raise ConfigError(f"--duration and --fps are for films: give --out as {', '.join(MOVING_SUFFIXES)}")
    expression = parse_emotion(emotion) if emotion is not None else parse_blend(blend or "")
    assets = AssetStore()
    try:
        portrait = open_portrait(name, assets=assets, face=face, height=size)
    except (RigError, NoFaceError) as error:
        if size is None:
            raise
        raise type(error)(f"at --size {size}: {error}; give a larger --size") from error
    if not moving:
        write_image(out, MeshRenderer(portrait.rig).render(expression))
        return
    if driver is None:
        _film(portrait, emotion_passage(expression, duration_s=duration or 4.0), out, fps or 25.0, title=name)
        return
    timeline = _driven(driver, from_rest=from_rest, sway=sway)
    rate = fps or len(timeline.times_s) / timeline.duration_s
    _film(portrait, timeline, out, min(rate, 120.0), title=name, duration_s=duration)


def list_portraits() -> None:
    """List the portraits that can be asked for by name."""
    from rich.markup import escape
    from rich.table import Column, Table

    from visavis.portrait.gallery import DEFAULT_PORTRAIT, Gallery

    table = Table(Column("name", no_wrap=True), "from", "painting", "museum", title="Portraits")
    for portrait in Gallery().entries():
        state = portrait.origin if portrait.path is not None else "to fetch"
        colour = {"built-in": "green", "to fetch": "yellow"}.get(state, "cyan")
        name = f"{portrait.name} *" if portrait.name == DEFAULT_PORTRAIT else portrait.name
        work = ", ".join(part for part in (portrait.artist, portrait.title, portrait.year) if part)
        table.add_row(escape(name), f"[{colour}]{state}[/]", escape(work), escape(portrait.museum))
    console = results_console()
    console.print(table)
    console.print("* the default. Fetch others with: visavis portrait fetch NAME", style="dim")


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
    failed = []
    for name in names:
        try:
            results_console().print(f"{name}: {gallery.fetch(name).path}", soft_wrap=True, markup=False)
        except AssetError as error:
            # One that cannot be had must not keep the others away.
            failed.append(f"{name}: {error}")
    _tell_failures(failed, AssetError.exit_code)


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
    from visavis.images import write_image
    from visavis.portrait.check import check_rig, draw_rig, head_crop, too_small
    from visavis.portrait.gallery import find_sitter_of
    from visavis.portrait.rig import make_rig

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
    from visavis.images import write_image
    from visavis.portrait.gallery import Gallery, open_portrait
    from visavis.portrait.sheet import contact_sheet
    from visavis.types import EMOTIONS

    labels = emotions.split(",") if emotions else list(EMOTIONS)
    columns = {label.strip(): parse_emotion(label.strip()) for label in labels}
    assets = AssetStore()
    chosen = names or [portrait.name for portrait in Gallery(assets).entries() if portrait.path is not None]
    rows: list[tuple[str, list[Image]]] = []
    failed = []
    with progress(unit="portraits") as display:
        for name in display.track(chosen, description="rigging"):
            try:
                portrait = open_portrait(name, assets=assets)
                rows.append((Path(name).stem, _in_cells(portrait, columns.values(), whole=whole, height=height)))
            except VisavisError as error:
                failed.append(str(error))
    if not rows:
        raise InputError("none of the portraits could be rigged: " + "; ".join(failed))
    write_image(out, contact_sheet(rows, list(columns), cell_height=height))
    _tell_failures(failed, 1)


def parse_emotion(text: str) -> Expression:
    """`joy` or `joy=0.8` as an expression.

    Raises:
        ConfigError: an unknown label, or a strength out of [0, 1].
    """
    from visavis.portrait.presets import emotion_preset

    label, equals, strength = text.partition("=")
    return emotion_preset(label.strip(), _number(strength, text) if equals else 1.0)


def parse_blend(text: str) -> Expression:
    """`mouthSmileLeft=0.5,jawOpen=0.3` as an expression; a name without its side stands for both.

    Raises:
        ConfigError: not of that form, an unknown name, or a weight out of [0, 1].
    """
    from visavis.portrait.passage import blended

    weights = {}
    for part in text.split(","):
        if not part.strip():
            continue
        name, equals, weight = part.partition("=")
        if not equals:
            raise ConfigError(f"{part.strip()!r} has no weight; expected NAME=W,NAME=W with weights from 0 to 1")
        weights[name.strip()] = _number(weight, part.strip())
    try:
        return blended(weights)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{whole!r}: {text.strip()!r} is no number; expected one from 0 to 1") from None


def _is_moving(out: Path, moving: Iterable[str]) -> bool:
    from visavis.images import WRITABLE_SUFFIXES

    suffix = out.suffix.lower()
    if suffix in moving:
        return True
    if suffix in WRITABLE_SUFFIXES:
        return False
    raise OutputError(f"cannot write {out}: expected {', '.join([*WRITABLE_SUFFIXES, *moving, '.glb'])}")


def _model(name: str, out: Path, *, emotion: str | None, blend: str | None, size: int | None, face: int | None) -> None:
    from visavis.assets import AssetStore
    from visavis.portrait.gallery import open_portrait
    from visavis.portrait.glb import write_glb

    expression = None
    if emotion is not None or blend is not None:
        expression = parse_emotion(emotion) if emotion is not None else parse_blend(blend or "")
    write_glb(
        out, open_portrait(name, assets=AssetStore(), face=face, height=size).rig, expression=expression, title=name
    )


def _driven(driver: Path, *, from_rest: bool, sway: bool) -> Timeline:
    from visavis.assets import AssetStore
    from visavis.portrait.driver import read_driver

    with progress() as display:
        task = display.add_task(f"reading {driver.name}", total=None)
        return read_driver(
            driver,
            assets=AssetStore(),
            from_rest=from_rest,
            sway=sway,
            on_start=lambda count: display.update(task, total=count),
            on_frame=lambda: display.advance(task),
        )


def _film(
    portrait: OpenPortrait,
    play: Passage | Timeline,
    out: Path,
    rate: float,
    *,
    title: str,
    duration_s: float | None = None,
) -> None:
    from visavis.portrait.render import MeshRenderer
    from visavis.video import VideoWriter

    if out.suffix.lower() == ".gif":
        rate = min(rate, 50.0)
    renderer = MeshRenderer(portrait.rig)
    length = min(duration_s or play.duration_s, play.duration_s)
    count = max(round(length * rate), 1)
    with progress() as display, VideoWriter(out, frames_per_second=rate, title=Path(title).stem) as video:
        for index in display.track(range(count), description=f"rendering {out.name}"):
            video.write(renderer.render(play.at(index / rate)))


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


def _tell_failures(failed: list[str], exit_code: int) -> None:
    for reason in failed:
        errors_console().print(f"error: {' '.join(reason.split())}", style="red", soft_wrap=True, markup=False)
    if failed:
        raise typer.Exit(exit_code)
