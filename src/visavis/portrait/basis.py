"""The expression basis: what each blendshape does to the face mesh, measured and not guessed.

`basis.npz` is written by `tools/fit_basis.py`, which says how it is fitted and from what.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from visavis.errors import ModelError
from visavis.types import BLENDSHAPES, Float32

__all__ = ["Basis", "load_basis"]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Blendshapes on MediaPipe's canonical face; centimetres, x to the right of the picture, y up, z to the viewer.

    Attributes:
        neutral: (478, 3) float32, the resting face.
        normals: (478, 3) float32, unit vectors out of the resting face.
        deltas: (52, 478, 3) float32, the displacement of each point at weight 1, in the order of `BLENDSHAPES`.
        reach: (478,) float32, how far each point strays from the face at rest in 99 of 100 measured frames, in
            face widths.
    """

    neutral: Float32
    normals: Float32
    deltas: Float32
    reach: Float32

    @property
    def width(self) -> float:
        """Width of the resting face in centimetres."""
        return float(np.ptp(self.neutral[:, 0]))


@cache
def load_basis() -> Basis:
    """The basis that ships with Visavis.

    >>> load_basis().deltas.shape
    (52, 478, 3)

    Raises:
        ModelError: the file does not hold the 52 blendshapes in our order.
    """
    with resources.files("visavis.portrait").joinpath("basis.npz").open("rb") as file, np.load(file) as stored:
        names = tuple(str(name) for name in stored["names"])
        if names != BLENDSHAPES:
            raise ModelError("basis.npz does not hold the blendshapes in order; run tools/fit_basis.py again")
        return Basis(stored["neutral"], stored["normals"], stored["deltas"], stored["reach"])
