"""No mask: how far the rig carries each landmark, against how far living faces were measured to carry it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.basis import Basis, load_basis
from visavis.portrait.eyes import CURVE_SAMPLES
from visavis.portrait.fields import Grid
from visavis.portrait.lids import lid_positions
from visavis.portrait.motions import motion_weights
from visavis.portrait.movement import Movement
from visavis.portrait.pose import rigid_similarity
from visavis.portrait.projection import facing_of
from visavis.portrait.render import PortraitRenderer
from visavis.portrait.rig import Rig
from visavis.portrait.score.reach import find_window
from visavis.portrait.topology import EYES, LIP_LOWER, LIP_UPPER, MESH_POINTS
from visavis.types import EMOTIONS, Expression, Float32, Image, upright

__all__ = ["ReadLandmarks", "carried", "freed_of_pose", "measure_motion", "measure_seen_motion"]

#: A point that faces the viewer by less than this cosine is not seen.
_TURNED_AWAY: Final = 0.1
#: Reads the (478, 3) landmarks of the one face in a picture (H, W, 3) uint8 RGB, or None where it sees no face.
ReadLandmarks = Callable[[Image], Float32 | None]


def measure_motion(rig: Rig, presets: Mapping[str, Expression], *, basis: Basis | None = None) -> dict[str, float]:
    """Hold the rig's displacements against the 99th percentile of living faces, point by point.

    Returns:
        For each emotion `motion/EMOTION`, the largest ratio over the points, and `motion-95/EMOTION`, their 95th
        percentile. 1 is the end of the human range.
    """
    reach = (basis or load_basis()).reach[:MESH_POINTS].astype(np.float64)
    figures = {}
    for label in EMOTIONS[1:]:
        far = np.linalg.norm(carried(rig, presets[label]), axis=1) / rig.face_width
        figures[f"motion/{label}"] = float((far / reach).max())
        figures[f"motion-95/{label}"] = float(np.percentile(far / reach, 95))
    return figures


def measure_seen_motion(
    renderer: PortraitRenderer,
    painting: Image,
    landmarks: Float32,
    presets: Mapping[str, Expression],
    read: ReadLandmarks,
    *,
    basis: Basis | None = None,
) -> dict[str, float]:
    """The same as the landmarker sees it: as the living faces were measured, freed of pose, from the face at rest.

    Points that are painted turned away are left out: the landmarker sees nothing of them and guesses.

    Returns:
        For each emotion `seen-motion/EMOTION`, the largest ratio over the points, and `seen-motion-95/EMOTION`, their
        95th percentile; nothing where the reader does not see the painting, or not the render.
    """
    basis = basis or load_basis()
    reach = basis.reach[:MESH_POINTS].astype(np.float64) * basis.width
    figures: dict[str, float] = {}
    found = find_window(painting, landmarks, read)
    if found is None:
        return figures
    window, seen = found
    rest = freed_of_pose(seen, basis)
    to_canonical, _, _ = rigid_similarity(upright(seen), basis.neutral)
    visible = facing_of(basis, to_canonical.T)[:MESH_POINTS] > _TURNED_AWAY
    for label in EMOTIONS[1:]:
        shown = read(window.cut(renderer.render(presets[label])))
        if shown is None:
            continue
        moved = freed_of_pose(shown, basis)
        ratio = (np.linalg.norm((moved - rest)[:MESH_POINTS, :2], axis=1) / reach)[visible]
        figures[f"seen-motion/{label}"] = float(ratio.max())
        figures[f"seen-motion-95/{label}"] = float(np.percentile(ratio, 95))
    return figures


def freed_of_pose(landmarks: Float32, basis: Basis) -> NDArray[np.float64]:
    """Landmarks in the frame of the canonical face, (478, 3) centimetres."""
    points = upright(landmarks)
    rotation, scale, shift = rigid_similarity(points, basis.neutral)
    return np.asarray(points @ rotation.T * scale + shift)


def carried(rig: Rig, expression: Expression) -> NDArray[np.float64]:
    """How far an expression carries each of the 468 points of the mesh, (468, 2) pixels.

    Lips go with their layer, lids with their eye, everything else with the skin.
    """
    weights, movement = motion_weights(expression), Movement(rig)
    points = rig.landmarks[:MESH_POINTS]
    moved = _sampled(movement.face(weights), rig.grid, points)
    for lip, displacement in zip((list(LIP_LOWER), list(LIP_UPPER)), movement.lips(weights), strict=True):
        moved[lip] = _sampled(displacement, rig.mouth.grid, points[lip])
    for eye in rig.eyes:
        top, bottom = lid_positions(eye, weights)
        for members, shift in zip(EYES[eye.side], (top - eye.upper, bottom - eye.lower), strict=True):
            u = (points[list(members[1:-1])] - eye.origin) @ eye.axis
            along = np.interp(eye.curve_position(u), np.arange(CURVE_SAMPLES), shift)
            moved[list(members[1:-1])] += along[:, None] * eye.down
    return moved


def _sampled(displacement: Float32, grid: Grid, points: Float32) -> NDArray[np.float64]:
    """A displacement at some points, bilinearly, (N, 2); 0 outside of the grid."""
    import cv2

    place = ((points - (grid.x0, grid.y0)) / grid.step).astype(np.float32)
    sampled = cv2.remap(
        displacement, place[:, None, 0], place[:, None, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(sampled.reshape(-1, 2), np.float64)
