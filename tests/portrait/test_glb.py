"""A rig as glTF: sound by the Khronos validator, named as ARKit names, and moving as the rig moves."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.node import require_node_package

from visavis.assets import AssetStore
from visavis.errors import OutputError
from visavis.portrait.eyes import CLOSED
from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
from visavis.portrait.glb import TARGETS, export_glb, write_glb
from visavis.portrait.rig import Rig
from visavis.types import BLENDSHAPES, Expression


@pytest.fixture(scope="module")
def rig(assets: AssetStore) -> Rig:
    return open_portrait(DEFAULT_PORTRAIT, assets=assets).rig


@pytest.fixture(scope="module")
def data(rig: Rig) -> bytes:
    return export_glb(rig, title="A portrait")


class Model:
    """What a glTF file holds."""

    def __init__(self, data: bytes) -> None:
        magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", data)
        assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
        self.document: dict[str, Any] = json.loads(data[20 : 20 + json_length])
        self.binary = data[28 + json_length :]
        assert len(self.binary) == self.document["buffers"][0]["byteLength"] + (-len(self.binary) % 4)

    def mesh(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(mesh for mesh in self.document["meshes"] if mesh["name"] == name)
        return found

    def view(self, index: int, dtype: type, count: int) -> NDArray[Any]:
        return np.frombuffer(self.binary, dtype, count, self.document["bufferViews"][index]["byteOffset"])

    def array(self, index: int) -> NDArray[Any]:
        accessor = self.document["accessors"][index]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        dtype = {5126: np.float32, 5125: np.uint32}[accessor["componentType"]]
        values = np.zeros((accessor["count"], width), dtype)
        if "bufferView" in accessor:
            values[:] = self.view(accessor["bufferView"], dtype, values.size).reshape(values.shape)
        if sparse := accessor.get("sparse"):
            places = self.view(sparse["indices"]["bufferView"], np.uint32, sparse["count"])
            moved = self.view(sparse["values"]["bufferView"], np.float32, sparse["count"] * width)
            values[places] = moved.reshape(-1, width)
        return values


def test_each_layer_is_a_primitive_in_the_order_that_is_written_down(data: bytes) -> None:
    model = Model(data)
    names = [
        model.document["materials"][primitive["material"]]["name"] for primitive in model.mesh("Portrait")["primitives"]
    ]
    eyes = ["whiteRight", "irisRight", "whiteLeft", "irisLeft"]
    assert names == ["cavity", "teeth", *eyes, *4 * ["painting"]]  # of the painting: face, lower and upper lip, body


def test_targets_bear_the_names_of_the_blendshapes(data: bytes) -> None:
    model = Model(data)
    portrait = model.mesh("Portrait")
    assert portrait["extras"]["targetNames"] == list(TARGETS)
    assert set(BLENDSHAPES) - set(TARGETS) == {"_neutral"}
    assert portrait["weights"] == [0] * len(TARGETS)
    assert all(len(primitive["targets"]) == len(TARGETS) for primitive in portrait["primitives"])
    names = [model.document["materials"][primitive["material"]]["name"] for primitive in portrait["primitives"]]
    assert names.count("painting") == 4  # the face, two lips, and what breathes
    assert {"cavity", "teeth", "irisLeft", "irisRight"} <= set(names)


def test_corners_move_as_the_rig_does(rig: Rig, data: bytes) -> None:
    model = Model(data)
    height, width = rig.painting.shape[:2]
    # The face is the first layer with the painting on it.
    face = next(
        primitive
        for primitive in model.mesh("Portrait")["primitives"]
        if model.document["materials"][primitive["material"]]["name"] == "painting"
    )
    positions, texture = model.array(face["attributes"]["POSITION"]), model.array(face["attributes"]["TEXCOORD_0"])
    places = texture * (width, height) - 0.5
    np.testing.assert_allclose(positions[:, 0], (places[:, 0] - width / 2 + 0.5) / height, atol=1e-6)
    np.testing.assert_allclose(positions[:, 1], (height / 2 - 0.5 - places[:, 1]) / height, atol=1e-6)
    column, row = ((places - (rig.grid.x0, rig.grid.y0)) / rig.grid.step).T
    on_node = (np.abs(column - column.round()) < 1e-3) & (np.abs(row - row.round()) < 1e-3)
    assert on_node.sum() > 0.8 * (rig.grid.columns * rig.grid.rows - rig.mouth.grid.columns * rig.mouth.grid.rows)
    for name in ("mouthSmileLeft", "jawOpen", "cheekPuff"):
        delta = model.array(face["targets"][TARGETS.index(name)]["POSITION"])[on_node]
        field = rig.fields[BLENDSHAPES.index(name)]
        expected = field[row[on_node].round().astype(int), column[on_node].round().astype(int)]
        moved = delta[:, :2] * (height, -height)
        # Lids move besides; they are few.
        assert np.quantile(np.abs(moved - expected), 0.9) < 0.011
        assert np.abs(moved).max() > 1


def test_a_blink_brings_the_edges_of_the_lids_together(rig: Rig, data: bytes) -> None:
    model = Model(data)
    height = rig.painting.shape[0]
    face = model.mesh("Portrait")["primitives"][6]
    places = model.array(face["attributes"]["TEXCOORD_0"]) * rig.painting.shape[1::-1] - 0.5
    for eye in rig.eyes:
        moved = model.array(face["targets"][TARGETS.index(f"eyeBlink{eye.side}")]["POSITION"])[:, :2]
        moved = moved * (height, -height) @ eye.down
        u, v = (places - eye.origin) @ eye.axis, (places - eye.origin) @ eye.down
        middle = np.abs(u / eye.width - 0.5) < 0.1
        aperture = eye.aperture
        edges = middle & (v > eye.upper.min() - 1) & (v < eye.lower.max() + 1)
        # The upper lid comes down all the way, over the margin of the lower one, which gives way a little.
        assert moved[edges].max() > 0.9 * CLOSED * aperture
        assert 0 < moved[edges].min() < 1.1 * (CLOSED - 1) * aperture


def test_bounds_are_told_truly(data: bytes) -> None:
    model = Model(data)
    for index, accessor in enumerate(model.document["accessors"]):
        if "min" in accessor:
            values = model.array(index)
            np.testing.assert_array_equal(values.min(axis=0), np.float32(accessor["min"]))
            np.testing.assert_array_equal(values.max(axis=0), np.float32(accessor["max"]))


def test_the_same_rig_gives_the_same_bytes_and_an_expression_its_weights(rig: Rig, data: bytes) -> None:
    assert export_glb(rig, title="A portrait") == data
    smile = Expression.from_mapping({"mouthSmileLeft": 0.5}, sway=(2, 0, 0))
    weights = Model(export_glb(rig, expression=smile)).mesh("Portrait")["weights"]
    assert weights[TARGETS.index("mouthSmileLeft")] == pytest.approx(0.5)
    assert weights[TARGETS.index("swayYaw")] == pytest.approx(2)


def test_a_file_is_written_whole_or_not_at_all(rig: Rig, data: bytes, tmp_path: Path) -> None:
    write_glb(tmp_path / "portrait.glb", rig, title="A portrait")
    assert [path.name for path in tmp_path.iterdir()] == ["portrait.glb"]
    assert (tmp_path / "portrait.glb").read_bytes() == data
    with pytest.raises(OutputError):
        write_glb(tmp_path / "portrait.glb" / "below", rig)


def test_the_khronos_validator_finds_nothing(data: bytes, tmp_path: Path) -> None:
    package = require_node_package("gltf-validator")
    (tmp_path / "portrait.glb").write_bytes(data)
    script = (
        "const [, validator, file] = process.argv;"
        "require(validator).validateBytes(new Uint8Array(require('fs').readFileSync(file)))"
        ".then((report) => console.log(JSON.stringify(report)), (error) => { console.error(error); process.exit(1); });"
    )
    command = ["node", "-e", script, str(package), str(tmp_path / "portrait.glb")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    report = json.loads(done.stdout)
    issues = report["issues"]
    assert (issues["numErrors"], issues["numWarnings"], issues["truncated"]) == (0, 0, False), issues["messages"]
    # What remains are remarks that paintings are not 2^n pixels wide, which only WebGL 1 minded.
    assert {message["code"] for message in issues["messages"]} <= {"IMAGE_NPOT_DIMENSIONS"}
    assert report["info"]["hasMorphTargets"]
