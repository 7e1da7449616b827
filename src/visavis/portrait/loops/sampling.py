"""Looking up pictures between their pixels."""

from __future__ import annotations

from math import floor
from typing import Final

from numpy.typing import NDArray

from visavis.portrait.loops.compiled import compiled
from visavis.types import Float32, Image

__all__ = ["sample", "sample_cubic"]

#: The slope of the cubic kernel at its first zero (Keys, 1981), as OpenCV has it.
_SLOPE: Final = -0.75


@compiled
def sample(picture: Image, x: float, y: float, colour: Float32) -> None:
    """The colour of a (h, w, C) uint8 picture at a place, bilinearly; beyond its border the border goes on."""
    height, width, channels = picture.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    column, row = int(x), int(y)
    right, below = min(column + 1, width - 1), min(row + 1, height - 1)
    fx, fy = x - column, y - row
    for channel in range(channels):
        upper = picture[row, column, channel] * (1 - fx) + picture[row, right, channel] * fx
        lower = picture[below, column, channel] * (1 - fx) + picture[below, right, channel] * fx
        colour[channel] = upper * (1 - fy) + lower * fy


@compiled
def sample_cubic(picture: Image, x: float, y: float, colour: Float32) -> None:
    """The same with a kernel of four taps along each axis, which keeps what is fine; beyond the border is nothing."""
    height, width, channels = picture.shape
    column, row = int(floor(x)), int(floor(y))
    across, down = _taps(x - column), _taps(y - row)
    colour[:] = 0
    for i in range(4):
        if not 0 <= row + i - 1 < height:
            continue
        for j in range(4):
            if 0 <= column + j - 1 < width:
                for channel in range(channels):
                    colour[channel] += down[i] * across[j] * picture[row + i - 1, column + j - 1, channel]
    for channel in range(channels):
        colour[channel] = min(max(colour[channel], 0), 255)


@compiled
def _taps(t: float) -> tuple[float, float, float, float]:
    """How much the four neighbours count of a place that lies `t` after the second of them."""
    s = 1 - t
    first, last = _SLOPE * t * s * s, _SLOPE * s * t * t
    second = 1 - t * t * (_SLOPE + 3 - (_SLOPE + 2) * t)
    return first, second, 1 - first - second - last, last
