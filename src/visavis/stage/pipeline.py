"""One frame in, one Snapshot out: find, follow, read, answer; with the milliseconds that each stage took.

Each stage is a small protocol, so that a test (or another reader) can stand in for any of them, and so that nothing in
the loop, the server or the page knows a vendor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Final, Protocol

from visavis.types import Expression, Face, Frame, Image, Reading, Snapshot

__all__ = [
    "STAGES",
    "Enlivener",
    "FaceFinder",
    "FaceReader",
    "LeadChooser",
    "Pipeline",
    "PortraitAnswerer",
    "Tracks",
    "gaze_towards",
]

#: The stages that `Pipeline.timings` reports, in order.
STAGES: Final = ("landmarks", "track", "emotion", "answer")

# A webcam sees some 60 degrees from side to side; a painted eye turns about half as far before it looks odd.
_GAZE_REACH: Final = 0.7


class FaceFinder(Protocol):
    """Finds the faces of one frame, with landmarks and blendshapes; `visavis.faces.Landmarker` is one."""

    def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
        """Faces in `image`, which was taken at `time_s`; times never go back."""
        ...


class Tracks(Protocol):
    """Gives faces their track ids over time; `visavis.faces.Tracker` is one."""

    def update(self, faces: tuple[Face, ...], time_s: float) -> tuple[Face, ...]:
        """The same faces, numbered."""
        ...


class LeadChooser(Protocol):
    """Chooses the spectator whom the portrait answers; `visavis.faces.LeadPolicy` is one."""

    def choose(self, faces: tuple[Face, ...], time_s: float, *, width: int, height: int) -> Face | None:
        """One of `faces`, or None."""
        ...


class FaceReader(Protocol):
    """Reads a face: expression, emotion and, where a classifier is loaded, attributes."""

    def read(self, face: Face, image: Image, time_s: float) -> Reading:
        """What is read from `face` in `image` at `time_s`."""
        ...

    def forget(self) -> None:
        """Drop what was learnt about earlier faces."""
        ...


class PortraitAnswerer(Protocol):
    """Turns a reading into what the portrait plays; `visavis.portrait.answer.Answerer` is one."""

    def step(self, reading: Reading | None, dt: float, *, look: tuple[float, float] | None = None) -> Expression:
        """Move on by `dt` seconds."""
        ...


class Enlivener(Protocol):
    """Adds life to an answer, and knows when the portrait is alone; `visavis.portrait.presence.Presence` is one."""

    @property
    def attract(self) -> bool:
        """True while the portrait lives by itself."""
        ...

    def step(self, answer: Expression, reading: Reading | None, dt: float) -> Expression:
        """Move on by `dt` seconds."""
        ...


def gaze_towards(face: Face, *, width: int, height: int) -> tuple[float, float]:
    """Where a portrait beside the camera must look to meet `face`, as a gaze in [-1, 1].

    Camera and portrait look the same way, so what is on the right of the picture is on the sitter's right.

    >>> import numpy as np
    >>> gaze_towards(Face(np.array([0, 230, 20, 250], np.float32)), width=640, height=480)[0] > 0.6
    True
    """
    x, y = face.center
    across = (x + 0.5) / width * 2 - 1
    down = (y + 0.5) / height * 2 - 1
    return (
        min(max(-across, -1.0), 1.0) * _GAZE_REACH,
        min(max(-down, -1.0), 1.0) * _GAZE_REACH,
    )


class Pipeline:
    """The stages in a row. It has no thread and no clock of its own; the caller says what time it is.

    Attributes:
        timings: milliseconds of each stage of the last `step`, by the names in `STAGES`.
    """

    def __init__(
        self,
        finder: FaceFinder,
        *,
        tracker: Tracks,
        lead: LeadChooser,
        reader: FaceReader,
        answerer: PortraitAnswerer,
        presence: Enlivener | None = None,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.finder = finder
        self.timings: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self._tracker = tracker
        self._lead = lead
        self._reader = reader
        self._answerer = answerer
        self._presence = presence
        self._stopwatch = stopwatch
        self._last_s: float | None = None
        self._last_frame_s = 0.0
        self._last_index = 0
        self._readings: tuple[Reading, ...] = ()
        self._leading: Reading | None = None
        self._look: tuple[float, float] | None = None

    def step(self, frame: Frame, now: float) -> Snapshot:
        """Read one frame and answer it at the time `now` (seconds, on the clock of `frame.time_s`)."""
        marks = [self._stopwatch()]
        faces = self.finder.detect(frame.image, frame.time_s)
        marks.append(self._stopwatch())
        faces = self._tracker.update(faces, frame.time_s)
        lead = self._lead.choose(faces, frame.time_s, width=frame.width, height=frame.height)
        marks.append(self._stopwatch())
        # A policy may make a face of its own (everybody's mean): it is read in place of the one it stands for.
        told = [lead if lead is not None and _same(face, lead) else face for face in faces]
        told.sort(key=lambda face: float(face.box[0]))
        readings = tuple(self._reader.read(face, frame.image, frame.time_s) for face in told)
        marks.append(self._stopwatch())
        leading = next((reading for reading in readings if reading.face is lead), None)
        look = gaze_towards(leading.face, width=frame.width, height=frame.height) if leading else None
        self._readings, self._leading, self._look = readings, leading, look
        answer = self._answer(now)
        marks.append(self._stopwatch())
        spans = zip(STAGES, pairwise(marks), strict=True)
        self.timings = {stage: (end - start) * 1000 for stage, (start, end) in spans}
        self._last_frame_s, self._last_index = frame.time_s, frame.index
        return self._snapshot(now, answer)

    def tick(self, now: float) -> Snapshot:
        """Move on between two frames: the last reading still holds."""
        return self._snapshot(now, self._answer(now))

    def rest(self, now: float) -> Snapshot:
        """Move on with nobody there (the source is gone): the portrait goes back to rest, and lives by itself."""
        if self._readings:
            self._reader.forget()
        self._readings, self._leading, self._look = (), None, None
        return self.tick(now)

    def _answer(self, now: float) -> Expression:
        elapsed = self._elapsed(now)
        answer = self._answerer.step(self._leading, elapsed, look=self._look)
        return answer if self._presence is None else self._presence.step(answer, self._leading, elapsed)

    def _snapshot(self, now: float, answer: Expression) -> Snapshot:
        return Snapshot(
            now,
            self._last_frame_s,
            self._last_index,
            self._readings,
            self._leading,
            answer,
            attract=self._presence is not None and self._presence.attract,
        )

    def _elapsed(self, now: float) -> float:
        elapsed = 0.0 if self._last_s is None else max(now - self._last_s, 0.0)
        self._last_s = now
        return elapsed


def _same(face: Face, other: Face) -> bool:
    return face is other or (face.track_id is not None and face.track_id == other.track_id)
