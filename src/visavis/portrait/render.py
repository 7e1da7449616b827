"""Draw a rig with an expression: the reference renderer, on the CPU.

Only the pixels around the face are drawn; at rest the painting itself comes back, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.breath import around
from visavis.portrait.eyes import Eye
from visavis.portrait.fields import Grid, invert
from visavis.portrait.paint import Pixels, moved_paint, prepared
from visavis.portrait.rig import Rig, motion_weights
from visavis.portrait.warp import Box, bands_of, magnified, moving_nodes, moving_part, node_sources, pixel_sources
from visavis.types import Expression, Float32, Image

__all__ = ["MeshRenderer", "PortraitRenderer"]

#: Weights below this move nothing that can be seen.
_LEAST_WEIGHT: Final = 1e-3
#: An eye that moves by less than this, in pixels, is left as painted.
_LEAST_EYE_PX: Final = 0.01
#: Paint may come from so far beyond the grid of the face, in face widths: a breath moves that far, and the grid ends.
_MARGIN: Final = 0.03
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
        moves = moving_nodes(displacement)
        moving = moving_part(moves)
        face = None if moving is None else rig.grid.crop(*moving).box
        # What has been begun is drawn by other threads meanwhile.
        begun = self._begin_body(picture, expression.breath, face) if expression.breath else []
        lit = self._crease(weights)
        # Where the paint comes from, at every node; those that do not move are left out of the work.
        back = np.zeros_like(displacement)
        if moving is not None:
            back[moving] = invert(displacement[moving], rig.grid.step)
        sources = node_sources(back, rig.grid, self._face.corner)
        if face is not None:
            begun += self._begin(picture, lit, sources, rig.grid, bands_of(face, rig.grid, moves))
        eyes = self._paint_eyes(lit, displacement, sources, weights, expression.gaze)
        mouth = self._paint_mouth(lit, weights)
        for part in begun:
            part.result()
        for (x0, y0, x1, y1), eye, share in eyes:
            region = picture[y0:y1, x0:x1]
            region[:] = eye if share == 1 else cv2.addWeighted(eye, share, region, 1 - share, 0)
        x0, y0, x1, y1 = rig.mouth.grid.box
        picture[y0:y1, x0:x1] = mouth
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
    def _threads(self) -> ThreadPoolExecutor:
        """Beside the thread that renders, which has its own part to do."""
        return ThreadPoolExecutor(2, thread_name_prefix="visavis-paint")

    def _begin(
        self, picture: Image, pixels: Pixels, sources: Float32, grid: Grid, bands: Iterable[Box]
    ) -> list[Future[None]]:
        """Begin to move the paint of some bands; they are drawn when all of what is given back has its result."""
        import cv2

        def draw(band: Box) -> None:
            x0, y0, x1, y1 = band
            # One more row on each side, as far as there are any, for the blur.
            above, below = min(y0 - grid.y0, 1), min(grid.box[3] - y1, 1)
            places = pixel_sources(sources, grid, (x0, y0 - above, x1, y1 + below))
            moved_paint(
                pixels, places, self.rig.sharpness, rows=slice(above, above + y1 - y0), out=picture[y0:y1, x0:x1]
            )

        if cv2.getNumThreads() > 1:
            return [self._threads.submit(draw, band) for band in bands]
        for band in bands:
            draw(band)
        return []

    def _begin_body(self, picture: Image, breath: float, face: Box | None) -> list[Future[None]]:
        """Begin to draw what breathes, but for the box of the face, which is drawn by itself."""
        grid = self.rig.body.grid
        first, second = self._breath
        back = np.float32(breath) * first + np.float32(breath**2) * second
        moves = moving_nodes(back)
        moving = moving_part(moves)
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
        self, lit: Pixels, displacement: Float32, sources: Float32, weights: Float32, gaze: Float32
    ) -> list[tuple[Box, Image, float]]:
        """Both eyes, as far as they move, carried along by the face: where, what, and how much of it is seen."""
        grid, painted = self.rig.grid, []
        for eye in self.rig.eyes:
            lids = lid_positions(eye, weights)
            shift = eye.gaze.T @ weights + gaze @ eye.gaze_unit
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
            paint = _paint_eye(lit, places, eye, lids, shift, corner=self._face.corner, sharpness=self.rig.sharpness)
            painted.append((box, paint, min(motion_px, 1.0)))
        return painted

    def _paint_mouth(self, lit: Pixels, weights: Float32) -> Image:
        """The mouth over its grid's box: cavity, then jaw, then lower lip, then upper lip."""
        import cv2

        mouth, corner = self.rig.mouth, self._face.corner
        origin = (mouth.grid.x0 - corner[0], mouth.grid.y0 - corner[1], 0, 0)
        paint = _shifted(mouth.inside, weights @ mouth.skull)
        *jaw, alpha = cv2.split(_shifted(mouth.jaw_part, weights @ mouth.jaw))
        paint = _over(paint, cv2.merge(jaw), alpha)
        for fields, mask in ((mouth.lower, mouth.lower_mask), (mouth.upper, mouth.upper_mask)):
            back = invert(_combined(fields, weights), mouth.grid.step)
            places = pixel_sources(node_sources(back, mouth.grid, corner), mouth.grid, mouth.grid.box)
            lip = moved_paint(lit, places, self.rig.sharpness)
            alpha = cv2.remap(
                mask, cv2.subtract(places, origin), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            paint = _over(paint, lip, alpha)
        return paint


class _Part(NamedTuple):
    """A part of the painting, ready to be moved, and its first pixel in the painting (x, y)."""

    corner: tuple[int, int]
    pixels: Pixels


def _combined(fields: Float32, weights: Float32) -> Float32:
    """The sum of (K, rows, columns, 2) fields times their weights, (rows, columns, 2)."""
    import cv2

    flat = fields.reshape(*fields.shape[:2], -1)
    total = np.zeros(flat.shape[1:], np.float32)
    for motion in np.flatnonzero(np.abs(weights) > _LEAST_WEIGHT):
        cv2.scaleAdd(flat[motion], float(weights[motion]), total, dst=total)
    return total.reshape(fields.shape[1:])


def _over(below: Image, above: Image, alpha: NDArray[np.uint8]) -> Image:
    """`above` with its coverage (0 to 255) laid over `below`."""
    import cv2

    cover = cv2.merge((alpha, alpha, alpha))
    above = cv2.multiply(above, cover, scale=1 / 255)
    below = cv2.multiply(below, cv2.bitwise_not(cover), scale=1 / 255)
    return cv2.add(above, below, dst=above)  # type: ignore[no-any-return]


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
    closed = squint + blink * (1.05 - squint)
    raised = raised + blink * (-0.05 - raised)
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


def _paint_eye(
    lit: Pixels,
    places: Float32,
    eye: Eye,
    lids: tuple[Float32, Float32],
    shift: Float32,
    *,
    corner: tuple[int, int],
    sharpness: float,
) -> Image:
    """One eye, (h, w, 3) uint8, whose pixels come from `places` of the paint in `lit` but for the lids.

    `corner` is where `lit` begins in the painting.
    """
    import cv2

    place_x, place_y = cv2.split(places)
    x, y = (place_x - np.float32(eye.origin[0] - corner[0]), place_y - np.float32(eye.origin[1] - corner[1]))
    u, v = x * eye.axis[0] + y * eye.axis[1], x * eye.down[0] + y * eye.down[1]
    place = eye.curve_position(u)
    top, rest_top, top_end = _along(np.stack([lids[0], eye.upper, eye.above], axis=1), place)
    bottom, rest_bottom, bottom_end = _along(np.stack([lids[1], eye.lower, eye.below], axis=1), place)
    above = v < (top + bottom) * np.float32(0.5)
    edge, rest, end = (
        np.where(above, one, other) for one, other in ((top, bottom), (rest_top, rest_bottom), (top_end, bottom_end))
    )
    move = _stretched(v, edge, rest, end) - v
    skin_places = cv2.merge((place_x + move * eye.down[0], place_y + move * eye.down[1]))
    paint = moved_paint(lit, skin_places, sharpness)

    lowered = None
    if (lids[0] > eye.upper).any():
        lowered = np.clip((top - rest_top) / np.float32(max(eye.open_aperture, 1.0)), 0, 1)
        # Lashes that pointed at the viewer hang down over the closed lid's edge, darkest in the middle.
        within = np.clip(np.minimum(u, eye.width - u) / (0.15 * eye.width), 0, 1)
        dark = 1 - 0.65 * lowered * within * np.exp(-(((v - top) / (0.04 * eye.width)) ** 2))
        cv2.multiply(paint, cv2.merge((dark, dark, dark)), dst=paint, dtype=cv2.CV_8U)
    # The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
    soft = max(0.02 * eye.width, 0.8)
    seen = np.clip((v - top) / soft - 0.5, 0, 1) * np.clip((bottom - v) / soft - 0.5, 0, 1)
    rows, columns = (np.flatnonzero((seen > 0).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        origin = (eye.box[0] - corner[0], eye.box[1] - corner[1], 0, 0)
        ball = _eyeball(eye, cv2.subtract(places[part], origin), shift)
        if lowered is not None:
            # A lid that comes down brings its shadow with it.
            below = np.maximum((v - top)[part], 0)
            ball *= (1 - 0.55 * lowered[part] * np.exp(-below / (0.12 * eye.width)))[:, :, None]
        skin = paint[part]
        skin[:] = np.rint(skin + (ball - skin) * seen[part][:, :, None])
    return paint


def _eyeball(eye: Eye, places: Float32, shift: Float32) -> Float32:
    """The white of an eye with its iris, (h, w, 3) float32, at `places` of their pictures."""
    import cv2

    white = cv2.remap(eye.white, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    iris = cv2.remap(eye.iris, places - shift, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(white + (iris[:, :, :3] - white) * (iris[:, :, 3:] * np.float32(1 / 255)), np.float32)


def _along(curves: Float32, place: Float32) -> Sequence[Float32]:
    """(N, C) curves at fractional indices, linearly: C arrays (h, w) for (h, w)."""
    import cv2

    line = np.ascontiguousarray(curves[None], np.float32)
    nowhere = np.zeros_like(place)
    sampled = cv2.remap(line, place, nowhere, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.split(sampled)


def _stretched(v: Float32, edge: Float32, rest: Float32, end: Float32) -> Float32:
    """Where the skin at `v` comes from when the lid's edge has gone from `rest` to `edge` and `end` stays.

    Between the edge (t = 1) and the far border (t = 0) the shift falls as `t^2 (3 - 2t)`, flat at both ends: the edge
    moves as a whole, with its lashes, and the border shows no seam.
    """
    span = edge - end
    t = np.clip((v - end) / np.where(np.abs(span) < 1e-3, np.float32(1e-3), span), 0, 1)
    return np.asarray(v + (rest - edge) * t * t * (3 - 2 * t), np.float32)
