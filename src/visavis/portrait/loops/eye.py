"""An eye, pixel by pixel: the skin that its lids stretch, the lid that rolls out, lashes, and the ball between them."""

from __future__ import annotations

from math import exp, floor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from visavis.portrait.loops.compiled import compiled
from visavis.types import Float32, Image

if TYPE_CHECKING:
    from visavis.portrait.eyes import LidLook

__all__ = ["Ball", "Lids", "in_frame", "lay_eye", "sample", "sample_cubic", "skin_places"]

#: The slope of the cubic kernel at its first zero (Keys, 1981), as OpenCV has it.
_SLOPE: Final = -0.75
#: So far from its middle a bell curve is nothing that eight bits could show.
_FAR: Final = 2.6


class Lids(NamedTuple):
    """Where the lids of an eye are, in pixels of its frame (`eyes.Eye`).

    Pairs are tuples rather than arrays, of which the compiler could not know that nothing writes to them meanwhile.

    Attributes:
        origin, axis, down: x and y; `origin` in pixels of the picture that the places are of.
        curves: (6, S) float32, `v` of the upper lid now, at rest and of the border above it; then of the lower.
        first, per_pixel: the index among the S samples of `u = 0`, and how many of them there are to a pixel.
        width, edge, open_aperture: as an eye has them.
        way: how far a full blink brings the upper lid, in distances of the lids at rest.
        look: how lids look as they move.
    """

    origin: tuple[float, float]
    axis: tuple[float, float]
    down: tuple[float, float]
    curves: Float32
    first: float
    per_pixel: float
    width: float
    edge: float
    open_aperture: float
    way: float
    look: LidLook


class Ball(NamedTuple):
    """What is between the lids, and the lid that comes over it.

    Attributes:
        corner: x and y where the pictures begin, in pixels of the picture that the places are of.
        white, iris, lid: (h, w, 3), (h, w, 4) and (h, w, 3) uint8.
        shift: x and y of the iris, in pixels.
        shine: RGB of a white in all the light that comes to the eye, from 0 to 255.
        light: how much of it there is, from -1 (none) over 0 (as painted) to 1.
    """

    corner: tuple[float, float]
    white: Image
    iris: Image
    lid: Image
    shift: tuple[float, float]
    shine: tuple[float, float, float]
    light: float


@compiled
def in_frame(places: Float32, lids: Lids) -> Float32:
    """Places in an eye's frame, (h, 8, w) float32: for each row of them `u`, `v`, and the six curves there.

    `places` are (h, w, 2) float32, x and y, where the paint of a pixel came from were the lids still. Each step goes
    along a whole row, so that it is done for many places at once.
    """
    rows, columns, _ = places.shape
    curves = lids.curves
    origin_x, origin_y = np.float32(lids.origin[0]), np.float32(lids.origin[1])
    axis_x, axis_y = np.float32(lids.axis[0]), np.float32(lids.axis[1])
    down_x, down_y = np.float32(lids.down[0]), np.float32(lids.down[1])
    first, per_pixel = np.float32(lids.first), np.float32(lids.per_pixel)
    last, last_but_one = np.float32(curves.shape[1] - 1), np.int32(curves.shape[1] - 2)
    frame = np.empty((rows, 8, columns), np.float32)
    before, share = np.empty(columns, np.int32), np.empty(columns, np.float32)
    for row in range(rows):
        u, v = frame[row, 0], frame[row, 1]
        for column in range(columns):
            x, y = places[row, column, 0] - origin_x, places[row, column, 1] - origin_y
            u[column] = x * axis_x + y * axis_y
            v[column] = x * down_x + y * down_y
            at = min(max(first + per_pixel * u[column], np.float32(0)), last)
            before[column] = min(np.int32(at), last_but_one)
            share[column] = at - np.float32(before[column])
        for which in range(6):
            curve, there = curves[which], frame[row, 2 + which]
            for column in range(columns):
                i = before[column]
                there[column] = curve[i] * (np.float32(1) - share[column]) + curve[i + 1] * share[column]
    return frame


@compiled
def skin_places(places: Float32, frame: Float32, down: tuple[float, float]) -> Float32:
    """Where the skin comes from when the lids have moved, (h, w, 2) float32.

    Between a lid's edge (t = 1) and the far border of its skin (t = 0) the shift falls as `t^2 (3 - 2t)`, as in
    `eyes.stretched`. `frame` is that of the `places` as `in_frame` gives it, `down` that of the lids.
    """
    down_x, down_y = np.float32(down[0]), np.float32(down[1])
    none, whole, two, three = np.float32(0), np.float32(1), np.float32(2), np.float32(3)
    least = np.float32(1e-3)
    skin = np.empty_like(places)
    for row in range(places.shape[0]):
        here = frame[row]
        for column in range(places.shape[1]):
            v = here[1, column]
            upper = two * v < here[2, column] + here[5, column]
            edge = here[2, column] if upper else here[5, column]
            rest = here[3, column] if upper else here[6, column]
            end = here[4, column] if upper else here[7, column]
            span = edge - end
            t = min(max((v - end) / (least if abs(span) < least else span), none), whole)
            move = (rest - edge) * t * t * (three - two * t)
            skin[row, column, 0] = places[row, column, 0] + move * down_x
            skin[row, column, 1] = places[row, column, 1] + move * down_y
    return skin


@compiled
def lay_eye(paint: Image, places: Float32, frame: Float32, lids: Lids, ball: Ball) -> None:
    """Lay an eye into the (h, w, 3) uint8 paint of the skin around it; `places` and `frame` as `in_frame` has them."""
    colour, lid, white = np.empty(3, np.float32), np.empty(3, np.float32), np.empty(3, np.float32)
    iris = np.empty(4, np.float32)
    for row in range(places.shape[0]):
        here = frame[row]
        for column in range(places.shape[1]):
            v, top, rest_top, bottom = here[1, column], here[2, column], here[3, column], here[5, column]
            lowered = min(max((top - rest_top) / max(lids.open_aperture, 1.0), 0.0), 1.0)
            # The painted edge, with its lashes, belongs to the lid: the eyeball begins a little inside of it.
            seen = min(max((v - top) / lids.edge - 0.5, 0.0), 1.0) * min(max((bottom - v) / lids.edge - 0.5, 0.0), 1.0)
            if lowered == 0 and seen == 0:
                continue
            in_x, in_y = places[row, column, 0] - ball.corner[0], places[row, column, 1] - ball.corner[1]
            for channel in range(3):
                colour[channel] = paint[row, column, channel]
            if lowered > 0:
                way = lids.way * (here[6, column] - rest_top)
                share = _rolled(v, top, here[4, column], rest_top, way) if v < top + 0.06 * lids.width else 0.0
                if share > 0:
                    left = rest_top + way - top
                    sample(ball.lid, in_x + left * lids.down[0], in_y + left * lids.down[1], lid)
                    for channel in range(3):
                        colour[channel] += share * (lid[channel] - colour[channel])
                dark = _darkened(here[0, column], (v - top) / lids.width, lowered, lids.width, lids.look)
                for channel in range(3):
                    colour[channel] *= dark
            if seen > 0:
                sample(ball.white, in_x, in_y, white)
                sample_cubic(ball.iris, in_x - ball.shift[0], in_y - ball.shift[1], iris)
                # A lid shades what is next to it, however wide the eye.
                depth = lids.look.light_depth * lids.width
                deep = min(max(min(v - top, bottom - v) / depth, 0.0), 1.0)
                shade = 1 + min(ball.light, 0.0)
                shade *= 1 - lids.look.shadow * lowered * exp(-max(v - top, 0.0) / depth)
                for channel in range(3):
                    lit = white[channel] + max(ball.light, 0.0) * deep * max(ball.shine[channel] - white[channel], 0.0)
                    lit += (iris[channel] - lit) * iris[3] / 255
                    colour[channel] += seen * (lit * shade - colour[channel])
            for channel in range(3):
                paint[row, column, channel] = np.uint8(min(max(colour[channel], 0.0), 255.0) + 0.5)


@compiled
def _rolled(v: float, top: float, end: float, rest_top: float, way: float) -> float:
    """How much of the far part of a closing lid has rolled out from under the brow."""
    gone = min(max((top - rest_top) / max(way, 1e-3), 0.0), 1.0)
    inward = min(max((v - end) / max(top - end, 1e-3), 0.0), 1.0)
    return min(max(2.5 * gone - 0.4, 0.0), 1.0) * min(max(2 * inward - 0.1, 0.0), 1.0)


@compiled
def _darkened(u: float, past_edge: float, lowered: float, width: float, look: LidLook) -> float:
    """How much light a closing lid's edge and lashes leave, so far past the edge in eye widths."""
    left = 1.0
    turned = (6 * past_edge if past_edge > 0 else past_edge) / look.edge_depth
    if abs(turned) < _FAR:
        left -= look.edge_dark * lowered * exp(-turned * turned)
    hanging = (past_edge - 0.01 - 0.05 * lowered * lowered) / look.lash_depth
    if abs(hanging) < _FAR:
        within = min(max(min(u, width - u) / (0.1 * width) + 0.3, 0.0), 1.0)
        left *= 1 - look.lash_dark * lowered * within * exp(-hanging * hanging)
    return left


@compiled
def sample(picture: Image, x: float, y: float, out: Float32) -> None:
    """Look up the colour of a (h, w, 3) uint8 picture at a place, bilinearly, and write it to (3,) float32.

    Beyond its border the border goes on.
    """
    height, width, _ = picture.shape
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    column, row = int(x), int(y)
    right, below = min(column + 1, width - 1), min(row + 1, height - 1)
    fx, fy = x - column, y - row
    for channel in range(3):
        upper = picture[row, column, channel] * (1 - fx) + picture[row, right, channel] * fx
        lower = picture[below, column, channel] * (1 - fx) + picture[below, right, channel] * fx
        out[channel] = upper * (1 - fy) + lower * fy


@compiled
def sample_cubic(picture: Image, x: float, y: float, out: Float32) -> None:
    """The same of (h, w, 4) to (4,), with four taps along each axis, which keep what is fine; beyond is nothing."""
    height, width, _ = picture.shape
    column, row = floor(x), floor(y)
    across, down = _taps(x - column), _taps(y - row)
    out[:] = 0
    for i in range(4):
        if not 0 <= row + i - 1 < height:
            continue
        for j in range(4):
            if 0 <= column + j - 1 < width:
                weight = down[i] * across[j]
                for channel in range(4):
                    out[channel] += weight * picture[row + i - 1, column + j - 1, channel]
    for channel in range(4):
        out[channel] = min(max(out[channel], 0), 255)


@compiled
def _taps(t: float) -> tuple[float, float, float, float]:
    """How much the four neighbours count of a place that lies `t` after the second of them."""
    s = 1 - t
    first, last = _SLOPE * t * s * s, _SLOPE * s * t * t
    second = 1 - t * t * (_SLOPE + 3 - (_SLOPE + 2) * t)
    return first, second, 1 - first - second - last, last
