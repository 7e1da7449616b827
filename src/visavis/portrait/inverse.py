"""Where moved paint comes from: the inverse of a displacement field on the nodes of its grid.

A field says where paint goes: what is at `p` goes to `p + D(p)`. Rendering asks for each `x` which paint arrives there:
for the `s` with `s + D(s) = x`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.portrait.warp import Part
from visavis.types import Float32

__all__ = ["freedom", "invert", "unfold"]

#: Nodes from a place that stays as it is to where motion may be smoothed wholly.
_NEAR: Final = 4


def freedom(rows: int, columns: int, hole: Part | None = None) -> Float32:
    """How far each node of a grid may be smoothed, (rows, columns) float32: not at the border, nor in a hole.

    Parts of a picture that are drawn by themselves meet there, and must agree.

    >>> freedom(5, 9)[2].tolist()
    [0.0, 0.0, 0.25, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0]
    """
    row, column = np.ogrid[:rows, :columns]
    away = np.minimum(np.minimum(row, rows - 1 - row), np.minimum(column, columns - 1 - column)) - 1
    if hole is not None:
        (top, bottom), (left, right) = ((part.start - 1, part.stop) for part in hole)
        beside = np.maximum(np.maximum(top - row, row - bottom), np.maximum(left - column, column - right))
        away = np.minimum(away, beside)
    return np.asarray(np.clip(away / _NEAR, 0, 1), np.float32)


def unfold(displacement: Float32, step: int, freedom: Float32) -> Float32:
    """The displacement, smoothed where it would press paint together too far, or fold it over itself.

    A lip that rolls in folds its paint, as a brow does that comes down over an eye; which side of a fold is seen would
    change from node to node, in jags.

    Args:
        displacement: (rows, columns, 2) float32 in pixels.
        step: pixels between two nodes.
        freedom: (rows, columns) float32, how far each node may be smoothed, as `freedom` gives it.

    Returns:
        float32 of the same shape.
    """
    from visavis.portrait.loops.inverse import unfolded

    return unfolded(displacement * np.float32(1 / step), freedom) * np.float32(step)


def invert(displacement: Float32, step: int) -> Float32:
    """Where the paint comes from: R with `R(x) = s - x` for `s + D(s) = x`, on the nodes of the same grid.

    Newton's method; a fold has no inverse, and there the median of the neighbours keeps order.

    Args:
        displacement: (rows, columns, 2) float32 in pixels.
        step: pixels between two nodes.

    Returns:
        (rows, columns, 2) float32 in pixels.
    """
    import cv2

    from visavis.portrait.loops.inverse import sources_of

    back = sources_of(displacement * np.float32(1 / step))
    back *= np.float32(step)
    smoothed: Float32 = cv2.medianBlur(back, 5)
    return smoothed
