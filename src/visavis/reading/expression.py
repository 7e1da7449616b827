"""From a face to its Expression, in the landmarker's own scores."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Face, Float32

__all__ = ["MAX_SWAY_DEGREES", "head_angles", "to_expression"]

#: Heads turn further than a painting can follow, and pose grows unsure towards the profile.
MAX_SWAY_DEGREES: Final = 30.0

#: Takes the 52 weights to the gaze: left less right, and up less down, each the mean of both eyes.
_GAZE: Final = np.zeros((2, len(BLENDSHAPES)), np.float32)
_GAZE[0, [BLENDSHAPE_INDEX["eyeLookOutLeft"], BLENDSHAPE_INDEX["eyeLookInRight"]]] = 0.5
_GAZE[0, [BLENDSHAPE_INDEX["eyeLookInLeft"], BLENDSHAPE_INDEX["eyeLookOutRight"]]] = -0.5
_GAZE[1, [BLENDSHAPE_INDEX["eyeLookUpLeft"], BLENDSHAPE_INDEX["eyeLookUpRight"]]] = 0.5
_GAZE[1, [BLENDSHAPE_INDEX["eyeLookDownLeft"], BLENDSHAPE_INDEX["eyeLookDownRight"]]] = -0.5
_EYE_LOOKS: Final = [index for index, name in enumerate(BLENDSHAPES) if name.startswith("eyeLook")]


def to_expression(face: Face) -> Expression:
    """The face's expression: its blendshapes, its gaze and the turn of its head.

    The gaze is the mean over both eyes of `eyeLookOut/In` and `eyeLookUp/Down`, whose weights are then zero, so that
    what plays the expression turns the eyes once. The sway is `head_angles`, clipped to +-30 degrees; without a pose
    it is zero.

    >>> face = Face(np.zeros(4, np.float32), blendshapes=np.zeros(52, np.float32))
    >>> to_expression(face).is_neutral
    True

    Raises:
        ValueError: the face has no blendshapes.
    """
    if face.blendshapes is None:
        raise ValueError("an expression can only be read from a face with blendshapes; find it with a Landmarker")
    weights = np.clip(face.blendshapes, 0, 1).astype(np.float32)
    weights[BLENDSHAPE_INDEX["_neutral"]] = 0  # tells how neutral the face is, and moves nothing
    gaze = np.clip(_GAZE @ weights, -1, 1)
    weights[_EYE_LOOKS] = 0
    angles = (0.0, 0.0, 0.0) if face.pose is None else head_angles(face.pose)
    sway = np.clip(np.array(angles, np.float32), -MAX_SWAY_DEGREES, MAX_SWAY_DEGREES)
    return Expression(weights, gaze, sway)


def head_angles(pose: Float32) -> tuple[float, float, float]:
    """Yaw (to the subject's left), pitch (up) and roll (to the subject's left shoulder) in degrees.

    Args:
        pose: (4, 4), as in `Face.pose`: R = R_y(yaw) R_x(-pitch) R_z(-roll), times a scale.

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
