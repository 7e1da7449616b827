"""Where frames come from: a camera, a network stream, a video file, a picture, a folder of pictures.

with open_source("camera:0") as source:     # live: one slot, the newest frame wins, a stale one is an error
    frame = source.read_latest(max_age_s=0.5)

with open_source("visitor.mp4") as source:  # a file: every frame once, in order, then None
    for frame in source: ...
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from visavis.errors import InputError
from visavis.files import kind_of
from visavis.images import IMAGE_SUFFIXES
from visavis.sources.camera import CameraGrabber, camera_indices
from visavis.sources.live import Grabber, LiveSource
from visavis.sources.pictures import PictureSource
from visavis.sources.source import Source
from visavis.sources.stream import StreamGrabber
from visavis.sources.video import VIDEO_SUFFIXES, VideoSource

__all__ = [
    "IMAGE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "CameraGrabber",
    "Grabber",
    "LiveSource",
    "PictureSource",
    "Source",
    "StreamGrabber",
    "VideoSource",
    "camera_indices",
    "open_source",
]

_CAMERA = re.compile(r"camera:(\d+)")
_URL = re.compile(r"(rtsp|rtsps|rtmp|http|https|udp|srt|tcp)://.+")


def open_source(
    spec: str | os.PathLike[str], *, width: int = 640, height: int = 480, frames_per_second: float = 30.0
) -> Source:
    """Choose the source that `spec` names; devices and files are opened when it is entered or first read.

    Args:
        spec: `camera:0`, a URL (rtsp, http, ...), a video file, a picture, or a folder of pictures.
        width: pixels asked of a camera, which may give others.
        height: pixels asked of a camera.
        frames_per_second: asked of a camera.

    Returns:
        A `LiveSource` for cameras and URLs; a `VideoSource` or `PictureSource` for files.

    Raises:
        InputError: the spec names nothing that exists, or nothing that holds pictures.
    """
    name = os.fspath(spec)
    camera = _CAMERA.fullmatch(name)
    if camera is not None:
        index = int(camera[1])
        return LiveSource(
            lambda: CameraGrabber(index, width=width, height=height, frames_per_second=frames_per_second), name=name
        )
    if _URL.fullmatch(name):
        return LiveSource(lambda: StreamGrabber(name), name=name)
    path = Path(name)
    kind = kind_of(path)
    if kind == "folder":
        return PictureSource.from_folder(path)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return PictureSource([path])
    if suffix in VIDEO_SUFFIXES or kind == "file":
        return VideoSource(path)
    raise InputError(
        f"{name!r} is no source: expected camera:N, a URL such as rtsp://host/path, "
        "or the path of a video, a picture or a folder of pictures"
    )
