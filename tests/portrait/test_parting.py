"""Lips that are painted apart: told from closed ones, and rid of what is painted between them as they move."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.check import check_rig
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.lipline import LipLine
from visavis.portrait.parting import find_parting
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig, make_rig
from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER
from visavis.types import Expression, Image

SKIN, LIP, TEETH, DARK, GLOSS = (205, 170, 150), (165, 80, 80), (190, 182, 170), (60, 30, 30), (225, 195, 190)


def landmarks(gap: float = 0.0) -> NDArray[np.float64]:
    """The landmarks of a mouth that they find so far open, (478, 2); all others are at the origin."""
    points = np.zeros((478, 2))
    x = np.linspace(90, 210, len(LIP_INNER_UPPER))
    half = gap / 2 * np.sin(np.linspace(0, np.pi, len(x)))
    points[list(LIP_INNER_UPPER)] = np.stack([x, 100 - half], axis=1)
    points[list(LIP_INNER_LOWER)] = np.stack([x, 100 + half], axis=1)
    return points


LINE = LipLine(np.stack([np.linspace(90, 210, 65), np.full(65, 100.0)], axis=1).astype(np.float32))


def mouth(
    between: tuple[int, int, int], *, thick: float, long: int = 92, at: float = 100.0, line: bool = False
) -> Image:
    """Lips in skin, and something between them, `thick` pixels high and so long, with its middle at a height."""
    image = np.full((200, 300, 3), SKIN, np.uint8)
    cv2.ellipse(image, (150, 100), (66, 24), 0, 0, 360, LIP, -1)
    if line:
        image[99:102, 90:211] = DARK
    cv2.ellipse(image, (150, round(at)), (long // 2, round(thick / 2)), 0, 0, 360, between, -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1))


@pytest.mark.parametrize("at", [95.0, 100.0, 105.0])
def test_teeth_between_lips_are_found_where_they_are(at: float) -> None:
    parting = find_parting(mouth(TEETH, thick=14, at=at), landmarks(), LINE, gap=0.0)
    assert parting is not None
    assert parting.upper.points[25:40, 1] == pytest.approx(at - 7, abs=1.5)
    assert parting.lower.points[25:40, 1] == pytest.approx(at + 7, abs=1.5)
    for edge in (parting.upper, parting.lower):
        np.testing.assert_allclose(edge.points[[0, -1]], LINE.points[[0, -1]], atol=0.5)
    assert parting.open_at(np.array([[150.0, 100.0], [60.0, 100.0], [240.0, 100.0]])).tolist() == [1, 0, 0]


def test_a_dark_gap_needs_the_landmarks_to_find_it_too() -> None:
    dark = mouth(DARK, thick=14)
    assert find_parting(dark, landmarks(), LINE, gap=0.0) is None
    assert find_parting(dark, landmarks(12.0), LINE, gap=12.0) is not None


@pytest.mark.parametrize("gap", [0.0, 12.0])
@pytest.mark.parametrize("line", [False, True])
def test_closed_lips_have_no_parting(gap: float, line: bool) -> None:
    assert find_parting(mouth(LIP, thick=2, line=line), landmarks(gap), LINE, gap) is None


@pytest.mark.parametrize("gap", [0.0, 12.0])
def test_a_picture_in_one_hue_has_no_parting(gap: float) -> None:
    grey = cv2.cvtColor(mouth(TEETH, thick=14), cv2.COLOR_RGB2GRAY)
    assert find_parting(np.stack([grey] * 3, axis=2), landmarks(gap), LINE, gap) is None


def test_of_a_wide_gap_the_landmarks_know_the_edges() -> None:
    """Below the teeth it is dark, and then there are more teeth: what is paler than the lips is not all of it."""
    image = mouth(DARK, thick=40)
    image[84:96, 110:190] = TEETH
    image[112:116, 110:190] = TEETH
    parting = find_parting(image, landmarks(38.0), LINE, gap=38.0)
    assert parting is not None
    assert parting.upper.points[25:40, 1] == pytest.approx(81.5, abs=4)
    assert parting.lower.points[25:40, 1] == pytest.approx(118.5, abs=4)
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3, axis=2)
    assert find_parting(grey, landmarks(38.0), LINE, gap=38.0) is not None


def test_what_is_too_low_or_too_short_or_too_red_is_no_gap() -> None:
    assert find_parting(mouth(TEETH, thick=14), landmarks(), LINE, gap=0.0) is not None
    assert find_parting(mouth(TEETH, thick=2), landmarks(), LINE, gap=0.0) is None
    assert find_parting(mouth(TEETH, thick=14, long=24), landmarks(), LINE, gap=0.0) is None
    reddish = tuple(round(0.88 * lip + 0.12 * tooth) for lip, tooth in zip(LIP, TEETH, strict=True))
    assert find_parting(mouth((reddish[0], reddish[1], reddish[2]), thick=14), landmarks(), LINE, gap=0.0) is None


def test_the_gloss_of_a_wet_lip_is_no_tooth() -> None:
    assert find_parting(mouth(GLOSS, thick=10, at=112, line=True), landmarks(), LINE, gap=0.0) is None


def painted_apart(portrait: OpenPortrait) -> OpenPortrait:
    """The portrait with white paint between its lips, rigged anew."""
    line = portrait.rig.mouth.line
    sag = (0.06 * line.width * np.sin(np.linspace(0, np.pi, 65)))[:, None] * line.down
    outline = np.concatenate([line.points - sag, (line.points + sag)[::-1]])
    painting = portrait.image.copy()
    cv2.fillPoly(painting, [np.rint(outline).astype(np.int32)], (255, 255, 255))
    return portrait._replace(image=painting, rig=make_rig(painting, portrait.face))


def empty(rig: Rig) -> Rig:
    """The rig with nothing in its mouth, so that all the white that is seen is the paint."""
    mouth = rig.mouth
    return replace(
        rig,
        mouth=replace(mouth, cavity=np.zeros_like(mouth.cavity), upper_teeth=np.zeros_like(mouth.upper_teeth)),
    )


def test_a_rig_knows_that_its_lips_are_painted_apart(madonna: OpenPortrait) -> None:
    portrait = painted_apart(madonna)
    assert portrait.rig.mouth.stir[:52].any()
    assert not portrait.rig.mouth.stir[52:].any()
    assert check_rig(portrait.rig, portrait.face).mouth == "parted"
    assert check_rig(madonna.rig, madonna.face).mouth == "closed"


def test_a_mouth_at_the_edge_of_the_picture_is_rigged(madonna: OpenPortrait) -> None:
    lowest = int(np.ceil(madonna.rig.landmarks[[*LIP_INNER_UPPER, *LIP_INNER_LOWER], 1].max())) + 1
    painting = painted_apart(madonna).image[: lowest + 1]
    assert make_rig(painting, madonna.face).mouth.grid.box[3] <= len(painting)


def white(image: Image, portrait: OpenPortrait) -> int:
    x0, y0, x1, y1 = portrait.rig.mouth.grid.box
    return int((image[y0:y1, x0:x1].min(axis=2) > 215).sum())


def test_what_is_painted_between_lips_goes_as_they_open_and_not_at_once(madonna: OpenPortrait) -> None:
    portrait = painted_apart(madonna)
    renderer = MeshRenderer(empty(portrait.rig))
    seen = [
        white(renderer.render(Expression.from_mapping({"jawOpen": weight})), portrait) for weight in (0, 0.01, 0.1, 0.6)
    ]
    assert seen[0] > 50
    assert seen[1] > 0.9 * seen[0]  # nothing jumps
    assert seen[2] < seen[1]
    still = replace(portrait.rig, mouth=replace(portrait.rig.mouth, stir=np.zeros_like(portrait.rig.mouth.stir)))
    kept = white(MeshRenderer(empty(still)).render(Expression.from_mapping({"jawOpen": 0.6})), portrait)
    assert seen[3] < 0.4 * kept


def test_a_head_that_turns_or_breathes_keeps_what_is_painted_between_its_lips(madonna: OpenPortrait) -> None:
    portrait = painted_apart(madonna)
    renderer = MeshRenderer(empty(portrait.rig))
    for expression in (Expression.from_mapping({}, sway=(4, 3, 2)), Expression.from_mapping({}, breath=1.0)):
        assert white(renderer.render(expression), portrait) > 0.8 * white(portrait.image, portrait)


def test_closed_lips_keep_their_line_however_they_move(madonna: OpenPortrait) -> None:
    assert (
        find_parting(
            madonna.image, madonna.rig.landmarks.astype(np.float64), madonna.rig.mouth.line, madonna.rig.mouth.gap
        )
        is None
    )
    assert not madonna.rig.mouth.stir.any()
