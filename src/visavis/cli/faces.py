"""`visavis faces`: the detectors on their own: run them, measure them, convert Darknet networks for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visavis.cli.console import errors_console, progress, results_console
from visavis.cli.crop import Finding, Searching
from visavis.errors import AssetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from visavis.faces.evaluate import Evaluation
    from visavis.types import Face, Image

__all__ = ["register"]

Model = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A model file for the detector, in place of its own.", show_default=False),
]
Detectors = Annotated[
    list[Finding] | None, typer.Option("--detector", help="Which; may be given several times.", show_default="all")
]


def register(app: typer.Typer) -> None:
    """Add the group `faces`."""
    group = typer.Typer(no_args_is_help=True, help="Run and measure face detectors; convert Darknet networks.")
    group.command("detect")(detect)
    group.command("evaluate")(evaluate)
    group.command("convert-darknet")(convert)
    app.add_typer(group, name="faces")


def detect(
    picture: Annotated[Path, typer.Argument(help="A picture file.", show_default=False)],
    detector: Annotated[Finding, typer.Option(help="What finds the faces.")] = Finding.CASCADE,
    model: Model = None,
    min_score: Annotated[float, typer.Option(min=0, max=1, help="Leave out faces less sure.")] = 0.5,
    rotate: Annotated[
        bool, typer.Option(help="Where the cascade finds nothing, look again with the picture turned.")
    ] = True,
    search: Searching = 1280,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object a face.")] = False,
) -> None:
    """Print the faces of a picture: box, score and what else was found."""
    from contextlib import ExitStack

    from rich.table import Table

    from visavis.images import read_image

    image = read_image(picture)
    with ExitStack() as stack:
        faces = _finder(stack, detector, model, min_score, rotate=rotate, search=search)(image)
    if as_json:
        typer.echo(json.dumps([_plain(face) for face in faces], indent=1))
        return
    count = f"{len(faces)} {'face' if len(faces) == 1 else 'faces'} in {picture}"
    results_console().print(count, highlight=False, markup=False, soft_wrap=True)
    if not faces:
        return
    table = Table("x0", "y0", "x1", "y1", "score", "keypoints", "landmarks")
    for face in faces:
        given = ("yes" if part is not None else "no" for part in (face.keypoints, face.landmarks))
        table.add_row(*(f"{value:.1f}" for value in face.box), f"{face.score:.3f}", *given)
    results_console().print(table)


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="COCO JSON; pictures in images/ beside it.", show_default=False)],
    detector: Detectors = None,
    model: Model = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw precision against recall.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: one object a detector.")] = False,
) -> None:
    """Measure detectors on a data set with face boxes: average precision, recall and speed.

    `--model` is for `yolov3`, whose own weights are large, or for the only detector given.
    """
    from contextlib import ExitStack

    from visavis.faces.evaluate import evaluate_detector, plot_precision_recall

    chosen = list(dict.fromkeys(detector or list(Finding)))
    results = {}
    with progress(unit="pictures") as display:
        for each in chosen:
            task = display.add_task(each.value, total=None)

            def advance(done: int, total: int, task: Any = task) -> None:
                display.update(task, completed=done, total=total)

            try:
                with ExitStack() as stack:
                    own = model if each is Finding.YOLOV3 or len(chosen) == 1 else None
                    find = _finder(stack, each, own, 0.02)
                    results[each.value] = evaluate_detector(find, dataset, advance=advance)
            except AssetError as error:
                # Asked for all, those that can be had are measured; asked for by name, a missing one is an error.
                if detector:
                    raise
                errors_console().print(f"{each.value} left out: {error}", markup=False, highlight=False, soft_wrap=True)
    if plot is not None:
        plot_precision_recall(results, plot)
    _print(results, dataset, as_json=as_json)


def convert(
    cfg: Annotated[Path, typer.Argument(help="Darknet's description, .cfg.", show_default=False)],
    weights: Annotated[Path, typer.Argument(help="Darknet's numbers, .weights.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="ONNX file to write.", show_default=False)],
    width: Annotated[
        int | None, typer.Option(min=32, help="Width of the network's input.", show_default="the cfg's")
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=32, help="Height of the network's input.", show_default="the cfg's")
    ] = None,
) -> None:
    """Convert a Darknet network of the YOLOv3 family to ONNX."""
    from visavis.faces.darknet import convert_darknet

    network = convert_darknet(cfg, weights, out, width=width, height=height)
    results_console().print(
        f"{out}: {len(network.layers)} layers, {network.parameter_count:,} numbers, input "
        f"{network.width} x {network.height}, {len(network.heads)} outputs",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _finder(
    stack: ExitStack,
    detector: Finding,
    model: Path | None,
    min_score: float,
    *,
    rotate: bool = True,
    search: int = 1280,
) -> Callable[[Image], tuple[Face, ...]]:
    from visavis.assets import AssetStore
    from visavis.faces import FaceFinder, create_detector

    detector.check_model(model)
    assets = AssetStore()
    if detector is Finding.CASCADE:
        # The cascade's own thresholds belong to it: below them it would not be the cascade that is used elsewhere.
        finder = FaceFinder(assets, require_landmarks=False, rotate=rotate, max_side=search)
        return stack.enter_context(finder).find
    made = create_detector(detector.value, assets=assets, min_score=min_score, model=model)
    stack.callback(made.close)
    return made.detect


def _plain(face: Face) -> dict[str, Any]:
    return {
        "box": [round(float(value), 2) for value in face.box],
        "score": round(face.score, 4),
        "keypoints": None if face.keypoints is None else face.keypoints.round(2).tolist(),
        "landmarks": face.landmarks is not None,
    }


def _print(results: dict[str, Evaluation], dataset: Path, *, as_json: bool) -> None:
    import numpy as np

    rows = {
        name: {
            "pictures": result.pictures,
            "boxes": result.boxes,
            **{f"ap_{t:g}": round(value, 4) for t, value in result.average_precision.items()},
            **{f"recall_{t:g}": round(value, 4) for t, value in result.recall.items()},
            "milliseconds_median": round(float(np.median(result.milliseconds)), 2),
            "milliseconds_p95": round(float(np.percentile(result.milliseconds, 95)), 2),
        }
        for name, result in results.items()
    }
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from rich.table import Table

    first = next(iter(results.values()))
    results_console().print(
        f"{dataset}: {first.pictures} pictures, {first.boxes} boxes", highlight=False, markup=False, soft_wrap=True
    )
    short = {"milliseconds_median": "ms", "milliseconds_p95": "ms p95"}
    shown = [name for name in next(iter(rows.values())) if name not in ("pictures", "boxes")]
    headers = [short.get(name, name.replace("ap_0", "AP ").replace("_0", " ")) for name in shown]
    table = Table("detector", *headers)
    for name, row in rows.items():
        table.add_row(name, *(f"{row[column]:g}" for column in shown))
    results_console().print(table)
