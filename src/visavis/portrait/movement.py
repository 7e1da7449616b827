"""How an expression moves the nodes of a rig: its fields are summed up, and kept from folding.

    movement = Movement(rig)
    movement.face(motion_weights(expression))  # (rows, columns, 2) pixels

A lip that rolls in folds its paint, as a brow does that comes down over an eye. Which side of a fold is seen would
change from node to node, in jags; so where paint would be pressed together too far, motion is spread to what is around.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.fields import Grid
from visavis.portrait.rig import Rig
from visavis.portrait.warp import Part, moving_nodes, part_of
from visavis.types import Float32

__all__ = ["Movement", "smoothing_shares", "unfold"]

Indices = NDArray[np.intp]

#: Weights below this move nothing that can be seen.
_LEAST_WEIGHT: Final = 1e-3
#: Nodes from where parts of the picture meet to where motion may be smoothed wholly.
_NEAR: Final = 4


class Movement:
    """The motion of a rig's nodes, for weights as `motion_weights` gives them."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def face(self, weights: Float32) -> Float32:
        """How far each node of the rig's grid is moved, (rows, columns, 2) float32 in pixels."""
        rig = self.rig
        displacement = _summed(rig.fields, weights)
        moving = part_of(moving_nodes(displacement))
        if moving is not None:
            displacement[moving] = unfold(displacement[moving], rig.grid.step, self._face_shares[moving])
        return displacement

    def lips(self, weights: Float32) -> tuple[Float32, Float32]:
        """The same for the layers of the lower and of the upper lip, over the mouth's grid."""
        mouth = self.rig.mouth
        lower, upper = (
            unfold(_summed(fields, weights), mouth.grid.step, self._lip_shares) for fields in (mouth.lower, mouth.upper)
        )
        return lower, upper

    @cached_property
    def _face_shares(self) -> Float32:
        grid, mouth = self.rig.grid, self.rig.mouth.grid
        return smoothing_shares(grid, grid.part(mouth.box))

    @cached_property
    def _lip_shares(self) -> Float32:
        return smoothing_shares(self.rig.mouth.grid)


def smoothing_shares(grid: Grid, within: Part | None = None) -> Float32:
    """How much of the smoothing each node takes, (rows, columns) float32 from 0 to 1.

    Where parts of the picture meet that are drawn by themselves, they must agree: at the border of a grid, and at that
    of a part within it, nodes stay as they are.

    >>> smoothing_shares(Grid(0, 0, 3, 9, 5))[2].tolist()
    [0.0, 0.0, 0.25, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0]
    """
    row, column = np.ogrid[: grid.rows, : grid.columns]
    away = _inside(row, column, slice(0, grid.rows), slice(0, grid.columns)) - 1
    if within is not None:
        inside = _inside(row, column, *within)
        away = np.minimum(away, np.where(inside < 0, -inside - 1, inside - 1))
    return np.asarray(np.clip(away / _NEAR, 0, 1), np.float32)


def _inside(row: Indices, column: Indices, rows: slice, columns: slice) -> Indices:
    """How many nodes lie between a place and the border of a part; negative outside."""
    across = np.minimum(column - columns.start, columns.stop - 1 - column)
    return np.asarray(np.minimum(across, np.minimum(row - rows.start, rows.stop - 1 - row)))


def unfold(displacement: Float32, step: int, shares: Float32) -> Float32:
    """The displacement, smoothed where it would press paint together too far, or fold it over itself.

    Args:
        displacement: (rows, columns, 2) float32 in pixels.
        step: pixels between two nodes.
        shares: (rows, columns) float32, how much of the smoothing each node takes, as `smoothing_shares` gives it.

    Returns:
        (rows, columns, 2) float32 in pixels.
    """
    from visavis.portrait.loops.inverse import unfolded

    return unfolded(displacement * np.float32(1 / step), np.ascontiguousarray(shares)) * np.float32(step)


def _summed(fields: Float32, weights: Float32) -> Float32:
    """The sum of (K, rows, columns, 2) fields times their weights, (rows, columns, 2)."""
    import cv2

    flat = fields.reshape(*fields.shape[:2], -1)
    total = np.zeros(flat.shape[1:], np.float32)
    for motion in np.flatnonzero(np.abs(weights) > _LEAST_WEIGHT):
        cv2.scaleAdd(flat[motion], float(weights[motion]), total, dst=total)
    return total.reshape(fields.shape[1:])
