"""Paintings that are seen through: the edge moves with the paint, and no white is left in it."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.portrait.cutout import Cutout, lift
from visavis.portrait.gallery import OpenPortrait
from visavis.types import Expression


def test_lifting_takes_the_white_out_again() -> None:
    colour = np.array([[[200, 30, 90]]], np.float32)
    for alpha in (255, 128, 20):
        laid = np.rint(colour * alpha / 255 + 255 * (1 - alpha / 255)).astype(np.uint8)
        lifted = lift(laid, np.full((1, 1), alpha, np.uint8))
        assert lifted[0, 0, 3] == alpha
        assert np.abs(lifted[0, 0, :3] - colour).max() <= 255 / alpha


def test_what_is_newly_painted_and_dark_is_as_opaque_as_it_must_be() -> None:
    """An opened mouth in a half transparent painting looks over white as it does in an opaque one."""
    seen = np.array([[[20, 60, 40], [250, 240, 245]]], np.uint8)
    lifted = lift(seen, np.full((1, 2), 60, np.uint8)).astype(np.float32)
    share = lifted[:, :, 3:] / 255
    np.testing.assert_allclose(lifted[:, :, :3] * share + 255 * (1 - share), seen, atol=1.5)
    assert lifted[0, 0, 3] == 255 - 20
    assert lifted[0, 1, 3] == 60


def test_at_rest_transparency_is_as_it_was(small_head: OpenPortrait) -> None:
    alpha = np.random.default_rng(3).integers(0, 256, small_head.image.shape[:2]).astype(np.uint8)
    np.testing.assert_array_equal(Cutout(small_head.rig, alpha).render(Expression()), alpha)


def test_an_edge_below_the_chin_goes_down_with_the_jaw(small_head: OpenPortrait) -> None:
    x, y = small_head.rig.landmarks[152].astype(int)
    alpha = np.zeros(small_head.image.shape[:2], np.uint8)
    alpha[:y] = 255
    moved = Cutout(small_head.rig, alpha).render(Expression.from_mapping({"jawOpen": 1.0}))
    assert (moved[:, x] > 127).sum() > y + 2
    np.testing.assert_array_equal(moved[:, 0], alpha[:, 0])


def test_another_size_is_refused(small_head: OpenPortrait) -> None:
    with pytest.raises(ValueError, match="shape"):
        Cutout(small_head.rig, np.zeros((3, 3), np.uint8))


@pytest.mark.parametrize("opaque", [255, 140])
def test_a_mouth_opens_as_opaque_as_it_is(small_head: OpenPortrait, opaque: int) -> None:
    alpha = np.full(small_head.image.shape[:2], opaque, np.uint8)
    moved = Cutout(small_head.rig, alpha).render(Expression.from_mapping({"jawOpen": 1.0, "mouthPucker": 0.5}))
    np.testing.assert_allclose(moved.astype(int), opaque, atol=2)
