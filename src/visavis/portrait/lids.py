"""How lids move, and how an eye is painted whose lids or iris have moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from visavis.portrait.eyes import CLOSED, Eye, stretched
from visavis.portrait.paint import Pixels, moved_paint
from visavis.types import Float32, Image

__all__ = [
    "LID_ROOM", "LIFTED_LIGHT", "LOWER_BOUNDS", "UPPER_BOUNDS", "WHOLLY_LIFTED", "lid_positions", "light_of",
    "paint_eye",
]  # fmt: skip

#: Share of the skin beyond a lid's edge that an opening eye may take up: more would fold it over itself.
LID_ROOM: Final = 0.38
#: How far the motions of the skin open and close each lid at most, in apertures; only a blink shuts an eye.
UPPER_BOUNDS: Final = (0.6, 0.35)
LOWER_BOUNDS: Final = (0.1, 0.4)
#: A lid that rises shades the eye no more: so far the white comes up to the light of the skin where the lid has risen
#: by so many apertures of a resting eye, or further, whatever lifts it.
LIFTED_LIGHT: Final = 0.6
WHOLLY_LIFTED: Final = 0.32
#: Light reaches the eyeball in full from this far below a lid's edge on, in eye widths.
_LIGHT_DEPTH: Final = 0.12


def lid_positions(eye: Eye, weights: Float32) -> tuple[Float32, Float32]:
    """Where the lids' edges go, (65,) `v` each in pixels: a blink closes, surprise opens wider than painted."""
    squint = _saturated(float(eye.upper_squint @ weights), *UPPER_BOUNDS)
    raised = _saturated(float(eye.lower_squint @ weights), *LOWER_BOUNDS)
    blink = float(np.clip(eye.blink @ weights, 0, 1))
    aperture = eye.lower - eye.upper
    profile = aperture / max(eye.aperture, 1e-6)
    # Closing is a share of this eye's own aperture; opening is measured by that of an eye at rest, so that
    # lowered lids can rise.
    down = squint * aperture if squint >= 0 else squint * eye.open_aperture * profile
    up = raised * aperture if raised >= 0 else raised * eye.open_aperture * profile
    # A blink takes the way that is left, so that a smiling eye and an open one both close just so.
    down = down + blink * (CLOSED * aperture - down)
    up = up + blink * ((1 - CLOSED) * aperture - up)
    # The skin that a rising lid pushes together must find room.
    down = np.maximum(down, -LID_ROOM * (eye.upper - eye.above))
    up = np.maximum(up, -LID_ROOM * (eye.below - eye.lower))
    return (eye.upper + down).astype(np.float32), (eye.lower - up).astype(np.float32)


def light_of(eye: Eye, upper: Float32, weights: Float32) -> float:
    """How much light comes to the eyeball under an upper lid at (65,) `upper`, from -1 (none) to 1; 0 as painted."""
    lift = max(float((eye.upper - upper).max()), 0) / eye.open_aperture
    return float(np.clip(LIFTED_LIGHT * min(lift / WHOLLY_LIFTED, 1) - eye.shade @ weights, -1, 1))


def _saturated(value: float, least: float, most: float) -> float:
    """A value that never goes below -`least` or above `most`, and leaves 0 as steeply as ever."""
    bound = most if value > 0 else least
    return bound * float(np.tanh(value / bound))


def paint_eye(
    lit: Pixels,
    places: Float32,
    eye: Eye,
    lids: tuple[Float32, Float32],
    shift: Float32,
    light: float,
    *,
    corner: tuple[int, int],
    sharpness: float,
) -> Image:
    """One eye, (h, w, 3) uint8, whose pixels come from `places` of the paint in `lit` but for the lids.

    `shift` is that of the iris, `light` how much light comes to the eyeball, from -1 (none) over 0 (as painted) to 1;
    `corner` is where `lit` begins in the painting.
    """
    import cv2

    place_x, place_y = cv2.split(places)
    x, y = (place_x - np.float32(eye.origin[0] - corner[0]), place_y - np.float32(eye.origin[1] - corner[1]))
    u, v = x * eye.axis[0] + y * eye.axis[1], x * eye.down[0] + y * eye.down[1]
    place = eye.curve_position(u)
    curves = np.stack([lids[0], eye.upper, eye.above, lids[1], eye.lower, eye.below], axis=1)
    top, rest_top, top_end, bottom, rest_bottom, bottom_end = _along(curves, place)
    above = v < (top + bottom) * np.float32(0.5)
    moved = (np.where(above, *pair) for pair in ((top, bottom), (rest_top, rest_bottom), (top_end, bottom_end)))
    move = stretched(v, *moved) - v
    skin_places = cv2.merge((place_x + move * eye.down[0], place_y + move * eye.down[1]))
    paint = moved_paint(lit, skin_places, sharpness)

    lowered = None
    if (lids[0] > eye.upper).any():
        lowered = np.clip((top - rest_top) / np.float32(max(eye.open_aperture, 1.0)), 0, 1)
        _roll_lid(paint, eye, places, v, (top, rest_top, rest_bottom, top_end), corner)
        # Its edge turns away from the light.
        edge = (v - top) * np.float32(1 / eye.width)
        dark = 1 - 0.22 * lowered * np.exp(-((np.where(edge > 0, 6 * edge, edge) / 0.18) ** 2))
        # Lashes that pointed at the viewer hang down, below it in the end, darkest in the middle.
        within = np.clip(np.minimum(u, eye.width - u) / (0.1 * eye.width) + 0.3, 0, 1)
        dark *= 1 - 0.8 * lowered * within * np.exp(-(((edge - 0.01 - 0.05 * lowered**2) / 0.05) ** 2))
        cv2.multiply(paint, cv2.merge((dark, dark, dark)), dst=paint, dtype=cv2.CV_8U)
    # The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
    seen = np.clip((v - top) / eye.edge - 0.5, 0, 1) * np.clip((bottom - v) / eye.edge - 0.5, 0, 1)
    rows, columns = (np.flatnonzero((seen > 0).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        origin = (eye.box[0] - corner[0], eye.box[1] - corner[1], 0, 0)
        # A lid shades what is next to it, however wide the eye.
        deep = np.clip(np.minimum(v - top, bottom - v)[part] / (_LIGHT_DEPTH * eye.width), 0, 1)
        ball = _eyeball(eye, cv2.subtract(places[part], origin), shift, np.float32(max(light, 0)) * deep)
        ball *= np.float32(1 + min(light, 0))
        if lowered is not None:
            # A lid that comes down brings its shadow with it.
            below = np.maximum((v - top)[part], 0)
            ball *= (1 - 0.55 * lowered[part] * np.exp(-below / (0.12 * eye.width)))[:, :, None]
        skin = paint[part]
        skin[:] = np.rint(skin + (ball - skin) * seen[part][:, :, None])
    return paint


def _roll_lid(
    paint: Image,
    eye: Eye,
    places: Float32,
    v: Float32,
    curves: tuple[Float32, Float32, Float32, Float32],
    corner: tuple[int, int],
) -> None:
    """Let the far part of a closing lid roll out from under the brow; `curves` are its edge, lids at rest, end."""
    import cv2

    top, rest_top, rest_bottom, end = curves
    way = CLOSED * (rest_bottom - rest_top)
    gone = np.clip((top - rest_top) / np.maximum(way, 1e-3), 0, 1)
    inward = np.clip((v - end) / np.maximum(top - end, 1e-3), 0, 1)
    share = np.clip(2.5 * gone - 0.4, 0, 1) * np.clip(2 * inward - 0.1, 0, 1) * (v < top + 0.06 * eye.width)
    rows, columns = (np.flatnonzero((share > 0).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    left = (rest_top + way - top)[part][:, :, None] * eye.down
    lid_places = places[part] + left - np.subtract(eye.box[:2], corner).astype(np.float32)
    lid = cv2.remap(eye.lid, lid_places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    skin = paint[part]
    skin[:] = np.rint(skin + (lid - skin.astype(np.float32)) * share[part][:, :, None])


def _eyeball(eye: Eye, places: Float32, shift: Float32, light: Float32) -> Float32:
    """The white of an eye in (h, w) light and its iris, (h, w, 3) float32, at `places` of their pictures."""
    import cv2

    white = cv2.remap(eye.white, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    white += light[:, :, None] * np.maximum(eye.shine - white, 0)
    iris = cv2.remap(eye.iris, places - shift, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(white + (iris[:, :, :3] - white) * (iris[:, :, 3:] * np.float32(1 / 255)), np.float32)


def _along(curves: Float32, place: Float32) -> Sequence[Float32]:
    """(N, C) curves, at most eight, at fractional indices, linearly: C arrays (h, w) for (h, w)."""
    import cv2

    # OpenCV samples four channels several times faster than any other number, and from within an array than at its end.
    nowhere = np.zeros_like(place)
    sampled: list[Float32] = []
    for part in (curves[:, :4], curves[:, 4:]):
        line = np.zeros((3, len(part), 4), np.float32)
        line[:, :, : part.shape[1]] = part
        there = cv2.remap(line, place, nowhere, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        sampled += cv2.split(there)[: part.shape[1]]
    return sampled
