"""Look a rig over when it is made: how the head stands, what the mouth and eyes do, how far each motion reaches.

report = check_rig(rig, face)
write_image("check.png", draw_rig(rig))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.antagonists import painted_doing
from visavis.portrait.eyes import CURVE_MARGIN, Eye
from visavis.portrait.hull import convex_hull
from visavis.portrait.lids import lid_positions
from visavis.portrait.lipline import PARTED
from visavis.portrait.occlusion import find_covers
from visavis.portrait.paint import face_detail
from visavis.portrait.rig import MIN_FACE_WIDTH, Rig
from visavis.portrait.topology import MESH_POINTS
from visavis.portrait.veil import read_veil
from visavis.types import BLENDSHAPES, Face, Image

__all__ = ["RigReport", "check_rig", "draw_rig", "head_crop", "reaches", "too_small"]

Array = NDArray[np.float64]

#: Aperture over width of an eye: below these it is closed, or lowered. Open painted eyes have 0.29 and more.
_CLOSED: Final = 0.07
_LOWERED: Final = 0.24
#: A blendshape that moves no paint by so many pixels cannot be seen.
_LEAST_REACH: Final = 0.5
#: Beyond this turn of the head, one half of the face has little paint to move.
_STEEP_YAW: Final = 40.0
#: Of a face below this confidence a person should judge whether it is one: below 0.6 the detector tells none at all.
_SURE: Final = 0.7
#: Faces narrower than this can be rigged, and show little.
_SMALL_FACE: Final = 120
#: A face with less detail than this is blurred (`paint.face_detail`), and one of whose light less than this is its own
#: lies under a veil (`veil.Veil.depth_on_face`).
_BLURRED: Final = 0.02
_FADED: Final = 0.5


@dataclass(frozen=True, slots=True)
class RigReport:
    """What there is to know of a rig before it goes on a wall.

    Attributes:
        face_width: pixels between the outlines of the cheeks.
        yaw, pitch, roll: of the painted head in degrees; yaw to the subject's left, pitch up.
        mouth: how it is painted.
        eyes: the subject's right and left: how they are painted.
        painted: what the sitter was painted doing that motions take back, scores by blendshape; see `antagonists`.
        occlusions: what seems to lie over the face, in words.
        reach: pixels that the paint moves at most, by blendshape at weight 1.
        concerns: what a person should look at before the portrait is shown; empty where all is well.
        verdict: `good`, or `usable` where there are concerns; a face that cannot be rigged is refused, unreported.
    """

    face_width: float
    yaw: float
    pitch: float
    roll: float
    mouth: Literal["closed", "parted"]
    eyes: tuple[Literal["open", "lowered", "closed"], Literal["open", "lowered", "closed"]]
    painted: dict[str, float]
    occlusions: tuple[str, ...]
    reach: dict[str, float]
    concerns: tuple[str, ...]

    @property
    def verdict(self) -> Literal["good", "usable"]:
        """In one word."""
        return "usable" if self.concerns else "good"


def check_rig(rig: Rig, face: Face) -> RigReport:
    """Measure a rig.

    Args:
        rig: as made by `make_rig`.
        face: that it was made for.
    """
    reach = reaches(rig)
    occlusions = tuple(cover.words for cover in find_covers(rig))
    concerns = [*occlusions]
    if abs(rig.yaw) > _STEEP_YAW:
        concerns.append(f"the head is turned by {abs(rig.yaw):.0f} degrees: the far half of the face moves little")
    if rig.face_width < _SMALL_FACE:
        concerns.append(
            f"the face is only {rig.face_width:.0f} pixels wide: teeth and lids will be coarse; use a larger picture"
        )
    points = rig.landmarks[:MESH_POINTS].astype(np.float64)
    if face_detail(rig.painting, points, rig.face_width) < _BLURRED:
        concerns.append("the face is blurred: new edges will look too sharp on it; use a sharper picture")
    if read_veil(rig.painting, points).depth_on_face(rig.painting, points) < _FADED:
        concerns.append("the picture is faded or hazy: what opens and folds will be as faint")
    outside = _outside(rig)
    if outside:
        concerns.append(f"the edge of the picture cuts off {outside}")
    still = [name for name, pixels in reach.items() if pixels < _LEAST_REACH and name != "_neutral"]
    if still:
        concerns.append(f"these hardly move anything: {', '.join(still)}")
    if face.score < _SURE:
        concerns.append(f"the detector is unsure of this face ({face.score:.2f})")
    return RigReport(
        face_width=rig.face_width,
        yaw=rig.yaw,
        pitch=rig.pitch,
        roll=rig.roll,
        mouth="parted" if rig.mouth.gap > PARTED * rig.mouth.line.width or rig.mouth.stir.any() else "closed",
        eyes=(_state(rig.eyes[0]), _state(rig.eyes[1])),
        painted=painted_doing(face.blendshapes),
        occlusions=occlusions,
        reach=reach,
        concerns=tuple(concerns),
    )


def reaches(rig: Rig) -> dict[str, float]:
    """How far each blendshape at weight 1 moves paint at most, in pixels, by name; lids and irises included."""
    paint = np.linalg.norm(rig.fields, axis=-1).max(axis=(1, 2))
    layers = [
        _reach_of_layer(fields, mask[:, :, 0], rig.mouth.grid.step)
        for fields, mask in ((rig.mouth.upper, rig.mouth.upper_mask), (rig.mouth.lower, rig.mouth.lower_mask))
    ]
    lids = np.zeros((2, len(paint)))
    for side, eye in enumerate(rig.eyes):
        for motion in range(len(BLENDSHAPES)):
            alone = np.zeros(len(paint), np.float32)
            alone[motion] = 1
            moved = np.abs(np.subtract(lid_positions(eye, alone), (eye.upper, eye.lower))).max()
            lids[side, motion] = max(float(moved), float(np.linalg.norm(eye.gaze[motion])))
    most = np.max(np.stack([paint, *layers, *lids]), axis=0)
    return {name: 0.0 if index == 0 else float(most[index]) for index, name in enumerate(BLENDSHAPES)}


def draw_rig(rig: Rig, *, height: int = 1000) -> Image:
    """The painting around the face with what the rig knows of it drawn over, (height, W, 3) uint8 RGB.

    Grey: the face mesh. Yellow: its outline. Red: the lip line, along which the mouth opens. Green: the lids' edges;
    blue: how far the skin around them stretches. Orange: what does not look like bare skin. White: the box within which
    pixels can change.
    """
    import cv2

    x0, y0, x1, y1 = rig.grid.box
    scale = height / (y1 - y0)
    size = (round((x1 - x0) * scale), height)
    picture: Image = cv2.resize(rig.painting[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC)
    fine = 16  # cv2 draws at fractions of a pixel given in sixteenths

    def line(points: NDArray[Any], colour: tuple[int, int, int], thick: int = 1, closed: bool = False) -> None:
        placed = ((np.asarray(points, np.float64) - (x0, y0)) * scale * fine).round().astype(np.int32)
        cv2.polylines(picture, [placed.reshape(-1, 1, 2)], closed, colour, thick, cv2.LINE_AA, 4)

    faint = picture.copy()
    points = rig.landmarks[:MESH_POINTS].astype(np.float64)
    for triangle in _triangles(points):
        line(points[triangle], (225, 225, 225), closed=True)
    picture = cv2.addWeighted(picture, 0.35, faint, 0.65, 0)
    line(convex_hull(points), (240, 200, 60), 2, closed=True)
    for cover in find_covers(rig):
        line(cover.outline, (255, 130, 20), 2, closed=True)
    line(rig.mouth.line.points, (235, 50, 50), 2)
    for eye in rig.eyes:
        for curve, colour, thick in (
            (eye.above, (90, 150, 255), 1),
            (eye.below, (90, 150, 255), 1),
            (eye.upper, (70, 220, 110), 2),
            (eye.lower, (70, 220, 110), 2),
        ):
            line(_eye_curve(eye, curve), colour, thick)
    cv2.rectangle(picture, (1, 1), (size[0] - 2, size[1] - 2), (255, 255, 255), 1)
    return picture


def head_crop(image: Image, face: Face, *, face_width: int = 320) -> Image:
    """The head and shoulders cut out of a picture and enlarged, so that a small face can be rigged.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: whose head.
        face_width: pixels that the face shall measure; a face that has more is not made smaller.
    """
    import cv2

    x, y = face.center
    reach = 1.6 * max(face.width, face.height)
    x0, y0 = max(round(x - 1.1 * reach), 0), max(round(y - 1.1 * reach), 0)
    x1, y1 = min(round(x + 1.1 * reach), image.shape[1]), min(round(y + 1.5 * reach), image.shape[0])
    cut = image[y0:y1, x0:x1]
    factor = max(face_width / face.width, 1.0)
    size = (round((x1 - x0) * factor), round((y1 - y0) * factor))
    return np.ascontiguousarray(cv2.resize(cut, size, interpolation=cv2.INTER_LANCZOS4))


def too_small(face: Face) -> bool:
    """Whether a face's box is below the width that can be rigged."""
    return face.width < MIN_FACE_WIDTH


def _reach_of_layer(fields: NDArray[np.float32], mask: NDArray[np.uint8], step: int) -> NDArray[np.float32]:
    """The reach of each motion in a lip's layer, where the layer is seen."""
    # Nodes lie on every `step`-th pixel; the last one lies just beyond the mask.
    seen = np.pad(mask, ((0, 1), (0, 1)), mode="edge")[::step, ::step] > 0
    return np.asarray(np.where(seen, np.linalg.norm(fields, axis=-1), 0).max(axis=(1, 2)), np.float32)


def _state(eye: Eye) -> Literal["open", "lowered", "closed"]:
    share = eye.aperture / eye.width
    if share < _CLOSED:
        return "closed"
    return "lowered" if share < _LOWERED else "open"


def _eye_curve(eye: Eye, curve: NDArray[np.float32]) -> Array:
    """A curve of an eye's own frame in painting pixels, from corner to corner."""
    u = np.linspace(-CURVE_MARGIN, 1 + CURVE_MARGIN, len(curve)) * eye.width
    inside = (u >= 0) & (u <= eye.width)
    return np.asarray(eye.origin + u[inside, None] * eye.axis + curve[inside, None] * eye.down, np.float64)


def _triangles(points: Array) -> NDArray[np.intp]:
    """A Delaunay triangulation for drawing, (T, 3) indices."""
    import cv2

    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    plane = cv2.Subdiv2D((0, 0, int(high[0] - low[0]) + 2, int(high[1] - low[1]) + 2))
    for x, y in points - low:
        plane.insert((float(x), float(y)))
    corners = np.asarray(plane.getTriangleList()).reshape(-1, 3, 2) + low
    nearest = [[int(((points - corner) ** 2).sum(axis=1).argmin()) for corner in triangle] for triangle in corners]
    return np.asarray(nearest, np.intp)


def _outside(rig: Rig) -> str:
    height, width = rig.painting.shape[:2]
    x, y = rig.landmarks[:MESH_POINTS].T
    sides = {"the left side": x < 0, "the right side": x > width - 1, "the forehead": y < 0, "the chin": y > height - 1}
    return " and ".join(name for name, beyond in sides.items() if beyond.mean() > 0.01)
