"""Networks look at a followed face now and then, one in a frame; in attributes-only mode no emotion exists at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.reading.faces import PLAIN, both, face_of
from visavis.config import config_from_mapping
from visavis.reading import FaceReader, Sparing, create_emotion_reader, open_instruments
from visavis.reading import emotion as emotion_module
from visavis.reading.protocol import Need
from visavis.types import EMOTIONS, UNSURE, Emotion, Face, Image, Reading, Reason

IMAGE = np.zeros((160, 160, 3), np.uint8)


class Network:
    """Stands in for a network: joy is the brightness of the picture. Notes when it looked at whom."""

    name, unsure_below = "learned", 0.3
    needs: frozenset[Need] = frozenset({"pixels"})

    def __init__(self) -> None:
        self.seen: list[int | None] = []
        self.explained = 0

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        assert image is not None
        self.seen.append(face.track_id)
        joy = float(image[0, 0, 0]) / 255
        return Emotion.from_mapping({"joy": joy, "neutral": 1 - joy})

    def explain(
        self,
        face: Face,
        *,
        image: Image | None = None,
        attributes: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> tuple[Reason, ...]:
        self.explained += 1
        return (Reason(f"looks like {label}", 0.9, 2.0),)


class Classifier:
    def __init__(self) -> None:
        self.seen: list[int | None] = []

    def read(self, image: Image, face: Face) -> Mapping[str, float]:
        self.seen.append(face.track_id)
        return PLAIN


def test_networks_look_by_the_clock_and_one_in_a_frame() -> None:
    network, classifier = Network(), Classifier()
    reader = FaceReader(emotions=network, attributes=classifier, sparing=Sparing(), explain=True)
    looks = []
    for frame in range(90):
        before = len(network.seen) + len(classifier.seen) + network.explained
        reading = reader.read(face_of({}, track_id=1), IMAGE, frame / 30)
        looks.append(len(network.seen) + len(classifier.seen) + network.explained - before)
        assert reading.attributes == PLAIN
        assert reading.emotion is not None
    assert looks[0] == 3, "a new face is read at once"
    assert max(looks[1:]) == 1
    assert len(network.seen) == pytest.approx(30, abs=6)
    assert len(classifier.seen) == pytest.approx(12, abs=3)
    assert network.explained == pytest.approx(6, abs=2)


def test_a_face_that_moves_is_looked_at_in_every_frame() -> None:
    network = Network()
    reader = FaceReader(emotions=network, sparing=Sparing())
    looks = []
    for frame in range(60):
        # Still for a second, then every muscle of the mouth swings.
        swing = 0.9 * (frame % 2) if frame > 30 else 0.0
        names = ("mouthSmile", "mouthStretch", "mouthUpperUp", "mouthLowerDown")
        before = len(network.seen)
        reader.read(
            face_of({k: v for name in names for k, v in both(name, swing).items()}, track_id=1), IMAGE, frame / 30
        )
        looks.append(len(network.seen) - before)
    assert sum(looks[15:30]) == pytest.approx(5, abs=1), "a face that has just come is not known to rest"
    assert sum(looks[32:]) == 28, "from the frame after the first that moves, every one"


@pytest.mark.parametrize("moving", [False, True])
def test_of_five_faces_none_starves(moving: bool) -> None:
    network = Network()
    reader = FaceReader(emotions=network, sparing=Sparing())
    most = 0
    for frame in range(60):
        before = len(network.seen)
        open_wide = {"jawOpen": frame % 2 * 0.9, **both("mouthSmile", frame % 2 * 0.9)} if moving else {}
        for track in range(5):
            reader.read(face_of(open_wide, track_id=track), IMAGE, frame / 30)
        most = max(most, len(network.seen) - before) if frame else 0
    counts = [network.seen.count(track) for track in range(5)]
    assert min(counts) >= 9, counts
    assert sum(counts) <= 60 * 2.5, counts
    assert most <= 5


def test_a_table_reads_every_frame_and_attributes_wait_longer_then() -> None:
    classifier = Classifier()
    reader = FaceReader(
        emotions=create_emotion_reader("blendshapes"), attributes=classifier, sparing=Sparing(), smoothing=None
    )
    smiles = [
        reader.read(face_of(both("mouthSmile", 0.03 * frame), track_id=1), IMAGE, frame / 30) for frame in range(30)
    ]
    assert len({reading.emotion["joy"] for reading in smiles if reading.emotion is not None}) > 20
    assert len(classifier.seen) <= 3


def test_nothing_is_spared_without_a_track() -> None:
    network = Network()
    reader = FaceReader(emotions=network, sparing=Sparing())
    for frame in range(5):
        reader.read(face_of({}), IMAGE, frame / 30)
    assert len(network.seen) == 5


def test_a_scripted_face_is_read_by_its_movements() -> None:
    reader = FaceReader(emotions=Network())
    scripted = Face(np.zeros(4, np.float32), blendshapes=face_of(both("mouthSmile", 0.8)).blendshapes)
    emotion = reader.read(scripted, IMAGE).emotion
    assert emotion is not None
    assert emotion.dominant == "joy"


def test_reasons_are_told_for_what_is_told() -> None:
    reader = FaceReader(emotions=create_emotion_reader("blendshapes"), explain=True)
    reading = reader.read(face_of(both("mouthSmile", 0.8)))
    assert reading.reasons[0].phrase == "lip corners pulled up"
    assert FaceReader(emotions=create_emotion_reader("blendshapes")).read(face_of({})).reasons == ()


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.45])
def test_a_label_that_has_just_changed_is_explained_at_once(seconds: float) -> None:
    reader = FaceReader(emotions=Network(), sparing=Sparing(), explain=True)
    bright, begins = np.full_like(IMAGE, 255), 1 + seconds
    for frame in range(90):
        reading = reader.read(face_of({}, track_id=1), bright if frame / 30 >= begins else IMAGE, frame / 30)
        assert reading.emotion is not None
        assert reading.reasons[0].phrase == f"looks like {reading.emotion.dominant}", frame
        told = reading.emotion.dominant
    assert told == "joy"


# --- attributes only -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to build a reader of emotion, or to read a table of rules, fails the test."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a reader of emotion was built")

    readers = dict.fromkeys(emotion_module.EMOTION_READERS, refuse)
    monkeypatch.setattr(emotion_module, "EMOTION_READERS", readers)
    monkeypatch.setattr("visavis.reading.tables.package_table", refuse)
    monkeypatch.setattr("visavis.reading.smooth.SteadyEmotion.step", refuse)
    monkeypatch.setattr("visavis.reading.rest.RestingFace.step", refuse)


@pytest.mark.usefixtures("no_reader")
def test_attributes_only_computes_names_logs_and_sends_no_emotion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    from visavis.reading.drawing import _sections
    from visavis.reading.records import Columns, Record, open_table
    from visavis.stage.installation import build_pipeline
    from visavis.stage.protocol import StageState, encode_state
    from visavis.types import Frame

    config = config_from_mapping({"emotion": {"enabled": False}, "portrait": {"life": False}})
    assert open_instruments(config.emotion).emotions is None

    class Finder:
        def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
            return (face_of({**both("mouthSmile", 0.9), "jawOpen": 0.4}),)

    pipeline = build_pipeline(Finder(), config, mode="answer")
    words = (*EMOTIONS, UNSURE, "emotion", "valence", "arousal", "intensity")
    with open_table(tmp_path / "a.jsonl", columns=Columns(emotions=False)) as table, caplog.at_level(0):
        for index in range(40):
            frame = Frame(IMAGE, index / 30, index, "camera:0")
            snapshot = pipeline.step(frame, frame.time_s)
            sent = encode_state(snapshot, StageState("camera", "camera:0", "answer"), number=index)
            table.write(Record.of(frame, snapshot.readings))
            assert not [word for word in words if word in sent]
            for reading in snapshot.readings:
                assert reading.emotion is None
                assert reading.reasons == ()
                drawn = [name for title, bars in _sections(reading, 3) for name in (title, *(bar[0] for bar in bars))]
                assert not [word for word in words if word in drawn]
    lead = snapshot.lead
    assert isinstance(lead, Reading)
    assert lead.attributes, "attributes are told all the same"
    assert "attributes" in json.loads(sent)
    assert snapshot.answer["mouthSmileLeft"] > 0.5, "the portrait mirrors the face"
    logged = (
        caplog.text + capsys.readouterr().out + (tmp_path / "a.jsonl").read_text().replace("_neutral", "")
    ).lower()
    assert not [word for word in words if word in logged]
