from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import InputError, ModelError
from visavis.faces import crop_face
from visavis.images import read_image
from visavis.lab.recipe import recipe_from
from visavis.reading.attributes import AttributeReader
from visavis.reading.card import load_card
from visavis.types import Face

if any(find_spec(name) is None for name in ("torch", "keras", "onnxscript", "matplotlib")):
    pytest.skip("needs torch, Keras, onnxscript and matplotlib: pip install 'visavis[lab]'", allow_module_level=True)

from visavis.lab import runs
from visavis.lab.evaluate import evaluate_run
from visavis.lab.export import crop_of, export_run, largest_difference
from visavis.lab.finished import load_run
from visavis.lab.framing import face_cut, face_spec
from visavis.lab.report import write_report


@pytest.fixture(scope="module")
def run_folder(plain_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    recipe = recipe_from(
        {
            "name": "small",
            "data": {"path": str(plain_folder), "attributes": ["Smiling", "Male", "Young"]},
            "model": {"resolution": 32, "weights": "default"},
            "train": {"epochs": 3, "batch": 12, "rate": 0.003, "warmup": 4, "average": 0.8, "precision": "float32"},
        }
    )
    runs.run(recipe, folder=folder, cache=folder / "cache")
    return folder


@pytest.fixture(scope="module")
def exported(run_folder: Path) -> Path:
    evaluate_run(run_folder, cache=run_folder / "cache", draws=10)
    result = export_run(run_folder, folder=run_folder / "out", cache=run_folder / "cache", int8=True)
    assert 0 <= result.difference < 1e-4
    assert result.int8_loss is not None
    assert (run_folder / "out/attributes-int8.onnx").stat().st_size < 0.5 * result.model.stat().st_size
    return result.card


def test_the_card_says_all(exported: Path) -> None:
    card = load_card(exported)
    assert card.attributes == ("Smiling", "Male", "Young")
    assert card.crop.size == 32
    assert card.crop.mean == pytest.approx([127 / 255] * 3)
    assert "non-commercial" in card.terms
    assert card.metrics["rows"] == 24
    assert set(card.calibration) == set(card.attributes)


def test_the_model_does_not_tell_where_it_was_made(exported: Path) -> None:
    models = list(exported.parent.glob("*.onnx"))
    assert len(models) == 2
    for model in models:
        assert b'.py", line' not in model.read_bytes(), model.name


def test_live_inference_gives_the_labs_probabilities(exported: Path, run_folder: Path, plain_folder: Path) -> None:
    """The skew test: crops byte-equal, probabilities equal to 1e-4."""
    from visavis.lab.train import predict

    reader = AttributeReader.load(exported)
    image = read_image(plain_folder / "images/000.png")
    points = np.array([[16, 20], [32, 20], [24, 28], [18, 34], [30, 34]], np.float32)
    face = Face(box=np.array([16, 20, 32, 34], np.float32), keypoints=points)
    cut = crop_face(image, face, reader.card.crop)
    recipe, network = load_run(run_folder)
    trained = face_cut(points[None], size=32).make(image, 0)
    shipped = crop_of(replace(recipe, data=replace(recipe.data, frame="face")), network)
    assert trained is not None
    assert (trained == crop_face(image, face, shipped)).all()
    assert largest_difference(exported.with_suffix(".onnx"), network, cut[None]) < 1e-4
    plain = predict(network, cut[None], np.arange(1), flip=True, half=False)[0]
    told = reader.read(image, face)
    assert list(told) == list(reader.card.attributes)
    for value, (name, live) in zip(plain, told.items(), strict=True):
        row = reader.card.calibration[name]
        logit = np.log(value / (1 - value)) / row.temperature + row.bias
        assert live == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-4)
    thresholds = {name: row.threshold for name, row in reader.card.calibration.items()}
    assert set(reader.present(told)) == {name for name, value in told.items() if value > thresholds[name]}


def test_a_tampered_model_or_card_is_refused(exported: Path, tmp_path: Path) -> None:
    model, card = exported.with_suffix(".onnx").read_bytes(), json.loads(exported.read_text())
    target = tmp_path / "attributes.json"
    target.write_text(json.dumps(card))
    with pytest.raises(ModelError, match="cannot be read"):
        AttributeReader.load(target)
    (tmp_path / "attributes.onnx").write_bytes(model[:-1] + b"x")
    with pytest.raises(ModelError, match="sha256"):
        AttributeReader.load(target)
    (tmp_path / "attributes.onnx").write_bytes(model)
    for change, message in (
        ({"attributes": ["Smiling"]}, "calibrate exactly"),
        ({"crop": {}}, "damaged"),
        ({"format": 9}, "format"),
        ({"file": "../a.onnx"}, "beside it"),
    ):
        target.write_text(json.dumps(card | change))
        with pytest.raises(ModelError, match=message):
            AttributeReader.load(target)
    with pytest.raises(ModelError, match="no model card"):
        AttributeReader.load(tmp_path / "none.json")


def test_the_report_is_one_page_with_everything_in_it(exported: Path, run_folder: Path) -> None:
    page = write_report(run_folder).read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "Smiling" in page
    assert "http" not in page.replace("http-equiv", "")


def test_what_was_never_evaluated_is_not_shipped(run_folder: Path, tmp_path: Path) -> None:
    for name in ("recipe.toml", "best.pt"):
        (tmp_path / name).write_bytes((run_folder / name).read_bytes())
    with pytest.raises(InputError, match="not been evaluated"):
        export_run(tmp_path, folder=tmp_path, cache=tmp_path)
    with pytest.raises(InputError, match="not been evaluated"):
        write_report(tmp_path)


def test_the_crop_is_framed_as_the_template_says() -> None:
    spec = face_spec(100)
    points = np.array(spec.template, np.float32) * 200 + 30
    image = np.zeros((300, 300, 3), np.uint8)
    for x, y in points.round().astype(int):
        image[y - 3 : y + 4, x - 3 : x + 4] = 255
    crop = face_cut(points.astype(np.float32)[None], size=100).make(image, 0)
    assert crop is not None
    for x, y in spec.template:
        assert crop[round(y * 100), round(x * 100)].min() > 200
