"""Moved paint: the same where it comes from whole pixels, and as sharp as it was everywhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.portrait.paint import measure_sharpness, moved_paint, prepared, squeezed_paint, texture_energy
from visavis.types import Image

#: The same fractions of a pixel on both axes, evenly.
FRACTIONS = np.arange(0, 1, 0.125)


def grain(blur: float, *, size: int = 96) -> Image:
    """A grey surface with noise, as coarse as `blur`."""
    noise = np.random.default_rng(3).normal(0, 1, (size, size, 3)).astype(np.float32)
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.asarray(np.clip(128 + 20 * noise / noise.std(), 0, 255), np.uint8)


def places(shape: tuple[int, ...], *, x: float = 0.0, y: float = 0.0) -> NDArray[np.float32]:
    """Every pixel's place, shifted."""
    across, down = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    return np.stack([across + x, down + y], axis=2).astype(np.float32)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, -2), (-1, 5)])
def test_paint_from_whole_pixels_is_the_paint_itself(x: int, y: int) -> None:
    picture = grain(0)
    moved = moved_paint(prepared(picture), places(picture.shape, x=x, y=y), 1.0)
    np.testing.assert_array_equal(moved[10:-10, 10:-10], np.roll(picture, (-y, -x), axis=(0, 1))[10:-10, 10:-10])


@pytest.mark.parametrize(("x", "y"), [(0.5, 0), (0.25, 0.5), (0.5, 0.5), (0.8, 0.1), (0, 0.02)])
@pytest.mark.parametrize("sharpness", [0.0, 0.6, 1.0])
def test_it_is_what_the_formula_says(x: float, y: float, sharpness: float) -> None:
    picture = grain(0.7)
    paint = picture.astype(np.float64)
    across = (1 - x) * paint + x * np.roll(paint, -1, axis=1)
    straight = (1 - y) * across + y * np.roll(across, -1, axis=0)
    blurred = straight
    for axis in (0, 1):
        blurred = (np.roll(blurred, 1, axis) + 2 * blurred + np.roll(blurred, -1, axis)) / 4
    share = sharpness * (1 - (1 - 2 * x) ** 2 * (1 - 2 * y) ** 2)
    wanted = np.clip(straight + share * (straight - blurred), 0, 255)
    moved = moved_paint(prepared(picture), places(picture.shape, x=x, y=y), sharpness)
    # Bytes are rounded on the way.
    difference = np.abs(moved - wanted)[4:-4, 4:-4]
    assert difference.max() < 3
    assert difference.mean() < 0.6


@pytest.mark.parametrize("blur", [0.0, 0.5, 0.8])
def test_grain_keeps_its_energy_over_all_fractions_of_a_pixel(blur: float) -> None:
    picture = grain(blur)
    inner = np.zeros(picture.shape[:2], bool)
    inner[8:-8, 8:-8] = True
    sharpness = measure_sharpness(picture, np.ones_like(inner))
    kept: dict[float, float] = {}
    for amount in (0.0, sharpness):
        moved = [
            moved_paint(prepared(picture), places(picture.shape, x=x, y=y), amount)
            for x in FRACTIONS
            for y in FRACTIONS
        ]
        kept[amount] = float(np.mean([texture_energy(one, inner) for one in moved])) / texture_energy(picture, inner)
    assert kept[0.0] < 0.62
    assert 0.78 < kept[sharpness] < 1.0


def test_the_finer_the_grain_the_more_it_is_sharpened() -> None:
    everywhere = np.ones((96, 96), bool)
    fine, middle, soft = (measure_sharpness(grain(blur), everywhere) for blur in (0.0, 0.6, 1.2))
    assert 1 >= fine > middle > soft > 0


def test_a_surface_without_grain_is_not_sharpened() -> None:
    flat = np.full((40, 40, 3), 90, np.uint8)
    assert measure_sharpness(flat, np.ones((40, 40), bool)) == 0
    assert measure_sharpness(grain(0), np.zeros((96, 96), bool)) == 0


def test_rows_are_written_where_they_are_asked_for() -> None:
    picture = grain(0.5)
    pixels, shifted = prepared(picture), places(picture.shape, x=0.3, y=0.6)
    whole = moved_paint(pixels, shifted, 0.8)
    page = np.zeros((60, 120, 3), np.uint8)
    moved_paint(pixels, shifted[19:41], 0.8, rows=slice(1, 21), out=page[30:50, 7 : 7 + 96])
    np.testing.assert_array_equal(page[30:50, 7 : 7 + 96], whole[20:40])
    page[30:50, 7 : 7 + 96] = 0
    assert not page.any()


@pytest.mark.parametrize("stretch", [0.5, 1.0, 1.2])
def test_paint_that_is_not_squeezed_comes_as_it_is(stretch: float) -> None:
    picture = prepared(grain(0.7))
    at = places(picture.shape) * np.float32(stretch)
    squeeze = np.full(at.shape[:2], stretch, np.float32)
    np.testing.assert_array_equal(squeezed_paint(picture, at, 0.8, squeeze), moved_paint(picture, at, 0.8))


def test_squeezed_paint_has_no_jags() -> None:
    # A dark edge that leans: from every third row of the paint it would be a staircase of three-pixel steps.
    across, down = np.meshgrid(np.arange(120), np.arange(120))
    edge = np.where(across * 3 + down < 200, 220, 30).astype(np.uint8)
    picture = prepared(np.repeat(edge[:, :, None], 3, axis=2))
    at = (places(picture.shape) * np.array([1, 3], np.float32))[:40]
    inside = np.ones(at.shape[:2], bool)
    jagged = moved_paint(picture, at, 0.8)
    calm = squeezed_paint(picture, at, 0.8, np.full(at.shape[:2], 3, np.float32))
    assert texture_energy(calm, inside) < 0.6 * texture_energy(jagged, inside)
    assert abs(calm.mean() - jagged.mean()) < 2


def test_squeezed_paint_from_beyond_the_picture_repeats_its_border() -> None:
    picture = prepared(grain(0.7))
    beyond = places(picture.shape) * np.float32(3) + np.float32(500)
    drawn = squeezed_paint(picture, beyond, 0.8, np.full(beyond.shape[:2], 3, np.float32))
    assert (np.abs(drawn.astype(int) - picture[-1, -1, :3]) < 16).all()
