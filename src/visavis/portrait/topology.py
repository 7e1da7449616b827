"""Which of MediaPipe's 478 face mesh points lie where; left and right are the subject's.

Source: the connections published with MediaPipe's Face Landmarker (`FACE_LANDMARKS_LIPS`, `..._LEFT_EYE`, ...), and the
correspondence with the 68 points of iBUG 300-W (Sagonas et al., 2013) that is in common use.
"""

from __future__ import annotations

from typing import Final

from visavis.types import MESH_POINTS

__all__ = [
    "BROWS",
    "EYES",
    "FACE_OVAL",
    "IBUG_68",
    "IRISES",
    "LIP_INNER_LOWER",
    "LIP_INNER_UPPER",
    "LIP_LOWER",
    "LIP_OUTER_LOWER",
    "LIP_OUTER_UPPER",
    "LIP_UPPER",
    "MESH_POINTS",
    "RIGID",
]

#: The outline of the face, clockwise in the picture from the middle of the forehead.
FACE_OVAL: Final = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Lips run from the subject's right corner (left in the picture) to the left one.
LIP_OUTER_UPPER: Final = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIP_INNER_UPPER: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIP_INNER_LOWER: Final = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIP_OUTER_LOWER: Final = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)

#: Every point of one lip, its corners left out: the rings between the outer and the inner contour.
LIP_UPPER: Final = (
    *LIP_INNER_UPPER[1:-1], *LIP_OUTER_UPPER[1:-1],
    74, 73, 72, 11, 302, 303, 304, 184, 408, 42, 41, 38, 12, 268, 271, 272, 183, 407,
)  # fmt: skip
LIP_LOWER: Final = (
    *LIP_INNER_LOWER[1:-1], *LIP_OUTER_LOWER[1:-1],
    77, 90, 180, 85, 16, 315, 404, 320, 307, 89, 179, 86, 15, 316, 403, 319, 96, 325,
)  # fmt: skip

#: Per eye: upper lid and lower lid, both from the outer to the inner corner, the corners included.
EYES: Final = {
    "Right": ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    "Left": ((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362)),
}
#: Per eye: the centre of the iris, then its four border points.
IRISES: Final = {"Right": (468, 469, 470, 471, 472), "Left": (473, 474, 475, 476, 477)}
#: Per eye: the lower, then the upper border of the brow, from outside to inside.
BROWS: Final = {
    "Right": ((46, 53, 52, 65, 55), (70, 63, 105, 66, 107)),
    "Left": ((276, 283, 282, 295, 285), (300, 293, 334, 296, 336)),
}

#: Points that expressions hardly move: temples, bridge of the nose, rim of the forehead. For fitting the pose.
RIGID: Final = (
    10,
    67,
    103,
    54,
    21,
    162,
    127,
    297,
    332,
    284,
    251,
    389,
    356,
    6,
    168,
    197,
    195,
    5,
    4,
    1,
    98,
    327,
    33,
    263,
)

#: For each of the 68 iBUG points, the point of the face mesh.
IBUG_68: Final = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
