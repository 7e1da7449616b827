"""Lips that are painted apart: where the upper one ends, and where the lower one begins.

    parting = find_parting(painting, points, line, gap)
    parting.upper.depth(places) < 0  # on the upper lip

What is between lips has less of their red. Teeth are as light as the lips or lighter, and so told from the dark line of
a closed mouth; a dark gap is one where the landmarks, too, find the lips apart. Of a wide gap they know the edges
better than the paint does, which may be teeth, tongue and dark at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.lipline import LipLine, along_mouth, cheapest_path
from visavis.portrait.paint import paint_in_frame
from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER
from visavis.portrait.window import softened_around
from visavis.types import Image

__all__ = ["Parting", "find_parting"]

Array = NDArray[np.float64]

#: How far from the line the middle of a gap may lie, and how far from that the reddest of a lip, in mouth widths.
_REACH: Final = 0.07
_LIP_REACH: Final = 0.14
#: Offsets at which the paint is looked up, across the line.
_OFFSETS: Final = np.linspace(-_REACH - _LIP_REACH, _REACH + _LIP_REACH, 85)
#: By so much of CIELAB's axis from green to red a gap is less red than either lip: from doubt to none; where the
#: landmarks find a gap of so many mouth widths, less is enough.
_PALER: Final = (5.0, 8.0)
_PALER_MARKED: Final = (3.0, 6.0)
_MARKED: Final = 0.07
#: A gap of so many mouth widths is a wide one. Its edges are those of the landmarks, but for so much inwards, and
#: so much outwards, which the paint may tell; and it is where the landmarks are at least so far apart.
_WIDE: Final = 0.15
_INWARDS: Final = 0.02
_OUTWARDS: Final = 0.04
_WIDE_FROM: Final = 0.04
#: By no more than this are teeth darker than the darker lip, in CIELAB's lightness.
_DARKEST: Final = -3.0
#: A gap is at least so high and so long, and begins no further than so from the line, in mouth widths.
_LEAST_HEIGHT: Final = 0.05
_LEAST_LENGTH: Final = 0.4
_ASIDE: Final = 0.02
#: Towards the corners of the mouth the edges come together over some columns of the line's 65 (a standard deviation),
#: and at the corners themselves, by this power of the way to them, whatever is painted there.
_CLOSING: Final = 5
_CORNER: Final = 8
#: Columns over which an edge is cleaned by a median, and then by a mean.
_MEDIAN: Final = 11
_MEAN: Final = 7
#: Lips that are this much of the least height apart belong to a gap.
_OPEN: Final = 0.2


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
        gap = np.interp(line.along(places), line.along(line.points), line.depth(self.lower.points), left=0, right=0)
        return np.asarray(np.clip(gap / (_OPEN * _LEAST_HEIGHT * line.width), 0, 1))


def find_parting(image: Image, points: Array, line: LipLine, gap: float) -> Parting | None:
    """The edges of lips that are painted apart.

    None for a mouth that is closed, and where a gap cannot be told: pictures in one hue have none.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (478, 2) landmarks in pixels.
        line: between the lips.
        gap: how far the landmarks find the lips parted, in pixels.
    """
    import cv2

    marked = gap > _MARKED * line.width
    lightness, red = _unrolled(image, line)
    column = np.arange(len(red))
    # Between the lips red is least; and a lip begins where half of its red is reached first: beyond that there may be a
    # dark line, or the skin.
    contrast = max(float(np.ptp(red)), 1.0)
    middle = cheapest_path(np.where(np.abs(_OFFSETS) <= _REACH, red / contrast, np.inf))
    least = red[column, middle]
    edges: list[Array] = []
    lips: list[NDArray[np.intp]] = []
    for step in (-1, 1):
        way = step * (_OFFSETS[None] - _OFFSETS[middle, None])
        on_lip = (way > 0) & (way < _LIP_REACH)
        reddest = np.where(on_lip, red, -np.inf).argmax(axis=1)
        half = (least + red[column, reddest]) / 2
        edges.append(_cleaned(_OFFSETS[_nearest(on_lip & (red >= half[:, None]), middle, step)]))
        lips.append(reddest)
    paler = np.min([red[column, lip] for lip in lips], axis=0) - least
    lighter = lightness[column, middle] - np.min([lightness[column, lip] for lip in lips], axis=0)
    upper, lower = edges
    if gap > _WIDE * line.width:
        marks = [line.depth(along_mouth(points[list(lip)])) / line.width for lip in (LIP_INNER_UPPER, LIP_INNER_LOWER)]
        upper = _cleaned(np.clip(upper, marks[0] - _OUTWARDS, marks[0] + _INWARDS))
        lower = _cleaned(np.clip(lower, marks[1] - _INWARDS, marks[1] + _OUTWARDS))
        open_ = np.clip((marks[1] - marks[0]) / _WIDE_FROM, 0, 1)
    elif _is_gap(upper, lower, paler, lighter, marked=marked):
        doubt, sure = _PALER_MARKED if marked else _PALER
        open_ = np.clip((paler - doubt) / (sure - doubt), 0, 1)
    else:
        return None
    # From the middle outwards, up to the first column in which there is no gap.
    centre = len(open_) // 2
    open_[centre:] = np.minimum.accumulate(open_[centre:])
    open_[centre::-1] = np.minimum.accumulate(open_[centre::-1])
    if open_.mean() < _LEAST_LENGTH:
        return None
    open_ = cv2.GaussianBlur(open_[None], (0, 0), _CLOSING, borderType=cv2.BORDER_REPLICATE)[0]
    open_ *= 1 - np.abs(np.linspace(-1, 1, len(open_))) ** _CORNER
    return Parting(
        *(
            LipLine((line.points + (edge * open_ * line.width)[:, None] * line.down).astype(np.float32))
            for edge in (upper, lower)
        )
    )


def _unrolled(image: Image, line: LipLine) -> tuple[Array, Array]:
    """The paint along the line and across it in CIELAB: lightness, and green to red, (65, 85) each."""
    import cv2

    offsets = _OFFSETS[:, None] * line.width
    places = line.points + offsets[[0, -1], None] * line.down
    smooth, corner = softened_around(image, places, max(line.width / 120, 0.5))
    frame = line.points[0] - corner, line.axis, line.down
    across = offsets + ((line.points - line.points[0]) @ line.down)[None]
    strip = paint_in_frame(smooth, frame, line.along(line.points), across)
    lightness, red, _ = cv2.split(cv2.cvtColor(strip / 255, cv2.COLOR_RGB2LAB).astype(np.float64))
    return lightness.T, red.T


def _is_gap(upper: Array, lower: Array, paler: Array, lighter: Array, *, marked: bool) -> bool:
    """Whether there is a gap between two edges in the middle half of a mouth, whose paint is paler than the lips."""
    inner = slice(len(paler) // 4, -(len(paler) // 4))
    high, low, height = (float(np.median(values[inner])) for values in (upper, lower, lower - upper))
    paleness, light = float(np.median(paler[inner])), float(np.median(lighter[inner]))
    return (
        paleness >= (_PALER_MARKED if marked else _PALER)[1]
        and (marked or light >= _DARKEST)
        and height >= _LEAST_HEIGHT
        # The highlight of a wet lip is pale, too; but the line between the lips does not pass by it.
        and high <= _ASIDE
        and low >= -_ASIDE
    )


def _nearest(found: NDArray[np.bool_], start: NDArray[np.intp], step: int) -> NDArray[np.intp]:
    """For each row the place nearest to a start, after it (step 1) or before (-1), where something is found.

    The last place where nothing is.
    """
    count = found.shape[1]
    way = step * (np.arange(count) - start[:, None])
    return np.asarray(np.clip(start + step * np.where(found & (way > 0), way, count).min(axis=1), 0, count - 1))


def _cleaned(edge: Array) -> Array:
    """An edge without what only a few columns say, and without steps."""
    padded = np.pad(edge, (_MEDIAN + _MEAN) // 2 - 1, mode="edge")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN), axis=1)
    return np.asarray(np.convolve(median, np.full(_MEAN, 1 / _MEAN), mode="valid"))
