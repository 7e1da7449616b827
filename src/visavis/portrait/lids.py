"""How lids move, and how an eye is painted whose lids or iris have moved."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.portrait.eyes import CLOSED, CURVE_MARGIN, CURVE_SAMPLES, Eye
from visavis.portrait.paint import Pixels, moved_paint
from visavis.types import Float32, Image

__all__ = [
    "LID_ROOM", "LIFTED_LIGHT", "LOWER_BOUNDS", "ROUNDNESS", "UPPER_BOUNDS", "WHOLLY_LIFTED",
    "lid_positions", "light_of", "paint_eye",
]  # fmt: skip

#: Share of the skin beyond a lid's edge that an opening eye may take up: more would fold it over itself.
LID_ROOM: Final = 0.42
#: An opening lid rises as an arch, `(4 t (1 - t))` to this power from corner to corner: by the eye's own outline, which
#: is a few straight pieces, it would be a tent.
ROUNDNESS: Final = 0.7
#: How far the motions of the skin open and close each lid at most, in apertures; only a blink shuts an eye.
UPPER_BOUNDS: Final = (0.6, 0.35)
LOWER_BOUNDS: Final = (0.1, 0.4)
#: A lid that rises shades the eye no more: so far the white comes up to the light of the skin where the lid has risen
#: by so many apertures of a resting eye, or further, whatever lifts it.
LIFTED_LIGHT: Final = 0.6
WHOLLY_LIFTED: Final = 0.32


def lid_positions(eye: Eye, weights: Float32) -> tuple[Float32, Float32]:
    """Where the lids' edges go: a blink closes, surprise opens wider than painted.

    Args:
        eye: of a rig.
        weights: (56,) float32, as `motion_weights` gives them.

    Returns:
        The upper lid's edge and the lower one's, (65,) float32 each: `v` in pixels of the eye's frame, at the samples
        of its curves.

    >>> rig = open_portrait("mona-lisa", assets=AssetStore()).rig  # doctest: +SKIP
    >>> top, bottom = lid_positions(rig.eyes[0], motion_weights(emotion_preset("joy")))  # doctest: +SKIP
    """
    squint = _saturated(float(eye.upper_squint @ weights), *UPPER_BOUNDS)
    raised = _saturated(float(eye.lower_squint @ weights), *LOWER_BOUNDS)
    blink = float(np.clip(eye.blink @ weights, 0, 1))
    aperture, arch = eye.lower - eye.upper, _arch(eye.skew)
    # Closing is a share of this eye's own aperture; opening is measured by that of an eye at rest, so that
    # lowered lids can rise.
    down, up = (
        share * aperture if share >= 0 else -_with_room(-share * eye.open_aperture * arch, LID_ROOM * skin)
        for share, skin in ((squint, eye.upper - eye.above), (raised, eye.below - eye.lower))
    )
    # A blink takes the way that is left, so that a smiling eye and an open one both close just so.
    down = down + blink * (CLOSED * aperture - down)
    up = up + blink * ((1 - CLOSED) * aperture - up)
    return (eye.upper + down).astype(np.float32), (eye.lower - up).astype(np.float32)


def light_of(eye: Eye, upper: Float32, weights: Float32) -> float:
    """How much light comes to the eyeball, from -1 (none) over 0 (as painted) to 1.

    Args:
        eye: of a rig.
        upper: (65,) float32, the upper lid's edge as `lid_positions` gives it.
        weights: (56,) float32, as `motion_weights` gives them.
    """
    lift = max(float((eye.upper - upper).max()), 0) / eye.open_aperture
    return float(np.clip(LIFTED_LIGHT * min(lift / WHOLLY_LIFTED, 1) - eye.shade @ weights, -1, 1))


def _arch(skew: float) -> Float32:
    """How far each of the (65,) samples of a lid rises when it opens, from 0 to 1."""
    along = np.clip(np.linspace(-CURVE_MARGIN, 1 + CURVE_MARGIN, CURVE_SAMPLES), 0, 1) ** skew
    return np.asarray((4 * along * (1 - along)) ** ROUNDNESS, np.float32)


def _with_room(opening: Float32, room: Float32) -> Float32:
    """How far a lid opens, in pixels: the skin that it pushes together must find room, above 0; without a kink."""
    return np.asarray(opening / (1 + (opening / room) ** 4) ** 0.25, np.float32)


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
    """One eye, painted as its lids and its iris have moved.

    Args:
        lit: a part of the painting, with the light of its folds.
        places: (h, w, 2) float32, for each pixel of the eye's box where its paint comes from, in pixels of `lit`, were
            the lids still.
        eye: of a rig.
        lids: their edges, as `lid_positions` gives them.
        shift: (2,) float32, of the iris, in pixels.
        light: that comes to the eyeball, as `light_of` gives it.
        corner: x and y where `lit` begins in the painting, in pixels.
        sharpness: how much of what moving takes from the paint is given back (`Rig.sharpness`).

    Returns:
        (h, w, 3) uint8 RGB.
    """
    from visavis.portrait.loops.eye import Ball, Lids, in_frame, lay_eye, skin_places

    x, y = eye.origin.tolist()
    per_pixel = (CURVE_SAMPLES - 1) / ((1 + 2 * CURVE_MARGIN) * eye.width)
    moved = Lids(
        origin=(x - corner[0], y - corner[1]),
        axis=tuple(eye.axis.tolist()),
        down=tuple(eye.down.tolist()),
        curves=np.stack([lids[0], eye.upper, eye.above, lids[1], eye.lower, eye.below]),
        first=CURVE_MARGIN * eye.width * per_pixel,
        per_pixel=per_pixel,
        width=eye.width,
        edge=eye.edge,
        open_aperture=eye.open_aperture,
        way=CLOSED,
        look=eye.look,
    )
    ball = Ball(
        corner=(float(eye.box[0] - corner[0]), float(eye.box[1] - corner[1])),
        white=eye.white,
        iris=eye.iris,
        lid=eye.lid,
        shift=tuple(shift.tolist()),
        shine=tuple(eye.shine.tolist()),
        light=light,
    )
    frame = in_frame(places, moved)
    paint = moved_paint(lit, skin_places(places, frame, moved.down), sharpness)
    lay_eye(paint, places, frame, moved, ball)
    return paint
