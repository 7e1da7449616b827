"""How something goes from 0 to 1 without a jolt: where an edge softens, and where a motion begins and ends."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["minimum_jerk", "smooth_step"]


def smooth_step(t: Any) -> Any:
    """`t^2 (3 - 2t)` of a number or an array held to [0, 1]: from 0 to 1, flat at both ends.

    >>> float(smooth_step(0.5))
    0.5
    """
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def minimum_jerk(t: Any) -> Any:
    """From 0 at t = 0 to 1 at t = 1, at rest at both, as a hand moves: 10 t^3 - 15 t^4 + 6 t^5.

    >>> float(minimum_jerk(0.5)), float(minimum_jerk(2.0))
    (0.5, 1.0)

    Source: T. Flash, N. Hogan, "The coordination of arm movements", J. Neuroscience 5, 1985.
    """
    t = np.clip(t, 0, 1)
    return t * t * t * (10 - 15 * t + 6 * t * t)
