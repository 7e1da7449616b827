"""Arithmetic on boxes: float32 `x0, y0, x1, y1` in pixels, several at once as (N, 4)."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.types import Float32

__all__ = ["clip_boxes", "iou", "keep_best", "overlap_of_smaller"]

_BLOCK: Final = 48


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
    boxes: Float32, scores: Float32, *, max_iou: float, limit: int | None = None
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Non-maximum suppression: the indices that stay, best score first.

    The best box stays and takes away all that overlap it by more than `max_iou`, and so on. Equal scores keep the
    order in which they were given, so the result does not depend on the machine.

    Args:
        boxes: (N, 4) float32 boxes.
        scores: (N,) float32.
        max_iou: boxes that overlap a better one by more than this go.
        limit: only so many boxes, the best, are looked at; None for all.

    >>> same = np.array([[0, 0, 9, 9], [0, 0, 9, 9]], np.float32)
    >>> keep_best(same, np.array([0.5, 0.9], np.float32), max_iou=0.4).tolist()
    [1]
    """
    order = _ranking(scores, limit)
    ranked = boxes[order]
    edges = np.ascontiguousarray(ranked.T)
    # Intersection over union above t is intersection times (1 + t) above t times the sum of both areas.
    shares = _areas(ranked) * np.float32(max_iou)
    waiting = np.arange(len(order))
    kept: list[int] = []
    while waiting.size:
        # The best few are settled among themselves, then all that they take away goes at once.
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        clash = np.triu(_clashes(edges, shares, block, block, max_iou), 1)
        gone = np.zeros(len(block), np.bool_)
        for row in np.flatnonzero(clash.any(axis=1)):
            if not gone[row]:
                gone |= clash[row]
        best = block[~gone]
        kept.extend(best.tolist())
        if waiting.size:
            waiting = waiting[~_clashes(edges, shares, best, waiting, max_iou).any(axis=0)]
    return order[kept]


def _ranking(scores: Float32, limit: int | None) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices from the best score to the worst, at most `limit`; equal scores in the order given."""
    if limit is None or limit >= len(scores):
        return np.argsort(-scores, kind="stable")
    least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    candidates = np.flatnonzero(scores >= least)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:limit]


def _clashes(
    edges: Float32,
    shares: Float32,
    first: np.ndarray[tuple[int], np.dtype[np.intp]],
    second: np.ndarray[tuple[int], np.dtype[np.intp]],
    max_iou: float,
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which boxes overlap by more than `max_iou`: (first, second) bool."""
    x0, y0, x1, y1 = edges[:, first, None]
    u0, v0, u1, v1 = edges[:, None, second]
    across = np.minimum(x1, u1)
    across -= np.maximum(x0, u0)
    np.maximum(across, 0, out=across)
    down = np.minimum(y1, v1)
    down -= np.maximum(y0, v0)
    np.maximum(down, 0, out=down)
    across *= down
    across *= np.float32(1 + max_iou)
    clash: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = across > shares[first, None] + shares[None, second]
    return clash


def clip_boxes(boxes: Float32, *, width: int, height: int) -> Float32:
    """Cut (N, 4) boxes to a picture of `width` x `height` pixels."""
    limit = np.array([width, height, width, height], np.float32)
    return np.asarray(np.clip(boxes, 0, limit), np.float32)
