"""Moving pictures: the painting's colours, the right length, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow

from tests.films import noise
from visavis.errors import OutputError
from visavis.types import Image
from visavis.video import VideoWriter


def painting(height: int = 120, width: int = 90) -> Image:
    """Smooth colours over the whole range, as paint has them; 4:2:0 keeps no sharp ones."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [200 * x / width + 20, 200 * y / height + 20, 120 + 90 * np.sin(x / 30) * np.cos(y / 40)]
    return np.stack(planes, axis=2).astype(np.uint8)


def broken() -> Iterator[Image]:
    """Frames that end in the middle."""
    yield painting()
    raise RuntimeError("the lamp went out")


def film(path: Path, frames: Iterable[Image], *, rate: float = 25.0) -> Path:
    with VideoWriter(path, frames_per_second=rate, title="A film") as video:
        for frame in frames:
            video.write(frame)
    return path


def decoded(path: Path) -> tuple[list[Image], Any]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.to_ndarray(format="rgb24") for frame in frames], frames[0]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_colours_are_the_paintings(tmp_path: Path, suffix: str) -> None:
    image = painting()
    frames, first = decoded(film(tmp_path / f"a{suffix}", [image] * 6))
    assert len(frames) == 6
    for frame in frames:
        difference = frame.astype(int) - image
        assert np.abs(difference).mean() < 2.5
        assert np.abs(difference.mean(axis=(0, 1))).max() < 2
    assert first.format.name == "yuv420p"
    # H.273: BT.709 matrix, sRGB transfer, studio range.
    assert (first.colorspace, first.color_trc, first.color_range) == (1, 13, 1)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sides_are_continued_by_a_pixel(tmp_path: Path, suffix: str) -> None:
    image = painting(101, 77)
    frames, _ = decoded(film(tmp_path / f"a{suffix}", [image] * 2))
    assert frames[0].shape == (102, 78, 3)
    assert np.abs(frames[0][:101, :77].astype(int) - image).mean() < 2.5
    assert np.abs(frames[0][101].astype(int) - frames[0][100]).mean() < 4


@pytest.mark.parametrize(("suffix", "rate"), [(".mp4", 25.0), (".mp4", 29.97), (".webm", 30.0), (".gif", 30.0)])
def test_it_lasts_as_long_as_asked(tmp_path: Path, suffix: str, rate: float) -> None:
    frames = [np.roll(painting(), 7 * index, axis=1) for index in range(20)]
    path = film(tmp_path / f"a{suffix}", frames, rate=rate)
    if suffix == ".gif":
        with Pillow.open(path) as animation:
            total = 0
            for index in range(animation.n_frames):  # type: ignore[attr-defined]
                animation.seek(index)
                total += animation.info["duration"]
        assert total / 1000 == pytest.approx(20 / rate, abs=0.02)
    else:
        with av.open(str(path)) as container:
            assert container.duration is not None
            assert container.duration / 1e6 == pytest.approx(20 / rate, abs=1 / rate)


def test_an_mp4_can_play_before_it_is_all_there(tmp_path: Path) -> None:
    content = film(tmp_path / "a.mp4", [painting()] * 3).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_what_does_not_move_does_not_flicker_in_a_gif(tmp_path: Path) -> None:
    frames = []
    for index in range(6):
        image = painting()
        image[40:60, 10 + 5 * index : 30 + 5 * index] = (250, 20, 20)
        frames.append(image)
    path = film(tmp_path / "a.gif", frames)
    with Pillow.open(path) as animation:
        shown = []
        for index in range(animation.n_frames):  # type: ignore[attr-defined]
            animation.seek(index)
            shown.append(np.asarray(animation.convert("RGB"), int))
    assert len(shown) == 6
    for frame in shown[1:]:
        np.testing.assert_array_equal(frame[70:], shown[0][70:])
    assert np.abs(shown[0][70:] - painting()[70:]).mean() < 6


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_film_that_breaks_off_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(RuntimeError, match="the lamp went out"):
        film(tmp_path / f"a{suffix}", broken())
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_breaks_off_keeps_the_one_before(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [painting()] * 2)
    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        film(path, broken())
    assert path.read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
@pytest.mark.parametrize("count", [1, 40])
def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path, suffix: str, count: int) -> None:
    path = tmp_path / f"a{suffix}"

    def onto_a_full_disk() -> None:
        with VideoWriter(path) as video:
            (temporary,) = tmp_path.iterdir()
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            for image in noise(count, height=240, width=320):
                video.write(image)

    with pytest.raises(OutputError) as caught:
        onto_a_full_disk()
    assert str(caught.value) == f"cannot write {path}: No space left on device; make room, or choose another disk"
    assert list(tmp_path.iterdir()) == []


def test_no_frame_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no frame was given"), VideoWriter(tmp_path / "a.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shape of the first"):
        film(tmp_path / "a.mp4", [painting(), painting(60, 60)])
    with pytest.raises(ValueError, match="uint8"):
        film(tmp_path / "b.mp4", [painting()[:, :, 0]])
    with pytest.raises(ValueError, match="inside of a"):
        VideoWriter(tmp_path / "c.mp4").write(painting())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "rate"), [("a.avi", 25.0), ("a", 25.0), ("a.mp4", 0.0), ("a.mp4", 500.0), ("a.gif", 60.0)]
)
def test_what_cannot_be_written_is_told_at_once(tmp_path: Path, name: str, rate: float) -> None:
    with pytest.raises(OutputError, match=r"expected|written as"):
        VideoWriter(tmp_path / name, frames_per_second=rate)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"), VideoWriter(tmp_path / "file" / "a.mp4"):
        raise AssertionError("no work is done")


def cut_out() -> Image:
    """An odd-sided picture: opaque, half seen through, and clear, from the top."""
    alpha = np.repeat(np.array([255, 128, 0], np.uint8), 37)
    return np.dstack([painting(111, 90), np.tile(alpha[:, None], (1, 90))])


def test_webm_keeps_transparency(tmp_path: Path) -> None:
    path = film(tmp_path / "a.webm", [cut_out()] * 3)
    with av.open(str(path)) as container:
        decoder: Any = av.CodecContext.create("libvpx-vp9", "r")  # FFmpeg's own VP9 decoder leaves alpha out
        frames = [frame for packet in container.demux(video=0) for frame in decoder.decode(packet)]
    assert len(frames) == 3
    seen = frames[1].to_ndarray(format="rgba")[:111]
    assert np.abs(seen[:, :, 3].astype(int) - cut_out()[:, :, 3]).max() < 6
    assert np.abs(seen[:30, :, :3].astype(int) - cut_out()[:30, :, :3]).mean() < 3


def test_a_gif_is_seen_through_or_not(tmp_path: Path) -> None:
    path = film(tmp_path / "a.gif", [cut_out(), np.roll(cut_out(), 10, axis=0)], rate=10)
    with Pillow.open(path) as animation:
        first = np.asarray(animation.convert("RGBA"))
        animation.seek(1)
        second = np.asarray(animation.convert("RGBA"))
    np.testing.assert_array_equal(first[:, 45, 3], np.where(cut_out()[:, 45, 3] >= 128, 255, 0))
    assert second[5, 45, 3] == 0  # the frame before does not shine through
    assert np.abs(first[:60, :, :3].astype(int) - cut_out()[:60, :, :3]).mean() < 8


def test_mp4_has_no_transparency(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        film(tmp_path / "a.mp4", [cut_out()])


def test_a_title_that_is_no_text_is_written_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, title="bad\udcff") as video:
        video.write(painting())
    with av.open(str(path)) as container:
        assert container.metadata["title"] == r"bad\xff"
