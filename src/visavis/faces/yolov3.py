"""YOLOv3 in ONNX Runtime: the founding report's detector, and any other face net of its family.

Redmon and Farhadi, "YOLOv3: An Incremental Improvement", 2018, arXiv:1804.02767; decoding after its section 2.1, with
the `scale_x_y` of Bochkovskiy's Darknet. The picture is letterboxed (scaled in proportion, the rest grey).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces.boxes import best_first, keep_best
from visavis.faces.darknet import METADATA_KEY, darknet_to_onnx
from visavis.faces.darknet_cfg import read_cfg
from visavis.faces.darknet_weights import read_weights
from visavis.faces.found import to_faces
from visavis.faces.session import OnDemand, open_session
from visavis.images import resize
from visavis.types import Face, Float32, Image, check_image

__all__ = ["Letterbox", "YoloHead", "YoloV3Detector", "decode_yolo", "letterbox", "yolo_boxes"]

#: Darknet's own overlap above which two boxes are one face.
_MAX_IOU: Final = 0.45
#: So many boxes, the best, are searched for overlaps, and at most so many faces stay: a face gives some six boxes, so
#: those of over a hundred and fifty faces are looked at. Both bound the time that a picture can take.
_MAX_CANDIDATES: Final = 1000
_MAX_FACES: Final = 300
#: Darknet's border: half grey.
_GREY: Final = 127
#: exp() of more would be a face of 2,980 anchors.
_MAX_LOG_SIZE: Final = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class YoloHead:
    """What is known about one output of the network.

    Attributes:
        output: its name.
        layer: how an error calls it.
        anchors: (A, 2) float32, widths and heights in pixels of the network's input.
        classes: how many classes follow each box.
        scale_x_y: by how much the centre's reach is stretched about the middle of its cell.
    """

    output: str
    layer: str
    anchors: Float32
    classes: int
    scale_x_y: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Letterbox:
    """A picture fitted into the network's input.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        fitted: the picture as it was scaled.
        left, top: where it begins in `pixels`.
    """

    pixels: Image
    fitted: Image
    left: int
    top: int


class YoloV3Detector:
    """The detector `yolov3`; see `Detector`.

    Args:
        assets: where the report's weights come from when `model` is None.
        min_score: objectness times class probability must reach it.
        model: a `.cfg` (its `.weights` beside it), a `.weights` (its `.cfg` beside it), or an `.onnx` that
            `convert_darknet` wrote.
    """

    name = "yolov3"

    def __init__(self, assets: AssetStore, *, min_score: float = 0.5, model: Path | None = None) -> None:
        self._min_score = min_score
        self._net = OnDemand(lambda: _open(assets, model))

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find faces; see `Detector.detect`. It gives no keypoints."""
        check_image(image)
        net = self._net()
        boxed = letterbox(image, width=net.width, height=net.height)
        values = np.multiply(boxed.pixels.transpose(2, 0, 1)[None], np.float32(1 / 255), dtype=np.float32)
        maps = net.session.run([head.output for head in net.heads], {net.input_name: values})
        boxes, scores = yolo_boxes(
            [output[0] for output in maps], net.heads, width=net.width, height=net.height, min_score=self._min_score
        )
        shift = np.array([boxed.left, boxed.top] * 2, np.float32)
        return to_faces(boxes - shift, scores, None, worked_at=boxed.fitted, image=image, name="YOLOv3")

    def close(self) -> None:
        """Free the model."""
        self._net.close()


@dataclass(frozen=True, slots=True, eq=False)
class _Net:
    """An opened network, and what it takes and gives."""

    session: Any
    input_name: str
    width: int
    height: int
    heads: tuple[YoloHead, ...]


def _open(assets: AssetStore, model: Path | None) -> _Net:
    kind = model.suffix.lower() if model else ".cfg"
    if kind not in (".cfg", ".weights", ".onnx"):
        raise ModelError(f"{model} is no model for yolov3; expected a .cfg, a .weights or an .onnx")
    if model is not None and kind == ".onnx":
        session = open_session(model, name="YOLOv3")
    else:
        cfg = model.with_suffix(".cfg") if model else assets.path("yolov3-face-cfg")
        weights = model.with_suffix(".weights") if model else assets.path("yolov3-face-weights")
        network = read_cfg(cfg)
        session = open_session(darknet_to_onnx(network, read_weights(weights, network)), name="YOLOv3")
    try:
        described = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        heads = tuple(
            YoloHead(
                head["output"],
                head["layer"],
                np.array(head["anchors"], np.float32),
                int(head["classes"]),
                float(head["scale_x_y"]),
            )
            for head in described["heads"]
        )
        if not heads:
            raise ValueError("no head")
        width, height = int(described["width"]), int(described["height"])
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(
            f"{model} does not say how its outputs are decoded ({error!r}); expected an ONNX file written by: "
            "visavis faces convert-darknet"
        ) from error
    return _Net(session, session.get_inputs()[0].name, width, height, heads)


def letterbox(image: Image, *, width: int, height: int) -> Letterbox:
    """Scale (H, W, 3) uint8 to fit into `width` x `height` in proportion, centred on grey."""
    scale = min(width / image.shape[1], height / image.shape[0])
    fitted = resize(
        image,
        width=min(max(round(image.shape[1] * scale), 1), width),
        height=min(max(round(image.shape[0] * scale), 1), height),
    )
    left, top = (width - fitted.shape[1]) // 2, (height - fitted.shape[0]) // 2
    pixels = np.full((height, width, 3), _GREY, np.uint8)
    pixels[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return Letterbox(pixels, fitted, left, top)


def yolo_boxes(
    maps: list[Float32], heads: tuple[YoloHead, ...], *, width: int, height: int, min_score: float
) -> tuple[Float32, Float32]:
    """Turn the network's maps into the boxes of faces, best first: decoded, and one for each face.

    The thousand best candidates are looked at and three hundred faces kept, which bounds the time of a picture in which
    the network sees faces everywhere.

    Args, Raises:
        As for `decode_yolo`.

    Returns:
        (N, 4) boxes in pixels of the network's input and (N,) scores, float32.
    """
    boxes, scores = decode_yolo(maps, heads, width=width, height=height, min_score=min_score, most=_MAX_CANDIDATES)
    kept = keep_best(boxes, scores, max_iou=_MAX_IOU, most=_MAX_FACES)
    return boxes[kept], scores[kept]


def decode_yolo(
    maps: list[Float32],
    heads: tuple[YoloHead, ...],
    *,
    width: int,
    height: int,
    min_score: float,
    most: int | None = None,
) -> tuple[Float32, Float32]:
    """Turn the network's maps into boxes.

    A cell's face has its centre at `cell + s sigmoid(t) - (s - 1) / 2`, with `s` the head's `scale_x_y`, the sides
    `anchor exp(t)` and the score `sigmoid(objectness) max(sigmoid(classes))`.

    Args:
        maps: for each head (A * (5 + classes), rows, columns) float32.
        heads: what is known about them, in the same order.
        width, height: of the network's input in pixels.
        min_score: boxes below it are left out.
        most: only so many boxes, those of the best scores, are made; None for all.

    Returns:
        (N, 4) boxes in pixels of the network's input and (N,) scores, float32, in the order of heads, anchors, rows and
        columns, overlaps still in.

    Raises:
        ModelError: a map has another shape, or holds numbers that are not finite; the message names the layer.
    """
    # A score is at most its objectness, so most cells are settled before any exp() is taken.
    least = np.float32(np.log(max(min_score, 1e-6)) - np.log1p(-min(min_score, 1 - 1e-6)))
    anchors, cells, scores = [], [], []
    for values, head in zip(maps, heads, strict=True):
        fields = _fields(values, head)
        anchor, cell = np.nonzero(fields[:, 4] >= least)
        score = _sigmoid(fields[anchor, 4, cell])
        if head.classes:
            score = score * _sigmoid(fields[:, 5:].max(axis=1)[anchor, cell])
        good = np.flatnonzero(score >= min_score)
        anchors.append(anchor[good])
        cells.append(cell[good])
        scores.append(score[good])
    every_score = np.concatenate(scores)
    chosen = np.sort(best_first(every_score, most=most))
    ends = np.cumsum([len(score) for score in scores])
    boxes = [np.empty((0, 4), np.float32)]
    for place, picked in enumerate(np.split(chosen, np.searchsorted(chosen, ends[:-1]))):
        if picked.size:
            picked = picked - (ends[place] - len(scores[place]))
            boxes.append(
                _boxes_of(maps[place], heads[place], anchors[place][picked], cells[place][picked], (width, height))
            )
    return np.concatenate(boxes), every_score[chosen]


def _fields(values: Float32, head: YoloHead) -> Float32:
    """One head's map as (anchors, fields, cells), checked."""
    fields = 5 + head.classes
    if values.ndim != 3 or values.shape[0] != len(head.anchors) * fields:
        raise ModelError(
            f"{head.layer} gave {values.shape}; expected {len(head.anchors) * fields} channels, rows and columns"
        )
    if not np.isfinite(values).all():
        raise ModelError(
            f"{head.layer} gave numbers that are not finite; expected finite ones: its weights, or those of a "
            "layer before it, are damaged or of another network"
        )
    return values.reshape(len(head.anchors), fields, -1)


def _boxes_of(
    values: Float32,
    head: YoloHead,
    anchor: np.ndarray[tuple[int], np.dtype[np.intp]],
    cell: np.ndarray[tuple[int], np.dtype[np.intp]],
    size: tuple[int, int],
) -> Float32:
    """(N, 4) boxes of some anchors' cells of one head, in pixels of the network's input, `size` wide and high."""
    rows, columns = values.shape[1:]
    moves = values.reshape(len(head.anchors), -1, rows * columns)[anchor, :4, cell]
    stretch = np.float32(head.scale_x_y)
    corners = np.stack([cell % columns, cell // columns], axis=1).astype(np.float32)
    centers = corners + _sigmoid(moves[:, :2]) * stretch - (stretch - 1) / 2
    centers *= np.array([size[0] / columns, size[1] / rows], np.float32)
    half = head.anchors[anchor] * np.exp(np.minimum(moves[:, 2:], _MAX_LOG_SIZE)) / 2
    return np.concatenate([centers - half, centers + half], axis=1).astype(np.float32)


def _sigmoid(values: Float32) -> Float32:
    # Clipped where float32 is 0 or 1 anyway, so that exp() never overflows.
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)
