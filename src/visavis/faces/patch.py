"""Square patches: a turned, scaled piece of a picture, and the way back to the picture's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from visavis.types import Float32, Image

__all__ = ["Patch", "cut_patch"]


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A square piece of a picture.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        matrix: (2, 3) float64, takes patch pixels to picture pixels: turn, one scale, shift; nothing is squashed.
    """

    image: Image
    matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]

    @property
    def scale(self) -> float:
        """Picture pixels to one patch pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def angle(self) -> float:
        """How far the patch is turned in the picture, in radians, clockwise as seen (y is down)."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    def to_picture(self, points: Float32) -> Float32:
        """Take (N, 2) or (N, 3) points of the patch to the picture; a third coordinate, depth, is scaled alike."""
        plane = points[:, :2] @ self.matrix[:, :2].T + self.matrix[:, 2]
        if points.shape[1] == 2:
            return np.asarray(plane, np.float32)
        return np.column_stack([plane, points[:, 2] * self.scale]).astype(np.float32)


def cut_patch(image: Image, *, center: tuple[float, float], side: float, size: int, angle: float = 0.0) -> Patch:
    """Cut a square of `side` picture pixels around `center` and scale it to `size` pixels.

    What lies outside the picture is filled by reflection at its borders. A patch that shrinks is averaged first, so
    that fine texture (canvas, brocade) does not alias. The same arguments give the same bytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        center: `(x, y)` in pixels, the centre of a pixel having whole coordinates.
        side: length of the square's side in picture pixels.
        size: length of the patch's side in patch pixels.
        angle: radians by which the square is turned in the picture, clockwise as seen.

    Raises:
        ValueError: `side` or `size` is not positive, or `center`, `side` or `angle` is not finite.
    """
    import cv2

    if not (np.isfinite([*center, side, angle]).all() and side > 0 and size > 0):
        raise ValueError(f"a patch needs a finite centre and positive sides, not {center}, {side}, {size}, {angle}")
    height, width = image.shape[:2]
    scale = side / size
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    middle = (size - 1) / 2
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    matrix[:, 2] = np.array(center) - matrix[:, :2] @ np.array([middle, middle])

    # Work on the part of the picture that the square can reach: the rest may be a hundred megapixels.
    reach = side * 0.5 * (abs(np.cos(angle)) + abs(np.sin(angle))) + 2 * scale + 2
    x0, x1 = int(np.floor(center[0] - reach)), int(np.ceil(center[0] + reach)) + 1
    y0, y1 = int(np.floor(center[1] - reach)), int(np.ceil(center[1] + reach)) + 1
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        part = image[y0:y1, x0:x1]
    else:
        part = image[_reflected(y0, y1, height)[:, None], _reflected(x0, x1, width)]

    sampling = matrix.copy()
    sampling[:, 2] -= (x0, y0)
    shrink = int(scale)
    if shrink >= 2:
        part_height, part_width = part.shape[:2]
        small = (max(part_width // shrink, 1), max(part_height // shrink, 1))
        part = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        for row, (now, before) in enumerate(zip(small, (part_width, part_height), strict=True)):
            ratio = now / before
            sampling[row] *= ratio
            sampling[row, 2] += 0.5 * ratio - 0.5
    pixels = cv2.warpAffine(
        np.ascontiguousarray(part),
        sampling,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return Patch(np.ascontiguousarray(pixels), matrix)


def _reflected(start: int, stop: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices `start` to `stop` folded into 0..length-1 as a mirror at the border pixel does: 2 1 0 1 2 ... n-1 n-2."""
    if length == 1:
        return np.zeros(stop - start, np.intp)
    period = 2 * (length - 1)
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded)
