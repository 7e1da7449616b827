"""`visavis portrait` on the default portrait: pictures, films, drivers, the gallery, and every refusal in one line."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from tests.films import write_video
from visavis.assets import AssetStore
from visavis.cli import main
from visavis.cli.portrait import parse_blend, parse_emotion
from visavis.errors import ConfigError
from visavis.images import read_image, write_image
from visavis.portrait.presets import emotion_preset
from visavis.types import Image

MADONNA = "bridgewater-madonna"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own, and no shared portraits: the user's gallery is left alone."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture(scope="session")
def madonna_image(assets: AssetStore) -> Image:
    return read_image(assets.path(MADONNA))


@pytest.fixture
def head(tmp_path: Path, madonna_image: Image) -> Path:
    """A small painting with one face."""
    path = tmp_path / "head.png"
    write_image(path, np.ascontiguousarray(madonna_image[60:480, 180:560]))
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    write_image(path, np.full((300, 300, 3), 120, np.uint8))
    return path


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: "), error
    assert "\n" not in error
    return error


def test_neutral_gives_back_the_painting(tmp_path: Path, madonna_image: Image) -> None:
    out = tmp_path / "n.png"
    assert main(["portrait", "render", MADONNA, "--emotion", "neutral", "--out", str(out)]) == 0
    np.testing.assert_array_equal(read_image(out), madonna_image)


def test_an_emotion_changes_the_face_alone(tmp_path: Path, madonna_image: Image) -> None:
    out = tmp_path / "joy.png"
    assert main(["portrait", "render", MADONNA, "--emotion", "joy=0.8", "--out", str(out)]) == 0
    changed = np.abs(read_image(out).astype(int) - madonna_image).max(axis=2) > 0
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 4000
    assert rows.max() < 460
    assert 200 < columns.min() < columns.max() < 560


def test_a_blend_is_written_as_jpeg_at_a_size(tmp_path: Path, head: Path) -> None:
    out = tmp_path / "new" / "a.jpg"
    arguments = ["--blend", "mouthSmileLeft=0.5,jawOpen=0.3", "--size", "500", "--out", str(out)]
    assert main(["portrait", "render", str(head), *arguments]) == 0
    with Pillow.open(out) as picture:
        assert picture.format == "JPEG"
        assert picture.height == 500


@pytest.mark.parametrize("suffix", ["mp4", "webm", "gif"])
def test_an_emotion_becomes_a_film(tmp_path: Path, head: Path, suffix: str) -> None:
    out = tmp_path / f"joy.{suffix}"
    arguments = ["--emotion", "joy", "--duration", "1.2", "--fps", "10", "--out", str(out)]
    assert main(["portrait", "render", str(head), *arguments]) == 0
    painting = read_image(head)
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) in (12, 11)  # GIF decoders join frames that are equal
    shape = painting.shape[:2]
    change = [float(np.abs(frame[: shape[0], : shape[1]].astype(int) - painting).mean()) for frame in frames]
    assert change[0] < 5
    assert max(change) > change[0] + 0.8
    assert int(np.argmax(change)) in range(3, 10)


def test_a_driver_is_played_frame_by_frame(tmp_path: Path, head: Path, astronaut: Image) -> None:
    """The astronaut smiles all along; from rest at first is what is played with --absolute."""
    driver, out = tmp_path / "driver.mp4", tmp_path / "driven.mp4"
    frames = [np.ascontiguousarray(astronaut[:400, index : 400 + index]) for index in range(8)]
    write_video(driver, frames)
    assert main(["portrait", "render", str(head), "--driver", str(driver), "--absolute", "--out", str(out)]) == 0
    with av.open(str(out)) as container, av.open(str(driver)) as original:
        played = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        length = original.streams.video[0].frames
    assert len(played) == length == 8
    painting = read_image(head)
    assert np.abs(played[4][: painting.shape[0], : painting.shape[1]].astype(int) - painting).max() > 60


def test_a_driver_without_a_face_is_refused(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver = write_video(tmp_path / "wall.mp4", [np.full((200, 200, 3), 90, np.uint8)] * 3)
    out = tmp_path / "out.mp4"
    assert main(["portrait", "render", str(head), "--driver", str(driver), "--out", str(out)]) == 2
    assert "no face was found" in one_line(capsys)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--emotion", "jolly", "--out", "a.png"], 2, "unknown emotion 'jolly'"),
        (["--emotion", "joy=2", "--out", "a.png"], 2, "between 0 and 1"),
        (["--emotion", "joy=very", "--out", "a.png"], 2, "'very' is no number"),
        (["--blend", "smile=1", "--out", "a.png"], 2, "unknown blendshape 'smile'"),
        (["--blend", "jawOpen", "--out", "a.png"], 2, "has no weight"),
        (["--blend", "jawOpen=nan", "--out", "a.png"], 2, "finite"),
        (["--out", "a.png"], 2, "one of --emotion, --blend or --driver"),
        (["--emotion", "joy", "--blend", "jawOpen=1", "--out", "a.png"], 2, "one of --emotion"),
        (["--emotion", "joy", "--out", "a.avi"], 5, "expected .png"),
        (["--emotion", "joy", "--duration", "2", "--out", "a.png"], 2, "are for films"),
        (["--driver", "a.mp4", "--out", "a.png"], 2, "does not"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_wishes_are_told_before_any_work(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("nothing is rigged")

    monkeypatch.setattr("visavis.portrait.gallery.open_portrait", never)
    assert main(["portrait", "render", MADONNA, *arguments]) == code
    assert words in one_line(capsys)


def test_a_picture_without_a_face_leaves_no_file(
    tmp_path: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.mp4"
    assert main(["portrait", "render", str(blank), "--emotion", "joy", "--out", str(out)]) == 2
    assert "no face was found in" in one_line(capsys)
    assert not out.exists()


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "file" / "a.png"
    out.parent.touch()
    assert main(["portrait", "render", str(head), "--emotion", "joy", "--out", str(out)]) == 5
    assert "cannot write" in one_line(capsys)


def test_a_model_holds_the_rig_and_no_film(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.glb"
    assert main(["portrait", "render", str(head), "--blend", "jawOpen=0.25", "--out", str(out)]) == 0
    assert out.read_bytes()[:4] == b"glTF"
    assert b'"weights":[0.0' in out.read_bytes()
    assert b",0.25," in out.read_bytes()
    capsys.readouterr()
    film = tmp_path / "b.glb"
    assert main(["portrait", "render", str(head), "--emotion", "joy", "--fps", "5", "--out", str(film)]) == 2
    assert "not a film" in one_line(capsys)
    assert not film.exists()


def test_check_says_good_and_draws(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = tmp_path / "check.png"
    assert main(["portrait", "check", str(head), "--draw", str(drawing)]) == 0
    text = capsys.readouterr().out
    for word in ("pixels wide", "yaw -", "painted closed", "mouthSmileLeft", "verdict", "good"):
        assert word in text
    assert read_image(drawing).shape[0] == 1000


def test_check_refuses_with_the_reason(
    tmp_path: Path, head: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["portrait", "check", str(blank)]) == 2
    assert "no face was found" in one_line(capsys)
    small, crop = tmp_path / "small.png", tmp_path / "crop.png"
    with Pillow.open(head) as picture:
        picture.resize((136, 150)).save(small)
    assert main(["portrait", "check", str(small), "--crop", str(crop)]) == 2
    error = one_line(capsys)
    assert "refused: the face is" in error
    assert f"the head is in {crop}" in error
    assert main(["portrait", "check", str(crop)]) == 0


def test_the_gallery_takes_a_portrait_and_gives_it_back(
    tmp_path: Path, home: Path, head: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["portrait", "add", str(head), "--name", "lady", "--title", "A lady"]) == 0
    assert [path.name for path in (home / "visavis" / "portraits").iterdir()] == ["lady"]
    assert main(["portrait", "list"]) == 0
    listed = capsys.readouterr().out
    assert "lady" in listed
    assert "A lady" in listed
    assert f"{MADONNA} *" in listed
    assert main(["portrait", "render", "lady", "--emotion", "neutral", "--out", str(tmp_path / "l.png")]) == 0
    np.testing.assert_array_equal(read_image(tmp_path / "l.png"), read_image(head))
    assert main(["portrait", "remove", "lady"]) == 0
    assert main(["portrait", "remove", "lady"]) == 2


def test_fetch_brings_what_it_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portrait", "fetch", MADONNA]) == 0
    assert f"{MADONNA}: " in capsys.readouterr().out
    assert main(["portrait", "fetch", "nobody"]) == 2
    assert "no built-in portrait 'nobody'" in one_line(capsys)


def test_a_sheet_has_a_row_for_each_portrait_and_names_the_failures(
    tmp_path: Path, head: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    arguments = ["--height", "96", "--emotions", "neutral,joy=0.9", "--out", str(out)]
    assert main(["portrait", "sheet", str(head), str(blank), *arguments]) == 1
    assert "no face was found" in one_line(capsys)
    sheet = read_image(out)
    assert 96 < sheet.shape[0] < 190
    assert main(["portrait", "sheet", str(blank), "--out", str(tmp_path / "none.png")]) == 2
    assert not (tmp_path / "none.png").exists()


def test_emotions_and_blends_are_parsed() -> None:
    assert parse_emotion(" joy = 0.5 ")["mouthSmileLeft"] == emotion_preset("joy", 0.5)["mouthSmileLeft"]
    assert parse_blend("jawOpen=0.3, eyeBlink=1,")["eyeBlinkRight"] == 1
    assert parse_blend("").is_neutral
    with pytest.raises(ConfigError, match="no number"):
        parse_blend("jawOpen=a")
