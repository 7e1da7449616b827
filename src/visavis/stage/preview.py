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
# A picture older than this is of somebody who may have gone: a camera was lost, or a visitor's page was closed.
_MAX_AGE_S: Final = 2.0


class Preview:
    """Keeps the last frame as a small JPEG in memory. Without one of these, no frame leaves the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jpeg = b""
        self._taken_s = float("-inf")

    def newest(self, now_s: float) -> bytes:
        """The last picture, a JPEG; nothing before the first, or when the last one is out of date.

        Args:
            now_s: seconds on the loop's clock.
        """
        with self._lock:
            if now_s - self._taken_s > _MAX_AGE_S:
                self._jpeg = b""
            return self._jpeg

    def watch(self, frame: Frame, snapshot: Snapshot) -> None:
        """Given each frame by the loop."""
        if snapshot.time_s - self._taken_s < _INTERVAL_S:
            return
        jpeg = _draw(frame, snapshot)
        with self._lock:
            self._jpeg, self._taken_s = jpeg, snapshot.time_s


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
