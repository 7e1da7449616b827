"""The same person: a face-recognition network compares the expressive portrait with the resting one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from visavis.portrait.render import PortraitRenderer
from visavis.types import EMOTIONS, Expression, Float32, Image

__all__ = ["Embedding", "measure_identity"]


class Embedding(Protocol):
    """Whatever turns a face into a vector that is alike for pictures of one person; `name` goes into the figures."""

    name: str

    def embed(self, image: Image, landmarks: Float32) -> Float32:
        """A vector for the face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        ...


def measure_identity(
    renderer: PortraitRenderer, landmarks: Float32, presets: Mapping[str, Expression], embeddings: Sequence[Embedding]
) -> dict[str, float]:
    """Compare each emotion at full strength with the painting at rest.

    Returns:
        For each embedding and emotion `EMBEDDING/EMOTION`, the cosine of the two vectors.
    """
    figures: dict[str, float] = {}
    if not embeddings:
        return figures
    rest = renderer.render(Expression())
    still = [embedding.embed(rest, landmarks) for embedding in embeddings]
    for label in EMOTIONS[1:]:
        image = renderer.render(presets[label])
        for embedding, before in zip(embeddings, still, strict=True):
            after = embedding.embed(image, landmarks)
            lengths = float(np.linalg.norm(before) * np.linalg.norm(after))
            figures[f"{embedding.name}/{label}"] = float(before @ after) / max(lengths, 1e-12)
    return figures
