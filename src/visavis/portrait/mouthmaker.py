"""Makes the mouth of a rig from a painting: two lips that move by fields of their own, and what lies behind them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.easing import smooth_step
from visavis.portrait.fields import Grid, spread_motions
from visavis.portrait.lipline import LipLine
from visavis.portrait.motions import HEAD, MOTIONS
from visavis.portrait.mouth import (
    Mouth,
    Palette,
    cavity_shade,
    light_along,
    lip_masks,
    lips_stir,
    mouth_box,
    paint_inside,
    tooth_scale,
)
from visavis.portrait.parting import find_parting
from visavis.portrait.projection import JAW_SHAPES
from visavis.portrait.topology import (
    LIP_INNER_UPPER,
    LIP_LOWER,
    LIP_OUTER_UPPER,
    LIP_UPPER,
    MESH_POINTS,
)
from visavis.portrait.veil import Veil
from visavis.portrait.window import window_around
from visavis.types import Float32, Image

__all__ = ["make_mouth"]

Array = NDArray[np.float64]

#: Points over the bones: the lower teeth lie between chin and lip.
_UPPER_LIP: Final = 0
_LOWER_LIP: Final = 14
_CHIN: Final = 152
#: The bones of the skull move with the head alone; those of the jaw with what moves the jaw as well.
_SKULL_MOTIONS: Final = tuple(range(len(MOTIONS)))[HEAD]


def make_mouth(
    painting: Image,
    points: Array,
    *,
    clear: Image,
    moved: Array,
    grid: Grid,
    fields: Array,
    lips: tuple[LipLine, float],
    palette: Palette,
    veil: Veil,
    softness: float,
    face_width: float,
) -> Mouth:
    """Make the mouth of a rig.

    Args:
        painting: (H, W, 3) uint8 RGB.
        points: (478, 2) landmarks in pixels.
        clear: the painting without its veil.
        moved: (56, 478, 2), how each motion at weight 1 moves them, in pixels.
        grid: of the rig.
        fields: (56, rows, columns, 2), the motions of the whole face on it.
        lips: the line between them, and how far they are painted apart, as `find_lip_line` gives them.
        palette: the painting's colours, without its veil.
        veil: that lies over them.
        softness: how much wider edges are than in a crisp painting (`paint.edge_softness`).
        face_width: in pixels.
    """
    line, gap = lips
    rows, columns = grid.part(mouth_box(points, face_width))
    mouth_grid = grid.crop(rows, columns)
    upper, lower = _lip_fields(points, moved, mouth_grid, line, fields[:, rows, columns], face_width)
    mm, parting = tooth_scale(line, face_width), find_parting(painting, points, line, gap)
    stir = np.zeros((len(MOTIONS), 4), np.float32)
    if parting is not None:
        stir = lips_stir(line, mouth_grid, upper, lower, mm=mm)
    cavity, upper_teeth = paint_inside(
        line,
        mouth_grid,
        palette,
        light_along(clear, line, palette),
        mm=mm,
        grain=_grain(clear, points),
        softness=softness,
    )
    upper_mask, lower_mask = lip_masks(line, mouth_grid, mm=mm, softness=softness, parting=parting)
    deep = veil.laid(cavity)
    depth = veil.depth(deep.reshape(-1, 3).mean(axis=0))
    for mask in (upper_mask, lower_mask):
        mask[:, :, 1] = veil.weakened(mask[:, :, 1], depth)
    return Mouth(
        grid=mouth_grid,
        line=line,
        upper=upper.astype(np.float32),
        lower=lower.astype(np.float32),
        upper_mask=upper_mask,
        lower_mask=lower_mask,
        stir=stir,
        cavity=deep,
        upper_teeth=veil.laid(upper_teeth),
        shade=veil.weakened(cavity_shade(len(MOTIONS)), depth),
        skull=_bone(moved, _SKULL_MOTIONS, _UPPER_LIP),
        jaw=_bone(moved, _SKULL_MOTIONS + JAW_SHAPES, _CHIN, _LOWER_LIP),
        gap=gap,
    )


def _bone(moved: Array, motions: tuple[int, ...], *over: int) -> Float32:
    """How a bone moves, (56, 2): as points of the skin over it do, but for the motions that move the skin alone."""
    table = np.zeros((len(moved), 2), np.float32)
    table[list(motions)] = moved[list(motions)][:, list(over)].mean(axis=1)
    return table


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
        field = spread_motions(points, moved, sorted(members), places, face_width).reshape(base.shape)
        layer = base + (field - base) * share
        # Head and breath carry both lips alike.
        layer[HEAD] = base[HEAD]
        layers.append(layer)
    return layers[0], layers[1]


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


def _grain(painting: Image, points: Array) -> float:
    """Standard deviation of the painting's fine surface over the face, in grey levels, by a robust estimate."""
    import cv2

    window, corner = window_around(painting, points[:MESH_POINTS], 8)
    grey = cv2.cvtColor(window, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    x0, y0 = (np.maximum(points[:MESH_POINTS].min(axis=0), 0) - corner).astype(int)
    x1, y1 = (points[:MESH_POINTS].max(axis=0) - corner).astype(int)
    return float(1.4826 * np.median(np.abs(fine[y0:y1, x0:x1])))
