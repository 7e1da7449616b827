"""`visavis lab` as it is typed: raw photos in, a classifier that reads a face out."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.faces import Landmarker
from visavis.images import write_image
from visavis.types import Face, Image

if any(find_spec(name) is None for name in ("torch", "keras", "onnxscript", "matplotlib")):
    pytest.skip("needs torch, Keras, onnxscript and matplotlib: pip install 'visavis[lab]'", allow_module_level=True)


def _raw(folder: Path, astronaut: Image) -> Path:
    """Photos of one face, lit otherwise for each of two labels; one photo shows none."""
    photo = np.ascontiguousarray(astronaut[0:240, 90:330])
    dice = np.random.default_rng(0)
    rows = []
    for number in range(24):
        red, bright = dice.integers(0, 2, 2)
        light = photo * (0.6 + 0.4 * bright) * np.where(np.arange(3) == 0, 1.0, 1.0 - 0.5 * red)
        write_image(folder / f"{number:02d}.jpg", light.astype(np.uint8))
        rows.append([f"{number:02d}.jpg", number // 2, ("train", "val", "test")[(number // 2) % 3], red, bright])
    write_image(folder / "none.jpg", np.full((200, 200, 3), 90, np.uint8))
    rows.append(["none.jpg", 99, "train", 0, 1])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "identity", "split", "Smiling", "Young"], *rows])
    return folder


def test_from_raw_photos_to_a_reading(
    tmp_path: Path, astronaut: Image, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISAVIS_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def lab(*arguments: object) -> str:
        assert main(["lab", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    raw, crops, run = _raw(tmp_path / "raw", astronaut), tmp_path / "crops", tmp_path / "run"
    told = lab("prepare", raw, crops, "--size", 64)
    assert "24 crops" in told
    assert "none.jpg: no face" in told
    assert json.loads((crops / "crop.json").read_text())["size"] == 64
    assert "people on two sides: 0" in lab("check", crops)

    (tmp_path / "tiny.toml").write_text(
        f'name = "tiny"\nflip_average = false\n[data]\npath = "{crops}"\nattributes = ["Smiling", "Young"]\n'
        '[model]\nresolution = 32\nweights = "none"\ndrop_path = 0.0\n'
        '[train]\nepochs = 2\nbatch = 4\nprecision = "float32"\n'
    )
    assert "average precision" in lab("train", tmp_path / "tiny.toml", "--out", run)
    told = lab("evaluate", run, "--isotonic", "--grad-cam", 2, "--wild", raw)
    assert "lost by the detector's crop" in told
    assert {path.name for path in (run / "examples").iterdir()} == {"Smiling.png"}
    page = (run / "report.html").read_text()
    assert "examples/Smiling.png" in page
    assert "un-aligned photos" in page.lower()

    told = lab("export", run, "--out", tmp_path / "out", "--half")
    assert "fewer bits" in told
    from visavis.faces import find_faces
    from visavis.reading.attributes import AttributeReader

    reader = AttributeReader.load(tmp_path / "out/attributes.json")
    assert reader.card.calibration["Smiling"].points
    read = reader.read(astronaut, find_faces(astronaut, assets=AssetStore())[0])
    assert set(read) == {"Smiling", "Young"}
    assert all(0 <= value <= 1 for value in read.values())

    assert main(["lab", "join", str(tmp_path / "pair"), str(run)]) == 2  # a pair of one
    assert "at least two" in capsys.readouterr().err
    lab("join", tmp_path / "pair", run, run)
    assert "average precision" in lab("evaluate", tmp_path / "pair")


def test_a_named_detector_alone_proposes_faces(
    tmp_path: Path, astronaut: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A landmarker that looks at whole pictures must not be asked then."""
    from visavis.lab import framing
    from visavis.lab.datasets import open_dataset

    class Refusing(Landmarker):
        def detect(self, image: Image, *_: object, **__: object) -> tuple[Face, ...]:
            raise AssertionError("the landmarker was asked")

    monkeypatch.setattr(framing, "Landmarker", Refusing)
    folder = tmp_path / "raw"
    write_image(folder / "a.jpg", astronaut)
    (folder / "labels.csv").write_text("file,Smiling\na.jpg,1\n")
    found = framing.find_faces_of(
        open_dataset(folder), folder=tmp_path / "cache", assets=AssetStore(), detector="centerface"
    )
    assert np.isfinite(found.keypoints).all()
    with pytest.raises(AssertionError, match="was asked"):
        framing.find_faces_of(open_dataset(folder), folder=tmp_path / "cache", assets=AssetStore())
