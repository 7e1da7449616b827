"""Face detectors behind one protocol: find them by name, use any of them alike.

mediapipe    BlazeFace short range, from the face landmarker's file: fastest, for faces near a camera
yunet        YuNet (OpenCV's FaceDetectorYN): small and turned faces
centerface   CenterFace: smallest faces, and to be had wherever there is a package index
yolov3       any face net of the YOLOv3 family, from Darknet's own files: the report's detector
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from visavis.assets import AssetStore
from visavis.errors import ConfigError, ModelError
from visavis.types import Face, Image

__all__ = ["DETECTORS", "Detector", "create_detector"]


@runtime_checkable
class Detector(Protocol):
    """Finds faces in one picture; one object for one thread.

    A detector looks at the picture at the scale that it works at; pictures larger than that are reduced first, keeping
    their proportions. For small faces in large pictures see `PyramidDetector`.
    """

    @property
    def name(self) -> str:
        """The name under which `create_detector` makes it."""

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find the faces of (H, W, 3) uint8 RGB: boxes in its pixels, inside it, the highest score first.

        Raises:
            ValueError: `image` has another shape or dtype.
            AssetError: the model is missing, cannot be fetched, or has the wrong hash.
            ModelError: the model cannot be used, or gives numbers that are not finite.
        """

    def close(self) -> None:
        """Free the model; the next picture opens it again."""


def _mediapipe(assets: AssetStore, min_score: float, max_side: int | None, model: Path | None) -> Detector:
    from visavis.faces.blazeface import MediaPipeDetector

    return MediaPipeDetector(assets, min_score=min_score, model=model)


def _yunet(assets: AssetStore, min_score: float, max_side: int | None, model: Path | None) -> Detector:
    from visavis.faces.yunet import YuNetDetector

    return YuNetDetector(assets, min_score=min_score, max_side=max_side or 640, model=model)


def _centerface(assets: AssetStore, min_score: float, max_side: int | None, model: Path | None) -> Detector:
    from visavis.faces.centerface import CenterFaceDetector

    return CenterFaceDetector(assets, min_score=min_score, max_side=max_side or 640, model=model)


def _yolov3(assets: AssetStore, min_score: float, max_side: int | None, model: Path | None) -> Detector:
    from visavis.faces.yolov3 import YoloV3Detector

    return YoloV3Detector(assets, min_score=min_score, model=model)


#: Every detector: name -> factory (assets, min_score, max_side, model).
DETECTORS: Final[dict[str, Callable[[AssetStore, float, int | None, Path | None], Detector]]] = {
    "mediapipe": _mediapipe,
    "yunet": _yunet,
    "centerface": _centerface,
    "yolov3": _yolov3,
}


def create_detector(
    name: str,
    *,
    assets: AssetStore,
    min_score: float = 0.5,
    max_side: int | None = None,
    model: Path | None = None,
) -> Detector:
    """Make a detector by name; its model is opened at the first picture.

    Args:
        name: one of `DETECTORS`.
        assets: where models come from.
        min_score: faces below this confidence in [0, 1] are left out.
        max_side: pictures with a longer side, in pixels, are reduced to it; None for the detector's own choice.
            `mediapipe` and `yolov3` always work at their network's own size.
        model: a model file to use in place of the asset; for `yolov3` a `.cfg` with its `.weights` beside it, or an
            `.onnx` made of them.

    >>> create_detector("centerface", assets=AssetStore()).name
    'centerface'

    Raises:
        ConfigError: no detector has this name, or `min_score` or `max_side` is out of range.
        ModelError: `model` is no file.
    """
    factory = DETECTORS.get(name)
    if factory is None:
        raise ConfigError(f"unknown detector {name!r}; choose one of {', '.join(DETECTORS)}")
    if not 0 <= min_score <= 1:
        raise ConfigError(f"a detector's min_score must lie in [0, 1], not {min_score}")
    if max_side is not None and max_side < 32:
        raise ConfigError(f"a detector's max_side must be at least 32 pixels, not {max_side}")
    if model is not None and not model.is_file():
        raise ModelError(f"there is no model {model} for {name}; expected a file, or none for the detector's own")
    return factory(assets, min_score, max_side, model)
