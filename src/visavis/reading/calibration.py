"""From a reader's evidence to probabilities that can be believed, and to the word `unsure`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from visavis.errors import ConfigError
from visavis.types import EMOTIONS, Emotion, Float32

__all__ = ["EmotionCalibration"]


@dataclass(frozen=True, slots=True)
class EmotionCalibration:
    """Temperature, bias and threshold, fitted on labelled faces that took no part in what they judge.

    The probabilities are softmax(evidence / temperature + bias). Source: C. Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017 (temperature scaling); the bias makes it bias-corrected (A. Alexandari, A. Kundaje,
    A. Shrikumar, ICML 2020). It is fitted with all seven emotions at equal weight: what a picture was chosen for is not
    known. That life before a camera is mostly neutral is a matter of time, and is weighed there (`SteadyEmotion`).

    Attributes:
        temperature: what the evidence is divided by, above 0.
        bias: by emotion, what is then added; labels left out get 0.
        unsure_below: a reading whose dominant label is less probable is `unsure`.

    >>> EmotionCalibration(unsure_below=0.5).emotion(np.array([0, 4, 0, 0, 0, 0, 0], np.float32)).label
    'joy'
    """

    temperature: float = 1.0
    bias: Mapping[str, float] = field(default_factory=dict)
    unsure_below: float = 0.0

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and 0 <= self.unsure_below <= 1 and set(self.bias) <= set(EMOTIONS)):
            raise ConfigError(
                "a calibration needs a temperature above 0, an unsure_below in [0, 1], and a bias by emotion, "
                f"not {self.temperature}, {self.unsure_below} and {dict(self.bias)}"
            )

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> EmotionCalibration:
        """Build from a TOML or JSON table.

        Raises:
            ConfigError: an unknown key, or a value out of range.
        """
        unknown = set(table) - {"temperature", "bias", "unsure_below"}
        if unknown:
            raise ConfigError(f"unknown key {sorted(unknown)} in a calibration")
        return cls(
            float(table.get("temperature", 1.0)),
            {str(label): float(value) for label, value in table.get("bias", {}).items()},
            float(table.get("unsure_below", 0.0)),
        )

    def probabilities(self, evidence: Float32) -> Float32:
        """(..., 7) evidence, on a scale of natural logarithms -> (..., 7) float32 probabilities."""
        bias = np.array([self.bias.get(label, 0.0) for label in EMOTIONS], np.float32)
        logits = np.asarray(evidence, np.float32) / np.float32(self.temperature) + bias
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True), np.float32)

    def emotion(self, evidence: Float32, *, extent: float = 1.0) -> Emotion:
        """The calibrated emotion of (7,) evidence."""
        probabilities = self.probabilities(evidence)
        return Emotion(probabilities, bool(probabilities.max() < self.unsure_below), extent)
