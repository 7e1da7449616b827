"""Patches and crops: geometry, byte equality, and the specification as data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from visavis.errors import ConfigError
from visavis.faces import CropSpec, crop_face, to_input
from visavis.faces.crop import ALIGNED_TEMPLATE, crop_patch, sharpness
from visavis.faces.patch import cut_patch
from visavis.types import Face, Float32, Image


def ramp(height: int, width: int) -> Image:
    """A picture whose red tells x and green tells y, twice as large numbers."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 7)], axis=2).astype(np.uint8)


def turned_face(angle: float, *, center: tuple[float, float] = (60.0, 50.0), scale: float = 20.0) -> Face:
    """A face whose keypoints are the template's, turned clockwise as seen and scaled."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (np.array(ALIGNED_TEMPLATE) - 0.5) * scale @ turn.T + center
    half = scale / 4
    box = np.array([center[0] - half, center[1] - half, center[0] + half, center[1] + half], np.float32)
    return Face(box=box, keypoints=points.astype(np.float32))


def test_a_patch_at_scale_one_is_the_picture() -> None:
    image = ramp(60, 80)
    patch = cut_patch(image, center=(29.5, 19.5), side=20, size=20)
    np.testing.assert_array_equal(patch.image, image[10:30, 20:40])
    np.testing.assert_allclose(patch.to_picture(np.array([[0, 0, 3]], np.float32)), [[20, 10, 3]])


@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2, -2.5])
@pytest.mark.parametrize(("side", "size"), [(30.0, 60), (30.0, 30), (100.0, 20)])
def test_what_a_patch_shows_is_where_it_says(angle: float, side: float, size: int) -> None:
    image = ramp(200, 220)
    patch = cut_patch(image, center=(111.0, 97.0), side=side, size=size, angle=angle)
    rows, columns = np.mgrid[2 : size - 2, 2 : size - 2]
    points = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
    seen = patch.image[rows.ravel(), columns.ravel(), :2].astype(float)
    np.testing.assert_allclose(seen, patch.to_picture(points), atol=1.0)


def test_beyond_the_border_the_picture_is_mirrored() -> None:
    image = ramp(40, 40)
    patch = cut_patch(image, center=(0, 20), side=21, size=21)
    np.testing.assert_array_equal(patch.image[:, :10], patch.image[:, 20:10:-1])
    far = cut_patch(ramp(9, 9), center=(4, 4), side=80, size=80)
    assert far.image[..., 0].max() == 8
    assert (far.image[..., 2] == 7).all()


def test_fine_texture_does_not_alias() -> None:
    checks = np.zeros((400, 400, 3), np.uint8)
    checks[::2, ::2] = checks[1::2, 1::2] = 255
    patch = cut_patch(checks, center=(199.5, 199.5), side=390, size=39)
    assert patch.image.std() < 4


def test_a_bad_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        cut_patch(ramp(9, 9), center=(np.nan, 1), side=3, size=3)


def test_the_same_face_gives_the_same_bytes(astronaut: Image) -> None:
    points = np.array([[205, 95], [245, 92], [228, 118], [210, 135], [245, 133]], np.float32)
    face = Face(box=np.array([178, 64, 276, 174], np.float32), keypoints=points)
    for spec in (CropSpec(), CropSpec(align="none", size=64), CropSpec(align="points", margin=0.0)):
        again = CropSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
        assert again == spec
        first, second = crop_face(astronaut, face, spec), crop_face(np.array(astronaut), face, again)
        assert first.tobytes() == second.tobytes()
        assert to_input([first], spec).tobytes() == to_input([second], again).tobytes()


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.2])
def test_points_meet_the_template(angle: float) -> None:
    spec = CropSpec(align="points", margin=0.1, size=120)
    face = turned_face(angle)
    assert face.keypoints is not None
    patch = crop_patch(ramp(120, 130), face, spec)
    unit = (np.array(ALIGNED_TEMPLATE) + spec.margin) / (1 + 2 * spec.margin) * spec.size - 0.5
    np.testing.assert_allclose(patch.to_picture(unit.astype(np.float32)), face.keypoints, atol=0.3)


def test_eyes_come_out_level() -> None:
    face = turned_face(0.4)
    assert face.keypoints is not None
    patch = crop_patch(ramp(120, 130), face, CropSpec(align="eyes"))
    back = np.linalg.inv(np.vstack([patch.matrix, [0, 0, 1]]))
    eyes = face.keypoints[:2] @ back[:2, :2].T + back[:2, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-3)
    assert eyes[0, 0] < eyes[1, 0]


def test_a_grown_crop_holds_the_crop() -> None:
    image, face = ramp(200, 200), turned_face(0.0, center=(100, 100), scale=60)
    spec = CropSpec(size=60, margin=0.5, align="none")
    grown = spec.grown(1.2)
    assert grown.size == 72
    inner = crop_face(image, face, grown)[6:66, 6:66].astype(int)
    assert np.abs(inner - crop_face(image, face, spec)).max() <= 1


def test_inputs_are_normalised_as_the_spec_says() -> None:
    crop = np.full((8, 8, 3), (255, 0, 51), np.uint8)
    spec = CropSpec(size=8, mean=(0.5, 0.0, 0.1), std=(0.5, 1.0, 2.0), colour="bgr", layout="nchw")
    values = to_input([crop, crop], spec)
    assert values.shape == (2, 3, 8, 8)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[1, :, 3, 3], [(0.2 - 0.5) / 0.5, 0, (1 - 0.1) / 2], atol=1e-6)
    assert to_input([crop], CropSpec(size=8, layout="nhwc"))[0, 0, 0].tolist() == [1, 0, pytest.approx(0.2)]
    with pytest.raises(ValueError, match="uint8 of shape"):
        to_input([crop], CropSpec(size=16))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": 2}, "size"),
        ({"margin": 9.0}, "margin"),
        ({"align": "nose"}, "align"),
        ({"colour": "grey"}, "colour"),
        ({"std": [1, 0, 1]}, "std"),
        ({"template": [[0, 0]]}, "template"),
        ({"mean": "abc"}, "kind"),
        ({"flavour": 1}, "flavour"),
    ],
)
def test_a_bad_specification_is_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        CropSpec.from_dict({**CropSpec().to_dict(), **change})


def test_aligning_needs_keypoints() -> None:
    bare = Face(box=np.array([1, 1, 9, 9], np.float32))
    with pytest.raises(ValueError, match="keypoints"):
        crop_face(ramp(20, 20), bare, CropSpec())


def test_blur_lowers_sharpness(astronaut: Image) -> None:
    import cv2

    crop = np.ascontiguousarray(astronaut[60:180, 170:290])
    blurred: Image = cv2.GaussianBlur(crop, (0, 0), 4)
    assert sharpness(crop) > 100
    assert sharpness(blurred) < 30


def test_empty_boxes_cannot_be_cut() -> None:
    box: Float32 = np.array([5, 5, 5, 5], np.float32)
    with pytest.raises(ValueError, match="empty box"):
        crop_face(ramp(20, 20), Face(box=box), CropSpec(align="none"))
