"""`visavis read` on real faces, and past every kind of bad input."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from tests.films import noise, truncate, write_video
from visavis.assets import AssetStore
from visavis.cli import main
from visavis.cli.inputs import expand
from visavis.errors import InputError
from visavis.images import read_image, write_image
from visavis.reading.table import package_table
from visavis.types import Image


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def photo(tmp_path: Path, astronaut: Image) -> Path:
    path = tmp_path / "photos" / "astronaut.png"
    write_image(path, astronaut)
    return path


@pytest.fixture
def film(tmp_path: Path, astronaut: Image) -> Path:
    """The astronaut drifts by a pixel a frame, for eight frames."""
    (tmp_path / "films").mkdir()
    frames = [np.ascontiguousarray(astronaut[:400, index : 400 + index]) for index in range(8)]
    return write_video(tmp_path / "films" / "astronaut.mp4", frames)


def test_a_photo_becomes_a_row_and_a_picture(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, pictures = tmp_path / "out" / "faces.jsonl", tmp_path / "pictures"
    assert main(["read", str(photo), "--out", str(out), "--annotate", str(pictures)]) == 0
    (row,) = _rows(out)
    assert (row["source"], row["frame"], row["time_s"], row["face_id"]) == (str(photo), 0, 0, 0)
    assert row["dominant"] == "joy"
    assert row["blendshapes"]["mouthSmileLeft"] > 0.5
    assert row["attributes"]["Smiling"] > 0.9
    assert row["attributes"]["Narrow_Eyes"] < 0.5
    assert [path.name for path in pictures.iterdir()] == ["astronaut.jpg"]
    assert read_image(pictures / "astronaut.jpg").shape[0] == 720
    assert f"1 face in 1 frame of 1 file -> {out}" in capsys.readouterr().err


def test_a_video_becomes_a_row_a_frame_with_one_face_id(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.csv"
    assert main(["read", str(film), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(8))
    assert [float(row["time_s"]) for row in rows] == pytest.approx([index / 25 for index in range(8)], abs=1e-4)
    assert {row["face_id"] for row in rows} == {"0"}
    assert {row["dominant"] for row in rows} == {"joy"}


def test_every_third_frame(film: Path, tmp_path: Path) -> None:
    out, pictures = tmp_path / "faces.jsonl", tmp_path / "pictures"
    assert main(["read", str(film), "--out", str(out), "--every", "3", "--annotate", str(pictures)]) == 0
    assert [row["frame"] for row in _rows(out)] == [0, 3, 6]
    assert sorted(path.name for path in pictures.iterdir()) == [f"astronaut-00000{index}.jpg" for index in (0, 3, 6)]


def test_a_folder_is_read_whole_past_what_is_broken(
    photo: Path, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "films" / "broken.jpg").write_text("no picture")
    truncate(write_video(tmp_path / "films" / "noise.mp4", noise(50)), tmp_path / "films" / "cut.mp4", part=0.5)
    (tmp_path / "films" / "notes.txt").touch()
    out = tmp_path / "faces.parquet"
    words = [
        "read",
        str(tmp_path / "films"),
        str(tmp_path / "absent.png"),
        str(photo),
        "--out",
        str(out),
        "--every",
        "4",
    ]
    assert main(words) == 1
    import pyarrow.parquet as pq

    table = pq.read_table(out)
    assert table.num_rows == 3, "two frames of the film and the photo"
    assert table.column_names[:4] == ["source", "frame", "time_s", "face_id"]
    told = capsys.readouterr().err.splitlines()
    assert "passed over: 1 file with no ending of a picture or video" in told
    errors = [line for line in told if line.startswith("error:")]
    assert len(errors) == 3
    for name in ("absent.png does not exist", "broken.jpg is not a picture", "cut.mp4 breaks off"):
        assert any(name in line for line in errors), name


def _bomb(path: Path) -> None:
    Pillow.new("1", (20_000, 20_000)).save(path)


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "text.jpg": lambda path: path.write_text("no picture"),
    "empty.png": lambda path: path.touch(),
    "huge.png": _bomb,
    "empty.mp4": lambda path: path.touch(),
    "cut.mp4": lambda path: truncate(write_video(path.with_name("a.mp4"), noise(20)), path, part=0.05),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", [*BAD_FILES, "absent.jpg"])
def test_bad_input_is_one_line_an_exit_code_and_no_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    if name in BAD_FILES:
        BAD_FILES[name](path)
    out = tmp_path / "out"
    assert main(["read", str(path), "--out", str(out / "faces.csv")]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("error: ")
    assert name in lines[0]
    assert captured.out == ""
    assert not out.exists() or not list(out.iterdir())


def test_a_corrupted_model_is_exit_code_3(
    photo: Path, tmp_path: Path, assets: AssetStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for name in ("face-landmarker", "centerface"):
        shutil.copyfile(assets.path(name), models / assets.get(name).file)
    damaged = models / assets.get("face-landmarker").file
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 0xFF
    damaged.write_bytes(data)
    monkeypatch.setenv("VISAVIS_ASSETS", str(models))
    out = tmp_path / "faces.jsonl"
    assert main(["read", str(photo), "--out", str(out)]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert damaged.name in line or "face-landmarker" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "photos"]


def test_no_write_permission_is_exit_code_5(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.geteuid() == 0:  # permission bits do not bind root, so the refusal is staged

        def refuse(self: Path, *args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "touch", refuse)
    assert main(["read", str(photo), "--out", str(locked / "faces.csv")]) == 5
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line
    assert not list(locked.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing is asked for"),
        (["--out", "faces.xlsx"], "tables are written as"),
        (["--out", "a.csv", "--detector", "eye"], "unknown detector 'eye'"),
        (["--out", "a.csv", "--config", "absent.toml"], "does not exist"),
    ],
)
def test_what_cannot_be_asked_for(
    words: list[str],
    message: str,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["read", str(photo), *words]) in (2, 5)
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_unknown_config_key_is_exit_code_2(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "visavis.toml"
    config.write_text("[reading]\nmax_face = 3\n")
    assert main(["read", str(photo), "--out", str(tmp_path / "a.csv"), "--config", str(config)]) == 2
    assert "did you mean 'max_faces'" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_the_configuration_may_leave_emotions_unnamed(photo: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "visavis.toml", tmp_path / "faces.jsonl"
    config.write_text("[emotion]\nenabled = false\n")
    assert main(["read", str(photo), "--out", str(out), "--config", str(config)]) == 0
    (row,) = _rows(out)
    assert "emotion" not in row
    assert "dominant" not in row
    assert "blendshapes" in row


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_image(tmp_path / folder / "grey.png", np.full((60, 60, 3), 128, np.uint8))
    pictures = tmp_path / "pictures"
    assert main(["read", str(tmp_path / "a"), str(tmp_path / "b"), "--annotate", str(pictures)]) == 0
    assert sorted(path.name for path in pictures.iterdir()) == ["grey-2.jpg", "grey.jpg"]


def test_a_folder_expands_by_name_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.MP4", ".hidden.jpg", "deep/c.png", "notes.txt", "deep/raw", "n.avif", ".trash/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = expand(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert names == ["a.MP4", "b.jpg", "deep/c.png", "n.avif"]
    assert found.passed_over == 2, "notes.txt and deep/raw"
    with pytest.raises(InputError, match="does not exist"):
        expand(tmp_path / "absent")


def test_a_reading_is_explained_in_words(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "faces.csv"
    words = ["read", str(photo), "--explain", "--emotions-by", "blendshapes", "--out", str(out)]
    assert main(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{photo}: joy 0.")
    assert "lip corners pulled up" in line
    (row,) = csv.DictReader(out.read_text("utf-8").splitlines())
    assert line.endswith(row["why"])


def test_the_report_s_rules_read_the_attributes(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["read", str(photo), "--explain", "--emotions-by", "rules"]) == 0
    line = capsys.readouterr().out
    assert ": joy 0." in line
    assert "smiling 1.00" in line


def test_the_rules_can_be_printed_with_their_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "--rules", "--emotions-by", "rules"]) == 0
    printed = capsys.readouterr().out
    for word in ("Arched_Eyebrows", "surprise", "report's"):
        assert word in printed
    for rule in package_table("rules.toml").rules:
        assert f"{rule.weight:+.1f}" in printed


def test_emotions_by_and_emotions_off_contradict_each_other(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "visavis.toml"
    config.write_text("[emotion]\nenabled = false\n")
    assert main(["read", str(photo), "--explain", "--emotions-by", "rules", "--config", str(config)]) == 2
    assert "emotion.enabled = false" in capsys.readouterr().err


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_the_rows_so_far_and_say_so(
    number: signal.Signals,
    suffix: str,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from visavis.reading import Reader

    read_frame, count = Reader.read_frame, 0

    def interrupted(self: Reader, frame: Any) -> Any:
        nonlocal count
        count += 1
        if count > 3:
            signal.raise_signal(number)
        return read_frame(self, frame)

    monkeypatch.setattr(Reader, "read_frame", interrupted)
    out = tmp_path / f"faces{suffix}"
    monkeypatch.setattr(sys, "argv", ["visavis", "read", str(film), "--out", str(out)])
    assert main() == 128 + number
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(out).num_rows == 3
    else:
        assert len(out.read_text("utf-8").splitlines()) == 3 + (suffix == ".csv")
    told = capsys.readouterr().err
    assert "3 faces in 3 frames of 1 file" in told
    assert "stopped: the rows so far are kept" in told


def test_ctrl_c_before_the_first_row_leaves_nothing(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from visavis.reading import Reader

    def interrupted(self: Reader, frame: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "read_frame", interrupted)
    assert main(["read", str(film), "--out", str(tmp_path / "faces.csv")]) == 130
    assert not (tmp_path / "faces.csv").exists()
    assert "stopped: nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_file_name_that_is_no_text_is_written_escaped(
    suffix: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo.rename(os.fsdecode(os.fsencode(photo.parent) + b"/M\xe4dchen.png"))
    Path(os.fsdecode(os.fsencode(photo.parent) + b"/br\xfcchig.jpg")).write_text("no picture")
    write_image(photo, np.full((60, 60, 3), 128, np.uint8))
    out, pictures = tmp_path / f"faces{suffix}", tmp_path / "pictures"
    assert main(["read", str(photo.parent), "--out", str(out), "--annotate", str(pictures), "--explain"]) == 1
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        rows = pq.read_table(out).to_pylist()
    else:
        rows = _rows(out) if suffix == ".jsonl" else list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [row["source"] for row in rows] == [rf"{photo.parent}/M\xe4dchen.png"]
    assert sorted(map(os.fsencode, os.listdir(pictures))) == [b"M\xe4dchen.jpg", b"astronaut.jpg"]  # noqa: PTH208
    told = capsys.readouterr()
    assert rf"{photo.parent}/M\xe4dchen.png: joy" in told.out
    assert r"br\xfcchig.jpg is not a picture" in told.err
    assert "1 face in 2 frames of 2 files" in told.err
