"""A person's resting face is learnt, and is no emotion; what is played from the first frame is no rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.reading.faces import both, face_of
from visavis.reading import FaceReader, Smoothing, create_emotion_reader, retargeted
from visavis.reading.motion import Stillness
from visavis.reading.rest import RestingExpression, RestingFace
from visavis.types import BLENDSHAPES, Emotion, Expression

LOW_BROWS = {**both("browDown", 0.55), **both("mouthPress", 0.25), **both("eyeSquint", 0.4)}
FROWN = Emotion.from_mapping({"anger": 0.45, "neutral": 0.4, "sadness": 0.15})
SMILE = Emotion.from_mapping({"joy": 0.9, "neutral": 0.1})


def watch(rest: RestingFace, emotion: Emotion, seconds: float, *, rate: int = 30, stillness: float = 1.0) -> Emotion:
    for _ in range(round(seconds * rate)):
        told = rest.step(emotion, 1 / rate, stillness=stillness)
    return told


def test_a_resting_face_that_frowns_is_not_angry() -> None:
    told = watch(RestingFace(), FROWN, 3.0)
    assert told.dominant == "neutral"
    assert told["anger"] < 0.25


@pytest.mark.parametrize("rate", [10, 30, 60])
def test_what_is_learnt_depends_on_the_seconds_and_not_on_the_frames(rate: int) -> None:
    rest = RestingFace()
    watch(rest, FROWN, 2.0, rate=rate)
    assert rest.correction["anger"] == pytest.approx(0.933, abs=0.02)


@pytest.mark.parametrize("seconds", [1.0, 10.0])
def test_a_smile_held_from_the_first_frame_stays_a_smile(seconds: float) -> None:
    rest = RestingFace()
    told = watch(rest, SMILE, seconds)
    assert rest.correction["joy"] == 0
    assert told["joy"] == pytest.approx(0.9, abs=0.01)


def test_clear_anger_from_the_first_frame_stays_anger() -> None:
    clear = Emotion.from_mapping({"anger": 0.9, "neutral": 0.05, "disgust": 0.05})
    assert watch(RestingFace(), clear, 5.0).dominant == "anger"


def test_no_correction_is_beyond_its_bound() -> None:
    for share in np.linspace(0.05, 0.95, 19):
        rest = RestingFace()
        watch(rest, Emotion.from_mapping({"anger": float(share), "neutral": 1 - float(share)}), 4.0)
        assert 0 <= rest.correction["anger"] <= 1.2
        assert rest.correction["neutral"] == 0


def test_who_is_known_and_then_angry_is_told_so() -> None:
    rest = RestingFace()
    watch(rest, FROWN, 3.0)
    assert rest.step(Emotion.from_mapping({"anger": 0.85, "neutral": 0.15}), 1 / 30).dominant == "anger"


def test_a_face_that_moves_teaches_nothing() -> None:
    rest = RestingFace()
    assert watch(rest, FROWN, 3.0, stillness=0.2).dominant == "anger"
    assert not any(rest.correction.values())


def test_a_calmer_face_later_corrects_what_was_learnt() -> None:
    rest = RestingFace()
    watch(rest, FROWN, 3.0)
    before = rest.correction["anger"]
    watch(rest, Emotion.from_mapping({"neutral": 0.9, "anger": 0.05, "joy": 0.05}), 6.0)
    assert rest.correction["anger"] < 0.2 * before
    watch(rest, FROWN, 6.0)
    assert rest.correction["anger"] < 0.2 * before, "rest may only fall"


def test_a_smile_after_rest_was_learnt_unlearns_nothing() -> None:
    rest = RestingFace()
    watch(rest, FROWN, 3.0)
    before = rest.correction
    watch(rest, SMILE, 5.0)
    assert rest.correction == pytest.approx(before, abs=0.01)


def test_low_brows_before_a_camera_are_forgotten_with_the_person() -> None:
    reader = FaceReader(emotions=create_emotion_reader("blendshapes"))

    def see(seconds: float, start_s: float, weights: dict[str, float]) -> list[str]:
        labels = []
        for frame in range(round(seconds * 30)):
            emotion = reader.read(face_of(weights, track_id=1), time_s=start_s + frame / 30).emotion
            assert emotion is not None
            labels.append(emotion.dominant)
        return labels

    assert see(1.0, 0.0, LOW_BROWS)[0] == "anger", "nobody is known at first sight"
    assert see(3.0, 1.0, LOW_BROWS)[-1] == "neutral"
    angry = {**both("browDown", 0.95), **both("mouthPress", 0.8), **both("eyeSquint", 0.6), "mouthShrugLower": 0.4}
    labels = see(1.0, 4.0, angry)
    assert "anger" in labels[:12], "the same person, truly angry"
    assert see(0.1, 8.0, LOW_BROWS)[0] == "anger", "three seconds away: another person for all we know"


def test_stillness_tells_trembling_from_moving() -> None:
    rng = np.random.default_rng(3)
    still, base = Stillness(), face_of({}).blendshapes
    assert base is not None
    trembles = [
        still.step(np.clip(base + rng.normal(0, 0.004, 52), 0, 1).astype(np.float32), 1 / 30) for _ in range(60)
    ]
    assert min(trembles[30:]) > 0.9
    moving = [still.step(np.full(52, 0.08 * step, np.float32), 1 / 30) for step in range(8)]
    assert moving[6] == 0


RAISED = Expression.from_mapping({"browInnerUp": 0.35, **both("eyeSquint", 0.4)}, gaze=(0.1, -0.3))


def watch_expression(expression: Expression, seconds: float, *, stillness: float = 1.0) -> RestingExpression:
    rest = RestingExpression()
    for _ in range(round(seconds * 30)):
        rest.step(expression, 1 / 30, stillness=stillness)
    return rest


def test_what_a_face_shows_at_rest_is_not_played() -> None:
    rest = watch_expression(RAISED, 3.0)
    played = rest.step(RAISED, 1 / 30)
    assert played.weights.max() < 0.1
    assert np.abs(played.gaze).max() < 0.1
    raised = rest.step(Expression.from_mapping({"browInnerUp": 1.0}), 1 / 30)
    assert raised["browInnerUp"] == pytest.approx(1.0)


@pytest.mark.parametrize("shape", ["mouthSmile", "jawOpen", "cheekSquint"])
def test_a_smile_or_an_open_jaw_held_from_the_first_frame_is_played(shape: str) -> None:
    held = Expression.from_mapping({name: 0.6 for name in BLENDSHAPES if name.startswith(shape)})
    played = watch_expression(held, 5.0).step(held, 1 / 30)
    np.testing.assert_allclose(played.weights, held.weights, atol=1e-3)


def test_a_face_that_moves_teaches_no_rest() -> None:
    played = watch_expression(RAISED, 3.0, stillness=0.2).step(RAISED, 1 / 30, stillness=0.2)
    np.testing.assert_array_equal(played.weights, RAISED.weights)
    np.testing.assert_array_equal(played.gaze, RAISED.gaze)


def test_a_rest_that_was_learnt_too_high_comes_down_and_never_rises() -> None:
    rest = watch_expression(RAISED, 3.0)
    for _ in range(300):
        rest.step(Expression(), 1 / 30)
    faint = Expression.from_mapping(both("eyeSquint", 0.3))
    for _ in range(300):
        played = rest.step(faint, 1 / 30)
    assert played["eyeSquintLeft"] == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("learn", [True, False])
def test_a_reader_learns_a_resting_expression_when_it_is_told_to(learn: bool) -> None:
    reader = FaceReader(smoothing=Smoothing(learn_rest=learn))
    for index in range(90):
        reading = reader.read(face_of({"browInnerUp": 0.35}, track_id=1), time_s=index / 30)
    assert (reading.expression["browInnerUp"] < 0.05) is learn
    stranger = reader.read(face_of({"browInnerUp": 0.35}, track_id=2), time_s=3.0)
    assert stranger.expression["browInnerUp"] > 0.1


@pytest.mark.parametrize(
    "held", [Expression.from_mapping(both("browDown", 0.8)), Expression.from_mapping({}, gaze=(0.8, 0.5))]
)
def test_an_expression_or_a_look_that_is_held_does_not_unlearn_rest(held: Expression) -> None:
    rest = watch_expression(RAISED, 3.0)
    for _ in range(60):
        rest.step(held if held.weights.any() else replace(RAISED, gaze=held.gaze), 1 / 30)
    played = rest.step(RAISED, 1 / 30)
    assert played.weights.max() < 0.1
    assert np.abs(played.gaze).max() < 0.1


def test_lips_that_are_pressed_at_rest_are_not_pressed_in_the_portrait() -> None:
    pressed = Expression.from_mapping(both("mouthPress", 0.3))
    assert retargeted(watch_expression(pressed, 3.0).step(pressed, 1 / 30)).weights.max() < 0.2


def test_eyes_that_are_narrow_at_rest_still_shut() -> None:
    narrow = Expression.from_mapping({**both("eyeBlink", 0.12), **both("eyeSquint", 0.4)}, gaze=(0.0, -0.4))
    rest = watch_expression(narrow, 3.0)
    shut = replace(narrow, weights=np.maximum(narrow.weights, Expression.from_mapping(both("eyeBlink", 1.0)).weights))
    assert retargeted(rest.step(shut, 1 / 30))["eyeBlinkLeft"] > 0.95
    assert rest.step(narrow, 1 / 30)["eyeSquintLeft"] < 0.1
