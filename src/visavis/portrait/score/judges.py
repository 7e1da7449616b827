"""Eyes of others: networks that Visavis uses for nothing else look at the renders.

They look twice: at the face as it hangs, and with its eyes turned level. The faces that such networks learnt from are
upright, and so are those that most programs show them; painters tilted heads by ten degrees and more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np

from visavis.portrait.render import PortraitRenderer
from visavis.portrait.topology import EYES, MESH_POINTS
from visavis.types import EMOTIONS, Emotion, Expression, Float32, Image

__all__ = ["FOUR", "EmotionJudge", "measure_judgement", "turned_level"]

#: The emotions that strangers should read; fear and disgust are reported.
FOUR: Final = ("joy", "surprise", "sadness", "anger")


class EmotionJudge(Protocol):
    """Whatever names the emotion of a face; `name` goes into the figures."""

    name: str

    def load(self) -> None:
        """Open the model now rather than at the first face."""
        ...

    def judge(self, image: Image, landmarks: Float32) -> Emotion:
        """The emotion of a face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        ...


def measure_judgement(
    renderer: PortraitRenderer, landmarks: Float32, presets: Mapping[str, Expression], judges: Sequence[EmotionJudge]
) -> dict[str, float]:
    """Let each judge name each emotion at full strength, and the painting at rest.

    Returns:
        For each judge and emotion `JUDGE/EMOTION`, 1 where the most probable label is the one that was asked for, and
        `JUDGE-p/EMOTION`, its probability; `JUDGE-p/neutral` is that of the painting at rest, and `JUDGE/four` the
        share of joy, surprise, sadness and anger that is read. `JUDGE-level/...` are the same of the face turned level.
        Nothing is rendered where there is no judge.
    """
    figures: dict[str, float] = {}
    if not judges:
        return figures
    for label in EMOTIONS:
        image = renderer.render(presets[label])
        level = turned_level(image, landmarks)
        for judge in judges:
            emotion = judge.judge(image, landmarks)
            if label != "neutral":
                figures[f"{judge.name}/{label}"] = float(emotion.dominant == label)
                figures[f"{judge.name}-level/{label}"] = float(judge.judge(*level).dominant == label)
            figures[f"{judge.name}-p/{label}"] = emotion[label]
    for judge in judges:
        for kind in (judge.name, f"{judge.name}-level"):
            figures[f"{kind}/four"] = sum(figures[f"{kind}/{label}"] for label in FOUR) / len(FOUR)
    return figures


def turned_level(image: Image, landmarks: Float32) -> tuple[Image, Float32]:
    """A picture turned around a face until the line of its eyes is level, and the landmarks with it.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (478, 2 or more) points of the face in pixels.
    """
    import cv2

    points = np.asarray(landmarks, np.float64)[:, :2]
    right, left = (points[list(upper + lower)].mean(axis=0) for upper, lower in (EYES["Right"], EYES["Left"]))
    roll = float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))
    x, y = points[:MESH_POINTS].mean(axis=0)
    matrix = cv2.getRotationMatrix2D((float(x), float(y)), roll, 1.0)
    height, width = image.shape[:2]
    turned: Image = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return turned, (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
