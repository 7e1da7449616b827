"""The shape of a face as numbers: its landmarks turned to the front and scaled alike, and its blendshapes.

What a picture of 160 pixels tells badly, how full the lips and how narrow the eyes are, the landmarks measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from visavis.errors import ModelError
from visavis.types import Face, Float32, upright

__all__ = ["SHAPE_FEATURES", "ShapeReading", "load_shape", "shape_features"]

_POINTS: Final = 478
_BLENDSHAPES: Final = 52
#: Length of the vector: three coordinates a landmark, and each blendshape as it is and as a logarithm.
SHAPE_FEATURES: Final = 3 * _POINTS + 2 * _BLENDSHAPES

#: Brings coordinates, after scaling to a root sum of squares of 1, to about one unit of spread.
_SCALE: Final = 30.0


def shape_features(face: Face) -> Float32 | None:
    """(SHAPE_FEATURES,) float32, or None where the face lacks landmarks, blendshapes or pose.

    Landmarks are moved to their mean, turned by the inverse of the head's rotation and scaled to a root sum of squares
    of 1, so that they do not change with where the face is, how large, and how it is turned.
    """
    if face.landmarks is None or face.blendshapes is None or face.pose is None:
        return None
    turn = face.pose[:3, :3].astype(np.float64)
    size = np.cbrt(abs(np.linalg.det(turn)))
    points = upright(face.landmarks)
    points -= points.mean(axis=0)
    spread = np.sqrt((points**2).sum())
    if size < 1e-9 or spread < 1e-9:
        return None
    frontal = points @ (turn / size) / spread * _SCALE  # (478, 3) @ R is R^T applied to each point
    weights = face.blendshapes.astype(np.float64)
    return np.concatenate([frontal.ravel(), weights, np.log(weights + 0.01)]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ShapeReading:
    """Logits from shapes.

    Attributes:
        weights: (SHAPE_FEATURES, A) float32.
        bias: (A,) float32.
    """

    weights: Float32
    bias: Float32

    def __call__(self, shapes: Float32) -> Float32:
        """(..., SHAPE_FEATURES) -> (..., A) logits; nan where a shape is."""
        return np.asarray(shapes @ self.weights + self.bias, np.float32)


def load_shape(path: Path, *, attributes: int) -> ShapeReading:
    """Read weights that `visavis lab export` wrote.

    Raises:
        ModelError: the file is damaged, or is not of so many attributes or of this version's features.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            reading = ShapeReading(file["weights"].astype(np.float32), file["bias"].astype(np.float32))
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ModelError(f"{path} holds no weights ({error}); export the model again") from error
    found = (reading.weights.shape, reading.bias.shape)
    if found != ((SHAPE_FEATURES, attributes), (attributes,)):
        raise ModelError(f"{path} has weights of shape {found}, not as its card and this version say")
    return reading
