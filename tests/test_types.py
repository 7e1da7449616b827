"""Frozen types check what they carry."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Expression, Face, Frame


def test_the_blendshapes_are_fifty_two_distinct_names() -> None:
    assert len(set(BLENDSHAPES)) == 52
    assert len(set(EMOTIONS)) == 7


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8), "not an array"],
)
def test_frame_refuses_other_images(image: object) -> None:
    with pytest.raises(ValueError, match=r"Frame\.image"):
        Frame(image)  # type: ignore[arg-type]


def test_face_refuses_wrong_landmarks() -> None:
    with pytest.raises(ValueError, match="landmarks"):
        Face(np.zeros(4, np.float32), landmarks=np.zeros((468, 3), np.float32))


def test_expression_from_mapping_names_the_unknown() -> None:
    with pytest.raises(ValueError, match="mouthSmyle"):
        Expression.from_mapping({"mouthSmyle": 1.0})


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_expression_refuses_weights_out_of_range(weight: float) -> None:
    with pytest.raises(ValueError, match="Expression"):
        Expression.from_mapping({"jawOpen": weight})


def test_mix_is_linear_and_ends_where_it_should() -> None:
    smile = Expression.from_mapping({"mouthSmileLeft": 0.8}, gaze=(0.5, 0.0), sway=(4.0, 0.0, 0.0))
    half = Expression().mix(smile, 0.5)
    assert half["mouthSmileLeft"] == pytest.approx(0.4)
    assert half.gaze[0] == pytest.approx(0.25)
    assert half.sway[0] == pytest.approx(2.0)
    assert Expression().is_neutral
    assert not smile.is_neutral
    assert smile.scaled(0.0).is_neutral


def test_breath_is_a_part_of_an_expression() -> None:
    breathing = Expression.from_mapping({}, breath=0.5)
    assert not breathing.is_neutral
    assert breathing.mix(Expression(), 0.5).breath == pytest.approx(0.25)
    assert breathing.scaled(0.0).is_neutral
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="breath"):
            Expression.from_mapping({}, breath=wrong)


def test_emotion_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Emotion(np.full(7, 0.5, np.float32))
    assert Emotion.from_mapping({"fear": 2.0})["fear"] == 1.0
