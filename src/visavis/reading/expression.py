"""From a face to its Expression, in the landmarker's own scores."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Face, head_angles

__all__ = ["MAX_SWAY_DEGREES", "to_expression"]

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
