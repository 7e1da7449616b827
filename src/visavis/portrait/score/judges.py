"""Eyes of others: networks that Visavis uses for nothing else look at the renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from visavis.portrait.render import PortraitRenderer
from visavis.types import EMOTIONS, Emotion, Expression, Float32, Image

__all__ = ["FOUR", "EmotionJudge", "measure_judgement"]

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
        share of joy, surprise, sadness and anger that is read.
    """
    figures = {}
    for label in EMOTIONS:
        image = renderer.render(presets[label])
        for judge in judges:
            emotion = judge.judge(image, landmarks)
            if label != "neutral":
                figures[f"{judge.name}/{label}"] = float(emotion.dominant == label)
            figures[f"{judge.name}-p/{label}"] = emotion[label]
    for judge in judges:
        figures[f"{judge.name}/four"] = sum(figures[f"{judge.name}/{label}"] for label in FOUR) / len(FOUR)
    return figures
