"""A faded painting: what a rig lays on it is as faint as the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.portrait.check import check_rig
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.presets import emotion_preset
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import Rig, make_rig
from visavis.portrait.veil import Veil, read_veil
from visavis.types import Image


def faded(image: Image, contrast: float, level: float) -> Image:
    return np.asarray(np.clip(image * contrast + level, 0, 255), np.uint8)


@pytest.fixture(scope="module")
def pale(madonna: OpenPortrait) -> Rig:
    return make_rig(faded(madonna.image, 0.2, 150), madonna.face)


def test_a_painting_with_darks_has_no_veil(madonna: OpenPortrait) -> None:
    veil = read_veil(madonna.image, madonna.rig.landmarks.astype(np.float64))
    assert not veil
    assert veil.lifted(madonna.image) is madonna.image
    assert veil.depth(np.array([200, 180, 150])) == 1


def test_a_veil_is_found_lifted_and_laid_on_again(madonna: OpenPortrait) -> None:
    image = faded(madonna.image, 0.4, 120)
    veil = read_veil(image, madonna.rig.landmarks.astype(np.float64))
    assert 90 < veil.level.mean() < 130
    lifted = veil.lifted(image)
    assert lifted.min() < 0.4 * image.min()
    # What is darker than the veil itself, a few pixels at most, comes back as dark as the veil.
    darker = (image < veil.level).any(axis=2)
    assert darker.mean() < 0.01
    assert np.abs(veil.laid(lifted).astype(int) - image)[~darker].max() <= 1
    with_coverage = np.dstack([lifted, np.full(lifted.shape[:2], 7, np.uint8)])
    assert (veil.laid(with_coverage)[:, :, 3] == 7).all()


@pytest.mark.parametrize("emotion", ["anger", "surprise", "sadness", "joy"])
def test_nothing_is_much_darker_or_lighter_than_a_faded_painting(pale: Rig, emotion: str) -> None:
    render = MeshRenderer(pale).render(emotion_preset(emotion))
    low, high = int(pale.painting.min()), int(pale.painting.max())
    assert render.min() > low - 0.35 * (high - low)
    assert render.max() <= high + 0.15 * (high - low)


def test_a_faded_rig_is_the_painting_at_rest(pale: Rig) -> None:
    np.testing.assert_array_equal(MeshRenderer(pale).render(emotion_preset("neutral")), pale.painting)


def test_lids_and_brows_shade_a_faded_eye_less(pale: Rig, madonna: OpenPortrait) -> None:
    for eye, whole in zip(pale.eyes, madonna.rig.eyes, strict=True):
        assert eye.shade.max() < 0.5 * whole.shade.max()
        assert eye.look.lash_dark < 0.5 * whole.look.lash_dark
    strongest = [max(float(np.abs(patch).max()) for patch in rig.creases.patches) for rig in (pale, madonna.rig)]
    assert strongest[0] < 0.4 * strongest[1]


def test_what_is_faded_or_blurred_is_told(pale: Rig, madonna: OpenPortrait) -> None:
    import cv2

    assert "faded" in " ".join(check_rig(pale, madonna.face).concerns)
    blurred = replace(madonna.rig, painting=cv2.GaussianBlur(madonna.image, (0, 0), 0.03 * madonna.rig.face_width))
    assert "blurred" in " ".join(check_rig(blurred, madonna.face).concerns)
    assert check_rig(madonna.rig, madonna.face).concerns == ()


def test_a_veil_takes_no_part_in_shades() -> None:
    shades = np.array([0, 100, 200], np.uint8)
    assert Veil(np.full(3, 60, np.float32)).weakened(shades, 0.5).tolist() == [0, 50, 100]
    assert Veil(np.zeros(3, np.float32)).weakened(shades, 0.5) is shades
