"""The mouth: lips are two layers, with nothing to be seen between them where they do not part."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.fields import Grid
from visavis.portrait.mouth import lip_masks

GRID = Grid(100, 200, 4, 60, 40)


def seen_between(*, softness: float) -> tuple[np.ndarray, np.ndarray]:
    """The share of the cavity that shows through closed lips, (h, w), and where each column lies along the line."""
    line = np.stack([np.linspace(160, 280, 65), np.full(65, 270.0)], axis=1).astype(np.float32)
    upper, lower = lip_masks(line, GRID, 120.0, 2.4, softness=softness)
    through = (1 - upper[:, :, 0] / 255) * (1 - lower[:, :, 0] / 255)
    return through, np.arange(GRID.box[0], GRID.box[2])


@pytest.mark.parametrize("softness", [1.0, 2.1])
def test_no_hairline_is_drawn_beyond_the_corners_of_the_mouth(softness: float) -> None:
    through, x = seen_between(softness=softness)
    soft = 0.035 * 120 * softness
    assert through[:, (x < 160 - 2 * soft) | (x > 280 + 2 * soft)].max() == 0


@pytest.mark.parametrize("softness", [1.0, 2.1])
def test_closed_lips_hide_nearly_all_of_what_is_inside(softness: float) -> None:
    through, _ = seen_between(softness=softness)
    assert through.max() < 0.1
