"""From the nodes of a grid to pixels: where paint comes from, and which of it is moved at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.portrait.fields import Grid
from visavis.portrait.gallery import OpenPortrait, open_portrait
from visavis.portrait.inverse import invert
from visavis.portrait.motions import motion_weights
from visavis.portrait.presets import emotion_preset
from visavis.portrait.render import MeshRenderer
from visavis.portrait.warp import (
    bands_of,
    moving_nodes,
    node_sources,
    part_of,
    pixel_sources,
    source_distances,
    with_neighbours,
)
from visavis.types import Expression

STEPS = (1, 2, 3, 4, 5, 8)


def swell(grid: Grid, *, size: float) -> NDArray[np.float32]:
    """A smooth motion that is `size` pixels in the middle and nothing on the border."""
    row, column = np.mgrid[0 : grid.rows, 0 : grid.columns]
    bump = np.sin(np.pi * row / (grid.rows - 1)) ** 2 * np.sin(np.pi * column / (grid.columns - 1)) ** 2
    return np.stack([size * bump, -0.6 * size * bump], axis=2).astype(np.float32)


def whole_places(box: tuple[int, int, int, int]) -> NDArray[np.float32]:
    x, y = np.meshgrid(np.arange(box[0], box[2]), np.arange(box[1], box[3]))
    return np.stack([x, y], axis=2).astype(np.float32)


@pytest.mark.parametrize("step", STEPS)
def test_what_does_not_move_comes_from_its_own_place(step: int) -> None:
    grid = Grid(700, 1100, step, 40, 30)
    sources = node_sources(np.zeros((30, 40, 2), np.float32), grid, (650, 1000))
    places = pixel_sources(sources, grid, grid.box)
    np.testing.assert_allclose(places, whole_places(grid.box) - (650, 1000), atol=1e-3)


@pytest.mark.parametrize("step", STEPS)
def test_between_nodes_sources_are_interpolated(step: int) -> None:
    grid = Grid(12, 20, step, 40, 30)
    back = swell(grid, size=6)
    box = (grid.x0 + 3, grid.y0 + 5, grid.box[2] - 4, grid.box[3] - 1)
    moved = pixel_sources(node_sources(back, grid, (0, 0)), grid, box) - whole_places(box)
    columns = (np.arange(box[0], box[2]) - grid.x0) / step
    rows = (np.arange(box[1], box[3]) - grid.y0) / step
    wanted = np.empty_like(moved)
    for axis in (0, 1):
        across = np.stack([np.interp(columns, np.arange(grid.columns), line) for line in back[:, :, axis]])
        wanted[:, :, axis] = np.stack([np.interp(rows, np.arange(grid.rows), line) for line in across.T], axis=1)
    assert np.abs(moved - wanted).max() < 0.06


def test_paint_is_sent_back_where_it_came_from() -> None:
    """Also by a motion so steep that some nodes need more rounds than others."""
    grid = Grid(0, 0, 3, 90, 80)
    motion = swell(grid, size=42)
    back = invert(motion, grid.step)
    nodes = grid.nodes()
    source = (nodes + back) / grid.step
    there = cv2.remap(motion, source[:, :, 0], source[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(back + there).max() < 0.4
    assert np.abs(back + there).mean() < 0.02


@pytest.mark.shared
def test_paint_above_an_eye_is_found_under_a_brow_that_is_raised_high(shared: Path, assets: AssetStore) -> None:
    """From just above the lid the motion points to beyond the eye, and the way back is long: an eye showed there."""
    portraits = shared / "data/portraits/images"
    rig = open_portrait(str(portraits / "elisabeth-louise-lebrun__self-portrait-in-a-straw-hat.jpg"), assets=assets).rig
    raised = dict.fromkeys(("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 1.0)
    motion = np.tensordot(motion_weights(Expression.from_mapping(raised)), rig.fields, 1).astype(np.float32)
    step = rig.grid.step
    back = invert(motion, step)
    source = ((rig.grid.nodes() + back - (rig.grid.x0, rig.grid.y0)) / step).astype(np.float32)
    there = cv2.remap(motion, source[:, :, 0], source[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(back + there).max() < 2 * step


def test_bands_cover_all_that_moves_and_little_else() -> None:
    grid = Grid(30, 50, 10, 150, 140)
    row, column = np.mgrid[0:140, 0:150]
    displacement = np.zeros((140, 150, 2), np.float32)
    round_part = np.hypot(row - 70, column - 70) < 60
    displacement[round_part] = 1
    moves = moving_nodes(displacement)
    part = part_of(moves)
    assert part is not None
    box = grid.crop(*part).box
    drawn = np.zeros((grid.box[3], grid.box[2]), int)
    for x0, y0, x1, y1 in bands_of(box, grid, moves):
        drawn[y0:y1, x0:x1] += 1
    assert drawn.max() == 1
    moved = np.kron(round_part[:-1, :-1], np.ones((10, 10), bool))
    assert drawn[grid.y0 :, grid.x0 :][moved].all()
    assert drawn.sum() < 0.93 * (box[2] - box[0]) * (box[3] - box[1])


def test_nothing_moves_at_rest() -> None:
    still = moving_nodes(np.full((9, 9, 2), 0.01, np.float32))
    assert part_of(still) is None
    assert list(bands_of((0, 0, 40, 40), Grid(0, 0, 5, 9, 9), still)) == []


@pytest.mark.parametrize("breath", [0.2, 0.5, 0.8, 1.0])
def test_a_breath_of_any_depth_is_inverted_from_two_fields(madonna: OpenPortrait, breath: float) -> None:
    body = madonna.rig.body
    first, second = MeshRenderer(madonna.rig)._breath
    wanted = invert(body.field * np.float32(breath), body.grid.step)
    assert np.abs(breath * first + breath**2 * second - wanted).max() < 0.02


def test_two_threads_draw_the_same_as_one(madonna: OpenPortrait) -> None:
    joy = emotion_preset("joy")
    alive = Expression(joy.weights, joy.gaze, joy.sway, 0.7)
    alone, together = (MeshRenderer(madonna.rig, helper=helper).render(alive) for helper in (False, True))
    np.testing.assert_array_equal(together, alone)


def test_a_part_that_is_drawn_together_knows_what_it_draws_in() -> None:
    grid = Grid(100, 200, 4, 60, 50)
    inner = grid.crop(slice(15, 36), slice(17, 44))
    across = np.linspace(-1, 1, grid.columns, dtype=np.float32)
    motion = np.zeros((grid.rows, grid.columns, 2), np.float32)
    motion[:, :, 0] = -70 * across * np.exp(-4 * across**2)
    rows, columns = grid.part(inner.box)
    true = invert(motion, grid.step)[rows, columns]
    reach, within = with_neighbours(motion, grid, inner)
    known = invert(motion[reach], grid.step)[within]
    np.testing.assert_allclose(known, true, atol=0.02)
    alone = invert(motion[rows, columns], grid.step)
    assert np.abs(alone - true).max() > 1


def test_the_border_of_the_mouth_shows_no_seam(madonna: OpenPortrait, renderer: MeshRenderer) -> None:
    rig = madonna.rig
    drawn = Expression.from_mapping({"mouthPucker": 1.0})
    motion = np.tensordot(motion_weights(drawn), rig.fields, axes=1)
    # The skin by itself, without a mouth cut into it, beside what is rendered.
    places = pixel_sources(node_sources(invert(motion, rig.grid.step), rig.grid, (0, 0)), rig.grid, rig.mouth.grid.box)
    skin = cv2.remap(madonna.image, places, None, cv2.INTER_LINEAR).astype(int)
    x0, y0, x1, y1 = rig.mouth.grid.box
    mouth = renderer.render(drawn)[y0:y1, x0:x1].astype(int)
    for side in (np.s_[:, :3], np.s_[:, -3:], np.s_[:3], np.s_[-3:]):
        assert np.abs(mouth[side] - skin[side]).mean() < 2.5


@pytest.mark.parametrize("step", STEPS)
def test_distances_of_sources_tell_where_paint_is_squeezed(step: int) -> None:
    grid = Grid(0, 0, step, 12, 10)
    x, y = np.meshgrid(np.arange(12, dtype=np.float32) * step, np.arange(10, dtype=np.float32) * step)
    moved = np.stack([x + 5, y - 3], axis=2)
    np.testing.assert_allclose(source_distances(moved, grid.step), 1, atol=1e-5)
    # Three times as close from the seventh row on.
    squeezed = np.stack([x, np.where(y > 6 * step, 6 * step + 3 * (y - 6 * step), y)], axis=2)
    distances = source_distances(squeezed, grid.step)
    np.testing.assert_allclose(distances[:6], 1, atol=1e-5)
    np.testing.assert_allclose(distances[6:], 3, atol=1e-5)
