"""Rig a painting once, so that it can be moved for ever: the face's motions, its mouth, eyes and creases.

    face = find_faces(painting, assets=AssetStore())[0]
    rig = make_rig(painting, face)

Every motion is a field over a regular grid in the painting's own pixels and pose. The first 52 motions are the
blendshapes; three more turn the head (yaw, pitch, roll, for one degree each), and the last is a full breath.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import RigError
from visavis.portrait.antagonists import take_back
from visavis.portrait.basis import Basis, load_basis
from visavis.portrait.breath import Body, away_from_border, breath_field, make_body
from visavis.portrait.creases import Creases, make_creases
from visavis.portrait.easing import smooth_step
from visavis.portrait.eyemaker import make_eye, veiled_eye
from visavis.portrait.eyes import Eye, still_where_hidden
from visavis.portrait.fields import Grid, side_of, spread_motions
from visavis.portrait.hull import inside_hull
from visavis.portrait.lipline import LipLine, find_lip_line
from visavis.portrait.motions import HEAD, MOTIONS, SWAY
from visavis.portrait.mouth import Mouth, read_palette
from visavis.portrait.mouthmaker import make_mouth
from visavis.portrait.paint import edge_softness, face_sharpness
from visavis.portrait.pose import rigid_similarity
from visavis.portrait.projection import painted_motions
from visavis.portrait.sway import largest_sway, sway_fields
from visavis.portrait.topology import (
    EYES,
    FACE_OVAL,
    LIP_INNER_LOWER,
    LIP_INNER_UPPER,
    LIP_LOWER,
    LIP_UPPER,
    MESH_POINTS,
)
from visavis.portrait.veil import read_veil
from visavis.types import BLENDSHAPES, Face, Float32, Image, check_image, head_angles, upright

__all__ = ["MIN_FACE_WIDTH", "Rig", "make_rig"]

Array = NDArray[np.float64]

_PITCH: Final = MOTIONS.index("swayPitch")
_BREATH: Final = MOTIONS.index("breath")
#: A full breath tips the head back by this, in degrees of pitch.
_BREATH_PITCH: Final = 0.25
#: Nodes of the grid over one face width.
_NODES_PER_FACE: Final = 84
#: Motion fades out from the outline of the face to this distance, in face widths; beyond it no pixel ever changes.
_FADE: Final = 0.33
#: A turn of the head is gone at the painting's own border, and whole at this distance from it, in face widths.
_TURN_BORDER: Final = 0.3
#: Smallest face that can be rigged, in pixels between the outlines of its cheeks.
MIN_FACE_WIDTH: Final = 60
#: Steepest head turn that can be rigged, in degrees from the front as the landmarks measure it; of a true profile
#: they see one half and guess the other.
_MAX_YAW: Final = 56.0


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """A painting that can be moved.

    Attributes:
        painting: (H, W, 3) uint8 RGB, as it is at rest.
        landmarks: (478, 2) float32, the face mesh in pixels.
        face_width: distance between the outlines of the cheeks in pixels, along the head.
        yaw, pitch, roll: how the head is painted, in degrees; yaw to the subject's left, pitch up.
        grid: where the fields are sampled.
        fields: (56, rows, columns, 2) float32, displacement in pixels of each motion at weight 1.
        largest_sway: (3,) float32, degrees of yaw, pitch and roll that the paint bears; see `bounded_sway`.
        body: the breath beyond the grid.
        mouth: the cut between the lips and what lies behind it.
        eyes: the subject's right eye, then the left.
        creases: folds of the skin.
        sharpness: how much moved paint is sharpened to keep its texture; see `visavis.portrait.paint`.
    """

    painting: Image
    landmarks: Float32
    face_width: float
    yaw: float
    pitch: float
    roll: float
    grid: Grid
    fields: Float32
    largest_sway: Float32
    body: Body
    mouth: Mouth
    eyes: tuple[Eye, Eye]
    creases: Creases
    sharpness: float

    @property
    def nbytes(self) -> int:
        """Bytes of the pictures and fields, which are nearly all of a rig; without the painting itself."""
        arrays: list[NDArray[Any]] = [
            self.fields,
            self.body.field,
            self.mouth.upper,
            self.mouth.lower,
            self.mouth.cavity,
            self.mouth.upper_teeth,
        ]
        arrays += [self.mouth.upper_mask, self.mouth.lower_mask, *self.creases.patches]
        arrays += [array for eye in self.eyes for array in (eye.white, eye.iris, eye.lid)]
        return sum(array.nbytes for array in arrays)


def make_rig(painting: Image, face: Face, *, basis: Basis | None = None) -> Rig:
    """Rig a painting for the face found in it.

    Args:
        painting: (H, W, 3) uint8 RGB; it is copied.
        face: with landmarks in pixels of the painting; its blendshapes, where it has them, are what the sitter was
            painted doing (see `antagonists`).
        basis: None for the one that ships with Visavis.

    Raises:
        RigError: the face has no landmarks, is too small, is seen too far from the side, or is cut off by the edge.
        ValueError: `painting` has another shape or dtype.
    """
    check_image(painting)
    basis = basis or load_basis()
    if face.landmarks is None:
        raise RigError("the face has no landmarks; find it with visavis.faces.find_faces")
    landmarks = face.landmarks.astype(np.float64)
    points = landmarks[:, :2]
    in_space = upright(landmarks)
    rotation, scale, _ = rigid_similarity(basis.neutral, in_space)
    face_width = scale * basis.width
    yaw, pitch, roll = head_angles(rotation)
    if face_width < MIN_FACE_WIDTH:
        raise RigError(
            f"the face is {floor(face_width)} pixels wide, at least {MIN_FACE_WIDTH} are needed: "
            "give a larger picture, or a crop around the head"
        )
    if abs(yaw) > _MAX_YAW:
        raise RigError(f"the head is turned by {abs(yaw):.0f} degrees, a profile: one side of the face cannot be seen")
    # Cut there, a face has landmarks all the same, but they lie anywhere.
    seen = points[[*EYES["Right"][0], *EYES["Left"][0], *LIP_INNER_UPPER, *LIP_INNER_LOWER]]
    if seen.min() < 0 or (seen > np.array(painting.shape[1::-1]) - 1).any():
        raise RigError("the edge of the picture cuts off an eye or the mouth; expected a picture of the whole face")

    moved = np.zeros((len(MOTIONS), len(points), 2))
    motions = painted_motions(basis, rotation, scale, in_space)
    moved[: len(BLENDSHAPES)] = take_back(motions, face.blendshapes, basis)
    grid = _grid_around(points, face_width, painting.shape)
    lips = find_lip_line(painting, points)
    fields = _face_fields(points, moved, grid, lips[0], face_width)
    outline, nodes = points[list(FACE_OVAL)], grid.nodes().astype(np.float64)
    fields[SWAY] = sway_fields(
        in_space,
        basis.normals.astype(np.float64) @ rotation.T,
        rotation,
        grid,
        _fade(points, grid, face_width) * away_from_border(nodes, painting.shape, _TURN_BORDER * face_width),
        still=_still(points, face_width),
        face_width=face_width,
    )
    fields[_BREATH] = breath_field(outline, face_width, nodes, painting.shape)
    fields[_BREATH] += _BREATH_PITCH * fields[_PITCH]
    # Bones go with head and breath as the paint over them does.
    column, row = np.rint((points - (grid.x0, grid.y0)) / grid.step).astype(int).T
    moved[HEAD] = fields[HEAD][:, np.clip(row, 0, grid.rows - 1), np.clip(column, 0, grid.columns - 1)]
    veil = read_veil(painting, points[:MESH_POINTS])
    clear, softness = veil.lifted(painting), edge_softness(painting, points[:MESH_POINTS])
    palette = read_palette(clear, points)
    mouth = make_mouth(
        painting,
        points,
        clear=clear,
        moved=moved,
        grid=grid,
        fields=fields,
        lips=lips,
        palette=palette,
        veil=veil,
        softness=softness,
        face_width=face_width,
    )
    right, left = (
        make_eye(clear, points, side, basis=basis, rotation=rotation, highlight=palette.light, softness=softness)
        for side in ("Right", "Left")
    )
    return Rig(
        painting=painting.copy(),
        landmarks=points.astype(np.float32),
        face_width=face_width,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        grid=grid,
        fields=fields.astype(np.float32),
        largest_sway=largest_sway(fields[SWAY], grid.step),
        body=make_body(outline, face_width, grid, painting.shape),
        mouth=mouth,
        eyes=still_where_hidden(veiled_eye(right, veil), veiled_eye(left, veil)),
        creases=make_creases(clear, points, grid.box, face_width, depth=veil.depth_on_face(painting, points)),
        sharpness=face_sharpness(painting, points[:MESH_POINTS]),
    )


def _grid_around(points: Array, face_width: float, shape: tuple[int, ...]) -> Grid:
    """A grid over all that can move, within the painting."""
    step = max(2, round(face_width / _NODES_PER_FACE))
    margin = (_FADE + 0.02) * face_width + step
    x0, y0 = np.maximum(np.floor(points[:MESH_POINTS].min(axis=0) - margin), 0).astype(int)
    x1, y1 = np.ceil(points[:MESH_POINTS].max(axis=0) + margin)
    columns = int(min(x1, shape[1]) - x0) // step + 1
    rows = int(min(y1, shape[0]) - y0) // step + 1
    return Grid(int(x0), int(y0), step, columns, rows)


def _face_fields(points: Array, moved: Array, grid: Grid, line: LipLine, face_width: float) -> Array:
    """The motions of the whole face, (56, rows, columns, 2): smooth but for a jump across the lips.

    Each node blends the field as the points without the lower lip give it, and without the upper one, by its side.
    """
    nodes = grid.nodes().reshape(-1, 2).astype(np.float64)
    still = _still(points, face_width)
    skin = range(MESH_POINTS)
    upper, lower = (
        spread_motions(points, moved, [point for point in skin if point not in other], nodes, face_width, still=still)
        for other in (frozenset(LIP_LOWER), frozenset(LIP_UPPER))
    )
    sides = smooth_step((side_of(line.points.astype(np.float64), nodes) - 0.15) / 0.7)
    fields = (lower + (upper - lower) * sides[:, None]).reshape(len(MOTIONS), grid.rows, grid.columns, 2)
    return np.asarray(fields * _fade(points, grid, face_width)[None, :, :, None])


def _still(points: Array, face_width: float) -> Array:
    """Places in a ring around the face that never move, (24, 2)."""
    centre = points[:MESH_POINTS].mean(axis=0)
    radius = np.linalg.norm(points[list(FACE_OVAL)] - centre, axis=1).max() + 0.45 * face_width
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.asarray(centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))


def _fade(points: Array, grid: Grid, face_width: float) -> Array:
    """1 on the face, falling to 0 at `_FADE` face widths from its outline, (rows, columns)."""
    import cv2

    inside = inside_hull((points[:MESH_POINTS] - (grid.x0, grid.y0)) / grid.step, (grid.rows, grid.columns))
    outside = (~inside).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * grid.step / face_width
    # The outermost nodes never move, whatever part of the face the edge of the painting cuts off.
    t = np.clip((distance - 0.03) / (_FADE - 0.05), 0, 1)
    fade = 0.5 + 0.5 * np.cos(np.pi * t)
    fade[[0, -1], :] = 0
    fade[:, [0, -1]] = 0
    return np.asarray(fade, np.float64)
