"""The live reader on a network made by hand, without torch: mean red, green and blue of the crop as three logits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ModelError
from visavis.faces import CropSpec
from visavis.reading.attributes import AttributeReader
from visavis.reading.card import Calibration, ModelCard, load_card, save_card
from visavis.reading.shape import SHAPE_FEATURES
from visavis.types import Face, Image

NAMES = ("Red", "Green", "Blue")


def _hand_made(folder: Path, *, flip: bool = False, shape: bool = False) -> Path:
    from onnx import TensorProto, helper, save

    left_half = np.zeros((1, 16, 16, 1), np.float32)
    left_half[:, :, :8] = 1.0  # so that a mirror image is told from the crop
    nodes = [
        helper.make_node("Mul", ["pictures", "mask"], ["masked"]),
        helper.make_node("ReduceMean", ["masked"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 16, 16, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor("mask", TensorProto.FLOAT, left_half.shape, left_half.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, str(folder / "colours.onnx"))
    weights = np.zeros((SHAPE_FEATURES, 3), np.float32)
    np.savez(folder / "shape.npz", weights=weights, bias=np.array([1.0, 2.0, 3.0], np.float32))
    rows = {name: Calibration(temperature=0.5, bias=0.1, threshold=0.6) for name in NAMES}
    card = ModelCard(
        name="colours",
        file="colours.onnx",
        sha256=hashlib.sha256((folder / "colours.onnx").read_bytes()).hexdigest(),
        attributes=NAMES,
        crop=CropSpec(size=16, align="points", margin=0.0, mean=(0.5,) * 3, std=(0.25,) * 3, layout="nhwc"),
        calibration=rows,
        flip_average=flip,
        shape_file="shape.npz" if shape else "",
        shape_sha256=hashlib.sha256((folder / "shape.npz").read_bytes()).hexdigest() if shape else "",
        shape_calibration={name: Calibration(1.0, 0.0, 0.5, 0.5) for name in NAMES} if shape else {},
    )
    save_card(folder / "card.json", card)
    assert load_card(folder / "card.json") == card
    return folder / "card.json"


def _picture() -> tuple[Image, Face]:
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, :100] = (255, 64, 0)  # the left half of the crop; the right one is black
    template = np.array(CropSpec().template, np.float32) * 160 + 20
    return image, Face(box=np.array([20, 20, 180, 180], np.float32), keypoints=template)


def _expected(red: float) -> float:
    return float(1 / (1 + np.exp(-(red / 0.5 + 0.1))))


def test_crop_normalisation_and_calibration_are_the_cards(tmp_path: Path) -> None:
    reader = AttributeReader.load(_hand_made(tmp_path))
    told = reader.read(*_picture())
    assert list(told) == list(NAMES)
    # Half the crop counts, the mean is over the whole of it: (1 - 0.5) / 0.25 / 2.
    assert told["Red"] == pytest.approx(_expected(1.0), abs=0.02)
    assert told["Green"] == pytest.approx(_expected((64 / 255 - 0.5) / 0.25 / 2), abs=0.02)
    assert told["Blue"] == pytest.approx(_expected(-1.0), abs=0.02)
    assert reader.present(told) == ("Red",)


def test_a_mirror_image_counts_half_where_the_card_says_so(tmp_path: Path) -> None:
    told = AttributeReader.load(_hand_made(tmp_path, flip=True)).read(*_picture())
    assert told["Red"] == pytest.approx(_expected((1.0 - 1.0) / 2), abs=0.02)


def test_the_shape_is_weighed_in_where_the_face_has_one(tmp_path: Path) -> None:
    reader = AttributeReader.load(_hand_made(tmp_path, shape=True))
    image, face = _picture()
    assert reader.read(image, face)["Red"] == pytest.approx(_expected(1.0), abs=0.02)
    dice = np.random.default_rng(0)
    whole = Face(
        box=face.box,
        keypoints=face.keypoints,
        landmarks=dice.normal(size=(478, 3)).astype(np.float32),
        blendshapes=np.zeros(52, np.float32),
        pose=np.eye(4, dtype=np.float32),
    )
    assert reader.read(image, whole)["Red"] == pytest.approx(1 / (1 + np.exp(-(1.0 + 0.5 * 1.0))), abs=0.02)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    card = _hand_made(tmp_path / "a", shape=True)
    (tmp_path / "a/shape.npz").write_bytes(b"other")
    with pytest.raises(ModelError, match="sha256"):
        AttributeReader.load(card)
    (tmp_path / "a/colours.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="sha256"):
        AttributeReader.load(card)


def test_a_card_of_another_size_is_refused(tmp_path: Path) -> None:
    import json

    card = _hand_made(tmp_path)
    table = json.loads(card.read_text())
    table["crop"]["size"] = 32
    card.write_text(json.dumps(table))
    with pytest.raises(ModelError, match="pictures of 32 pixels"):
        AttributeReader.load(card)


def test_a_face_without_keypoints_is_an_error_of_the_caller(tmp_path: Path) -> None:
    reader = AttributeReader.load(_hand_made(tmp_path))
    with pytest.raises(ValueError, match="keypoints"):
        reader.read(_picture()[0], Face(box=np.array([0, 0, 10, 10], np.float32)))


def test_the_shipped_classifier_is_whole() -> None:
    from visavis.lab.datasets import SIX
    from visavis.reading.attributes import DEFAULT_CARD, default_attributes

    if not DEFAULT_CARD.is_file():
        pytest.skip("this checkout ships no classifier")
    reader = default_attributes()
    assert reader is not None
    assert set(SIX) < set(reader.names) < set(reader.card.attributes)
    assert "Attractive" not in reader.names
    assert "non-commercial" in reader.card.terms
    files = [DEFAULT_CARD.parent / name for name in (reader.card.file, reader.card.shape_file)]
    assert sum(path.stat().st_size for path in files) < 20e6
    assert reader.card.metrics["six"]["mean_average_precision"] > 0.80


@pytest.mark.parametrize("attribute", ["Smiling", "Mouth_Slightly_Open"])
def test_the_astronaut_smiles_with_her_mouth_open(attribute: str, astronaut: Image) -> None:
    from visavis.assets import AssetStore
    from visavis.faces import find_faces
    from visavis.reading.attributes import DEFAULT_CARD, default_attributes

    if not DEFAULT_CARD.is_file():
        pytest.skip("this checkout ships no classifier")
    reader = default_attributes()
    assert reader is not None
    told = reader.read(astronaut, find_faces(astronaut, assets=AssetStore())[0])
    assert told[attribute] > 0.8
    assert "Male" not in told
