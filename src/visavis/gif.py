"""Animated GIFs of which each frame holds what changes, and that can be seen through.

One palette serves all frames, so that what does not move does not flicker. Pillow's own writer stores every frame of a
GIF that can be seen through whole, since it takes the one before away first; here that is done only where paint leaves.

Source of the format: CompuServe, "Graphics Interchange Format, version 89a", 1990.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.types import Image

__all__ = ["Animation"]

#: Strength of the ordered dither of 256 colours, in grey levels. Under error diffusion still pixels would flicker.
_DITHER: Final = 10.0
#: The palette's index of what is seen through; a pixel is so below half its opacity.
_CLEAR: Final = 255
# What a player does with a frame's rectangle when its time is over.
_KEEP: Final = 1
_TAKE_AWAY: Final = 2

_Indices = NDArray[np.uint8]


class Animation:
    """Frames of one size at one rate, kept until `close` writes them; the first decides whether it is seen through.

    Args:
        path: of the file.
        rate: frames a second. Each is shown for whole hundredths of a second; the rest is carried over.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._path = path
        self._rate = rate
        self._frames: list[_Indices] = []
        self._palette: Any = None
        self._clear = False
        self._pattern: NDArray[np.int16] = np.zeros((1, 1, 1), np.int16)

    def write(self, image: Image) -> None:
        """Add one frame, (H, W, 3) RGB or (H, W, 4) RGBA uint8."""
        from PIL import Image as Pillow

        colours = np.ascontiguousarray(image[:, :, :3])
        if self._palette is None:
            self._clear = image.shape[2] == 4
            count = _CLEAR if self._clear else 256
            self._palette = Pillow.fromarray(colours).quantize(count, method=Pillow.Quantize.MEDIANCUT)
            self._pattern = _bayer(image.shape[0], image.shape[1])
        dithered = np.clip(colours.astype(np.int16) + self._pattern, 0, 255).astype(np.uint8)
        indices = np.array(Pillow.fromarray(dithered).quantize(palette=self._palette, dither=Pillow.Dither.NONE))
        if self._clear:
            indices[image[:, :, 3] < 128] = _CLEAR
        self._frames.append(indices)

    def close(self, *, finish: bool) -> None:
        """Write the file, if the film is whole.

        Raises:
            OSError: it cannot be written.
        """
        if not finish:
            return
        from PIL import GifImagePlugin
        from PIL import Image as Pillow

        stills = self._stills()
        patches = _patches([frame for frame, _ in stills], clear=self._clear)
        with self._path.open("wb") as file:
            file.write(self._header())
            for patch, (_, ticks) in zip(patches, stills, strict=True):
                options: dict[str, Any] = {} if patch.clear is None else {"transparency": patch.clear}
                options |= {"duration": 10 * ticks, "disposal": patch.disposal}
                picture = Pillow.fromarray(patch.indices)
                file.write(b"".join(GifImagePlugin.getdata(picture, patch.corner, **options)))
            file.write(b";")

    def _header(self) -> bytes:
        """What comes before the first frame: the size, the palette of 256 colours, and that the film has no end."""
        height, width = self._frames[0].shape
        palette = bytes(self._palette.getpalette() or [])
        screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0b1_111_0_111, _CLEAR if self._clear else 0, 0)
        loop = struct.pack("<3s11sBBHB", b"!\xff\x0b", b"NETSCAPE2.0", 3, 1, 0, 0)
        return screen + palette[: 3 * 256].ljust(3 * 256, b"\xff") + loop

    def _stills(self) -> list[tuple[_Indices, int]]:
        """Each frame that differs from the one before, and the hundredths of a second that it is seen for."""
        times = [round(Fraction(100 * index) / self._rate) for index in range(len(self._frames) + 1)]
        stills: list[tuple[_Indices, int]] = []
        for frame, (begin, end) in zip(self._frames, pairwise(times), strict=True):
            if stills and np.array_equal(stills[-1][0], frame):
                stills[-1] = (frame, stills[-1][1] + end - begin)
            else:
                stills.append((frame, end - begin))
        return stills


class _Patch(NamedTuple):
    """What is drawn of a frame: indices (h, w), of which `clear` (if any) draws nothing, at the (x, y) `corner`."""

    indices: _Indices
    corner: tuple[int, int]
    clear: int | None
    disposal: int


def _patches(frames: Sequence[_Indices], *, clear: bool) -> Iterator[_Patch]:
    """What is drawn of each frame over the one before.

    What stays as it is within a patch is not drawn again: long runs of one index take hardly any room. A patch can
    cover but not uncover; so where paint leaves with the next frame, the rectangle about it is taken away first. The
    last frame is taken away whole, for the film begins anew on nothing.
    """
    shown: _Indices | None = None
    for frame, following in pairwise([*frames, np.full_like(frames[0], _CLEAR)]):
        changed = np.ones(frame.shape, bool) if shown is None else frame != shown
        leaving = (frame != _CLEAR) & (following == _CLEAR) if clear else np.zeros(frame.shape, bool)
        window = _window(changed | leaving)
        blank = _CLEAR if clear else None if shown is None else _unused(frame[changed])
        patch = frame[window] if blank is None else np.where(changed[window], frame[window], blank)
        disposal = _TAKE_AWAY if leaving.any() else _KEEP
        yield _Patch(np.ascontiguousarray(patch, np.uint8), (window[1].start, window[0].start), blank, disposal)
        shown = frame.copy()
        if disposal == _TAKE_AWAY:
            shown[window] = _CLEAR


def _unused(indices: _Indices) -> int | None:
    """A colour of the palette that none of the pixels has, if there is one."""
    free = np.flatnonzero(np.bincount(indices.ravel(), minlength=256) == 0)
    return int(free[-1]) if len(free) else None


def _window(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of the smallest rectangle about all that is true; one pixel where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _bayer(height: int, width: int) -> NDArray[np.int16]:
    """An 8 x 8 ordered dither laid over (height, width, 1), in grey levels about 0.

    Source: B. E. Bayer, "An optimum method for two-level rendition of continuous-tone pictures", 1973.
    """
    tile = np.zeros((1, 1))
    for _ in range(3):
        tile = np.block([[4 * tile, 4 * tile + 2], [4 * tile + 3, 4 * tile + 1]])
    tile = (tile / 64 - 0.5 + 1 / 128) * _DITHER
    pattern = np.tile(tile, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    return np.asarray(np.rint(pattern), np.int16)
