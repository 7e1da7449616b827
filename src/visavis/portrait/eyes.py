"""The eyes of a rig: lids that slide over an eyeball whose iris can turn.

An eye is described in its own frame: `u` along the line from the outer to the inner corner, `v` across it, downwards,
in pixels. The lids are curves `v(u)`. When a lid moves, the skin between its edge and a far border stretches along `v`,
most of it away from the edge, so that the line of the lashes keeps its thickness; between the lids lies the eyeball.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.easing import smooth_step
from visavis.types import Float32, Image

__all__ = ["CLOSED", "CURVE_MARGIN", "CURVE_SAMPLES", "Eye", "still_where_hidden", "stretched"]

#: Samples of each curve over `u`, from a little outside of one corner to a little outside of the other.
CURVE_SAMPLES: Final = 65
#: How far the curves go beyond the corners, in eye widths.
CURVE_MARGIN: Final = 0.25
#: Where a full blink brings the upper lid, in apertures below its painted place: over the margin of the lower one.
CLOSED: Final = 1.25
#: An eye of which less is seen than this share of the other one is turned away.
_SEEN: Final = 0.53


class LidLook(NamedTuple):
    """How lids look as they move; depths in eye widths, darkness as a share of the light.

    Attributes:
        light_depth: light reaches the eyeball in full from this far below a lid's edge on.
        shadow: a lid that comes down brings its shadow with it.
        edge_dark, edge_depth: a closing lid's edge turns from the light, so far above it and a sixth of that below.
        lash_dark, lash_depth: lashes that pointed at the viewer hang down, below the edge in the end, darkest in the
            middle.
    """

    light_depth: float
    shadow: float
    edge_dark: float
    edge_depth: float
    lash_dark: float
    lash_depth: float


#: That of eyes in a painting that has not faded.
LID_LOOK: Final = LidLook(0.12, 0.55, 0.22, 0.18, 0.8, 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eye of a rig. Pictures cover `box`; K motions are the rig's.

    Attributes:
        side: `Left` or `Right`, the subject's.
        origin: (2,) float32, the outer corner in painting pixels.
        axis: (2,) float32, unit vector to the inner corner.
        down: (2,) float32, unit vector across it, towards the cheek.
        width: distance of the corners in pixels.
        upper, lower: (65,) float32, `v` of the lids' edges as painted, in pixels.
        above, below: (65,) float32, `v` of the borders up to which the skin stretches.
        edge: width of the lids' soft edges, in pixels.
        aperture: greatest distance of the lids as painted, in pixels.
        skew: to which power the way from corner to corner is taken, so that where the eye is fullest comes to a half.
        open_aperture: the same for a resting eye of this width; what a widening is measured by.
        upper_squint: (K,) float32, how far the upper lid comes down, as a share of the aperture; negative opens.
        lower_squint: (K,) float32, how far the lower lid comes up.
        blink: (K,) float32, how far the eye closes, whatever its aperture: 1 for a full blink.
        gaze: (K, 2) float32, shift of the iris in pixels of the painting.
        shade: (K,) float32, how much of the eyeball's light a motion takes.
        shine: (3,) float32, RGB from 0 to 255 of a white in all the light that comes to this eye.
        box: `x0, y0, x1, y1` in pixels: all that the lids can move.
        white: (h, w, 3) uint8 RGB, the eyeball without its iris.
        iris: (h, w, 4) uint8 RGBA, completed behind the lids.
        lid: (h, w, 3) uint8 RGB, the closed upper lid, where a full blink has it.
    """

    side: str
    origin: Float32
    axis: Float32
    down: Float32
    width: float
    upper: Float32
    lower: Float32
    above: Float32
    below: Float32
    edge: float
    aperture: float
    skew: float
    open_aperture: float
    upper_squint: Float32
    lower_squint: Float32
    blink: Float32
    gaze: Float32
    shade: Float32
    shine: Float32
    box: tuple[int, int, int, int]
    white: Image
    iris: NDArray[np.uint8]
    lid: Image
    look: LidLook

    def curve_position(self, u: NDArray[Any]) -> Float32:
        """The place of `u` (pixels along the axis) among the samples of the curves, as a fractional index."""
        return np.asarray((u / self.width + CURVE_MARGIN) / (1 + 2 * CURVE_MARGIN) * (CURVE_SAMPLES - 1), np.float32)


def still_where_hidden(right: Eye, left: Eye) -> tuple[Eye, Eye]:
    """Both eyes, of which one that is seen from its edge, as the far one of a profile, stays as it is painted.

    There is no ball to be read there, but the background beside the face.
    """
    least = _SEEN * max(right.width, left.width)
    return _still(right) if right.width < least else right, _still(left) if left.width < least else left


def _still(eye: Eye) -> Eye:
    moves = ("upper_squint", "lower_squint", "blink", "gaze", "shade")
    return replace(eye, **{name: np.zeros_like(getattr(eye, name)) for name in moves})


def stretched(v: Float32, edge: Float32, rest: Float32, end: Float32) -> Float32:
    """Where the skin at `v` comes from when the lid's edge has gone from `rest` to `edge` and `end` stays.

    Between the edge (t = 1) and the far border (t = 0) the shift falls as `smooth_step(t)`, flat at both ends: the edge
    moves as a whole, with its lashes, and the border shows no seam.
    """
    span = edge - end
    t = (v - end) / np.where(np.abs(span) < 1e-3, np.float32(1e-3), span)
    return np.asarray(v + (rest - edge) * smooth_step(t), np.float32)
