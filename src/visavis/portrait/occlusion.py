"""What seems to lie over a face: beards, moustaches, hats, hair. Hints for a person, not decisions.

Light models a face from one side, so dark paint alone says nothing. Each half of a part is held against the cheek of
its own side, and only the lit side counts: a chin that is much darker than the lit cheek beside it, and of duller
colour, is hardly bare skin. What has the colour of skin, a hand for one, is not seen so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from visavis.portrait.hull import convex_hull, inside_hull
from visavis.portrait.rig import Rig
from visavis.types import Float32

__all__ = ["Cover", "find_covers"]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the face that things like to lie over; lightness and chroma as shares of the cheek's."""

    words: str
    right: tuple[int, ...]
    left: tuple[int, ...]
    darker: float
    duller: float
    both_sides: bool


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """Something over a face.

    Attributes:
        words: what, for a person.
        outline: (N, 2) float32, its part of the face in pixels of the painting.
    """

    words: str
    outline: Float32


_CHEEKS: Final = ((50, 101, 36, 205, 187, 147, 123, 117), (280, 330, 266, 425, 411, 376, 352, 346))
#: Found on 48 old-master portraits: bare chins on the lit side have 0.78 and more of the cheek's lightness or 0.84 and
#: more of its chroma, beards 0.73 and less of the one (0.82 a goatee) and 0.77 and less of the other.
_PARTS: Final = (
    _Part(
        "a hat, hair or deep shadow lies over the forehead",
        (151, 108, 69, 104, 68, 54, 103, 67, 109, 10),
        (151, 337, 299, 333, 298, 284, 332, 297, 338, 10),
        darker=0.72,
        duller=np.inf,  # a hat's shadow keeps the colour of the skin
        both_sides=True,
    ),
    _Part(
        "a beard, a hand or deep shadow lies over the chin",
        (200, 201, 208, 171, 175, 152, 148, 176, 140, 32, 194, 182),
        (200, 421, 428, 396, 175, 152, 377, 400, 369, 262, 418, 406),
        darker=0.77,
        duller=0.82,
        both_sides=False,
    ),
    _Part(
        "a moustache or deep shadow lies over the upper lip",
        (0, 37, 39, 40, 92, 165, 167, 164),
        (0, 267, 269, 270, 322, 391, 393, 164),
        darker=0.77,
        duller=0.90,
        both_sides=False,
    ),
)
#: A part with less chroma than this share of the cheek's is grey, whatever its lightness: an old man's beard.
_GREY: Final = 0.35
#: A part darker than this share is covered, whatever its colour: a brown beard may have more chroma than pale skin.
_DARK: Final = 0.6
#: Beyond this turn of the head the mesh guesses the far half, and the profile's edge runs through the parts.
_STEEPEST: Final = 55.0
#: Fewer pixels than this tell nothing.
_LEAST_PIXELS: Final = 12


def find_covers(rig: Rig) -> tuple[Cover, ...]:
    """Parts of the face that do not look like the skin of the cheeks."""
    import cv2

    if abs(rig.yaw) > _STEEPEST:
        return ()
    x0, y0, x1, y1 = rig.grid.box
    lab = cv2.cvtColor(rig.painting[y0:y1, x0:x1].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    points = rig.landmarks - np.array([x0, y0], np.float32)
    cheeks = [_colour(lab, points, cheek) for cheek in _CHEEKS]
    known = [cheek for cheek in cheeks if cheek is not None]
    if not known:
        return ()
    lit = max(lightness for lightness, _ in known)
    covers = []
    for part in _PARTS:
        for cheek, side in zip(cheeks, (part.right, part.left), strict=True):
            here = _colour(lab, points, side)
            if cheek is None or here is None or not (part.both_sides or cheek[0] == lit):
                continue
            lightness, chroma = here[0] / max(cheek[0], 1.0), here[1] / max(cheek[1], 1.0)
            duller = chroma < part.duller or lightness < _DARK
            if (lightness < part.darker and duller) or (part.duller < 1 and chroma < _GREY):
                covers.append(Cover(part.words, convex_hull(rig.landmarks[[*part.right, *part.left]])))
                break
    return tuple(covers)


def _colour(lab: Float32, points: Float32, part: tuple[int, ...]) -> tuple[float, float] | None:
    """Median lightness and chroma (CIELAB) of a part of the face, or None where too little of it is in the picture."""
    chosen = lab[inside_hull(points[list(part)], lab.shape)]
    if len(chosen) < _LEAST_PIXELS:
        return None
    lightness, a, b = np.median(chosen, axis=0)
    return float(lightness), float(np.hypot(a, b))
