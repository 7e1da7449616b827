"""From pictures and frames to readings, with the real models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.reading import Instruments, Reader
from visavis.types import Frame, Image


@pytest.fixture(scope="module")
def reader(assets: AssetStore) -> Iterator[Reader]:
    with Reader(assets) as opened:
        yield opened


def _frames(image: Image, count: int, *, start_s: float = 0.0) -> list[Frame]:
    return [Frame(image, time_s=start_s + index / 25, index=index) for index in range(count)]


def test_a_photo_gives_its_face(reader: Reader, astronaut: Image) -> None:
    (reading,) = reader.read_image(astronaut)
    assert reading.emotion is not None
    assert reading.emotion.dominant == "joy"
    assert reading.expression["mouthSmileLeft"] > 0.5
    assert reading.face.track_id is None


def test_a_picture_without_faces_gives_nothing(reader: Reader) -> None:
    assert reader.read_image(np.full((200, 300, 3), 120, np.uint8)) == ()


def test_a_face_keeps_its_number_through_a_video(reader: Reader, astronaut: Image) -> None:
    reader.restart()
    seen = [reader.read_frame(frame) for frame in _frames(astronaut, 5)]
    assert [len(readings) for readings in seen] == [1] * 5
    assert {readings[0].face.track_id for readings in seen} == {0}


def test_another_video_begins_at_the_same_time_and_number(reader: Reader, astronaut: Image) -> None:
    for _ in range(2):
        reader.restart()
        (reading,) = reader.read_frame(_frames(astronaut, 1)[0])
        assert reading.face.track_id == 0


def test_a_small_face_in_a_video_is_found_by_the_thorough_search(reader: Reader, astronaut: Image) -> None:
    scene = np.full((720, 1280, 3), 90, np.uint8)
    small = astronaut[40:200:2, 150:310:2]
    scene[300 : 300 + small.shape[0], 600 : 600 + small.shape[1]] = small
    reader.restart()
    seen = [reader.read_frame(frame) for frame in _frames(scene, 3)]
    assert [len(readings) for readings in seen] == [1, 1, 1]
    x, y = seen[0][0].face.center
    assert 600 < x < 680
    assert 300 < y < 380


def test_without_names_of_emotions(assets: AssetStore, astronaut: Image) -> None:
    with Reader(assets, instruments=Instruments()) as reader:
        (reading,) = reader.read_image(astronaut)
    assert reading.emotion is None
