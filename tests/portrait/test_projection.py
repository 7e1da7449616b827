"""Blendshapes as a painting shows them."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.basis import load_basis
from visavis.portrait.projection import JAW_SHAPES, _calmed, painted_motions
from visavis.portrait.topology import (
    BROWS,
    FACE_OVAL,
    LIP_INNER_LOWER,
    LIP_INNER_UPPER,
    LIP_LOWER,
    LIP_UPPER,
    MESH_POINTS,
)
from visavis.types import BLENDSHAPE_INDEX

BROW_POINTS = [point for brow in BROWS.values() for line in brow for point in line]


def trembling() -> tuple[np.ndarray, np.ndarray]:
    """One motion in which every point goes its own way, and places in pixels of a face 100 wide."""
    basis = load_basis()
    moved = np.random.default_rng(3).normal(0, 5, (1, len(basis.neutral), 2))
    return moved, basis.neutral[:, :2].astype(np.float64) * 100 / basis.width


def test_skin_seen_from_the_side_and_the_outline_go_with_their_surroundings() -> None:
    moved, places = trembling()
    sideways = _calmed(moved, places, np.zeros(len(places)), 100.0)
    skin = [point for point in range(MESH_POINTS) if point not in {*LIP_UPPER, *LIP_LOWER}]
    assert np.linalg.norm(sideways[0, skin], axis=1).mean() < 0.3 * np.linalg.norm(moved[0, skin], axis=1).mean()
    facing = _calmed(moved, places, np.ones(len(places)), 100.0)
    np.testing.assert_array_equal(facing[0, list(FACE_OVAL)], sideways[0, list(FACE_OVAL)])


def test_what_faces_the_viewer_and_lips_move_by_themselves_and_brows_nearly() -> None:
    moved, places = trembling()
    facing = _calmed(moved, places, np.ones(len(places)), 100.0)
    inner = [point for point in range(MESH_POINTS) if point not in FACE_OVAL]
    np.testing.assert_array_equal(facing[0, inner], moved[0, inner])
    lips = [*LIP_UPPER, *LIP_LOWER]
    np.testing.assert_array_equal(_calmed(moved, places, np.zeros(len(places)), 100.0)[0, lips], moved[0, lips])
    half = _calmed(moved, places, np.full(len(places), 0.4), 100.0)
    np.testing.assert_array_equal(half[0, BROW_POINTS], moved[0, BROW_POINTS])


def test_a_face_from_the_front_moves_as_the_basis_says_but_for_lids() -> None:
    basis = load_basis()
    upright = np.concatenate([basis.neutral, np.zeros((0, 3))]).astype(np.float64) * 10
    motions = painted_motions(basis, np.eye(3), 10.0, upright)
    chin = motions[BLENDSHAPE_INDEX["jawOpen"], 17]
    np.testing.assert_allclose(chin, basis.deltas[BLENDSHAPE_INDEX["jawOpen"], 17, :2] * (10, -10), rtol=0.05)
    assert not motions[BLENDSHAPE_INDEX["eyeBlinkLeft"]].any()
    assert all(motions[index].any() for index in JAW_SHAPES)


@pytest.mark.parametrize("yaw", [-35, 0, 35])
@pytest.mark.parametrize("pitch", [-20, 0, 20])
def test_the_wet_of_a_lip_moves_with_its_lip_however_the_head_is_held(yaw: float, pitch: float) -> None:
    """Its normals are turned away; held back for that, it left a spike where the upper lip rose."""
    basis = load_basis()
    turn, nod = np.radians((yaw, pitch))
    about_y = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(nod), -np.sin(nod)], [0, np.sin(nod), np.cos(nod)]])
    rotation = about_x @ about_y
    motions = painted_motions(basis, rotation, 10.0, basis.neutral.astype(np.float64) @ rotation.T * 10)
    smile = motions[BLENDSHAPE_INDEX["mouthSmileLeft"]] + motions[BLENDSHAPE_INDEX["mouthSmileRight"]]
    # From corner to corner: the ring before the wet one, the wet one, the inner contour.
    for before, wet, inner in (
        ((184, 74, 73, 72, 11, 302, 303, 304, 408), (183, 42, 41, 38, 12, 268, 271, 272, 407), LIP_INNER_UPPER[1:-1]),
        ((77, 90, 180, 85, 16, 315, 404, 320, 307), (96, 89, 179, 86, 15, 316, 403, 319, 325), LIP_INNER_LOWER[1:-1]),
    ):
        least = np.minimum(*(np.linalg.norm(smile[list(ring)], axis=1) for ring in (before, inner)))
        assert (np.linalg.norm(smile[list(wet)], axis=1) > 0.85 * least).all()
