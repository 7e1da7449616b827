"""Which paint moves, and where it comes from: from the nodes of a grid to the pixels of a box.

Sources are places in pixels, (..., 2) float32 x, y, of a part of the painting that begins at some `corner` of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.fields import Grid
from visavis.types import Float32

__all__ = [
    "Box", "Part", "bands_of", "magnified", "moving_nodes", "node_sources", "part_of", "pixel_sources",
    "source_distances", "with_neighbours",
]  # fmt: skip

#: `x0, y0, x1, y1` in pixels of the painting.
Box: TypeAlias = tuple[int, int, int, int]
#: Rows and columns of nodes or pixels.
Part: TypeAlias = tuple[slice, slice]

#: Paint that moves by less than this, in pixels, is left where it is.
_LEAST_MOTION_PX: Final = 0.04
#: Paint is moved in bands of about so many pixels: few, since each costs a call of every step, but several.
_BAND_PIXELS: Final = 100_000


def moving_nodes(displacement: Float32) -> NDArray[np.bool_]:
    """Which nodes move by more than can be seen, (rows, columns)."""
    # Two comparisons are several times faster than a maximum over an axis of two.
    far = np.abs(displacement) > _LEAST_MOTION_PX
    return np.asarray(far[:, :, 0] | far[:, :, 1])


def part_of(which: NDArray[np.bool_]) -> Part | None:
    """The rows and columns of (rows, columns) that hold any that are set, and one more on each side, or None."""
    rows, columns = _extent(which.any(axis=1)), _extent(which.any(axis=0))
    return None if rows is None or columns is None else (rows, columns)


def with_neighbours(displacement: Float32, grid: Grid, inner: Grid) -> tuple[Part, Part]:
    """The nodes of a part of a grid with those around it that its paint may come from, and its own among them.

    What is drawn together draws in paint from beyond its border, whose place its own nodes do not tell.

    Args:
        displacement: (rows, columns, 2) float32 in pixels, of the whole grid.
        grid: the whole grid.
        inner: the part of it.
    """
    rows, columns = grid.part(inner.box)
    part = displacement[rows, columns]
    border = (part[0], part[-1], part[:, 0], part[:, -1])
    # Two more, since an inverse is smoothed over five nodes.
    above, below, left, right = (int(np.ceil(np.abs(side).max() / grid.step)) + 2 for side in border)
    row, column = max(rows.start - above, 0), max(columns.start - left, 0)
    return (
        (slice(row, min(rows.stop + below, grid.rows)), slice(column, min(columns.stop + right, grid.columns))),
        (slice(rows.start - row, rows.stop - row), slice(columns.start - column, columns.stop - column)),
    )


def bands_of(box: Box, grid: Grid, moves: NDArray[np.bool_]) -> Iterator[Box]:
    """Bands of a box, `x0, y0, x1, y1` each, of which each is as wide as what moves in it."""
    x0, y0, x1, y1 = box
    count = max(round((y1 - y0) * (x1 - x0) / _BAND_PIXELS), 1)
    edges = np.linspace(y0, y1, count + 1).astype(int)
    for top, bottom in itertools.pairwise(edges.tolist()):
        rows, _ = grid.part((x0, top, x1, bottom))
        columns = _extent(moves[rows].any(axis=0))
        if columns is None:
            continue
        left = max(grid.x0 + columns.start * grid.step, x0)
        right = min(grid.x0 + (columns.stop - 1) * grid.step, x1)
        if left < right:
            yield left, top, right, bottom


def node_sources(back: Float32, grid: Grid, corner: tuple[int, int]) -> Float32:
    """Where the paint at each node comes from, (rows, columns, 2) float32, in pixels of a part of the painting."""
    import cv2

    # Among an even number of pixels none is the middle one, where `pixel_sources` needs the node: half a pixel before.
    shift = 0.0 if grid.step % 2 else 0.5
    if shift:
        matrix = np.array([[1, 0, -shift / grid.step], [0, 1, -shift / grid.step]], np.float32)
        size = (back.shape[1], back.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        back = cv2.warpAffine(back, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    x = np.arange(grid.columns, dtype=np.float32) * grid.step + np.float32(grid.x0 - corner[0] - shift)
    y = np.arange(grid.rows, dtype=np.float32) * grid.step + np.float32(grid.y0 - corner[1] - shift)
    sources = np.empty_like(back)
    np.add(back[:, :, 0], x, out=sources[:, :, 0])
    np.add(back[:, :, 1], y[:, None], out=sources[:, :, 1])
    return sources


def pixel_sources(sources: Float32, grid: Grid, box: Box) -> Float32:
    """The same for each pixel of a box of the painting within the grid, (h, w, 2) float32."""
    import cv2

    part = grid.part(box)
    cells = grid.crop(*part)
    # Many times faster than a general warp, but it counts from the corners of pixels: a node lies in the middle of
    # `step` of them.
    size = (cells.columns * grid.step, cells.rows * grid.step)
    dense = cv2.resize(sources[part], size, interpolation=cv2.INTER_LINEAR)
    left, top = box[0] - cells.x0 + grid.step // 2, box[1] - cells.y0 + grid.step // 2
    return dense[top : top + box[3] - box[1], left : left + box[2] - box[0]]  # type: ignore[no-any-return]


def source_distances(sources: Float32, step: int) -> Float32:
    """How far apart the paint of neighbouring pixels was, at each node, (rows, columns): 1 where it only moves.

    The longer of both axes' distances, over the cells on either side of a node.
    """
    import cv2

    longest = np.zeros(sources.shape[:2], np.float32)
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        length = cv2.magnitude(*cv2.split(sources[after] - sources[before])) / np.float32(step)
        for side in (before, after):
            np.maximum(longest[side], length, out=longest[side])
    return longest


def magnified(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Values at the nodes of a grid for every pixel from the first node to the last, bilinearly."""
    import cv2

    if step == 1:
        return values
    rows, columns = values.shape[:2]
    # Nodes lie on whole pixels, not at the centres of cells, so cv2.resize would shift them: an affine map does not.
    matrix = np.array([[1 / step, 0, 0], [0, 1 / step, 0]], np.float32)
    size = ((columns - 1) * step + 1, (rows - 1) * step + 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[no-any-return]


def _extent(moves: NDArray[np.bool_] | np.bool_) -> slice | None:
    """From the first to the last of those that are set, and one more on each side: cells there move in part."""
    which = np.flatnonzero(moves)
    if not len(which):
        return None
    return slice(max(int(which[0]) - 1, 0), min(int(which[-1]) + 2, moves.size))
