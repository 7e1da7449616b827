"""Live sources: a thread with one slot, in which the newest frame wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from visavis.errors import SourceError, VisavisError
from visavis.sources.source import Source
from visavis.types import Frame, Image

__all__ = ["Grabber", "LiveSource"]

#: A frame older than this, in seconds, is no longer live.
_STALE_S: Final = 2.0


class Grabber(Protocol):
    """An opened camera or stream; used, and closed, by the one thread that made it."""

    def grab(self) -> None:
        """Wait for the next picture and take hold of it; quick to return once it is there.

        Raises:
            SourceError: the device is gone or the stream has ended.
        """
        ...

    def retrieve(self) -> Image:
        """The picture last grabbed, (H, W, 3) RGB uint8."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


@dataclass(slots=True)
class _Run:
    """All that one run of the thread shares with its reader; a restarted source has a new one."""

    wake: threading.Condition = field(default_factory=threading.Condition)
    stop: threading.Event = field(default_factory=threading.Event)
    frame: Frame | None = None
    error: BaseException | None = None
    thread: threading.Thread | None = None


class LiveSource(Source):
    """A camera or stream read by a thread of its own.

    The thread keeps only the newest frame, so a slow reader sees the present and never a queue of the past. A frame is
    stamped with `clock()` when it was grabbed. An exception in the thread is kept, and raised by the next read.

    >>> with LiveSource(lambda: CameraGrabber(0), name="camera:0") as camera:     # doctest: +SKIP
    ...     frame = camera.read_latest(max_age_s=0.2)

    Args:
        open_grabber: opens the device; called in the thread.
        name: as in `Frame.source`.
        open_timeout_s: how long the first frame may take.
        stale_s: how long `read` waits for a frame newer than the last.
        clock: monotonic seconds.
    """

    is_live = True

    def __init__(
        self,
        open_grabber: Callable[[], Grabber],
        *,
        name: str,
        open_timeout_s: float = 10.0,
        stale_s: float = _STALE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.open_timeout_s = open_timeout_s
        self.stale_s = stale_s
        self._open_grabber = open_grabber
        self._clock = clock
        self._run: _Run | None = None
        self._last_index = -1

    def start(self) -> None:
        """Open the device and wait for its first frame; does nothing when already started.

        Raises:
            SourceError: it cannot be opened, or gives no frame within `open_timeout_s`.
        """
        if self._run is not None:
            return
        run = _Run()
        run.thread = threading.Thread(target=self._work, args=(run,), name=f"visavis {self.name}", daemon=True)
        self._run = run
        self._last_index = -1
        run.thread.start()
        try:
            self._wait(run, newer_than=-1, timeout_s=self.open_timeout_s)
        except SourceError:
            self.stop()
            raise

    def stop(self, *, timeout_s: float = 2.0) -> bool:
        """End the thread and free the device; `start` may follow.

        Returns within `timeout_s`: True when the thread has ended; False when its device hangs in the driver, in which
        case the thread frees the device as soon as the driver lets go, and its late frames reach nobody.
        """
        run, self._run = self._run, None
        if run is None or run.thread is None:
            return True
        run.stop.set()
        run.thread.join(timeout_s)
        return not run.thread.is_alive()

    def close(self) -> None:
        """Stop, bounded."""
        self.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def read(self) -> Frame:
        """Wait for a frame newer than the one last given.

        Raises:
            SourceError: none comes within `stale_s`, or the thread has ended; the message gives the thread's reason.
        """
        self.start()
        assert self._run is not None
        frame = self._wait(self._run, newer_than=self._last_index, timeout_s=self.stale_s)
        self._last_index = frame.index
        return frame

    def read_latest(self, max_age_s: float) -> Frame:
        """The newest frame at once, even when it was given before, as long as it is no older than `max_age_s`.

        Raises:
            SourceError: the newest frame is older, or the thread has ended; the message gives the thread's reason.
        """
        self.start()
        run = self._run
        assert run is not None
        with run.wake:
            self._raise_if_ended(run)
            frame = run.frame
        age_s = float("inf") if frame is None else self._clock() - frame.time_s
        if frame is None or age_s > max_age_s:
            raise SourceError(
                f"{self.name} has given no frame for {age_s:.1f} s (at most {max_age_s:g} s allowed); check its cable"
            )
        self._last_index = frame.index
        return frame

    def _wait(self, run: _Run, *, newer_than: int, timeout_s: float) -> Frame:
        with run.wake:
            arrived = run.wake.wait_for(
                lambda: run.error is not None or (run.frame is not None and run.frame.index > newer_than), timeout_s
            )
            self._raise_if_ended(run)
            if not arrived or run.frame is None:
                raise SourceError(f"{self.name} gave no frame within {timeout_s:g} s; check that it is connected")
            return run.frame

    def _raise_if_ended(self, run: _Run) -> None:
        if run.error is None:
            return
        if isinstance(run.error, VisavisError):
            # A new error each time, so that tracebacks do not pile up on the one that is kept.
            raise type(run.error)(str(run.error)) from run.error
        raise SourceError(f"{self.name} stopped: {run.error}") from run.error

    def _work(self, run: _Run) -> None:
        grabber: Grabber | None = None
        try:
            grabber = self._open_grabber()
            index = 0
            while not run.stop.is_set():
                grabber.grab()
                time_s = self._clock()
                frame = Frame(grabber.retrieve(), time_s=time_s, index=index, source=self.name)
                index += 1
                with run.wake:
                    run.frame = frame
                    run.wake.notify_all()
        except BaseException as error:  # whatever ends the thread is the reader's to know
            with run.wake:
                run.error = error
                run.wake.notify_all()
        finally:
            if grabber is not None:
                grabber.close()
