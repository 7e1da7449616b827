"""Rigs: finite, deterministic, without folds, and refused with the reason where a face cannot be rigged."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from visavis.errors import RigError
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.inverse import invert
from visavis.portrait.motions import motion_weights
from visavis.portrait.movement import Movement
from visavis.portrait.presets import emotion_presets
from visavis.portrait.rig import MIN_FACE_WIDTH, make_rig
from visavis.types import BLENDSHAPES, Expression, Face

SINGLES = {name: Expression.from_mapping({name: 1.0}) for name in BLENDSHAPES if name != "_neutral"}


def arrays_of(thing: Any, name: str = "rig") -> dict[str, np.ndarray]:
    """Every array inside of a dataclass, by its place."""
    if isinstance(thing, np.ndarray):
        return {name: thing}
    if isinstance(thing, tuple | list):
        parts = [arrays_of(part, f"{name}[{index}]") for index, part in enumerate(thing)]
    elif hasattr(thing, "__dataclass_fields__"):
        parts = [arrays_of(getattr(thing, field.name), f"{name}.{field.name}") for field in fields(thing)]
    else:
        parts = []
    return {key: array for part in parts for key, array in part.items()}


def jacobian(back: np.ndarray, step: int) -> np.ndarray:
    """The determinant of x -> x + back(x), on the nodes of a grid."""
    down, right = np.gradient(back, axis=0) / step, np.gradient(back, axis=1) / step
    return np.asarray((1 + right[..., 0]) * (1 + down[..., 1]) - right[..., 1] * down[..., 0])


def test_every_number_is_finite(madonna: OpenPortrait) -> None:
    arrays = arrays_of(madonna.rig)
    assert len(arrays) > 15
    for name, array in arrays.items():
        assert np.isfinite(array).all(), name


def test_the_same_painting_gives_the_same_rig(madonna: OpenPortrait) -> None:
    again = arrays_of(make_rig(madonna.image, madonna.face))
    for name, array in arrays_of(madonna.rig).items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_a_rig_keeps_its_own_painting(madonna: OpenPortrait) -> None:
    assert not np.shares_memory(madonna.rig.painting, madonna.image)


def test_a_rig_fits_in_memory(madonna: OpenPortrait) -> None:
    assert madonna.rig.nbytes < 60e6


@pytest.mark.parametrize(
    ("name", "expression"), [*emotion_presets().items(), *SINGLES.items()], ids=lambda x: str(x)[:24]
)
def test_the_paint_does_not_fold(madonna: OpenPortrait, name: str, expression: Expression) -> None:
    rig, weights = madonna.rig, motion_weights(expression)
    movement = Movement(rig)
    layers = (movement.face(weights), rig.grid.step), *((lip, rig.mouth.grid.step) for lip in movement.lips(weights))
    # `mouthClose` means lips that meet over an open jaw: by itself it presses the closed ones into each other.
    alone = name == "mouthClose"
    for place, (displacement, step) in zip(("face", "lower lip", "upper lip"), layers, strict=True):
        folded = float(np.mean(jacobian(displacement, step) <= 0))
        assert folded < (0.06 if alone else 0.02 if "lip" in place else 0.001), place
        drawn = jacobian(invert(displacement, step), step)
        assert np.mean(drawn <= 0) < 0.002, place
        assert np.quantile(drawn, 0.999) < (12 if alone else 6), place


def test_both_people_of_a_painting_can_be_rigged(madonna: OpenPortrait, assets: Any) -> None:
    from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
    from visavis.portrait.presets import emotion_preset
    from visavis.portrait.render import MeshRenderer

    child = open_portrait(DEFAULT_PORTRAIT, assets=assets, face=2)
    assert child.rig.face_width < madonna.rig.face_width
    changed = np.abs(MeshRenderer(child.rig).render(emotion_preset("joy")).astype(int) - child.image).max(axis=2) > 0
    rows, columns = np.nonzero(changed)
    x0, y0, x1, y1 = child.rig.grid.box
    assert rows.min() >= y0
    assert rows.max() < y1
    assert columns.min() >= x0
    assert columns.max() < x1
    assert float(np.hypot(*np.subtract(child.face.center, madonna.face.center))) > madonna.rig.face_width


def test_a_face_without_landmarks_is_refused(madonna: OpenPortrait) -> None:
    with pytest.raises(RigError, match="no landmarks"):
        make_rig(madonna.image, Face(madonna.face.box))


def test_a_small_face_is_refused_with_its_size(madonna: OpenPortrait) -> None:
    assert madonna.face.landmarks is not None
    shrunk = replace(madonna.face, landmarks=(madonna.face.landmarks * np.float32(0.35)).astype(np.float32))
    with pytest.raises(RigError, match=rf"pixels wide, at least {MIN_FACE_WIDTH}"):
        make_rig(madonna.image, shrunk)


def test_a_face_at_the_edge_of_the_picture_is_rigged(madonna: OpenPortrait) -> None:
    """The crop cuts off the forehead's surroundings, and the rig stays inside of what is left."""
    assert madonna.face.landmarks is not None
    x0, y0, x1, y1 = madonna.face.box.astype(int)
    cut = np.ascontiguousarray(madonna.image[y0 + 4 : y1 + 4, x0 + 4 : x1 + 4])
    landmarks = madonna.face.landmarks - np.array([x0 + 4, y0 + 4, 0], np.float32)
    rig = make_rig(cut, Face(madonna.face.box, landmarks=landmarks.astype(np.float32)))
    box = rig.grid.box
    assert box[0] >= 0
    assert box[1] >= 0
    assert box[2] <= cut.shape[1]
    assert box[3] <= cut.shape[0]


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_where_the_edge_cuts_into_a_face_it_is_rigged_or_refused(madonna: OpenPortrait, side: str) -> None:
    """The crops go deeper and deeper into the face; from where an eye or the mouth is cut on, they are refused."""
    landmarks = madonna.face.landmarks
    assert landmarks is not None
    x0, y0, x1, y1 = (int(edge) for edge in madonna.face.box)
    refused = []
    for share in np.linspace(0.02, 0.6, 8):
        across, down = int(share * (x1 - x0)), int(share * (y1 - y0))
        part = {
            "left": np.s_[:, x0 + across :],
            "right": np.s_[:, : x1 - across],
            "top": np.s_[y0 + down :, :],
            "bottom": np.s_[: y1 - down, :],
        }[side]
        gone = {"left": (x0 + across, 0, 0), "top": (0, y0 + down, 0)}.get(side, (0, 0, 0))
        face = Face(madonna.face.box, landmarks=(landmarks - np.array(gone)).astype(np.float32))
        try:
            make_rig(np.ascontiguousarray(madonna.image[part]), face)
            refused.append(False)
        except RigError:
            refused.append(True)
    assert refused == sorted(refused)
    assert not refused[0]
    assert refused[-1]


def test_landmarks_of_another_picture_are_refused(madonna: OpenPortrait) -> None:
    with pytest.raises(RigError, match="edge of the picture"):
        make_rig(madonna.image[:200, :150], madonna.face)


def test_a_grey_picture_is_no_painting(madonna: OpenPortrait) -> None:
    with pytest.raises(ValueError, match="uint8"):
        make_rig(madonna.image[:, :, 0], madonna.face)


def test_beyond_its_corners_an_eye_is_shut(madonna: OpenPortrait) -> None:
    for eye in madonna.rig.eyes:
        along = np.linspace(-0.25, 1.25, len(eye.upper))
        beyond = (along < -0.06) | (along > 1.06)
        np.testing.assert_allclose(eye.upper[beyond], eye.lower[beyond], atol=1e-4)
        assert (eye.lower >= eye.upper - 1e-4).all()
