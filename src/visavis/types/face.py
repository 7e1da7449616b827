"""A picture, and a face found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.types.arrays import Float32, Image, check_array, check_image
from visavis.types.expression import BLENDSHAPES

__all__ = ["MESH_POINTS", "Face", "Frame", "head_angles", "upright"]

#: Points of MediaPipe's face mesh; landmarks after these are of the irises.
MESH_POINTS: Final = 468
_LANDMARK_COUNT: Final = 478


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        time_s: capture time in seconds; monotonic for live sources, from the start for files.
        index: running number of the frame in its source, from 0.
        source: what the picture came from (a path, `camera:0`, `browser`).

    Raises:
        ValueError: `image` has another shape or dtype, or is empty.
    """

    image: Image
    time_s: float = 0.0
    index: int = 0
    source: str = ""

    def __post_init__(self) -> None:
        check_image(self.image, "Frame.image")

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.image.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face found in a frame, in pixels of that frame.

    Attributes:
        box: (4,) float32, `x0, y0, x1, y1`.
        score: the detector's confidence in [0, 1].
        keypoints: (5, 2) float32, or None: right eye, left eye, nose tip, right and left mouth corner, the sides
            being the subject's.
        landmarks: (478, 3) float32, or None: MediaPipe's face mesh with irises; z is depth in pixels, towards the
            camera negative.
        blendshapes: (52,) float32 in [0, 1], in the order of `BLENDSHAPES`, or None.
        pose: (4, 4) float32, or None: takes the canonical face to camera space, both in centimetres with x to the
            right of the picture, y up and z towards the camera.
        track_id: the same number for the same face over time, or None when nothing tracks.

    Raises:
        ValueError: an array has another shape or dtype.
    """

    box: Float32
    score: float = 1.0
    keypoints: Float32 | None = None
    landmarks: Float32 | None = None
    blendshapes: Float32 | None = None
    pose: Float32 | None = None
    track_id: int | None = None

    def __post_init__(self) -> None:
        check_array("Face.box", self.box, (4,), np.float32)
        for name, array, shape in (
            ("Face.keypoints", self.keypoints, (5, 2)),
            ("Face.landmarks", self.landmarks, (_LANDMARK_COUNT, 3)),
            ("Face.blendshapes", self.blendshapes, (len(BLENDSHAPES),)),
            ("Face.pose", self.pose, (4, 4)),
        ):
            if array is not None:
                check_array(name, array, shape, np.float32)

    @property
    def width(self) -> float:
        """Width of the box in pixels."""
        return float(self.box[2] - self.box[0])

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return float(self.box[3] - self.box[1])

    @property
    def area(self) -> float:
        """Area of the box in square pixels; 0 for an inverted box."""
        return max(self.width, 0.0) * max(self.height, 0.0)

    @property
    def center(self) -> tuple[float, float]:
        """Centre of the box, `(x, y)` in pixels."""
        return float(self.box[0] + self.box[2]) / 2, float(self.box[1] + self.box[3]) / 2


def upright(landmarks: NDArray[Any]) -> NDArray[np.float64]:
    """Landmarks (N, 3), whose y goes down and z away from the camera, with y up and z towards it, as a pose has them.

    >>> upright(np.array([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, -2.0, -3.0]]
    """
    return np.asarray(landmarks.astype(np.float64) * (1, -1, -1))


def head_angles(pose: NDArray[Any]) -> tuple[float, float, float]:
    """Yaw (to the subject's left), pitch (up) and roll (to the subject's left shoulder) in degrees.

    Args:
        pose: (4, 4) as `Face.pose`, or (3, 3): R = R_y(yaw) R_x(-pitch) R_z(-roll), times a scale. The roll is that
            of the head in its own frame, not the tilt that it shows in the picture.

    >>> head_angles(np.eye(4, dtype=np.float32))
    (0.0, 0.0, 0.0)
    """
    rotation = pose[:3, :3].astype(np.float64)
    rotation = rotation / np.maximum(np.linalg.norm(rotation, axis=0), 1e-9)
    ahead, up = rotation[:, 2], rotation[:, 1]
    yaw = np.arctan2(ahead[0], ahead[2])
    pitch = np.arcsin(np.clip(ahead[1], -1, 1))
    # The axes that the head would have with this yaw and pitch and no roll.
    level_right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    level_up = np.cross(ahead, level_right)
    roll = np.arctan2(up @ level_right, up @ level_up)
    yaw_deg, pitch_deg, roll_deg = np.degrees([yaw, pitch, roll])
    return float(yaw_deg), float(pitch_deg), float(roll_deg)
