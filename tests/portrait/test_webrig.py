"""The files that a browser fetches hold the rig, exactly enough, and always in the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from visavis.assets import AssetStore
from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
from visavis.portrait.lids import LID_ROOM, ROUNDNESS
from visavis.portrait.motions import MOTIONS
from visavis.portrait.rig import Rig
from visavis.portrait.webrig import FORMAT, VERSION, export_web_rig
from visavis.types import BLENDSHAPES


@pytest.fixture(scope="module")
def rig(assets: AssetStore) -> Rig:
    return open_portrait(DEFAULT_PORTRAIT, assets=assets).rig


@pytest.fixture(scope="module")
def files(rig: Rig) -> dict[str, bytes]:
    return export_web_rig(rig, title="A portrait")


@pytest.fixture(scope="module")
def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(files["manifest.json"])
    return loaded


@pytest.fixture(scope="module")
def arrays(files: dict[str, bytes], manifest: dict[str, Any]) -> dict[str, NDArray[Any]]:
    data = zlib.decompress(files[manifest["data"]])
    return {
        name: np.frombuffer(
            data, np.dtype(spec["dtype"]).newbyteorder("<"), int(np.prod(spec["shape"])), spec["offset"]
        ).reshape(spec["shape"])
        for name, spec in manifest["arrays"].items()
    }


def test_the_same_rig_gives_the_same_bytes(rig: Rig, files: dict[str, bytes]) -> None:
    assert export_web_rig(rig, title="A portrait") == files
    assert export_web_rig(rig, title="Another")["manifest.json"] != files["manifest.json"]


def test_the_manifest_names_and_vouches_for_the_other_files(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
    assert (manifest["format"], manifest["version"], manifest["title"]) == (FORMAT, VERSION, "A portrait")
    assert set(files) == {"manifest.json", *manifest["files"]}
    for name, told in manifest["files"].items():
        assert told == {"bytes": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
    assert manifest["blendshapes"] == list(BLENDSHAPES)
    assert manifest["motions"][: len(BLENDSHAPES)] == list(BLENDSHAPES)
    assert len(manifest["motions"]) == len(manifest["field_scales"]) == len(MOTIONS)


def test_the_manifest_tells_how_sharp_moved_paint_stays(rig: Rig, manifest: dict[str, Any]) -> None:
    assert 0 < rig.sharpness <= 1
    assert manifest["sharpness"] == pytest.approx(rig.sharpness)


def test_the_painting_comes_pixel_for_pixel_and_without_a_profile(rig: Rig, files: dict[str, bytes]) -> None:
    with Pillow.open(io.BytesIO(files["painting.png"])) as picture:
        np.testing.assert_array_equal(np.asarray(picture), rig.painting)
        assert not {"icc_profile", "gamma", "srgb", "chromaticity"} & set(picture.info)


def test_fields_are_exact_to_a_hundredth_of_a_pixel(
    rig: Rig, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> None:
    scales = np.array(manifest["field_scales"], np.float32)
    for name, original in (
        ("fields", rig.fields),
        ("lips", np.stack([rig.mouth.lower, rig.mouth.upper], axis=1)),
    ):
        restored = arrays[name] * scales.reshape(-1, *[1] * (original.ndim - 1))
        np.testing.assert_allclose(restored, original, atol=0.01)
    # At rest and beyond the face nothing may move at all.
    assert not arrays["fields"][0].any()
    # The breath alone goes on, over the body's own grid, and ends there.
    for still in (arrays["fields"][:-1], arrays["body"]):
        assert not still[:, [0, -1]].any()
        assert not still[:, :, [0, -1]].any()
    np.testing.assert_allclose(arrays["body"][0] * manifest["body"]["scale"], rig.body.field, atol=0.01)


def test_a_sway_of_many_degrees_stays_exact(
    rig: Rig, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> None:
    scales = np.array(manifest["field_scales"], np.float32)[len(BLENDSHAPES) :, None, None, None]
    error = np.abs(arrays["fields"][len(BLENDSHAPES) :] * scales - rig.fields[len(BLENDSHAPES) :])
    assert 15 * error.max() < 0.01


def test_creases_lie_where_they_were(rig: Rig, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    creases, told = rig.creases, manifest["creases"]
    assert told["origin"] == list(creases.box[:2])
    assert told["step"] == creases.scale
    np.testing.assert_allclose(told["drivers"], creases.drivers, atol=1e-6)
    assert arrays["creases"].shape[1:3] == creases.shape
    for index, ((row, column), patch) in enumerate(zip(creases.corners, creases.patches, strict=True)):
        layer = arrays["creases"][index // 4, :, :, index % 4] * told["scales"][index]
        rows, columns = slice(row, row + patch.shape[0]), slice(column, column + patch.shape[1])
        np.testing.assert_allclose(layer[rows, columns], patch, atol=0.003)
        assert np.count_nonzero(layer) == np.count_nonzero(layer[rows, columns])


def test_pictures_and_curves_come_as_they_are(
    rig: Rig, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> None:
    np.testing.assert_array_equal(arrays["cavity"], rig.mouth.cavity)
    np.testing.assert_array_equal(arrays["upper_teeth"], rig.mouth.upper_teeth)
    masks = arrays["lip_masks"], arrays["stirred_lips"]
    for layer, mask in enumerate((rig.mouth.lower_mask, rig.mouth.upper_mask)):
        np.testing.assert_array_equal(masks[0][:, :, 2 * layer : 2 * layer + 2], mask[:, :, :2])
        np.testing.assert_array_equal(masks[1][:, :, layer], mask[:, :, 2])
    np.testing.assert_allclose(manifest["mouth"]["stir"], rig.mouth.stir, rtol=1e-6)
    for index, (eye, told) in enumerate(zip(rig.eyes, manifest["eyes"], strict=True)):
        np.testing.assert_array_equal(arrays[f"eye{index}_white"], eye.white)
        np.testing.assert_array_equal(arrays[f"eye{index}_iris"], eye.iris)
        np.testing.assert_array_equal(arrays[f"eye{index}_curves"][:, 0], eye.upper)
        np.testing.assert_array_equal(arrays[f"eye{index}_curves"][:, 3], eye.below)
        np.testing.assert_allclose(told["gaze"], eye.gaze, rtol=1e-6)
        assert told["box"] == list(eye.box)
        assert (told["skew"], told["open_aperture"]) == pytest.approx((eye.skew, eye.open_aperture))
    assert (manifest["lids"]["room"], manifest["lids"]["roundness"]) == (LID_ROOM, ROUNDNESS)
