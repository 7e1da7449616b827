"""The line between the lips, and the frame that it spans: along the mouth, and down from the upper lip to the lower.

    line, gap = find_lip_line(painting, points)
    line.depth(places) < 0  # on the upper lip's side

A closed mouth is cut along its dark line; where the painted lips are parted, along the middle of the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER
from visavis.portrait.window import softened_around
from visavis.types import Float32, Image

__all__ = ["PARTED", "LipLine", "along_mouth", "cheapest_path", "find_lip_line"]

Array = NDArray[np.float64]

#: From this gap on lips are parted, in widths of the mouth: less is the painted line between closed ones.
PARTED: Final = 0.09
#: Samples along the lip line, from corner to corner.
_SAMPLES: Final = 65


@dataclass(frozen=True, slots=True, eq=False)
class LipLine:
    """The line between the lips. Its frame is that of the chord between its ends, the corners of the mouth.

    Attributes:
        points: (65, 2) float32, from the subject's right corner to the left one, in painting pixels.
    """

    points: Float32

    @property
    def width(self) -> float:
        """Of the mouth, from corner to corner, in pixels."""
        return float(np.linalg.norm(self._chord))

    @property
    def axis(self) -> Array:
        """The direction from the subject's right corner to the left one, (2,), of length 1."""
        return np.asarray(self._chord / self.width)

    @property
    def down(self) -> Array:
        """The direction from the upper to the lower lip, (2,), of length 1."""
        x, y = self.axis
        return np.array([-y, x])

    @property
    def middle(self) -> Float32:
        """The mean of the points, (2,) float32."""
        return np.asarray(self.points.mean(axis=0))

    def along(self, places: NDArray[Any]) -> Array:
        """How far (..., 2) places lie along the axis, in pixels: the right corner at 0, the left one at `width`."""
        return self._framed(places)[0]

    def depth(self, places: NDArray[Any]) -> Array:
        """How far (..., 2) places lie below the line, in pixels; negative above.

        Beyond the corners the line goes straight on.
        """
        along, below = self._framed(places)
        return np.asarray(below - np.interp(along, *self._framed(self.points)))

    @property
    def _chord(self) -> Array:
        right, left = self.points[[0, -1]].astype(np.float64)
        return np.asarray(left - right)

    def _framed(self, places: NDArray[Any]) -> tuple[Array, Array]:
        """How far places lie along the chord, and below it."""
        offset = places - self.points[0].astype(np.float64)
        return offset @ self.axis, offset @ self.down


def find_lip_line(image: Image, points: Array) -> tuple[LipLine, float]:
    """The line between the lips and how far they are parted.

    The landmarks place it to within a few pixels; the darkest path near them places it on the painted line.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (478, 2) landmarks in pixels.

    Returns:
        The line, and the gap in pixels.
    """
    import cv2

    upper = along_mouth(points[list(LIP_INNER_UPPER)])
    lower = along_mouth(points[list(LIP_INNER_LOWER)])
    middle = (upper + lower) / 2
    marked = LipLine(middle.astype(np.float32))
    width, down = marked.width, marked.down
    gap = float(np.median(np.sort((lower - upper) @ down)[-_SAMPLES // 3 :]))
    # A parted mouth has no single dark line: its cut is the middle of the gap.
    if gap > PARTED * width:
        return marked, gap

    reach = max(0.055 * width, 2.0)
    offsets = np.linspace(-reach, reach, 41)
    places = middle[:, None] + offsets[None, :, None] * down
    grey, corner = softened_around(image, places, max(width / 150, 0.5), grey=True)
    places = (places - corner).astype(np.float32)
    dark = cv2.remap(grey, places[:, :, 0], places[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # Dark is good, far from the landmarks is bad; near the corners the landmarks are all there is.
    contrast = max(float(np.ptp(dark)), 1.0)
    cost = dark / contrast + 0.35 * (offsets / reach) ** 2
    taper = np.abs(np.linspace(-1, 1, _SAMPLES)) ** 6
    cost = cost + taper[:, None] * 4 * (offsets / reach) ** 2
    chosen = cheapest_path(cost)
    shift = np.convolve(np.pad(offsets[chosen], 2, mode="edge"), np.full(5, 0.2), mode="valid")
    return LipLine((middle + shift[:, None] * down).astype(np.float32)), max(gap, 0.0)


def along_mouth(line: Array) -> Array:
    """The line at `_SAMPLES` points, evenly spaced along the chord between its ends."""
    axis = line[-1] - line[0]
    along = np.maximum.accumulate((line - line[0]) @ axis / (axis @ axis))
    wanted = np.linspace(0, 1, _SAMPLES)
    return np.stack([np.interp(wanted, along, line[:, i]) for i in range(2)], axis=1)


def cheapest_path(cost: Array) -> NDArray[np.intp]:
    """The cheapest path through (N, M) costs, one place for each row, (N,), by at most two places from row to row.

    A step of k places costs `0.02 k^2`: costs are to be of the order of 1.
    """
    count, places = cost.shape
    total = np.zeros_like(cost)
    came = np.zeros(cost.shape, np.intp)
    total[0] = cost[0]
    for row in range(1, count):
        steps = np.stack([np.roll(total[row - 1], shift) + 0.02 * shift**2 for shift in (-2, -1, 0, 1, 2)])
        steps[0, -2:] = steps[1, -1:] = np.inf
        steps[3, :1] = steps[4, :2] = np.inf
        best = steps.argmin(axis=0)
        came[row] = np.arange(places) - (best - 2)
        total[row] = cost[row] + steps.min(axis=0)
    path = np.zeros(count, np.intp)
    path[-1] = total[-1].argmin()
    for row in range(count - 1, 0, -1):
        path[row - 1] = came[row, path[row]]
    return path
