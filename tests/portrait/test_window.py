"""The window around points: what it holds, and where it begins."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.window import softened_around, window_around


@pytest.mark.parametrize(
    ("points", "corner", "shape"),
    [
        ([[20.5, 30.0], [40.0, 35.0]], (17, 27), (12, 27)),
        ([[-9.0, -9.0], [4.0, 2.0]], (0, 0), (6, 8)),
        ([[195.0, 95.0], [230.0, 130.0]], (192, 92), (8, 8)),
        ([[-50.0, 400.0], [-40.0, 410.0]], (0, 99), (1, 1)),
    ],
    ids=["within", "over the first corner", "over the last corner", "beyond it"],
)
def test_a_window_holds_the_points_as_far_as_the_picture_goes(
    points: list[list[float]], corner: tuple[int, int], shape: tuple[int, int]
) -> None:
    image = np.arange(100 * 200 * 3, dtype=np.uint32).reshape(100, 200, 3).astype(np.uint8)
    window, first = window_around(image, np.array(points), 3)
    assert tuple(first) == corner
    assert window.shape == (*shape, 3)
    x, y = corner
    np.testing.assert_array_equal(window, image[y : y + shape[0], x : x + shape[1]])


@pytest.mark.parametrize("grey", [False, True])
def test_a_window_is_softened_as_the_whole_picture_would_be(grey: bool) -> None:
    import cv2

    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    points = np.array([[60.0, 50.0], [90.0, 70.0]])
    soft, corner = softened_around(image, points, 2.5, grey=grey)
    whole = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if grey else image, (0, 0), 2.5)
    x, y = corner.astype(int)
    assert soft.shape[0] < 60
    np.testing.assert_array_equal(soft[50 - y : 71 - y, 60 - x : 91 - x], whole[50:71, 60:91])
