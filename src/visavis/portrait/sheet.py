"""Contact sheets: portraits and their expressions side by side, labelled, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from visavis.images import resize
from visavis.types import Image

__all__ = ["Cell", "before_and_after", "contact_sheet", "face_window", "grid_of"]

_PAPER: Final = (24, 23, 22)
_INK: Final = (232, 226, 214)
_MUTED: Final = (150, 144, 134)
_GAP: Final = 10


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One picture of a sheet, (H, W, 3) uint8 RGB, and what stands below it."""

    image: Image
    label: str = ""


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image]]], columns: Sequence[str], *, cell_height: int = 300
) -> Image:
    """Rows of pictures under the names of their columns, each row with its own name.

    Args:
        rows: name and pictures of each; a row may have fewer pictures than there are columns.
        columns: names.
        cell_height: of each picture in pixels.

    Raises:
        ValueError: no row, or a row with more pictures than columns.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if not rows or any(len(images) > len(columns) for _, images in rows):
        raise ValueError("a contact sheet needs rows, none with more pictures than there are columns")
    cells = [[resize(image, height=cell_height) for image in images] for _, images in rows]
    width = max((image.shape[1] for row in cells for image in row), default=cell_height)
    size = max(round(cell_height / 16), 11)
    font, line = _font(size), round(size * 1.5)
    step_x, step_y = width + _GAP, cell_height + line + _GAP
    sheet = Pillow.new("RGB", (_GAP + step_x * len(columns), line + 2 * _GAP + step_y * len(rows)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(columns):
        draw.text((_GAP + column * step_x + width / 2, _GAP), name, fill=_INK, font=font, anchor="ma")
    for row, (name, _) in enumerate(rows):
        top = line + 2 * _GAP + row * step_y
        for column, image in enumerate(cells[row]):
            left = _GAP + column * step_x + (width - image.shape[1]) // 2
            sheet.paste(Pillow.fromarray(image), (left, top))
        draw.text((_GAP, top + cell_height + round(0.25 * size)), name, fill=_MUTED, font=font, anchor="la")
    return np.array(sheet, np.uint8)


def grid_of(cells: Sequence[Cell], *, columns: int, cell_height: int = 460, title: str = "", note: str = "") -> Image:
    """Pictures in a grid, each with its label below, under a title; the last row is centred.

    Raises:
        ValueError: no picture, or fewer than one column.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if not cells or columns < 1:
        raise ValueError("a grid needs a picture and a column")
    images = [resize(cell.image, height=cell_height) for cell in cells]
    width = max(image.shape[1] for image in images)
    gap = max(cell_height // 24, 8)
    size = min(max(round(cell_height / 19), 12), 34)
    font, line = _font(size), round(size * 2.1)
    large, small = _font(round(size * 1.45)), _font(max(round(size * 0.8), 11))
    header = (gap + round(size * 1.9) if title else 0) + (round(size * 1.3) if note else 0) + gap // 2
    rows = -(-len(cells) // columns)
    across = min(columns, len(cells))
    sheet = Pillow.new("RGB", (gap + across * (width + gap), header + rows * (cell_height + line)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    middle = sheet.width / 2
    if title:
        draw.text((middle, gap), title, fill=_INK, font=large, anchor="ma")
    if note:
        draw.text((middle, header - gap * 0.6), note, fill=_MUTED, font=small, anchor="ms")
    for index, (cell, image) in enumerate(zip(cells, images, strict=True)):
        row, column = divmod(index, columns)
        in_row = min(columns, len(cells) - row * columns)
        start = (sheet.width - in_row * (width + gap) + gap) / 2
        left = round(start + column * (width + gap) + (width - image.shape[1]) / 2)
        top = header + row * (cell_height + line)
        sheet.paste(Pillow.fromarray(image), (left, top))
        draw.text((left + image.shape[1] / 2, top + cell_height + line * 0.42), cell.label, _INK, font, "mm")
    return np.array(sheet, np.uint8)


def before_and_after(before: Image, after: Image, *, labels: tuple[str, str] = ("before", "after")) -> Image:
    """Two pictures of one size side by side, labelled, at their own size."""
    return grid_of([Cell(before, labels[0]), Cell(after, labels[1])], columns=2, cell_height=before.shape[0])


def face_window(landmarks: Any, shape: Sequence[int], *, margin: float = 0.45) -> tuple[slice, slice]:
    """Rows and columns of a picture around a face, with a margin in face heights, for `image[window]`.

    Args:
        landmarks: (N, 2 or more) points in pixels.
        shape: of the picture, height first.
        margin: around the points.
    """
    low, high = np.asarray(landmarks)[:, :2].min(axis=0), np.asarray(landmarks)[:, :2].max(axis=0)
    side = float((high - low).max())
    centre = (low + high) / 2
    half = np.array([0.5 + margin * 0.75, 0.5 + margin]) * side
    x0, y0 = np.maximum(np.floor(centre - half).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(centre + half).astype(int), (shape[1], shape[0]))
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _font(size: int) -> Any:
    from PIL import ImageFont

    # The typeface that Pillow carries: the same on every machine, and it knows Latin accents.
    return ImageFont.load_default(size)
