"""What a reader of emotion is: the protocol that all of them keep, and what they may need of a face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from visavis.types import Emotion, Face, Image, Reason

__all__ = ["EmotionReader", "Need"]

#: What a reader of emotion may need of a face.
Need = Literal["attributes", "blendshapes", "pixels"]


class EmotionReader(Protocol):
    """Reads the emotion that one face shows in one picture; nothing in it looks at time."""

    @property
    def name(self) -> str:
        """Its name in `EMOTION_READERS`."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What must be given to `read`: `attributes`, `blendshapes` (in the face), `pixels` (image and keypoints)."""
        ...

    @property
    def unsure_below(self) -> float:
        """A reading whose dominant label is less probable than this is `unsure`."""
        ...

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        """Calibrated probabilities, with `unsure` and `extent`.

        Args:
            face: in pixels of `image`.
            image: (H, W, 3) uint8 RGB, the picture that the face was found in.
            attributes: calibrated probability by attribute name.

        Raises:
            ValueError: something of `needs` is missing.
        """
        ...

    def explain(
        self,
        face: Face,
        *,
        image: Image | None = None,
        attributes: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> tuple[Reason, ...]:
        """What speaks for `label` (None: the dominant one) and against it, the weightiest first.

        Raises:
            ValueError: something of `needs` is missing.
        """
        ...
