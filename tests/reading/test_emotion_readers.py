"""One contract for every reader of emotion, and the way to choose one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.reading.faces import PLAIN, both, face_of
from visavis.assets import AssetStore
from visavis.errors import ConfigError, ModelError
from visavis.reading import EMOTION_READERS, EmotionReader, create_emotion_reader, in_words
from visavis.reading import emotion as emotion_module
from visavis.reading.emotion_card import LEARNED_CARD
from visavis.types import EMOTIONS, Emotion, Face, Image, Reason

READERS = [
    pytest.param(name, marks=pytest.mark.skipif(name == "learned" and not LEARNED_CARD.is_file(), reason="no network"))
    for name in EMOTION_READERS
]


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> EmotionReader:
    return create_emotion_reader(request.param)


@pytest.fixture(scope="module")
def spectator(assets: AssetStore, astronaut: Image) -> Face:
    from visavis.faces import find_faces

    return find_faces(astronaut, assets=assets)[0]


SMILING = {**PLAIN, "Smiling": 0.99, "High_Cheekbones": 0.95, "Mouth_Slightly_Open": 0.9}


def test_every_reader_has_its_name_and_says_what_it_needs(reader: EmotionReader) -> None:
    assert reader.name in EMOTION_READERS
    assert reader.needs
    assert reader.needs <= {"attributes", "blendshapes", "pixels"}
    assert 0 <= reader.unsure_below < 1


def test_every_reader_sees_the_astronaut_smile(reader: EmotionReader, spectator: Face, astronaut: Image) -> None:
    emotion = reader.read(spectator, image=astronaut, attributes=SMILING)
    assert emotion.label == "joy"
    assert emotion["joy"] > 0.8
    assert emotion.valence > 0.3
    assert 0 < emotion.intensity <= 1


def test_every_reader_gives_the_same_for_the_same(reader: EmotionReader, spectator: Face, astronaut: Image) -> None:
    first, second = (reader.read(spectator, image=astronaut, attributes=SMILING) for _ in range(2))
    assert first.probabilities.tolist() == second.probabilities.tolist()
    assert first.extent == second.extent


def test_unsure_is_a_matter_of_the_threshold(reader: EmotionReader, spectator: Face, astronaut: Image) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        attributes = {name: float(value) for name, value in zip(PLAIN, rng.uniform(0, 1, 7), strict=True)}
        emotion = reader.read(spectator, image=astronaut, attributes=attributes)
        assert emotion.unsure == (emotion[emotion.dominant] < reader.unsure_below)


def test_every_reader_says_why_strongest_first(reader: EmotionReader, spectator: Face, astronaut: Image) -> None:
    for label in (None, *EMOTIONS):
        reasons = reader.explain(spectator, image=astronaut, attributes=SMILING, label=label)
        assert all(isinstance(reason, Reason) and 0 <= reason.value <= 1 and reason.phrase for reason in reasons)
        weights = [abs(reason.weight) for reason in reasons]
        assert weights == sorted(weights, reverse=True)
    reasons = reader.explain(spectator, image=astronaut, attributes=SMILING)
    assert reasons[0].weight > 0
    assert in_words(reader.read(spectator, image=astronaut, attributes=SMILING), reasons).startswith("joy ")


def test_every_reader_refuses_what_it_cannot_read(reader: EmotionReader) -> None:
    bare = Face(np.zeros(4, np.float32))
    with pytest.raises(ValueError, match=r"attribute|blendshapes|picture|keypoints"):
        reader.read(bare)
    with pytest.raises(ValueError, match=r"attribute|blendshapes|picture|keypoints"):
        reader.explain(bare)


def test_an_unknown_reader_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigError, match="no emotion reader 'tea leaves'; known are rules, blendshapes, learned"):
        create_emotion_reader("tea leaves")


@pytest.mark.parametrize(("there", "name"), [(True, "learned"), (False, "blendshapes")])
def test_the_learned_reader_is_the_default_where_its_file_is(
    there: bool, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "emotion.json"
    if there:
        card.touch()
    monkeypatch.setattr(emotion_module, "LEARNED_CARD", card)
    assert emotion_module.default_emotion_reader() == name


def test_a_package_without_the_network_says_what_to_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emotion_module, "LEARNED_CARD", tmp_path / "emotion.json")
    with pytest.raises(ModelError, match="take `blendshapes`"):
        create_emotion_reader("learned")


def test_a_sentence_names_three_signs_that_speak_for_it() -> None:
    emotion = Emotion.from_mapping({"joy": 0.86, "neutral": 0.14})
    reasons = [Reason("smiling", 0.97, 3.0), Reason("lips puckered", 0.9, -1.0), Reason("cheeks raised", 0.91, 0.8)]
    reasons += [Reason("eyes narrowed", 0.55, 0.4), Reason("mouth open", 0.5, 0.3), Reason("a hair", 0.1, 0.01)]
    told = "joy 0.86: smiling 0.97, cheeks raised 0.91, eyes narrowed 0.55"
    assert in_words(emotion, reasons) == told
    assert in_words(Emotion(emotion.probabilities, unsure=True), reasons) == f"unsure, {told}"
    assert in_words(Emotion.from_mapping({"neutral": 1}), ()) == "neutral 1.00: nothing stands out"


def test_a_broader_smile_is_more_intense() -> None:
    reader = create_emotion_reader("blendshapes")
    faint, broad = (reader.read(face_of(both("mouthSmile", value))) for value in (0.35, 0.9))
    assert faint.dominant == broad.dominant == "joy"
    assert faint.intensity < broad.intensity - 0.2
    assert faint.valence < broad.valence
