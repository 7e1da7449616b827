"""BlazeFace, short range, through MediaPipe.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019, arXiv:1907.05047. The
weights are the detector inside face_landmarker.task, so live use needs no second file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces.boxes import keep_best
from visavis.faces.found import to_faces
from visavis.faces.native import close_with, without_chatter
from visavis.types import Face, Image, check_image

__all__ = ["MediaPipeDetector"]

_MEMBER: Final = "face_detector.tflite"


class MediaPipeDetector:
    """The detector `mediapipe`; see `Detector`.

    Its net sees the whole picture in 128 x 128 pixels: faces under a tenth of the longer side are missed.
    """

    name = "mediapipe"

    def __init__(self, assets: AssetStore, *, min_score: float = 0.5, model: Path | None = None) -> None:
        self._assets = assets
        self._min_score = min_score
        self._model = model
        self._task: Any = None
        self._finalizer: Any = None

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find faces; see `Detector.detect`."""
        check_image(image)
        self._open()
        found = self._run(image).detections
        if not found:
            return ()
        boxes = np.array(
            [
                (b.origin_x, b.origin_y, b.origin_x + b.width, b.origin_y + b.height)
                for b in (detection.bounding_box for detection in found)
            ],
            np.float32,
        )
        scores = np.array([detection.categories[0].score for detection in found], np.float32)
        # Its points: right eye, left eye, nose tip, middle of the mouth, both ears. The mouth's corners are not among
        # them, so none are given rather than made up.
        kept = keep_best(boxes, scores, max_iou=0.4)
        return to_faces(boxes[kept], scores[kept], None, worked_at=image, image=image, name="BlazeFace")

    def close(self) -> None:
        """Free the model."""
        if self._finalizer is not None:
            self._finalizer()
        self._task = self._finalizer = None

    def _open(self) -> None:
        if self._task is not None:
            return
        path = self._model or self._assets.path("face-landmarker")
        try:
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as bundle:
                    weights = bundle.read(_MEMBER)
            else:
                weights = Path(path).read_bytes()
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(
                f"{path} holds no {_MEMBER} ({error}); expected face_landmarker.task float16 v1"
            ) from error
        with without_chatter():
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.FaceDetectorOptions(
                base_options=BaseOptions(model_asset_buffer=weights), min_detection_confidence=self._min_score
            )
            try:
                self._task = vision.FaceDetector.create_from_options(options)
            except (ValueError, RuntimeError, OSError) as error:
                raise ModelError(
                    f"MediaPipe cannot use the face detector in {path} ({error}); fetch it again"
                ) from error
            self._finalizer = close_with(self, self._task)
            self._run(np.zeros((64, 64, 3), np.uint8))

    def _run(self, image: Image) -> Any:
        import mediapipe

        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        return self._task.detect(picture)
