"""The motions that a rig has, and what an expression asks of them."""

from __future__ import annotations

from typing import Final

import numpy as np

from visavis.portrait.sway import bounded_sway
from visavis.types import BLENDSHAPES, Expression, Float32

__all__ = ["HEAD", "LOOKS", "MOTIONS", "SWAY", "motion_weights"]

#: Motions of a rig, in order: the blendshapes, then one degree of yaw, pitch and roll, then a full breath.
MOTIONS: Final = (*BLENDSHAPES, "swayYaw", "swayPitch", "swayRoll", "breath")
#: The motions of both eyes that look to the sitter's left, right, up and down.
LOOKS: Final = tuple(
    tuple(MOTIONS.index(f"eyeLook{look}") for look in pair)
    for pair in (("OutLeft", "InRight"), ("InLeft", "OutRight"), ("UpLeft", "UpRight"), ("DownLeft", "DownRight"))
)
#: Those of the head: its sway, and with the breath.
SWAY: Final = slice(len(BLENDSHAPES), len(BLENDSHAPES) + 3)
HEAD: Final = slice(len(BLENDSHAPES), len(MOTIONS))


def motion_weights(expression: Expression, largest_sway: Float32 | None = None) -> Float32:
    """The weights of a rig's motions, (56,) float32; `_neutral` moves nothing, and the sway keeps to `largest_sway`.

    A gaze is a look of both eyes, so that lids go up and down with it as with any look.
    """
    sway = expression.sway if largest_sway is None else bounded_sway(expression.sway, largest_sway)
    weights = np.concatenate([expression.weights, sway, [expression.breath]]).astype(np.float32)
    weights[0] = 0
    x, y = expression.gaze
    for looks, far in zip(LOOKS, (x, -x, y, -y), strict=True):
        weights[list(looks)] = np.minimum(weights[list(looks)] + max(far, np.float32(0)), 1)
    return weights
