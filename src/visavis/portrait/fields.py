"""Smooth displacement fields on a regular grid over the face, and their inverse.

A field says how far the paint at a place moves: the paint at `p` goes to `p + D(p)`, in pixels of the painting.
Rendering asks the other way round, for the place `s` whose paint arrives at `x`: `s + D(s) = x`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.types import Float32

__all__ = ["Grid", "apart", "invert", "side_of", "smooth_step", "thin_plate_operator"]

Array = NDArray[np.float64]

#: Newton's steps are at most this long, in grid units.
_LONGEST_STEP: Final = 2.0
#: Rounds of Newton's method at most, of which the later are spent on nodes whose last step was longer than this, in
#: grid units. A raised brow is a tenth of a face away from where its paint was: from beyond the eye, steps are many.
_ROUNDS: Final = 10
_ROUNDS_OF_ALL: Final = 2
_ARRIVED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular grid of nodes in painting pixels: node (row, column) lies at `(x0 + column*step, y0 + row*step)`."""

    x0: int
    y0: int
    step: int
    columns: int
    rows: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """`x0, y0, x1, y1`: the pixels from the first node up to, and without, the last."""
        return (
            self.x0,
            self.y0,
            self.x0 + (self.columns - 1) * self.step,
            self.y0 + (self.rows - 1) * self.step,
        )

    def nodes(self) -> Float32:
        """(rows, columns, 2) float32 positions x, y."""
        x = self.x0 + self.step * np.arange(self.columns, dtype=np.float32)
        y = self.y0 + self.step * np.arange(self.rows, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), axis=2)

    def pixels(self) -> Float32:
        """(h, w, 2) float32 positions x, y of the pixels of `box`."""
        x0, y0, x1, y1 = self.box
        x, y = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
        return np.stack(np.meshgrid(x, y), axis=2)

    def part(self, box: tuple[float, float, float, float]) -> tuple[slice, slice]:
        """Slices of rows and columns whose cells cover a box in painting pixels."""
        x0, y0, x1, y1 = box
        first_column = min(max(int((x0 - self.x0) // self.step), 0), self.columns - 2)
        first_row = min(max(int((y0 - self.y0) // self.step), 0), self.rows - 2)
        last_column = min(max(int(-(-(x1 - self.x0) // self.step)), first_column + 1), self.columns - 1)
        last_row = min(max(int(-(-(y1 - self.y0) // self.step)), first_row + 1), self.rows - 1)
        return slice(first_row, last_row + 1), slice(first_column, last_column + 1)

    def crop(self, rows: slice, columns: slice) -> Grid:
        """The grid of the nodes in two slices, as given by `part`."""
        return Grid(
            self.x0 + columns.start * self.step,
            self.y0 + rows.start * self.step,
            self.step,
            columns.stop - columns.start,
            rows.stop - rows.start,
        )


def thin_plate_operator(centres: Array, targets: Array, *, smoothing: float = 0.0) -> Array:
    """The matrix that carries values at `centres` to `targets` by a thin-plate spline.

    Args:
        centres: (N, 2) control points, of which no two coincide.
        targets: (M, 2) places.
        smoothing: 0 interpolates; more smooths, in squared units of distance.

    Returns:
        (M, N): multiply by (N, K) values to have (M, K).

    Source: Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations", 1989.
    """
    origin, scale = centres.mean(axis=0), np.ptp(centres, axis=0).max()
    a, b = (centres - origin) / scale, (targets - origin) / scale
    count = len(a)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(a, a) + smoothing / scale**2 * np.eye(count)
    system[:count, count:] = system[count:, :count].T
    system[:count, count] = 1
    system[:count, count + 1 :] = a
    system[count:, :count] = system[:count, count:].T
    # Solving for the unit values gives, for any values, the coefficients; only the first `count` columns matter.
    coefficients = np.linalg.solve(system, np.eye(count + 3, count))
    rows = np.concatenate([_kernel(b, a), np.ones((len(b), 1)), b], axis=1)
    return np.asarray(rows @ coefficients)


def _kernel(a: Array, b: Array) -> Array:
    """r^2 log r of all pairs, (len(a), len(b))."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    squared = np.maximum(squared, 1e-12)
    return np.asarray(0.5 * squared * np.log(squared))


def apart(places: Array, distance: float) -> NDArray[np.intp]:
    """Indices of (N, 2) places of which no two lie within `distance`, the first of each crowd, in order.

    A spline through places that coincide has no solution (`thin_plate_operator`).
    """
    kept: list[int] = []
    for index, place in enumerate(places):
        if not kept or np.linalg.norm(places[kept] - place, axis=1).min() > distance:
            kept.append(index)
    return np.array(kept, np.intp)


def side_of(line: Array, points: Array) -> Array:
    """On which side of an open line points lie, smoothly: (N,) from 0 to 1, with a jump from 1 to 0 across the line.

    The value is 0.5 plus the angle under which the line is seen, in turns: near 1 just above it (smaller y, for a line
    that runs to the right), near 0 just below, 0.5 far away and beyond its ends. So two motions can be blended that
    agree around a cut and part along it.

    Args:
        line: (K, 2) vertices, from left to right.
        points: (N, 2).
    """
    angle = np.zeros(len(points))
    for start, end in itertools.pairwise(line):
        a, b = start - points, end - points
        angle -= np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))
    return np.asarray(0.5 + angle / (2 * np.pi))


def smooth_step(t: Array) -> Array:
    """`t^2 (3 - 2t)` of a number held to [0, 1]: from 0 to 1, flat at both ends."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def invert(displacement: Float32, step: int) -> Float32:
    """Where the paint comes from: R with `R(x) = s - x` for `s + D(s) = x`, on the nodes of the same grid.

    Newton's method with the field's own derivatives, from the start `s = x - D(x)`; where the field is steep the step
    is damped, so that folds stay bounded. After two rounds nearly all nodes have arrived; the rest goes on by itself.

    Args:
        displacement: (rows, columns, 2) float32 in pixels.
        step: pixels between two nodes.

    Returns:
        (rows, columns, 2) float32 in pixels.
    """
    import cv2

    x, y = _lattice(*displacement.shape[:2])
    field = displacement * np.float32(1 / step)  # in grid units, as cv2.remap counts
    dx = cv2.Sobel(field, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(field, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    # (u, v, du/dx, dv/dx) and (du/dy, dv/dy, then anything): OpenCV samples four channels several times faster than any
    # other number of them.
    packed = cv2.merge((field, dx)), cv2.merge((dy, field))
    u, v = cv2.split(field)
    source_x, source_y = x - u, y - v
    for _ in range(_ROUNDS_OF_ALL):
        step_x, step_y = _newton(packed, x, y, source_x, source_y)
        source_x += step_x
        source_y += step_y
    # What the last step still moved is not there yet, and goes on as columns of one.
    nodes = tuple(part.reshape(-1, 1) for part in (x, y, source_x, source_y))
    late = np.arange(x.size)
    for _ in range(_ROUNDS - _ROUNDS_OF_ALL):
        late = late[np.maximum(np.abs(step_x), np.abs(step_y)).reshape(-1) > _ARRIVED]
        if not len(late):
            break
        step_x, step_y = _newton(packed, *(part[late] for part in nodes))
        nodes[2][late] += step_x
        nodes[3][late] += step_y
    back = cv2.merge((source_x - x, source_y - y))
    # A fold has no inverse: there the median keeps order.
    smoothed: Float32 = cv2.medianBlur(back, 5)
    smoothed *= np.float32(step)
    return smoothed


def _newton(
    packed: tuple[Float32, Float32], x: Float32, y: Float32, source_x: Float32, source_y: Float32
) -> tuple[Float32, Float32]:
    """One step towards the sources of (x, y), from a guess; all in grid units."""
    import cv2

    first, second = (
        cv2.remap(part, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in packed
    )
    u, v, a, c = cv2.split(first)
    b, d = cv2.extractChannel(second, 0), cv2.extractChannel(second, 1)
    miss_x, miss_y = x - source_x - u, y - source_y - v
    a, d = 1 + a, 1 + d
    # Where paint folds over itself the step is damped, and bounded.
    scale = 1 / np.maximum(a * d - b * c, 0.25)
    return (
        np.clip((d * miss_x - b * miss_y) * scale, -_LONGEST_STEP, _LONGEST_STEP),
        np.clip((a * miss_y - c * miss_x) * scale, -_LONGEST_STEP, _LONGEST_STEP),
    )


@lru_cache(maxsize=16)
def _lattice(rows: int, columns: int) -> tuple[Float32, Float32]:
    """The x and the y of every node in grid units, not to be written to."""
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return x, y
