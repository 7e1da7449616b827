"""The mouth of a rig: the lips are a cut, and behind it lie a cavity, teeth and a tongue in the painting's palette.

The two lips are layers of paint that move by fields of their own and agree everywhere but at the cut, the lip line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.fields import Grid
from visavis.portrait.hull import inside_hull
from visavis.portrait.lipline import LipLine
from visavis.portrait.paint import LUMA, own_hue, paint_in_frame
from visavis.portrait.parting import Parting
from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER, LIP_OUTER_LOWER
from visavis.types import BLENDSHAPE_INDEX, Float32, Image

__all__ = [
    "Mouth", "Palette", "cavity_shade", "light_along", "lip_masks", "lips_stir", "mouth_box", "paint_inside",
    "read_palette", "tooth_scale",
]  # fmt: skip

Array = NDArray[np.float64]

#: The hue of teeth as old varnish shows them, of unit lightness.
_IVORY: Final = np.array([1.07, 1.0, 0.80], np.float32)
#: From this hue of the lit skin on, as its largest departure from grey, a painting is one in colours.
_COLOURED: Final = 0.05
#: Light of a tooth that nothing shades, for one of the skin where it is lit.
_TOOTH_LIGHT: Final = 1.25
#: How fast red, green and blue fade with the light in the depth of a mouth, for one of brightness.
_MOUTH_HUE: Final = np.array([0.84, 1.04, 1.2], np.float32)
#: Skin around a mouth in full light is so light beside the face's highlight. In shadow it is less, and so are the
#: teeth, but never less than this share: who painted them would not let them drown.
_LIT_SKIN: Final = 0.65
_LEAST_LIT: Final = 0.35
#: Where along the mouth its light is looked up, from its middle in widths.
_ALONG: Final = np.linspace(-0.75, 0.75, 31)
#: An adult's face is about 140 mm wide and its mouth at rest 50 mm; teeth are drawn to that scale.
_FACE_MM: Final = 140.0
_MOUTH_MM: Final = 50.0
#: Room for an opened mouth beside, above and below its line: in widths of the mouth, and in face widths at least, since
#: seen from the side a mouth is short while its corners go as far as ever.
_MOUTH_ROOM: Final = ((0.35, 0.15), (0.45, 0.12), (0.95, 0.29))
#: Radius of the arch on which the teeth stand.
_ARCH_MM: Final = 27.0
#: Widths of the upper front teeth from the middle outwards, in millimetres (Magne et al., 2003), and of the lower ones.
_UPPER_TEETH_MM: Final = (8.6, 6.8, 7.6, 7.0, 6.6)
_LOWER_TEETH_MM: Final = (5.4, 6.0, 6.8, 7.0, 7.0)
#: How far the upper front teeth are seen below the line of the lips when these part: 2 to 3 mm in young adults (Vig and
#: Brundo, "The kinetics of anterior tooth display", 1978); and how much higher the edge lies at the eye teeth.
_SHOWN_MM: Final = 3.0
_SMILE_ARC_MM: Final = 2.4
#: A closed mouth's lower teeth stand behind the upper ones.
_OVERBITE_MM: Final = 1.5
#: How far the tongue rises behind the lower teeth.
_TONGUE_MM: Final = 13.0
#: The shadow of each lip on what lies behind it: how much of the light it takes, and how deep it falls, in millimetres.
_UPPER_SHADOW: Final = (0.3, 2.2)
_LOWER_SHADOW: Final = (0.35, 1.5)

#: Puckered lips are a short tunnel: so much of the light does not come to its end.
_PUCKER_SHADE: Final = 0.74

#: How much of a lip's soft edge lies beyond the line between the lips. More would show the other lip's paint beyond the
#: painted line as a second outline; less would let the cavity shine through a closed mouth.
_BEYOND: Final = 0.7
#: And how much of it beyond the edge of a lip that is painted apart from the other.
_EDGE: Final = 0.1
#: Of lips that have moved so far, nothing is left that is painted between them.
_STIRRED_MM: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Colours that a painting gives to a mouth; each (3,) float32, RGB from 0 to 255."""

    light: Float32
    lip: Float32
    dark: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth of a rig. Pictures and masks cover `grid.box`; K motions are the rig's.

    Attributes:
        grid: the part of the rig's grid around the mouth.
        line: the cut between the lips.
        upper, lower: (K, rows, columns, 2) float32, displacements of the two layers of paint.
        upper_mask, lower_mask: (h, w, 3) uint8, how much of the paint belongs to each layer, how much of the light
            behind it that lip takes away, and how much of the paint belongs to it once painted lips have stirred.
        stir: (K, 4) float32, how far each motion moves the middle of lips that are painted apart, x and y of the upper,
            then of the lower, in the lengths over which what is painted between them goes; all 0 for other mouths.
        cavity: (h, w, 3) uint8 RGB, the depth of the mouth with tongue and lower teeth, which move with the jaw.
        upper_teeth: (h, w, 4) uint8 RGBA, the upper teeth with their gum, which stay with the skull.
        shade: (K,) float32, how much of the light each motion keeps from the cavity; from the upper teeth, which stand
            before it, the square of the sum.
        skull, jaw: (K, 2) float32, displacement in pixels of the upper and of the lower teeth.
        gap: how far the painted lips are parted, in pixels.
    """

    grid: Grid
    line: LipLine
    upper: Float32
    lower: Float32
    upper_mask: NDArray[np.uint8]
    lower_mask: NDArray[np.uint8]
    stir: Float32
    cavity: Image
    upper_teeth: NDArray[np.uint8]
    shade: Float32
    skull: Float32
    jaw: Float32
    gap: float


def mouth_box(points: Array, face_width: float) -> tuple[float, float, float, float]:
    """Where an opened mouth may reach, `x0, y0, x1, y1` in pixels, for (478, 2) points."""
    inner = points[list(LIP_INNER_UPPER + LIP_INNER_LOWER)]
    width = float(np.linalg.norm(points[LIP_INNER_UPPER[-1]] - points[LIP_INNER_UPPER[0]]))
    side, above, below = (max(own * width, least * face_width) for own, least in _MOUTH_ROOM)
    (x0, y0), (x1, y1) = inner.min(axis=0), inner.max(axis=0)
    return x0 - side, y0 - above, x1 + side, y1 + below


def lip_masks(
    line: LipLine, grid: Grid, *, mm: float, softness: float = 1.0, parting: Parting | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Coverage, shadow and coverage when stirred of the upper and of the lower layer, (h, w, 3) uint8 over `grid.box`.

    They overlap by about the thickness of the painted line, so that a closed mouth shows no gap and a parted one keeps
    the line's dark on both lips. Beyond the corners, where both layers move alike, the line is drawn out straight. What
    lies behind a lip is the darker the nearer it is: light falls into a mouth between the lips, mostly from above.

    Args:
        line: between the lips.
        grid: where.
        mm: pixels of a millimetre.
        softness: how much wider edges are than in a crisp painting (`paint.edge_softness`).
        parting: of lips that are painted apart. What is painted between them belongs to neither once they stir.
    """
    pixels = grid.pixels()
    along, depth = line.along(pixels), line.depth(pixels)
    soft = max(0.035 * line.width, 1.5) * softness
    # Beyond the corners nothing lies between the layers: there they cover each other's edge, or a hairline would show.
    outside = np.clip(np.maximum(-along, along - line.width) / (2 * soft), 0, 1)
    reach = max(0.004 * line.width, 0.4) + (_BEYOND + (1.1 - _BEYOND) * outside) * soft
    edges, apart = (depth, -depth), np.zeros(depth.shape)
    if parting is not None:
        edges, apart = (parting.upper.depth(pixels), -parting.lower.depth(pixels)), parting.open_at(pixels)
    upper, lower = (
        np.stack(
            [
                np.clip((reach - away) / soft, 0, 1),
                darkest * np.exp(-np.maximum(away, 0) / (length * mm)),
                np.clip((reach - away + apart * np.minimum(_EDGE * soft - beyond - reach + away, 0)) / soft, 0, 1),
            ],
            axis=2,
        )
        for away, beyond, darkest, length in ((depth, edges[0], *_UPPER_SHADOW), (-depth, edges[1], *_LOWER_SHADOW))
    )
    return (upper * 255).astype(np.uint8), (lower * 255).astype(np.uint8)


def tooth_scale(line: LipLine, face_width: float) -> float:
    """Pixels of a millimetre in a mouth: the face's scale too, since many a painter made mouths smaller than life."""
    return max(line.width / _MOUTH_MM, 0.8 * face_width / _FACE_MM)


def cavity_shade(motions: int) -> Float32:
    """How much of the light each motion keeps from the cavity, (`motions`,); the first 52 are the blendshapes."""
    shade = np.zeros(motions, np.float32)
    shade[BLENDSHAPE_INDEX["mouthPucker"]] = _PUCKER_SHADE
    return shade


def lips_stir(line: LipLine, grid: Grid, upper: Array, lower: Array, *, mm: float) -> Float32:
    """How far each motion moves the middle of painted lips, (K, 4): x and y of the upper, then of the lower.

    Where either moves by 1 in sum, nothing is left of what is painted between them. Head and breath move both as one.

    Args:
        line: between the lips.
        grid: of the fields.
        upper, lower: (K, rows, columns, 2), displacements of the two layers of paint.
        mm: pixels of a millimetre.
    """
    place = np.rint((line.points[len(line.points) // 2] - (grid.x0, grid.y0)) / grid.step).astype(int)
    column, row = np.clip(place, 0, (grid.columns - 1, grid.rows - 1))
    stir = np.concatenate([layer[:, row, column] for layer in (upper, lower)], axis=1)
    stir[len(BLENDSHAPE_INDEX) :] = 0
    return np.asarray(stir / (_STIRRED_MM * mm), np.float32)


def read_palette(image: Image, points: Array) -> Palette:
    """The painting's own colours for light, lips and dark, from (478, 2) landmarks in pixels."""
    import cv2

    pixels = image[inside_hull(points, image.shape)].astype(np.float32)
    light = pixels @ LUMA
    lips = np.zeros(image.shape[:2], np.uint8)
    outline = np.concatenate([points[list(LIP_INNER_LOWER)], points[list(LIP_OUTER_LOWER[-2:0:-1])]])
    cv2.fillPoly(lips, [outline.astype(np.int32)], 255)
    lip = image[lips > 0].astype(np.float32)
    bands = np.quantile(light, [0.12, 0.9, 0.985])
    return Palette(
        light=pixels[(light >= bands[1]) & (light <= bands[2])].mean(axis=0),
        lip=lip.mean(axis=0) if len(lip) else pixels.mean(axis=0),
        dark=pixels[light <= bands[0]].mean(axis=0),
    )


def light_along(image: Image, line: LipLine, palette: Palette) -> Float32:
    """How much of the face's light comes to a mouth, (31,) from its subject's right to its left, up to 1.

    What is behind the lips is lit from the side that they are lit from, and lies in the shadow that they lie in.
    """
    import cv2

    width = line.width
    frame = line.points[[0, -1]].astype(np.float64).mean(axis=0), line.axis, line.down
    # From below the nose to the chin; the lightest skin of each column, since lips, beards, nostrils are always dark.
    around = paint_in_frame(image, frame, _ALONG * width, np.linspace(-0.5, 0.8, 40)[:, None] * width)
    lightness = np.quantile(around.mean(axis=2), 0.8, axis=0)[None].astype(np.float32)
    smooth = cv2.GaussianBlur(lightness, (0, 0), sigmaX=4, borderType=cv2.BORDER_REPLICATE)[0]
    full = _LIT_SKIN * max(float(palette.light.mean()), 1.0)
    return np.asarray(np.clip(smooth / full, _LEAST_LIT, 1), np.float32)


def paint_inside(
    line: LipLine,
    grid: Grid,
    palette: Palette,
    lit: Float32,
    *,
    mm: float,
    grain: float,
    softness: float = 1.0,
    seed: int = 0,
) -> tuple[Image, NDArray[np.uint8]]:
    """Paint what an opened mouth shows, over `grid.box`.

    Args:
        line: between the lips.
        grid: where.
        palette: the painting's colours.
        lit: how much of the face's light comes there, as `light_along` gives it.
        mm: pixels of a millimetre.
        grain: standard deviation of the painting's surface, in grey levels, so that new paint is as old as the rest.
        softness: how much wider edges are than in a crisp painting (`paint.edge_softness`).
        seed: of the grain.

    Returns:
        The cavity with tongue and lower teeth, (h, w, 3) uint8 RGB, and the upper teeth, (h, w, 4) uint8 RGBA.
    """
    import cv2

    u, v = _mouth_places(line, grid, mm)
    pixel = 1 / mm
    # The arch curves away: teeth darken and shrink to the sides, and their edge follows the smile of the upper lip.
    edge = np.asarray(_SHOWN_MM - _SMILE_ARC_MM * (u / 22) ** 2, np.float32)
    light = np.asarray(np.clip(1 - np.abs(u / 25) ** 2.2, 0, 1), np.float32)
    cavity = _paint_jaw(u, v, edge - np.float32(_OVERBITE_MM), light, palette, pixel)
    teeth = _paint_upper_teeth(u, v, edge, light, palette, pixel)

    noise = np.random.default_rng(seed).normal(0, 1, u.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.7)
    noise = (noise / noise.std() * grain)[:, :, None]
    soft = max(0.45 * mm, 0.8) * softness
    share = np.interp(u * mm / line.width, _ALONG, lit)[:, :, None].astype(np.float32)
    painted = []
    for picture in (cavity, teeth):
        picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), soft)
        picture[:, :, :3] *= share * (1 + noise / 128)
        painted.append(np.clip(picture, 0, 255).astype(np.uint8))
    return painted[0], painted[1]


def _mouth_places(line: LipLine, grid: Grid, mm: float) -> tuple[Float32, Float32]:
    """Every pixel's place in the mouth in millimetres: `u` from the middle, `v` down from the lip line there."""
    centre = line.points[[0, -1]].mean(axis=0)
    offset = grid.pixels() - centre
    u, v = offset @ line.axis / mm, (offset @ line.down + line.depth(centre)) / mm
    return u.astype(np.float32), v.astype(np.float32)


def _paint_jaw(u: Float32, v: Float32, edge: Float32, light: Float32, palette: Palette, pixel: float) -> Float32:
    """The depth of the mouth, the tongue, and before it the lower teeth down from an edge; (h, w, 3) float32."""
    # Deep inside it is nearly black, and warm, as glazes over a brown ground would be.
    deep = palette.dark * 0.26 + palette.lip * 0.08
    # The tongue rises behind the lower teeth, lit where it comes forward and lost in the dark behind.
    mound = _TONGUE_MM * np.clip(1 - (u / 19) ** 2, 0, None)
    forward = np.clip((v - edge + mound) / 11.0, 0, 1)
    side = np.clip((21 - np.abs(u)) / 9, 0, 1)
    groove = 1 - 0.16 * np.exp(-((u / 1.8) ** 2)) * forward
    share = (forward * (2 - forward) * side * groove)[:, :, None]
    tongue = palette.lip * 0.44 + palette.dark * 0.08
    picture = deep * (1 - share) + tongue * share

    alpha, shade = _tooth_row(u, v, _LOWER_TEETH_MM, top=edge, bottom=edge + 30, pixel=pixel)
    # Below the teeth the gum goes on behind the lip, in arcs, darker the deeper it lies.
    gum = np.clip((v - edge - 7.5 - 1.2 * (shade - 1)) / 1.0, 0, 1)[:, :, None]
    # Light that comes so deep has been on lips before: grey teeth in a warm mouth would look blue.
    teeth = _tooth_colour(palette) * _warm(0.85 * shade * (0.35 + 0.65 * light), palette)
    sunk = (0.35 + 0.65 * light) * np.clip(1 - (v - edge - 8) / 26, 0.35, 1)
    colour = teeth * (1 - gum) + (palette.lip * 0.5 + palette.dark * 0.08) * sunk[:, :, None] * gum
    return np.asarray(picture * (1 - alpha[:, :, None]) + colour * alpha[:, :, None], np.float32)


def _paint_upper_teeth(
    u: Float32, v: Float32, edge: Float32, light: Float32, palette: Palette, pixel: float
) -> Float32:
    """The upper teeth down to the given edge, and their gum; (h, w, 4) float32, RGB and coverage."""
    alpha, shade = _tooth_row(u, v, _UPPER_TEETH_MM, top=edge - 24, bottom=edge, pixel=pixel)
    # The gum begins in arcs above the teeth; few expressions lift the lip so far.
    gum = np.clip((edge - 9.5 + 1.2 * (1 - shade) - v) / 1.0, 0, 1)[:, :, None]
    depth = ((0.8 + 0.2 * np.clip((v - edge + 9) / 9, 0, 1)) * (0.4 + 0.6 * light))[:, :, None]
    colour = _tooth_colour(palette) * shade[:, :, None] * (1 - gum) + (palette.lip * 0.62 + palette.dark * 0.1) * gum
    return np.concatenate([colour * depth, 255 * alpha[:, :, None]], axis=2)


def _warm(light: Float32, palette: Palette) -> Float32:
    """Of (h, w) shares of light in the depth of a mouth, (h, w, 3) of red, green and blue."""
    hue = 1 + _colourfulness(palette) * (_MOUTH_HUE - 1)
    return np.asarray(light[:, :, None] ** hue, np.float32)


def _colourfulness(palette: Palette) -> float:
    """From 0, for a grey picture, to 1, for one in colours."""
    own = palette.light / max(float(palette.light @ LUMA), 1.0)
    return min(float(np.abs(own - 1).max()) / _COLOURED, 1.0)


def _tooth_colour(palette: Palette) -> Float32:
    """Ivory in the painting's light: a little lighter than its lit skin, half of its hue or more; grey in grey."""
    grey = float(palette.light @ LUMA)
    own, coloured = palette.light / max(grey, 1.0), _colourfulness(palette)
    share = own_hue(palette.light, 0.55)
    return np.asarray(grey * _TOOTH_LIGHT * (share * own + (1 - share) * (1 + coloured * (_IVORY - 1))), np.float32)


def _tooth_row(
    u: Float32, v: Float32, widths: tuple[float, ...], *, top: Float32, bottom: Float32, pixel: float
) -> tuple[Float32, Float32]:
    """Coverage and shading of a row of teeth; all in millimetres, with `u` from the middle."""
    edges = np.cumsum(widths)
    # The arch turns away from the viewer: its visible extent is a little less than the teeth laid side by side.
    edges = _ARCH_MM * np.sin(np.clip(edges / _ARCH_MM, 0, 1.5))
    distance = np.min(np.abs(np.abs(u)[:, :, None] - np.concatenate([[0.0], edges])), axis=2)
    soft = max(0.5, pixel)
    alpha = np.clip((v - top) / soft, 0, 1) * np.clip((bottom - v) / soft, 0, 1)
    alpha = alpha * np.clip((edges[-1] - np.abs(u)) / 5, 0, 1)
    shade = 1 - 0.16 * np.exp(-((distance / max(0.35, pixel * 0.6)) ** 2))
    return alpha.astype(np.float32), shade.astype(np.float32)
