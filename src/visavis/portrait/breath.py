"""How a painted sitter breathes: chest and shoulders rise with the breath, and the head a little with them.

The motion reaches further than any other, from the hair to the chest, and so has a coarse grid of its own; within the
face it is one of the rig's motions, and moves along with all others. It falls to nothing smoothly on all sides, before
the borders of the painting too, so that nothing shows where it ends; it is so small (a few pixels) that the background
near the shoulders is not seen to move with them.

Of somebody who sits and breathes quietly the upper chest moves by 3 to 5 mm up and forwards, and by 1 to 2 mm to the
sides (A. De Groote, M. Wantier, G. Cheron, M. Estenne, M. Paiva, "Chest wall motion during tidal breathing", J. Applied
Physiology 83, 1997); a face is about 140 mm wide between the outlines of its cheeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.easing import minimum_jerk
from visavis.portrait.fields import Grid
from visavis.types import Float32

__all__ = ["Body", "around", "away_from_border", "breath_field", "make_body"]

Array = NDArray[np.float64]

#: How far a full breath lifts the head and the chest, and widens the shoulders at one face width from the middle.
_HEAD_RISE: Final = 0.007
_CHEST_RISE: Final = 0.018
_WIDENING: Final = 0.008
#: The head's lift is whole up to this distance from the face, and gone after another `_HEAD_FADE`, in face widths.
_HEAD_FADE: Final = 0.75
#: The chest lies so far below the chin, and its motion reaches so far to the sides and up and down.
_CHEST_BELOW: Final = 1.35
_CHEST_REACH: Final = (2.0, 1.45)
#: Up to this share of the reach the chest moves as a whole, and the shoulders nearly so.
_CHEST_FLAT: Final = 0.3
#: Before the painting's own border the motion is gone: there is no paint to come in from beyond.
_BORDER: Final = 0.4
#: The body's grid is coarser than that of the face by this factor: its motion is smoother.
_COARSER: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """The breath, beyond the face.

    Attributes:
        grid: where the field is sampled.
        field: (rows, columns, 2) float32, displacement in pixels of a full breath. On the border of the rig's grid it
            equals the motion `breath`; within, that one also tips the head.
    """

    grid: Grid
    field: Float32


def make_body(hull: Array, face_width: float, face_grid: Grid, shape: tuple[int, ...]) -> Body:
    """The breath's field over all of the painting that it moves.

    Args:
        hull: (N, 2) outline of the face in pixels, convex.
        face_width: in pixels.
        face_grid: the rig's own; the nodes of the body's lie among its nodes, as far as both reach.
        shape: of the painting, height first.
    """
    step = face_grid.step * _COARSER
    chin = hull[np.argmax(hull[:, 1])]
    middle = hull.mean(axis=0)
    across = max(_CHEST_REACH[0] * face_width, np.ptp(hull[:, 0]) / 2 + _HEAD_FADE * face_width)
    x0, x1 = min(chin[0], middle[0]) - across, max(chin[0], middle[0]) + across
    y0 = hull[:, 1].min() - _HEAD_FADE * face_width
    y1 = chin[1] + (_CHEST_BELOW + _CHEST_REACH[1]) * face_width
    # Whole steps from the first node of the face, within the painting.
    first = [
        origin - max(min((origin - low) // step, origin // step), 0) * step
        for origin, low in ((face_grid.x0, int(np.floor(x0))), (face_grid.y0, int(np.floor(y0))))
    ]
    last = [min(int(np.ceil(high)), size) for high, size in ((x1, shape[1]), (y1, shape[0]))]
    columns, rows = ((end - start) // step + 1 for start, end in zip(first, last, strict=True))
    grid = Grid(first[0], first[1], step, max(columns, 2), max(rows, 2))
    field = breath_field(hull, face_width, grid.nodes().astype(np.float64), shape)
    field[[0, -1], :] = field[:, [0, -1]] = 0
    return Body(grid, field.astype(np.float32))


def breath_field(hull: Array, face_width: float, places: Array, shape: tuple[int, ...]) -> Array:
    """How a full breath moves `places`, (..., 2) pixels, in a painting of `shape`; the same shape as `places`."""
    import cv2

    outline = np.round(hull).astype(np.float32)
    flat = places.reshape(-1, 2)
    distance = -np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in flat])
    head = _bell(distance / face_width / _HEAD_FADE)
    chin = hull[np.argmax(hull[:, 1])]
    relative = (flat - chin) / face_width - (0, _CHEST_BELOW)
    chest = _bell((np.hypot(*(relative / _CHEST_REACH).T) - _CHEST_FLAT) / (1 - _CHEST_FLAT))
    rise = _HEAD_RISE * head * (1 - chest) + _CHEST_RISE * chest
    moved = np.stack([_WIDENING * relative[:, 0] * chest, -rise], axis=1) * face_width
    return (moved * away_from_border(flat, shape, _BORDER * face_width)[:, None]).reshape(places.shape)


def away_from_border(places: Array, shape: tuple[int, ...], width: float) -> Array:
    """0 on the border of a painting of `shape`, rising smoothly to 1 at `width` pixels from it: (...) for (..., 2)."""
    x, y = places[..., 0], places[..., 1]
    return np.asarray(minimum_jerk(np.minimum.reduce([x, y, shape[1] - 1 - x, shape[0] - 1 - y]) / width))


def around(box: tuple[int, int, int, int], hole: tuple[int, int, int, int] | None) -> list[tuple[int, int, int, int]]:
    """The parts of a box `x0, y0, x1, y1` that lie above, below, left and right of a hole in it.

    >>> around((0, 0, 10, 10), (4, 0, 12, 5))
    [(0, 5, 10, 10), (0, 0, 4, 5)]
    """
    if hole is None:
        return [box]
    x0, y0, x1, y1 = box
    left, right = (min(max(edge, x0), x1) for edge in hole[::2])
    top, bottom = (min(max(edge, y0), y1) for edge in hole[1::2])
    parts = [(x0, y0, x1, top), (x0, bottom, x1, y1), (x0, top, left, bottom), (right, top, x1, bottom)]
    return [part for part in parts if part[0] < part[2] and part[1] < part[3]]


def _bell(distance: Array) -> Array:
    """1 up to 0, falling smoothly to 0 at 1."""
    return np.asarray(1 - minimum_jerk(distance))
