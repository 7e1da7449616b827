"""Stand-ins at the seams of the stage: a clock that tests own, a face that does as told, sources that break."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from visavis.errors import SourceError
from visavis.portrait.answer import Answerer
from visavis.portrait.presence import Presence
from visavis.stage.pipeline import FaceFinder, Pipeline
from visavis.stage.protocol import StageState
from visavis.types import EMOTIONS, Emotion, Expression, Face, Frame, Image, Reading, Reason, Snapshot

PRESETS = {
    "neutral": Expression(),
    "joy": Expression.from_mapping({"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.5}),
    "surprise": Expression.from_mapping({"jawOpen": 0.6, "browInnerUp": 0.9, "eyeWideLeft": 0.8}),
    "sadness": Expression.from_mapping({"mouthFrownLeft": 0.7, "mouthFrownRight": 0.7, "browInnerUp": 0.6}),
    "anger": Expression.from_mapping({"browDownLeft": 0.9, "browDownRight": 0.9, "mouthPressLeft": 0.5}),
    "fear": Expression.from_mapping({"eyeWideLeft": 0.8, "mouthStretchLeft": 0.7}),
    "disgust": Expression.from_mapping({"noseSneerLeft": 0.9, "noseSneerRight": 0.9}),
}
assert set(PRESETS) == set(EMOTIONS)


class Clock:
    """Seconds that pass only when told to, or when somebody sleeps."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


def blank(*, time_s: float = 0.0, index: int = 0, value: int = 0) -> Frame:
    return Frame(np.full((48, 64, 3), value, np.uint8), time_s, index, "test")


def smiling_face(weight: float = 0.8, *, x: float = 20.0) -> Face:
    weights = Expression.from_mapping({"mouthSmileLeft": weight, "mouthSmileRight": weight}).weights
    return Face(np.array([x, 10, x + 20, 40], np.float32), blendshapes=weights)


class ToldFinder:
    """Finds the faces it is told of."""

    def __init__(self, faces: tuple[Face, ...] = ()) -> None:
        self.faces = faces
        self.times: list[float] = []

    def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
        self.times.append(time_s)
        return self.faces


class NoTracks:
    def update(self, faces: tuple[Face, ...], time_s: float) -> tuple[Face, ...]:
        return faces


class BiggestLeads:
    def choose(self, faces: tuple[Face, ...], time_s: float, *, width: int, height: int) -> Face | None:
        return max(faces, key=lambda face: face.area, default=None)


class ToldReader:
    """Reads joy in proportion to the smile; or no emotion at all."""

    def __init__(self, *, with_emotion: bool = True, attributes: Mapping[str, float] | None = None) -> None:
        self.with_emotion = with_emotion
        self.attributes = attributes
        self.forgotten = 0

    def read(self, face: Face, image: Image, time_s: float) -> Reading:
        assert face.blendshapes is not None
        expression = Expression(face.blendshapes)
        joy = expression["mouthSmileLeft"]
        emotion = Emotion.from_mapping({"joy": joy, "neutral": 1 - joy}) if self.with_emotion else None
        reasons = (Reason("smiling", joy, 3.0),) if emotion else ()
        return Reading(face, expression, emotion, self.attributes, reasons)

    def forget(self) -> None:
        self.forgotten += 1


def make_pipeline(
    finder: FaceFinder | None = None,
    *,
    mode: str = "answer",
    reader: ToldReader | None = None,
    presence: Presence | None = None,
) -> Pipeline:
    return Pipeline(
        finder or ToldFinder((smiling_face(),)),
        tracker=NoTracks(),
        lead=BiggestLeads(),
        reader=reader or ToldReader(),
        answerer=Answerer(PRESETS, mode=mode),
        presence=presence,
    )


class ListFile:
    """A video file of given frame times."""

    def __init__(self, times: Sequence[float]) -> None:
        self.frames = [blank(time_s=time_s, index=index) for index, time_s in enumerate(times)]
        self.is_closed = False

    def read(self) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def close(self) -> None:
        self.is_closed = True


class SteadyFeed:
    """A frame every `period_s` of the clock; breaks after `breaks_after` frames."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], *, breaks_after: int = 10**9
    ) -> None:
        self.clock, self.sleep, self.breaks_after = clock, sleep, breaks_after
        self.count = 0
        self.is_closed = False

    def next(self, timeout_s: float) -> Frame | None:
        if self.count >= self.breaks_after:
            raise SourceError("the cable was pulled")
        self.sleep(1 / 30)
        self.count += 1
        return blank(time_s=self.clock(), index=self.count)

    def close(self) -> None:
        self.is_closed = True


class Published:
    """Keeps what the loop publishes; safe to read from another thread."""

    def __init__(self) -> None:
        self.items: list[tuple[Snapshot, StageState]] = []
        self._wake = threading.Condition()

    def __call__(self, snapshot: Snapshot, state: StageState) -> None:
        with self._wake:
            self.items.append((snapshot, state))
            self._wake.notify_all()

    @property
    def states(self) -> list[str]:
        """The states that were told, without repeats in a row."""
        told: list[str] = []
        for _, state in self.items:
            if not told or told[-1] != state.state:
                told.append(state.state)
        return told

    def wait_for(self, count: int, *, timeout_s: float = 5.0) -> bool:
        with self._wake:
            return self._wake.wait_for(lambda: len(self.items) >= count, timeout_s)
