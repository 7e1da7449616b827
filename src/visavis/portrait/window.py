"""The part of a picture around points: a scan may have a hundred million pixels, a face few of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.types import Image

__all__ = ["softened_around", "window_around"]

#: A blur's kernel reaches at most so many of its widths, in OpenCV's hands; two pixels more to interpolate.
_KERNEL: Final = 4.0
_BETWEEN: Final = 2.0


def window_around(image: Image, points: NDArray[Any], margin: float) -> tuple[Image, NDArray[np.float64]]:
    """The part of a picture around points, and where it begins.

    Args:
        image: (H, W, 3) uint8.
        points: (..., 2) in pixels; they may lie beyond the picture.
        margin: pixels on each side of them, at least.

    Returns:
        A view of the picture, of at least one pixel, and the x and y of its first one, (2,).

    >>> window, corner = window_around(np.zeros((100, 200, 3), np.uint8), np.array([[20.5, 30], [40, 35]]), 3)
    >>> window.shape, corner.tolist()
    ((12, 27, 3), [17.0, 27.0])
    """
    flat = points.reshape(-1, 2)
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(flat.min(axis=0) - margin), 0, size - 1).astype(int)
    high = np.clip(np.ceil(flat.max(axis=0) + margin) + 1, low + 1, size).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)


def softened_around(
    image: Image, points: NDArray[Any], sigma: float, *, grey: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a picture around points, blurred, and where it begins; at the points as if all had been blurred.

    Args:
        image: (H, W, 3) uint8.
        points: (..., 2) in pixels, at which it will be looked up.
        sigma: of the blur in pixels.
        grey: whether in grey, (h, w).
    """
    import cv2

    window, corner = window_around(image, points, np.ceil(_KERNEL * sigma) + _BETWEEN)
    return cv2.GaussianBlur(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY) if grey else window, (0, 0), sigma), corner
