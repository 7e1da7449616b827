"""Triangle meshes that carry motions, and can be refined and cut along a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.fields import Grid
from visavis.types import Float32

__all__ = ["CutMesh", "grid_mesh"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CutMesh:
    """Triangles in a painting's plane whose corners move.

    Attributes:
        places: (N, 2) float64, corners at rest in pixels.
        moves: (N, K, 2) float32, what each of K motions at weight 1 adds to a corner, in pixels.
        triangles: (T, 3) int64, corners counter-clockwise as the viewer sees them.
    """

    places: Array
    moves: Float32
    triangles: NDArray[np.int64]

    def refined(self, chosen: NDArray[np.bool_]) -> CutMesh:
        """The chosen triangles, (T,), split into four each, and their neighbours so that no edge is left half split."""
        growth = _Growth(self)
        for a, b, c in self.triangles[chosen].tolist():
            for one, other in ((a, b), (b, c), (c, a)):
                growth.between(one, other, 0.5)
        pieces: list[tuple[int, int, int]] = []
        for a, b, c in self.triangles.tolist():
            ab, bc, ca = growth.at(a, b), growth.at(b, c), growth.at(c, a)
            split = [corner for corner in (ab, bc, ca) if corner is not None]
            if not split:
                pieces.append((a, b, c))
            elif len(split) == 3:
                pieces += [(a, split[0], split[2]), (split[0], b, split[1]), (split[2], split[1], c)]
                pieces.append((split[0], split[1], split[2]))
            else:
                # Turn it so that the first edge is split, and, of two, the last is not.
                while ab is None or (len(split) == 2 and ca is not None):
                    a, b, c, ab, bc, ca = b, c, a, bc, ca, ab
                if bc is None:
                    pieces += [(a, ab, c), (ab, b, c)]
                else:
                    pieces += [(a, ab, c), (ab, bc, c), (ab, b, bc)]
        return growth.mesh(np.array(pieces, np.int64).reshape(-1, 3))

    def clipped(self, values: Array) -> CutMesh:
        """The part where `values`, given at the corners (N,) and linear between them, are not negative."""
        growth = _Growth(self)
        keep = values[self.triangles] >= 0
        count = keep.sum(axis=1)
        pieces = [self.triangles[count == 3]]

        def cut(inner: int, outer: int) -> int:
            return growth.between(inner, outer, values[inner] / (values[inner] - values[outer]))

        for triangle, inside in zip(self.triangles[count == 1], keep[count == 1], strict=True):
            a, b, c = np.roll(triangle, -int(np.flatnonzero(inside)[0])).tolist()
            pieces.append(np.array([(a, cut(a, b), cut(a, c))], np.int64))
        for triangle, inside in zip(self.triangles[count == 2], keep[count == 2], strict=True):
            a, b, c = np.roll(triangle, -int(np.flatnonzero(~inside)[0])).tolist()
            ab, ac = cut(b, a), cut(c, a)
            pieces.append(np.array([(ab, b, c), (ab, c, ac)], np.int64))
        return growth.mesh(np.concatenate(pieces))

    def without(self, dropped: NDArray[np.bool_]) -> CutMesh:
        """The mesh without some of its triangles, (T,)."""
        return _Growth(self).mesh(self.triangles[~dropped])


def grid_mesh(grid: Grid, fields: Float32) -> CutMesh:
    """A mesh over a whole grid, two triangles a cell, for (K, rows, columns, 2) fields; cells row by row."""
    index = np.arange(grid.rows * grid.columns).reshape(grid.rows, grid.columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    cells = np.stack([np.stack([a, c, b], axis=2), np.stack([b, c, d], axis=2)], axis=2)
    moves = fields.reshape(len(fields), -1, 2).transpose(1, 0, 2)
    return CutMesh(
        grid.nodes().reshape(-1, 2).astype(np.float64),
        np.ascontiguousarray(moves),
        cells.reshape(-1, 3).astype(np.int64),
    )


class _Growth:
    """Corners added to a mesh on its edges, each once."""

    def __init__(self, mesh: CutMesh) -> None:
        self._mesh = mesh
        self._added: dict[tuple[int, int], int] = {}
        self._ends: list[tuple[int, int]] = []
        self._shares: list[float] = []

    def between(self, a: int, b: int, share: float) -> int:
        """The corner on the edge from a to b, at a share of the way."""
        key = (a, b) if a < b else (b, a)
        if key not in self._added:
            self._added[key] = len(self._mesh.places) + len(self._ends)
            self._ends.append((a, b))
            self._shares.append(share)
        return self._added[key]

    def at(self, a: int, b: int) -> int | None:
        """The corner that was added on the edge between a and b, if any."""
        return self._added.get((a, b) if a < b else (b, a))

    def mesh(self, triangles: NDArray[np.int64]) -> CutMesh:
        """These triangles, with the corners that they use and no others."""
        places, moves = self._mesh.places, self._mesh.moves
        if self._ends:
            a, b = np.array(self._ends).T
            share = np.array(self._shares)[:, None]
            places = np.concatenate([places, places[a] * (1 - share) + places[b] * share])
            added = moves[a] * (1 - share[:, :, None]) + moves[b] * share[:, :, None]
            moves = np.concatenate([moves, added.astype(np.float32)])
        used, renumbered = np.unique(triangles, return_inverse=True)
        return CutMesh(places[used], moves[used], renumbered.reshape(-1, 3).astype(np.int64))
