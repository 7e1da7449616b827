"""Paint that is moved, and stays as sharp as it was.

Paint that moves by a fraction of a pixel is interpolated, and interpolation takes away what is finest: the grain of a
canvas, one pixel wide, is gone halfway between two pixels. So it is laid on bilinearly, which is quick, and sharpened
by what that took: nothing where a pixel came from a whole one, most where it came from between two or four.

With `f` the fractions of the place a pixel came from, `w = 1 - (1 - 2 fx)^2 (1 - 2 fy)^2`, and `s` the painting's
`sharpness`:

    paint = bilinear + s * w * (bilinear - blurred)        blurred by [1 2 1] / 4 along both axes

Halfway between two pixels along a row this is the family of cubic kernels of four taps (R. Keys, "Cubic convolution
interpolation for digital image processing", 1981), whose sharpness is a parameter; here it is measured, since a soft
painting loses less than a grainy one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.hull import inside_hull
from visavis.portrait.warp import part_of
from visavis.types import Float32, Image

__all__ = [
    "LUMA", "Pixels", "edge_softness", "face_detail", "face_sharpness", "measure_sharpness", "moved_paint", "over",
    "own_hue", "paint_in_frame", "prepared", "squeezed_paint", "texture_energy",
]  # fmt: skip

#: Blue for one of red in lit skin, from where on a varnish is taken to have yellowed it, and where it has wholly; a
#: white then takes so much more of the skin's hue.
_YELLOW: Final = (0.66, 0.4)
_VARNISH: Final = 0.3
#: Brightness of red, green and blue (ITU-R BT.601).
LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
#: (h, w, 4) uint8: RGB, and a chequerboard of 0 and 255.
Pixels = NDArray[np.uint8]

#: How much of the paint's texture energy sharpening gives back, over all fractions of a pixel: teeth, folds and skin
#: that is pushed together bring some of their own, and with this the emotions lie evenly around what the painting has.
_KEPT: Final = 0.91
#: More would show as outlines.
_SHARPEST: Final = 1.0
#: Texture energy, in squared grey levels, of a face whose own edges are as crisp as new ones: Mona Lisa's has 980, with
#: all its cracks, and a smooth Gainsborough or Reynolds a tenth. Edges are drawn wider by at most so much.
_CRISP: Final = 1000.0
_SOFTEST: Final = 2.1
#: Width of a face at which its detail is measured, in pixels.
_SEEN_WIDTH: Final = 120
#: Pixels from a pixel's place to its neighbour's where paint begins to be blurred, and where it is so wholly.
_UNSQUEEZED: Final = 1.25
_SQUEEZED: Final = 2.25
#: Fractions of a pixel at which the loss is measured, with their weights: those beyond one half mirror those before.
_FRACTIONS: Final = ((0.0, 1.0), (0.25, 2.0), (0.5, 1.0))


def prepared(picture: Image) -> Pixels:
    """A picture, or a part of it, as `moved_paint` takes it.

    The fourth channel costs nothing to carry along, since four are interpolated faster than three. Between the 0 and
    255 of a chequerboard it comes to `v = fx + fy - 2 fx fy` or `1 - v`, of which `w = 4 v (1 - v)`.
    """
    pixels = np.empty((*picture.shape[:2], 4), np.uint8)
    pixels[:, :, :3] = picture
    row = np.arange(picture.shape[1], dtype=np.uint8) & 1
    pixels[0::2, :, 3] = 255 * row
    pixels[1::2, :, 3] = 255 - 255 * row
    return pixels


def moved_paint(
    pixels: Pixels, places: Float32, sharpness: float, *, rows: slice = slice(None), out: Image | None = None
) -> Image:
    """The paint that comes from `places`, as (h, w, 3) uint8 RGB.

    At whole places it is the paint itself, bit for bit; beyond the border the border is repeated.

    Args:
        pixels: as `prepared` gives them; their light may have been changed.
        places: (h, w, 2) float32, x and y in `pixels`.
        sharpness: from 0 to 1.
        rows: of `places` that are given back; the others are neighbours to be blurred with.
        out: where to write.
    """
    import cv2

    mixed = cv2.remap(pixels, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if sharpness == 0:
        return cv2.cvtColor(mixed[rows], cv2.COLOR_RGBA2RGB, dst=out)  # type: ignore[no-any-return]
    share = cv2.LUT(cv2.extractChannel(mixed, 3), _shares(sharpness))
    share = cv2.merge((share, share, share))
    # In bytes, which are many times faster than floats; what is lighter and what is darker than around it go apart.
    paint = cv2.cvtColor(mixed, cv2.COLOR_RGBA2RGB)
    blurred = cv2.GaussianBlur(paint, (3, 3), 0)
    lighter, darker = cv2.subtract(paint, blurred), cv2.subtract(blurred, paint)
    cv2.multiply(lighter, share, dst=lighter, scale=1 / 255)
    cv2.multiply(darker, share, dst=darker, scale=1 / 255)
    cv2.add(paint, lighter, dst=paint)
    return cv2.subtract(paint[rows], darker[rows], dst=out)  # type: ignore[no-any-return]


def squeezed_paint(pixels: Pixels, places: Float32, sharpness: float, squeeze: Float32) -> Image:
    """As `moved_paint`, but paint that is squeezed together comes blurred, by [1 2 1] / 4 along both axes.

    Between two pixels that come from far apart, others are left out; what is left out by chance shows as jags, and
    sharpening would make them worse. `squeeze` is that distance in pixels, (h, w).
    """
    import cv2

    paint = moved_paint(pixels, places, sharpness)
    part = part_of(squeeze > _UNSQUEEZED)
    if part is None:
        return paint
    height, width = pixels.shape[:2]
    (x0, x1), (y0, y1) = (
        (min(max(int(least) - 1, 0), end - 1), min(max(int(most) + 3, 1), end))
        for (least, most, *_), end in zip(map(cv2.minMaxLoc, cv2.split(places[part])), (width, height), strict=True)
    )
    blurred = cv2.GaussianBlur(pixels[y0:y1, x0:x1], (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
    from_blurred = cv2.subtract(places[part], (float(x0), float(y0), 0.0, 0.0))
    calm = cv2.remap(blurred, from_blurred, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    scale = 255 / (_SQUEEZED - _UNSQUEEZED)
    soft = cv2.addWeighted(squeeze[part], scale, squeeze[part], 0, -_UNSQUEEZED * scale, dtype=cv2.CV_8U)
    paint[part] = over(paint[part], cv2.cvtColor(calm, cv2.COLOR_RGBA2RGB), soft)
    return paint


def over(below: Image, above: Image, alpha: NDArray[np.uint8]) -> Image:
    """`above` with its coverage (0 to 255) laid over `below`."""
    import cv2

    cover = cv2.merge((alpha, alpha, alpha))
    above = cv2.multiply(above, cover, scale=1 / 255)
    below = cv2.multiply(below, cv2.bitwise_not(cover), scale=1 / 255)
    return cv2.add(above, below, dst=above)  # type: ignore[no-any-return]


def paint_in_frame(
    image: Image,
    frame: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    along: NDArray[np.float64],
    across: NDArray[np.float64] | Float32,
) -> Float32:
    """The paint at places of a feature's own frame, (rows, columns, 3) float32; the border is repeated beyond it.

    Args:
        image: (H, W, 3) uint8 RGB.
        frame: the origin in pixels, and the unit vectors along and across, (2,) each.
        along: (columns,) pixels from the origin.
        across: (rows, columns) or (rows, 1) pixels.
    """
    import cv2

    origin, axis, down = frame
    places = origin + along[None, :, None] * axis + across[:, :, None] * down
    x, y = cv2.split(places.astype(np.float32))
    pixels = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(pixels, np.float32)


@lru_cache(maxsize=8)
def _shares(sharpness: float) -> NDArray[np.uint8]:
    """How much of the sharpening a pixel takes, of 255, for each value of its fourth channel."""
    between = np.linspace(0, 1, 256)
    return np.rint(255 * sharpness * 4 * between * (1 - between)).astype(np.uint8)


def texture_energy(image: Image, mask: NDArray[np.bool_]) -> float:
    """Variance of the Laplacian of the grey picture where `mask` is set, in squared grey levels."""
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[mask].var())


def face_sharpness(painting: Image, points: NDArray[np.float64]) -> float:
    """How much moved paint of a face must be sharpened, for (N, 2) landmarks in pixels."""
    return measure_sharpness(*_face_of(painting, points))


def edge_softness(painting: Image, points: NDArray[np.float64]) -> float:
    """How much wider than in a crisp face new edges are drawn in this one, from 1; (N, 2) landmarks in pixels.

    Lips that part and teeth bring edges that the painting does not have. Where it is modelled without any, as in smoke,
    crisp ones would lie on it like cut paper.
    """
    energy = texture_energy(*_face_of(painting, points))
    return float(np.clip((_CRISP / max(energy, 1e-9)) ** (1 / 3), 1, _SOFTEST))


def face_detail(painting: Image, points: NDArray[np.float64], face_width: float) -> float:
    """How much fine detail a face has for its modelling, whatever its size and contrast.

    The texture energy of the face at `_SEEN_WIDTH` pixels, over the variance of its light; larger pictures are brought
    to that size first. Painted faces have 0.04 to 0.9; blurred by a fiftieth of their width, a tenth of that and less.

    Args:
        painting: (H, W, 3) uint8 RGB.
        points: (N, 2) landmarks in pixels.
        face_width: in pixels.
    """
    import cv2

    face, mask = _face_of(painting, points)
    scale = _SEEN_WIDTH / face_width
    if scale < 1:
        face = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask.astype(np.uint8), face.shape[1::-1]) > 0
    modelled = float(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[mask].var())
    return texture_energy(face, mask) / max(modelled, 1.0) * max(scale, 1.0) ** 2


def own_hue(light: Float32, share: float) -> float:
    """How much of the hue of lit skin a white beside it takes: `share`, and more under a yellowed varnish.

    Varnish yellows white and skin alike, and skin by nature is seldom yellower than this.

    >>> own_hue(np.array([226, 180, 153], np.float32), 0.5)
    0.5
    >>> own_hue(np.array([225, 184, 96], np.float32), 0.5) > 0.7
    True
    """
    ratio = float(light[2]) / max(float(light[0]), 1.0)
    return share + _VARNISH * float(np.clip((_YELLOW[0] - ratio) / (_YELLOW[0] - _YELLOW[1]), 0, 1))


def _face_of(painting: Image, points: NDArray[np.float64]) -> tuple[Image, NDArray[np.bool_]]:
    """The window around a face, and where the face is in it."""
    mask = inside_hull(points, painting.shape)
    (x0, y0), (x1, y1) = np.rint([points.min(axis=0), points.max(axis=0)]).astype(int)
    window = np.s_[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1]
    return painting[window], mask[window]


def measure_sharpness(picture: Image, mask: NDArray[np.bool_]) -> float:
    """How much moved paint must be sharpened, so that the grain within a mask keeps its texture energy.

    Texture energy is the variance of the Laplacian. Sharpened by `s` it is `e + 2 c s + h s^2` for each fraction of a
    pixel, so its mean over all of them is met by solving one quadratic equation.

    Args:
        picture: (H, W, 3) uint8 RGB.
        mask: (H, W).

    Returns:
        From 0, for a picture without any grain, to 1.
    """
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # Where a neighbour lies outside of the mask, it is not known.
    mask = cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
    energy = float(cv2.Laplacian(grey, cv2.CV_32F)[mask].var()) if mask.any() else 0.0
    if energy < 1e-6:
        return 0.0
    left = cross = gained = 0.0
    total = sum(weight for _, weight in _FRACTIONS) ** 2
    for fx, weight_x in _FRACTIONS:
        for fy, weight_y in _FRACTIONS:
            weight = weight_x * weight_y / total
            kernel_x, kernel_y = np.array([1 - fx, fx]), np.array([1 - fy, fy])
            shifted = cv2.sepFilter2D(grey, cv2.CV_32F, kernel_x, kernel_y, anchor=(0, 0))
            loss = 1 - (1 - 2 * fx) ** 2 * (1 - 2 * fy) ** 2
            fine = loss * (shifted - cv2.GaussianBlur(shifted, (3, 3), 0))
            base, more = (cv2.Laplacian(part, cv2.CV_32F)[mask] for part in (shifted, fine))
            left += weight * float(base.var())
            cross += weight * float(((base - base.mean()) * (more - more.mean())).mean())
            gained += weight * float(more.var())
    missing = _KEPT * energy - left
    if missing <= 0 or gained <= 0:
        return 0.0
    return min(float((np.sqrt(cross**2 + gained * missing) - cross) / gained), _SHARPEST)
