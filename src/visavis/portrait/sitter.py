"""Whom a portrait is of, among the faces that were found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from visavis.errors import NoFaceError, RigError
from visavis.types import Face

__all__ = ["choose_sitter"]

#: Two faces are of one size, and somebody must choose, where the smaller is more than this share of the larger by
#: width. Of the Madonnas with child looked at, the child's face reaches 0.83 of the mother's.
_SAME_SIZE: Final = 0.86
#: A face without landmarks (a profile) is the sitter when it is so many times as large as the next, by area.
_CLEARLY_LARGER: Final = 1.5


def choose_sitter(faces: Sequence[Face], *, number: int | None = None, name: str = "the picture") -> Face:
    """The face that a portrait is of.

    Args:
        faces: what was found, biggest first; faces without landmarks among them.
        number: which one, 1 for the biggest; None chooses the biggest where it is clearly the sitter.
        name: of the picture, for messages.

    Raises:
        NoFaceError: there is no face, or the sitter's shows too little for landmarks.
        RigError: two faces are about as big, or there are not so many faces.
    """
    if not faces:
        raise NoFaceError(f"no face was found in {name}; expected a portrait seen from the front or in three quarters")
    if number is not None:
        if not 1 <= number <= len(faces):
            raise RigError(f"there is no face {number} in {name}; {_listed(faces)}")
        sitter = faces[number - 1]
    else:
        sitter = faces[0]
        meshed = [face for face in faces if face.landmarks is not None]
        if sitter.landmarks is None and meshed and sitter.area < _CLEARLY_LARGER * meshed[0].area:
            sitter = meshed[0]
        rivals = [face for face in meshed if face is not sitter and face.area > _SAME_SIZE**2 * sitter.area]
        if rivals and sitter.landmarks is not None:
            raise RigError(f"{name} shows several people of one size, {_listed(faces)}; choose with --face")
    if sitter.landmarks is None:
        x, y = sitter.center
        raise NoFaceError(
            f"the face at ({x:.0f}, {y:.0f}) in {name}, {sitter.width:.0f} pixels wide, shows too little of itself: "
            "a true profile, a covered face or a very faint one; expected both eyes to be visible"
        )
    return sitter


def _listed(faces: Sequence[Face]) -> str:
    places = [
        f"{number}: {face.width:.0f} pixels wide at ({face.center[0]:.0f}, {face.center[1]:.0f})"
        for number, face in enumerate(faces, start=1)
    ]
    return f"the faces are {'; '.join(places)}"
