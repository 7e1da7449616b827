"""The live loop: takes frames from a feed, has the pipeline answer them, and publishes each answer.

It runs in one thread of its own. A source that goes away is opened again within a budget, and the portrait rests
meanwhile; any other exception ends the thread, is kept, and raised by the next `check`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from visavis.errors import SourceError
from visavis.stage.feeds import Feed
from visavis.stage.health import Health, RestartBudget
from visavis.stage.protocol import SourceState, StageState
from visavis.types import Frame, Snapshot

__all__ = ["Loop", "SnapshotMaker"]

#: Without a new frame for this long, the portrait moves on all the same.
_TICK_S: Final = 0.05

Publish = Callable[[Snapshot, StageState], None]


class SnapshotMaker(Protocol):
    """What turns frames into snapshots; `visavis.stage.pipeline.Pipeline` is one."""

    timings: dict[str, float]

    def step(self, frame: Frame, now: float) -> Snapshot:
        """Answer a new frame."""
        ...

    def tick(self, now: float) -> Snapshot:
        """Move on between two frames."""
        ...

    def rest(self, now: float) -> Snapshot:
        """Move on with nobody there."""
        ...


class Loop:
    """Feed -> pipeline -> publish, until stopped; can be started again.

    Args:
        open_feed: opens the source; may raise SourceError.
        pipeline: turns frames into snapshots.
        publish: given each snapshot with the state of the stage, in the loop's thread; must be quick.
        state: what plays, and in which mode; its `state` is kept up to date here.
        health: where figures are noted.
        budget: how often a lost source is opened again.
        watch: given each frame with its snapshot, for a preview; None (the default) lets no frame out of the loop.
        tell: given each change of the source's state, with the reason; in the loop's thread.
        clock: monotonic seconds; the feed must use the same.
        sleep: waits while the source is away.

    >>> loop = Loop(open_feed, pipeline, publish=hub.publish, state=state)      # doctest: +SKIP
    >>> loop.start(); loop.check(); loop.stop()                                 # doctest: +SKIP
    """

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        pipeline: SnapshotMaker,
        *,
        publish: Publish,
        state: StageState,
        health: Health | None = None,
        budget: RestartBudget | None = None,
        watch: Callable[[Frame, Snapshot], None] | None = None,
        tell: Callable[[StageState, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.health = health or Health()
        self.state = state
        self._open_feed = open_feed
        self._pipeline = pipeline
        self._publish = publish
        self._budget = budget or RestartBudget()
        self._watch = watch
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._feed: Feed | None = None
        self._retry_at = 0.0
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def is_running(self) -> bool:
        """True while the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; nothing happens when it runs already.

        Raises:
            SourceError: the thread of an earlier run still hangs in a driver.
        """
        if self.is_running:
            if self._stopping.is_set():
                raise SourceError("the loop is still stopping: its source hangs; unplug the camera, then start again")
            return
        self._error = None
        self._retry_at = 0.0
        self._stopping = threading.Event()
        self.state = replace(self.state, state="opening")
        self._thread = threading.Thread(target=self._run, args=(self._stopping,), name="visavis loop", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 2.0) -> bool:
        """Ask the thread to end and wait for it, at most `timeout_s`; True when it has ended.

        False means that a driver or a model hangs; the thread ends by itself as soon as it lets go.
        """
        thread = self._thread
        self._stopping.set()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def turn(self) -> Snapshot:
        """One turn of the loop, as the thread takes it over and over; returns what was published."""
        now = self._clock()
        if self._feed is None and now < self._retry_at:
            self._sleep(min(self._retry_at - now, _TICK_S))
            return self._send(self._pipeline.rest(self._clock()))
        try:
            feed = self._feed
            if feed is None:
                # Opening a camera can take seconds: whoever looks at the page meanwhile is told.
                self._send(self._pipeline.rest(now))
                feed = self._feed = self._open_feed()
                self._change("playing", "")
            frame = feed.next(_TICK_S)
        except SourceError as error:
            return self._lose(error)
        now = self._clock()
        if frame is None:
            return self._send(self._pipeline.tick(now))
        snapshot = self._pipeline.step(frame, now)
        self._send(snapshot)
        if self._watch is not None:
            self._watch(frame, snapshot)
        done = self._clock()
        self.health.frame(done, done - frame.time_s, self._pipeline.timings)
        return snapshot

    def close(self) -> None:
        """Free the source; for those who call `turn` themselves."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.close()

    def _lose(self, error: SourceError) -> Snapshot:
        self.close()
        now = self._clock()
        self._retry_at = now + self._budget.lost(now)
        self.health.lost(str(error))
        self._change("failed" if self._budget.is_spent else "lost", str(error))
        return self._send(self._pipeline.rest(now))

    def _change(self, state: SourceState, reason: str) -> None:
        changed = state != self.state.state
        self.state = replace(self.state, state=state)
        if changed and self._tell is not None:
            self._tell(self.state, reason)

    def _send(self, snapshot: Snapshot) -> Snapshot:
        self._publish(snapshot, self.state)
        return snapshot

    def _run(self, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                self.turn()
        except BaseException as error:  # whatever ends the thread is raised by `check`
            self._error = error
            self.state = replace(self.state, state="failed")
        finally:
            self.close()
