"""What the loop pulls frames from, all on the loop's clock: live pictures, a played file, a scripted face.

A live feed hands out the newest frame and forgets the ones it was too slow for; a played file hands out each frame
when its time has come, drops none, and starts again at its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from visavis.errors import InputError, SourceError
from visavis.types import Frame

__all__ = ["Feed", "FileFeed", "FrameReader", "HeldPictures", "LatestReader", "LiveFeed", "ScriptFeed"]

# How long a live feed sleeps between two looks for a new frame.
_GLANCE_S: Final = 0.001
# A file played live that falls this far behind (a laptop that slept) goes on from where it is, at its own pace.
_LATE_S: Final = 1.0


class Feed(Protocol):
    """Where the loop's frames come from."""

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame, its `time_s` on the loop's clock, or None when there was none within `timeout_s`.

        Raises:
            SourceError: the source is gone, and opening it again may help.
        """
        ...

    def close(self) -> None:
        """Free the device or file."""
        ...


class FrameReader(Protocol):
    """A file: every frame in order, then None."""

    def read(self) -> Frame | None:
        """The next frame, or None at the end."""
        ...

    def close(self) -> None:
        """Free the file."""
        ...


class LatestReader(Protocol):
    """A camera: the newest frame, at once."""

    def read_latest(self, max_age_s: float) -> Frame:
        """The newest frame; SourceError when it is older than `max_age_s`."""
        ...

    def close(self) -> None:
        """Free the camera."""
        ...


class LiveFeed:
    """The newest frame of a camera, each at most once.

    Args:
        source: the camera.
        max_age_s: a newest frame older than this means that the camera is gone.
    """

    def __init__(
        self, source: LatestReader, *, max_age_s: float = 1.0, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._source = source
        self._max_age_s = max_age_s
        self._sleep = sleep
        self._seen = -1

    def next(self, timeout_s: float) -> Frame | None:
        """The newest frame that was not handed out before, or None after `timeout_s`."""
        waited = 0.0
        while True:
            frame = self._source.read_latest(self._max_age_s)
            if frame.index != self._seen:
                self._seen = frame.index
                return frame
            if waited >= timeout_s:
                return None
            self._sleep(_GLANCE_S)
            waited += _GLANCE_S

    def close(self) -> None:
        """Free the camera."""
        self._source.close()


class FileFeed:
    """A video file played at its own pace, over and over.

    Args:
        open_file: opens the file from its start.
        clock: the loop's clock, in seconds.
        sleep: waits, in seconds.
        repeat: start again at the end; if not, SourceError tells that the file has ended.

    Raises:
        InputError: the file holds no frame.
    """

    def __init__(
        self,
        open_file: Callable[[], FrameReader],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        repeat: bool = True,
    ) -> None:
        self._open_file = open_file
        self._clock = clock
        self._sleep = sleep
        self._repeat = repeat
        self._file: FrameReader | None = open_file()
        self._waiting: Frame | None = None
        self._start_s: float | None = None
        self._last_s = 0.0
        self._step_s = 1 / 30
        self._played = 0

    def next(self, timeout_s: float) -> Frame | None:
        """The next frame once its time has come; its `time_s` is when it was due."""
        if self._waiting is None:
            self._waiting = self._fetch()
        frame = self._waiting
        now = self._clock()
        if self._start_s is None or now - (self._start_s + frame.time_s) > _LATE_S:
            self._start_s = now - frame.time_s
        due = self._start_s + frame.time_s
        if due - now > timeout_s:
            self._sleep(timeout_s)
            return None
        if due > now:
            self._sleep(due - now)
        if self._played:
            self._step_s = max(frame.time_s - self._last_s, 0.0) or self._step_s
        self._last_s = frame.time_s
        self._played += 1
        self._waiting = None
        return replace(frame, time_s=due, index=self._played - 1)

    def close(self) -> None:
        """Free the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _fetch(self) -> Frame:
        if self._file is None:
            raise SourceError("the video file was closed; open it again")
        frame = self._file.read()
        if frame is not None:
            return frame
        if not self._played:
            raise InputError("the video holds no frame; give another file")
        if not self._repeat:
            raise SourceError("the video has ended")
        self._file.close()
        self._file = self._open_file()
        frame = self._file.read()
        if frame is None:
            raise SourceError("the video held frames before, but holds none now; was the file replaced?")
        # The first frame comes one frame's time after the last.
        if self._start_s is not None:
            self._start_s += self._last_s + self._step_s - frame.time_s
        self._last_s = frame.time_s - self._step_s
        return frame


class HeldPictures:
    """Still pictures as a file: each is shown for `hold_s` seconds, at `rate` frames a second."""

    def __init__(self, pictures: FrameReader, *, hold_s: float = 3.0, rate: float = 15.0) -> None:
        self._pictures = pictures
        self._period_s = 1 / rate
        self._repeats = max(round(hold_s * rate), 1)
        self._frame: Frame | None = None
        self._shown = 0

    def read(self) -> Frame | None:
        """The picture that is up, or None after the last has been shown."""
        if self._shown % self._repeats == 0:
            self._frame = self._pictures.read()
        if self._frame is None:
            return None
        frame = replace(self._frame, time_s=self._shown * self._period_s, index=self._shown)
        self._shown += 1
        return frame

    def close(self) -> None:
        """Free the pictures."""
        self._pictures.close()


class ScriptFeed:
    """Blank frames at a steady rate, for a scripted face that reads the time and not the picture."""

    def __init__(
        self,
        *,
        rate: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._blank = np.zeros((480, 640, 3), np.uint8)
        self._period_s = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._due: float | None = None
        self._count = 0

    def next(self, timeout_s: float) -> Frame | None:
        """The next blank frame once its time has come."""
        now = self._clock()
        if self._due is None or now - self._due > _LATE_S:
            self._due = now
        if self._due - now > timeout_s:
            self._sleep(timeout_s)
            return None
        if self._due > now:
            self._sleep(self._due - now)
        frame = Frame(self._blank, self._due, self._count, "script")
        self._due += self._period_s
        self._count += 1
        return frame

    def close(self) -> None:
        """Nothing to free."""
