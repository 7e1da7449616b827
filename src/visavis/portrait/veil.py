"""The veil of a faded painting: light that lies over all of it, so that nothing in it is dark.

Old frescoes, worn panels and poor scans have no darks: not even hair and pupils are dark there. What a rig paints anew
(a mouth, the white of an eye) and the shades that it lays on are made as for the painting under its veil, and the veil
is laid over them; else they would be holes and strokes of ink in a faded face.

A veil of level `v` makes `v + (1 - v / 255) p` of a paint `p`. A picture whose darks are as dark as oil paintings have
them has none, and a rig of it is the same to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hull import inside_hull
from visavis.types import Float32, Image

__all__ = ["Veil", "read_veil"]

#: Light of the darkest paint for one of a face's lights. Of 46 old masters, oil and tempera, none has more than .24.
_DARKEST: Final = 0.25
#: How much of the picture counts as its darkest: in the face, and in the window around it, of hair and ground.
_FACE_SHARE: Final = 0.005
_AROUND_SHARE: Final = 0.01
_AROUND: Final = 0.9

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Veil:
    """Light that lies over a painting.

    Attributes:
        level: (3,) float32, RGB from 0 to 255; 0 where there is none.
    """

    level: Float32

    def __bool__(self) -> bool:
        return bool(self.level.any())

    def lifted(self, picture: Image) -> Image:
        """A picture (H, W, 3) uint8 without its veil; the picture itself where there is none."""
        if not self:
            return picture
        return _bytes((picture - self.level) / (1 - self.level / 255))

    def laid(self, picture: Image) -> Image:
        """A picture, (h, w, 3) or with coverage (h, w, 4), uint8, under the veil."""
        if not self:
            return picture
        veiled = picture.copy()
        veiled[:, :, :3] = _bytes(self.level + picture[:, :, :3] * (1 - self.level / 255))
        return veiled

    def depth(self, colour: NDArray[Any]) -> float:
        """How much of a colour's light, (3,) RGB as it is seen, is not the veil's: 1 where there is none."""
        return float(np.clip(1 - self.level.mean() / max(float(np.mean(colour)), 1.0), 0, 1))

    def depth_on_face(self, painting: Image, points: NDArray[np.float64]) -> float:
        """The `depth` of the skin's usual colour in a painting, for (N, 2) landmarks in pixels."""
        return self.depth(np.median(painting[inside_hull(points, painting.shape)], axis=0)) if self else 1.0

    def weakened(self, shades: NDArray[T], depth: float) -> NDArray[T]:
        """Shares of light that shades take: of the veil's they take nothing, and so `depth` of each is left."""
        return shades if not self else np.multiply(shades, depth).astype(shades.dtype)


def read_veil(painting: Image, points: NDArray[np.float64]) -> Veil:
    """The veil over a painting, by how dark it is where it is darkest.

    Args:
        painting: (H, W, 3) uint8 RGB.
        points: (468 or more, 2) landmarks in pixels.

    >>> points = np.array([[10.0, 10.0], [50.0, 10.0], [30.0, 50.0]])
    >>> bool(read_veil(np.full((60, 60, 3), 128, np.uint8), points))
    True
    """
    import cv2

    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, _AROUND * (high - low)
    x0, y0 = np.maximum(middle - half, 0).astype(int)
    x1, y1 = np.ceil(middle + half).astype(int) + 1
    light = cv2.cvtColor(painting, cv2.COLOR_RGB2GRAY)
    face = light[inside_hull(points, painting.shape)]
    darkest = min(float(np.quantile(face, _FACE_SHARE)), float(np.quantile(light[y0:y1, x0:x1], _AROUND_SHARE)))
    lights = float(np.quantile(face, 0.9))
    # Without it, the darkest would be at the end of what is usual.
    level = max((darkest - _DARKEST * lights) / (1 - _DARKEST), 0.0)
    if level < 1:
        return Veil(np.zeros(3, np.float32))
    window = painting[y0:y1, x0:x1]
    hue = window[light[y0:y1, x0:x1] <= np.quantile(light[y0:y1, x0:x1], _AROUND_SHARE)].mean(axis=0)
    return Veil(np.asarray(np.clip(hue * (level / max(float(hue.mean()), 1.0)), 0, 250), np.float32))


def _bytes(values: NDArray[Any]) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
