"""Network streams: RTSP cameras, HTTP, and whatever else FFmpeg opens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from visavis.errors import SourceError
from visavis.sources.live import Grabber
from visavis.sources.video import upright
from visavis.types import Image

__all__ = ["StreamGrabber"]


class StreamGrabber(Grabber):
    """An opened stream, by PyAV. A recording served over HTTP is played at its own pace.

    Args:
        url: rtsp, rtmp, http, udp, srt, ...
        timeout_s: how long opening, and each read, may take.
        clock: monotonic seconds, for the pace of a recording.
        sleep: waits that many seconds.

    Raises:
        SourceError: the stream cannot be opened, or holds no video.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 8.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import av

        self.url = url
        self._clock = clock
        self._sleep = sleep
        # Without these a live stream lags by what is buffered; a recording would lose its first frames by them.
        recorded = url.startswith(("http", "file"))
        options = {} if recorded else {"fflags": "nobuffer", "flags": "low_delay"}
        if url.startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        try:
            self._container: Any = av.open(url, options=options, timeout=timeout_s)
        except (av.error.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise SourceError(f"{shown_address(url)} cannot be opened ({reason}); check the address") from None
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{shown_address(url)} holds no video stream")
        # A live stream has no end; what has one is a recording, which would otherwise rush by as fast as it downloads.
        self._is_recording = (self._container.duration or 0) > 0
        self._pictures: Iterator[Any] = self._container.decode(self._container.streams.video[0])
        self._picture: Any = None
        self._start_s: float | None = None

    def grab(self) -> None:
        """Wait for the next picture.

        Raises:
            SourceError: the stream has ended, is damaged or silent for too long.
        """
        import av

        try:
            self._picture = next(self._pictures, None)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(
                f"{shown_address(self.url)} stopped ({getattr(error, 'strerror', None) or error})"
            ) from None
        if self._picture is None:
            raise SourceError(f"{self.url} has ended")
        if self._is_recording and self._picture.time is not None:
            now_s = self._clock()
            if self._start_s is None:
                self._start_s = now_s - self._picture.time
            early_s = self._start_s + self._picture.time - now_s
            if early_s > 0:
                self._sleep(early_s)

    def retrieve(self) -> Image:
        """The picture grabbed, (H, W, 3) RGB uint8."""
        return upright(self._picture)

    def close(self) -> None:
        """Close the connection."""
        self._container.close()


def shown_address(url: str) -> str:
    """An address as it may be shown: scheme and host, never the name and password or the path that may carry a key.

    >>> shown_address("rtsp://guard:secret@10.0.0.7:554/door?token=1")
    'rtsp://10.0.0.7:554'
    """
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
