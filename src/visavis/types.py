"""The few frozen types that carry everything from one stage to the next.

    Frame -> Face -> Reading -> Expression -> (pixels)

Conventions, everywhere in Visavis:

- images are RGB, uint8, shape (H, W, 3), C-contiguous;
- pixel coordinates have x to the right and y down, the centre of the top left pixel is (0, 0);
- boxes are float32 `x0, y0, x1, y1` in pixels of the picture they were found in;
- left and right are the *subject's* own;
- times are monotonic seconds, stamped when the picture was taken.

This module holds no vendor code and imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLENDSHAPES",
    "BLENDSHAPE_INDEX",
    "EMOTIONS",
    "Emotion",
    "Expression",
    "Face",
    "Float32",
    "Frame",
    "Image",
    "Reading",
    "Snapshot",
]

Image = NDArray[np.uint8]
Float32 = NDArray[np.float32]

#: The seven emotion labels, in the one order used in every file, message and table.
EMOTIONS: Final = ("neutral", "joy", "surprise", "sadness", "anger", "fear", "disgust")

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

_LANDMARK_COUNT: Final = 478


def _check_array(name: str, array: object, shape: tuple[int | None, ...], dtype: type[np.generic]) -> None:
    """Raise ValueError unless `array` has `dtype` and `shape` (None stands for any length)."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array, not {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = tuple("any" if length is None else length for length in shape)
        raise ValueError(f"{name} must be {np.dtype(dtype).name} of shape {wanted}, not {array.dtype} {array.shape}")


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
        _check_array("Frame.image", self.image, (None, None, 3), np.uint8)
        if self.image.size == 0:
            raise ValueError(f"Frame.image must not be empty, but has shape {self.image.shape}")

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
        _check_array("Face.box", self.box, (4,), np.float32)
        for name, array, shape in (
            ("Face.keypoints", self.keypoints, (5, 2)),
            ("Face.landmarks", self.landmarks, (_LANDMARK_COUNT, 3)),
            ("Face.blendshapes", self.blendshapes, (len(BLENDSHAPES),)),
            ("Face.pose", self.pose, (4, 4)),
        ):
            if array is not None:
                _check_array(name, array, shape, np.float32)

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


@dataclass(frozen=True, slots=True, eq=False)
class Emotion:
    """Probabilities of the seven emotions.

    Attributes:
        probabilities: (7,) float32 that sum to 1, in the order of `EMOTIONS`.

    >>> Emotion.from_mapping({"joy": 3.0, "neutral": 1.0}).dominant
    'joy'

    Raises:
        ValueError: wrong shape or dtype, a negative or non-finite value, or a sum away from 1 by more than 1e-3.
    """

    probabilities: Float32

    def __post_init__(self) -> None:
        _check_array("Emotion.probabilities", self.probabilities, (len(EMOTIONS),), np.float32)
        total = float(self.probabilities.sum())
        if not np.isfinite(total) or self.probabilities.min() < 0 or abs(total - 1) > 1e-3:
            raise ValueError(f"Emotion.probabilities must be non-negative and sum to 1, not {self.probabilities}")

    @classmethod
    def from_mapping(cls, weights: Mapping[str, float]) -> Emotion:
        """Normalise non-negative weights by label; labels left out count as 0.

        Raises:
            ValueError: an unknown label, a negative weight, or weights that sum to 0.
        """
        unknown = set(weights) - set(EMOTIONS)
        if unknown:
            raise ValueError(f"unknown emotion {sorted(unknown)}; the labels are {', '.join(EMOTIONS)}")
        values = np.array([weights.get(label, 0.0) for label in EMOTIONS], np.float32)
        if values.sum() <= 0:
            raise ValueError("emotion weights must not all be zero")
        return cls((values / values.sum()).astype(np.float32))

    @property
    def dominant(self) -> str:
        """The most probable label; the first in the order of `EMOTIONS` on a tie."""
        return EMOTIONS[int(np.argmax(self.probabilities))]

    def __getitem__(self, label: str) -> float:
        """The probability of one label."""
        return float(self.probabilities[EMOTIONS.index(label)])

    def as_dict(self) -> dict[str, float]:
        """Probabilities by label, in the order of `EMOTIONS`."""
        return {label: float(value) for label, value in zip(EMOTIONS, self.probabilities, strict=True)}


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """What a face does: the seam between reading faces and moving paintings.

    Attributes:
        weights: (52,) float32 in [0, 1], in the order of `BLENDSHAPES`.
        gaze: (2,) float32 in [-1, 1]: where the eyes turn, x to the subject's left, y up; (0, 0) is as painted.
        sway: (3,) float32, degrees: head yaw (to the subject's left), pitch (up), roll (towards the subject's left
            shoulder).

    >>> smile = Expression.from_mapping({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})
    >>> round(smile["mouthSmileLeft"], 3)
    0.8

    Raises:
        ValueError: wrong shapes or dtypes, values that are not finite, weights or gaze out of range.
    """

    weights: Float32 = field(default_factory=lambda: np.zeros(len(BLENDSHAPES), np.float32))
    gaze: Float32 = field(default_factory=lambda: np.zeros(2, np.float32))
    sway: Float32 = field(default_factory=lambda: np.zeros(3, np.float32))

    def __post_init__(self) -> None:
        _check_array("Expression.weights", self.weights, (len(BLENDSHAPES),), np.float32)
        _check_array("Expression.gaze", self.gaze, (2,), np.float32)
        _check_array("Expression.sway", self.sway, (3,), np.float32)
        if not (np.isfinite(self.weights).all() and np.isfinite(self.gaze).all() and np.isfinite(self.sway).all()):
            raise ValueError("an Expression must hold finite numbers only")
        if self.weights.min() < 0 or self.weights.max() > 1:
            raise ValueError(f"Expression.weights must lie in [0, 1], not {self.weights.min()}..{self.weights.max()}")
        if np.abs(self.gaze).max() > 1:
            raise ValueError(f"Expression.gaze must lie in [-1, 1], not {self.gaze}")

    @classmethod
    def from_mapping(
        cls,
        weights: Mapping[str, float],
        *,
        gaze: tuple[float, float] = (0.0, 0.0),
        sway: tuple[float, float, float] = (0.0, 0.0, 0.0),
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
        return cls(values, np.array(gaze, np.float32), np.array(sway, np.float32))

    def __getitem__(self, name: str) -> float:
        """The weight of one blendshape."""
        return float(self.weights[BLENDSHAPE_INDEX[name]])

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Pairs of name and weight, all 52, in order."""
        return ((name, float(weight)) for name, weight in zip(BLENDSHAPES, self.weights, strict=True))

    @property
    def is_neutral(self) -> bool:
        """True when nothing moves: all weights, gaze and sway are zero."""
        return not (self.weights[1:].any() or self.gaze.any() or self.sway.any())

    def mix(self, other: Expression, amount: float) -> Expression:
        """Blend linearly: `amount` 0 gives this expression, 1 gives `other`."""
        keep = np.float32(1 - amount)
        take = np.float32(amount)
        return Expression(
            np.clip(self.weights * keep + other.weights * take, 0, 1),
            np.clip(self.gaze * keep + other.gaze * take, -1, 1),
            self.sway * keep + other.sway * take,
        )

    def scaled(self, amount: float) -> Expression:
        """All weights, gaze and sway times `amount` in [0, 1]."""
        return Expression().mix(self, amount)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read from one face.

    Attributes:
        face: where it is, with its landmarks and blendshapes.
        expression: the face's expression, as a portrait would play it.
        emotion: probabilities of the seven emotions, or None when no emotion is read (attributes-only mode).
        attributes: probability in [0, 1] by CelebA attribute name, or None when no classifier is loaded.
    """

    face: Face
    expression: Expression
    emotion: Emotion | None = None
    attributes: Mapping[str, float] | None = None

    def with_face(self, face: Face) -> Reading:
        """The same reading of a face that was, say, given a track id."""
        return replace(self, face=face)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The state of the live loop after one frame; all that any stage beyond it needs.

    Attributes:
        time_s: when the snapshot was made, in the loop's monotonic seconds.
        frame_time_s: capture time of the frame behind it.
        frame_index: running number of that frame.
        readings: everyone seen, in the order of their boxes from left to right.
        lead: the spectator whom the portrait answers, or None when nobody is there.
        answer: what the portrait plays.
    """

    time_s: float
    frame_time_s: float
    frame_index: int
    readings: tuple[Reading, ...] = ()
    lead: Reading | None = None
    answer: Expression = field(default_factory=Expression)
