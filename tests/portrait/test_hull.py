"""The convex hull: its corners, and the pixels inside of it."""

from __future__ import annotations

import numpy as np

from visavis.portrait.hull import convex_hull, inside_hull


def test_only_corners_are_of_the_hull() -> None:
    square = np.array([[1.5, 2.5], [7.5, 2.5], [7.5, 6.5], [1.5, 6.5]])
    hull = convex_hull(np.concatenate([square[::2], [[4.0, 4.0]], square[1::2]]))
    assert hull.dtype == np.float32
    assert sorted(hull.tolist()) == sorted(square.tolist())


def test_its_corners_lie_on_the_nearest_pixels_and_belong_to_it() -> None:
    inside = inside_hull(np.array([[1.6, 2.4], [7.4, 2.4], [7.4, 5.6], [1.6, 5.6]]), (9, 12, 3))
    wanted = np.zeros((9, 12), bool)
    wanted[2:7, 2:8] = True
    np.testing.assert_array_equal(inside, wanted)


def test_a_hull_that_reaches_beyond_the_picture_is_cut_there() -> None:
    assert inside_hull(np.array([[-20.0, -20.0], [40.0, -20.0], [40.0, 40.0], [-20.0, 40.0]]), (9, 12)).all()
