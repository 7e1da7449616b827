"""Video files, pictures and folders: every frame, in order, upright, with its own time; bad ones say why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tests.films import noise, truncate, write_video
from visavis.errors import InputError, SourceError
from visavis.images import write_image
from visavis.sources import LiveSource, PictureSource, VideoSource, camera_indices, open_source
from visavis.sources.camera import CameraGrabber
from visavis.sources.stream import StreamGrabber
from visavis.types import Image


def _corner(height: int = 48, width: int = 64) -> Image:
    """Black, with a white top left quarter."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = 255
    return image


def test_a_video_gives_every_frame_with_its_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", noise(50))
    with VideoSource(path) as video:
        assert video.count() == 50
        frames = list(video)
        assert video.read() is None
    assert [frame.index for frame in frames] == list(range(50))
    assert np.allclose([frame.time_s for frame in frames], np.arange(50) / 25)
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].source == str(path)


def test_a_closed_video_starts_anew(tmp_path: Path) -> None:
    video = VideoSource(write_video(tmp_path / "a.mp4", noise(3)))
    for _ in range(2):
        first = video.read()
        assert first is not None
        assert first.index == 0
        video.close()


def test_times_start_at_zero_whatever_the_file_says(tmp_path: Path) -> None:
    # A transport stream begins at some stamp of its own.
    with open_source(write_video(tmp_path / "a.ts", noise(10))) as video:
        times = [frame.time_s for frame in video]
    assert times[0] == 0
    assert np.all(np.diff(times) > 0)


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    stamps = [0, 40, 300, 310, 1000]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stamp, image in zip(stamps, noise(5), strict=True):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts = stamp
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with VideoSource(path) as video:
        assert np.allclose([frame.time_s * 1000 for frame in video], stamps, atol=1)


@pytest.mark.parametrize(("rotation", "quarters"), [(90, 1), (180, 2), (-90, 3), (0, 0)])
def test_the_rotation_of_a_phone_is_applied(tmp_path: Path, rotation: int, quarters: int) -> None:
    path = write_video(tmp_path / "a.mp4", [_corner()] * 3, rotation=rotation)
    with VideoSource(path) as video:
        frame = video.read()
    assert frame is not None
    wanted = np.rot90(_corner(), quarters)
    assert frame.image.shape == wanted.shape
    assert np.abs(frame.image.astype(int) - wanted).mean() < 8


@pytest.mark.parametrize("part", [0.5, 0.97])
def test_a_truncated_video_gives_its_frames_and_then_the_reason(tmp_path: Path, part: float) -> None:
    cut = truncate(write_video(tmp_path / "a.mp4", noise(50)), tmp_path / "cut.mp4", part=part)
    seen: list[int] = []
    with VideoSource(cut) as video, pytest.raises(InputError, match=r"breaks off.*of 50"):
        seen.extend(frame.index for frame in video)
    assert 0 < len(seen) < 50


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_other_containers_tell_that_they_break_off(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a{suffix}", noise(50))
    with VideoSource(path) as video:
        assert len(list(video)) == 50
    with VideoSource(truncate(path, tmp_path / f"cut{suffix}", part=0.5)) as video, pytest.raises(InputError):
        list(video)


def test_what_is_no_video_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video")
    truncate(write_video(tmp_path / "a.mp4", noise(20)), tmp_path / "headless.mp4", part=0.01)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    for name, reason in {
        "empty.mp4": "is empty",
        "text.mp4": "not a video",
        "headless.mp4": "damaged|breaks off|no video stream",
        "sound.mp4": "no video stream",
        "absent.mp4": "does not exist",
    }.items():
        with VideoSource(tmp_path / name) as video, pytest.raises(InputError, match=reason):
            video.read()


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.PNG"):
        write_image(tmp_path / name, _corner())
    (tmp_path / "notes.txt").touch()
    with open_source(tmp_path) as source:
        frames = list(source)
    assert [Path(frame.source).name for frame in frames] == ["a.png", "b.png", "c.PNG"]
    assert [frame.time_s for frame in frames] == [0.0, 1.0, 2.0]
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_a_broken_picture_does_not_end_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    write_image(tmp_path / "b.png", _corner())
    source = PictureSource.from_folder(tmp_path)
    with pytest.raises(InputError, match="empty"):
        source.read()
    frame = source.read()
    assert frame is not None
    assert frame.index == 1


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no picture"):
        open_source(tmp_path)


def test_specs_choose_the_source(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", _corner())
    assert isinstance(open_source(str(tmp_path / "a.png")), PictureSource)
    assert isinstance(open_source(str(tmp_path / "a.mp4")), VideoSource)
    assert isinstance(open_source("camera:3"), LiveSource), "nothing is opened yet"
    assert isinstance(open_source("rtsp://127.0.0.1/stream"), LiveSource)
    with pytest.raises(InputError, match="is no source: expected camera:N"):
        open_source("browser")


def test_a_camera_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no camera is connected"):
        CameraGrabber(0, devices=tmp_path)
    for name in ("video2", "video10", "video-none"):
        (tmp_path / name).touch()
    assert camera_indices(tmp_path) == (2, 10)
    with pytest.raises(SourceError, match="there are camera:2, camera:10"):
        CameraGrabber(0, devices=tmp_path)


def test_a_stream_that_cannot_be_opened_says_so() -> None:
    with pytest.raises(SourceError, match="cannot be opened"):
        StreamGrabber("tcp://127.0.0.1:9", timeout_s=2)


def test_a_recording_on_a_stream_plays_at_its_own_pace(tmp_path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    path = write_video(tmp_path / "a.mp4", noise(6), rate=10)
    grabber = StreamGrabber(f"file:{path}", clock=lambda: now[0], sleep=sleep)
    for _ in range(6):
        grabber.grab()
        assert grabber.retrieve().shape == (48, 64, 3)
    assert now[0] == pytest.approx(0.5)
    with pytest.raises(SourceError, match="has ended"):
        grabber.grab()
    grabber.close()


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, suffix: str) -> None:
    """In a process of its own: one that waits for the pipe's other end cannot be stopped from within."""
    pipe = tmp_path / f"a{suffix}"
    os.mkfifo(pipe)
    code = "import sys; from visavis.sources import open_source; open_source(sys.argv[1]).read()"
    done = subprocess.run(
        [sys.executable, "-c", code, str(pipe)], capture_output=True, text=True, timeout=60, check=False
    )
    assert f"InputError: {pipe} is a pipe or device" in done.stderr
