"""Newton's method on the nodes of a displacement field."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.portrait.loops.compiled import compiled
from visavis.types import Float32

__all__ = ["sources_of"]

#: Steps are at most this long along each axis, in grid units: with longer ones nodes leap over folds and do not come
#: back, with shorter ones they need more steps.
_LONGEST_STEP: Final = np.float32(2)
#: Where paint folds over itself the determinant of the field's slope is 0 or less: it counts as no less than this.
_LEAST_DETERMINANT: Final = np.float32(0.25)
#: Steps at most, and the one that is so short, in grid units, that a node has arrived. A raised brow is a tenth of a
#: face away from where its paint was: from beyond the eye, steps are many. As in the page's shader: where paint folds
#: over itself, every number tells in the picture.
_STEPS: Final = 10
_ARRIVED: Final = np.float32(0.02)


@compiled
def sources_of(field: Float32) -> Float32:
    """For each node x of a field D the s with `s + D(s) = x`, less x.

    From the start `s = x - D(x)`, with the field's own derivatives; where it is steep the steps are damped, so that
    folds stay bounded. Beyond its border a field goes on as it ends.

    Args:
        field: (rows, columns, 2) float32 in grid units.

    Returns:
        float32 of the same shape, in grid units.
    """
    rows, columns, _ = field.shape
    slopes = _slopes(field)
    back = np.empty_like(field)
    for row in range(rows):
        for column in range(columns):
            x, y = np.float32(column), np.float32(row)
            source_x, source_y = x - field[row, column, 0], y - field[row, column, 1]
            for count in range(_STEPS):
                # The four nodes around the guess, and how much each counts.
                at_x = min(max(source_x, np.float32(0)), np.float32(columns - 1))
                at_y = min(max(source_y, np.float32(0)), np.float32(rows - 1))
                i, j = min(int(at_y), rows - 2), min(int(at_x), columns - 2)
                fx, fy = at_x - np.float32(j), at_y - np.float32(i)
                gx, gy = np.float32(1) - fx, np.float32(1) - fy
                w00, w01, w10, w11 = gx * gy, fx * gy, gx * fy, fx * fy
                u = w00 * field[i, j, 0] + w01 * field[i, j + 1, 0]
                u += w10 * field[i + 1, j, 0] + w11 * field[i + 1, j + 1, 0]
                v = w00 * field[i, j, 1] + w01 * field[i, j + 1, 1]
                v += w10 * field[i + 1, j, 1] + w11 * field[i + 1, j + 1, 1]
                miss_x, miss_y = x - source_x - u, y - source_y - v
                a = w00 * slopes[i, j, 0] + w01 * slopes[i, j + 1, 0]
                a += w10 * slopes[i + 1, j, 0] + w11 * slopes[i + 1, j + 1, 0]
                b = w00 * slopes[i, j, 1] + w01 * slopes[i, j + 1, 1]
                b += w10 * slopes[i + 1, j, 1] + w11 * slopes[i + 1, j + 1, 1]
                c = w00 * slopes[i, j, 2] + w01 * slopes[i, j + 1, 2]
                c += w10 * slopes[i + 1, j, 2] + w11 * slopes[i + 1, j + 1, 2]
                d = w00 * slopes[i, j, 3] + w01 * slopes[i, j + 1, 3]
                d += w10 * slopes[i + 1, j, 3] + w11 * slopes[i + 1, j + 1, 3]
                scale = np.float32(1) / max(a * d - b * c, _LEAST_DETERMINANT)
                step_x = min(max((d * miss_x - b * miss_y) * scale, -_LONGEST_STEP), _LONGEST_STEP)
                step_y = min(max((a * miss_y - c * miss_x) * scale, -_LONGEST_STEP), _LONGEST_STEP)
                source_x += step_x
                source_y += step_y
                if count > 0 and max(abs(step_x), abs(step_y)) <= _ARRIVED:
                    break
            back[row, column, 0], back[row, column, 1] = source_x - x, source_y - y
    return back


@compiled
def _slopes(field: Float32) -> Float32:
    """The matrix of derivatives of `p + D(p)` at each node, (rows, columns, 4), row by row; by Sobel's operator."""
    rows, columns, _ = field.shape
    slopes = np.empty((rows, columns, 4), np.float32)
    one, two, eighth = np.float32(1), np.float32(2), np.float32(1 / 8)
    for row in range(rows):
        above, below = max(row - 1, 0), min(row + 1, rows - 1)
        for column in range(columns):
            before, after = max(column - 1, 0), min(column + 1, columns - 1)
            for axis in range(2):
                along = field[above, after, axis] - field[above, before, axis]
                along += two * (field[row, after, axis] - field[row, before, axis])
                along += field[below, after, axis] - field[below, before, axis]
                down = field[below, before, axis] - field[above, before, axis]
                down += two * (field[below, column, axis] - field[above, column, axis])
                down += field[below, after, axis] - field[above, after, axis]
                slopes[row, column, 2 * axis], slopes[row, column, 2 * axis + 1] = along * eighth, down * eighth
            slopes[row, column, 0] += one
            slopes[row, column, 3] += one
    return slopes
