"""The annotated picture: the photo with marks on the face, and bars that are as long as what they tell."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.images import resize
from visavis.reading import FaceReader
from visavis.reading.drawing import draw_reading
from visavis.types import Emotion, Expression, Face, Image, Reading

GOLD = np.array((222, 178, 92))


def _reading(joy: float, box: tuple[float, float, float, float] = (20, 20, 60, 60)) -> Reading:
    emotion = Emotion.from_mapping({"joy": joy, "neutral": 1 - joy})
    return Reading(Face(np.array(box, np.float32)), Expression(), emotion=emotion)


def _gold(image: Image) -> int:
    return int((np.abs(image.astype(int) - GOLD).sum(axis=2) < 6).sum())


def test_without_faces_the_picture_is_only_brought_to_size() -> None:
    image = np.full((90, 120, 3), 77, np.uint8)
    drawn = draw_reading(image, ())
    assert drawn.shape == (720, 960, 3)
    assert np.all(drawn == 77)
    assert np.all(image == 77), "the given picture stays as it is"


def test_a_longer_bar_for_a_higher_probability() -> None:
    image = np.zeros((720, 720, 3), np.uint8)
    low, high = (draw_reading(image, [_reading(value)])[:, 720:] for value in (0.6, 1.0))
    assert _gold(high) > _gold(low) + 100


def test_the_box_lies_where_the_face_is() -> None:
    image = np.zeros((360, 480, 3), np.uint8)
    drawn = draw_reading(image, [_reading(1.0, box=(100, 50, 200, 150))])[:, :960]
    rows, columns = np.nonzero(np.abs(drawn.astype(int) - GOLD).sum(axis=2) < 30)
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((200, 100, 400, 300), abs=3)


def test_the_mesh_is_drawn_on_the_face_alone(assets: AssetStore, astronaut: Image) -> None:
    from visavis.faces import find_faces

    face = find_faces(astronaut, assets=assets)[0]
    drawn = draw_reading(astronaut, [FaceReader().read(face)])[:, :720]
    plain = resize(astronaut, height=720)
    changed = np.abs(drawn.astype(int) - plain).max(axis=2) > 8
    x0, y0, x1, y1 = np.round(face.box * 720 / 512).astype(int)
    inside = changed[y0 : y1 + 1, x0 : x1 + 1]
    assert 0.05 < inside.mean() < 0.6
    assert changed.sum() - inside.sum() < 1500, "beyond the box only the width of its corners"


@pytest.mark.parametrize("count", [1, 2, 5, 12, 40])
@pytest.mark.parametrize("size", [(48, 48), (300, 2000), (2000, 300)])
def test_any_number_of_faces_in_any_shape(count: int, size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    drawn = draw_reading(image, [_reading(0.9, box=(2, 2, 20, 20))] * count)
    assert drawn.dtype == np.uint8
    assert 240 <= drawn.shape[0] <= 1440
    assert drawn.shape[1] <= 3100
    assert _gold(drawn[:, -round(330 * drawn.shape[0] / 720) :]) > 20, "at least one bar in the panel"


def test_without_an_emotion_none_is_named() -> None:
    face = Face(np.array([5, 5, 40, 40], np.float32), blendshapes=np.full(52, 0.5, np.float32))
    drawn = draw_reading(np.zeros((720, 720, 3), np.uint8), [Reading(face, Expression())])
    assert _gold(drawn[:, 720:]) == 0
