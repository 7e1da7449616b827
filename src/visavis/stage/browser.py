"""The visitor's own webcam: the page sends JPEG pictures, of which the newest is kept, in memory only."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from visavis.errors import InputError
from visavis.types import Frame, Image

__all__ = ["MAX_JPEG_BYTES", "BrowserCamera", "BrowserFeed", "decode_jpeg"]

#: A picture of 640 x 480 takes some 40 KB; nothing the page sends comes near this.
MAX_JPEG_BYTES: Final = 512 * 1024
_MAX_SIDE: Final = 1920
_MIN_SIDE: Final = 32
# A visitor whose page sends nothing for this long (a hidden tab, a closed laptop) is gone.
_STALE_S: Final = 1.5


def _check_jpeg(data: bytes) -> None:
    """Raise InputError unless `data` announces itself as a JPEG of a size that is accepted; decodes nothing."""
    from PIL import Image as Pillow

    if len(data) > MAX_JPEG_BYTES:
        raise InputError(f"the picture has {len(data)} bytes; at most {MAX_JPEG_BYTES} are taken")
    if not data.startswith(b"\xff\xd8\xff"):
        raise InputError("expected a JPEG picture")
    try:
        with Pillow.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise InputError("the JPEG picture cannot be read") from error
    if min(width, height) < _MIN_SIDE or max(width, height) > _MAX_SIDE:
        raise InputError(f"the picture is {width} x {height}; sides from {_MIN_SIDE} to {_MAX_SIDE} are taken")


def decode_jpeg(data: bytes) -> Image:
    """Decode a JPEG as (H, W, 3) RGB uint8.

    Raises:
        InputError: not a JPEG, damaged, or of a size that is not accepted.
    """
    from PIL import Image as Pillow

    _check_jpeg(data)
    try:
        with Pillow.open(io.BytesIO(data), formats=["JPEG"]) as picture:
            return np.ascontiguousarray(np.asarray(picture.convert("RGB")))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError("the JPEG picture is damaged") from error


class BrowserCamera:
    """The slot between the page's pictures and the loop. One visitor holds it at a time."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._arrived = threading.Condition()
        self._newest: tuple[int, float, bytes] | None = None
        self._count = 0
        self._holder: object | None = None
        self.refused = 0

    @property
    def is_held(self) -> bool:
        """True while a visitor's camera is connected."""
        return self._holder is not None

    def now(self) -> float:
        """The time on the clock that stamps the pictures."""
        return self._clock()

    def take(self, visitor: object) -> bool:
        """Give the slot to `visitor`; False when another has it."""
        with self._arrived:
            if self._holder is not None:
                return False
            self._holder = visitor
            return True

    def release(self, visitor: object) -> None:
        """Give the slot back, and drop the last picture."""
        with self._arrived:
            if self._holder is visitor:
                self._holder = None
                self._newest = None

    def put(self, data: bytes) -> None:
        """Make `data` the newest picture.

        Raises:
            InputError: it is no JPEG of an accepted size.
        """
        try:
            _check_jpeg(data)
        except InputError:
            self.refused += 1
            raise
        with self._arrived:
            self._newest = (self._count, self._clock(), data)
            self._count += 1
            self._arrived.notify_all()

    def get(self, *, newer_than: int, timeout_s: float) -> tuple[int, float, bytes] | None:
        """Number, time and bytes of the newest picture, when it is newer than number `newer_than`."""

        def is_new() -> bool:
            return self._newest is not None and self._newest[0] > newer_than

        with self._arrived:
            return self._newest if self._arrived.wait_for(is_new, timeout_s) else None


class BrowserFeed:
    """Frames from a `BrowserCamera`, for the loop."""

    def __init__(self, camera: BrowserCamera) -> None:
        self._camera = camera
        self._seen = -1
        self._last_s = self._told_s = float("-inf")

    def next(self, timeout_s: float) -> Frame | None:
        """The newest picture; a blank frame, in which nobody is seen, when none has come for a while."""
        newest = self._camera.get(newer_than=self._seen, timeout_s=timeout_s)
        if newest is None:
            now = self._camera.now()
            if now - self._last_s < _STALE_S:
                return None
            self._told_s = now
            return Frame(np.zeros((64, 64, 3), np.uint8), now, max(self._seen, 0), "browser")
        self._seen, arrived_s, data = newest
        # A picture may have come in while a blank frame was being stamped; time never goes back.
        time_s = max(arrived_s, self._told_s)
        self._last_s = self._told_s = time_s
        try:
            return Frame(decode_jpeg(data), time_s, self._seen, "browser")
        except InputError:
            self._camera.refused += 1
            return None

    def close(self) -> None:
        """Nothing to free: the camera is the visitor's."""
