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


def test_teeth_in_the_depth_of_a_mouth_are_warmer_than_before_it(madonna: OpenPortrait) -> None:
    """Grey teeth would look blue in a warm mouth; those of a grey picture stay grey."""
    mouth = madonna.rig.mouth
    upper = mouth.upper_teeth.astype(float)
    seen = upper[:, :, 3] > 250
    light = upper[:, :, :3].mean(axis=2) / upper[seen, :3].mean(axis=1).max()
    # Gums, which are red, lie above the teeth; these reach down to the row's lower edge.
    rows = np.flatnonzero(seen.any(axis=1))
    seen[: rows[-1] - round(0.25 * len(rows))] = False
    dim, bright = seen & (light > 0.35) & (light < 0.6), seen & (light > 0.85)
    warmth = [float((upper[part, 0] / upper[part, 2]).mean()) for part in (dim, bright)]
    assert warmth[0] > warmth[1] + 0.02
    grey = np.repeat(madonna.image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    teeth = make_rig(grey, madonna.face).mouth.upper_teeth[seen, :3].astype(int)
    assert np.ptp(teeth, axis=1).max() <= 2
