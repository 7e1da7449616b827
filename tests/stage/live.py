"""A real server on a port of its own, in a thread, for tests that need sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from tests.stage.stand_ins import SteadyFeed, ToldFinder, ToldReader, make_pipeline, smiling_face
from visavis.portrait.presence import Presence
from visavis.stage.browser import BrowserCamera, BrowserFeed
from visavis.stage.feeds import Feed
from visavis.stage.hub import Hub
from visavis.stage.loop import Loop
from visavis.stage.pipeline import FaceFinder
from visavis.stage.protocol import SourceKind, StageState
from visavis.stage.rigfiles import RigFiles, flat_rig
from visavis.stage.server import bind, build_app, build_server


def gradient_painting(height: int = 120, width: int = 90) -> RigFiles:
    """A small synthetic painting in which each pixel has a colour of its own."""
    y, x = np.mgrid[0:height, 0:width]
    painting = np.stack([x * 2, y * 2, (x + y) % 256], axis=-1).astype(np.uint8)
    return flat_rig(painting, title="A gradient")


class Stage:
    """Loop, hub and server together, on a thread; `port` stays the same over restarts."""

    def __init__(
        self,
        *,
        rig: RigFiles | None = None,
        finder: FaceFinder | None = None,
        reader: ToldReader | None = None,
        kind: SourceKind = "script",
        label: str = "scripted",
        fallback: bool = False,
        mode: str = "answer",
        open_feed: Callable[[], Feed] | None = None,
        presence: Presence | None = None,
    ) -> None:
        self.rig = rig or gradient_painting()
        self.finder = finder or ToldFinder((smiling_face(),))
        self.reader = reader
        self.camera = BrowserCamera() if kind == "browser" else None
        self.state = StageState(kind, label, mode, self.rig.digest, fallback=fallback)
        self._open_feed = open_feed or self._default_feed
        self.mode = mode
        self.presence = presence
        self.port = 0

    def _default_feed(self) -> Feed:
        return BrowserFeed(self.camera) if self.camera else SteadyFeed(time.monotonic, time.sleep)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self.hub = Hub()
        self.state = replace(self.state, rig=self.rig.digest)
        pipeline = make_pipeline(self.finder, mode=self.mode, reader=self.reader, presence=self.presence)
        self.loop = Loop(self._open_feed, pipeline, publish=self.hub.publish, state=self.state)
        app = build_app(self.hub, self.rig, loop=self.loop, camera=self.camera)
        listener = self._listener()
        self.port = listener.getsockname()[1]
        self._server = build_server(app)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[listener])), name="test server"
        )
        self._thread.start()

    def _listener(self) -> socket.socket:
        listener = bind("127.0.0.1", self.port, tries=1)
        return listener

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def running(stage: Stage) -> Iterator[Stage]:
    stage.start()
    try:
        yield stage
    finally:
        stage.stop()
