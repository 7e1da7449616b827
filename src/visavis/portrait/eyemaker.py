"""Makes an eye of a rig from a painting: its lids' curves, what moves them, and what is behind and over the ball."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.basis import Basis
from visavis.portrait.easing import smooth_step
from visavis.portrait.eyes import CLOSED, CURVE_MARGIN, CURVE_SAMPLES, LID_LOOK, Eye, stretched
from visavis.portrait.motions import MOTIONS
from visavis.portrait.paint import own_hue, paint_in_frame
from visavis.portrait.topology import BROWS, EYES, IRISES
from visavis.portrait.veil import Veil
from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Float32, Image

__all__ = ["make_eye", "veiled_eye"]

Array = NDArray[np.float64]

#: Width of the lids' edges, in eye widths.
_EDGE: Final = 0.02
#: A narrow eye would be all edge: softer than this share of its aperture they are not.
_MOST_EDGE: Final = 0.18
#: Greatest distance of the lids of an eye at rest that looks straight ahead, in eye widths.
_RESTING_APERTURE: Final = 0.30
#: The middle of an eye's opening lies within these shares of its width; landmarks that say otherwise are amiss.
_FULLEST: Final = (0.36, 0.64)
#: How much further a wide eye opens where the painted lids are lowered, for each share of the aperture that they hide,
#: and how far it looks up from there, in units of full gaze.
_LIFT: Final = 2.2
#: Skin around an eye in full light is so light beside the face's highlight; an eye in shadow has less.
_LIT_SKIN: Final = 0.58
#: How far a closed lid takes on the light of the cheek where it is darker.
_LID_LIGHT: Final = 0.6
#: How much of an eye's light a lowered brow takes.
_BROW_SHADE: Final = 0.3
#: Shares of the aperture by which the upper and the lower lid follow a lowered brow: it pushes the fold over the eye
#: down (FACS, action unit 4), and living faces whose brows go down by six tenths narrow their eyes by three.
_BROW_NARROWS: Final = (0.2, 0.3)
#: How far the iris turns at full gaze, in eye widths: to the side, and up or down.
_GAZE_REACH: Final = (0.17, 0.10)
#: A blur is made of a picture so small that it is at least so wide there, in pixels; narrower ones at full size.
_FINE_SIGMA: Final = 32.0


def make_eye(
    image: Image,
    points: Array,
    side: str,
    *,
    basis: Basis,
    rotation: Array,
    highlight: Float32,
    softness: float = 1.0,
) -> Eye:
    """Make one eye from a painting and its (478, 2) landmarks.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (478, 2) landmarks in pixels.
        side: `Left` or `Right`.
        basis: what blendshapes do to the lids of the canonical face.
        rotation: (3, 3), how the head is painted; an eye that is turned away moves less.
        highlight: (3,) float32, RGB of the skin where it is lit.
        softness: how much wider edges are than in a crisp painting (`paint.edge_softness`).
    """
    upper_points, lower_points = (points[list(ids)] for ids in EYES[side])
    origin, inner = upper_points[0], upper_points[-1]
    width = float(np.linalg.norm(inner - origin))
    axis = (inner - origin) / width
    # However the picture hangs: the right eye's axis runs to the subject's left, the left eye's to the right.
    down = np.array([-axis[1], axis[0]]) * (1 if side == "Right" else -1)
    u = np.linspace(-CURVE_MARGIN, 1 + CURVE_MARGIN, CURVE_SAMPLES) * width
    upper, lower = (_curve(side_points, origin, axis, down, u) for side_points in (upper_points, lower_points))
    # The landmarks of narrow eyes may cross; a lid is never beneath the other.
    middle = (upper + lower) / 2
    # Beyond its corners an eye is shut, though the landmarks of an eye seen from the side may leave it ajar.
    gap = np.maximum(lower - upper, 0) * np.clip(1 + np.minimum(u, width - u) / (0.06 * width), 0, 1)
    upper, lower = middle - gap / 2, middle + gap / 2
    brow = _curve(points[list(BROWS[side][0])], origin, axis, down, u)
    # The skin stretches over most of the way to the brow, but never over the painted brow itself.
    above = np.minimum(upper - 0.12 * width, upper + 0.75 * (brow - upper))
    below = lower + 0.42 * width
    aperture = float((lower - upper).max())
    crisp = max(_EDGE * width, 0.8)

    upper_squint, lower_squint, blink, gaze = _motion_tables(side, basis)
    # On the far side of a turned head an eye is a few strokes at the outline: it may close, but hardly open or turn.
    facing = float((basis.normals[[*EYES[side][0], *EYES[side][1]]] @ rotation[2]).mean())
    seen = float(np.clip((facing - 0.25) / 0.35, 0, 1))
    upper_squint, lower_squint, gaze = upper_squint * seen, lower_squint * seen, gaze * seen
    # Who looks down and is startled looks up: lowered lids rise all the way, and the iris after them.
    hidden = float(np.clip(1 - aperture / (_RESTING_APERTURE * width), 0, 0.8))
    wide = BLENDSHAPE_INDEX[f"eyeWide{side}"]
    upper_squint[wide] *= 1 + _LIFT * hidden
    gaze[wide, 1] += _LIFT * hidden * seen
    shade = np.zeros(len(MOTIONS), np.float32)
    shade[BLENDSHAPE_INDEX[f"browDown{side}"]] = _BROW_SHADE
    centre = points[IRISES[side][0]]
    radius = float(np.linalg.norm(points[list(IRISES[side][1:])] - centre, axis=1).mean())
    rim = origin + u[:, None, None] * axis + np.stack([above, below], axis=1)[:, :, None] * down
    x0, y0 = np.floor(rim.min(axis=(0, 1)) - 0.04 * width).astype(int)
    x1, y1 = np.ceil(rim.max(axis=(0, 1)) + 0.04 * width).astype(int)
    box = (max(int(x0), 0), max(int(y0), 0), min(int(x1), image.shape[1]), min(int(y1), image.shape[0]))
    opening = _opening(box, origin, axis, down, u, upper, lower)
    white, iris = _paint_eyeball(image, box, opening, axis, centre, radius, softness)

    # In the picture, the subject's left is to the right and up is against `down`.
    to_left = axis if side == "Right" else -axis
    gaze_unit = np.stack([to_left * _GAZE_REACH[0] * width, -down * _GAZE_REACH[1] * width])
    return Eye(
        side=side,
        origin=origin.astype(np.float32),
        axis=axis.astype(np.float32),
        down=down.astype(np.float32),
        width=width,
        upper=upper.astype(np.float32),
        lower=lower.astype(np.float32),
        above=above.astype(np.float32),
        below=below.astype(np.float32),
        edge=max(crisp, min(crisp * softness, _MOST_EDGE * aperture)),
        aperture=aperture,
        skew=_skew(u / width, lower - upper),
        open_aperture=max(aperture, _RESTING_APERTURE * width),
        upper_squint=upper_squint,
        lower_squint=lower_squint,
        blink=blink,
        gaze=(gaze @ gaze_unit).astype(np.float32),
        shade=shade,
        shine=_shine(image, (origin, axis, down), u, (upper, lower, above), highlight),
        box=box,
        white=white,
        iris=iris,
        lid=_paint_lid(image, box, (origin, axis, down), u, (upper, lower, above)),
        look=LID_LOOK,
    )


def veiled_eye(eye: Eye, veil: Veil) -> Eye:
    """An eye that was made of a painting without its veil, under it."""
    if not veil:
        return eye
    white, lid = veil.laid(eye.white), veil.laid(eye.lid)
    on_white, on_lid = (veil.depth(picture.reshape(-1, 3).mean(axis=0)) for picture in (white, lid))
    return replace(
        eye,
        white=white,
        iris=veil.laid(eye.iris),
        lid=lid,
        shine=veil.laid(eye.shine[None, None].astype(np.uint8))[0, 0].astype(np.float32),
        shade=veil.weakened(eye.shade, on_white),
        look=eye.look._replace(
            shadow=eye.look.shadow * on_white,
            edge_dark=eye.look.edge_dark * on_lid,
            lash_dark=eye.look.lash_dark * on_lid,
        ),
    )


def _curve(line: Array, origin: Array, axis: Array, down: Array, u: Array) -> Array:
    """`v` of a polyline at each `u`; 0 beyond the corners for the lids, whose ends lie there."""
    along, across = (line - origin) @ axis, (line - origin) @ down
    order = np.argsort(along)
    # A parabola through neighbours would overshoot at the corners; straight pieces, then a short smoothing.
    values = np.interp(u, along[order], across[order])
    return np.convolve(np.pad(values, 2, mode="edge"), np.array([1, 2, 3, 2, 1]) / 9, mode="valid")


def _skew(along: Array, gap: Array) -> float:
    """The power that brings the middle of an eye's opening, of 0 to 1 from corner to corner, to a half."""
    middle = float((along * gap).sum() / max(float(gap.sum()), 1e-6))
    return float(np.log(0.5) / np.log(np.clip(middle, *_FULLEST)))


def _motion_tables(side: str, basis: Basis) -> tuple[Float32, Float32, Float32, Array]:
    """How each motion moves the lids, as shares of the aperture, blinks, and turns the eye, as gaze (x, y)."""
    upper, lower = EYES[side]
    neutral = basis.neutral
    aperture = float(neutral[upper[4], 1] - neutral[lower[4], 1])
    heights = basis.deltas[:, :, 1]
    corners = heights[:, [upper[0], upper[-1]]].mean(axis=1)
    upper_squint, lower_squint, blink = (np.zeros(len(MOTIONS), np.float32) for _ in range(3))
    upper_squint[: len(BLENDSHAPES)] = -(heights[:, list(upper[3:6])].mean(axis=1) - corners) / aperture
    lower_squint[: len(BLENDSHAPES)] = (heights[:, list(lower[3:6])].mean(axis=1) - corners) / aperture
    lowered = BLENDSHAPE_INDEX[f"browDown{side}"]
    upper_squint[lowered] += _BROW_NARROWS[0]
    lower_squint[lowered] += _BROW_NARROWS[1]
    index = BLENDSHAPE_INDEX[f"eyeBlink{side}"]
    upper_squint[index] = lower_squint[index] = 0
    blink[index] = 1
    gaze = np.zeros((len(MOTIONS), 2))
    inward = 1.0 if side == "Right" else -1.0  # looking inwards, the right eye turns to the subject's left
    gaze[BLENDSHAPE_INDEX[f"eyeLookIn{side}"]] = (inward, 0)
    gaze[BLENDSHAPE_INDEX[f"eyeLookOut{side}"]] = (-inward, 0)
    gaze[BLENDSHAPE_INDEX[f"eyeLookUp{side}"]] = (0, 1)
    gaze[BLENDSHAPE_INDEX[f"eyeLookDown{side}"]] = (0, -1)
    return upper_squint, lower_squint, blink, gaze


def _opening(
    box: tuple[int, int, int, int], origin: Array, axis: Array, down: Array, u: Array, upper: Array, lower: Array
) -> NDArray[np.bool_]:
    """Which pixels of `box` lie between the painted lids, well inside their edges."""
    x0, y0, x1, y1 = box
    x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
    along = (x - origin[0]) * axis[0] + (y - origin[1]) * axis[1]
    across = (x - origin[0]) * down[0] + (y - origin[1]) * down[1]
    inset = np.minimum(0.18 * (lower - upper), 0.035 * (u[-1] - u[0]))
    top, bottom = np.interp(along, u, upper + inset), np.interp(along, u, lower - inset)
    return np.asarray((across > top) & (across < bottom) & (along > 0) & (along < u[-1]))


def _shine(
    image: Image,
    frame: tuple[Array, Array, Array],
    u: Array,
    curves: tuple[Array, Array, Array],
    highlight: Float32,
) -> Float32:
    """The white of an eye in all the light that comes to it, RGB: in shadow less than where the face is lit.

    `frame` is (origin, axis, down), `curves` are (upper, lower, above) at `u`.
    """
    width = (u[-1] - u[0]) / (1 + 2 * CURVE_MARGIN)
    along, depth = np.linspace(0, width, 40), np.linspace(0.15, 0.9, 20)[:, None]
    upper, lower, above = (np.interp(along, u, curve)[None] for curve in curves)
    # Of the skin above and below: the socket itself is dark in any light.
    across = np.concatenate([upper + (above - upper) * depth, lower + 0.3 * width * depth])
    lightness = np.quantile(paint_in_frame(image, frame, along, across).mean(axis=2), 0.75)
    share = min(float(lightness) / (_LIT_SKIN * max(float(highlight.mean()), 1.0)), 1.0)
    hue = own_hue(highlight, 0.5)
    return np.asarray(share * (hue * highlight + (1 - hue) * highlight.mean()), np.float32)


def _paint_eyeball(
    image: Image,
    box: tuple[int, int, int, int],
    opening: NDArray[np.bool_],
    axis: Array,
    centre: Array,
    radius: float,
    softness: float,
) -> tuple[Image, NDArray[np.uint8]]:
    """The white of the eye without its iris, and the iris completed behind the lids."""
    import cv2

    x0, y0, x1, y1 = box
    patch = image[y0:y1, x0:x1]
    x, y = np.meshgrid(np.arange(x0, x1), np.arange(y0, y1))
    distance = np.hypot(x - centre[0], y - centre[1])
    seen_white = opening & (distance > 1.15 * radius)
    seen_iris = opening & (distance < radius)

    if seen_white.sum() >= 12:
        # Between iris and lid lie the iris' soft rim and the lid's shadow: there the white beside it counts for more.
        beside = seen_white & (np.abs((x - centre[0]) * axis[0] + (y - centre[1]) * axis[1]) > 0.9 * radius)
        white = _spread(patch, beside if beside.sum() >= 12 else seen_white, sigma=max(radius * 0.5, 1.0))
        seen_white &= beside | (patch.mean(axis=2) > 0.9 * white.mean(axis=2))
    else:
        # Lowered lids hide it: a muted white, from the light of the skin around the eye.
        bright = np.quantile(patch.reshape(-1, 3).astype(np.float32), 0.8, axis=0)
        white = np.broadcast_to(0.55 * bright + 0.45 * bright.mean(), patch.shape).astype(np.float32)

    # By distance from the centre, from what is seen; where nothing is, the pupil's or the rim's neighbour serves.
    steps = np.linspace(0, 1, 9)
    rings = np.zeros((len(steps), 3), np.float32)
    known = np.zeros(len(steps), bool)
    for index, ring in enumerate(steps):
        members = seen_iris & (np.abs(distance / radius - ring) < 0.1)
        if members.sum() >= 3:
            rings[index], known[index] = np.median(patch[members], axis=0), True
    if known.any():
        for channel in range(3):
            rings[:, channel] = np.interp(steps, steps[known], rings[known, channel])
    else:
        rings[:] = np.quantile(patch.reshape(-1, 3), 0.05, axis=0)
    iris = np.stack([np.interp(distance / radius, steps, rings[:, channel]) for channel in range(3)], axis=2)
    # The painter's own strokes where they are seen, the rings behind the lids, and no seam between.
    seen = cv2.GaussianBlur(opening.astype(np.float32), (0, 0), max(radius * 0.12, 0.7))
    seen = np.where(opening, np.clip(2 * seen - 1, 0, 1), 0)[:, :, None]
    iris = seen * patch + (1 - seen) * iris
    alpha = np.clip((0.99 * radius - distance) / (max(radius * 0.14, 1.0) * softness) + 0.5, 0, 1)
    keep = np.where(seen_white[:, :, None], patch, white)
    keep = cv2.GaussianBlur(keep.astype(np.float32), (0, 0), 0.6) if seen_white.any() else keep
    rgba = np.concatenate([iris, 255 * alpha[:, :, None]], axis=2)
    return np.clip(keep, 0, 255).astype(np.uint8), np.clip(rgba, 0, 255).astype(np.uint8)


def _paint_lid(
    image: Image,
    box: tuple[int, int, int, int],
    frame: tuple[Array, Array, Array],
    u: Array,
    curves: tuple[Array, Array, Array],
) -> Image:
    """The closed upper lid over `box`; `frame` is (origin, axis, down), `curves` are (upper, lower, above) at `u`.

    Stretched over the eye, the few strokes above a painted eye become streaks, and the dark of its fold a smudge. A lid
    is smooth along the eye, catches light where it bulges, as the cheek does, and is as rough as the cheek's paint.
    """
    import cv2

    origin, axis, down = frame
    upper, lower, above = curves
    width = (u[-1] - u[0]) / (1 + 2 * CURVE_MARGIN)
    closed = upper + CLOSED * (lower - upper)
    along = np.arange(np.floor(u[0]), np.ceil(u[-1]) + 1)
    across = np.arange(np.floor(above.min()), np.ceil(closed.max()) + 0.1 * width + 1)[:, None]
    edge, rest, end = (np.interp(along, u, curve)[None].astype(np.float32) for curve in (closed, upper, above))

    skin = paint_in_frame(image, frame, along, stretched(across.astype(np.float32), edge, rest, end))
    skin = cv2.GaussianBlur(skin, (0, 0), sigmaX=0.13 * width, sigmaY=0.045 * width, borderType=cv2.BORDER_REPLICATE)
    cheek = paint_in_frame(image, frame, along, np.broadcast_to(across + 0.55 * width, (len(across), len(along))))
    lit = cv2.GaussianBlur(cheek, (0, 0), sigmaX=0.13 * width, sigmaY=0.09 * width, borderType=cv2.BORDER_REPLICATE)
    bulge = smooth_step((across - end) / np.maximum(edge - end, 1e-3))
    bulge *= smooth_step(np.minimum(along, width - along) / (0.3 * width))
    skin += _LID_LIGHT * bulge[:, :, None] * np.maximum(lit - skin, 0)
    skin += cheek - cv2.GaussianBlur(cheek, (0, 0), 0.04 * width, borderType=cv2.BORDER_REPLICATE)

    x0, y0, x1, y1 = box
    x, y = np.meshgrid(np.arange(x0, x1) - origin[0], np.arange(y0, y1) - origin[1])
    column = (x * axis[0] + y * axis[1] - along[0]).astype(np.float32)
    row = (x * down[0] + y * down[1] - across[0]).astype(np.float32)
    lid = cv2.remap(skin, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(np.rint(lid), 0, 255), np.uint8)


def _spread(patch: Image, known: NDArray[np.bool_], *, sigma: float) -> Float32:
    """Colours known at some pixels carried everywhere, by normalised convolution at growing widths."""
    import cv2

    height, width = known.shape
    total = np.zeros((height, width, 4), np.float32)
    base = np.dstack([patch, np.ones_like(known)]) * known[:, :, None].astype(np.float32)
    for factor, share in ((1.0, 1.0), (3.0, 1e-3), (12.0, 1e-6)):
        # The widest blur of a large scan takes seconds; what is so smooth is as well seen at a fraction of its size.
        shrink = max(int(sigma * factor / _FINE_SIGMA), 1)
        small = cv2.resize(base, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(small, (0, 0), sigma * factor / shrink)
        total += share * cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return (total[:, :, :3] / np.maximum(total[:, :, 3:], 1e-12)).astype(np.float32)
