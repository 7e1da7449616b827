"""A reading to look at: the picture with its faces marked, and beside it a card for each face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from visavis.images import resize
from visavis.types import BLENDSHAPES, EMOTIONS, Face, Image, Reading

__all__ = ["draw_reading"]

Colour = tuple[int, int, int]

#: RGB: the wall of a gallery in the evening, the ivory of its labels and the gold of its frames.
_WALL: Final[Colour] = (24, 21, 19)
_CARD: Final[Colour] = (36, 32, 29)
_TRACK: Final[Colour] = (62, 56, 51)
_IVORY: Final[Colour] = (236, 228, 214)
_MUTED: Final[Colour] = (160, 150, 137)
_GOLD: Final[Colour] = (222, 178, 92)
_BAR: Final[Colour] = (139, 127, 112)

# Pixels of the finished picture at scale 1, which belongs to a picture 720 pixels high.
_MIN_HEIGHT, _MAX_HEIGHT, _MAX_WIDTH = 720, 1440, 2400
_PANEL, _MARGIN, _PAD = 330, 16, 16
_LINE, _BAR_HEIGHT, _GAP = 22, 6, 8
_SHOWN_BLENDSHAPES: Final = 6
_FULL_DETAIL: Final = 3
_COMPACT: Final = 34


def draw_reading(image: Image, readings: Sequence[Reading]) -> Image:
    """The picture with a box and the mesh on every face, and a panel of bars at its right.

    Each card of the panel tells one face's emotion, its strongest blendshapes and its attributes, where they were
    read; with many faces the cards grow shorter. Small pictures are enlarged, so that the text is sharp.

    Args:
        image: (H, W, 3) uint8 RGB, the picture that was read.
        readings: of faces in pixels of `image`.

    Returns:
        (H', W', 3) uint8 RGB, 720 to 1440 pixels high (less for very wide pictures).
    """
    height = min(max(image.shape[0], _MIN_HEIGHT), _MAX_HEIGHT)
    height = max(min(height, round(_MAX_WIDTH * image.shape[0] / image.shape[1])), 240)
    width = min(max(round(image.shape[1] * height / image.shape[0]), 1), _MAX_WIDTH)
    canvas = resize(image, width=width, height=height).copy()
    zoom = np.array([width / image.shape[1], height / image.shape[0]])
    for number, reading in enumerate(readings, start=1):
        _mark(canvas, reading.face, zoom, number if len(readings) > 1 else None)
    if not readings:
        return canvas
    return np.concatenate([canvas, _panel(height, readings)], axis=1)


def _mark(canvas: Image, face: Face, zoom: Any, number: int | None) -> None:
    import cv2

    scale = canvas.shape[0] / _MIN_HEIGHT
    if face.landmarks is not None:
        points = (face.landmarks[:, :2] + 0.5) * zoom - 0.5
        size = float(np.ptp(points[:, 0]))
        mesh, features = _mesh_lines()
        # Four fraction bits let lines fall between pixels; the mesh stays fainter than the face that it lies on.
        fixed = np.round(points * 16).astype(np.int32)
        # On a small face its lines would cover it.
        faint = float(np.clip((size / scale - 60) / 200, 0, 1))
        for lines, opacity, colour in ((mesh, 0.12 + 0.22 * faint, _IVORY), (features, 0.4 + 0.35 * faint, _GOLD)):
            layer = canvas.copy()
            thickness = 2 if lines is features and size > 300 * scale else 1
            cv2.polylines(layer, [fixed[list(line)] for line in lines], False, colour, thickness, cv2.LINE_AA, 4)
            cv2.addWeighted(layer, opacity, canvas, 1 - opacity, 0, dst=canvas)
    x0, y0, x1, y1 = (round(float(value)) for value in (face.box.reshape(2, 2) * zoom).ravel())
    arm = max(round(0.18 * min(x1 - x0, y1 - y0)), 3)
    weight = max(round(2 * scale), 1)
    for x, y, dx, dy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
        corner = np.array([(x + dx * arm, y), (x, y), (x, y + dy * arm)], np.int32)
        cv2.polylines(canvas, [corner], False, _GOLD, weight, cv2.LINE_AA)
    if number is not None:
        side = round(22 * scale)
        top = y0 - side - 2 * weight if y0 - side - 2 * weight >= 0 else y0 + 2 * weight
        left = min(max(x0, 0), canvas.shape[1] - side)
        cv2.rectangle(canvas, (left, top), (left + side, top + side), _GOLD, cv2.FILLED)
        area = canvas[top : top + side + 1, left : left + side + 1]
        label = _Page(area.shape[1], area.shape[0], scale, picture=area)
        label.text(side / 2 / scale, 3.5, str(number), 14, _WALL, anchor="ma")
        area[:] = label.image()


def _panel(height: int, readings: Sequence[Reading]) -> Image:
    scale = height / _MIN_HEIGHT
    page = _Page(round(_PANEL * scale), height, scale)
    room = _MIN_HEIGHT - 2 * _MARGIN
    detail = _FULL_DETAIL
    heights = [_card_height(reading, detail=detail) for reading in readings]
    while detail > 0 and sum(heights) + _GAP * (len(heights) - 1) > room:
        detail -= 1
        heights = [_card_height(reading, detail=detail) for reading in readings]
    y = float(_MARGIN)
    for number, (reading, card) in enumerate(zip(readings, heights, strict=True), start=1):
        last = number < len(readings) and y + card + _GAP + heights[number] > _MIN_HEIGHT - _MARGIN - _LINE
        if last and number < len(readings) - 1:
            page.text(_MARGIN + _PAD, y + 4, f"and {len(readings) - number + 1} more", 14, _MUTED)
            break
        page.box(_MARGIN, y, _PANEL - _MARGIN, y + card, _CARD)
        _card(page, y + _PAD - 4, reading, number if len(readings) > 1 else None, detail)
        y += card + _GAP
    return page.image()


def _sections(reading: Reading, detail: int) -> list[tuple[str, list[tuple[str, float]]]]:
    """The titled bars of a card: with detail 3 all, with 2 emotions and attributes, 1 three emotions, 0 one."""
    sections: list[tuple[str, list[tuple[str, float]]]] = []
    if reading.emotion is not None:
        bars = list(reading.emotion.as_dict().items())
        if detail < 2:
            bars = sorted(bars, key=lambda bar: -bar[1])[: 3 if detail == 1 else 1]
        sections.append(("", bars))
        if detail >= 3:
            emotion = reading.emotion
            measures = [("intensity", emotion.intensity), ("valence", emotion.valence), ("arousal", emotion.arousal)]
            sections.append(("how strong, how pleasant, how excited", measures))
    if detail >= 2 and reading.attributes:
        sections.append(("attributes", [(name.replace("_", " "), v) for name, v in reading.attributes.items()]))
    if detail >= 3 and reading.face.blendshapes is not None:
        order = np.argsort(-reading.face.blendshapes)[:_SHOWN_BLENDSHAPES]
        shown = [(BLENDSHAPES[index], float(reading.face.blendshapes[index])) for index in order]
        sections.append(("strongest movements", shown))
    return sections


def _card_height(reading: Reading, *, detail: int) -> int:
    if detail == 0:
        return _COMPACT
    height = 2 * _PAD + 24
    for title, bars in _sections(reading, detail):
        height += (30 if title else 6) + _LINE * len(bars)
    return height


def _card(page: _Page, y: float, reading: Reading, number: int | None, detail: int) -> None:
    left, right = _MARGIN + _PAD, _PANEL - _MARGIN - _PAD
    emotion = reading.emotion
    title = "face" if emotion is None else emotion.label
    if detail == 0:
        page.text(left, y - 4, title if number is None else f"{number}   {title}", 15, _IVORY)
        if emotion is not None:
            page.bar(left + 130, right - 44, y + 5, emotion[emotion.dominant], _GOLD)
            page.text(right, y - 4, f"{emotion[emotion.dominant]:.0%}", 15, _GOLD, anchor="ra")
        return
    page.text(left, y, title if number is None else f"{number}   {title}", 22, _IVORY)
    if emotion is not None:
        page.text(right, y + 2, f"{emotion[emotion.dominant]:.0%}", 18, _GOLD, anchor="ra")
    y += 36
    for heading, bars in _sections(reading, detail):
        if heading:
            page.text(left, y + 8, heading, 12, _MUTED)
            y += 30
        for name, value in bars:
            strong = emotion is not None and name == emotion.dominant and name in EMOTIONS
            page.text(left, y, name, 14, _IVORY if strong else _MUTED)
            start = left + 162
            page.bar(start, right - 32, y + _LINE / 2 - 1, value, _GOLD if strong else _BAR)
            page.text(right, y, f"{100 * value:.0f}", 14, _IVORY if strong else _MUTED, anchor="ra")
            y += _LINE


class _Page:
    """A drawing in units that are `scale` pixels each. Text is Pillow's own font, so that no font has to be there."""

    def __init__(self, width: int, height: int, scale: float, *, picture: Image | None = None) -> None:
        from PIL import Image as Pillow
        from PIL import ImageDraw

        self._scale = scale
        self._page = Pillow.new("RGB", (width, height), _WALL) if picture is None else Pillow.fromarray(picture)
        self._draw = ImageDraw.Draw(self._page)

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        corners = tuple(value * self._scale for value in (x0, y0, x1, y1))
        self._draw.rounded_rectangle(corners, radius=8 * self._scale, fill=colour)

    def text(self, x: float, y: float, text: str, size: float, colour: Colour, *, anchor: str = "la") -> None:
        place = (x * self._scale, y * self._scale)
        self._draw.text(place, text, fill=colour, font=_font(round(size * self._scale)), anchor=anchor)

    def bar(self, x0: float, x1: float, y: float, value: float, colour: Colour) -> None:
        end = x0 + (x1 - x0) * min(max(value, 0.0), 1.0)
        for stop, fill in ((x1, _TRACK), (end, colour)):
            corners = [v * self._scale for v in (x0, y - _BAR_HEIGHT / 2, stop, y + _BAR_HEIGHT / 2)]
            if corners[2] - corners[0] >= 1:
                self._draw.rounded_rectangle(corners, radius=self._scale * _BAR_HEIGHT / 2, fill=fill)

    def image(self) -> Image:
        return np.array(self._page, np.uint8)


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(max(size, 6))


@cache
def _mesh_lines() -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Pairs of landmarks that a line joins: of the whole mesh, and of eyes, irises, brows, lips and outline."""
    from mediapipe.tasks.python.vision import FaceLandmarksConnections as Lines

    whole = {tuple(sorted((line.start, line.end))) for line in Lines.FACE_LANDMARKS_TESSELATION}
    parts = (*Lines.FACE_LANDMARKS_CONTOURS, *Lines.FACE_LANDMARKS_LEFT_IRIS, *Lines.FACE_LANDMARKS_RIGHT_IRIS)
    return tuple(sorted(whole)), tuple((line.start, line.end) for line in parts)
