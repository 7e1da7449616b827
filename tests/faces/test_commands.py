"""`visavis crop` and `visavis faces`, as they are typed."""

from __future__ import annotations

import csv
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.films import noise, truncate, write_video
from visavis.cli import main
from visavis.cli.crop import parse_interval
from visavis.errors import ConfigError
from visavis.faces.cropper import Crop, Cropper
from visavis.faces.darknet_cfg import read_cfg
from visavis.faces.darknet_weights import write_random_weights
from visavis.images import read_image, resize, write_image
from visavis.types import Image

CFG = """
[net]
width=64
height=64
[convolutional]
filters=6
size=3
pad=1
stride=32
activation=linear
[yolo]
mask=0
anchors=20,30
classes=1
"""


@pytest.fixture
def pictures(tmp_path: Path, astronaut: Image) -> Path:
    folder = tmp_path / "pictures"
    write_image(folder / "one.png", astronaut)
    pair = np.full((512, 900, 3), 60, np.uint8)
    pair[:, :512] = astronaut
    pair[100:300, 650:850] = resize(astronaut, width=200, height=200)
    write_image(folder / "two.png", pair)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "crops.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def crop(*words: str | Path) -> int:
    return main(["crop", *map(str, words), "--detector", "centerface"])


def test_every_face_of_a_folder_is_cut(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "crops"
    assert crop(pictures, "--out", out, "--size", "96") == 0
    assert "3 faces cut from 2 pictures" in capsys.readouterr().out
    rows = rows_of(out)
    assert [row["file"] for row in rows] == ["one-face00.png", "two-face00.png", "two-face01.png"]
    assert all(read_image(out / row["file"]).shape == (96, 96, 3) for row in rows)
    assert all(row["aligned"] == "1" for row in rows)
    assert float(rows[2]["x0"]) > 650 > float(rows[1]["x1"])
    assert sorted(path.name for path in out.iterdir()) == ["crops.csv", *sorted(row["file"] for row in rows)]


def test_small_and_blurred_faces_are_counted(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crop(pictures, "--out", tmp_path / "a", "--min-size", "60") == 0
    assert "2 faces cut from 2 pictures; left out: 1 too small" in capsys.readouterr().out
    assert crop(pictures, "--out", tmp_path / "b", "--min-sharpness", "1e9") == 0
    assert "0 faces cut from 2 pictures; left out: 3 too blurred" in capsys.readouterr().out
    assert rows_of(tmp_path / "b") == []


def test_a_video_is_cut_at_its_interval(tmp_path: Path, astronaut: Image) -> None:
    film = write_video(tmp_path / "film.mp4", [astronaut] * 30, rate=10)
    assert crop(film, "--out", tmp_path / "crops", "--every", "1s") == 0
    assert [float(row["time_s"]) for row in rows_of(tmp_path / "crops")] == [0.0, 1.0, 2.0]
    assert (tmp_path / "crops" / "film-00001.000s-face00.png").exists()


def test_a_broken_file_is_passed_over(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    for name in ("notes.txt", "without", ".hidden"):
        (pictures / name).touch()
    assert crop(pictures, "--out", tmp_path / "crops") == 1
    told = capsys.readouterr().err
    assert "broken.jpg" in told
    assert "passed over: 2 files with no ending of a picture or video" in told
    assert len(rows_of(tmp_path / "crops")) == 3


def test_a_video_that_breaks_off_gives_what_it_has(
    tmp_path: Path, astronaut: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [np.concatenate([astronaut[:256, 128:384], each]) for each in noise(30, height=64, width=256)]
    film, early = write_video(tmp_path / "film.mp4", frames, rate=10), tmp_path / "early.mp4"
    truncate(film, early, part=0.6)
    assert crop(early, "--out", tmp_path / "crops", "--every", "500ms") == 1
    assert "early.mp4 breaks off after" in capsys.readouterr().err
    assert 1 <= len(rows_of(tmp_path / "crops")) < 6


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_what_was_cut(
    number: signal.Signals,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find, seen = Cropper.crops, 0

    def interrupted(self: Cropper, image: Image) -> list[Crop]:
        nonlocal seen
        seen += 1
        if seen == 2:
            signal.raise_signal(number)
        return find(self, image)

    monkeypatch.setattr(Cropper, "crops", interrupted)
    words = ["crop", str(pictures), "--detector", "centerface", "--out", str(tmp_path / "crops")]
    monkeypatch.setattr(sys, "argv", ["visavis", *words])
    assert main() == 128 + number
    assert "what was cut so far is kept" in capsys.readouterr().err
    assert [row["file"] for row in rows_of(tmp_path / "crops")] == ["one-face00.png"]


def test_crops_of_a_file_name_that_is_no_text_are_named_and_listed_escaped(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = os.fsdecode(os.fsencode(pictures) + b"/M\xe4dchen.png")
    (pictures / "one.png").rename(odd)
    # Escaped, this name would be four times as long, and longer than a file's name may be.
    long = os.fsdecode(os.fsencode(pictures) + b"/" + b"\xe4" * 100 + b".png")
    (pictures / "two.png").rename(long)
    assert crop(pictures, "--out", tmp_path / "crops") == 0
    rows = rows_of(tmp_path / "crops")
    assert (rows[0]["file"], rows[0]["source"]) == (r"M\xe4dchen-face00.png", rf"{pictures}/M\xe4dchen.png")
    assert len({row["file"] for row in rows}) == 3
    assert all((tmp_path / "crops" / row["file"]).exists() for row in rows)
    assert "passed over" not in capsys.readouterr().err
    assert main(["faces", "detect", odd, "--detector", "centerface"]) == 0
    assert rf"1 face in {pictures}/M\xe4dchen.png" in capsys.readouterr().out


def test_an_empty_folder_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert crop(tmp_path / "empty", "--out", tmp_path / "crops") == 2
    assert "empty holds no picture or video" in capsys.readouterr().err
    assert not (tmp_path / "crops").exists()


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crop(pictures, "--out", pictures / "one.png" / "deeper") == 5
    assert "one.png is a file" in capsys.readouterr().err
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != tmp_path)
    assert crop(pictures, "--out", tmp_path / "new" / "crops") == 5
    assert "may not be written to" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_model_without_its_detector_is_refused(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", str(pictures / "one.png")]
    assert main(["faces", "detect", str(pictures / "one.png"), *model]) == 2
    assert main(["crop", str(pictures), "--out", str(pictures / "out"), *model]) == 2
    assert capsys.readouterr().err.count("--model needs a --detector") == 2


def test_wrong_use_is_one_line_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "crops"
    assert main(["crop", "--out", str(out)]) == 2
    assert main(["crop", str(tmp_path / "none.jpg"), "--out", str(out)]) == 2
    assert main(["crop", "--camera", "77", "--out", str(out)]) == 4
    assert not out.exists()
    assert capsys.readouterr().err.count("error:") == 3


@pytest.mark.parametrize(("text", "seconds"), [("2s", 2), ("500ms", 0.5), ("1.5min", 90), ("3", 3), (" 0 s ", 0)])
def test_intervals(text: str, seconds: float) -> None:
    assert parse_interval(text) == seconds


@pytest.mark.parametrize("text", ["", "fast", "-1s", "2h"])
def test_bad_intervals(text: str) -> None:
    with pytest.raises(ConfigError, match="no interval"):
        parse_interval(text)


def test_faces_are_printed_as_json(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faces", "detect", str(pictures / "two.png"), "--detector", "centerface", "--json"]) == 0
    faces = json.loads(capsys.readouterr().out)
    assert len(faces) == 2
    assert faces[0]["score"] > 0.5
    assert len(faces[0]["keypoints"]) == 5


def test_a_darknet_network_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg, weights, out = tmp_path / "a.cfg", tmp_path / "a.weights", tmp_path / "a.onnx"
    cfg.write_text(CFG, encoding="utf-8")
    write_random_weights(weights, read_cfg(cfg))
    assert main(["faces", "convert-darknet", str(cfg), str(weights), "--out", str(out)]) == 0
    assert "2 layers, 168 numbers, input 64 x 64, 1 outputs" in capsys.readouterr().out
    weights.write_bytes(weights.read_bytes()[:-40])
    out.unlink()
    assert main(["faces", "convert-darknet", str(cfg), str(weights), "--out", str(out)]) == 3
    assert "layer 0 ([convolutional], line 5)" in capsys.readouterr().err
    assert not out.exists()


def test_detectors_are_measured(tmp_path: Path, astronaut: Image, capsys: pytest.CaptureFixture[str]) -> None:
    write_image(tmp_path / "images" / "a.png", astronaut)
    data = tmp_path / "annotations.json"
    truth = {"image_id": 3, "category_id": 1, "bbox": [175, 62, 101, 112]}
    data.write_text(json.dumps({"images": [{"id": 3, "file_name": "a.png"}], "annotations": [truth]}), encoding="utf-8")
    words = ["faces", "evaluate", str(data), "--detector", "centerface", "--detector", "mediapipe", "--json"]
    assert main([*words, "--plot", str(tmp_path / "curve.png")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows["centerface"]["ap_0.5"] == 1
    assert rows["mediapipe"]["ap_0.35"] == 1
    assert (tmp_path / "curve.png").exists()


def test_a_picture_on_its_side_is_searched_turned_unless_told_otherwise(
    tmp_path: Path, astronaut: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(tmp_path / "side.png", np.ascontiguousarray(np.rot90(astronaut[40:240, 130:330])))
    assert main(["faces", "detect", str(tmp_path / "side.png"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    for out, options in (("turned", []), ("not", ["--no-rotate"])):
        main(["crop", str(tmp_path / "side.png"), "--out", str(tmp_path / out), *options])
    assert len(list((tmp_path / "turned").glob("*.jpg"))) + len(list((tmp_path / "turned").glob("*.png"))) == 1


def test_the_table_of_detectors_fits_a_terminal(
    tmp_path: Path, astronaut: Image, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_image(tmp_path / "images" / "a.png", astronaut)
    data = tmp_path / "annotations.json"
    annotations = [{"image_id": 1, "bbox": [175, 62, 101, 112]}]
    data.write_text(
        json.dumps({"images": [{"id": 1, "file_name": "a.png"}], "annotations": annotations}), encoding="utf-8"
    )
    assert main(["faces", "evaluate", str(data), "--detector", "centerface", "--detector", "mediapipe"]) == 0
    told = capsys.readouterr().out
    assert "1 pictures, 1 boxes" in told
    for word in ("centerface", "mediapipe", "AP .35", "AP .5", "ms p95"):
        assert word in told


def test_small_faces_in_a_large_picture_are_found_by_a_finer_search(
    tmp_path: Path, astronaut: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    wall = np.full((1000, 4000, 3), 70, np.uint8)
    wall[600:720, 3000:3120] = resize(astronaut, width=120, height=120)  # a face of 24 pixels
    write_image(tmp_path / "wall.png", wall)
    for search, expected in (("1280", 0), ("4000", 1)):
        words = ["faces", "detect", str(tmp_path / "wall.png"), "--no-rotate", "--search", search, "--json"]
        assert main(words) == 0
        assert len(json.loads(capsys.readouterr().out)) == expected
