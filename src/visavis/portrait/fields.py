"""Smooth displacement fields on a regular grid over the face.

A field says how far the paint at a place moves: the paint at `p` goes to `p + D(p)`, in pixels of the painting.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.types import Float32

__all__ = ["Grid", "apart", "side_of", "spread_motions", "thin_plate_operator"]

Array = NDArray[np.float64]


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


def spread_motions(
    points: Array, moved: Array, members: list[int], nodes: Array, face_width: float, *, still: Array | None = None
) -> Array:
    """Carry the motions of some points of the mesh to the nodes of a grid.

    Args:
        points: (478, 2) landmarks in pixels.
        moved: (K, 478, 2), how each of K motions moves them.
        members: which of them are carried.
        nodes: (N, 2) places in pixels.
        face_width: in pixels; how fine the motion is, and how near two points may lie, goes by it.
        still: (M, 2) places that never move.

    Returns:
        (K, N, 2).
    """
    members = [members[index] for index in apart(points[members], 0.004 * face_width)]
    values = moved[:, members].transpose(1, 0, 2).reshape(len(members), -1)
    centres = points[members]
    if still is not None:
        centres = np.concatenate([centres, still])
        values = np.concatenate([values, np.zeros((len(still), values.shape[1]))])
    operator = thin_plate_operator(centres, nodes, smoothing=(0.004 * face_width) ** 2)
    return np.ascontiguousarray((operator @ values).reshape(len(nodes), len(moved), 2).transpose(1, 0, 2))
