"""YuNet through OpenCV's FaceDetectorYN.

Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023. Weights:
face_detection_yunet_2023mar (OpenCV's model zoo, MIT).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces.found import to_faces
from visavis.faces.native import without_chatter
from visavis.faces.session import OnDemand
from visavis.images import resize
from visavis.types import Face, Image, check_image

__all__ = ["YuNetDetector"]


class YuNetDetector:
    """The detector `yunet`; see `Detector`."""

    name = "yunet"

    def __init__(
        self, assets: AssetStore, *, min_score: float = 0.5, max_side: int = 640, model: Path | None = None
    ) -> None:
        self._max_side = max_side
        self._net = OnDemand(lambda: _open(model or assets.path("yunet"), min_score))

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find faces; see `Detector.detect`."""
        check_image(image)
        import cv2

        net = self._net()
        small = resize(image, longest=self._max_side, enlarge=False)
        net.setInputSize((small.shape[1], small.shape[0]))
        # OpenCV's own order of colours is blue first.
        _, rows = net.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if rows is None:
            return ()
        rows = np.asarray(rows, np.float32)
        boxes = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]])
        return to_faces(boxes, rows[:, 14], rows[:, 4:14].reshape(-1, 5, 2), worked_at=small, image=image, name="YuNet")

    def close(self) -> None:
        """Free the model."""
        self._net.close()


def _open(path: Path, min_score: float) -> Any:
    import cv2

    try:
        with without_chatter():
            return cv2.FaceDetectorYN.create(str(path), "", (320, 320), min_score, 0.4, 500)
    except cv2.error as error:
        raise ModelError(
            f"OpenCV cannot use the YuNet model at {path} ({str(error).strip()[:200]}); "
            "expected face_detection_yunet_2023mar.onnx"
        ) from error
