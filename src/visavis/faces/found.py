"""From a network's rows to `Face`s: the last step that all detectors share."""

from __future__ import annotations

import numpy as np

from visavis.errors import ModelError
from visavis.faces.boxes import clip_boxes
from visavis.types import Face, Float32, Image

__all__ = ["to_faces"]


def to_faces(
    boxes: Float32, scores: Float32, keypoints: Float32 | None, *, worked_at: Image, image: Image, name: str
) -> tuple[Face, ...]:
    """Bring boxes from the reduced picture back to the whole one, best first; empty boxes go.

    Args:
        boxes: (N, 4) float32 in pixels of `worked_at`.
        scores: (N,) float32.
        keypoints: (N, 5, 2) float32 in pixels of `worked_at`, or None.
        worked_at: the picture that the network saw.
        image: the picture that it was made from.
        name: what to call the model in an error.

    Raises:
        ModelError: a number is not finite.
    """
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ModelError(
            f"the {name} model gave boxes that are not finite numbers; its file is damaged: fetch it again"
        )
    height, width = image.shape[:2]
    ratio = np.array([width / worked_at.shape[1], height / worked_at.shape[0]], np.float32)
    boxes = clip_boxes(boxes * np.tile(ratio, 2), width=width, height=height)
    if keypoints is not None:
        # Keypoints count from the middle of the first pixel, so a half goes in and out of the scaling.
        keypoints = ((keypoints + np.float32(0.5)) * ratio - np.float32(0.5)).astype(np.float32)
    faces = []
    for index in np.argsort(-scores, kind="stable"):
        box = boxes[index]
        if box[2] - box[0] < 1 or box[3] - box[1] < 1:
            continue
        faces.append(
            Face(
                box=box.astype(np.float32),
                score=float(np.clip(scores[index], 0, 1)),
                keypoints=None if keypoints is None else keypoints[index],
            )
        )
    return tuple(faces)
