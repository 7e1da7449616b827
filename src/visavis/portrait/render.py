"""Draw a rig with an expression: the reference renderer, on the CPU.

Only the pixels around the face are drawn; at rest the painting itself comes back, bit for bit.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.eyes import Eye
from visavis.portrait.fields import invert
from visavis.portrait.rig import Rig, motion_weights
from visavis.types import Expression, Float32, Image

__all__ = ["MeshRenderer", "PortraitRenderer"]

#: Weights below this move nothing that can be seen.
_LEAST_WEIGHT: Final = 1e-3
#: Share of the skin beyond a lid's edge that an opening eye may take up.
_ROOM: Final = 0.38


@runtime_checkable
class PortraitRenderer(Protocol):
    """Whatever draws a portrait with an expression."""

    def render(self, expression: Expression) -> Image:
        """The painting with an expression, (H, W, 3) uint8 RGB; the caller may write to it."""
        ...


class MeshRenderer:
    """Draws a rig by a weighted sum of its fields and one warp.

    >>> renderer = MeshRenderer(rig)                             # doctest: +SKIP
    >>> renderer.render(Expression()).shape                      # doctest: +SKIP
    (1200, 841, 3)
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def render(self, expression: Expression) -> Image:
        """The painting with an expression, (H, W, 3) uint8 RGB; the caller may write to it."""
        import cv2

        rig = self.rig
        picture = rig.painting.copy()
        if expression.is_neutral:
            return picture
        weights = motion_weights(expression)
        active = np.flatnonzero(np.abs(weights) > _LEAST_WEIGHT)
        strengths = weights[active]

        displacement = np.tensordot(strengths, rig.fields[active], axes=1)
        back = invert(displacement, rig.grid.step)
        x0, y0, x1, y1 = rig.grid.box
        source_x, source_y = _pixel_map(back, rig.grid.step, (x0, y0))
        lit = self._crease(weights)
        region: Image = cv2.remap(lit, source_x - x0, source_y - y0, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for eye in rig.eyes:
            _draw_eye(region, lit, (x0, y0), source_x, source_y, eye, weights, expression.gaze)
        self._draw_mouth(region, lit, active, strengths)
        picture[y0:y1, x0:x1] = region
        return picture

    def _crease(self, weights: Float32) -> Image:
        """The painting around the face with its creases, before anything moves; pixels of `grid.box`."""
        import cv2

        creases = self.rig.creases
        x0, y0, x1, y1 = creases.box
        patch = self.rig.painting[y0:y1, x0:x1]
        strengths = np.clip(creases.drivers @ weights[: creases.drivers.shape[1]], 0, 1)
        active = np.flatnonzero(strengths > 0.01)
        if not len(active):
            return patch
        light = np.tensordot(strengths[active], creases.maps[active], axes=1)
        gain = np.clip(128 * (1 + light), 0, 255).astype(np.uint8)
        if creases.scale != 1:
            gain = cv2.resize(gain, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
        lit: Image = cv2.multiply(patch, cv2.merge([gain, gain, gain]), scale=1 / 128)
        return lit

    def _draw_mouth(self, region: Image, lit: Image, active: NDArray[np.intp], strengths: Float32) -> None:
        """Draw the mouth into `region`: cavity, then jaw, then lower lip, then upper lip."""
        import cv2

        mouth, outer = self.rig.mouth, self.rig.grid
        x0, y0, x1, y1 = mouth.grid.box
        origin = (x0 - outer.x0, y0 - outer.y0)
        rows, columns = slice(origin[1], origin[1] + y1 - y0), slice(origin[0], origin[0] + x1 - x0)

        picture = _shifted(mouth.inside, strengths @ mouth.skull[active]).astype(np.float32)
        jaw_part = _shifted(mouth.jaw_part, strengths @ mouth.jaw[active]).astype(np.float32)
        picture = _over(picture, jaw_part[:, :, :3], jaw_part[:, :, 3] / np.float32(255))
        for fields, mask in ((mouth.lower, mouth.lower_mask), (mouth.upper, mouth.upper_mask)):
            back = invert(np.tensordot(strengths, fields[active], axes=1), mouth.grid.step)
            source_x, source_y = _pixel_map(back, mouth.grid.step, (x0, y0))
            paint = cv2.remap(
                lit, source_x - outer.x0, source_y - outer.y0, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            alpha = cv2.remap(mask, source_x - x0, source_y - y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            picture = _over(picture, paint.astype(np.float32), alpha.astype(np.float32) / 255)
        region[rows, columns] = np.rint(picture)


def _pixel_map(back: Float32, step: int, origin: tuple[int, int]) -> tuple[Float32, Float32]:
    """Source positions in painting pixels for every pixel of a grid's box, from offsets at its nodes."""
    import cv2

    rows, columns = back.shape[:2]
    # Nodes lie on whole pixels, not at the centres of cells, so cv2.resize would shift them: an affine map does not.
    matrix = np.array([[1 / step, 0, 0], [0, 1 / step, 0]], np.float32)
    size = ((columns - 1) * step, (rows - 1) * step)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    dense = cv2.warpAffine(back, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    x = origin[0] + np.arange(size[0], dtype=np.float32)
    y = origin[1] + np.arange(size[1], dtype=np.float32)
    return dense[:, :, 0] + x, dense[:, :, 1] + y[:, None]


def _over(below: Float32, above: Float32, alpha: Float32) -> Float32:
    return np.asarray(below + (above - below) * alpha[:, :, None], np.float32)


def _shifted(picture: NDArray[np.uint8], shift: Float32) -> NDArray[np.uint8]:
    """A picture moved by (x, y) pixels, its border repeated."""
    import cv2

    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def lid_positions(eye: Eye, weights: Float32) -> tuple[Float32, Float32]:
    """Where the lids' edges go, (65,) `v` each in pixels: a blink closes, surprise opens wider than painted."""
    squint = _saturated(float(eye.upper_squint @ weights), 0.6, 0.35)
    raised = _saturated(float(eye.lower_squint @ weights), 0.25, 0.4)
    blink = float(np.clip(eye.blink @ weights, 0, 1))
    # A blink takes the way that is left, so that a smiling eye and an open one both close just so.
    closed = squint + blink * (0.9 - squint)
    raised = raised + blink * (0.1 - raised)
    aperture = eye.lower - eye.upper
    profile = aperture / max(eye.aperture, 1e-6)
    # Closing is a share of this eye's own aperture; opening is measured by that of an eye at rest, so that
    # lowered lids can rise.
    down = closed * aperture if closed >= 0 else closed * eye.open_aperture * profile
    up = raised * aperture if raised >= 0 else raised * eye.open_aperture * profile
    # The skin that a rising lid pushes together must find room: more would fold it over itself.
    down = np.maximum(down, -_ROOM * (eye.upper - eye.above))
    up = np.maximum(up, -_ROOM * (eye.below - eye.lower))
    return (eye.upper + down).astype(np.float32), (eye.lower - up).astype(np.float32)


def _saturated(value: float, least: float, most: float) -> float:
    """A value that never goes below -`least` or above `most`: motions of the skin narrow an eye, but do not shut it."""
    bound = most if value > 0 else least
    return bound * float(np.tanh(value / bound))


def _draw_eye(
    region: Image,
    lit: Image,
    origin: tuple[int, int],
    source_x: Float32,
    source_y: Float32,
    eye: Eye,
    weights: Float32,
    gaze: Float32,
) -> None:
    """Draw one eye into `region`, whose pixels come from `source_x`, `source_y` but for the lids."""
    import cv2

    shift = eye.gaze.T @ weights + gaze @ eye.gaze_unit
    upper, lower = lid_positions(eye, weights)
    if np.abs(shift).max() < 0.05 and max(np.abs(upper - eye.upper).max(), np.abs(lower - eye.lower).max()) < 0.05:
        return
    x0, y0, x1, y1 = eye.box
    rows = slice(max(y0 - origin[1], 0), max(y1 - origin[1], 0))
    columns = slice(max(x0 - origin[0], 0), max(x1 - origin[0], 0))
    x, y = source_x[rows, columns], source_y[rows, columns]
    if x.size == 0:
        return
    dx, dy = x - eye.origin[0], y - eye.origin[1]
    u = dx * eye.axis[0] + dy * eye.axis[1]
    v = dx * eye.down[0] + dy * eye.down[1]
    place = np.clip(eye.curve_position(u), 0, len(eye.upper) - 1)
    samples = np.arange(len(eye.upper))

    def at(curve: Float32) -> Float32:
        return np.interp(place, samples, curve).astype(np.float32)

    top, rest_top, top_end = at(upper), at(eye.upper), at(eye.above)
    bottom, rest_bottom, bottom_end = at(lower), at(eye.lower), at(eye.below)
    lid_v = np.where(
        v < (top + bottom) / 2,
        _stretched(v, top, rest_top, top_end),
        _stretched(v, bottom, rest_bottom, bottom_end),
    )
    skin_x = x + (lid_v - v) * eye.down[0] - origin[0]
    skin_y = y + (lid_v - v) * eye.down[1] - origin[1]
    skin = cv2.remap(lit, skin_x, skin_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    ball = cv2.remap(eye.white, x - x0, y - y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    iris = cv2.remap(
        eye.iris, x - x0 - shift[0], y - y0 - shift[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
    ).astype(np.float32)
    ball = _over(ball, iris[:, :, :3], iris[:, :, 3] / 255)
    # A lid that comes down brings its shadow with it.
    lowered = np.clip((top - rest_top) / max(eye.open_aperture, 1.0), 0, 1)
    ball *= (1 - 0.55 * lowered * np.exp(-np.maximum(v - top, 0) / (0.12 * eye.width)))[:, :, None]
    # The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
    soft = max(0.02 * eye.width, 0.8)
    seen = np.clip((v - top) / soft - 0.5, 0, 1) * np.clip((bottom - v) / soft - 0.5, 0, 1)
    region[rows, columns] = np.rint(np.clip(_over(skin, ball, seen), 0, 255))


def _stretched(v: Float32, edge: Float32, rest: Float32, end: Float32) -> Float32:
    """Where the skin at `v` comes from when the lid's edge has gone from `rest` to `edge` and `end` stays.

    Between the edge (t = 1) and the far border (t = 0) the shift falls as `t^2 (3 - 2t)`, flat at both ends: the edge
    moves as a whole, with its lashes, and the border shows no seam.
    """
    t = np.clip((v - end) / np.where(np.abs(edge - end) < 1e-3, 1e-3, edge - end), 0, 1)
    return np.asarray(v + (rest - edge) * t * t * (3 - 2 * t), np.float32)
