"""The mouth: lips are two layers, with nothing to be seen between them where they do not part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.portrait.fields import Grid
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.lipline import LipLine
from visavis.portrait.mouth import lip_masks, mouth_box
from visavis.portrait.presets import emotion_preset
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import make_rig
from visavis.types import Expression

GRID = Grid(100, 200, 4, 60, 40)


def seen_between(*, softness: float) -> tuple[np.ndarray, np.ndarray]:
    """The share of the cavity that shows through closed lips, (h, w), and where each column lies along the line."""
    line = LipLine(np.stack([np.linspace(160, 280, 65), np.full(65, 270.0)], axis=1).astype(np.float32))
    upper, lower = lip_masks(line, GRID, mm=2.4, softness=softness)
    through = (1 - upper[:, :, 0] / 255) * (1 - lower[:, :, 0] / 255)
    return through, np.arange(GRID.box[0], GRID.box[2])


@pytest.mark.parametrize("softness", [1.0, 2.1])
def test_no_hairline_is_drawn_beyond_the_corners_of_the_mouth(softness: float) -> None:
    through, x = seen_between(softness=softness)
    soft = 0.035 * 120 * softness
    assert through[:, (x < 160 - 2 * soft) | (x > 280 + 2 * soft)].max() == 0


@pytest.mark.parametrize("softness", [1.0, 2.1])
def test_closed_lips_hide_nearly_all_of_what_is_inside(softness: float) -> None:
    through, _ = seen_between(softness=softness)
    assert through.max() < 0.1


def test_the_depth_of_a_mouth_is_darker_behind_puckered_lips(madonna: OpenPortrait) -> None:
    mouth = madonna.rig.mouth
    evenly_lit = replace(madonna.rig, mouth=replace(mouth, shade=np.zeros_like(mouth.shade)))
    x0, y0, x1, y1 = mouth.grid.box
    lost = {}
    for pucker in (0.0, 0.5, 1.0):
        expression = Expression.from_mapping({"jawOpen": 0.7, "mouthPucker": pucker})
        lit, shaded = (MeshRenderer(rig).render(expression).astype(float) for rig in (evenly_lit, madonna.rig))
        assert (shaded <= lit).all()
        lost[pucker] = (lit - shaded).sum()
        lit[y0:y1, x0:x1] = shaded[y0:y1, x0:x1] = 0
        np.testing.assert_array_equal(lit, shaded)
    assert lost[0.0] == 0 < lost[0.5] < lost[1.0]


def test_upper_teeth_stand_before_the_depth_and_are_shaded_less(madonna: OpenPortrait) -> None:
    mouth = madonna.rig.mouth
    smile = {"jawOpen": 0.5, "mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "mouthUpperUpLeft": 1.0, "mouthPucker": 0.5}
    lost = {}
    for seen, hidden in (("cavity", "upper_teeth"), ("upper_teeth", "cavity")):
        light = []
        for shade in (mouth.shade, np.zeros_like(mouth.shade)):
            parts = {
                seen: np.full_like(getattr(mouth, seen), 200),
                hidden: np.zeros_like(getattr(mouth, hidden)),
                "shade": shade,
            }
            rig = replace(madonna.rig, mouth=replace(mouth, **parts))
            light.append(MeshRenderer(rig).render(Expression.from_mapping(smile)).astype(float).sum())
        lost[seen] = light[1] - light[0]
    assert 0 < lost["upper_teeth"] < 0.7 * lost["cavity"]


def test_a_mouth_seen_from_the_side_keeps_its_room(madonna: OpenPortrait) -> None:
    """The corners of a turned head lie close together, and the nearer one smiles as far as ever."""
    points = madonna.rig.landmarks.astype(np.float64)
    turned = points.copy()
    turned[:, 0] = points[:, 0].mean() + 0.4 * (points[:, 0] - points[:, 0].mean())
    wide, narrow = (mouth_box(marks, madonna.rig.face_width) for marks in (points, turned))
    corner = points[[78, 308], 0].min(), turned[[78, 308], 0].min()
    assert corner[1] - narrow[0] > 0.9 * (corner[0] - wide[0])
    assert narrow[3] - narrow[1] > 0.9 * (wide[3] - wide[1])


def test_teeth_lie_in_the_shadow_that_the_lips_lie_in(madonna: OpenPortrait) -> None:
    middle = round(float(madonna.rig.mouth.line.points[32, 0]))
    shadowed = madonna.image.copy()
    shadowed[:, middle:] = shadowed[:, middle:] // 4
    drawn = make_rig(shadowed, madonna.face).mouth
    before, after = (
        picture[:, :, :3].astype(float).sum(axis=2) for picture in (madonna.rig.mouth.upper_teeth, drawn.upper_teeth)
    )
    column = middle - drawn.grid.x0
    lit, dark = (after[:, part].sum() / before[:, part].sum() for part in (np.s_[: column - 8], np.s_[column + 8 :]))
    assert lit > 0.75
    assert 0.25 < dark < 0.75 * lit


def test_a_grey_picture_stays_grey_with_its_mouth_open(madonna: OpenPortrait) -> None:
    grey = np.repeat(madonna.image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    drawn = MeshRenderer(make_rig(grey, madonna.face)).render(emotion_preset("joy")).astype(int)
    assert np.ptp(drawn, axis=2).max() <= 2


def test_lower_teeth_are_warmer_than_upper_ones_but_for_a_grey_picture(madonna: OpenPortrait) -> None:
    """Grey teeth in the depth of a warm mouth would look blue."""

    def lightest(picture: np.ndarray, seen: np.ndarray) -> np.ndarray:
        light = picture[:, :, :3].mean(axis=2)
        return np.asarray(picture[seen & (light >= np.quantile(light[seen], 0.97)), :3].mean(axis=0), float)

    mouth = madonna.rig.mouth
    upper = lightest(mouth.upper_teeth, mouth.upper_teeth[:, :, 3] > 250)
    lower = lightest(mouth.cavity, np.ones(mouth.cavity.shape[:2], bool))
    assert lower.mean() < upper.mean()
    assert lower[0] / lower[2] > upper[0] / upper[2] + 0.05
    grey = np.repeat(madonna.image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    cavity = make_rig(grey, madonna.face).mouth.cavity.astype(int)
    assert np.ptp(cavity, axis=2).max() <= 2
