"""Reach: what the face landmarker reads off a rendered face, against what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import numpy as np

from visavis.portrait.render import PortraitRenderer
from visavis.portrait.topology import MESH_POINTS
from visavis.types import BLENDSHAPE_INDEX, EMOTIONS, Expression, Float32, Image

__all__ = ["SHAPES", "WEIGHTS", "FaceWindow", "ReadBlendshapes", "find_window", "measure_reach"]

#: The blendshapes that are asked for one at a time, by the name without its side.
SHAPES: Final[Mapping[str, tuple[str, ...]]] = {
    "mouthSmile": ("mouthSmileLeft", "mouthSmileRight"),
    "jawOpen": ("jawOpen",),
    "browInnerUp": ("browInnerUp",),
    "browOuterUp": ("browOuterUpLeft", "browOuterUpRight"),
    "eyeBlink": ("eyeBlinkLeft", "eyeBlinkRight"),
    "mouthPucker": ("mouthPucker",),
    "browDown": ("browDownLeft", "browDownRight"),
    "eyeWide": ("eyeWideLeft", "eyeWideRight"),
    "mouthFrown": ("mouthFrownLeft", "mouthFrownRight"),
    "noseSneer": ("noseSneerLeft", "noseSneerRight"),
}
#: How much of each is asked for, in turn.
WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0)

#: A score may fall by so much from one weight to the next and still count as rising: the landmarker trembles.
_TREMBLE: Final = 0.02
#: Sides of the window around the face in sizes of its mesh, in the order in which they are tried.
_SIDES: Final = (2.0, 1.6, 2.6, 1.3, 3.5)
#: Height of the picture that the landmarker is shown, in pixels.
_SHOWN: Final = 512

#: Reads the 52 blendshape scores of the one face in a picture (H, W, 3) uint8 RGB, or None where it sees no face.
ReadBlendshapes = Callable[[Image], Float32 | None]


_Seen = TypeVar("_Seen")


class FaceWindow:
    """Always the same square around one face of a painting.

    Args:
        landmarks: (N, 2 or more) points of the resting face in pixels.
        side: of the square, in sizes of the face mesh.
        pixels: side of the square as it is shown.
    """

    def __init__(self, landmarks: Float32, *, side: float = 2.0, pixels: int = _SHOWN) -> None:
        mesh = np.asarray(landmarks, np.float64)[:MESH_POINTS, :2]
        low, high = mesh.min(axis=0), mesh.max(axis=0)
        self._centre = (low + high) / 2
        self._scale = pixels / (side * float((high - low).max()))
        self._pixels = pixels

    def cut(self, image: Image) -> Image:
        """The square, (pixels, pixels, 3) uint8 RGB; beyond the picture its border is repeated."""
        import cv2

        shrunk = 0.5 / self._scale
        if shrunk > 1:  # several pixels fall into one: average them first
            image = cv2.GaussianBlur(image, (0, 0), 0.5 * shrunk)
        offset = self._pixels / 2 - self._centre * self._scale
        matrix = np.array([[self._scale, 0, offset[0]], [0, self._scale, offset[1]]])
        window: Image = cv2.warpAffine(
            image, matrix, (self._pixels, self._pixels), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return window


def find_window(
    painting: Image, landmarks: Float32, read: Callable[[Image], _Seen | None]
) -> tuple[FaceWindow, _Seen] | None:
    """A window in which the reader sees the resting face, and what it sees; None where it never does."""
    for side in _SIDES:
        window = FaceWindow(landmarks, side=side)
        seen = read(window.cut(painting))
        if seen is not None:
            return window, seen
    return None


def measure_reach(
    renderer: PortraitRenderer,
    painting: Image,
    landmarks: Float32,
    presets: Mapping[str, Expression],
    read: ReadBlendshapes,
) -> dict[str, float]:
    """Ask for single blendshapes and for emotions, and read them again.

    Returns:
        For each of `SHAPES`, with both sides' scores averaged:
        `reach/NAME`, the rise of the score over rest at full weight, as a share of the asked;
        `reach-half/NAME`, the same at weight 0.5;
        `monotone/NAME`, 1 where the score never falls as the weight grows;
        `crosstalk/NAME`, mean change of the other blendshapes' scores at full weight, left out where no face is seen.
        For each emotion `reach/EMOTION`: the summed rise of those of `SHAPES` that it asks for, as a share of the sum
        asked. `read-rest` is 1 where the reader sees the painting itself, else 0 and all others are left out. A face
        that is lost when it moves has risen by nothing, and is not monotone.
    """
    found = find_window(painting, landmarks, read)
    if found is None:
        return {"read-rest": 0.0}
    window, rest = found
    figures = {"read-rest": 1.0}
    for name, members in SHAPES.items():
        indices = [BLENDSHAPE_INDEX[member] for member in members]
        others = np.ones(len(rest), bool)
        others[indices] = False
        others[0] = False
        scores = [
            read(window.cut(renderer.render(Expression.from_mapping(dict.fromkeys(members, weight)))))
            for weight in WEIGHTS
        ]
        rises = [0.0, *(0.0 if score is None else float((score - rest)[indices].mean()) for score in scores)]
        figures[f"reach/{name}"] = rises[-1] / WEIGHTS[-1]
        figures[f"reach-half/{name}"] = rises[1 + WEIGHTS.index(0.5)] / 0.5
        # No score is no rise, however little the others fell: who destroys the face must not pass for steady.
        rising = all(score is not None for score in scores) and np.diff(rises).min() > -_TREMBLE
        figures[f"monotone/{name}"] = float(rising)
        full = scores[-1]
        if full is not None:
            figures[f"crosstalk/{name}"] = float(np.abs(full - rest)[others].mean())
    for label in EMOTIONS[1:]:
        asked = presets[label]
        indices = [
            BLENDSHAPE_INDEX[member]
            for members in SHAPES.values()
            for member in members
            if not member.startswith("noseSneer") and asked[member] >= 0.2
        ]
        seen = read(window.cut(renderer.render(asked)))
        if indices:
            risen = 0.0 if seen is None else float((seen - rest)[indices].sum())
            figures[f"reach/{label}"] = risen / float(asked.weights[indices].sum())
    return figures
