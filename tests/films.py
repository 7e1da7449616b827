"""Small videos made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from visavis.types import Image


def write_video(
    path: Path, images: Sequence[Image], *, rate: int = 25, rotation: float | None = None, codec: str = "libx264"
) -> Path:
    """Write a video whose header stands before its frames, so that a truncated one still opens."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def noise(count: int, *, height: int = 48, width: int = 64) -> list[Image]:
    """Frames that do not compress, so that a file can be cut in their middle."""
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(count)]


def truncate(path: Path, target: Path, *, part: float) -> Path:
    """Copy the first `part` of a file's bytes."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * part)])
    return target
