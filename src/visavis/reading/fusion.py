"""What a picture, a face's movements and its attributes say of an emotion, weighed together.

Each way of weighing is linear, so that a reading can be explained: the evidence for an emotion is a sum of weights
times measures. Which way is taken depends on what was measured of the face; a face without landmarks is still read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from visavis.errors import ModelError
from visavis.reading.calibration import EmotionCalibration
from visavis.types import BLENDSHAPES, EMOTIONS, Float32

__all__ = ["MOVEMENTS", "Fusion", "attribute_evidence", "movements", "way"]


def _paired() -> tuple[tuple[str, ...], Float32]:
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(BLENDSHAPES):
        if name != "_neutral":
            groups.setdefault(name.removesuffix("Left").removesuffix("Right"), []).append(index)
    mean = np.zeros((len(groups), len(BLENDSHAPES)), np.float32)
    for row, members in enumerate(groups.values()):
        mean[row, members] = 1 / len(members)
    return tuple(groups), mean


_NAMES, _MEAN = _paired()
#: What is measured of a face's movements: the mean of the left and right blendshape of each kind, as it is and as a
#: logarithm, which tells faint movements apart. A face and its mirror image measure the same.
MOVEMENTS: Final[tuple[str, ...]] = (*_NAMES, *(f"log {name}" for name in _NAMES))
_FAINT: Final = 0.01


def movements(blendshapes: Float32) -> Float32:
    """(..., 52) blendshapes -> (..., M) measures in the order of `MOVEMENTS`."""
    mean = np.asarray(blendshapes, np.float32) @ _MEAN.T
    return np.concatenate([mean, np.log(mean + np.float32(_FAINT))], axis=-1)


def attribute_evidence(probabilities: Float32) -> Float32:
    """Log-odds of attributes' probabilities, kept within those of 0.002 and 0.998."""
    p = np.clip(probabilities, 0.002, 0.998)
    return np.asarray(np.log(p) - np.log1p(-p), np.float32)


def way(*, movements: bool, attributes: bool) -> str:
    """The name of the way of weighing for what was measured beside the picture."""
    return "+".join(["picture", *(["movements"] if movements else []), *(["attributes"] if attributes else [])])


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """One way of weighing.

    Attributes:
        picture: (7, 7) float32 weights of what the network sees, the logarithms of its probabilities.
        movements: (7, M) float32 weights of `MOVEMENTS`, or (7, 0).
        attributes: (7, A) float32 weights of the attributes' log-odds, or (7, 0).
        bias: (7,) float32.
        calibration: from the sum to probabilities.

    Raises:
        ModelError: shapes do not belong together.
    """

    picture: Float32
    movements: Float32
    attributes: Float32
    bias: Float32
    calibration: EmotionCalibration

    def __post_init__(self) -> None:
        rows = len(EMOTIONS)
        wide = self.movements.shape[-1]
        if (
            self.picture.shape != (rows, rows)
            or self.bias.shape != (rows,)
            or self.movements.shape != (rows, wide)
            or wide not in (0, len(MOVEMENTS))
            or self.attributes.shape[:1] != (rows,)
        ):
            raise ModelError("a way of weighing has weights of the wrong shape; export the model again")

    def evidence(
        self, picture: Float32, blendshapes: Float32 | None = None, attributes: Float32 | None = None
    ) -> Float32:
        """(..., 7) evidence.

        Args:
            picture: (..., 7) logarithms of the network's probabilities.
            blendshapes: (..., 52), where the way weighs movements.
            attributes: (..., A) probabilities, where the way weighs attributes.
        """
        total = picture @ self.picture.T + self.bias
        if self.movements.size and blendshapes is not None:
            total = total + movements(blendshapes) @ self.movements.T
        if self.attributes.size and attributes is not None:
            total = total + attribute_evidence(attributes) @ self.attributes.T
        return np.asarray(total, np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "picture": _rounded(self.picture),
            "movements": _rounded(self.movements),
            "attributes": _rounded(self.attributes),
            "bias": _rounded(self.bias),
            "temperature": self.calibration.temperature,
            "unsure_below": self.calibration.unsure_below,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Fusion:
        """Read what `to_dict` gave; KeyError, TypeError or ValueError where it is something else."""
        rows = len(EMOTIONS)
        return cls(
            np.array(table["picture"], np.float32),
            np.array(table["movements"], np.float32).reshape(rows, -1),
            np.array(table["attributes"], np.float32).reshape(rows, -1),
            np.array(table["bias"], np.float32),
            EmotionCalibration(float(table["temperature"]), {}, float(table["unsure_below"])),
        )


def _rounded(values: Float32) -> Sequence[Any]:
    return [[round(float(v), 5) for v in row] if np.ndim(row) else round(float(row), 5) for row in values]
