"""Video files: every frame, in order, upright, with its own time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import InputError
from visavis.files import kind_of
from visavis.images import MAX_PIXELS
from visavis.sources.source import Source
from visavis.types import Frame, Image

__all__ = ["VIDEO_SUFFIXES", "VideoSource", "upright"]

#: Names of files that a folder is searched for.
VIDEO_SUFFIXES: Final = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv"})

#: A file that gives less than this part of the frames or seconds that its own header promises is broken off.
_PROMISE_KEPT: Final = 0.9


class VideoSource(Source):
    """A video file through PyAV (FFmpeg), which its wheel brings along.

    Never drops a frame. `Frame.time_s` is the frame's presentation time, 0 for the first; the rotation that phones
    write into the file is applied.

    >>> with VideoSource("visitor.mp4") as video:               # doctest: +SKIP
    ...     times = [frame.time_s for frame in video]
    """

    is_live = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = str(path)
        self._frames: Iterator[Frame] | None = None
        self._container: Any = None

    def read(self) -> Frame | None:
        """The next frame; None at the end.

        Raises:
            InputError: the file is missing, empty, a pipe, not a video, damaged, or breaks off before its end.
        """
        if self._frames is None:
            self._frames = self._decode(self._open())
        return next(self._frames, None)

    def close(self) -> None:
        """Close the file; the next read starts at its first frame."""
        self._frames = None
        if self._container is not None:
            self._container.close()
            self._container = None

    def count(self) -> int | None:
        """How many frames the file's header announces, for a progress display; None when it does not say.

        Raises:
            InputError: the file cannot be opened.
        """
        own = self._container is None
        stream = self._open()
        frames = int(stream.frames)
        if frames == 0 and stream.average_rate and self._container.duration:
            frames = round(float(stream.average_rate) * self._container.duration / 1e6)
        if own:
            self.close()
        return frames or None

    def is_still(self) -> bool:
        """Whether the file is a picture, which FFmpeg opens as a film of one frame; an animation is none.

        Raises:
            InputError: the file cannot be opened.
        """
        own = self._container is None
        self._open()
        name = self._container.format.name
        # FFmpeg's readers of pictures are `image2` and `png_pipe`, `webp_pipe` and so on.
        still = name.endswith("_pipe") or (name in ("image2", "gif") and self.count() == 1)
        if own:
            self.close()
        return still

    def _open(self) -> Any:
        import av

        if self._container is None:
            try:
                # A pipe would keep us waiting for whoever fills it, and cannot be measured before it is played.
                if kind_of(self.path) == "special":
                    raise InputError(f"{self.path} is a pipe or device, where a video file was expected")
                self._container = av.open(str(self.path))
            except (av.error.FFmpegError, OSError) as error:
                raise InputError(self._why_not(error)) from None
        streams = self._container.streams.video
        if not streams:
            self.close()
            raise InputError(f"{self.path} holds no video stream; expected a video file")
        stream = streams[0]
        if stream.width * stream.height > MAX_PIXELS:
            size = f"{stream.width} x {stream.height}"
            self.close()
            raise InputError(f"{self.path} has frames of {size} pixels; at most {MAX_PIXELS:,} pixels are read")
        return stream

    def _why_not(self, error: Exception) -> str:
        if isinstance(error, PermissionError):
            return f"{self.path} may not be read; check its permissions"
        kind = kind_of(self.path)
        if kind is None:
            return f"{self.path} does not exist; check the path"
        if kind == "folder":
            return f"{self.path} is a folder, where one video was expected"
        if self.path.stat().st_size == 0:
            return f"{self.path} is empty; expected a video"
        return f"{self.path} is not a video that can be read, or is damaged ({getattr(error, 'strerror', error)})"

    def _decode(self, stream: Any) -> Iterator[Frame]:
        import av

        index, first_s, time_s = 0, 0.0, 0.0
        rate = float(stream.average_rate or 25)
        stream.thread_type = "AUTO"
        try:
            for picture in self._container.decode(stream):
                stamp = picture.time
                if stamp is not None and index == 0:
                    first_s = stamp
                # Some containers stamp only some frames, or stamp them twice: the mean rate fills in, time never turns.
                now_s = index / rate if stamp is None else stamp - first_s
                time_s = max(now_s, time_s)
                yield Frame(upright(picture), time_s=time_s, index=index, source=self.name)
                index += 1
        except (av.error.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self.path} breaks off or is damaged after {index} frames ({reason})") from None
        if index == 0:
            raise InputError(f"{self.path} holds no frame that can be decoded; expected a video")
        self._raise_if_short(stream, index, time_s + 1 / rate)

    def _raise_if_short(self, stream: Any, frames: int, seconds: float) -> None:
        """FFmpeg ends a truncated file as quietly as a whole one: compare with what its header promises."""
        promised = int(stream.frames)
        index = stream.index_entries
        cut = len(index) > 0 and index[-1].pos + index[-1].size > self.path.stat().st_size
        if cut or frames + 1 < promised * _PROMISE_KEPT:
            raise InputError(f"{self.path} breaks off after {frames} frames ({seconds:.1f} s) of {promised}")
        # The container's duration covers all streams: with sound in it, it says nothing of the pictures.
        promised_s = 0.0 if len(self._container.streams) > 1 else (self._container.duration or 0) / 1e6
        if seconds + 0.5 < promised_s * _PROMISE_KEPT:
            raise InputError(f"{self.path} breaks off after {frames} frames, {seconds:.1f} s of {promised_s:.1f} s")


def upright(picture: Any) -> Image:
    """A decoded `av.VideoFrame` as (H, W, 3) RGB uint8, turned as its display matrix says.

    FFmpeg gives the angle counter-clockwise (`av_display_rotation_get`), as `numpy.rot90` turns.
    """
    image = picture.to_ndarray(format="rgb24")
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns) if turns else image)
