"""`visavis crop`: every face of pictures, folders, videos or a camera, cut out into a folder, with a list."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli.console import INTERRUPTED, errors_console, progress, results_console
from visavis.cli.inputs import Found, expand, tell_passed_over
from visavis.errors import ConfigError, InputError, OutputError, VisavisError

if TYPE_CHECKING:
    from visavis.faces import CropSpec
    from visavis.faces.cropper import Crop, Cropper
    from visavis.types import Frame

__all__ = ["Finding", "Searching", "parse_interval", "register"]

_COLUMNS = (
    "file",
    "source",
    "frame",
    "time_s",
    "face",
    "x0",
    "y0",
    "x1",
    "y1",
    "score",
    "aligned",
    "roll_degrees",
    "sharpness",
)


class Finding(StrEnum):
    """What finds the faces."""

    CASCADE = "cascade"
    MEDIAPIPE = "mediapipe"
    YUNET = "yunet"
    CENTERFACE = "centerface"
    YOLOV3 = "yolov3"

    def check_model(self, model: Path | None) -> None:
        """Raise ConfigError when a model is given for the cascade, whose models belong together."""
        if self is Finding.CASCADE and model is not None:
            raise ConfigError("--model needs a --detector that it is for")


Searching = Annotated[
    int,
    typer.Option(
        "--search",
        metavar="PIXELS",
        min=160,
        max=16384,
        help="Longest side at which the cascade searches a picture; more finds smaller faces, and takes longer.",
    ),
]


class Aligning(StrEnum):
    """How crops are turned."""

    EYES = "eyes"
    NONE = "none"
    POINTS = "points"


def register(app: typer.Typer) -> None:
    """Add the command `crop`."""
    app.command("crop")(crop)


def crop(
    source: Annotated[
        str | None,
        typer.Argument(help="A picture, a video, a folder of them, or camera:N.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the crops and crops.csv.", show_default=False)
    ] = None,
    camera: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Take pictures from this camera.", show_default=False)
    ] = None,
    every: Annotated[
        str, typer.Option(metavar="TIME", help="From a video or camera take a picture so often: 2s, 500ms, 1min.")
    ] = "2s",
    size: Annotated[int, typer.Option(min=8, max=4096, help="Side of a crop in pixels.")] = 256,
    margin: Annotated[float, typer.Option(help="Added on every side, as a share of the face's square.")] = 0.3,
    align: Annotated[
        Aligning, typer.Option(help="Turn the eyes level, leave the face as it is, or meet the training template.")
    ] = Aligning.EYES,
    detector: Annotated[Finding, typer.Option(help="What finds the faces.")] = Finding.CASCADE,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A model file for the detector, in place of its own.", show_default=False),
    ] = None,
    rotate: Annotated[
        bool, typer.Option(help="Where the cascade finds nothing, look again with the picture turned.")
    ] = True,
    search: Searching = 1280,
    min_size: Annotated[float, typer.Option(min=0, help="Leave out faces smaller than so many pixels.")] = 0,
    min_sharpness: Annotated[
        float, typer.Option(min=0, help="Leave out crops less sharp; blurred ones lie under some 30.")
    ] = 0,
    count: Annotated[int, typer.Option(min=0, help="Stop after so many crops; 0 for all, or until interrupted.")] = 0,
) -> None:
    """Cut every face out of pictures, videos or a camera, as the founding report did.

    The names of the crops tell source, time and face. A file that cannot be read is passed over and named at the end,
    with exit code 1. Ctrl-C and SIGTERM keep what was cut so far.
    """
    from visavis.faces import CropSpec

    if out is None:
        raise ConfigError("crop needs a folder for the crops: --out DIR")
    if (source is None) == (camera is None):
        raise ConfigError("crop needs either a SOURCE (picture, video, folder) or --camera N")
    spec = f"camera:{camera}" if camera is not None else str(source)
    step_s = parse_interval(every)
    broken: list[str] = []
    with ExitStack() as stack:
        cropper = _cropper(
            stack,
            detector,
            model,
            rotate=rotate,
            search=search,
            spec=CropSpec(size=size, margin=margin, align=align.value),
            smallest=min_size,
            dullest=min_sharpness,
        )
        album = _Album(out)
        inputs = None if re.fullmatch(r"camera:\d+|\w+://.+", spec) else expand(Path(spec))
        is_stopped = False
        try:
            for frame, name in _frames(spec, inputs, step_s, broken):
                for found in cropper.crops(frame.image):
                    album.add(found, frame, name)
                if count and len(album.rows) >= count:
                    break
        except KeyboardInterrupt:
            is_stopped = True
            errors_console().print("stopped: what was cut so far is kept")
        except VisavisError:
            if album.rows:
                album.close()
            raise
        album.close()
    if inputs is not None:
        tell_passed_over(inputs.passed_over)
    _tell(cropper, album, broken)
    if is_stopped:
        raise typer.Exit(INTERRUPTED)


def parse_interval(text: str) -> float:
    """Seconds of `2s`, `500ms`, `1min` or a bare number.

    >>> parse_interval("500ms")
    0.5

    Raises:
        ConfigError: it is something else, or negative.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min)?\s*", text)
    if match is None:
        raise ConfigError(f"{text!r} is no interval; expected a time such as 2s, 500ms or 1min")
    return float(match[1]) * {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}[match[2]]


class _Album:
    """The folder of crops and its list."""

    def __init__(self, folder: Path) -> None:
        _check_folder(folder)
        self._folder = folder
        self.rows: list[dict[str, Any]] = []
        self._names: set[str] = set()

    def add(self, crop: Crop, frame: Frame, stem: str) -> None:
        from visavis.files import fitting_name, printable
        from visavis.images import write_image

        # The list must be able to name the crop, so a crop's own name holds nothing that is no text.
        stem, tail, number = printable(stem), f"-face{crop.number:02d}.png", 2
        name = fitting_name(stem, tail)
        while name in self._names:
            name, number = fitting_name(stem, f"-{number}{tail}"), number + 1
        self._names.add(name)
        write_image(self._folder / name, crop.image)
        box = {key: round(float(value), 2) for key, value in zip(("x0", "y0", "x1", "y1"), crop.face.box, strict=True)}
        self.rows.append(
            {
                "file": name,
                "source": printable(frame.source),
                "frame": frame.index,
                "time_s": round(frame.time_s, 3),
                "face": crop.number,
                **box,
                "score": round(crop.face.score, 4),
                "aligned": int(crop.aligned),
                "roll_degrees": round(crop.roll, 2),
                "sharpness": round(crop.sharpness, 1),
            }
        )

    def close(self) -> None:
        from visavis.files import replacing

        with (
            replacing(self._folder / "crops.csv") as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def _check_folder(folder: Path) -> None:
    """Raise OutputError where no folder can be made or written to: before hours of video are searched."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise OutputError(f"{folder} cannot be reached: {error.strerror}; choose another folder for --out") from error
    if not there.is_dir():
        raise OutputError(f"{there} is a file; --out names a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{there} may not be written to; choose another folder for --out")


def _cropper(
    stack: ExitStack,
    detector: Finding,
    model: Path | None,
    *,
    rotate: bool,
    search: int,
    spec: CropSpec,
    smallest: float,
    dullest: float,
) -> Cropper:
    from visavis.assets import AssetStore
    from visavis.faces import FaceFinder, create_detector
    from visavis.faces.cropper import Cropper, Finder

    detector.check_model(model)
    assets = AssetStore()
    finder = stack.enter_context(FaceFinder(assets, require_landmarks=False, rotate=rotate, max_side=search))
    find: Finder = finder.find
    if detector is not Finding.CASCADE:
        chosen = create_detector(detector.value, assets=assets, model=model)
        stack.callback(chosen.close)
        find = chosen.detect
    return Cropper(find, spec, finder.landmarks_on, min_size=smallest, min_sharpness=dullest)


def _frames(spec: str, inputs: Found | None, step_s: float, broken: list[str]) -> Iterator[tuple[Frame, str]]:
    """Frames of files, or where there are none of what `spec` names, with the beginning of their crops' names."""
    from dataclasses import replace

    from visavis.files import printable
    from visavis.sources import PictureSource, open_source

    if inputs is None:
        with open_source(spec) as source:
            began = None
            for frame in _spaced(iter(source), step_s):
                began = frame.time_s if began is None else began
                yield frame, f"{re.sub(r'[^A-Za-z0-9]+', '-', spec).strip('-')}-{frame.time_s - began:09.3f}s"
        return
    with progress(unit="files") as display:
        task = display.add_task("cropping", total=len(inputs.files))
        for path in inputs.files:
            display.update(task, description=printable(path.name))
            try:
                with open_source(path.absolute()) as source:
                    still = isinstance(source, PictureSource)
                    for frame in iter(source) if still else _spaced(iter(source), step_s):
                        stem = path.stem if still else f"{path.stem}-{frame.time_s:09.3f}s"
                        yield replace(frame, source=str(path)), stem
            except InputError as error:
                broken.append(str(error))
            display.advance(task)


def _spaced(frames: Iterator[Frame], step_s: float) -> Iterator[Frame]:
    """The first frame, then the first in each further interval."""
    due = None
    for frame in frames:
        # Half a millisecond of grace: times of frames are rounded in their files.
        if due is None or frame.time_s >= due - 0.0005:
            due = (frame.time_s if due is None else due) + step_s
            if due < frame.time_s:
                due = frame.time_s + step_s
            yield frame


def _tell(cropper: Cropper, album: _Album, broken: list[str]) -> None:
    counts = cropper.counts
    left_out = [f"{counts.small} too small"] * bool(counts.small) + [f"{counts.blurred} too blurred"] * bool(
        counts.blurred
    )
    text = f"{counts.kept} faces cut from {counts.pictures} pictures"
    if left_out:
        text += f"; left out: {', '.join(left_out)}"
    if counts.unaligned:
        text += f"; {counts.unaligned} not turned (no eyes found)"
    results_console().print(text, highlight=False)
    if broken:
        console = errors_console()
        console.print(f"{len(broken)} could not be read:", style="red")
        for reason in broken:
            console.print(f"  {reason}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
