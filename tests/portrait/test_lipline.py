"""The lip line: the frame of the mouth, and where the cut is found."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.lipline import LipLine, find_lip_line
from visavis.portrait.topology import LIP_INNER_LOWER, LIP_INNER_UPPER

RIGHT, AXIS, DOWN = np.array([160.0, 270.0]), np.array([0.8, 0.6]), np.array([-0.6, 0.8])
WIDTH, SAG = 120.0, 9.0


@pytest.fixture
def tilted() -> LipLine:
    """A mouth of a tilted head that hangs like a tent, deepest halfway."""
    share = np.linspace(0, 1, 65)[:, None]
    return LipLine((RIGHT + share * WIDTH * AXIS + SAG * (1 - abs(2 * share - 1)) * DOWN).astype(np.float32))


def test_the_frame_follows_the_head(tilted: LipLine) -> None:
    assert tilted.width == pytest.approx(WIDTH, abs=1e-4)
    np.testing.assert_allclose(tilted.axis, AXIS, atol=1e-6)
    np.testing.assert_allclose(tilted.down, DOWN, atol=1e-6)


@pytest.mark.parametrize(
    ("along", "below", "depth"),
    [(0.0, 0.0, 0.0), (60.0, 9.0, 0.0), (60.0, 4.0, -5.0), (30.0, 9.0, 4.5), (-40.0, 3.0, 3.0), (170.0, -3.0, -3.0)],
)
def test_depth_is_measured_from_the_line_and_beyond_it_straight_on(
    tilted: LipLine, along: float, below: float, depth: float
) -> None:
    place = RIGHT + along * AXIS + below * DOWN
    assert tilted.along(place) == pytest.approx(along, abs=1e-4)
    assert tilted.depth(place) == pytest.approx(depth, abs=1e-4)
    assert tilted.depth(np.tile(place, (2, 3, 1))).shape == (2, 3)


@pytest.mark.parametrize(("gap", "lies_at"), [(2.0, 103.0), (24.0, 100.0)])
def test_closed_lips_are_cut_along_the_dark_and_parted_ones_in_the_middle(gap: float, lies_at: float) -> None:
    image = np.full((200, 300, 3), 180, np.uint8)
    image[102:105] = 40
    points = np.zeros((478, 2))
    x = np.linspace(90, 210, len(LIP_INNER_UPPER))
    half = np.array([0, *[gap / 2] * (len(x) - 2), 0])
    points[list(LIP_INNER_UPPER)] = np.stack([x, 100 - half], axis=1)
    points[list(LIP_INNER_LOWER)] = np.stack([x, 100 + half], axis=1)
    line, parted_by = find_lip_line(image, points)
    assert parted_by == pytest.approx(gap)
    assert line.points.shape == (65, 2)
    assert line.points[20:45, 1] == pytest.approx(lies_at, abs=0.3)
