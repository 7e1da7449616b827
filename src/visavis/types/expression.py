"""What a face does: 52 named coefficients, gaze and head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from visavis.types.arrays import Float32, check_array

__all__ = ["BLENDSHAPES", "BLENDSHAPE_INDEX", "Expression"]

#: The 52 expression coefficients, by name and in the order of MediaPipe's Face Landmarker. They are ARKit's 52 blend
#: shapes, except that `tongueOut` (which no webcam model reports) gives way to `_neutral` (which moves nothing).
#: Source: https://developer.apple.com/documentation/arkit/arfaceanchor/blendshapelocation and
#: https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker
BLENDSHAPES: Final = (
    "_neutral",
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
)
BLENDSHAPE_INDEX: Final[Mapping[str, int]] = {name: index for index, name in enumerate(BLENDSHAPES)}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """What a face does: the seam between reading faces and moving paintings.

    Attributes:
        weights: (52,) float32 in [0, 1], in the order of `BLENDSHAPES`.
        gaze: (2,) float32 in [-1, 1]: where the eyes turn, x to the subject's left, y up; (0, 0) is as painted. What
            plays it adds it to the weights of both eyes' `eyeLook...`.
        sway: (3,) float32, degrees: head yaw (to the subject's left), pitch (up), roll (towards the subject's left
            shoulder).
        breath: how far the chest is filled, in [0, 1]; 0 is as painted. It alone may move what lies far from the face.

    >>> smile = Expression.from_mapping({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})
    >>> round(smile["mouthSmileLeft"], 3)
    0.8

    Raises:
        ValueError: wrong shapes or dtypes, values that are not finite, weights or gaze out of range.
    """

    weights: Float32 = field(default_factory=lambda: np.zeros(len(BLENDSHAPES), np.float32))
    gaze: Float32 = field(default_factory=lambda: np.zeros(2, np.float32))
    sway: Float32 = field(default_factory=lambda: np.zeros(3, np.float32))
    breath: float = 0.0

    def __post_init__(self) -> None:
        check_array("Expression.weights", self.weights, (len(BLENDSHAPES),), np.float32)
        check_array("Expression.gaze", self.gaze, (2,), np.float32)
        check_array("Expression.sway", self.sway, (3,), np.float32)
        if not (np.isfinite(self.weights).all() and np.isfinite(self.gaze).all() and np.isfinite(self.sway).all()):
            raise ValueError("an Expression must hold finite numbers only")
        if self.weights.min() < 0 or self.weights.max() > 1:
            raise ValueError(f"Expression.weights must lie in [0, 1], not {self.weights.min()}..{self.weights.max()}")
        if np.abs(self.gaze).max() > 1:
            raise ValueError(f"Expression.gaze must lie in [-1, 1], not {self.gaze}")
        if not 0 <= self.breath <= 1:
            raise ValueError(f"Expression.breath must lie in [0, 1], not {self.breath}")

    @classmethod
    def from_mapping(
        cls,
        weights: Mapping[str, float],
        *,
        gaze: tuple[float, float] = (0.0, 0.0),
        sway: tuple[float, float, float] = (0.0, 0.0, 0.0),
        breath: float = 0.0,
    ) -> Expression:
        """Build from weights by blendshape name; names left out are 0.

        Raises:
            ValueError: an unknown name, or a value out of range.
        """
        unknown = [name for name in weights if name not in BLENDSHAPE_INDEX]
        if unknown:
            raise ValueError(f"unknown blendshape {', '.join(map(repr, unknown))}; known are {', '.join(BLENDSHAPES)}")
        values = np.zeros(len(BLENDSHAPES), np.float32)
        for name, weight in weights.items():
            values[BLENDSHAPE_INDEX[name]] = weight
        return cls(values, np.array(gaze, np.float32), np.array(sway, np.float32), breath)

    def __getitem__(self, name: str) -> float:
        """The weight of one blendshape.

        Raises:
            KeyError: an unknown name.
        """
        return float(self.weights[BLENDSHAPE_INDEX[name]])

    def as_dict(self) -> dict[str, float]:
        """Weights by blendshape name, all 52, in the order of `BLENDSHAPES`."""
        return {name: float(weight) for name, weight in zip(BLENDSHAPES, self.weights, strict=True)}

    @property
    def is_neutral(self) -> bool:
        """True when nothing moves: all weights, gaze, sway and breath are zero."""
        return not (self.weights[1:].any() or self.gaze.any() or self.sway.any() or self.breath)

    def mix(self, other: Expression, amount: float) -> Expression:
        """Blend linearly: `amount` 0 gives this expression, 1 gives `other`."""
        keep = np.float32(1 - amount)
        take = np.float32(amount)
        return Expression(
            np.clip(self.weights * keep + other.weights * take, 0, 1),
            np.clip(self.gaze * keep + other.gaze * take, -1, 1),
            self.sway * keep + other.sway * take,
            float(min(max(self.breath * (1 - amount) + other.breath * amount, 0.0), 1.0)),
        )

    def scaled(self, amount: float) -> Expression:
        """All weights, gaze, sway and breath times `amount` in [0, 1]."""
        return Expression().mix(self, amount)
