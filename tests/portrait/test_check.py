"""The report on a rig, its drawing, and the sheets to look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.portrait.check import check_rig, draw_rig, head_crop, reaches, too_small
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.sheet import Cell, before_and_after, contact_sheet, face_window, grid_of
from visavis.types import BLENDSHAPES, Face, Image


def flat(colour: int, height: int = 60, width: int = 40) -> Image:
    return np.full((height, width, 3), colour, np.uint8)


def test_the_madonna_is_described_as_she_is_painted(madonna: OpenPortrait) -> None:
    report = check_rig(madonna.rig, madonna.face)
    assert report.face_width == pytest.approx(151, abs=8)
    assert -35 < report.yaw < -10
    assert -35 < report.roll < -12
    assert report.pitch < -5
    assert report.mouth == "closed"
    assert "closed" not in report.eyes
    assert report.verdict == "good"
    assert report.occlusions == ()


def test_the_child_beside_her_has_parted_lips_or_open_eyes(assets: object) -> None:
    from visavis.assets import AssetStore
    from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait

    assert isinstance(assets, AssetStore)
    _, face, rig = open_portrait(DEFAULT_PORTRAIT, assets=assets, face=2)
    report = check_rig(rig, face)
    assert "open" in report.eyes
    assert report.verdict == "usable"
    assert any("pixels wide" in concern for concern in report.concerns)


def test_every_blendshape_reaches_somewhere(madonna: OpenPortrait) -> None:
    reach = reaches(madonna.rig)
    assert list(reach) == list(BLENDSHAPES)
    assert reach["_neutral"] == 0
    assert all(pixels > 0.5 for name, pixels in reach.items() if name != "_neutral"), reach
    # The chin of an opened mouth goes down by a tenth of the face's width and more; nothing goes as far as half of it.
    assert 0.1 * madonna.rig.face_width < reach["jawOpen"]
    assert max(reach.values()) < 0.5 * madonna.rig.face_width


def test_concerns_are_told(madonna: OpenPortrait) -> None:
    odd = replace(
        madonna.rig, yaw=55.0, face_width=90.0, landmarks=madonna.rig.landmarks - np.array([330, 0], np.float32)
    )
    report = check_rig(odd, replace(madonna.face, score=0.5))
    text = " ".join(report.concerns)
    for word in ("turned by 55 degrees", "only 90 pixels", "cuts off the left side", "unsure"):
        assert word in text
    assert report.verdict == "usable"


CHIN = (61, 146, 91, 181, 17, 405, 321, 375, 291, 364, 378, 152, 149, 135)
LIP = (57, 92, 165, 164, 391, 322, 287, 0)
FOREHEAD = (54, 103, 67, 109, 10, 338, 297, 332, 284, 298, 333, 299, 151, 69, 104, 68)


@pytest.mark.parametrize(
    ("points", "colour", "word"),
    [
        (CHIN, (52, 30, 20), "beard"),
        (CHIN, (150, 150, 152), "beard"),
        (LIP, (40, 25, 18), "moustache"),
        (FOREHEAD, (30, 28, 30), "hat"),
    ],
    ids=["brown beard", "grey beard", "moustache", "hat"],
)
def test_what_is_painted_over_the_face_is_seen(
    madonna: OpenPortrait, points: tuple[int, ...], colour: tuple[int, int, int], word: str
) -> None:
    import cv2

    painting = madonna.rig.painting.copy()
    cv2.fillConvexPoly(painting, cv2.convexHull(madonna.rig.landmarks[list(points)]).astype(np.int32), colour)
    rig = replace(madonna.rig, painting=painting)
    found = check_rig(rig, madonna.face).occlusions
    assert [word in words for words in found] == [True]
    orange = np.abs(draw_rig(rig, height=600).astype(int) - (255, 130, 20)).max(axis=2) < 30
    assert orange.sum() > 60


def test_a_face_lit_from_one_side_is_not_covered(madonna: OpenPortrait) -> None:
    """The side in shade is as dark as a beard, with its cheek."""
    x = np.arange(madonna.image.shape[1])
    for sign in (1, -1):
        light = 1 / (1 + np.exp(sign * (x - madonna.rig.landmarks[4, 0]) / 60)) * 0.75 + 0.25
        shaded = (madonna.image * light[None, :, None]).astype(np.uint8)
        assert check_rig(replace(madonna.rig, painting=shaded), madonna.face).occlusions == ()


def test_the_drawing_shows_lines_over_the_face(madonna: OpenPortrait) -> None:
    drawn = draw_rig(madonna.rig, height=600)
    assert drawn.shape[0] == 600
    assert drawn.dtype == np.uint8
    for colour in ((235, 50, 50), (70, 220, 110), (240, 200, 60)):
        near = np.abs(drawn.astype(int) - colour).max(axis=2) < 30
        assert near.sum() > 100, colour


def test_a_head_is_cut_out_and_enlarged(madonna: OpenPortrait) -> None:
    crop = head_crop(madonna.image, madonna.face, face_width=300)
    factor = 300 / madonna.face.width
    assert crop.shape[0] > 1.5 * madonna.face.height * factor
    assert crop.dtype == np.uint8
    assert head_crop(madonna.image, madonna.face, face_width=10).shape[0] < madonna.image.shape[0]


def test_small_is_below_what_can_be_rigged() -> None:
    assert too_small(Face(np.array([0, 0, 50, 70], np.float32)))
    assert not too_small(Face(np.array([0, 0, 80, 90], np.float32)))


def test_a_sheet_has_a_place_for_every_picture() -> None:
    sheet = contact_sheet([("a", [flat(200), flat(100)]), ("b", [flat(50)])], ["rest", "joy"], cell_height=64)
    for value in (200, 100, 50):
        assert (sheet == value).all(axis=2).sum() >= 0.95 * 64 * 42
    with pytest.raises(ValueError, match="needs rows"):
        contact_sheet([], ["rest"])
    with pytest.raises(ValueError, match="more pictures"):
        contact_sheet([("a", [flat(1), flat(2)])], ["rest"])


def test_a_grid_keeps_order_and_centres_its_last_row() -> None:
    sheet = grid_of(
        [Cell(flat(value), str(value)) for value in (40, 80, 120)], columns=2, cell_height=60, title="Tïtle"
    )
    places = {value: np.argwhere((sheet == value).all(axis=2)).mean(axis=0) for value in (40, 80, 120)}
    assert places[40][1] < places[80][1]
    assert places[120][0] > places[40][0]
    assert places[120][1] == pytest.approx(sheet.shape[1] / 2, abs=2)
    with pytest.raises(ValueError, match="needs a picture"):
        grid_of([], columns=2)


def test_before_stands_left_of_after_at_their_own_size() -> None:
    both = before_and_after(flat(90, 400, 300), flat(180, 400, 300))
    before, after = (np.argwhere((both == value).all(axis=2)) for value in (90, 180))
    assert len(before) >= 400 * 300
    assert len(after) >= 400 * 300
    assert before[:, 1].max() < after[:, 1].min()


def test_the_window_holds_the_face_and_stays_in_the_picture(madonna: OpenPortrait) -> None:
    rows, columns = face_window(madonna.rig.landmarks, madonna.image.shape)
    low, high = madonna.rig.landmarks.min(axis=0), madonna.rig.landmarks.max(axis=0)
    assert 0 <= columns.start <= low[0] < high[0] <= columns.stop <= madonna.image.shape[1]
    assert 0 <= rows.start <= low[1] < high[1] <= rows.stop <= madonna.image.shape[0]
