"""Lids: they meet in a blink, roll out a picture of their own, and leave an eye at rest alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from visavis.images import resize
from visavis.portrait.basis import load_basis
from visavis.portrait.eyemaker import make_eye
from visavis.portrait.eyes import CLOSED, still_where_hidden, stretched
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.lids import LID_ROOM, LIFTED_LIGHT, lid_positions, light_of
from visavis.portrait.motions import motion_weights
from visavis.portrait.passage import blended
from visavis.portrait.presets import emotion_preset
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import make_rig
from visavis.types import Expression, Image

BLINK = Expression.from_mapping({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})


def eye_frame(portrait: OpenPortrait, image: Image, index: int) -> np.ndarray:
    """The eye cut out upright, from the border above to below the lower lid, (rows, 81, 3) float, u to the right."""
    import cv2

    eye = portrait.rig.eyes[index]
    u = np.linspace(0.2, 0.8, 81) * eye.width
    v = np.arange(eye.above.min(), eye.lower.max() + 0.3 * eye.width, 0.5)
    places = eye.origin + u[None, :, None] * eye.axis + v[:, None, None] * eye.down
    x, y = np.moveaxis(places.astype(np.float32), 2, 0)
    return np.asarray(cv2.remap(image, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR), np.float64)


@pytest.mark.parametrize("extra", [{}, {"eyeWideLeft": 1.0, "eyeWideRight": 1.0}, {"cheekSquintLeft": 1.0}])
def test_the_lids_of_a_full_blink_meet_whatever_else_the_face_does(
    madonna: OpenPortrait, extra: dict[str, float]
) -> None:
    weights = motion_weights(Expression.from_mapping({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0} | extra))
    for eye in madonna.rig.eyes:
        top, bottom = lid_positions(eye, weights)
        np.testing.assert_allclose(top, bottom, atol=1e-3)
        np.testing.assert_allclose(top, eye.upper + CLOSED * (eye.lower - eye.upper), atol=1e-3)


def test_lids_at_rest_lie_where_they_are_painted(madonna: OpenPortrait) -> None:
    for eye in madonna.rig.eyes:
        top, bottom = lid_positions(eye, motion_weights(Expression()))
        np.testing.assert_array_equal(top, eye.upper)
        np.testing.assert_array_equal(bottom, eye.lower)


@pytest.mark.parametrize("index", [0, 1])
def test_a_closed_lid_is_smooth_along_the_eye_and_ends_in_a_dark_line(
    madonna: OpenPortrait, renderer: MeshRenderer, index: int
) -> None:
    eye = madonna.rig.eyes[index]
    closed = eye_frame(madonna, renderer.render(BLINK), index).mean(axis=2)
    rows = np.arange(eye.above.min(), eye.lower.max() + 0.3 * eye.width, 0.5)
    at = eye.curve_position(np.linspace(0.2, 0.8, 81, dtype=np.float32) * np.float32(eye.width))
    edge = np.interp(at, np.arange(len(eye.upper)), eye.upper + CLOSED * (eye.lower - eye.upper))
    lid = closed[(rows > edge.min() - 0.3 * eye.width) & (rows < edge.min() - 0.12 * eye.width)]
    # From pixel to pixel along the eye the lid hardly changes: nothing is stretched into streaks.
    assert np.abs(np.diff(lid, axis=1)).mean() < 4
    # Its edge is the darkest of the eye, at every place.
    darkest = rows[closed.argmin(axis=0)]
    assert np.median(np.abs(darkest - edge)) < 0.12 * eye.width
    assert np.median(closed.min(axis=0)) < 0.6 * np.median(lid)


def test_a_closed_lid_catches_the_light_of_the_cheek_where_shadow_lies_above_the_eye(madonna: OpenPortrait) -> None:
    shaded = madonna.image.copy()
    for eye in madonna.rig.eyes:
        x0, y0, x1, _ = eye.box
        shaded[y0 : int(eye.origin[1] + eye.upper.min()), x0:x1] //= 4
    dark = make_rig(shaded, madonna.face)
    for lit, shade in zip(madonna.rig.eyes, dark.eyes, strict=True):
        x, y = (shade.origin + 0.5 * shade.width * shade.axis - shade.box[:2]).astype(int)
        y += int(shade.upper.min())
        bulge = np.s_[y - 2 : y + 3, x - 3 : x + 4]
        cheek = shaded[shade.box[1] : shade.box[3], shade.box[0] : shade.box[2]][-6:, x - 3 : x + 4].mean()
        assert 0.45 * cheek < shade.lid[bulge].mean() <= lit.lid[bulge].mean() + 1


def test_the_white_of_a_wide_eye_is_lit_but_for_what_lies_next_to_the_lids(madonna: OpenPortrait) -> None:
    wide = Expression.from_mapping({"eyeWideLeft": 1.0, "eyeWideRight": 1.0})
    right, left = (replace(eye, shine=np.zeros_like(eye.shine)) for eye in madonna.rig.eyes)
    dull = replace(madonna.rig, eyes=(right, left))
    lit, plain = (MeshRenderer(rig).render(wide).astype(float) for rig in (madonna.rig, dull))
    gain = lit - plain
    assert gain.min() >= 0
    for eye in madonna.rig.eyes:
        x0, y0, x1, y1 = eye.box
        assert gain[y0:y1, x0:x1].max() > 15
        gain[y0:y1, x0:x1] = 0
    # The light falls on the eyes alone, which a face that moves carries a little beyond their boxes.
    assert (gain > 0).mean() < 1e-4


def test_a_lowered_brow_takes_light_from_the_eye_under_it_alone(madonna: OpenPortrait) -> None:
    right, left = madonna.rig.eyes
    weights = motion_weights(Expression.from_mapping({"browDownLeft": 1.0}))
    assert light_of(right, right.upper, weights) == 0
    assert -0.5 < light_of(left, left.upper, weights) < 0
    assert light_of(left, left.upper, motion_weights(Expression())) == 0


def test_light_comes_to_an_eye_with_its_lid_whatever_lifts_it(madonna: OpenPortrait) -> None:
    def light(**asked: float) -> float:
        weights, eye = motion_weights(blended(asked)), madonna.rig.eyes[0]
        return light_of(eye, lid_positions(eye, weights)[0], weights)

    assert light(eyeWide=1.0) == pytest.approx(LIFTED_LIGHT)
    assert 0 < light(browInnerUp=0.5) < light(browInnerUp=1.0)
    # The brows of the sad are raised within, but their lids are not.
    assert light(browInnerUp=0.5, eyeBlink=0.5) == 0


def test_an_eye_in_shadow_gets_the_light_of_its_own_side(madonna: OpenPortrait) -> None:
    middle = round(float(madonna.rig.landmarks[:, 0].mean()))
    shadowed = madonna.image.copy()
    shadowed[:, middle:] = shadowed[:, middle:] // 4
    shaded = make_rig(shadowed, madonna.face).eyes
    lit, dark = sorted((float(eye.shine.mean()) for eye in shaded), reverse=True)
    assert lit == pytest.approx(max(float(eye.shine.mean()) for eye in madonna.rig.eyes), rel=0.15)
    assert dark < 0.6 * lit


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_wide_lids_are_round(madonna: OpenPortrait, share: float) -> None:
    """They rise as an arch: to one top, not as the corners of a tent, and no further than the skin gives room."""
    weights = motion_weights(Expression.from_mapping({"eyeWideLeft": share, "eyeWideRight": share}))
    for eye in madonna.rig.eyes:
        rise = eye.upper - lid_positions(eye, weights)[0]
        top = int(rise.argmax())
        assert 0.3 < (top - 65 / 6) / (65 / 1.5) < 0.7
        assert (np.diff(rise[: top + 1]) >= -1e-4).all()
        assert (np.diff(rise[top:]) <= 1e-4).all()
        assert (rise <= LID_ROOM * (eye.upper - eye.above)).all()
        # Nowhere bent much more than the arch is on average.
        bend = -np.diff(rise[14:51], 2)
        assert bend.max() < 3 * bend.mean()


def test_lids_that_find_little_room_stay_round(madonna: OpenPortrait) -> None:
    """Under a low brow they rise nearly as far as there is room, and their tops are flat rather than cut."""
    weights = motion_weights(Expression.from_mapping({"eyeWideLeft": 1.0, "eyeWideRight": 1.0}))
    for eye in madonna.rig.eyes:
        free = eye.upper - lid_positions(eye, weights)[0]
        room = 0.6 * free.max()
        low = replace(eye, above=eye.upper - np.float32(room / LID_ROOM))
        rise = low.upper - lid_positions(low, weights)[0]
        assert 0.9 * room < rise.max() < room
        # Where there is room enough they are as free as ever.
        np.testing.assert_allclose(rise[free < 0.3 * room], free[free < 0.3 * room], rtol=0.005)
        slopes = np.diff(rise[16:49])
        assert np.abs(np.diff(slopes)).max() < 0.5 * np.abs(slopes).max()


def test_a_closed_lid_at_the_border_of_the_picture_is_no_hole(madonna: OpenPortrait) -> None:
    right = madonna.rig.eyes[0]
    cut = round(float(right.origin[1] + right.above.min()) + 0.3 * right.width)
    shifted = madonna.rig.landmarks.astype(np.float64) - (0, cut)
    eye = make_eye(
        madonna.image[cut:],
        shifted,
        "Right",
        basis=load_basis(),
        rotation=np.eye(3),
        highlight=np.full(3, 200, np.float32),
    )
    assert eye.lid.max(axis=2).min() > 20


def test_an_eye_narrows_under_a_lowered_brow_as_living_ones_do(madonna: OpenPortrait) -> None:
    # Measured: brows that are lowered by .6 leave the eye .7 of its aperture; here half of it at a full weight.
    right, left = madonna.rig.eyes
    weights = motion_weights(Expression.from_mapping({"browDownLeft": 1.0}))
    for eye, least, most in ((right, 0.99, 1.01), (left, 0.45, 0.75)):
        upper, lower = lid_positions(eye, weights)
        assert least < (lower - upper).max() / eye.aperture < most


def test_eyes_have_softer_edges_where_the_face_is_painted_without_any(madonna: OpenPortrait) -> None:
    import cv2

    grain = np.random.default_rng(0).normal(0, 12, madonna.image.shape)
    rough = make_rig(np.clip(madonna.image + grain, 0, 255).astype(np.uint8), madonna.face)
    smooth = make_rig(cv2.GaussianBlur(madonna.image, (0, 0), 3), madonna.face)
    for crisp, soft in zip(rough.eyes, smooth.eyes, strict=True):
        assert crisp.edge < soft.edge < 0.2 * soft.aperture
        edge_of_iris = [np.count_nonzero((eye.iris[:, :, 3] > 12) & (eye.iris[:, :, 3] < 243)) for eye in (crisp, soft)]
        assert edge_of_iris[1] > 1.05 * edge_of_iris[0]


def test_a_lid_rolls_and_does_not_jump(madonna: OpenPortrait, renderer: MeshRenderer) -> None:
    steps = [
        renderer.render(Expression.from_mapping({"eyeBlinkLeft": weight, "eyeBlinkRight": weight})).astype(int)
        for weight in np.linspace(0, 1, 21)
    ]
    x0, y0, x1, y1 = madonna.rig.eyes[1].box
    changes = [np.abs(later - before)[y0:y1, x0:x1].mean() for before, later in pairwise(steps)]
    assert max(changes) < 4 * np.mean(changes)


def test_skin_stretches_from_the_edge_to_a_border_that_stays() -> None:
    v = np.linspace(-10, 5, 61, dtype=np.float32)
    at = {name: np.full_like(v, value) for name, value in (("edge", 5), ("rest", 0), ("end", -10))}
    source = stretched(v, **at)
    assert source[0] == -10
    assert source[-1] == pytest.approx(0)
    assert (np.diff(source) > 0).all()


@pytest.mark.parametrize(("y", "way"), [(-0.5, 1), (0.5, -1)])
def test_lids_go_with_the_gaze(madonna: OpenPortrait, y: float, way: int) -> None:
    weights = motion_weights(Expression(gaze=np.array([0, y], np.float32)))
    for eye in madonna.rig.eyes:
        top, _ = lid_positions(eye, weights)
        middle = slice(len(top) // 3, 2 * len(top) // 3)
        moved = (top - eye.upper)[middle] / eye.aperture
        assert (way * moved > 0.02).all()
        # The lid comes with the iris, and does not leave it.
        iris = float((eye.gaze.T @ weights) @ eye.down) / eye.aperture
        assert 0.3 < float(moved.mean()) / iris < 2.5


def test_a_gaze_is_a_look_of_both_eyes() -> None:
    gaze = motion_weights(Expression(gaze=np.array([-0.4, 0.25], np.float32)))
    looks = {"eyeLookInLeft": 0.4, "eyeLookOutRight": 0.4, "eyeLookUpLeft": 0.25, "eyeLookUpRight": 0.25}
    np.testing.assert_allclose(gaze, motion_weights(Expression.from_mapping(looks)))


def test_an_eye_that_is_turned_away_stays_as_it_is_painted(madonna: OpenPortrait) -> None:
    right, left = madonna.rig.eyes
    far = replace(left, width=0.4 * right.width)
    near, still = still_where_hidden(right, far)
    assert near is right
    weights = np.ones(len(still.blink), np.float32)
    upper, lower = lid_positions(still, weights)
    assert (upper == still.upper).all()
    assert (lower == still.lower).all()
    assert not still.gaze.any()
    assert still_where_hidden(right, left) == (right, left)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_an_eye_opens_and_closes_the_same_however_the_picture_hangs(madonna: OpenPortrait, quarters: int) -> None:
    """Turned by quarters, pixels stay pixels: curves are those of the upright eye to a fraction of one."""
    height, width = madonna.image.shape[:2]
    landmarks = madonna.face.landmarks
    assert landmarks is not None
    landmarks = landmarks.copy()
    for _ in range(quarters):
        landmarks[:, 0], landmarks[:, 1] = landmarks[:, 1].copy(), width - 1 - landmarks[:, 0]
        width, height = height, width
    turned = make_rig(
        np.ascontiguousarray(np.rot90(madonna.image, quarters)), replace(madonna.face, landmarks=landmarks)
    )
    weights = motion_weights(emotion_preset("surprise"))
    for eye, upright in zip(turned.eyes, madonna.rig.eyes, strict=True):
        for now, then in zip(lid_positions(eye, weights), lid_positions(upright, weights), strict=True):
            np.testing.assert_allclose(now, then, atol=0.05)
        assert eye.white.mean() == pytest.approx(upright.white.mean(), abs=3)


def test_the_white_of_a_large_scans_eye_is_the_same_by_smaller_blurs(
    madonna: OpenPortrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is carried to behind the iris by blurs so wide that they are made of a smaller picture."""
    scale, points = 6, madonna.rig.landmarks.astype(np.float64)
    x, y = np.maximum(points.min(axis=0) - 20, 0).astype(int)
    scan = resize(np.ascontiguousarray(madonna.image[y : y + 200, x : x + 200]), height=200 * scale)

    def white() -> Image:
        light, level = np.full(3, 200, np.float32), np.eye(3)
        eye = make_eye(scan, (points - (x, y)) * scale, "Left", basis=load_basis(), rotation=level, highlight=light)
        return eye.white

    small = white()
    monkeypatch.setattr("visavis.portrait.eyemaker._FINE_SIGMA", 1e9)
    whole = white()
    difference = np.abs(small.astype(int) - whole)
    assert 0 < difference.max() <= 2
    assert difference.mean() < 0.2
