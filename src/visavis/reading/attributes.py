"""Attributes of a face (smiling, narrow eyes, ...) by the classifier that the lab trained, in ONNX Runtime."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import ModelError
from visavis.faces.crop import crop_face, to_input
from visavis.faces.session import open_session
from visavis.reading.card import Calibration, ModelCard, load_card
from visavis.reading.shape import ShapeReading, load_shape, shape_features
from visavis.types import Face, Float32, Image

__all__ = ["DEFAULT_CARD", "TOLD", "AttributeReader", "default_attributes"]

#: The classifier that comes with the package.
DEFAULT_CARD: Final = Path(__file__).parent / "models" / "attributes.json"

#: What the product tells of a visitor: the founding report's six, and the raised brows that surprise is read from. The
#: network learnt 33 more beside them, which helps these; whether a visitor is attractive or male is nobody's business.
TOLD: Final = (
    "Arched_Eyebrows",
    "Bags_Under_Eyes",
    "Big_Lips",
    "High_Cheekbones",
    "Mouth_Slightly_Open",
    "Narrow_Eyes",
    "Smiling",
)

_TINY: Final = 1e-7


class AttributeReader:
    """Tells a face's attributes; one object may serve several threads.

    >>> reader = AttributeReader.load()                                          # doctest: +SKIP
    >>> reader.read(image, face)["Smiling"]                                      # doctest: +SKIP
    0.97
    """

    def __init__(
        self,
        card: ModelCard,
        session: Any,
        shape: ShapeReading | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        unknown = [name for name in names or () if name not in card.attributes]
        if unknown:
            raise ModelError(
                f"{card.name} tells nothing of {', '.join(unknown)}; it knows {', '.join(card.attributes)}"
            )
        self._card = card
        self._names = card.attributes if names is None else tuple(names)
        self._session = session
        self._shape = shape
        self._input = session.get_inputs()[0].name
        self._alone = _Scale.of(card.attributes, card.calibration)
        self._together = _Scale.of(card.attributes, card.shape_calibration) if shape is not None else None

    @classmethod
    def load(
        cls, card_path: Path | None = None, *, names: Sequence[str] | None = None, threads: int = 2
    ) -> AttributeReader:
        """Open a classifier by its card; that of the package when none is given.

        Args:
            card_path: a card written by `visavis lab export`.
            names: which attributes to tell, in this order; all when None.
            threads: how many the network may use.

        Raises:
            ModelError: card or model is missing, damaged, or they do not belong together.
        """
        path = card_path or DEFAULT_CARD
        card = load_card(path)
        model = card.verified(path.parent)
        session = open_session(model, name="attribute", threads=threads)
        _give_memory_back()
        taken, given = session.get_inputs()[0].shape, session.get_outputs()[0].shape
        if list(taken[1:]) != [card.crop.size, card.crop.size, 3] or given[-1] != len(card.attributes):
            raise ModelError(
                f"{card.file} takes {taken} and gives {given}, where its card says pictures of {card.crop.size} pixels "
                f"and {len(card.attributes)} attributes"
            )
        shape = None
        if card.shape_file:
            shape = load_shape(card.verified_shape(path.parent), attributes=len(card.attributes))
        return cls(card, session, shape, names=names)

    @property
    def card(self) -> ModelCard:
        """The classifier's description."""
        return self._card

    @property
    def names(self) -> tuple[str, ...]:
        """The attributes told, in order."""
        return self._names

    def read(self, image: Image, face: Face) -> Mapping[str, float]:
        """Calibrated probability in [0, 1] by attribute, of one face in the picture that it was found in.

        The shape of the face is weighed in where the face carries landmarks, blendshapes and pose; otherwise the
        picture alone is judged.

        Args:
            image: (H, W, 3) uint8 RGB.
            face: with keypoints.

        Raises:
            ValueError: the face has no keypoints.
        """
        logits = self._logits([crop_face(image, face, self._card.crop)])[0]
        shape = None if self._shape is None else shape_features(face)
        if self._shape is None or self._together is None or shape is None:
            values = self._alone(logits, None)
        else:
            values = self._together(logits, self._shape(shape))
        told = {name: float(value) for name, value in zip(self._card.attributes, values, strict=True)}
        return {name: told[name] for name in self._names}

    def probabilities(self, crops: Sequence[Image]) -> Float32:
        """N crops, (size, size, 3) uint8 RGB -> (N, A) float32 calibrated probabilities of the pictures alone."""
        return self._alone(self._logits(crops), None)

    def _logits(self, crops: Sequence[Image]) -> Float32:
        """(N, A) float32, averaged with the mirror images' where the card says so."""
        inputs = to_input(crops, self._card.crop)
        if self._card.flip_average:
            across = 2 if self._card.crop.layout == "nhwc" else 3
            inputs = np.concatenate([inputs, np.flip(inputs, across)])
        plain = np.clip(self._session.run(None, {self._input: inputs})[0], _TINY, 1 - _TINY)
        logits = np.asarray(np.log(plain) - np.log1p(-plain), np.float32)
        if self._card.flip_average:
            return np.asarray((logits[: len(crops)] + logits[len(crops) :]) / 2, np.float32)
        return logits

    def present(self, probabilities: Mapping[str, float]) -> tuple[str, ...]:
        """The attributes whose probability is above the threshold chosen for them on validation."""
        table = self._card.calibration if self._shape is None else self._card.shape_calibration
        return tuple(name for name, value in probabilities.items() if value > table[name].threshold)


def _give_memory_back() -> None:
    """Have glibc return what opening a network took and freed: as much again as the network keeps."""
    with contextlib.suppress(OSError, AttributeError):  # another C library: more memory, not wrong
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """A calibration table as arrays in the order of the outputs."""

    temperature: Float32
    bias: Float32
    shape_weight: Float32
    points: tuple[tuple[int, Float32], ...]

    @classmethod
    def of(cls, names: Sequence[str], table: Mapping[str, Calibration]) -> _Scale:
        rows = [table[name] for name in names]
        return cls(
            np.array([row.temperature for row in rows], np.float32),
            np.array([row.bias for row in rows], np.float32),
            np.array([row.shape_weight for row in rows], np.float32),
            tuple((column, np.array(row.points, np.float32)) for column, row in enumerate(rows) if row.points),
        )

    def __call__(self, logits: Float32, shape: Float32 | None) -> Float32:
        z = logits / self.temperature + self.bias
        if shape is not None:
            z = z + self.shape_weight * shape
        values = np.asarray(0.5 * (1 + np.tanh(z / 2)), np.float32)  # the sigmoid, which so cannot overflow
        for column, line in self.points:
            values[..., column] = np.interp(values[..., column], line[:, 0], line[:, 1])
        return values


def default_attributes() -> AttributeReader | None:
    """The classifier that comes with the package, telling `TOLD`, or None where the package was built without one.

    Raises:
        ModelError: it is there, but damaged.
    """
    return AttributeReader.load(names=TOLD) if DEFAULT_CARD.is_file() else None
