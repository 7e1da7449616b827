"""`visavis demo`: Visavis on one real face: read it, let the default portrait answer, show that, serve it live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.errors import InputError, NoFaceError

if TYPE_CHECKING:
    from visavis.portrait.gallery import OpenPortrait, Portrait
    from visavis.types import Expression, Image, Reading

__all__ = ["register"]

_BAR_CELLS = 28
_FRAMES_PER_SECOND = 25.0
#: Seconds after which an answer has settled, whatever the table's pace.
_SETTLED_S = 6.0


def register(app: typer.Typer) -> None:
    """Add the command `demo`."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the pictures and the film.")] = Path("demo"),
    source: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Plays on the live page where there is no camera.", show_default="a script"),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the live portrait afterwards.")] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="A busy one moves to the next.")] = 8000,
) -> None:
    """Read a real face, let a portrait answer it, write what it looks like, and serve it live."""
    from visavis.assets import AssetStore
    from visavis.images import read_image, write_image
    from visavis.portrait.gallery import DEFAULT_PORTRAIT, Gallery, open_portrait
    from visavis.portrait.render import MeshRenderer
    from visavis.portrait.sheet import before_and_after
    from visavis.reading import Reader
    from visavis.reading.drawing import draw_reading

    if source is not None:
        _look_at(source)
    console, notes, assets = results_console(), errors_console(), AssetStore()

    def write(name: str, image: Image, what: str) -> None:
        write_image(out / name, image)
        console.print(f"{out / name}  {what}", soft_wrap=True, markup=False, highlight=False)

    notes.print("reading the spectator's face …", style="dim")
    spectator = read_image(assets.path("astronaut"))
    with Reader(assets) as reader:
        readings = reader.read_image(spectator)
    if not readings:
        raise NoFaceError("no face was found in the demo's own photograph; run: visavis assets verify")
    _print_reading(readings[0])
    write("reading.png", draw_reading(spectator, readings), "the spectator, read")

    notes.print("rigging the portrait …", style="dim")
    card = Gallery(assets).find(DEFAULT_PORTRAIT)
    portrait = open_portrait(DEFAULT_PORTRAIT, assets=assets)
    renderer = MeshRenderer(portrait.rig)
    seen, played, reply = _answer(readings[0])
    console.print(
        f"{card.title} sees [bold]{seen}[/] and answers with [bold]{played}[/]", highlight=False, soft_wrap=True
    )
    after = renderer.render(reply)
    labels = ("before", f"in answer to {seen}")
    write("answer.png", before_and_after(portrait.image, after, labels=labels), "before | after")
    write("answers.png", _all_emotions(portrait, card), "all seven emotions")
    _write_film(portrait, out / "answer.mp4", title=card.title)
    console.print(f"{out / 'answer.mp4'}  a passage through them", soft_wrap=True, markup=False, highlight=False)
    if serve:
        _serve(source, port)


def _look_at(source: str) -> None:
    """A source that is not there is told before any work is done."""
    from visavis.sources import open_source

    if source in ("script", "browser"):
        return
    with open_source(source) as played:
        if not played.is_live and played.read() is None:
            raise InputError(f"{source} holds no picture; give another file")


def _print_reading(reading: Reading) -> None:
    """The reading as a table with bars: emotions, the strongest blendshapes, attributes where they were read."""
    from rich.table import Column, Table

    from visavis.reading import to_expression

    table = Table(Column("what"), Column("", no_wrap=True), Column("", justify="right"), title="What the face shows")
    if reading.emotion is not None:
        for label, value in reading.emotion.as_dict().items():
            mark = "bold " if label == reading.emotion.dominant else ""
            table.add_row(f"[{mark}yellow]{label}[/]", _bar(value, "yellow"), f"{value:.2f}")
        table.add_section()
    strongest = sorted(to_expression(reading.face).as_dict().items(), key=lambda pair: -pair[1])[:8]
    for name, value in strongest:
        table.add_row(name, _bar(value, "cyan"), f"{value:.2f}")
    if reading.attributes:
        table.add_section()
        for name, value in reading.attributes.items():
            table.add_row(name, _bar(value, "magenta"), f"{value:.2f}")
    results_console().print(table)


def _bar(value: float, colour: str) -> str:
    """A bar over a fixed number of cells, drawn to an eighth of a cell."""
    eighths = round(min(max(value, 0.0), 1.0) * _BAR_CELLS * 8)
    full, part = divmod(eighths, 8)
    drawn = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return f"[{colour}]{drawn}[/]{' ' * (_BAR_CELLS - len(drawn))}"


def _answer(reading: Reading) -> tuple[str, str, Expression]:
    """The emotion that is seen, the one played in answer, and the expression once it has settled."""
    from visavis.portrait.answer import Answerer
    from visavis.portrait.presets import emotion_presets

    answerer = Answerer(emotion_presets(), mode="answer")
    reply = answerer.step(reading, 0.0)
    for _ in range(round(_SETTLED_S * _FRAMES_PER_SECOND)):
        reply = answerer.step(reading, 1 / _FRAMES_PER_SECOND)
    seen = answerer.heard
    return seen, answerer.table.answer[seen].plays, reply


def _all_emotions(portrait: OpenPortrait, card: Portrait) -> Image:
    from visavis.portrait.presets import emotion_presets
    from visavis.portrait.render import MeshRenderer
    from visavis.portrait.sheet import Cell, face_window, grid_of

    renderer = MeshRenderer(portrait.rig)
    window = face_window(portrait.rig.landmarks, portrait.image.shape)
    cells = [Cell(renderer.render(expression)[window], label) for label, expression in emotion_presets().items()]
    note = ", ".join(part for part in (card.artist, card.year, card.museum) if part)
    return grid_of(cells, columns=4, title=card.title, note=note)


def _write_film(portrait: OpenPortrait, path: Path, *, title: str) -> None:
    from visavis.portrait.answer import load_answers
    from visavis.portrait.life import Life
    from visavis.portrait.passage import tour
    from visavis.portrait.presence import Lived
    from visavis.portrait.presets import emotion_presets
    from visavis.portrait.render import MeshRenderer
    from visavis.video import VideoWriter

    renderer = MeshRenderer(portrait.rig)
    paces = load_answers().pace
    shown = {label: expression for label, expression in emotion_presets().items() if label != "neutral"}
    passage = tour(list(shown.values()), paces=[paces[label] for label in shown])
    film = Lived(Life(), passage.duration_s, passage)
    with progress() as display, VideoWriter(path, frames_per_second=_FRAMES_PER_SECOND, title=title) as video:
        for time_s in display.track(film.frame_times(_FRAMES_PER_SECOND), description="filming"):
            video.write(renderer.render(film.at(float(time_s))))


def _serve(source: str | None, port: int) -> None:
    """The live installation: a camera where there is one, else `source`, else a scripted face."""
    from visavis.cli.run import serve_portrait
    from visavis.sources import camera_indices

    changes = {"server": {"port": port}}
    if source is None:
        serve_portrait(changes=changes)
    elif source in ("script", "browser"):
        serve_portrait(source=source, changes=changes)
    else:
        cameras = camera_indices()
        # Named even where there is none, so that the page says that `source` stands in for a camera.
        serve_portrait(camera=cameras[0] if cameras else 0, source=source, changes=changes)
