"""Folds: each lies where its table says, comes with its expression and goes with the opposite one."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.folds import FOLDS, Fold
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.passage import blended
from visavis.portrait.presets import emotion_preset
from visavis.portrait.topology import MESH_POINTS
from visavis.types import BLENDSHAPE_INDEX, Float32

#: Between the brows, on the line down the forehead.
GLABELLA = 9
#: Under the lower lip, to the subject's right.
UNDER_LIP = 182


def light_at(portrait: OpenPortrait, point: int, weights: Float32) -> float:
    """The folds' light at a landmark: 0 for none, negative for dark."""
    creases = portrait.rig.creases
    folds = creases.light(weights)
    if folds is None:
        return 0.0
    light, (rows, columns) = folds
    column, row = np.rint((portrait.rig.landmarks[point] - creases.box[:2]) / creases.scale).astype(int)
    inside = rows.start <= row < rows.stop and columns.start <= column < columns.stop
    return float(light[row - rows.start, column - columns.start]) if inside else 0.0


@pytest.mark.parametrize("fold", FOLDS)
def test_a_fold_is_told_in_landmarks_and_blendshapes(fold: Fold) -> None:
    assert len(fold.points) >= 3
    assert all(0 <= point < MESH_POINTS for point in fold.points)
    assert set(fold.drivers) <= set(BLENDSHAPE_INDEX)
    assert any(share > 0 for share in fold.drivers.values())
    assert 0 < fold.depth < 0.5
    assert 0.005 < fold.width < 0.03


def half_of(fold: Fold) -> str:
    """`Left` or `Right`, or nothing for a fold that crosses the middle of the face."""
    sides = {side for side in ("Left", "Right") for name in fold.drivers if name.endswith(side)}
    return sides.pop() if len(sides) == 1 else ""


def test_both_halves_of_a_face_fold_alike() -> None:
    halves = [
        [(fold.depth, fold.width, list(fold.drivers.values())) for fold in FOLDS if half_of(fold) == side]
        for side in ("Right", "Left")
    ]
    assert halves[0] == halves[1]
    assert len(halves[0]) >= 10


def test_anger_darkens_the_skin_between_the_brows_and_under_the_lip(madonna: OpenPortrait) -> None:
    anger, rest = emotion_preset("anger").weights, np.zeros(len(BLENDSHAPE_INDEX), np.float32)
    for point in (GLABELLA, UNDER_LIP):
        assert light_at(madonna, point, anger) < -0.1
        assert light_at(madonna, point, rest) == 0


def test_brows_that_are_drawn_up_smooth_what_lowered_ones_fold(madonna: OpenPortrait) -> None:
    stern, worried = blended({"browDown": 0.7}), blended({"browDown": 0.7, "browInnerUp": 0.9})
    assert light_at(madonna, GLABELLA, stern.weights) < 2 * light_at(madonna, GLABELLA, worried.weights)


def test_the_skin_folds_no_further_than_a_whole_fold(madonna: OpenPortrait) -> None:
    everything = np.ones(len(BLENDSHAPE_INDEX), np.float32)
    folds = madonna.rig.creases.light(everything)
    assert folds is not None
    assert folds[0].min() > -1
