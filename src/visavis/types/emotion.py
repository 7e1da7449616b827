"""Seven emotions as probabilities, with what follows from them: valence, arousal, intensity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from visavis.types.arrays import Float32, check_array

__all__ = ["CIRCUMPLEX", "EMOTIONS", "UNSURE", "Emotion", "Reason"]

#: The seven emotion labels, in the one order used in every file, message and table.
EMOTIONS: Final = ("neutral", "joy", "surprise", "sadness", "anger", "fear", "disgust")

#: What is told in the place of an emotion that is not sure enough.
UNSURE: Final = "unsure"

#: Valence and arousal in [-1, 1] of each label: the mean pleasure and arousal that people gave to the words `happy`,
#: `surprised`, `sad`, `angry`, `fearful` and `disgusted`. Source: J. A. Russell, A. Mehrabian, "Evidence for a
#: three-factor theory of emotions", Journal of Research in Personality 11, 1977, 273-294; read as places on the
#: circumplex of J. A. Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39(6),
#: 1980, whose origin is neutral. The pleasure of `surprised` is that of the word, not of every startled face.
CIRCUMPLEX: Final[Mapping[str, tuple[float, float]]] = {
    "neutral": (0.0, 0.0),
    "joy": (0.81, 0.51),
    "surprise": (0.40, 0.67),
    "sadness": (-0.63, -0.27),
    "anger": (-0.51, 0.59),
    "fear": (-0.64, 0.60),
    "disgust": (-0.60, 0.35),
}
_PLACES: Final = np.array([CIRCUMPLEX[label] for label in EMOTIONS], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Emotion:
    """Probabilities of the seven emotions, and how far the face goes.

    Attributes:
        probabilities: (7,) float32 that sum to 1, in the order of `EMOTIONS`.
        unsure: True when no label is likely enough to be told; the probabilities stand all the same.
        extent: in [0, 1], how much of the expression is there: a faint smile and a laugh may both be joy for certain.
            1 where the reader does not measure it.

    >>> emotion = Emotion.from_mapping({"joy": 3.0, "neutral": 1.0})
    >>> emotion.dominant, round(emotion.intensity, 2), round(emotion.valence, 2)
    ('joy', 0.75, 0.61)

    Raises:
        ValueError: wrong shape or dtype, a negative or non-finite value, a sum away from 1 by more than 1e-3, or an
            extent out of [0, 1].
    """

    probabilities: Float32
    unsure: bool = False
    extent: float = 1.0

    def __post_init__(self) -> None:
        check_array("Emotion.probabilities", self.probabilities, (len(EMOTIONS),), np.float32)
        total = float(self.probabilities.sum())
        if not np.isfinite(total) or self.probabilities.min() < 0 or abs(total - 1) > 1e-3:
            raise ValueError(f"Emotion.probabilities must be non-negative and sum to 1, not {self.probabilities}")
        if not 0 <= self.extent <= 1:
            raise ValueError(f"Emotion.extent must lie in [0, 1], not {self.extent}")

    @classmethod
    def from_mapping(cls, weights: Mapping[str, float], *, unsure: bool = False, extent: float = 1.0) -> Emotion:
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
        return cls((values / values.sum()).astype(np.float32), unsure, extent)

    @property
    def dominant(self) -> str:
        """The most probable label, sure or not; the first in the order of `EMOTIONS` on a tie."""
        return EMOTIONS[int(np.argmax(self.probabilities))]

    @property
    def label(self) -> str:
        """What is told to people: `dominant`, or `unsure`."""
        return UNSURE if self.unsure else self.dominant

    @property
    def intensity(self) -> float:
        """How strong an emotion the face shows, in [0, 1]: the probability that it shows any, times `extent`."""
        return self.extent * (1 - float(self.probabilities[0]))

    @property
    def valence(self) -> float:
        """From unpleasant (-1) to pleasant (1): the mean over the labels (see `CIRCUMPLEX`), times `extent`."""
        return self.extent * float(self.probabilities @ _PLACES[:, 0])

    @property
    def arousal(self) -> float:
        """From drowsy (-1) to excited (1): the mean over the labels (see `CIRCUMPLEX`), times `extent`."""
        return self.extent * float(self.probabilities @ _PLACES[:, 1])

    def __getitem__(self, label: str) -> float:
        """The probability of one label.

        Raises:
            KeyError: an unknown label.
        """
        if label not in EMOTIONS:
            raise KeyError(f"unknown emotion {label!r}; the labels are {', '.join(EMOTIONS)}")
        return float(self.probabilities[EMOTIONS.index(label)])

    def as_dict(self) -> dict[str, float]:
        """Probabilities by label, in the order of `EMOTIONS`."""
        return {label: float(value) for label, value in zip(EMOTIONS, self.probabilities, strict=True)}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for an emotion.

    Attributes:
        phrase: what is seen, in words: `smiling`, `cheeks raised`.
        value: how much of it is there, in [0, 1].
        weight: what it adds to the logarithm of the emotion's odds; below 0 it speaks against it.
    """

    phrase: str
    value: float
    weight: float
