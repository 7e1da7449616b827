"""Paintings with transparency: what is seen through moves with the paint.

A picture is read laid over white, and rendered so; here its transparency is moved alike, and the white taken out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.mouth import Mouth
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig
from visavis.types import Expression, Image

__all__ = ["Cutout", "lift"]


class Cutout:
    """The transparency of a painting, with an expression.

    Args:
        rig: of the painting.
        alpha: (H, W) uint8, 0 where it is seen through.

    Raises:
        ValueError: `alpha` has another size than the painting.
    """

    def __init__(self, rig: Rig, alpha: NDArray[np.uint8]) -> None:
        if alpha.shape != rig.painting.shape[:2]:
            raise ValueError(f"the transparency has the shape {alpha.shape}, the painting {rig.painting.shape[:2]}")
        painting = np.repeat(alpha[:, :, None], 3, axis=2)
        still = replace(rig.creases, drivers=np.zeros_like(rig.creases.drivers))
        self._renderer = MeshRenderer(replace(rig, painting=painting, creases=still, mouth=_plain(rig.mouth, alpha)))
        self._alpha = alpha
        self._kept = [eye.box for eye in rig.eyes]

    def render(self, expression: Expression) -> NDArray[np.uint8]:
        """(H, W) uint8; eyes, painted anew, stay as opaque as they are, and a mouth opens as opaque as its line."""
        moved = self._renderer.render(expression)[:, :, 0].copy()
        for x0, y0, x1, y1 in self._kept:
            moved[y0:y1, x0:x1] = self._alpha[y0:y1, x0:x1]
        return moved


def _plain(mouth: Mouth, alpha: NDArray[np.uint8]) -> Mouth:
    """The mouth with nothing in it but how opaque its line is, and no shadow on that."""
    column, row = np.clip(np.rint(mouth.line.points).astype(int), 0, np.array(alpha.shape[::-1]) - 1).T
    lit = np.array([1, 0, 1], np.uint8)
    return replace(
        mouth,
        cavity=np.full_like(mouth.cavity, int(np.median(alpha[row, column]))),
        upper_teeth=np.zeros_like(mouth.upper_teeth),
        upper_mask=mouth.upper_mask * lit,
        lower_mask=mouth.lower_mask * lit,
        shade=np.zeros_like(mouth.shade),
    )


def lift(image: Image, alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the white out of a picture that was laid over it: (H, W, 4) RGBA, not premultiplied.

    `seen = alpha * colour + (1 - alpha) * white`, solved for the colour. A cavity or a fold that is newly painted may
    be darker than paint of that transparency over white can be: there it is as opaque as it must be.
    """
    darkest = 255 - image.min(axis=2)
    # Two levels are rounding.
    alpha = np.where(darkest > alpha.astype(np.int16) + 2, darkest, alpha).astype(np.uint8)
    share = alpha[:, :, None].astype(np.float32) / 255
    colour = 255 - (255 - image.astype(np.float32)) / np.maximum(share, 1 / 255)
    lifted = np.where(alpha[:, :, None] == 255, image, np.rint(np.clip(colour, 0, 255)))
    return np.dstack([lifted.astype(np.uint8), alpha])
