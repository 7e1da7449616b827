"""Rig a painting once, so that it can be moved for ever: the face's motions, its mouth, eyes and creases.

    face = find_faces(painting, assets=AssetStore())[0]
    rig = make_rig(painting, face)

Every motion is a field over a regular grid in the painting's own pixels and pose. The first 52 motions are the
blendshapes; three more turn the head (yaw, pitch, roll, for one degree each), and the last is a full breath.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import RigError
from visavis.portrait.basis import Basis, load_basis
from visavis.portrait.breath import Body, away_from_border, breath_field, make_body
from visavis.portrait.creases import Creases, make_creases
from visavis.portrait.easing import smooth_step
from visavis.portrait.eyemaker import make_eye
from visavis.portrait.eyes import Eye, still_where_hidden
from visavis.portrait.fields import Grid, apart, side_of, thin_plate_operator
from visavis.portrait.hull import inside_hull
from visavis.portrait.lipline import LipLine, find_lip_line
from visavis.portrait.mouth import (
    Mouth,
    cavity_shade,
    light_along,
    lip_masks,
    lips_stir,
    mouth_box,
    paint_inside,
    read_palette,
    tooth_scale,
)
from visavis.portrait.paint import edge_softness, face_sharpness
from visavis.portrait.parting import find_parting
from visavis.portrait.pose import similarity
from visavis.portrait.projection import JAW_SHAPES, painted_motions
from visavis.portrait.topology import (
    EYES,
    FACE_OVAL,
    LIP_INNER_LOWER,
    LIP_INNER_UPPER,
    LIP_LOWER,
    LIP_OUTER_UPPER,
    LIP_UPPER,
    MESH_POINTS,
    RIGID,
)
from visavis.portrait.turn import bounded_sway, largest_sway, sway_fields
from visavis.types import BLENDSHAPES, Expression, Face, Float32, Image, check_image, head_angles

__all__ = ["LOOKS", "MOTIONS", "Rig", "make_rig", "motion_weights"]

Array = NDArray[np.float64]

#: Motions of a rig, in order: the blendshapes, then one degree of yaw, pitch and roll, then a full breath.
MOTIONS: Final = (*BLENDSHAPES, "swayYaw", "swayPitch", "swayRoll", "breath")
#: The motions of both eyes that look to the sitter's left, right, up and down.
LOOKS: Final = tuple(
    tuple(MOTIONS.index(f"eyeLook{look}") for look in pair)
    for pair in (("OutLeft", "InRight"), ("InLeft", "OutRight"), ("UpLeft", "UpRight"), ("DownLeft", "DownRight"))
)
_SWAY: Final = slice(len(BLENDSHAPES), len(BLENDSHAPES) + 3)
_PITCH: Final = MOTIONS.index("swayPitch")
_BREATH: Final = MOTIONS.index("breath")
_HEAD: Final = slice(len(BLENDSHAPES), len(MOTIONS))
#: Points over the bones: the lower teeth lie between chin and lip.
_UPPER_LIP: Final = 0
_LOWER_LIP: Final = 14
_CHIN: Final = 152
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

_SKULL_MOTIONS: Final = tuple(range(len(BLENDSHAPES), len(MOTIONS)))


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


def motion_weights(expression: Expression, largest_sway: Float32 | None = None) -> Float32:
    """The weights of a rig's motions, (56,) float32; `_neutral` moves nothing, and the sway keeps to `largest_sway`.

    A gaze is a look of both eyes, so that lids go up and down with it as with any look.
    """
    sway = expression.sway if largest_sway is None else bounded_sway(expression.sway, largest_sway)
    weights = np.concatenate([expression.weights, sway, [expression.breath]]).astype(np.float32)
    weights[0] = 0
    x, y = expression.gaze
    for looks, far in zip(LOOKS, (x, -x, y, -y), strict=True):
        weights[list(looks)] = np.minimum(weights[list(looks)] + max(far, np.float32(0)), 1)
    return weights


def make_rig(painting: Image, face: Face, *, basis: Basis | None = None) -> Rig:
    """Rig a painting for the face found in it.

    Args:
        painting: (H, W, 3) uint8 RGB; it is copied.
        face: with landmarks in pixels of the painting.
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
    # From the picture's frame (y down, z away) to the basis' (y up, z to the viewer).
    upright = landmarks * (1, -1, -1)
    rigid = list(RIGID)
    rotation, scale, _ = similarity(basis.neutral[rigid], upright[rigid])
    face_width = scale * basis.width
    yaw, pitch, roll = head_angles(rotation)
    if face_width < MIN_FACE_WIDTH:
        raise RigError(
            f"the face is {face_width:.0f} pixels wide, at least {MIN_FACE_WIDTH} are needed: "
            "give a larger picture, or a crop around the head"
        )
    if abs(yaw) > _MAX_YAW:
        raise RigError(f"the head is turned by {abs(yaw):.0f} degrees, a profile: one side of the face cannot be seen")
    # Cut there, a face has landmarks all the same, but they lie anywhere.
    seen = points[[*EYES["Right"][0], *EYES["Left"][0], *LIP_INNER_UPPER, *LIP_INNER_LOWER]]
    if seen.min() < 0 or (seen > np.array(painting.shape[1::-1]) - 1).any():
        raise RigError("the edge of the picture cuts off an eye or the mouth; expected a picture of the whole face")

    moved = np.zeros((len(MOTIONS), len(points), 2))
    moved[: len(BLENDSHAPES)] = painted_motions(basis, rotation, scale, upright)
    grid = _grid_around(points, face_width, painting.shape)
    line, gap = find_lip_line(painting, points)
    fields = _face_fields(points, moved, grid, line, face_width)
    outline, nodes = points[list(FACE_OVAL)], grid.nodes().astype(np.float64)
    fields[_SWAY] = sway_fields(
        upright,
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
    moved[_HEAD] = fields[_HEAD][:, np.clip(row, 0, grid.rows - 1), np.clip(column, 0, grid.columns - 1)]
    mouth_rows, mouth_columns = grid.part(mouth_box(points, face_width))
    mouth_grid = grid.crop(mouth_rows, mouth_columns)
    upper, lower = _lip_fields(points, moved, mouth_grid, line, fields[:, mouth_rows, mouth_columns], face_width)
    mm, softness = tooth_scale(line, face_width), edge_softness(painting, points[:MESH_POINTS])
    parting = find_parting(painting, points, line, gap)
    upper_mask, lower_mask = lip_masks(line, mouth_grid, mm=mm, softness=softness, parting=parting)
    stir = np.zeros((len(MOTIONS), 4), np.float32)
    if parting is not None:
        stir = lips_stir(line, mouth_grid, upper, lower, mm=mm)
    palette = read_palette(painting, points)
    lit = light_along(painting, line, palette)
    cavity, upper_teeth = paint_inside(
        line, mouth_grid, palette, lit, mm=mm, grain=_grain(painting, points), softness=softness
    )
    mouth = Mouth(
        grid=mouth_grid,
        line=line,
        upper=upper.astype(np.float32),
        lower=lower.astype(np.float32),
        upper_mask=upper_mask,
        lower_mask=lower_mask,
        stir=stir,
        cavity=cavity,
        upper_teeth=upper_teeth,
        shade=cavity_shade(len(MOTIONS)),
        skull=_bone(moved, _SKULL_MOTIONS, _UPPER_LIP),
        jaw=_bone(moved, _SKULL_MOTIONS + JAW_SHAPES, _CHIN, _LOWER_LIP),
        gap=gap,
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
        largest_sway=largest_sway(fields[_SWAY], grid.step),
        body=make_body(outline, face_width, grid, painting.shape),
        mouth=mouth,
        eyes=still_where_hidden(
            make_eye(
                painting, points, "Right", basis, rotation, len(MOTIONS), highlight=palette.light, softness=softness
            ),
            make_eye(
                painting, points, "Left", basis, rotation, len(MOTIONS), highlight=palette.light, softness=softness
            ),
        ),
        creases=make_creases(painting, points, grid.box, face_width),
        sharpness=face_sharpness(painting, points[:MESH_POINTS]),
    )


def _bone(moved: Array, motions: tuple[int, ...], *over: int) -> Float32:
    """How a bone moves, (56, 2): as points of the skin over it do, but for the motions that move the skin alone."""
    table = np.zeros((len(moved), 2), np.float32)
    table[list(motions)] = moved[list(motions)][:, list(over)].mean(axis=1)
    return table


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
        _spread(points, moved, [point for point in skin if point not in other], nodes, face_width, still=still)
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


def _lip_fields(
    points: Array, moved: Array, grid: Grid, line: LipLine, base: Array, face_width: float
) -> tuple[Array, Array]:
    """The motions of the upper and of the lower layer of the mouth, (56, rows, columns, 2) each.

    Each layer knows only the points on its own side of the lips, and across the cut it moves as it does at the cut:
    a spline that was led on there would grow without bounds, and tear the edge of the lip. Beyond the corners, and
    towards the borders, it is the field of the whole face.
    """
    nodes = grid.nodes().reshape(-1, 2).astype(np.float64)
    below_cut = line.depth(nodes)[:, None]
    mesh = points[:MESH_POINTS]
    depth = line.depth(mesh)
    skin = frozenset(range(MESH_POINTS))
    near = np.linalg.norm(mesh - line.middle, axis=1) < 1.6 * line.width
    corners = {LIP_INNER_UPPER[0], LIP_INNER_UPPER[-1], LIP_OUTER_UPPER[0], LIP_OUTER_UPPER[-1]}
    above = (skin & set(np.flatnonzero(near & (depth < 0)).tolist()) | set(LIP_UPPER)) - set(LIP_LOWER) | corners
    below = (skin & set(np.flatnonzero(near & (depth > 0)).tolist()) | set(LIP_LOWER)) - set(LIP_UPPER) | corners
    share = _near_cut(line, grid)[None, :, :, None]
    layers = []
    for members, across in ((above, 1), (below, -1)):
        places = nodes - np.where(below_cut * across > 0, below_cut * line.down, 0)
        field = _spread(points, moved, sorted(members), places, face_width).reshape(base.shape)
        layer = base + (field - base) * share
        # Head and breath carry both lips alike.
        layer[_HEAD] = base[_HEAD]
        layers.append(layer)
    return layers[0], layers[1]


def _spread(
    points: Array, moved: Array, members: list[int], nodes: Array, face_width: float, *, still: Array | None = None
) -> Array:
    """Carry the motions of some points of the mesh to `nodes`, (56, N, 2); `still` are places that never move."""
    members = [members[index] for index in apart(points[members], 0.004 * face_width)]
    values = moved[:, members].transpose(1, 0, 2).reshape(len(members), -1)
    centres = points[members]
    if still is not None:
        centres = np.concatenate([centres, still])
        values = np.concatenate([values, np.zeros((len(still), values.shape[1]))])
    operator = thin_plate_operator(centres, nodes, smoothing=(0.004 * face_width) ** 2)
    return np.ascontiguousarray((operator @ values).reshape(len(nodes), len(MOTIONS), 2).transpose(1, 0, 2))


def _near_cut(line: LipLine, grid: Grid) -> Array:
    """1 between the corners of the mouth, 0 beyond them and towards the borders of `grid`, (rows, columns).

    There is a cut only between the corners; the whole face moves as one everywhere else.
    """
    nodes = grid.nodes().astype(np.float64)
    along = (nodes - line.middle) @ line.axis / (line.width / 2)
    inside = smooth_step((1.04 - np.abs(along)) / 0.16)
    x0, y0, x1, y1 = grid.box
    border = np.minimum.reduce([nodes[:, :, 0] - x0, x1 - nodes[:, :, 0], nodes[:, :, 1] - y0, y1 - nodes[:, :, 1]])
    return np.asarray(inside * smooth_step(border / (0.12 * line.width)))


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


def _grain(painting: Image, points: Array) -> float:
    """Standard deviation of the painting's fine surface over the face, in grey levels, by a robust estimate."""
    import cv2

    grey = cv2.cvtColor(painting, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    x0, y0 = np.maximum(points[:MESH_POINTS].min(axis=0).astype(int), 0)
    x1, y1 = points[:MESH_POINTS].max(axis=0).astype(int)
    return float(1.4826 * np.median(np.abs(fine[y0:y1, x0:x1])))
