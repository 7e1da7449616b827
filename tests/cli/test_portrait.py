"""`visavis portrait` on the default portrait: pictures, films, drivers, the gallery, and every refusal in one line."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from tests.cli.output import one_line
from tests.films import write_video
from visavis.assets import AssetStore
from visavis.cli import main
from visavis.cli.portrait_render import parse_blend, parse_emotion, parse_seconds, parse_turn
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


def test_a_head_turns_in_a_picture_as_far_as_its_paint_bears(
    tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for turn, moved, told in (("0", False, ""), ("2,-1", True, ""), ("45", True, "more would tear the paint")):
        out = tmp_path / "turned.png"
        assert main(["portrait", "render", str(head), "--turn", turn, "--out", str(out)]) == 0
        assert (read_image(out) != read_image(head)).any() == moved
        said = capsys.readouterr().err
        assert told in said if told else not said


def test_a_life_becomes_a_film_that_its_seed_decides(tmp_path: Path, head: Path) -> None:
    films = {}
    for name, wishes in {
        "alone": ["--life", "1.5s"],
        "another": ["--life", "1.5s", "--seed", "9"],
        "smiling": ["--life", "1.5s", "--emotion", "joy"],
    }.items():
        out = tmp_path / f"{name}.mp4"
        assert main(["portrait", "render", str(head), *wishes, "--fps", "8", "--out", str(out)]) == 0
        with av.open(str(out)) as container:
            films[name] = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert len(films["alone"]) == 12
    for name in ("another", "smiling"):
        assert (films[name] != films["alone"]).any()


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


def test_the_size_is_that_of_the_result(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At 64 pixels the face could not be rigged any more."""
    out, film = tmp_path / "small.png", tmp_path / "small.mp4"
    assert main(["portrait", "render", str(head), "--emotion", "joy", "--size", "64", "--out", str(out)]) == 0
    assert read_image(out).shape == (64, 58, 3)
    assert capsys.readouterr().out == f"{out}: 58 x 64 pixels\n"
    arguments = ["--emotion", "joy", "--duration", "1", "--fps", "5", "--size", "100", "--out", str(film)]
    assert main(["portrait", "render", str(head), *arguments]) == 0
    assert "90 x 100 pixels, 5 frames, 1.0 s" in capsys.readouterr().out


@pytest.fixture
def cutout(tmp_path: Path, head: Path) -> Path:
    """The head on a transparent ground, with a soft edge."""
    image = read_image(head)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    distance = np.hypot((rows - 210) / 190, (columns - 190) / 170)
    alpha = np.clip((1.1 - distance) * 800, 0, 255).astype(np.uint8)
    path = tmp_path / "cutout.png"
    write_image(path, np.dstack([image, alpha]))
    return path


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "webm", "gif"])
def test_what_is_seen_through_stays_so(
    tmp_path: Path, cutout: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"joy.{suffix}"
    film = ["--duration", "1", "--fps", "3"] if suffix in ("webm", "gif") else []
    assert main(["portrait", "render", str(cutout), "--emotion", "joy", *film, "--out", str(out)]) == 0
    assert "transparent" in capsys.readouterr().out
    if suffix == "webm":
        with av.open(str(out)) as container:
            # FFmpeg's own VP9 decoder leaves alpha out; libvpx's knows it.
            assert container.streams.video[0].metadata.get("alpha_mode") == "1"
        return
    with Pillow.open(out) as picture, Pillow.open(cutout) as painting:
        assert picture.has_transparency_data
        seen = np.asarray(picture.convert("RGBA"))
        before = np.asarray(painting)
    np.testing.assert_array_equal(seen[:5, :5, 3], 0)
    assert seen[210, 190, 3] == 255
    assert np.abs(seen[:, :, 3].astype(int) - before[:, :, 3])[40:].max() < (10 if suffix != "gif" else 129)


def test_a_format_without_transparency_shows_white(tmp_path: Path, cutout: Path) -> None:
    out = tmp_path / "joy.jpg"
    assert main(["portrait", "render", str(cutout), "--emotion", "joy", "--out", str(out)]) == 0
    assert read_image(out)[:4, :4].min() > 250


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
        (["--blend", "jawOpen=nan", "--out", "a.png"], 2, "the weight of jawOpen must lie between 0 and 1"),
        (["--blend", "", "--out", "a.png"], 2, "names no blendshape"),
        (["--blend", ",", "--out", "a.glb"], 2, "names no blendshape"),
        (["--blend", "jawOpen=1,jawOpen=0.2", "--out", "a.png"], 2, "given twice"),
        (["--emotion", "joy", "--sway", "--out", "a.mp4"], 2, "--sway follows a driver's head"),
        (["--sway", "--out", "a.glb"], 2, "--sway follows a driver's head"),
        (["--out", "a.png"], 2, "one of --emotion, --blend, --driver, --turn or --life"),
        (["--emotion", "joy", "--blend", "jawOpen=1", "--out", "a.png"], 2, "do not go together"),
        (["--emotion", "joy", "--out", "a.avi"], 5, "portraits are written as .png"),
        (["--emotion", "joy", "--duration", "2", "--out", "a.png"], 2, "are for films"),
        (["--driver", "a.mp4", "--out", "a.png"], 2, "does not"),
        (["--turn", "5,x", "--out", "a.png"], 2, "'5,x' is no turn of the head"),
        (["--turn", "80", "--out", "a.png"], 2, "from -45 to 45"),
        (["--life", "10 min", "--out", "a.mp4"], 2, "'10 min' is no length of a film"),
        (["--life", "4", "--out", "a.png"], 2, "a life goes by"),
        (["--life", "4", "--duration", "3", "--out", "a.mp4"], 2, "leave --duration out"),
        (["--driver", "nowhere.mp4", "--life", "4", "--out", "a.mp4"], 2, "leave --turn and --life out"),
        (["--life", "4", "--out", "a.glb"], 2, "not a film"),
        (["--driver", "nowhere.mp4", "--out", "a.mp4"], 2, "nowhere.mp4 does not exist"),
        (["--emotion", "joy", "--renderer", "oil", "--out", "a.png"], 2, "no renderer 'oil'; there are: mesh"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_wishes_are_told_before_any_work(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_rigged(monkeypatch)
    assert main(["portrait", "render", MADONNA, *arguments]) == code
    assert words in one_line(capsys)


def nothing_is_rigged(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something is rigged")

    monkeypatch.setattr("visavis.portrait.gallery.open_portrait", never)


def test_a_picture_without_a_face_leaves_no_file(
    tmp_path: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.mp4"
    assert main(["portrait", "render", str(blank), "--emotion", "joy", "--out", str(out)]) == 2
    assert "no face was found in" in one_line(capsys)
    assert not out.exists()


@pytest.mark.parametrize("suffix", ["png", "mp4", "glb"])
def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    tmp_path: Path, head: Path, suffix: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_rigged(monkeypatch)
    out = tmp_path / "file" / f"a.{suffix}"
    out.parent.touch()
    assert main(["portrait", "render", str(head), "--emotion", "joy", "--out", str(out)]) == 5
    assert f"cannot write {out}" in one_line(capsys)


def test_nothing_is_written_over_what_it_is_made_from(
    head: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_rigged(monkeypatch)
    before = head.read_bytes()
    assert main(["portrait", "render", str(head), "--emotion", "joy", "--out", str(head)]) == 5
    assert "written over what it is made from" in one_line(capsys)
    assert head.read_bytes() == before


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


def test_a_model_too_small_for_its_face_blames_the_size(
    tmp_path: Path, head: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.glb"
    assert main(["portrait", "render", str(head), "--size", "64", "--out", str(out)]) == 2
    assert "from 420 to 64 pixels high: give a larger --size" in one_line(capsys)
    for size in ([], ["--size", "600"]):
        assert main(["portrait", "render", str(blank), *size, "--out", str(out)]) == 2
        assert "--size" not in one_line(capsys)
    assert not out.exists()


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


@pytest.mark.parametrize(
    "arguments", [["check", MADONNA, "--draw"], ["check", MADONNA, "--crop"], ["sheet", MADONNA, "--out"]], ids=" ".join
)
def test_drawings_that_cannot_be_written_are_told_before_any_work(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing_is_rigged(monkeypatch)
    monkeypatch.setattr("visavis.portrait.gallery.find_sitter_of", None)
    assert main(["portrait", *arguments, str(tmp_path / "a.pdf")]) == 5
    assert "pictures are written as" in one_line(capsys)
    (tmp_path / "file").touch()
    assert main(["portrait", *arguments, str(tmp_path / "file" / "a.png")]) == 5
    assert "cannot write" in one_line(capsys)


def test_emotions_and_blends_are_parsed() -> None:
    assert parse_emotion(" joy = 0.5 ")["mouthSmileLeft"] == emotion_preset("joy", 0.5)["mouthSmileLeft"]
    assert parse_blend("jawOpen=0.3, eyeBlink=1,")["eyeBlinkRight"] == 1
    for nothing in ("", ",", " , "):
        with pytest.raises(ConfigError, match="names no blendshape"):
            parse_blend(nothing)
    with pytest.raises(ConfigError, match="jawOpen is given twice"):
        parse_blend("jawOpen=1, jawOpen=0.2")
    with pytest.raises(ConfigError, match="no number"):
        parse_blend("jawOpen=a")


def test_turns_and_lengths_are_parsed() -> None:
    assert parse_turn("3").tolist() == [3, 0, 0]
    assert parse_turn("3, -2,1.5").tolist() == [3, -2, 1.5]
    assert (parse_seconds("10s"), parse_seconds("2.5")) == (10.0, 2.5)
    for text in ("1,2,3,4", "", "nan"):
        with pytest.raises(ConfigError, match="no turn"):
            parse_turn(text)
    for text in ("0", "601", "nan", "s"):
        with pytest.raises(ConfigError, match="no length"):
            parse_seconds(text)
