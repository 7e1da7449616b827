"""Rest: what must not change, and how gently the rest does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hull import inside_hull
from visavis.portrait.paint import texture_energy
from visavis.portrait.render import PortraitRenderer
from visavis.portrait.topology import MESH_POINTS
from visavis.types import EMOTIONS, Expression, Float32, Image

__all__ = ["FAR", "far_from_face", "inside_face", "measure_rest"]

#: Pixels farther than this from the face never change, in face widths.
FAR: Final = 0.35
#: Frames of half a second at 30 a second.
_RAMP: Final = 15


def inside_face(landmarks: Float32, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels of a picture lie within the hull of the face mesh, (H, W)."""
    return inside_hull(landmarks[:MESH_POINTS, :2], shape)


def far_from_face(landmarks: Float32, face_width: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels lie farther than `FAR` face widths from the hull of the face mesh, (H, W)."""
    import cv2

    outside = (~inside_face(landmarks, shape)).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance > FAR * face_width)


def measure_rest(
    renderer: PortraitRenderer,
    painting: Image,
    landmarks: Float32,
    face_width: float,
    presets: Mapping[str, Expression],
) -> dict[str, float]:
    """Compare renders with the painting.

    Returns:
        `rest`, 1 where zero weights give back the painting bit for bit; for each emotion
        `background/EMOTION`, 1 where the pixels far from the face are bit-identical;
        `texture/EMOTION`, by which share the texture energy inside the face departs from the painting's, signed;
        `jump/EMOTION`, the largest mean change from one frame to the next, of 255, inside the face, in half a second
        from rest to the emotion.
    """
    face, far = inside_face(landmarks, painting.shape), far_from_face(landmarks, face_width, painting.shape)
    rows, columns = np.flatnonzero(face.any(axis=1)), np.flatnonzero(face.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    within, energy = face[window], texture_energy(painting, face)
    figures = {"rest": float(all(np.array_equal(renderer.render(still), painting) for still in _still(presets)))}
    for label in EMOTIONS[1:]:
        jumps, before = [], painting[window]
        for step in range(1, _RAMP + 1):
            image = renderer.render(presets[label].scaled(step / _RAMP))
            jumps.append(float(np.abs(image[window].astype(np.int16) - before)[within].mean()))
            before = image[window]
        figures[f"background/{label}"] = float(np.array_equal(image[far], painting[far]))
        figures[f"texture/{label}"] = texture_energy(image, face) / max(energy, 1e-9) - 1
        figures[f"jump/{label}"] = max(jumps)
    return figures


def _still(presets: Mapping[str, Expression]) -> tuple[Expression, ...]:
    """Expressions of zero weights, also after another one was played."""
    return Expression(), Expression.from_mapping({"_neutral": 1.0}), presets[EMOTIONS[1]].scaled(0.0)
