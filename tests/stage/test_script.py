"""The scripted spectator: repeatable, lifelike in its timing, and read as what it plays."""

from __future__ import annotations

import numpy as np

from visavis.portrait.presets import emotion_presets
from visavis.reading import create_emotion_reader
from visavis.stage.script import ScriptedFace
from visavis.types import EMOTIONS, Face, Image

BLANK: Image = np.zeros((480, 640, 3), np.uint8)


def perform(seed: int, *, seconds: float = 60.0, rate: float = 30.0, start_s: float = 0.0) -> list[Face | None]:
    scripted = ScriptedFace(emotion_presets(), seed=seed)
    faces = []
    for index in range(round(seconds * rate)):
        found = scripted.detect(BLANK, start_s + index / rate)
        faces.append(found[0] if found else None)
    return faces


def weights(faces: list[Face | None]) -> np.ndarray:
    zero = np.zeros(52, np.float32)
    return np.stack([zero if face is None or face.blendshapes is None else face.blendshapes for face in faces])


def test_the_same_seed_gives_the_same_performance_at_any_time_of_day() -> None:
    np.testing.assert_array_equal(weights(perform(3)), weights(perform(3)))
    np.testing.assert_allclose(weights(perform(3)), weights(perform(3, start_s=5000.0)), atol=1e-4)
    assert not np.array_equal(weights(perform(3)), weights(perform(4)))


def test_nothing_in_it_jumps() -> None:
    faces = perform(1)
    steps = np.abs(np.diff(weights(faces), axis=0))
    assert steps.max() < 0.5  # a blink, the fastest thing a face does
    centers = np.array([face.center if face else (np.nan, np.nan) for face in faces])
    assert np.nanmax(np.abs(np.diff(centers, axis=0))) < 6


def test_it_stays_in_the_picture_comes_and_goes() -> None:
    faces = perform(2, seconds=120)
    away = [face is None for face in faces]
    assert 0.05 < np.mean(away) < 0.4
    for face in faces:
        if face is not None:
            assert face.box.min() > 0
            assert face.box[2] < 640
            assert face.box[3] < 480


def test_its_emotions_are_read_as_what_they_are() -> None:
    faces = perform(5, seconds=60, rate=10)
    reader = create_emotion_reader("blendshapes")
    seen = {reader.read(face).dominant for face in faces if face is not None}
    assert {"neutral", "joy", "surprise", "sadness", "anger"} <= seen <= set(EMOTIONS)
