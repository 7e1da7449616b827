"""Faces of every size: a detector run over a picture's scales, and over tiles where a scale is too large for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from visavis.errors import ConfigError
from visavis.faces.boxes import keep_best, overlap_of_smaller
from visavis.faces.detect import Detector
from visavis.images import resize
from visavis.types import Face, Float32, Image, check_image

__all__ = ["PyramidDetector", "merge_faces", "tile_spans"]


class PyramidDetector:
    """Runs a detector on a picture at several scales; at each, in overlapping tiles.

    Small scales find faces that fill the picture (the nets know faces up to some 300 pixels), large ones those far
    away. Only one scale and one tile are held at a time, so memory does not grow with the picture.

    Args:
        detector: what looks at one tile; its `max_side` should be `tile` or more.
        scales: longest side of the picture in pixels, at each scale, rising. Scales that would enlarge the picture more
            than twofold are left out, except the first.
        tile: side of a tile in pixels; neighbours overlap by a quarter.
        max_iou: faces that overlap a better one by more are the same face.

    Raises:
        ConfigError: no scale, or a scale or tile below 32 pixels.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        scales: tuple[int, ...] = (160, 320, 640, 1280),
        tile: int = 1280,
        max_iou: float = 0.4,
    ) -> None:
        if not scales or min(scales) < 32 or tile < 32:
            raise ConfigError(f"a pyramid needs scales and tiles of at least 32 pixels, not {scales} and {tile}")
        self._detector = detector
        self._scales = tuple(sorted(scales))
        self._tile = tile
        self._max_iou = max_iou

    @property
    def name(self) -> str:
        """The name of the detector inside."""
        return self._detector.name

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find faces; see `Detector.detect`."""
        check_image(image)
        longest = max(image.shape[:2])
        faces: list[Face] = []
        for place, scale in enumerate(self._scales):
            if place and scale > 2 * longest:
                break
            faces.extend(self._at(image, scale))
        return merge_faces(faces, max_iou=self._max_iou)

    def close(self) -> None:
        """Free the detector inside."""
        self._detector.close()

    def _at(self, image: Image, scale: int) -> Iterator[Face]:
        small = resize(image, longest=scale)
        height, width = small.shape[:2]
        ratio_x, ratio_y = image.shape[1] / width, image.shape[0] / height
        for y0, y1 in tile_spans(height, self._tile):
            for x0, x1 in tile_spans(width, self._tile):
                for face in self._detector.detect(np.ascontiguousarray(small[y0:y1, x0:x1])):
                    if not _cut_off(face.box, (x0, y0, x1, y1), width=width, height=height):
                        yield _moved(face, x0, y0, ratio_x, ratio_y)


def tile_spans(length: int, tile: int) -> tuple[tuple[int, int], ...]:
    """Cover 0..length with spans of at most `tile`, even, neighbours overlapping by a quarter of it or more.

    >>> tile_spans(1000, 400)
    ((0, 400), (300, 700), (600, 1000))
    """
    if length <= tile:
        return ((0, length),)
    count = int(np.ceil((length - tile) / (tile * 0.75))) + 1
    return tuple((start, start + tile) for start in np.linspace(0, length - tile, count).astype(int).tolist())


def merge_faces(faces: list[Face], *, max_iou: float) -> tuple[Face, ...]:
    """One face for each place: the best score stays; what overlaps it, or lies for the most part in it, goes."""
    if not faces:
        return ()
    boxes = np.stack([face.box for face in faces])
    scores = np.array([face.score for face in faces], np.float32)
    kept: list[int] = []
    for index in keep_best(boxes, scores, max_iou=max_iou).tolist():
        inside = overlap_of_smaller(boxes[[index]], boxes[kept])[0] if kept else np.zeros(0)
        if not (inside > 0.8).any():
            kept.append(index)
    return tuple(faces[index] for index in kept)


def _cut_off(box: Float32, tile: tuple[int, int, int, int], *, width: int, height: int) -> bool:
    """Whether a face touches a tile's edge inside the picture: the neighbouring tile sees all of it."""
    x0, y0, x1, y1 = tile
    return bool(
        (x0 > 0 and box[0] <= 1)
        or (y0 > 0 and box[1] <= 1)
        or (x1 < width and box[2] >= x1 - x0 - 1)
        or (y1 < height and box[3] >= y1 - y0 - 1)
    )


def _moved(face: Face, x: int, y: int, ratio_x: float, ratio_y: float) -> Face:
    ratio = np.array([ratio_x, ratio_y], np.float32)
    shift = np.array([x, y], np.float32)
    box = (face.box.reshape(2, 2) + shift) * ratio
    points = None if face.keypoints is None else (face.keypoints + shift + np.float32(0.5)) * ratio - np.float32(0.5)
    return Face(
        box=box.reshape(4).astype(np.float32),
        score=face.score,
        keypoints=None if points is None else points.astype(np.float32),
    )
