"""CenterFace in ONNX Runtime.

Xu, Yan, Yuan and others, "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019, arXiv:1911.03599;
decoding after its section 3. Trained on WIDER FACE; MIT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces.boxes import keep_best
from visavis.faces.found import to_faces
from visavis.faces.session import OnDemand, open_session
from visavis.images import resize
from visavis.types import Face, Float32, Image, check_image

__all__ = ["CenterFaceDetector", "decode_centerface"]

_STRIDE: Final = 4
_MULTIPLE: Final = 32
_MAX_IOU: Final = 0.3


class CenterFaceDetector:
    """The detector `centerface`; see `Detector`."""

    name = "centerface"

    def __init__(
        self, assets: AssetStore, *, min_score: float = 0.5, max_side: int = 640, model: Path | None = None
    ) -> None:
        self._min_score = min_score
        self._max_side = max_side
        self._session = OnDemand(lambda: _open(model or assets.path("centerface")))

    def detect(self, image: Image) -> tuple[Face, ...]:
        """Find faces; see `Detector.detect`."""
        check_image(image)
        session = self._session()
        small = resize(image, longest=self._max_side, enlarge=False)
        height, width = small.shape[:2]
        # The net halves five times; grey below and to the right squashes nothing.
        padded = np.zeros((-(-height // _MULTIPLE) * _MULTIPLE, -(-width // _MULTIPLE) * _MULTIPLE, 3), np.float32)
        padded[:height, :width] = small
        outputs = session.run(None, {session.get_inputs()[0].name: padded.transpose(2, 0, 1)[None]})
        boxes, scores, keypoints = decode_centerface(*(output[0] for output in outputs), min_score=self._min_score)
        kept = keep_best(boxes, scores, max_iou=_MAX_IOU)
        return to_faces(boxes[kept], scores[kept], keypoints[kept], worked_at=small, image=image, name="CenterFace")

    def close(self) -> None:
        """Free the model."""
        self._session.close()


def _open(path: Path) -> Any:
    session = open_session(_loosened(path), name="CenterFace")
    if len(session.get_inputs()) != 1 or len(session.get_outputs()) != 4:
        raise ModelError(
            f"{path} is not CenterFace: expected one input and four outputs (heatmap, size, shift, points)"
        )
    return session


def decode_centerface(
    heatmap: Float32, log_size: Float32, shift: Float32, points: Float32, *, min_score: float
) -> tuple[Float32, Float32, Float32]:
    """Turn the net's maps, h x w cells of 4 pixels, into boxes.

    A face's centre lies at `4 (cell + shift + 1/2)`, its sides are `4 exp(log_size)`, its points are fractions of its
    box; every pair of maps has y before x.

    Args:
        heatmap: (1, h, w) float32, probability of a face's centre.
        log_size: (2, h, w) float32.
        shift: (2, h, w) float32.
        points: (10, h, w) float32.
        min_score: cells below it are left out.

    Returns:
        (N, 4) boxes, (N,) scores and (N, 5, 2) keypoints, float32 pixels of the net's input, overlaps still in.
    """
    rows, columns = np.nonzero(heatmap[0] > min_score)
    scores = heatmap[0, rows, columns]
    centers = np.stack([columns + shift[1, rows, columns], rows + shift[0, rows, columns]], axis=1)
    centers = (centers + np.float32(0.5)) * _STRIDE
    sides = np.exp(log_size[::-1, rows, columns].T) * _STRIDE
    low = centers - sides / 2
    boxes = np.hstack([low, low + sides]).astype(np.float32)
    fractions = points[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1]
    keypoints = (low[:, None] + fractions * sides[:, None]).astype(np.float32)
    return boxes, scores.astype(np.float32), keypoints


def _loosened(path: Path) -> bytes:
    """The model with free batch, height and width: it is stored for ten pictures of 32 x 32."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's DecodeError among them, which has no typed home
        raise ModelError(f"the CenterFace model at {path} cannot be read ({error}); fetch it again") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output):
        if value.name not in weights:
            dimensions = value.type.tensor_type.shape.dim
            for place, label in ((0, "batch"), (2, "height"), (3, "width")):
                if place < len(dimensions):
                    dimensions[place].dim_param = f"{label}_{value.name}"
    del model.graph.value_info[:]  # shapes inside were inferred for 32 x 32
    return bytes(model.SerializeToString())
