"""Draw a rig with an expression: the reference renderer, on the CPU.

Only the pixels around the face are drawn; at rest the painting itself comes back, bit for bit.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.breath import around
from visavis.portrait.eyes import CLOSED, Eye, stretched
from visavis.portrait.fields import invert
from visavis.portrait.rig import Rig, motion_weights
from visavis.types import Expression, Float32, Image

__all__ = ["MeshRenderer", "PortraitRenderer"]

#: Weights below this move nothing that can be seen.
_LEAST_WEIGHT: Final = 1e-3
#: Paint that moves by less than this, in pixels, is left where it is.
_LEAST_MOTION_PX: Final = 0.02
#: An eye that moves by less than this, in pixels, is left as painted.
_LEAST_EYE_PX: Final = 0.01
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
        weights = motion_weights(expression, rig.largest_sway)
        displacement = _combined(rig.fields, weights)
        lit = self._crease(weights)
        # Where the paint comes from, at every node; those that do not move are left out of the work.
        back = np.zeros_like(displacement)
        moving = _moving_part(displacement)
        if expression.breath:
            self._draw_body(picture, expression.breath, None if moving is None else rig.grid.crop(*moving).box)
        if moving is not None:
            back[moving] = invert(displacement[moving], rig.grid.step)
            x0, y0, x1, y1 = rig.grid.crop(*moving).box
            source_x, source_y = _pixel_map(back[moving], rig.grid.step, (x0, y0))
            picture[y0:y1, x0:x1] = cv2.remap(lit, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        self._draw_eyes(picture, lit, (displacement, back), weights, expression.gaze)
        self._draw_mouth(picture, lit, weights)
        return picture

    def _draw_body(self, picture: Image, breath: float, face: tuple[int, int, int, int] | None) -> None:
        """Draw what breathes, but for the box of the face, which is drawn by itself."""
        import cv2

        grid, displacement = self.rig.body.grid, self.rig.body.field * np.float32(breath)
        moving = _moving_part(displacement)
        if moving is None:
            return
        x0, y0, x1, y1 = grid.crop(*moving).box
        source_x, source_y = _pixel_map(invert(displacement[moving], grid.step), grid.step, (x0, y0))
        for left, top, right, bottom in around((x0, y0, x1, y1), face):
            part = np.s_[top - y0 : bottom - y0, left - x0 : right - x0]
            picture[top:bottom, left:right] = cv2.remap(
                self.rig.painting, source_x[part], source_y[part], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )

    def _crease(self, weights: Float32) -> Image:
        """The painting with its creases, before anything moves."""
        import cv2

        creases = self.rig.creases
        folds = creases.light(weights[: creases.drivers.shape[1]])
        if folds is None:
            return self.rig.painting
        light, (rows, columns) = folds
        # 128 stands for the painting's own light; a fold is too soft for eight bits to show as steps.
        gain = np.clip(128 + 128 * light[:, :, None] * creases.hue, 0, 255).astype(np.uint8)
        x0, y0 = creases.box[0] + columns.start * creases.scale, creases.box[1] + rows.start * creases.scale
        gain = _magnified(gain, creases.scale)
        lit = self.rig.painting.copy()
        patch = lit[y0 : y0 + gain.shape[0], x0 : x0 + gain.shape[1]]
        cv2.multiply(patch, gain, dst=patch, scale=1 / 128)
        return lit

    def _draw_eyes(
        self, picture: Image, lit: Image, motion: tuple[Float32, Float32], weights: Float32, gaze: Float32
    ) -> None:
        """Draw both eyes: lids, whites and irises, carried along by the `motion` of the face, there and back."""
        displacement, back = motion
        grid = self.rig.grid
        for eye in self.rig.eyes:
            lids = lid_positions(eye, weights)
            shift = eye.gaze.T @ weights + gaze @ eye.gaze_unit
            # Over its first pixel of motion an eye goes over from the painter's to the rig's: nothing jumps.
            motion_px = max(float(np.abs(shift).max()), float(np.abs(np.subtract(lids, (eye.upper, eye.lower))).max()))
            if motion_px < _LEAST_EYE_PX:
                continue
            # The eye's box, where the motion of the face carries it.
            part = grid.part(eye.box)
            carried = displacement[part].reshape(-1, 2)
            low, high = np.minimum(carried.min(axis=0), 0), np.maximum(carried.max(axis=0), 0)
            x0, y0, x1, y1 = eye.box
            part = grid.part((x0 + low[0], y0 + low[1], x1 + high[0], y1 + high[1]))
            box = grid.crop(*part).box
            source = _pixel_map(back[part], grid.step, (box[0], box[1]))
            region = picture[box[1] : box[3], box[0] : box[2]]
            _draw_eye(region, lit, source, eye, lids, shift, share=min(motion_px, 1.0))

    def _draw_mouth(self, picture: Image, lit: Image, weights: Float32) -> None:
        """Draw the mouth: cavity, then jaw, then lower lip, then upper lip."""
        import cv2

        mouth = self.rig.mouth
        x0, y0, x1, y1 = mouth.grid.box
        drawn = _shifted(mouth.inside, weights @ mouth.skull).astype(np.float32)
        jaw_part = _shifted(mouth.jaw_part, weights @ mouth.jaw)
        drawn = _over(drawn, jaw_part[:, :, :3], jaw_part[:, :, 3])
        for fields, mask in ((mouth.lower, mouth.lower_mask), (mouth.upper, mouth.upper_mask)):
            back = invert(_combined(fields, weights), mouth.grid.step)
            source_x, source_y = _pixel_map(back, mouth.grid.step, (x0, y0))
            paint = cv2.remap(lit, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            alpha = cv2.remap(mask, source_x - x0, source_y - y0, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            drawn = _over(drawn, paint, alpha)
        picture[y0:y1, x0:x1] = np.rint(drawn)


def _combined(fields: Float32, weights: Float32) -> Float32:
    """The sum of (K, rows, columns, 2) fields times their weights, (rows, columns, 2)."""
    active = np.flatnonzero(np.abs(weights) > _LEAST_WEIGHT)
    flat = fields.reshape(len(fields), -1)
    # Gathering a few fields is cheaper than reading all of them; gathering many is not.
    total = weights[active] @ flat[active] if len(active) < len(weights) // 3 else weights @ flat
    return np.asarray(total.reshape(fields.shape[1:]), np.float32)


def _moving_part(displacement: Float32) -> tuple[slice, slice] | None:
    """Rows and columns of the nodes that move by more than can be seen, or None."""
    # Two comparisons are several times faster than a maximum over an axis of two.
    far = np.abs(displacement) > _LEAST_MOTION_PX
    moves = far[:, :, 0] | far[:, :, 1]
    rows, columns = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
    if not len(rows):
        return None
    # One more node on each side: cells at the border of the motion move in part.
    return (
        slice(max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, moves.shape[0])),
        slice(max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, moves.shape[1])),
    )


def _pixel_map(back: Float32, step: int, origin: tuple[int, int]) -> tuple[Float32, Float32]:
    """Source positions in painting pixels for every pixel of a grid's box, from offsets at its nodes."""
    rows, columns = back.shape[:2]
    dense = _magnified(back, step)[: (rows - 1) * step, : (columns - 1) * step]
    x = origin[0] + np.arange(dense.shape[1], dtype=np.float32)
    y = origin[1] + np.arange(dense.shape[0], dtype=np.float32)
    return dense[:, :, 0] + x, dense[:, :, 1] + y[:, None]


def _magnified(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Values at the nodes of a grid for every pixel from the first node to the last, bilinearly."""
    import cv2

    rows, columns = values.shape[:2]
    # Nodes lie on whole pixels, not at the centres of cells, so cv2.resize would shift them: an affine map does not.
    matrix = np.array([[1 / step, 0, 0], [0, 1 / step, 0]], np.float32)
    size = ((columns - 1) * step + 1, (rows - 1) * step + 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _over(below: Float32, above: NDArray[Any], alpha: NDArray[np.uint8]) -> Float32:
    """`above` with its coverage (0 to 255) laid over `below`."""
    share = alpha.astype(np.float32)[:, :, None] / 255
    return np.asarray(below + (above - below) * share, np.float32)


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
    aperture = eye.lower - eye.upper
    profile = aperture / max(eye.aperture, 1e-6)
    # Closing is a share of this eye's own aperture; opening is measured by that of an eye at rest, so that
    # lowered lids can rise.
    down = squint * aperture if squint >= 0 else squint * eye.open_aperture * profile
    up = raised * aperture if raised >= 0 else raised * eye.open_aperture * profile
    # A blink takes the way that is left, so that a smiling eye and an open one both close just so.
    down = down + blink * (CLOSED * aperture - down)
    up = up + blink * ((1 - CLOSED) * aperture - up)
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
    source: tuple[Float32, Float32],
    eye: Eye,
    lids: tuple[Float32, Float32],
    shift: Float32,
    *,
    share: float,
) -> None:
    """Draw one eye into `region`, whose pixels come from the places `source` of the painting but for the lids.

    `share` is how much of it replaces what is there.
    """
    import cv2

    x, y = source
    u = (x - eye.origin[0]) * eye.axis[0] + (y - eye.origin[1]) * eye.axis[1]
    v = (x - eye.origin[0]) * eye.down[0] + (y - eye.origin[1]) * eye.down[1]
    curves = np.stack([*lids, eye.upper, eye.lower, eye.above, eye.below], axis=1)
    top, bottom, rest_top, rest_bottom, top_end, bottom_end = _at(curves, eye.curve_position(u))
    lid_v = np.where(
        v < (top + bottom) / 2,
        stretched(v, top, rest_top, top_end),
        stretched(v, bottom, rest_bottom, bottom_end),
    )
    skin_x, skin_y = x + (lid_v - v) * eye.down[0], y + (lid_v - v) * eye.down[1]
    skin = cv2.remap(lit, skin_x, skin_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    x, y = x - eye.box[0], y - eye.box[1]
    # The far part of a lid that closes rolls out from under the brow.
    way = CLOSED * (rest_bottom - rest_top)
    closed = np.clip((top - rest_top) / np.maximum(way, 1e-3), 0, 1)
    inward = np.clip((v - top_end) / np.maximum(top - top_end, 1e-3), 0, 1)
    rolled = np.clip(2.5 * closed - 0.4, 0, 1) * np.clip(2 * inward - 0.1, 0, 1) * (v < top + 0.06 * eye.width)
    if rolled.any():
        rest_of_way = rest_top + way - top
        lid_x, lid_y = x + rest_of_way * eye.down[0], y + rest_of_way * eye.down[1]
        lid = cv2.remap(eye.lid, lid_x, lid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        skin += (lid - skin) * rolled[:, :, None]

    ball = cv2.remap(eye.white, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    iris = cv2.remap(eye.iris, x - shift[0], y - shift[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    ball = _over(ball, iris[:, :, :3], iris[:, :, 3])
    # A lid that comes down brings its shadow with it, and turns its own edge away from the light.
    lowered = np.clip((top - rest_top) / max(eye.open_aperture, 1.0), 0, 1)
    ball *= (1 - 0.55 * lowered * np.exp(-np.maximum(v - top, 0) / (0.12 * eye.width)))[:, :, None]
    edge = (v - top) / eye.width
    skin *= (1 - 0.22 * lowered * np.exp(-((np.where(edge > 0, 6 * edge, edge) / 0.18) ** 2)))[:, :, None]
    # Lashes that pointed at the viewer hang down over the closed lid's edge, darkest in the middle.
    within = np.clip(np.minimum(u, eye.width - u) / (0.1 * eye.width) + 0.3, 0, 1)
    skin *= (1 - 0.72 * lowered * within * np.exp(-(((edge - 0.01) / 0.042) ** 2)))[:, :, None]
    # The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
    soft = max(0.02 * eye.width, 0.8)
    seen = np.clip((v - top) / soft - 0.5, 0, 1) * np.clip((bottom - v) / soft - 0.5, 0, 1)
    drawn = np.clip(skin + (ball - skin) * seen[:, :, None], 0, 255)
    region[:] = np.rint(drawn if share == 1 else region + (drawn - region) * np.float32(share))


def _at(curves: Float32, place: Float32) -> tuple[Float32, ...]:
    """(N, C) curves at fractional indices, linearly: C arrays of the shape of `place`."""
    place = np.clip(place, 0, len(curves) - 1.001)
    first = place.astype(np.intp)
    share = (place - first).astype(np.float32)[:, :, None]
    values = curves[first] * (1 - share) + curves[first + 1] * share
    return tuple(values[:, :, index] for index in range(curves.shape[1]))
