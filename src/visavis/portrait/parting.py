"""Lips that are painted apart: where the upper one ends, and where the lower one begins.

    parting = find_parting(painting, line, gap)
    parting.upper.depth(places) < 0  # on the upper lip

What is between lips has less of their red. Teeth are as light as the lips or lighter, and so told from the dark line of
a closed mouth; a dark gap is one where the landmarks, too, find the lips apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.lipline import LipLine, cheapest_path
from visavis.portrait.paint import paint_in_frame
from visavis.types import Image

__all__ = ["Parting", "find_parting"]

Array = NDArray[np.float64]

#: How far from the line the middle of a gap may lie, and how far from that the edges of the lips, in mouth widths.
_REACH: Final = 0.07
_LIP: Final = 0.14
#: Offsets at which the paint is looked up, across the line.
_OFFSETS: Final = np.linspace(-_REACH - _LIP, _REACH + _LIP, 85)
#: By so much of CIELAB's axis from green to red a gap is less red than either lip: from doubt to none.
_PALER: Final = (5.0, 8.0)
#: In a gap that the landmarks find, in mouth widths, less is enough.
_MARKED: Final = 0.07
_PALER_MARKED: Final = (3.0, 6.0)
#: By no more than this are teeth darker than the darker lip, in CIELAB's lightness.
_DARKEST: Final = -3.0
#: Less is no gap, in mouth widths.
_NARROWEST: Final = 0.05
#: So far from the line between the lips a gap may begin, and so short may it be, in mouth widths.
_ASIDE: Final = 0.02
_SHORTEST: Final = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Parting:
    """The edges of parted lips.

    Attributes:
        upper, lower: where the lips end, in painting pixels; towards the corners they come together.
    """

    upper: LipLine
    lower: LipLine

    def open_at(self, places: NDArray[Any]) -> Array:
        """Whether the lips are apart above and below (..., 2) places, from 0 to 1."""
        line = self.upper
        gap = np.interp(line.along(places), line.along(line.points), -line.depth(self.lower.points), left=0, right=0)
        return np.asarray(np.clip(-gap / (0.2 * _NARROWEST * line.width), 0, 1))


def find_parting(image: Image, line: LipLine, gap: float) -> Parting | None:
    """The edges of lips that are painted apart; None for a mouth that is closed, or whose gap cannot be told.

    Args:
        image: (H, W, 3) uint8 RGB.
        line: between the lips.
        gap: how far the landmarks find the lips parted, in pixels.
    """
    import cv2

    marked = gap > _MARKED * line.width
    least, sure_from = _PALER_MARKED if marked else _PALER
    width, along = line.width, line.along(line.points)
    smooth = cv2.GaussianBlur(image, (0, 0), max(width / 120, 0.5))
    frame = line.points[0].astype(np.float64), line.axis, line.down
    across = _OFFSETS[:, None] * width + ((line.points - line.points[0]) @ line.down)[None]
    strip = cv2.cvtColor(paint_in_frame(smooth, frame, along, across) / 255, cv2.COLOR_RGB2LAB)
    lightness, red = strip[:, :, 0].T.astype(np.float64), strip[:, :, 1].T.astype(np.float64)

    middle = _OFFSETS[cheapest_path(np.where(np.abs(_OFFSETS) <= _REACH, red, np.inf))]
    offset = _OFFSETS[None] - middle[:, None]
    above, below = (offset < 0) & (offset > -_LIP), (offset > 0) & (offset < _LIP)
    valley = np.where(np.abs(offset) < 0.02, red, np.inf).min(axis=1)
    lips = [np.where(part, red, -np.inf).argmax(axis=1) for part in (above, below)]
    column = np.arange(len(red))
    paler = np.min([red[column, lip] for lip in lips], axis=0) - valley
    core = np.abs(offset).argmin(axis=1)
    lighter = lightness[column, core] - np.min([lightness[column, lip] for lip in lips], axis=0)
    # A lip begins where half of its red is reached first: beyond there may be a dark line, or the skin.
    upper_edge, lower_edge = (
        _calm(_OFFSETS[_first(part & (red >= (valley + red[column, lip])[:, None] / 2), core, step)])
        for part, lip, step in zip((above, below), lips, (-1, 1), strict=True)
    )
    inner = slice(len(red) // 4, -(len(red) // 4))
    paleness, light, thickness, high, low = (
        float(np.median(values[inner])) for values in (paler, lighter, lower_edge - upper_edge, upper_edge, lower_edge)
    )
    # The highlight of a wet lip is pale, too; but the line between the lips does not pass by it.
    at_line = high <= _ASIDE and low >= -_ASIDE
    if paleness < sure_from or (light < _DARKEST and not marked) or thickness < _NARROWEST or not at_line:
        return None
    sure = np.clip((paler - least) / (sure_from - least), 0, 1)
    # Towards the corners, where the lips meet, from the first column on in which there is no gap.
    centre = len(sure) // 2
    sure[centre:] = np.minimum.accumulate(sure[centre:])
    sure[centre::-1] = np.minimum.accumulate(sure[centre::-1])
    if sure.mean() < _SHORTEST:
        return None
    sure = cv2.GaussianBlur(sure[None], (0, 0), 5, borderType=cv2.BORDER_REPLICATE)[0]
    sure *= 1 - np.abs(np.linspace(-1, 1, len(sure))) ** 8
    upper, lower = (
        LipLine((line.points + (edge * sure * width)[:, None] * line.down).astype(np.float32))
        for edge in (upper_edge, lower_edge)
    )
    return Parting(upper, lower)


def _first(found: NDArray[np.bool_], start: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """The first place of each row from a start on, up or down, at which something is found; the last where nowhere."""
    place = np.arange(found.shape[1])
    beyond = found & ((place - start[:, None]) * step > 0)
    far = np.where(beyond, np.abs(place - start[:, None]), found.shape[1]).min(axis=1)
    return np.asarray(np.clip(start + step * far, 0, found.shape[1] - 1))


def _calm(path: Array) -> Array:
    """A path without what only a few columns say, and without steps."""
    padded = np.pad(path, 8, mode="edge")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, 11), axis=1)
    return np.asarray(np.convolve(median, np.full(7, 1 / 7), mode="valid"))
