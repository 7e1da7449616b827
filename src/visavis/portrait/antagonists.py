"""Sitters are seldom painted at rest: each motion takes back what the painter has done already.

A blendshape says where a face goes from rest. Played from where the painter left it, a lowered brow stays half raised
on a sitter who was painted with raised brows, a scowl stays under a smile, and a painted smile doubles. So a motion
takes back, as it comes, what was read in the painting of its antagonists, and of itself where paint would be torn wide:
at the mouth. At rest, nothing has moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.basis import Basis
from visavis.portrait.easing import smooth_step
from visavis.types import BLENDSHAPES, Float32

__all__ = ["TAKES_BACK", "painted_doing", "take_back"]

Array = NDArray[np.float64]

#: What each motion takes back, both by names without their side: what pulls against it; the scowl, which no smiling
#: face keeps; and itself, where it would go wider than mouths go.
TAKES_BACK: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "browDown": ("browInnerUp",),
        "browInnerUp": ("browDown",),
        "mouthSmile": ("mouthSmile", "mouthFrown", "mouthPucker", "browDown"),
        "mouthFrown": ("mouthFrown", "mouthSmile"),
        "mouthPucker": ("mouthPucker", "mouthSmile"),
        "mouthFunnel": ("mouthSmile",),
    }
)
#: How much of what was read counts as expression: the rest is the sitter's own build, a small mouth or a high brow.
_READ: Final = 0.7
#: What was read by less than this is not told.
_TOLD: Final = 0.2
#: Over this width, in face widths, one half of the face goes over into the other.
_MIDDLE: Final = 0.12


def take_back(moved: Array, painted: Float32 | None, basis: Basis) -> Array:
    """The blendshapes' motions, each less what the painter has done of it or against it.

    Args:
        moved: (52, 478, 2), what each blendshape does to the mesh.
        painted: (52,) float32 in [0, 1], the blendshapes read in the painting; None leaves all as it is.
        basis: whose points these are.

    Returns:
        (52, 478, 2); linear, so that whatever plays the motions plays these.
    """
    if painted is None:
        return moved
    held = moved * (_READ * painted.astype(np.float64))[:, None, None]
    left = smooth_step(basis.neutral[:, 0].astype(np.float64) / basis.width / _MIDDLE + 0.5)[:, None]
    less = np.zeros_like(moved)
    for motion, others in TAKES_BACK.items():
        for side, half in (("Left", left), ("Right", 1 - left)):
            for other in others:
                less[_index(motion, side)] += half * held[_index(other, side)]
    return moved - less


def painted_doing(painted: Float32 | None) -> dict[str, float]:
    """What a sitter was painted doing that motions take back, the most first: scores by names without their side.

    >>> scores = np.zeros(52, np.float32)
    >>> scores[BLENDSHAPES.index("mouthSmileLeft")] = 0.5
    >>> painted_doing(scores)
    {'mouthSmile': 0.5}
    """
    if painted is None:
        return {}
    known = {name for names in TAKES_BACK.values() for name in names}
    scores = {name: max(float(painted[_index(name, side)]) for side in ("Left", "Right")) for name in known}
    return {name: score for name, score in sorted(scores.items(), key=lambda item: -item[1]) if score >= _TOLD}


def _index(name: str, side: str) -> int:
    """Of the blendshape by that name on a side of the subject, or of the one for both sides."""
    return BLENDSHAPES.index(name if name in BLENDSHAPES else name + side)
