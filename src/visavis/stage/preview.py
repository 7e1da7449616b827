"""What the operator sees once preview is turned on, and only then: the last frame, small, with its landmarks."""

from __future__ import annotations

import io
import threading
from typing import Final

import numpy as np

from visavis.types import Frame, Snapshot

__all__ = ["Preview"]

_WIDTH: Final = 320
# Five pictures a second let an operator aim a camera, and cost the loop little.
_INTERVAL_S: Final = 0.2


class Preview:
    """Keeps the last frame as a small JPEG in memory. Without one of these, no frame leaves the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jpeg = b""
        self._taken_s = float("-inf")

    @property
    def jpeg(self) -> bytes:
        """The last picture, or nothing before the first."""
        with self._lock:
            return self._jpeg

    def watch(self, frame: Frame, snapshot: Snapshot) -> None:
        """Given each frame by the loop."""
        if snapshot.time_s - self._taken_s < _INTERVAL_S:
            return
        self._taken_s = snapshot.time_s
        jpeg = _draw(frame, snapshot)
        with self._lock:
            self._jpeg = jpeg


def _draw(frame: Frame, snapshot: Snapshot) -> bytes:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    scale = min(_WIDTH / frame.width, 1.0)
    size = (max(round(frame.width * scale), 1), max(round(frame.height * scale), 1))
    picture = Pillow.fromarray(frame.image).resize(size, Pillow.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    for reading in snapshot.readings:
        leads = reading is snapshot.lead
        colour = (255, 210, 120) if leads else (160, 160, 160)
        draw.rectangle([float(value) * scale for value in reading.face.box], outline=colour)
        if reading.face.landmarks is not None:
            points = np.round(reading.face.landmarks[::3, :2] * scale).astype(int)
            draw.point([(int(x), int(y)) for x, y in points], fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
