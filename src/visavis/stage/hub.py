"""Hands the newest message from the loop's thread to every page that listens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from visavis.stage.protocol import StageState, encode_state
from visavis.types import Snapshot

__all__ = ["Hub"]

#: A page that is told nothing for this long is told the last message again, so that it knows that the line is up.
_HEARTBEAT_S: Final = 1.0


class Hub:
    """One slot, in which the newest message wins: a page that is slow to read misses messages and sees the present.

    `publish` may be called from any thread, the rest belongs to the server's event loop.
    """

    def __init__(self, *, stopwatch: Callable[[], float] = time.perf_counter) -> None:
        self._lock = threading.Lock()
        self._message = ""
        self._number = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._listeners = 0
        self._stopwatch = stopwatch
        self.serialise_ms = 0.0

    @property
    def listeners(self) -> int:
        """How many pages listen now."""
        return self._listeners

    @property
    def newest(self) -> tuple[int, str]:
        """The number and text of the newest message; (0, "") before the first."""
        with self._lock:
            return self._number, self._message

    def publish(self, snapshot: Snapshot, state: StageState) -> None:
        """Make the snapshot the newest message, and wake whoever waits for one."""
        start = self._stopwatch()
        with self._lock:
            # Numbered and encoded in one go: of two threads that publish, the later message has the higher number.
            self._message = encode_state(snapshot, state, number=self._number + 1)
            self._number += 1
            loop = self._loop
        self.serialise_ms = (self._stopwatch() - start) * 1000
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                # The event loop was closed between the two lines: the server has gone, nobody listens.
                self._loop = None

    @contextmanager
    def attached(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Wake listeners on `loop` while the server runs."""
        self._loop = loop
        try:
            yield
        finally:
            self._loop = None
            self._wake()

    async def messages(self) -> AsyncGenerator[str, None]:
        """The newest message, then each newer one that there is when asked for; some may be skipped."""
        seen = 0
        self._listeners += 1
        try:
            while True:
                # Looked at and waited for without giving way in between, so no message can slip through.
                if self.newest[0] == seen:
                    await self._changed()
                seen, message = self.newest
                if message:
                    yield message
        finally:
            self._listeners -= 1

    async def _changed(self) -> None:
        """Wait for a newer message, or for the heartbeat."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=_HEARTBEAT_S)
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
