"""How still a face holds: what rests is judged slowly, what moves is judged at once."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from visavis.types import BLENDSHAPES, Float32

__all__ = ["Stillness"]

#: Units a second, of coefficients that run from 0 to 1. At the slower speed a face holds still, its coefficients only
#: tremble; at the faster it changes its expression.
_STILL: Final = 0.5
_MOVES: Final = 1.2
#: Seconds over which the speed is averaged: single frames tremble.
_AVERAGED_S: Final = 0.25
#: The speed is the mean of the coefficients that change most.
_CHANGING: Final = 8
#: Eyes look about and lids blink on a face at rest.
_MUSCLES: Final = [index for index, name in enumerate(BLENDSHAPES) if not name.startswith(("_", "eye"))]


class Stillness:
    """Follows one face and tells how still it holds, by elapsed time.

    >>> still = Stillness()
    >>> [still.step(np.zeros(52, np.float32), 1 / 30) for _ in range(3)]
    [0.0, 0.0, 0.0]
    """

    def __init__(self) -> None:
        self._before: Float32 | None = None
        # A face that was not seen before is not known to rest.
        self._speed = 2 * _MOVES

    def step(self, weights: Float32, dt_s: float) -> float:
        """1 for a face that holds still, 0 for one that moves, between them in between.

        Args:
            weights: (52,) float32 in [0, 1], in the order of `BLENDSHAPES`.
            dt_s: seconds since the step before.
        """
        if self._before is not None and dt_s > 0:
            change = np.sort(np.abs(weights - self._before)[_MUSCLES])[-_CHANGING:].mean()
            self._speed += (1 - math.exp(-dt_s / _AVERAGED_S)) * (float(change) / dt_s - self._speed)
        self._before = weights.copy()
        return min(max((_MOVES - self._speed) / (_MOVES - _STILL), 0.0), 1.0)
