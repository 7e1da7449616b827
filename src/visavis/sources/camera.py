"""Cameras through Video4Linux."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from visavis.errors import SourceError
from visavis.sources.live import Grabber
from visavis.types import Image

__all__ = ["CameraGrabber", "camera_indices"]

_DEVICES = Path("/dev")


def camera_indices(devices: Path = _DEVICES) -> tuple[int, ...]:
    """The N of every /dev/videoN, in order; not each of them is a camera that gives pictures."""
    numbers = (path.name.removeprefix("video") for path in devices.glob("video*"))
    return tuple(sorted(int(number) for number in numbers if number.isdigit()))


class CameraGrabber(Grabber):
    """An opened camera, by OpenCV.

    Args:
        index: N of /dev/videoN.
        width: pixels asked for; the camera gives the nearest it can.
        height: pixels asked for.
        frames_per_second: asked for.
        devices: the folder of the device files.

    Raises:
        SourceError: no such camera, no permission, or it is in use by another program.
    """

    def __init__(
        self,
        index: int,
        *,
        width: int = 640,
        height: int = 480,
        frames_per_second: float = 30.0,
        devices: Path = _DEVICES,
    ) -> None:
        self.name = f"camera:{index}"
        device = devices / f"video{index}"
        if not device.exists():
            others = ", ".join(f"camera:{other}" for other in camera_indices(devices))
            hint = f"there are {others}" if others else "no camera is connected"
            raise SourceError(f"{self.name} cannot be opened: {device} does not exist; {hint}")
        if not os.access(device, os.R_OK | os.W_OK):
            raise SourceError(
                f"{self.name} cannot be opened: no permission for {device}; add yourself to the group 'video'"
            )
        import cv2

        self._capture: Any = cv2.VideoCapture(index, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(
                f"{self.name} cannot be opened: {device} is in use by another program, or gives no pictures"
            )
        # Most USB cameras reach 30 frames a second only in MJPG; the ones without it keep their own format.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, frames_per_second)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def grab(self) -> None:
        """Wait for the next picture.

        Raises:
            SourceError: the camera is gone.
        """
        if not self._capture.grab():
            raise SourceError(f"{self.name} stopped giving pictures; check its cable, then start again")

    def retrieve(self) -> Image:
        """The picture grabbed, (H, W, 3) RGB uint8.

        Raises:
            SourceError: it cannot be decoded.
        """
        import cv2

        decoded, picture = self._capture.retrieve()
        if not decoded:
            raise SourceError(f"{self.name} gave a picture that cannot be decoded; check its cable, then start again")
        return np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))

    def close(self) -> None:
        """Release the device."""
        self._capture.release()
