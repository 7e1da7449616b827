"""Heads turn by depth, without folds and within what the paint bears; sitters breathe without a seam."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.portrait.gallery import OpenPortrait, open_portrait
from visavis.portrait.motions import MOTIONS, motion_weights
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig
from visavis.portrait.sway import bounded_sway, largest_sway
from visavis.types import BLENDSHAPES, Expression, Image

NOSE, RIGHT_CHEEK, LEFT_CHEEK, CHIN, FOREHEAD = 1, 234, 454, 152, 10
SWAY = slice(len(BLENDSHAPES), len(BLENDSHAPES) + 3)
# Three-quarter views to both sides, a beard under a hat, a turban, a helmet.
SHARED_PORTRAITS = (
    "leonardo-da-vinci__mona-lisa",
    "raphael__portrait-of-baldassare-castiglione",
    "jan-vermeer__girl-with-a-pearl-earring",
    "rembrandt__an-old-man-in-military-costume",
)


def at(rig: Rig, field: np.ndarray, point: int) -> np.ndarray:
    """A field at a point of the mesh."""
    column, row = np.rint((rig.landmarks[point] - (rig.grid.x0, rig.grid.y0)) / rig.grid.step).astype(int)
    return np.asarray(field[row, column])


def least_jacobian(rig: Rig, expression: Expression) -> float:
    """The least determinant of p -> p + D(p) between neighbouring nodes."""
    weights = motion_weights(expression, rig.largest_sway)
    moved = np.tensordot(weights, rig.fields, axes=1) / rig.grid.step
    across, down = np.diff(moved, axis=1)[:-1], np.diff(moved, axis=0)[:, :-1]
    return float(((1 + across[..., 0]) * (1 + down[..., 1]) - across[..., 1] * down[..., 0]).min())


def extremes(rig: Rig) -> list[Expression]:
    angles = [*np.vstack([np.eye(3), -np.eye(3)]) * 60, (40, -40, 40), (-40, 40, 20)]
    return [Expression(sway=np.array(angle, np.float32)) for angle in angles]


def test_the_nose_goes_ahead_of_the_ears(madonna: OpenPortrait) -> None:
    rig = madonna.rig
    yaw, pitch, roll = rig.fields[SWAY]
    assert at(rig, yaw, NOSE)[0] > 0.008 * rig.face_width
    for cheek in (LEFT_CHEEK, RIGHT_CHEEK):
        assert at(rig, yaw, NOSE)[0] > 1.5 * at(rig, yaw, cheek)[0]
    # Looking up, the nose rises: y runs down.
    assert at(rig, pitch, NOSE)[1] < -0.008 * rig.face_width
    # Towards her left shoulder, to the right in the picture, the forehead goes right and the chin left.
    assert at(rig, roll, FOREHEAD)[0] > 0 > at(rig, roll, CHIN)[0]


def test_a_turn_stays_within_the_grid_and_is_carried_into_hair_and_neck(madonna: OpenPortrait) -> None:
    fields = madonna.rig.fields[SWAY]
    for border in (fields[:, [0, -1]], fields[:, :, [0, -1]]):
        assert not border.any()
    moving = np.abs(fields[0]).max(axis=-1) > 0.01 * np.abs(fields[0]).max()
    rig = madonna.rig
    rows = (rig.landmarks[[FOREHEAD, CHIN], 1] - rig.grid.y0) / rig.grid.step
    assert np.flatnonzero(moving.any(axis=1))[0] < rows[0] - 8
    assert np.flatnonzero(moving.any(axis=1))[-1] > rows[1] + 8


def test_beyond_what_the_paint_bears_a_head_turns_no_further(madonna: OpenPortrait) -> None:
    renderer, largest = MeshRenderer(madonna.rig), madonna.rig.largest_sway
    assert (largest >= 3).all()
    assert (largest <= 12).all()
    far = Expression(sway=np.array([90, 0, 0], np.float32))
    just = Expression(sway=np.array([largest[0], 0, 0], np.float32))
    np.testing.assert_array_equal(renderer.render(far), renderer.render(just))


def test_bounds_hold_for_all_axes_together() -> None:
    largest = np.array([8, 6, 10], np.float32)
    kept = np.array([2, -1, 3], np.float32)
    np.testing.assert_array_equal(bounded_sway(kept, largest), kept)
    bounded = bounded_sway(np.array([8, -6, 10], np.float32), largest)
    np.testing.assert_allclose(bounded, np.array([8, -6, 10]) / 3, rtol=1e-6)
    # Of a field that squeezes paint by a tenth for each degree, 0.6 may be taken.
    rows, columns = np.mgrid[0:20, 0:30].astype(float)
    squeeze = np.stack([-0.1 * columns, 0 * rows], axis=-1)
    turned = 0.01 * np.stack([-rows, columns], axis=-1)
    np.testing.assert_allclose(largest_sway(np.stack([squeeze, turned, 0 * turned]) * 4, 4), [6, 12, 12], rtol=1e-5)


def test_no_turn_folds(madonna: OpenPortrait) -> None:
    assert min(least_jacobian(madonna.rig, expression) for expression in extremes(madonna.rig)) > 0.2


@pytest.mark.shared
@pytest.mark.parametrize("name", SHARED_PORTRAITS)
def test_no_shared_portrait_folds_at_its_extremes(name: str, shared: Path, assets: AssetStore) -> None:
    rig = open_portrait(str(shared / "data/portraits/images" / f"{name}.jpg"), assets=assets, height=640).rig
    assert (rig.largest_sway > 2.5).all(), rig.largest_sway
    assert min(least_jacobian(rig, expression) for expression in extremes(rig)) > 0.2


@pytest.fixture(scope="module")
def breathing(madonna: OpenPortrait) -> list[Image]:
    """The same face at growing breaths."""
    renderer = MeshRenderer(madonna.rig)
    return [renderer.render(Expression(breath=step / 8)) for step in range(9)]


def test_without_breath_nothing_is_moved(madonna: OpenPortrait, breathing: list[Image]) -> None:
    np.testing.assert_array_equal(breathing[0], madonna.image)


def test_a_breath_lifts_chest_and_head_by_a_few_pixels(madonna: OpenPortrait) -> None:
    rig = madonna.rig
    body = rig.body.field
    assert 0.01 < np.abs(body).max() / rig.face_width < 0.022
    assert body[..., 1].max() <= 0  # up alone
    chin_row = round((rig.landmarks[CHIN, 1] + 1.1 * rig.face_width - rig.body.grid.y0) / rig.body.grid.step)
    chest = body[min(chin_row, len(body) - 3), :, 1].min()
    nose = at(rig, rig.fields[MOTIONS.index("breath")], NOSE)[1]
    assert chest < nose < 0


def test_a_breath_ends_before_the_border_of_the_painting(madonna: OpenPortrait, breathing: list[Image]) -> None:
    x0, y0, x1, y1 = madonna.rig.body.grid.box
    outside = np.ones(madonna.image.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    outside[[0, 1, -2, -1], :] = outside[:, [0, 1, -2, -1]] = True
    np.testing.assert_array_equal(breathing[-1][outside], madonna.image[outside])
    assert not madonna.rig.body.field[[0, -1]].any()
    assert not madonna.rig.body.field[:, [0, -1]].any()


def test_where_the_face_meets_the_body_there_is_no_seam(madonna: OpenPortrait) -> None:
    """On the border of the face's grid the body's own field says the same."""
    rig = madonna.rig
    body, face = rig.body, rig.fields[MOTIONS.index("breath")]
    every = body.grid.step // rig.grid.step
    first_column = (rig.grid.x0 - body.grid.x0) // body.grid.step
    first_row = (rig.grid.y0 - body.grid.y0) // body.grid.step
    assert (rig.grid.x0 - body.grid.x0) % body.grid.step == 0
    assert (rig.grid.y0 - body.grid.y0) % body.grid.step == 0
    inner = body.field[first_row:, first_column:]
    rows, columns = (-(-size // every) for size in face.shape[:2])
    rows, columns = min(rows, inner.shape[0] - 1), min(columns, inner.shape[1] - 1)
    same = np.abs(inner[:rows, :columns] - face[::every, ::every][:rows, :columns]).max(axis=-1)
    assert same[0].max() < 1e-3
    assert same[:, 0].max() < 1e-3


def test_a_breath_never_jumps_and_moves_less_than_it_looks(madonna: OpenPortrait, breathing: list[Image]) -> None:
    steps = [float(np.abs(later.astype(np.int16) - earlier).mean()) for earlier, later in itertools.pairwise(breathing)]
    assert 0 < max(steps) < 3
    assert max(steps) < 4 * min(steps)
