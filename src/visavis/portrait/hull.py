"""The convex hull of points on a picture: the outline around a face or a part of it, and the pixels inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.types import Float32

__all__ = ["convex_hull", "inside_hull"]


def convex_hull(points: NDArray[Any]) -> Float32:
    """The corners of the convex hull of (N, 2) points, (K, 2) float32, in order around it."""
    import cv2

    hull: Float32 = cv2.convexHull(np.ascontiguousarray(points, np.float32))
    return hull[:, 0]


def inside_hull(points: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of a picture lie within the convex hull of points, its border included, (H, W).

    Args:
        points: (N, 2) in pixels; they may lie beyond the picture.
        shape: of the picture, (H, W) or (H, W, C).
    """
    import cv2

    mask = np.zeros(shape[:2], np.uint8)
    # Rounded to the nearest pixel: truncated, the hull would lie half a pixel too far up and to the left.
    cv2.fillConvexPoly(mask, np.rint(convex_hull(points)).astype(np.int32), 1)
    return mask > 0
