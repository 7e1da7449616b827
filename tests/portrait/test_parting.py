"""Lips that are painted apart: told from closed ones, and what is painted between them stays behind when they open."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.lipline import LipLine
from visavis.portrait.mouth import lip_masks, lips_stir, tooth_scale
from visavis.portrait.parting import Parting, find_parting
from visavis.portrait.render import MeshRenderer
from visavis.types import Expression, Image

SKIN, LIP, TEETH, DARK, GLOSS = (205, 170, 150), (165, 80, 80), (190, 182, 170), (60, 30, 30), (225, 195, 190)
LINE = LipLine(np.stack([np.linspace(90, 210, 65), np.full(65, 100.0)], axis=1).astype(np.float32))


def mouth(between: tuple[int, int, int], *, thick: float, at: float = 100.0, line: bool = False) -> Image:
    """Lips in skin, and something between them, `thick` pixels at most, with its middle at a height."""
    image = np.full((200, 300, 3), SKIN, np.uint8)
    cv2.ellipse(image, (150, 100), (66, 24), 0, 0, 360, LIP, -1)
    if line:
        image[99:102, 90:211] = DARK
    cv2.ellipse(image, (150, round(at)), (46, round(thick / 2)), 0, 0, 360, between, -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1))


@pytest.mark.parametrize("at", [95.0, 100.0, 105.0])
def test_teeth_between_lips_are_found_where_they_are(at: float) -> None:
    parting = find_parting(mouth(TEETH, thick=14, at=at), LINE, gap=0.0)
    assert parting is not None
    assert parting.upper.points[25:40, 1] == pytest.approx(at - 7, abs=1.5)
    assert parting.lower.points[25:40, 1] == pytest.approx(at + 7, abs=1.5)
    for edge in (parting.upper, parting.lower):
        np.testing.assert_allclose(edge.points[[0, -1]], LINE.points[[0, -1]], atol=0.5)
    assert parting.open_at(np.array([[150.0, 100.0], [60.0, 100.0], [240.0, 100.0]])).tolist() == [1, 0, 0]


def test_a_dark_gap_needs_the_landmarks_to_find_it_too() -> None:
    dark = mouth(DARK, thick=14)
    assert find_parting(dark, LINE, gap=0.0) is None
    assert find_parting(dark, LINE, gap=12.0) is not None


@pytest.mark.parametrize("gap", [0.0, 12.0])
def test_closed_lips_have_no_parting(gap: float) -> None:
    assert find_parting(mouth(LIP, thick=2), LINE, gap) is None
    assert find_parting(np.full((200, 300, 3), 128, np.uint8), LINE, gap) is None


def test_the_gloss_of_a_wet_lip_is_no_tooth() -> None:
    assert find_parting(mouth(GLOSS, thick=10, at=112, line=True), LINE, gap=0.0) is None


def painted_apart(portrait: OpenPortrait) -> tuple[OpenPortrait, Parting]:
    """The portrait with white paint between its lips, and with the masks of a mouth that is painted open."""
    rig = portrait.rig
    line, mouth = rig.mouth.line, rig.mouth
    sag = (0.06 * line.width * np.sin(np.linspace(0, np.pi, 65)))[:, None] * line.down
    parting = Parting(*(LipLine((line.points + side * sag).astype(np.float32)) for side in (-1, 1)))
    painting = rig.painting.copy()
    outline = np.concatenate([parting.upper.points, parting.lower.points[::-1]])
    cv2.fillPoly(painting, [np.rint(outline).astype(np.int32)], (255, 255, 255))
    mm = tooth_scale(line, rig.face_width)
    upper, lower = lip_masks(line, mouth.grid, mm=mm, parting=parting)
    stir = lips_stir(line, mouth.grid, *(layer.astype(np.float64) for layer in (mouth.upper, mouth.lower)), mm=mm)
    # Nothing inside is white, so that all the white that is seen is the paint.
    teeth = np.zeros_like(mouth.upper_teeth)
    mouth = replace(mouth, upper_mask=upper, lower_mask=lower, stir=stir, upper_teeth=teeth)
    mouth = replace(mouth, cavity=np.zeros_like(mouth.cavity))
    return portrait._replace(image=painting, rig=replace(rig, painting=painting, mouth=mouth)), parting


def white(image: Image, portrait: OpenPortrait) -> int:
    x0, y0, x1, y1 = portrait.rig.mouth.grid.box
    return int((image[y0:y1, x0:x1].min(axis=2) > 215).sum())


def test_what_is_painted_between_lips_goes_as_they_open_and_not_at_once(madonna: OpenPortrait) -> None:
    portrait, _ = painted_apart(madonna)
    renderer = MeshRenderer(portrait.rig)
    seen = [
        white(renderer.render(Expression.from_mapping({"jawOpen": weight})), portrait) for weight in (0, 0.01, 0.1, 0.6)
    ]
    assert seen[0] > 50
    assert seen[1] > 0.9 * seen[0]  # nothing jumps
    assert seen[2] < seen[1]
    assert seen[3] < 0.2 * seen[0]


def test_a_head_that_turns_or_breathes_keeps_what_is_painted_between_its_lips(madonna: OpenPortrait) -> None:
    portrait, _ = painted_apart(madonna)
    renderer = MeshRenderer(portrait.rig)
    for expression in (Expression.from_mapping({}, sway=(4, 3, 2)), Expression.from_mapping({}, breath=1.0)):
        assert white(renderer.render(expression), portrait) > 0.8 * white(portrait.image, portrait)


def test_closed_lips_keep_their_line_however_they_move(madonna: OpenPortrait) -> None:
    assert find_parting(madonna.image, madonna.rig.mouth.line, madonna.rig.mouth.gap) is None
    assert not madonna.rig.mouth.stir.any()
