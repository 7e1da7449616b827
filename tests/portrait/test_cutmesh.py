"""Meshes keep their surface, their edges and their motions when they are refined and cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.cutmesh import CutMesh, grid_mesh
from visavis.portrait.fields import Grid


@pytest.fixture
def mesh() -> CutMesh:
    """Nine by seven cells of four pixels; one motion is linear in the place, so that it is known everywhere."""
    grid = Grid(10, 20, 4, 10, 8)
    nodes = grid.nodes()
    fields = np.stack([np.zeros_like(nodes), nodes * (0.5, -0.25) + 1]).astype(np.float32)
    return grid_mesh(grid, fields)


def areas(mesh: CutMesh) -> NDArray[np.float64]:
    """Signed areas with y down: negative is counter-clockwise to the viewer."""
    a, b, c = mesh.places[mesh.triangles].transpose(1, 0, 2)
    first, second = b - a, c - a
    return np.asarray((first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2)


def outline_length(mesh: CutMesh) -> float:
    """Length of all edges that belong to one triangle only."""
    edges = np.sort(np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]]))
    single = [edge for edge, count in Counter(map(tuple, edges.tolist())).items() if count == 1]
    return sum(float(np.linalg.norm(mesh.places[a] - mesh.places[b])) for a, b in single)


def assert_sound(mesh: CutMesh) -> None:
    assert (areas(mesh) < 0).all()
    np.testing.assert_allclose(mesh.moves[:, 1], mesh.places * (0.5, -0.25) + 1, atol=1e-4)
    assert not mesh.moves[:, 0].any()
    assert len(np.unique(mesh.triangles)) == len(mesh.places)


def test_a_grid_is_covered_once(mesh: CutMesh) -> None:
    assert_sound(mesh)
    assert areas(mesh).sum() == pytest.approx(-9 * 7 * 16)
    assert outline_length(mesh) == pytest.approx(2 * 4 * (9 + 7))


@pytest.mark.parametrize("seed", range(5))
def test_refining_keeps_the_surface_and_leaves_no_half_split_edge(mesh: CutMesh, seed: int) -> None:
    chosen = np.random.default_rng(seed).random(len(mesh.triangles)) < 0.2
    fine = mesh.refined(chosen)
    assert_sound(fine)
    assert areas(fine).sum() == pytest.approx(areas(mesh).sum())
    assert len(fine.triangles) >= len(mesh.triangles) + 3 * chosen.sum()
    assert outline_length(fine) == pytest.approx(2 * 4 * (9 + 7))


def test_cutting_follows_the_line(mesh: CutMesh) -> None:
    # A slanted line through the middle of the box: half of the area lies on each side.
    middle = mesh.places.mean(axis=0)
    values = (mesh.places - middle) @ np.array([0.6, 0.8])
    one, other = mesh.clipped(values), mesh.clipped(-values)
    for part in (one, other):
        assert_sound(part)
        assert areas(part).sum() == pytest.approx(areas(mesh).sum() / 2)
    assert ((one.places - middle) @ np.array([0.6, 0.8]) > -1e-9).all()


def test_what_lies_wholly_outside_is_gone(mesh: CutMesh) -> None:
    assert len(mesh.clipped(np.full(len(mesh.places), -1.0)).triangles) == 0
    assert len(mesh.clipped(np.zeros(len(mesh.places))).triangles) == len(mesh.triangles)
    dropped = np.arange(len(mesh.triangles)) % 2 == 0
    assert len(mesh.without(dropped).triangles) == len(mesh.triangles) // 2
