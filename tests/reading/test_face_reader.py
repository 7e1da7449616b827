"""A face becomes an expression and a reading, steadied where it is followed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from visavis.reading import FaceReader, Smoothing, to_expression
from visavis.types import BLENDSHAPES, Expression, Face, Float32, Image, head_angles


def _face(weights: dict[str, float], *, track_id: int | None = None, pose: Float32 | None = None) -> Face:
    blendshapes = Expression.from_mapping(weights).weights
    return Face(np.zeros(4, np.float32), blendshapes=blendshapes, track_id=track_id, pose=pose)


def _turned(yaw: float, pitch: float, roll: float) -> Float32:
    """A pose of R_y(yaw) R_x(-pitch) R_z(-roll), by the textbook's matrices, in degrees; scaled, as poses may be."""
    a, b, c = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = 1.3 * about_y @ about_x @ about_z
    return pose


@pytest.mark.parametrize("angles", [(20, 0, 0), (0, 15, 0), (0, 0, -12), (25, -10, 8), (-40, 20, -15)])
def test_head_angles_undo_the_turn(angles: tuple[float, float, float]) -> None:
    assert head_angles(_turned(*angles)) == pytest.approx(angles, abs=1e-3)


def test_the_signs_of_the_head_are_the_subjects() -> None:
    # The nose towards the right of the picture, which is the subject's left.
    assert to_expression(_face({}, pose=_turned(20, 0, 0))).sway[0] > 0
    nose = _turned(0, 15, 0)[:3, 2]
    assert nose[1] > 0, "y is up, so pitch up lifts the nose"
    crown = _turned(0, 0, 10)[:3, 1]
    assert crown[0] > 0, "roll takes the crown towards the subject's left shoulder"


def test_sway_is_clipped() -> None:
    assert to_expression(_face({}, pose=_turned(70, 0, 0))).sway.tolist() == [30, 0, 0]


def test_gaze_comes_from_the_eyes_and_turns_them_once() -> None:
    left = to_expression(_face({"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.6}))
    assert left.gaze.tolist() == pytest.approx([0.7, 0.0])
    down = to_expression(_face({"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5, "eyeBlinkLeft": 0.2}))
    assert down.gaze.tolist() == pytest.approx([0.0, -0.5])
    assert down["eyeLookDownLeft"] == 0
    assert down["eyeBlinkLeft"] == pytest.approx(0.2)


def test_the_neutral_score_moves_nothing() -> None:
    assert to_expression(_face({"_neutral": 0.9})).is_neutral


def test_a_face_without_blendshapes_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="blendshapes"):
        FaceReader().read(Face(np.zeros(4, np.float32)))


def test_a_face_that_nobody_follows_is_read_as_it_is() -> None:
    reader = FaceReader()
    for value in (0.0, 1.0, 0.0):
        reading = reader.read(_face({"jawOpen": value}))
        assert reading.expression["jawOpen"] == value


def test_a_face_that_is_followed_is_steadied_by_its_own_past() -> None:
    reader = FaceReader()
    reader.read(_face({"jawOpen": 0.0}, track_id=1), time_s=0.0)
    reader.read(_face({"jawOpen": 1.0}, track_id=2), time_s=0.0)
    first = reader.read(_face({"jawOpen": 1.0}, track_id=1), time_s=1 / 30)
    second = reader.read(_face({"jawOpen": 1.0}, track_id=2), time_s=1 / 30)
    assert 0 < first.expression["jawOpen"] < 1
    assert second.expression["jawOpen"] == pytest.approx(1)


def test_without_smoothing_every_frame_is_as_measured() -> None:
    reader = FaceReader(smoothing=None)
    reader.read(_face({"jawOpen": 0.0}, track_id=1), time_s=0.0)
    assert reader.read(_face({"jawOpen": 1.0}, track_id=1), time_s=0.03).expression["jawOpen"] == 1


@pytest.mark.parametrize("away_s", [1.5, -5.0])
def test_a_face_that_was_away_or_a_time_that_goes_back_begins_anew(away_s: float) -> None:
    reader = FaceReader()
    reader.read(_face({"jawOpen": 0.0}, track_id=1), time_s=10.0)
    assert reader.read(_face({"jawOpen": 1.0}, track_id=1), time_s=10.0 + away_s).expression["jawOpen"] == 1


def test_forgetting() -> None:
    reader = FaceReader(smoothing=Smoothing(min_cutoff_hz=0.1))
    reader.read(_face({"jawOpen": 0.0}, track_id=1), time_s=0.0)
    reader.forget()
    assert reader.read(_face({"jawOpen": 1.0}, track_id=1), time_s=0.03).expression["jawOpen"] == 1


def test_memory_does_not_grow_with_the_visitors() -> None:
    reader = FaceReader()
    for visitor in range(500):
        reader.read(_face({}, track_id=visitor), time_s=float(visitor))
    assert len(reader._memories) < 5


def test_nobodys_emotion_is_named_when_that_is_asked() -> None:
    reader = FaceReader(emotions=None)
    for track_id in (None, 1):
        reading = reader.read(_face({"jawOpen": 0.9}, track_id=track_id))
        assert reading.emotion is None
        assert reading.expression["jawOpen"] == pytest.approx(0.9)


def test_attributes_come_from_the_classifier_alone() -> None:
    class Told:
        def read(self, image: Image, face: Face) -> Mapping[str, float]:
            return {"Smiling": float(image[0, 0, 0]) / 255}

    image = np.full((4, 4, 3), 255, np.uint8)
    marked = dataclasses.replace(_face({}), keypoints=np.zeros((5, 2), np.float32))
    assert FaceReader().read(marked, image).attributes is None
    assert FaceReader(attributes=Told()).read(marked, image).attributes == {"Smiling": 1.0}


def test_a_scripted_face_shows_no_attributes() -> None:
    class Refuses:
        def read(self, image: Image, face: Face) -> Mapping[str, float]:
            raise ValueError("a crop needs keypoints")

    scripted = _face({"jawOpen": 0.5})
    assert FaceReader(attributes=Refuses()).read(scripted, np.zeros((4, 4, 3), np.uint8)).attributes is None


def test_a_reading_keeps_what_was_measured() -> None:
    reader = FaceReader()
    reader.read(_face({"jawOpen": 0.0}, track_id=1), time_s=0.0)
    reading = reader.read(_face({"jawOpen": 1.0}, track_id=1), time_s=0.03)
    assert reading.face.blendshapes is not None
    assert reading.face.blendshapes[BLENDSHAPES.index("jawOpen")] == 1
