"""Where skin folds, and with which expressions: lines on the face mesh.

Lines are named after Ekman, Friesen & Hager, "Facial Action Coding System" (2002), by the action units (AU) that deepen
them. Depths were measured rather than guessed: on 46 portraits, each line was drawn deeper and fainter, and three
classifiers of emotions and a network that tells people apart said what that does (`docs/adr/0026-folds-that-tell.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["FOLDS", "Fold"]


@dataclass(frozen=True, slots=True)
class Fold:
    """One line of the face mesh.

    Attributes:
        points: landmarks along it.
        drivers: how much of it each blendshape brings out at weight 1; a negative share smooths it. Its strength is
            their sum, held to [0, 1].
        depth: the share of the local light that it takes at full strength, in a face of typical contrast.
        width: in face widths.
        side: +1 where the lit ridge lies to the left of the line's direction, -1 where it lies to the right.
    """

    points: tuple[int, ...]
    drivers: Mapping[str, float]
    depth: float
    width: float
    side: float = 1.0


def _sided(side: str) -> tuple[Fold, ...]:
    """The folds of one half of the face, the subject's."""
    right = side == "Right"
    turn = 1.0 if right else -1.0

    def pick(of_right: tuple[int, ...], of_left: tuple[int, ...]) -> tuple[int, ...]:
        return of_right if right else of_left

    smile, frown, sneer = f"mouthSmile{side}", f"mouthFrown{side}", f"noseSneer{side}"
    squint, narrow, wide = f"cheekSquint{side}", f"eyeSquint{side}", f"eyeWide{side}"
    lowered, raised = f"browDown{side}", f"browOuterUp{side}"
    return (
        Fold(  # nasolabial fold: AU 9, 10, 12, 15
            pick((102, 129, 203, 206, 216, 212, 202), (331, 358, 423, 426, 436, 432, 422)),
            {smile: 0.65, squint: 0.25, sneer: 0.8, f"mouthUpperUp{side}": 0.7, frown: 1.15},
            0.16,
            0.019,
            turn,
        ),
        Fold(  # corner of the mouth: AU 12, 14
            pick((216, 186, 57, 43), (436, 410, 287, 273)),
            {f"mouthDimple{side}": 0.7, smile: 0.4, f"mouthStretch{side}": 0.1, frown: 0.2},
            0.17,
            0.015,
            turn,
        ),
        # Crow's feet, three rays: AU 6.
        Fold(pick((226, 35, 143), (446, 265, 372)), {squint: 0.7, narrow: 0.3}, 0.16, 0.007, turn),
        Fold(pick((130, 226, 156), (359, 446, 383)), {squint: 0.6, narrow: 0.3}, 0.12, 0.006, turn),
        Fold(pick((226, 31, 111), (446, 261, 340)), {squint: 0.7, narrow: 0.2}, 0.14, 0.007, turn),
        Fold(  # pouch under the eye: AU 5, 6, 7
            pick((226, 228, 229, 230, 231, 232), (446, 448, 449, 450, 451, 452)),
            {squint: 0.6, narrow: 0.6, smile: 0.15, wide: 1.0},
            0.16,
            0.011,
            turn,
        ),
        Fold(  # the fold into which a rising lid goes: AU 5
            pick((30, 29, 27, 28, 56), (260, 259, 257, 258, 286)), {wide: 0.8}, 0.30, 0.016, turn
        ),
        Fold(  # furrow beside the root of the nose: AU 4, but for brows that are drawn up as well
            pick((107, 55, 193), (336, 285, 417)), {lowered: 0.9, "browInnerUp": -0.4}, 0.38, 0.012, turn
        ),
        Fold(  # shadow of the lowered brow over the hollow of the eye: AU 4
            pick((225, 224, 223, 222, 221), (445, 444, 443, 442, 441)), {lowered: 1.0}, 0.08, 0.024, turn
        ),
        Fold(  # forehead above the outer brow: AU 1, 2
            pick((68, 104, 69, 108), (298, 333, 299, 337)),
            {raised: 1.0, "browInnerUp": 1.0, lowered: -1.0},
            0.34,
            0.018,
            turn,
        ),
        Fold(  # side of the nose: AU 9
            pick((193, 122, 174, 198), (417, 351, 399, 420)), {sneer: 0.9, lowered: 0.15}, 0.11, 0.014, turn
        ),
        Fold(pick((48, 49, 129, 98), (278, 279, 358, 327)), {sneer: 1.2}, 0.20, 0.016, turn),  # its wing: AU 9
        Fold(  # line beside the chin, pulled down by a frown: AU 15
            pick((57, 202, 210), (287, 422, 430)), {frown: 0.9, "mouthShrugLower": 0.2}, 0.16, 0.019, turn
        ),
        Fold(  # under the lower lip: AU 17, 20, 22
            pick((43, 106, 182, 83, 18), (273, 335, 406, 313, 18)),
            {"mouthShrugLower": 0.5, "mouthFunnel": 1.0, f"mouthStretch{side}": 1.0},
            0.48,
            0.016,
            turn,
        ),
    )


_BROWS: Final = ("browDownLeft", "browDownRight")
_FOREHEAD: Final = {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8} | dict.fromkeys(_BROWS, -0.5)
_BRIDGE: Final = {"noseSneerLeft": 0.5, "noseSneerRight": 0.5, "browInnerUp": -1.0}
_CHIN: Final = {"mouthShrugLower": 0.9, "mouthPressLeft": 0.15, "mouthPressRight": 0.15}

#: All folds: both halves of the face, then those that cross its middle.
FOLDS: Final = (
    *_sided("Right"),
    *_sided("Left"),
    # Forehead lines: AU 1, 2.
    Fold((68, 104, 69, 108, 151, 337, 299, 333, 298), _FOREHEAD, 0.22, 0.014),
    Fold((54, 103, 67, 109, 10, 338, 297, 332, 284), _FOREHEAD, 0.15, 0.015),
    # Between the brows: down the forehead to the root of the nose (AU 4), and across it, twice (AU 4, 9), but for
    # brows that are drawn up as well.
    Fold((151, 9, 8, 168), dict.fromkeys(_BROWS, 0.5) | {"browInnerUp": -0.6}, 0.38, 0.013),
    Fold((193, 168, 417), _BRIDGE | dict.fromkeys(_BROWS, 0.7), 0.29, 0.012),
    Fold((122, 6, 351), _BRIDGE | dict.fromkeys(_BROWS, 0.4), 0.16, 0.011),
    # Chin: AU 17.
    Fold((106, 182, 18, 406, 335), _CHIN, 0.25, 0.014, -1.0),
)
