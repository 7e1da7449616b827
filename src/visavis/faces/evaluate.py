"""How well a detector finds the faces of a data set: average precision by COCO's own tool, and speed.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014: average precision is the mean of the interpolated
precision at 101 recalls. The arithmetic is pycocotools'.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import InputError, require
from visavis.files import replacing
from visavis.images import read_image
from visavis.types import Face, Float32, Image

__all__ = ["Evaluation", "evaluate_detector", "load_boxes", "plot_precision_recall", "score_boxes"]

#: Recalls at which precision is read off.
RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a detector did on a data set.

    Attributes:
        pictures, boxes: how many the data set has.
        found: how many boxes the detector gave.
        average_precision: by IoU threshold, in [0, 1].
        recall: highest recall reached, by IoU threshold.
        precision: (101,) interpolated precision at recalls 0, 0.01, ... 1, by IoU threshold; 0 where not reached.
        milliseconds: (pictures,) time that each picture took.
    """

    pictures: int
    boxes: int
    found: int
    average_precision: dict[float, float]
    recall: dict[float, float]
    precision: dict[float, Float32]
    milliseconds: Float32


def load_boxes(path: Path) -> dict[str, Any]:
    """Read a COCO JSON whose every category is a face; pictures lie in `images/` beside it, or beside it.

    Raises:
        InputError: the file is missing, no COCO JSON, or names no picture.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror or error}; expected a COCO annotation file"
        ) from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); expected a COCO annotation file") from error
    try:
        images = [{"id": entry["id"], "file_name": str(entry["file_name"])} for entry in data["images"]]
        annotations = []
        for number, entry in enumerate(data["annotations"], start=1):
            x, y, width, height = (float(value) for value in entry["bbox"])
            annotations.append(
                {
                    "id": number,
                    "image_id": entry["image_id"],
                    "category_id": 1,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": int(entry.get("iscrowd", 0)),
                }
            )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no COCO annotation file ({error!r}); expected images with id and file_name, and "
            "annotations with image_id and bbox"
        ) from error
    if not images:
        raise InputError(f"{path} names no picture")
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}]}


def score_boxes(
    truth: dict[str, Any], found: list[dict[str, Any]], *, thresholds: Iterable[float] = (0.35, 0.5)
) -> tuple[dict[float, float], dict[float, float], dict[float, Float32]]:
    """Average precision, recall and precision curve by IoU threshold.

    Args:
        truth: what `load_boxes` gave.
        found: one dict a box: `image_id`, `category_id` 1, `bbox` (x, y, width, height) and `score`.
        thresholds: IoU from which on a box counts as found.

    Raises:
        MissingPackageError: pycocotools is not installed.
    """
    coco_module = require("pycocotools.coco", extra="evaluate")
    eval_module = require("pycocotools.cocoeval", extra="evaluate")
    limits = sorted(thresholds)
    if not found or not truth["annotations"]:
        nothing = dict.fromkeys(limits, 0.0)
        return nothing, dict(nothing), {t: np.zeros(101, np.float32) for t in limits}
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        coco = coco_module.COCO()
        coco.dataset = truth
        coco.createIndex()
        judge = eval_module.COCOeval(coco, coco.loadRes(found), "bbox")
        judge.params.iouThrs = np.array(limits)
        judge.params.recThrs = RECALLS
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [1000]
        judge.evaluate()
        judge.accumulate()
    curves = np.maximum(judge.eval["precision"][:, :, 0, 0, 0], 0)  # -1 stands for no ground truth
    reached = judge.eval["recall"][:, 0, 0, 0]
    return (
        {t: float(curve.mean()) for t, curve in zip(limits, curves, strict=True)},
        {t: float(value) for t, value in zip(limits, reached, strict=True)},
        {t: curve.astype(np.float32) for t, curve in zip(limits, curves, strict=True)},
    )


def evaluate_detector(
    find: Callable[[Image], tuple[Face, ...]],
    dataset: Path,
    *,
    thresholds: Iterable[float] = (0.35, 0.5),
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Run a detector over a COCO data set of faces.

    Args:
        find: the detector; give it a low `min_score`, since average precision wants the unsure boxes too.
        dataset: the annotation file; see `load_boxes`.
        thresholds: IoU from which on a box counts as found.
        advance: told after each picture how many are done, and of how many.

    Raises:
        InputError: as for `load_boxes`, or a picture cannot be read.
        MissingPackageError: pycocotools is not installed.
    """
    truth = load_boxes(dataset)
    found: list[dict[str, Any]] = []
    times: list[float] = []
    for done, entry in enumerate(truth["images"], start=1):
        folder = dataset.parent / "images"
        path = folder / entry["file_name"]
        image = read_image(path if path.exists() else dataset.parent / entry["file_name"])
        if not times:
            find(image)  # opens the model: no part of the speed
        start = time.perf_counter()
        faces = find(image)
        times.append((time.perf_counter() - start) * 1000)
        for face in faces:
            x0, y0, x1, y1 = (float(value) for value in face.box)
            found.append(
                {"image_id": entry["id"], "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": face.score}
            )
        advance(done, len(truth["images"]))
    precisions, recalls, curves = score_boxes(truth, found, thresholds=thresholds)
    return Evaluation(
        len(truth["images"]),
        len(truth["annotations"]),
        len(found),
        precisions,
        recalls,
        curves,
        np.array(times, np.float32),
    )


def plot_precision_recall(evaluations: dict[str, Evaluation], path: Path) -> None:
    """Draw the precision-recall curves of one or more detectors into a picture file, one panel for each threshold.

    Raises:
        MissingPackageError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    require("matplotlib", extra="evaluate")
    from matplotlib.figure import Figure

    thresholds = sorted({t for evaluation in evaluations.values() for t in evaluation.precision})
    figure = Figure(figsize=(5 * len(thresholds), 4.2), layout="constrained")
    for panel, threshold in zip(np.atleast_1d(figure.subplots(1, len(thresholds))), thresholds, strict=True):
        for name, evaluation in evaluations.items():
            average = evaluation.average_precision[threshold]
            panel.plot(RECALLS, evaluation.precision[threshold], label=f"{name}  AP {average:.3f}")
        panel.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=f"IoU {threshold:g}")
        panel.grid(alpha=0.3)
        panel.legend(loc="lower left")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)
