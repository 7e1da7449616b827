"""`visavis read`: faces, emotions and blendshapes of pictures and videos, as rows and as annotated pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visavis.cli.console import INTERRUPTED, errors_console, progress, results_console
from visavis.cli.emotions import EmotionsBy, load_settings, print_table, with_emotions_by
from visavis.cli.inputs import expand, tell_passed_over
from visavis.errors import ConfigError, InputError, OutputError

if TYPE_CHECKING:
    from visavis.config import Config
    from visavis.reading.reader import Reader
    from visavis.reading.records import RecordWriter
    from visavis.types import Frame, Reading

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command `read`."""
    app.command("read")(read)


def read(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Pictures, videos, and folders of them.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table to write: .jsonl, .csv or .parquet.", show_default=False),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the pictures with boxes, mesh and bars.", show_default=False),
    ] = None,
    every: Annotated[int, typer.Option(metavar="N", min=1, help="Read every N-th frame of a video.")] = 1,
    detector: Annotated[
        str | None, typer.Option(help="What proposes faces in stills.", show_default="the best at hand")
    ] = None,
    max_faces: Annotated[
        int | None, typer.Option(min=1, max=50, help="Most faces of one picture.", show_default="5")
    ] = None,
    smooth: Annotated[
        bool, typer.Option("--smooth", help="Steady the emotions of a video over time, as the live portrait does.")
    ] = False,
    emotions_by: Annotated[
        EmotionsBy | None,
        typer.Option(help="What reads the emotions.", show_default="learned where its file is, else blendshapes"),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say in words why each emotion is told.")] = False,
    rules: Annotated[
        bool, typer.Option("--rules", help="Print the table that reads the emotions, and read nothing.")
    ] = False,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings in TOML.", show_default=False)] = None,
) -> None:
    """Read the faces of pictures, videos and folders: one row a face a frame.

    A file that cannot be read is passed over and named at the end, with exit code 1. Ctrl-C and SIGTERM
    keep the rows so far.
    """
    from visavis.reading.records import Columns, open_table

    settings = with_emotions_by(load_settings(config), emotions_by)
    if rules:
        print_table(settings)
        return
    if not paths:
        raise ConfigError("nothing to read: give pictures, videos or folders")
    if out is None and annotate is None and not explain:
        raise ConfigError(
            "nothing is asked for: give --out FILE.jsonl (or .csv, .parquet), --annotate DIR, --explain, or several"
        )
    with ExitStack() as stack:
        reader = stack.enter_context(
            _build_reader(settings, detector=detector, max_faces=max_faces, smooth=smooth, explain=explain)
        )
        pictures = None if annotate is None else _PictureNames(annotate)
        run = _Run(reader, every=every, pictures=pictures, explain=explain)
        try:
            with ExitStack() as tables:
                if out is not None:
                    instruments = reader.instruments
                    told = () if instruments.attributes is None else instruments.attributes.names
                    columns = Columns(emotions=instruments.emotions is not None, reasons=explain, attributes=told)
                    run.table = tables.enter_context(open_table(out, columns=columns))
                try:
                    run.all(paths)
                except KeyboardInterrupt:
                    # Leaving this block as if all were done writes the table whole, with the rows so far.
                    run.is_stopped = True
                    if run.frames == 0:
                        raise _NothingReadError from None
        except _NothingReadError:
            pass
    _tell(run, out)


class _NothingReadError(Exception):
    """Not one frame could be read: leave no table behind."""


@dataclass(slots=True)
class _Run:
    """The reading of all files: its tools, and what came of it."""

    reader: Reader
    every: int
    pictures: _PictureNames | None
    explain: bool = False
    table: RecordWriter | None = None
    is_stopped: bool = False
    files: set[Path] = field(default_factory=set)
    frames: int = 0
    faces: int = 0
    passed_over: int = 0
    broken: list[str] = field(default_factory=list)

    def all(self, paths: Sequence[Path]) -> None:
        from visavis.files import printable

        with progress() as display:
            task = display.add_task("looking", total=None)
            files: list[Path] = []
            for path in paths:
                try:
                    found = expand(path)
                    files += found.files
                    self.passed_over += found.passed_over
                except InputError as error:
                    self.broken.append(str(error))
            display.update(task, total=sum(_length(file, self.every) for file in files))
            for file in files:
                display.update(task, description=printable(file.name))
                try:
                    self._one(file, lambda: display.advance(task))
                except InputError as error:
                    self.broken.append(str(error))
        if self.frames == 0:
            raise _NothingReadError

    def _one(self, path: Path, advance: Callable[[], None]) -> None:
        from visavis.images import write_image
        from visavis.reading.drawing import draw_reading
        from visavis.reading.records import Record
        from visavis.sources import PictureSource, open_source

        # A folder was expanded before, and no path is a device: `camera:0` would be a file of that name.
        source = open_source(path.absolute())
        still = isinstance(source, PictureSource)
        self.reader.restart()
        with source:
            for frame in _named(iter(source), str(path)):
                if frame.index % self.every:
                    continue
                readings = self.reader.read_image(frame.image) if still else self.reader.read_frame(frame)
                if self.table is not None:
                    self.table.write(Record.of(frame, readings))
                if self.pictures is not None:
                    write_image(
                        self.pictures.name(path, None if still else frame.index), draw_reading(frame.image, readings)
                    )
                if self.explain:
                    _say(path, frame, readings, still=still)
                self.files.add(path)
                self.frames += 1
                self.faces += len(readings)
                advance()


class _PictureNames:
    """Where the annotated pictures go: `a.jpg` for a picture, `b-000012.jpg` for frame 12 of a video."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another") from None
        self._folder = folder
        self._stems: dict[str, Path] = {}

    def name(self, path: Path, frame: int | None) -> Path:
        stem, number = path.stem, 2
        while self._stems.setdefault(stem, path) != path:
            stem, number = f"{path.stem}-{number}", number + 1
        return self._folder / (f"{stem}.jpg" if frame is None else f"{stem}-{frame:06d}.jpg")


def _named(frames: Iterator[Frame], name: str) -> Iterator[Frame]:
    from dataclasses import replace

    return (replace(frame, source=name) for frame in frames)


def _length(path: Path, every: int) -> int:
    """How many frames of a file will be read, as far as its header tells."""
    from visavis.sources import IMAGE_SUFFIXES, VideoSource

    if path.suffix.lower() in IMAGE_SUFFIXES:
        return 1
    try:
        return -(-(VideoSource(path).count() or 1) // every)
    except InputError:
        return 0


def _build_reader(
    settings: Config, *, detector: str | None, max_faces: int | None, smooth: bool, explain: bool
) -> Reader:
    from visavis.assets import AssetStore
    from visavis.faces import DETECTORS
    from visavis.reading import Reader, Smoothing, open_instruments

    name = detector or settings.reading.detector
    if name not in (*DETECTORS, "auto"):
        raise ConfigError(f"unknown detector {name!r}; expected auto, {', '.join(DETECTORS)}")
    return Reader(
        AssetStore(),
        detector=None if name == "auto" else name,
        max_faces=max_faces or settings.reading.max_faces,
        instruments=open_instruments(settings.emotion),
        smoothing=Smoothing.of(settings) if smooth else None,
        explain=explain,
    )


def _say(path: Path, frame: Frame, readings: Sequence[Reading], *, still: bool) -> None:
    """One line a face: where it is, what is read, and why."""
    from visavis.reading import in_words

    console = results_console()
    for rank, reading in enumerate(readings):
        face = rank if reading.face.track_id is None else reading.face.track_id
        where = str(path) if still else f"{path} {frame.time_s:.2f} s"
        where = f"{where}, face {face}" if len(readings) > 1 else where
        told = "no emotion is read" if reading.emotion is None else in_words(reading.emotion, reading.reasons)
        console.print(f"{where}: {told}", markup=False, highlight=False, soft_wrap=True)


def _tell(run: _Run, out: Path | None) -> None:
    from rich.markup import escape

    console = errors_console()
    if run.frames:
        where = [] if out is None else [str(out)]
        counts = f"{_many(run.faces, 'face')} in {_many(run.frames, 'frame')} of {_many(len(run.files), 'file')}"
        console.print(escape(" -> ".join([counts, *where])), highlight=False, soft_wrap=True)
    if run.is_stopped:
        kept = "the rows so far are kept" if run.frames and out is not None else "nothing was written"
        console.print(f"[yellow]stopped:[/] {kept}", highlight=False, soft_wrap=True)
    tell_passed_over(run.passed_over)
    for reason in run.broken:
        console.print(f"[bold red]error:[/] {escape(' '.join(reason.split()))}", highlight=False, soft_wrap=True)
    if run.is_stopped:
        raise typer.Exit(INTERRUPTED)
    if run.broken:
        raise typer.Exit(1)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
