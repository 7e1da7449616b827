"""How a painted head turns: by a few degrees, each place of the picture by its depth, and no further than paint bears.

The depth is that of the face mesh, smoothed, and falls off towards hair and headdress; so the nose moves more than the
ears, and what lies around the face is carried along. Yaw and pitch shift paint by its depth; roll turns it in the
picture. One field stands for one degree: over the few degrees that a painting can turn, a sine is its angle.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.fields import Grid, apart, thin_plate_operator
from visavis.portrait.topology import MESH_POINTS
from visavis.types import Float32

__all__ = ["bounded_sway", "largest_sway", "sway_fields"]

Array = NDArray[np.float64]

#: How far the paint may be squeezed or stretched by a turn: at 1 it would fold.
_MOST_STRAIN: Final = 0.6
#: No head turns further than this, in degrees, however well its paint bears it: there is no other side to show.
_MOST_DEGREES: Final = 12.0
#: Points of the mesh that face the viewer by less than this cosine tell nothing of the depth that is seen.
_FACING: Final = 0.1
#: Smoothing of the depth, in face widths: what is finer is the landmarks' own noise.
_SMOOTHING: Final = 0.03


def sway_fields(
    upright: Array, normals: Array, rotation: Array, grid: Grid, fade: Array, *, still: Array, face_width: float
) -> Array:
    """The displacement of one degree of yaw, pitch and roll, (3, rows, columns, 2) pixels with y down.

    Args:
        upright: (N, 3) points of the mesh in pixels, y up and z to the viewer.
        normals: (N, 3) of the mesh, as painted.
        rotation: (3, 3), how the head is painted.
        grid: where the fields are sampled.
        fade: (rows, columns), what the motion is multiplied by.
        still: (M, 2) places around the head, y down, where the depth has fallen to that of the neck.
        face_width: in pixels.
    """
    # The head turns about a point behind the middle of the face, as it does on its neck, and about its own axes.
    pivot = upright[:MESH_POINTS].mean(axis=0) - rotation[:, 2] * 0.35 * face_width
    axes = (rotation[:, 1], -rotation[:, 0], -rotation[:, 2])
    facing = np.flatnonzero(normals[:MESH_POINTS, 2] > _FACING)
    seen = upright[facing]
    seen = seen[np.argsort(-seen[:, 2], kind="stable")]  # of a crowd, the nearest to the viewer is what is seen
    seen = seen[apart(seen[:, :2], 0.02 * face_width)]
    flat = np.array([1.0, -1.0])
    centres = np.concatenate([seen[:, :2] * flat, still])
    depths = np.concatenate([seen[:, 2] - pivot[2], np.zeros(len(still))])
    nodes = grid.nodes().reshape(-1, 2).astype(np.float64)
    depth = thin_plate_operator(centres, nodes, smoothing=(_SMOOTHING * face_width) ** 2) @ depths
    relative = np.concatenate([nodes * flat - pivot[:2], depth[:, None]], axis=1)
    turned = np.stack([np.radians(1) * np.cross(axis, relative)[:, :2] * flat for axis in axes])
    fields = turned.reshape(3, grid.rows, grid.columns, 2)
    return np.asarray(fields * fade[None, :, :, None])


def largest_sway(fields: Array, step: int) -> Float32:
    """How far a head may turn by each of yaw, pitch and roll alone, (3,) float32 degrees, the same to both sides.

    A field whose gradient nowhere has a norm of 1 or more has an inverse: paint is moved, and never folded or torn (the
    map `p + D(p)` is one to one where `|D(p) - D(q)| < |p - q|`). The turn ends well before.

    Args:
        fields: (3, rows, columns, 2) displacement of one degree in pixels.
        step: pixels between two nodes.
    """
    down, across = np.gradient(fields, axis=1) / step, np.gradient(fields, axis=2) / step
    strain = np.linalg.norm(np.stack([across, down], axis=-1), ord=2, axis=(-2, -1)).max(axis=(1, 2))
    return np.asarray(np.minimum(_MOST_STRAIN / np.maximum(strain, 1e-9), _MOST_DEGREES), np.float32)


def bounded_sway(sway: Float32, largest: Float32) -> Float32:
    """The sway itself, or, beyond what the paint bears, the largest in its direction, (3,) float32.

    The norms of gradients add up at most, so together the shares of the three axes' bounds must not exceed 1.

    >>> bounded_sway(np.array([20, 0, 0], np.float32), np.array([8, 6, 10], np.float32)).tolist()
    [8.0, 0.0, 0.0]
    """
    share = float((np.abs(sway) / largest).sum())
    return sway if share <= 1 else (sway / np.float32(share)).astype(np.float32)
