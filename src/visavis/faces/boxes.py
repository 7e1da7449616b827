"""Arithmetic on boxes: float32 `x0, y0, x1, y1` in pixels, several at once as (N, 4)."""

from __future__ import annotations

import numpy as np

from visavis.types import Float32

__all__ = ["clip_boxes", "iou", "keep_best", "overlap_of_smaller"]


def _areas(boxes: Float32) -> Float32:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def _intersections(first: Float32, second: Float32) -> Float32:
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def iou(first: Float32, second: Float32) -> Float32:
    """Intersection over union of every pair.

    Args:
        first: (N, 4) float32 boxes.
        second: (M, 4) float32 boxes.

    Returns:
        (N, M) float32 in [0, 1]; 0 where both boxes are empty.

    >>> a = np.array([[0, 0, 2, 2]], np.float32)
    >>> float(iou(a, a + np.float32(1))[0, 0])  # doctest: +ELLIPSIS
    0.1428...
    """
    shared = _intersections(first, second)
    union = _areas(first)[:, None] + _areas(second)[None, :] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def overlap_of_smaller(first: Float32, second: Float32) -> Float32:
    """Intersection over the smaller of the two areas, of every pair: 1 where one box lies inside the other.

    Args:
        first: (N, 4) float32 boxes.
        second: (M, 4) float32 boxes.

    Returns:
        (N, M) float32 in [0, 1].
    """
    shared = _intersections(first, second)
    smaller = np.minimum(_areas(first)[:, None], _areas(second)[None, :])
    return np.asarray(np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0), np.float32)


def keep_best(boxes: Float32, scores: Float32, *, max_iou: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Non-maximum suppression: the indices that stay, best score first.

    The best box stays and takes away all that overlap it by more than `max_iou`, and so on. Equal scores keep the
    order in which they were given, so the result does not depend on the machine.

    Args:
        boxes: (N, 4) float32 boxes.
        scores: (N,) float32.
        max_iou: boxes that overlap a better one by more than this go.

    >>> same = np.array([[0, 0, 9, 9], [0, 0, 9, 9]], np.float32)
    >>> keep_best(same, np.array([0.5, 0.9], np.float32), max_iou=0.4).tolist()
    [1]
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order]
    x0, y0, x1, y1 = np.ascontiguousarray(boxes.T)
    areas = _areas(boxes)
    waiting = np.arange(len(order))
    kept: list[int] = []
    while waiting.size:
        best = waiting[0]
        kept.append(int(best))
        rest = waiting[1:]
        width = np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest])
        height = np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        waiting = rest[shared <= max_iou * (areas[best] + areas[rest] - shared)]
    return order[kept]


def clip_boxes(boxes: Float32, *, width: int, height: int) -> Float32:
    """Cut (N, 4) boxes to a picture of `width` x `height` pixels."""
    limit = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(boxes, 0, limit), np.float32)
