"""Creases of the skin: folds that come with an expression, as light and dark on the painting.

A fold is a line on the face mesh (`folds`) with a dark valley and a lit ridge beside it. Its strength follows the
blendshapes that fold the skin there, and the painting's own contrast: a flat face gets faint folds, a modelled one
strong ones.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.folds import FOLDS
from visavis.portrait.hull import inside_hull
from visavis.portrait.paint import LUMA
from visavis.types import BLENDSHAPE_INDEX, Float32, Image

__all__ = ["Creases", "make_creases"]

Array = NDArray[np.float64]

#: Shade as deep as a fold's, for one of the light of lit skin. It is warmer than the light; what is darker turns to
#: umber and black, in hair, pupils and holes.
_SHADE: Final = (0.45, 0.8)
#: How much less and how much more of a colour than of brightness a fold takes: lips and cheeks are no shade.
_HUES: Final = (0.6, 1.6)


@dataclass(frozen=True, slots=True, eq=False)
class Creases:
    """Folds over a box of the painting, on a lattice of every `scale`-th pixel of it.

    Attributes:
        box: `x0, y0, x1, y1` in pixels.
        scale: pixels of the painting from one node of the lattice to the next.
        shape: rows and columns of the lattice.
        corners: (F, 2) int, first row and column of each fold's patch in the lattice.
        patches: F arrays (rows, columns) float32: relative light at full strength, from -1 (black) up.
        drivers: (F, 52) float32, strength of each fold for each blendshape.
        hue: (3,) float32 of brightness 1: how much of it each of red, green and blue takes; shadows have a colour.
    """

    box: tuple[int, int, int, int]
    scale: int
    shape: tuple[int, int]
    corners: tuple[tuple[int, int], ...]
    patches: tuple[Float32, ...]
    drivers: Float32
    hue: Float32

    def light(self, weights: Float32) -> tuple[Float32, tuple[slice, slice]] | None:
        """The light of all folds together and the rows and columns of the lattice it covers; None where nothing folds.

        Args:
            weights: (52,) float32, the blendshapes.
        """
        import cv2

        strengths = np.clip(self.drivers @ weights, 0, 1)
        active = np.flatnonzero(strengths > 0.01)
        if not len(active):
            return None
        ends = [np.add(self.corners[index], self.patches[index].shape) for index in active]
        last_row, last_column = np.max(ends, axis=0)
        first_row, first_column = np.min([self.corners[index] for index in active], axis=0)
        light = np.zeros((last_row - first_row, last_column - first_column), np.float32)
        for index in active:
            patch = self.patches[index]
            row, column = self.corners[index][0] - first_row, self.corners[index][1] - first_column
            part = light[row : row + patch.shape[0], column : column + patch.shape[1]]
            cv2.scaleAdd(patch, float(strengths[index]), part, dst=part)
        return light, (slice(int(first_row), int(last_row)), slice(int(first_column), int(last_column)))


def make_creases(
    image: Image, points: Array, box: tuple[int, int, int, int], face_width: float, *, depth: float = 1.0
) -> Creases:
    """Draw the folds of a face for its (478, 2) landmarks over `box` (pixels), at `depth` of their strength."""
    x0, y0, x1, y1 = box
    # The narrowest fold is two or three nodes wide on the lattice.
    scale = max(1, round(face_width / 230))
    shape = ((y1 - y0 - 1) // scale + 1, (x1 - x0 - 1) // scale + 1)
    contrast, hue = _modelling(image, points)
    corners, patches = [], []
    drivers = np.zeros((len(FOLDS), len(BLENDSHAPE_INDEX)), np.float32)
    for index, fold in enumerate(FOLDS):
        line = _smooth_line(points[list(fold.points)])
        width = fold.width * face_width
        near = np.array([line.min(axis=0) - 5 * width, line.max(axis=0) + 5 * width]) - (x0, y0)
        first, last = np.clip(near / scale, 0, (shape[1] - 1, shape[0] - 1)).astype(int)
        y, x = np.mgrid[first[1] : last[1] + 1, first[0] : last[0] + 1].astype(np.float64)
        offset, along = _line_frame(line, np.stack([x0 + x * scale, y0 + y * scale], axis=2))
        fade = np.sin(np.pi * np.clip(along, 0, 1)) ** 1.5
        # A painter models a fold by broad shade rather than by a line: a soft valley, a lit bulge on one side of it,
        # and a wide shadow on the other.
        valley = -0.72 * np.exp(-((offset / (1.25 * width)) ** 2))
        ridge = 0.14 * np.exp(-(((offset - fold.side * 2.4 * width) / (1.8 * width)) ** 2))
        shadow = -0.45 * np.exp(-(((offset + fold.side * 1.3 * width) / (2.4 * width)) ** 2))
        corners.append((int(first[1]), int(first[0])))
        patches.append((fold.depth * depth * contrast * fade * (valley + ridge + shadow)).astype(np.float32))
        for name, weight in fold.drivers.items():
            drivers[index, BLENDSHAPE_INDEX[name]] = weight
    return Creases(box, scale, shape, tuple(corners), tuple(patches), drivers, hue)


def _modelling(image: Image, points: Array) -> tuple[float, Float32]:
    """How the painter models a face: by how much light, and by which colour of shade.

    Returns:
        1 for a range of light over the face that is typical of oil portraits, more for a stronger one; and (3,), the
        parts of red, green and blue in what the face loses from its light to its shade, for one of brightness.
    """
    import cv2

    face = inside_hull(points, image.shape)
    skin = image[face].astype(np.float64)
    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[face].astype(float)
    low, middle, high = np.quantile(light, [0.1, 0.5, 0.9])
    contrast = float(np.clip((high - low) / max(high, 1.0) / 0.55, 0.55, 1.25))
    lit = skin[light >= middle].mean(axis=0)
    least, most = np.multiply(_SHADE, float(lit @ LUMA))
    shade = skin[(light >= least) & (light <= most)]
    if not len(shade):
        return contrast, np.ones(3, np.float32)
    lost = np.maximum(1 - np.median(shade, axis=0) / np.maximum(lit, 1.0), 0.0)
    hue = np.clip(lost / max(float(lost @ LUMA), 1e-3), *_HUES)
    return contrast, (hue / (hue @ LUMA)).astype(np.float32)


def _smooth_line(line: Array) -> Array:
    """A polyline with its corners rounded twice (Chaikin, 1974)."""
    for _ in range(2):
        quarter = 0.75 * line[:-1] + 0.25 * line[1:]
        three = 0.25 * line[:-1] + 0.75 * line[1:]
        line = np.concatenate([line[:1], np.stack([quarter, three], axis=1).reshape(-1, 2), line[-1:]])
    return line


def _line_frame(line: Array, places: Array) -> tuple[Array, Array]:
    """Signed distance from a polyline (positive to the left of its direction, y down) and place along it, 0 to 1."""
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1)
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    best = np.full(places.shape[:2], np.inf)
    offset, along = np.zeros_like(best), np.zeros_like(best)
    for index, (a, b) in enumerate(itertools.pairwise(line)):
        direction = (b - a) / max(lengths[index], 1e-9)
        relative = places - a
        t = np.clip(relative @ direction, 0, lengths[index])
        gap = relative - t[:, :, None] * direction
        distance = np.linalg.norm(gap, axis=2)
        nearer = distance < best
        sign = np.where(direction[0] * relative[:, :, 1] - direction[1] * relative[:, :, 0] < 0, 1.0, -1.0)
        best = np.where(nearer, distance, best)
        offset = np.where(nearer, sign * distance, offset)
        along = np.where(nearer, (starts[index] + t) / starts[-1], along)
    return offset, along
