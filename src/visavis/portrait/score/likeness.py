"""No mask: a face-recognition network compares the expressive portrait with the resting one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from visavis.portrait.render import PortraitRenderer
from visavis.types import EMOTIONS, Expression, Float32, Image

__all__ = ["Embedding", "cosine", "measure_likeness"]


class Embedding(Protocol):
    """Whatever turns a face into a vector that is alike for pictures of one person.

    `name` goes into errors and notes; `strangers` is the mean cosine of the vectors of two people.
    """

    name: str
    strangers: float

    def load(self) -> None:
        """Open the model now rather than at the first face."""
        ...

    def embed(self, image: Image, landmarks: Float32) -> Float32:
        """A vector for the face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        ...


def cosine(a: Float32, b: Float32) -> float:
    """The cosine of the angle between two vectors; 0 for a vector of zeros."""
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


def measure_likeness(
    renderer: PortraitRenderer, landmarks: Float32, presets: Mapping[str, Expression], embeddings: Sequence[Embedding]
) -> dict[str, float]:
    """Compare each emotion at full strength with the painting at rest.

    Vectors of many networks share a large part whoever the person is, so the cosine alone says little: it is measured
    from that of two strangers, `(cosine - strangers) / (1 - strangers)`, which is about the cosine of the vectors less
    their common mean.

    Returns:
        `likeness/EMOTION`: 1 for the very same, about 0 for two strangers, the mean over the embeddings; and
        `cosine/EMOTION`, the plain cosine.
    """
    figures: dict[str, float] = {}
    if not embeddings:
        return figures
    rest = renderer.render(Expression())
    still = [embedding.embed(rest, landmarks) for embedding in embeddings]
    for label in EMOTIONS[1:]:
        image = renderer.render(presets[label])
        cosines = [cosine(before, item.embed(image, landmarks)) for item, before in zip(embeddings, still, strict=True)]
        likeness = [(c - item.strangers) / (1 - item.strangers) for item, c in zip(embeddings, cosines, strict=True)]
        figures[f"likeness/{label}"] = float(np.mean(likeness))
        figures[f"cosine/{label}"] = float(np.mean(cosines))
    return figures
