"""The learned reader of emotion: a network of our own on the face's crop, weighed with its movements and attributes.

The network was trained by `visavis lab train-emotion`. What it was trained on, what it reaches and what its use is
bound to stands in its card.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import ModelError
from visavis.faces.crop import ALIGNED_TEMPLATE, crop_face, to_input
from visavis.faces.session import open_session
from visavis.reading.emotion_card import LEARNED_CARD, EmotionCard, load_emotion_card
from visavis.reading.fusion import Fusion, attribute_evidence, movements, way
from visavis.reading.protocol import Need
from visavis.reading.table import package_table
from visavis.types import BLENDSHAPE_INDEX, EMOTIONS, Emotion, Face, Float32, Image, Reason

__all__ = ["LearnedReader"]

#: How a box of a detector, forehead to chin, lies in the frame that `ALIGNED_TEMPLATE` speaks of: where the keypoints
#: are expected when nobody measured them. Centre and side as shares of the box.
_BOX_CENTRE, _BOX_SIDE = (0.5, 0.38), 1.6


class LearnedReader:
    """Reads an emotion from pixels, and from blendshapes and attributes where they were measured.

    One object may serve several threads.

    >>> reader = LearnedReader.load()                                            # doctest: +SKIP
    >>> reader.read(face, image=image).label                                     # doctest: +SKIP
    'joy'

    Args:
        card: the reader's description.
        session: its network.
    """

    def __init__(self, card: EmotionCard, session: Any) -> None:
        self.name: Final = "learned"
        self._card = card
        self._session = session

    @classmethod
    def load(cls, path: Path | None = None, *, threads: int = 2) -> LearnedReader:
        """Open the reader by its card; that of the package when none is given.

        Raises:
            ModelError: card or model is missing, damaged, or they do not belong together.
        """
        where = path or LEARNED_CARD
        card = load_emotion_card(where)
        session = open_session(card.verified(where.parent), name="emotion", threads=threads)
        taken, given = session.get_inputs()[0].shape, session.get_outputs()[0].shape
        if list(taken[1:]) != [card.crop.size, card.crop.size, 3] or given[-1] != len(EMOTIONS):
            raise ModelError(f"{card.file} takes {taken} and gives {given}, which is not what its card says")
        return cls(card, session)

    @property
    def card(self) -> EmotionCard:
        """The reader's description."""
        return self._card

    @property
    def needs(self) -> frozenset[Need]:
        """Pixels alone: what else was measured is weighed in, and its absence is allowed for."""
        return frozenset({"pixels"})

    @property
    def unsure_below(self) -> float:
        """A reading of picture, movements and attributes whose dominant label is less probable is `unsure`."""
        return self._card.ways[way(movements=True, attributes=True)].calibration.unsure_below

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        """See `EmotionReader.read`; blendshapes and attributes that are missing are done without."""
        fusion, picture, told = self._measured(face, image, attributes)
        evidence = fusion.evidence(picture, face.blendshapes, told)
        return fusion.calibration.emotion(evidence, extent=self._extent(fusion, evidence, face))

    def explain(
        self,
        face: Face,
        *,
        image: Image | None = None,
        attributes: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> tuple[Reason, ...]:
        """See `EmotionReader.explain`: the look of the face (the network), movements by action unit, attributes.

        A reason's weight is what it adds to the evidence of the label beyond what it adds to the others on average.
        """
        fusion, picture, told = self._measured(face, image, attributes)
        if label is None:
            label = EMOTIONS[int(np.argmax(fusion.evidence(picture, face.blendshapes, told)))]
        row, scale = EMOTIONS.index(label), 1 / fusion.calibration.temperature

        def against_the_others(weights: Float32, measures: Float32) -> Float32:
            return np.asarray((weights[row] - weights.mean(axis=0)) * measures * scale, np.float32)

        seen = float(np.exp(picture[row] - np.logaddexp.reduce(picture)))
        reasons = [Reason(f"looks like {label}", seen, float(against_the_others(fusion.picture, picture).sum()))]
        if told is not None:
            parts = against_the_others(fusion.attributes, attribute_evidence(told))
            reasons += [
                Reason(name.replace("_", " ").lower(), float(value), float(part))
                for name, value, part in zip(self._card.attributes, told, parts, strict=True)
            ]
        if face.blendshapes is not None and fusion.movements.size:
            parts = against_the_others(fusion.movements, movements(face.blendshapes) - _REST)
            reasons += _by_action_unit(parts, face.blendshapes)
        return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight)))

    def logits(self, image: Image, face: Face) -> Float32:
        """(7,) float32: what the network says of one face, averaged with its mirror image where the card says so.

        Raises:
            ValueError: the face's box is empty and it has no keypoints.
        """
        inputs = to_input([crop_face(image, face if face.keypoints is not None else _guessed(face), self._card.crop)],
                          self._card.crop)  # fmt: skip
        if self._card.flip_average:
            inputs = np.concatenate([inputs, np.flip(inputs, 2)])
        return np.asarray(self._session.run(None, {"pictures": inputs})[0].mean(axis=0), np.float32)

    def _measured(
        self, face: Face, image: Image | None, attributes: Mapping[str, float] | None
    ) -> tuple[Fusion, Float32, Float32 | None]:
        if image is None:
            raise ValueError("this reader looks at the picture that the face was found in; give image")
        logits = self.logits(image, face)
        told = None
        if attributes is not None and all(name in attributes for name in self._card.attributes):
            told = np.array([attributes[name] for name in self._card.attributes], np.float32)
        name = way(movements=face.blendshapes is not None, attributes=told is not None)
        return self._card.ways[name], np.asarray(logits - np.logaddexp.reduce(logits), np.float32), told

    def _extent(self, fusion: Fusion, evidence: Float32, face: Face) -> float:
        """How far the face goes, by the table of movements; 1 where they were not measured."""
        if face.blendshapes is None:
            return 1.0
        table = package_table("blendshapes.toml")
        shares = fusion.calibration.probabilities(evidence)[1:]
        extents = table.extents(table.strengths(face.blendshapes))[1:]
        return float(np.clip(shares @ extents / max(float(shares.sum()), 1e-9), 0, 1))


#: Movements of a face at rest, against which a reading is explained.
_REST: Final = movements(np.zeros(len(BLENDSHAPE_INDEX), np.float32))


def _by_action_unit(parts: Float32, blendshapes: Float32) -> list[Reason]:
    """Contributions of movements, (M,), gathered under the action units of the table of movements."""
    from visavis.reading.fusion import MOVEMENTS

    table = package_table("blendshapes.toml")
    strengths = table.strengths(blendshapes)
    home = {
        name.removesuffix("Left").removesuffix("Right"): code
        for code, sign in table.signs.items()
        for name in sign.blendshapes
    }
    sums: dict[str, float] = {}
    for name, part in zip(MOVEMENTS, parts, strict=True):
        code = home.get(name.removeprefix("log "))
        if code is not None:
            sums[code] = sums.get(code, 0.0) + float(part)
    return [Reason(table.signs[code].title, strengths[code], part) for code, part in sums.items()]


def _guessed(face: Face) -> Face:
    """The face with keypoints where a face's usually are in its box."""
    from dataclasses import replace

    if face.width <= 0 or face.height <= 0:
        raise ValueError(f"a face with an empty box and no keypoints cannot be read: {face.box}")
    side = max(face.width, face.height) * _BOX_SIDE
    corner = np.array([face.box[0] + _BOX_CENTRE[0] * face.width, face.box[1] + _BOX_CENTRE[1] * face.height])
    points = corner + (np.array(ALIGNED_TEMPLATE) - 0.5) * side
    return replace(face, keypoints=points.astype(np.float32))
