"""Faces made of numbers, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from visavis.types import Expression, Face

#: The seven attributes that the product tells, on a face at rest.
PLAIN = {
    "Arched_Eyebrows": 0.1,
    "Bags_Under_Eyes": 0.1,
    "Big_Lips": 0.2,
    "High_Cheekbones": 0.1,
    "Mouth_Slightly_Open": 0.05,
    "Narrow_Eyes": 0.05,
    "Smiling": 0.02,
}


def face_of(weights: Mapping[str, float], *, track_id: int | None = None) -> Face:
    """A face with these blendshapes, 100 pixels wide at (20, 20), its keypoints where they belong."""
    keypoints = np.array([(50, 60), (90, 60), (70, 80), (55, 100), (85, 100)], np.float32)
    return Face(
        np.array([20, 20, 120, 140], np.float32),
        keypoints=keypoints,
        blendshapes=Expression.from_mapping(weights).weights,
        track_id=track_id,
    )


def both(name: str, value: float) -> dict[str, float]:
    """The left and the right blendshape of a pair, alike."""
    return {f"{name}Left": value, f"{name}Right": value}
