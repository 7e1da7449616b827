"""Gains: what a living face's scores are worth to a portrait."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.errors import ConfigError
from visavis.reading import FaceReader, retargeted, to_expression
from visavis.reading.retarget import parse_gains, retarget_gains
from visavis.types import BLENDSHAPES, Expression, Face


def test_gains_are_positive_and_both_sides_have_the_same() -> None:
    gains = dict(zip(BLENDSHAPES, retarget_gains(), strict=True))
    assert min(gains.values()) > 0
    assert all(
        gain == gains[f"{name.removesuffix('Left')}Right"] for name, gain in gains.items() if name.endswith("Left")
    )


def test_gaze_sway_and_breath_are_left_alone_and_rest_stays_rest() -> None:
    read = Expression.from_mapping({"eyeBlinkLeft": 0.9, "jawOpen": 0.5}, gaze=(0.3, -0.2), sway=(4.0, 1.0, 0.0))
    played = retargeted(read)
    np.testing.assert_array_equal(played.gaze, read.gaze)
    np.testing.assert_array_equal(played.sway, read.sway)
    assert played["jawOpen"] == read["jawOpen"]
    assert played.weights.max() == 1
    assert played.weights.dtype == np.float32
    assert retargeted(Expression()).is_neutral


def test_a_reading_is_what_a_portrait_plays_and_its_face_keeps_the_scores() -> None:
    scores = np.zeros(len(BLENDSHAPES), np.float32)
    scores[BLENDSHAPES.index("browInnerUp")] = 0.8
    face = Face(np.zeros(4, np.float32), blendshapes=scores)
    reading = FaceReader().read(face)
    assert to_expression(face)["browInnerUp"] == pytest.approx(0.8)
    assert reading.face.blendshapes is scores
    assert reading.expression["browInnerUp"] == pytest.approx(0.8 * retarget_gains()[BLENDSHAPES.index("browInnerUp")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gains", "TOML"),
        ("", "one table"),
        ("[gains]\nbrowUp = 1.0", "browUp"),
        ("[gains]\njawOpen = 0", "jawOpen"),
        ("[gains]\njawOpen = true", "jawOpen"),
        ("[gains]\njawOpen = 30.0", "jawOpen"),
        ('[gains]\njawOpen = "much"', "jawOpen"),
    ],
)
def test_gains_that_cannot_be_right_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_gains(text)
