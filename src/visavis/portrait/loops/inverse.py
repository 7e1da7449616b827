"""Loops over the nodes of a displacement field: Newton's method, and what keeps paint from folding."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.portrait.loops.compiled import compiled
from visavis.types import Float32

__all__ = ["sources_of", "unfolded"]

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
#: Paint may be pressed together to this share of its area. Beyond, motion is spread to what is around, in so many
#: rounds; nodes at the border have nothing around them.
_MOST_PRESSED: Final = np.float32(0.2)
_ROUNDS: Final = 16
_BORDER: Final = 2


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
            for _ in range(_STEPS):
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
                if max(abs(step_x), abs(step_y)) <= _ARRIVED:
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


@compiled
def unfolded(field: Float32, shares: Float32) -> Float32:
    """The same field, smoothed where paint would be pressed together too far, or fold over itself.

    How far is told by the least determinant of the slopes towards the neighbours above or below, and left or right.

    Args:
        field: (rows, columns, 2) float32 in grid units.
        shares: (rows, columns) float32, how much of the smoothing each node takes, from 0 to 1.

    Returns:
        float32 of the same shape as the field.
    """
    rows, columns, _ = field.shape
    now, after = field.copy(), field.copy()
    # Which nodes may be pressed: all at first, and from then on those that have moved, and their neighbours.
    pending, later = np.ones((rows, columns), np.uint8), np.zeros((rows, columns), np.uint8)
    top, bottom, left, right = _BORDER, rows - _BORDER, _BORDER, columns - _BORDER
    for _ in range(_ROUNDS):
        first_row, last_row, first_column, last_column = rows, -1, columns, -1
        for row in range(top, bottom):
            for column in range(left, right):
                if pending[row, column] == 0 or shares[row, column] == 0:
                    continue
                pending[row, column] = 0
                pressed = np.float32(1) - _least_determinant(now, row, column) / _MOST_PRESSED
                if pressed <= 0:
                    continue
                share = min(pressed, np.float32(1)) * shares[row, column]
                for axis in range(2):
                    mean = _mean_around(now, row, column, axis)
                    after[row, column, axis] = now[row, column, axis] + share * (mean - now[row, column, axis])
                later[row - 1, column] = later[row + 1, column] = later[row, column] = 1
                later[row, column - 1] = later[row, column + 1] = 1
                first_row, last_row = min(first_row, row), max(last_row, row)
                first_column, last_column = min(first_column, column), max(last_column, column)
        if last_row < 0:
            break
        moved = slice(first_row, last_row + 1), slice(first_column, last_column + 1)
        now[moved] = after[moved]
        pending, later = later, pending
        top, bottom = max(first_row - 1, _BORDER), min(last_row + 2, rows - _BORDER)
        left, right = max(first_column - 1, _BORDER), min(last_column + 2, columns - _BORDER)
    return now


@compiled
def _least_determinant(field: Float32, row: int, column: int) -> np.float32:
    """The smallest share of its area that any of the four cells around a node keeps."""
    u, v = field[row, column, 0], field[row, column, 1]
    one = np.float32(1)
    left_x, left_y = one + u - field[row, column - 1, 0], v - field[row, column - 1, 1]
    right_x, right_y = one + field[row, column + 1, 0] - u, field[row, column + 1, 1] - v
    above_x, above_y = u - field[row - 1, column, 0], one + v - field[row - 1, column, 1]
    below_x, below_y = field[row + 1, column, 0] - u, one + field[row + 1, column, 1] - v
    return min(
        min(left_x * above_y - left_y * above_x, left_x * below_y - left_y * below_x),
        min(right_x * above_y - right_y * above_x, right_x * below_y - right_y * below_x),
    )


@compiled
def _mean_around(field: Float32, row: int, column: int, axis: int) -> np.float32:
    """The mean of 5 by 5 nodes, weighted by [1 4 6 4 1] / 16 along both axes."""
    total = np.float32(0)
    for i in range(-2, 3):
        line = np.float32(6) * field[row + i, column, axis]
        line += np.float32(4) * (field[row + i, column - 1, axis] + field[row + i, column + 1, axis])
        line += field[row + i, column - 2, axis] + field[row + i, column + 2, axis]
        total += line * np.float32(6 if i == 0 else 4 if abs(i) == 1 else 1)
    return total / np.float32(256)
