"""Messages: small, complete, and silent about emotions when none may be named."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.stage.stand_ins import ToldReader, blank, smiling_face
from visavis.reading.attributes import TOLD
from visavis.stage.protocol import MAX_MESSAGE_BYTES, PROTOCOL_VERSION, StageState, encode_state
from visavis.types import EMOTIONS, Emotion, Expression, Reason, Snapshot


def snapshot(*, with_emotion: bool = True, answer: Expression | None = None) -> Snapshot:
    reading = ToldReader(with_emotion=with_emotion).read(smiling_face(), blank().image, 0.0)
    return Snapshot(12.3456789, 12.3, 7, (reading,), reading, answer or Expression())


def test_a_message_says_what_the_page_needs() -> None:
    answer = Expression.from_mapping({"jawOpen": 0.123456}, gaze=(0.5, -0.25), sway=(1.0, 0.0, -2.0), breath=0.33333)
    state = StageState("file", "clip.mp4", "contrary", "0123456789abcdef", fallback=True, state="playing")
    message = json.loads(encode_state(snapshot(answer=answer), state, number=9))
    assert message["v"] == PROTOCOL_VERSION
    assert message["n"] == 9
    assert message["t"] == 12.3457
    assert len(message["w"]) == 52
    np.testing.assert_allclose(message["w"], answer.weights, atol=5e-5)
    assert message["g"] == [0.5, -0.25]
    assert message["s"] == [1, 0, -2]
    assert message["b"] == 0.3333
    assert message["attract"] is False
    assert message["people"] == 1
    assert message["rig"] == "0123456789abcdef"
    assert message["mode"] == "contrary"
    assert message["emotion"] == "joy"
    assert message["source"] == {"kind": "file", "label": "clip.mp4", "state": "playing", "fallback": True}


@pytest.mark.parametrize("label", ["a" * 5000, "é" * 5000, '"' * 5000, "𝔉" * 500])
def test_no_message_is_longer_than_promised(label: str) -> None:
    third = np.float32(1 / 3)
    answer = Expression(np.full(52, third), np.full(2, -third), np.full(3, -100 * third), 1 / 3)
    told = snapshot(answer=answer)
    assert told.lead is not None
    reasons = tuple(Reason(f"a sign with a rather long name, number {index}", 1 / 3, 1.0) for index in range(9))
    lead = dataclasses.replace(told.lead, attributes=dict.fromkeys(TOLD, 1 / 3), reasons=reasons)
    told = dataclasses.replace(told, lead=lead, readings=(lead,))
    text = encode_state(told, StageState("file", label, "contrary"), number=10**12)
    assert len(text.encode()) < MAX_MESSAGE_BYTES


def test_a_reading_is_told_with_its_measures_and_its_reasons() -> None:
    told = snapshot()
    assert told.lead is not None
    emotion = Emotion.from_mapping({"joy": 0.8, "neutral": 0.2}, extent=0.5)
    lead = dataclasses.replace(
        told.lead, emotion=emotion, reasons=(Reason("smiling", 0.97, 3.0),), attributes={"Smiling": 0.9712}
    )
    state = StageState("camera", "camera:0", "answer")
    message = json.loads(encode_state(dataclasses.replace(told, lead=lead), state, number=1))
    assert message["attributes"] == {"Smiling": 0.971}
    reading = message["reading"]
    assert dict(zip(EMOTIONS, reading["p"], strict=True))["joy"] == 0.8
    assert reading["intensity"] == pytest.approx(0.4)
    assert reading["valence"] == pytest.approx(0.5 * 0.8 * 0.81, abs=1e-3)
    assert reading["why"] == "joy 0.80: smiling 0.97"
    unsure = dataclasses.replace(lead, emotion=Emotion(emotion.probabilities, unsure=True))
    assert json.loads(encode_state(dataclasses.replace(told, lead=unsure), state, number=1))["emotion"] == "unsure"


def test_without_a_read_emotion_no_emotion_is_named() -> None:
    text = encode_state(snapshot(with_emotion=False), StageState("camera", "camera:0", "answer"), number=1)
    assert "emotion" not in text
    assert "reading" not in text
    assert not any(label in text for label in EMOTIONS)
