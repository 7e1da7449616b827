"""Arithmetic on boxes: float32 `x0, y0, x1, y1` in pixels, several at once as (N, 4)."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.types import Float32

__all__ = ["best_first", "clip_boxes", "iou", "keep_best", "overlap_of_smaller"]

#: Boxes settled at once in a suppression: what they take away is found in one sweep over the rest.
_BLOCK: Final = 64


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


def keep_best(
    boxes: Float32, scores: Float32, *, max_iou: float, most: int | None = None
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Non-maximum suppression: the indices that stay, best score first.

    The best box stays and takes away all that overlap it by more than `max_iou`, and so on. Equal scores keep the
    order in which they were given, so the result does not depend on the machine.

    Args:
        boxes: (N, 4) float32 boxes.
        scores: (N,) float32.
        max_iou: boxes that overlap a better one by more than this go.
        most: stop at so many, the best; None for all. Time grows with N times the number that stays.

    >>> same = np.array([[0, 0, 9, 9], [0, 0, 9, 9]], np.float32)
    >>> keep_best(same, np.array([0.5, 0.9], np.float32), max_iou=0.4).tolist()
    [1]
    """
    order = best_first(scores)
    ranked = boxes[order]
    # Intersection over union above t is intersection times (1 + t) above t times the sum of both areas: the one factor
    # goes into the heights, the other into the areas.
    table = np.empty((5, len(order)), np.float32)
    table[:4] = ranked.T
    table[1:4:2] *= np.float32(1 + max_iou)
    table[4] = _areas(ranked) * np.float32(max_iou)
    waiting = np.arange(len(order))
    kept: list[int] = []
    while waiting.size and (most is None or len(kept) < most):
        # The best few are settled among themselves, then all that they take away goes at once.
        few, table = table[:, :_BLOCK], table[:, _BLOCK:]
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        clash = np.triu(_clashes(few, few), 1)
        gone = np.zeros(len(block), np.bool_)
        for row in np.flatnonzero(clash.any(axis=1)):
            if not gone[row]:
                gone |= clash[row]
        best = np.flatnonzero(~gone)
        kept.extend(block[best].tolist())
        stays = np.flatnonzero(~_clashes(few[:, best], table).any(axis=0))
        if len(stays) < len(waiting):
            table, waiting = table.take(stays, axis=1), waiting[stays]
    return order[kept[:most]]


def best_first(scores: Float32, *, most: int | None = None) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices of (N,) scores from the best to the worst, at most `most` (1 or more); equal scores in the order given.

    >>> best_first(np.array([0.5, 0.9, 0.5], np.float32), most=2).tolist()
    [1, 0]
    """
    if most is None or most >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - most)[len(scores) - most]
    candidates = np.flatnonzero(scores >= least)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:most]


def _clashes(first: Float32, second: Float32) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which columns of two tables of `keep_best` overlap by more than its bound: (first, second) bool."""
    x0, y0, x1, y1, share = first[:, :, None]
    u0, v0, u1, v1, other_share = second[:, None, :]
    # In place wherever it goes: fresh memory would cost more than the arithmetic.
    across, held = np.minimum(x1, u1), np.maximum(x0, u0)
    across -= held
    np.maximum(across, 0, out=across)
    down = np.minimum(y1, v1)
    down -= np.maximum(y0, v0, out=held)
    across *= down  # boxes one above the other give less than nothing, which is no overlap either
    clash: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = across > np.add(share, other_share, out=held)
    return clash


def clip_boxes(boxes: Float32, *, width: int, height: int) -> Float32:
    """Cut (N, 4) boxes to a picture of `width` x `height` pixels."""
    limit = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(boxes, 0, limit), np.float32)
