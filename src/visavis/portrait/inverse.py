"""Where moved paint comes from: the inverse of a displacement field on the nodes of its grid.

A field says where paint goes: what is at `p` goes to `p + D(p)`. Rendering asks for each `x` which paint arrives there:
for the `s` with `s + D(s) = x`.
"""

from __future__ import annotations

import numpy as np

from visavis.types import Float32

__all__ = ["invert"]


def invert(displacement: Float32, step: int) -> Float32:
    """Where the paint comes from: R with `R(x) = s - x` for `s + D(s) = x`, on the nodes of the same grid.

    Newton's method; a fold has no inverse, and there the median of the neighbours keeps order.

    Args:
        displacement: (rows, columns, 2) float32 in pixels.
        step: pixels between two nodes.

    Returns:
        (rows, columns, 2) float32 in pixels.
    """
    import cv2

    from visavis.portrait.loops.inverse import sources_of

    back = sources_of(displacement * np.float32(1 / step))
    back *= np.float32(step)
    smoothed: Float32 = cv2.medianBlur(back, 5)
    return smoothed
