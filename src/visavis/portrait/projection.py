"""Blendshapes as a painting shows them: turned into its pose, seen from its side, calm along its outline."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.basis import Basis
from visavis.portrait.easing import smooth_step
from visavis.portrait.topology import (
    BROWS,
    EYES,
    FACE_OVAL,
    LIP_LOWER,
    LIP_OUTER_LOWER,
    LIP_OUTER_UPPER,
    LIP_UPPER,
    MESH_POINTS,
)
from visavis.types import BLENDSHAPES

__all__ = ["JAW_SHAPES", "facing_of", "painted_motions"]

Array = NDArray[np.float64]

#: Indices of the blendshapes that move the jaw as a whole.
JAW_SHAPES: Final = tuple(index for index, name in enumerate(BLENDSHAPES) if name.startswith("jaw"))
_LID_SHAPES: Final = tuple(
    index for index, name in enumerate(BLENDSHAPES) if name.startswith(("eyeBlink", "eyeWide", "eyeLook"))
)
#: The corners of the rings between the outer and the inner contour of the lips, and of the inner one.
_CORNERS: Final = (76, 62, 78, 306, 292, 308)
#: Over which distance the outline of the face takes the mean of the motions around, in face widths.
_CALM: Final = 0.12


def painted_motions(basis: Basis, rotation: Array, scale: float, upright: Array) -> Array:
    """What each blendshape does to the mesh as painted, (52, 478, 2) pixels with y down.

    Args:
        basis: the blendshapes.
        rotation: (3, 3), how the head is painted.
        scale: pixels for one centimetre of the basis.
        upright: (478, 3) landmarks in pixels, y up and z to the viewer.
    """
    deltas = basis.deltas.astype(np.float64) @ rotation.T * scale
    # Skin that is turned away is hardly seen to move: its paint is the outline of the face. The jaw moves as a whole.
    facing = facing_of(basis, rotation)
    seen = np.tile(0.3 + 0.7 * smooth_step(facing / 0.45), (len(BLENDSHAPES), 1))
    seen[list(JAW_SHAPES)] = 1
    moved = _calmed(deltas[:, :, :2] * seen[:, :, None], upright[:, :2], facing, scale * basis.width)
    # Lids are turned over to the eyes; what is left of these motions would drag the brow about.
    moved[list(_LID_SHAPES)] = 0
    # An eye goes where its corners go, and its lids move over it; a spline that knew nothing of the lids would swing
    # down between a raised brow and the still corners, and half close the eye.
    for upper, lower in EYES.values():
        outer, inner = upper[0], upper[-1]
        for lid in (upper, lower):
            share = np.linspace(0, 1, len(lid))[None, 1:-1, None]
            moved[:, list(lid[1:-1])] = (1 - share) * moved[:, [outer]] + share * moved[:, [inner]]
    moved[:, :, 1] *= -1
    return moved


def facing_of(basis: Basis, rotation: Array) -> Array:
    """How far each point of the mesh is turned to the viewer, (478,): 1 is straight at him, 0 and less is away.

    The wet of a lip is turned down and inwards in any mouth; it counts as its outline beside it, and moves with it.
    """
    facing = basis.normals.astype(np.float64) @ rotation[2]
    x = basis.neutral[:, 0]
    for lip, outline in (((*LIP_UPPER, *_CORNERS), LIP_OUTER_UPPER), (LIP_LOWER, LIP_OUTER_LOWER)):
        facing[list(lip)] = np.interp(x[list(lip)], x[list(outline)], facing[list(outline)])
    return np.asarray(facing)


def _calmed(moved: Array, places: Array, facing: Array, face_width: float) -> Array:
    """Motions (52, 478, 2) of which the outline and the skin turned away follow the mean of their surroundings.

    Seen from the side, points lie close together that a shape moves apart; each by itself would tear the outline.
    """
    distance = np.linalg.norm(places[:MESH_POINTS, None] - places[None, :MESH_POINTS], axis=2)
    nearness = np.exp(-0.5 * (distance / (_CALM * face_width)) ** 2)
    nearness[:, [*LIP_UPPER, *LIP_LOWER]] = 0
    nearness /= nearness.sum(axis=1, keepdims=True)
    share = 1 - smooth_step(facing[:MESH_POINTS] / 0.75)
    brows = [point for brow in BROWS.values() for line in brow for point in line]
    share[brows] = 1 - smooth_step(facing[brows] / 0.35)
    share[list(FACE_OVAL)] = 1
    share[[*LIP_UPPER, *LIP_LOWER]] = 0
    calmed = moved.copy()
    around = np.einsum("pq,kqc->kpc", nearness, moved[:, :MESH_POINTS])
    calmed[:, :MESH_POINTS] += share[None, :, None] * (around - moved[:, :MESH_POINTS])
    return calmed
