"""Draw a rig with an expression: the reference renderer, on the CPU.

Only the pixels around the face are drawn; at rest the painting itself comes back, bit for bit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import cached_property, partial
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.breath import around
from visavis.portrait.easing import smooth_step
from visavis.portrait.fields import Grid
from visavis.portrait.inverse import invert
from visavis.portrait.lids import lid_positions, light_of, paint_eye
from visavis.portrait.motions import motion_weights
from visavis.portrait.movement import Movement
from visavis.portrait.paint import Pixels, moved_paint, over, prepared, squeezed_paint
from visavis.portrait.rig import Rig
from visavis.portrait.second_thread import Helper, Task
from visavis.portrait.warp import (
    Box,
    Part,
    bands_of,
    magnified,
    moving_nodes,
    node_sources,
    part_of,
    pixel_sources,
    source_distances,
    with_neighbours,
)
from visavis.types import Expression, Float32, Image

__all__ = ["MeshRenderer", "PortraitRenderer"]

#: An eye that moves by less than this, in pixels, is left as painted.
_LEAST_EYE_PX: Final = 0.01
#: Paint may come from so far beyond the grid of the face, in face widths: a breath moves that far, and the grid ends.
_MARGIN: Final = 0.03


@runtime_checkable
class PortraitRenderer(Protocol):
    """Whatever draws a portrait with an expression."""

    def render(self, expression: Expression) -> Image:
        """The painting with an expression, (H, W, 3) uint8 RGB; the caller may write to it."""
        ...


class MeshRenderer:
    """Draws a rig by a weighted sum of its fields and one warp.

    Args:
        rig: what is drawn.
        helper: whether a second thread draws too; None (the default) where the machine has more than one processor.
            OpenCV's own threads only wait busily here, since the steps are too short for them: `cv2.setNumThreads(1)`
            saves that processor time.

    >>> renderer = MeshRenderer(rig)                             # doctest: +SKIP
    >>> renderer.render(Expression()).shape                      # doctest: +SKIP
    (1200, 841, 3)
    """

    def __init__(self, rig: Rig, *, helper: bool | None = None) -> None:
        self.rig = rig
        self._movement = Movement(rig)
        self._helper = Helper(present=(os.cpu_count() or 1) > 1 if helper is None else helper)

    def render(self, expression: Expression) -> Image:
        """The painting with an expression, (H, W, 3) uint8 RGB; the caller may write to it."""
        import cv2

        rig = self.rig
        picture = rig.painting.copy()
        if expression.is_neutral:
            return picture
        weights = motion_weights(expression, rig.largest_sway)
        displacement = self._movement.face(weights)
        moves = moving_nodes(displacement)
        moving = part_of(moves)
        face = None if moving is None else rig.grid.crop(*moving).box
        # What has been begun goes on beside this thread.
        creased = self._helper.begin(partial(self._crease, weights))
        mouth = self._helper.begin(partial(self._prepare_mouth, displacement, weights))
        begun = self._begin_body(picture, expression.breath, face) if expression.breath else []
        # Where the paint comes from, at every node; those that do not move are left out of the work.
        back = np.zeros_like(displacement)
        if moving is not None:
            back[moving] = invert(displacement[moving], rig.grid.step)
        sources = node_sources(back, rig.grid, self._face.corner)
        lit = creased.result()
        if face is not None:
            begun += self._begin(picture, lit, sources, rig.grid, bands_of(face, rig.grid, moves))
        eyes = self._paint_eyes(lit, displacement, sources, weights)
        inside, lips = mouth.result()
        for part, places, squeeze, alpha in lips:
            lip = squeezed_paint(lit, places, rig.sharpness, squeeze)
            inside[part] = over(inside[part], lip, alpha)
        for task in reversed(begun):
            task.result()
        for (x0, y0, x1, y1), eye, share in eyes:
            region = picture[y0:y1, x0:x1]
            region[:] = eye if share == 1 else cv2.addWeighted(eye, share, region, 1 - share, 0)
        x0, y0, x1, y1 = rig.mouth.grid.box
        picture[y0:y1, x0:x1] = inside
        return picture

    @cached_property
    def _face(self) -> _Part:
        """The painting around the face, and as far beyond as a breath may carry paint into it."""
        return self._part(self.rig.grid.box)

    @cached_property
    def _body(self) -> _Part:
        """The painting around all that breathes."""
        return self._part(self.rig.body.grid.box)

    def _part(self, box: Box) -> _Part:
        rig = self.rig
        margin = math.ceil(_MARGIN * rig.face_width)
        x0, y0 = max(box[0] - margin, 0), max(box[1] - margin, 0)
        return _Part((x0, y0), prepared(rig.painting[y0 : box[3] + margin, x0 : box[2] + margin]))

    @cached_property
    def _breath(self) -> tuple[Float32, Float32]:
        """Where the body's paint comes from: these two times a breath `b` and its square.

        The inverse of `p + b B(p)` is `p - b B(p) + b^2 B'(p) B(p)` up to the third order; what is left out is a
        hundredth of a pixel. The square's part is found from the whole inverse, for `b = 1`.
        """
        body = self.rig.body
        return -body.field, invert(body.field, body.grid.step) + body.field

    @cached_property
    def _lip_masks(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Of the lower lip and the upper: four channels are sampled faster than the three that say something."""
        lower, upper = self.rig.mouth.lower_mask, self.rig.mouth.upper_mask
        return np.concatenate([lower, lower[:, :, :1]], axis=2), np.concatenate([upper, upper[:, :, :1]], axis=2)

    def _begin(
        self, picture: Image, pixels: Pixels, sources: Float32, grid: Grid, bands: Iterable[Box]
    ) -> list[Task[None]]:
        """Begin to move the paint of some bands; they are drawn when all of what is given back has its result."""

        def draw(band: Box) -> None:
            x0, y0, x1, y1 = band
            # One more row on each side, as far as there are any, for the blur.
            above, below = min(y0 - grid.y0, 1), min(grid.box[3] - y1, 1)
            places = pixel_sources(sources, grid, (x0, y0 - above, x1, y1 + below))
            moved_paint(
                pixels, places, self.rig.sharpness, rows=slice(above, above + y1 - y0), out=picture[y0:y1, x0:x1]
            )

        return [self._helper.begin(partial(draw, band)) for band in bands]

    def _begin_body(self, picture: Image, breath: float, face: Box | None) -> list[Task[None]]:
        """Begin to draw what breathes, but for the box of the face, which is drawn by itself."""
        grid = self.rig.body.grid
        first, second = self._breath
        back = np.float32(breath) * first + np.float32(breath**2) * second
        moves = moving_nodes(back)
        moving = part_of(moves)
        if moving is None:
            return []
        parts = around(grid.crop(*moving).box, face)
        bands = [band for part in parts for band in bands_of(part, grid, moves)]
        return self._begin(picture, self._body.pixels, node_sources(back, grid, self._body.corner), grid, bands)

    def _crease(self, weights: Float32) -> Pixels:
        """The painting around the face with its creases, before anything moves."""
        import cv2

        creases, face = self.rig.creases, self._face
        folds = creases.light(weights[: creases.drivers.shape[1]])
        if folds is None:
            return face.pixels
        light, (rows, columns) = folds
        # 128 stands for the painting's own light; a fold is too soft for eight bits to show as steps.
        gains = [
            cv2.addWeighted(light, 128 * part, light, 0, 128, dtype=cv2.CV_8U) for part in (*creases.hue.tolist(), 0.0)
        ]
        gain = magnified(cv2.merge(gains), creases.scale)
        x0 = creases.box[0] + columns.start * creases.scale - face.corner[0]
        y0 = creases.box[1] + rows.start * creases.scale - face.corner[1]
        lit = face.pixels.copy()
        patch = lit[y0 : y0 + gain.shape[0], x0 : x0 + gain.shape[1]]
        cv2.multiply(patch, gain, dst=patch, scale=1 / 128)
        return lit

    def _paint_eyes(
        self, lit: Pixels, displacement: Float32, sources: Float32, weights: Float32
    ) -> list[tuple[Box, Image, float]]:
        """Both eyes, as far as they move, carried along by the face: where, what, and how much of it is seen."""
        grid, painted = self.rig.grid, []
        for eye in self.rig.eyes:
            lids = lid_positions(eye, weights)
            shift = eye.gaze.T @ weights
            light = light_of(eye, lids[0], weights)
            # Over its first pixel of motion an eye goes over from the painter's to the rig's: nothing jumps.
            motion_px = max(float(np.abs(shift).max()), float(np.abs(np.subtract(lids, (eye.upper, eye.lower))).max()))
            if motion_px < _LEAST_EYE_PX:
                continue
            # The eye's box, where the motion of the face carries it.
            carried = displacement[grid.part(eye.box)].reshape(-1, 2)
            low, high = np.minimum(carried.min(axis=0), 0), np.maximum(carried.max(axis=0), 0)
            x0, y0, x1, y1 = eye.box
            box = grid.crop(*grid.part((x0 + low[0], y0 + low[1], x1 + high[0], y1 + high[1]))).box
            places = pixel_sources(sources, grid, box)
            paint = paint_eye(
                lit, places, eye, lids, shift, light, corner=self._face.corner, sharpness=self.rig.sharpness
            )
            painted.append((box, paint, min(motion_px, 1.0)))
        return painted

    def _prepare_mouth(self, displacement: Float32, weights: Float32) -> tuple[Image, list[_Lip]]:
        """What is seen inside the mouth, over its grid's box, and how the lower lip and the upper one come over it.

        Inside are the cavity, the upper teeth before it, and the shadows of the lips on both.
        """
        import cv2

        mouth, corner = self.rig.mouth, self._face.corner
        grid, origin = mouth.grid, (mouth.grid.x0 - corner[0], mouth.grid.y0 - corner[1], 0, 0)
        *channels, alpha = cv2.split(_shifted(mouth.upper_teeth, weights @ mouth.skull))
        teeth, cavity = cv2.merge(channels), _shifted(mouth.cavity, weights @ mouth.jaw)
        shade = float(np.clip(mouth.shade @ weights, 0, 1))
        if shade:
            cavity = cv2.convertScaleAbs(cavity, alpha=1 - shade)
            # The upper teeth stand before it, where light comes for longer.
            teeth = cv2.convertScaleAbs(teeth, alpha=1 - shade**2)
        inside = over(cavity, teeth, alpha)
        stir = np.linalg.norm((weights @ mouth.stir).reshape(2, 2), axis=1)
        stirred = float(smooth_step(stir.max()))
        lips = []
        reach, within = with_neighbours(displacement, self.rig.grid, grid)
        motion = displacement[reach].copy()
        for moved, mask in zip(self._movement.lips(weights), self._lip_masks, strict=True):
            motion[within] = moved
            back = invert(motion, grid.step)[within]
            sources = node_sources(back, grid, corner)
            places = pixel_sources(sources, grid, grid.box)
            alpha, shadow, alpha_stirred, _ = cv2.split(
                cv2.remap(mask, cv2.subtract(places, origin), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            )
            if stirred:
                alpha = cv2.addWeighted(alpha_stirred, stirred, alpha, 1 - stirred, 0)
            part = part_of(alpha > 0)
            if part is not None:  # each lip covers about half of the box
                squeeze = pixel_sources(source_distances(sources, grid.step), grid, grid.box)
                lips.append(_Lip(part, places[part], squeeze[part], alpha[part]))
            # Both lips' shadows fall on what lies inside alone, so a closing mouth does not darken.
            left = cv2.bitwise_not(shadow)
            inside = cv2.multiply(inside, cv2.merge((left, left, left)), scale=1 / 255)
        return inside, lips


class _Lip(NamedTuple):
    """A lip within the mouth's box: where its paint comes from, from how far apart, and how much of it is seen."""

    part: Part
    places: Float32
    squeeze: Float32
    alpha: NDArray[np.uint8]


class _Part(NamedTuple):
    """A part of the painting, ready to be moved, and its first pixel in the painting (x, y)."""

    corner: tuple[int, int]
    pixels: Pixels


def _shifted(picture: NDArray[np.uint8], shift: Float32) -> NDArray[np.uint8]:
    """A picture moved by (x, y) pixels, its border repeated; the picture itself where it stays."""
    import cv2

    if not shift.any():
        return picture
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    moved: NDArray[np.uint8] = cv2.warpAffine(
        picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return moved
