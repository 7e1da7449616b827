"""Which source plays: what was asked for, the next best, and what the page is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stage.live import gradient_painting
from visavis import sources
from visavis.assets import AssetStore
from visavis.config import Config
from visavis.errors import AssetError, InputError, SourceError
from visavis.faces import Landmarker
from visavis.images import write_image
from visavis.sources import LiveSource, Source
from visavis.stage import installation
from visavis.stage.browser import BrowserCamera, BrowserFeed
from visavis.stage.choice import choose_source
from visavis.stage.feeds import FileFeed, LiveFeed, ScriptFeed
from visavis.types import Image


class Grabber:
    """A camera that gives pictures until it is told to break."""

    opened = 0
    closed = 0

    def __init__(self) -> None:
        type(self).opened += 1
        self.broken = threading.Event()

    def grab(self) -> None:
        if self.broken.wait(0.01):
            raise SourceError("camera:0 stopped giving pictures")

    def retrieve(self) -> Image:
        return np.zeros((48, 64, 3), np.uint8)

    def close(self) -> None:
        type(self).closed += 1


@pytest.fixture
def one_camera(monkeypatch: pytest.MonkeyPatch) -> type[Grabber]:
    """A machine whose only camera is /dev/video2."""
    Grabber.opened = Grabber.closed = 0

    real = sources.open_source

    def open_source(spec: str, **asked: Any) -> Source:
        if not spec.startswith("camera:"):
            return real(spec, **asked)

        def grabber() -> Grabber:
            if spec != "camera:2":
                raise SourceError(f"{spec} cannot be opened: /dev/video{spec[-1]} does not exist")
            return Grabber()

        return LiveSource(grabber, name=spec)

    monkeypatch.setattr(sources, "open_source", open_source)
    monkeypatch.setattr(sources, "camera_indices", lambda: (2,))
    return Grabber


@pytest.fixture
def no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "camera_indices", lambda: ())


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "visitor.png"
    write_image(path, np.full((48, 64, 3), 90, np.uint8))
    return path


def test_the_first_camera_plays_when_nothing_is_asked_for(one_camera: type[Grabber]) -> None:
    choice = choose_source()
    assert (choice.kind, choice.label, choice.fallback) == ("camera", "camera:2", False)
    feed = choice.open_feed()
    assert isinstance(feed, LiveFeed)
    assert feed.next(1.0) is not None
    # The camera was opened once, to see that it is there, and handed over.
    assert one_camera.opened == 1
    feed.close()
    again = choice.open_feed()
    assert one_camera.opened == 2
    again.close()


def test_a_camera_does_not_run_on_when_what_is_opened_after_it_fails(
    one_camera: type[Grabber], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_model(self: Landmarker) -> None:
        assert one_camera.opened == 1
        raise AssetError("the face landmarker is not here")

    monkeypatch.setattr(Landmarker, "load", no_model)
    monkeypatch.setattr(installation, "prepare_portrait", lambda *_, **__: (gradient_painting(), "A gradient"))
    with pytest.raises(AssetError):
        installation.set_up(Config(), assets=AssetStore())
    deadline = time.monotonic() + 5
    while not one_camera.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one_camera.closed == 1


@pytest.mark.usefixtures("no_camera")
def test_without_a_camera_a_scripted_face_plays_and_that_is_said() -> None:
    choice = choose_source()
    assert (choice.kind, choice.fallback, choice.reason) == ("script", True, "no camera is connected")
    assert isinstance(choice.open_feed(), ScriptFeed)


@pytest.mark.usefixtures("one_camera")
def test_a_camera_that_is_not_there_gives_way_to_the_file_or_the_script(picture: Path) -> None:
    choice = choose_source(camera=0, source=str(picture))
    assert (choice.kind, choice.label, choice.fallback) == ("file", "visitor.png", True)
    assert "/dev/video0 does not exist" in choice.reason
    assert choose_source(camera=0).kind == "script"
    assert choose_source(source="camera:0").fallback


@pytest.mark.usefixtures("one_camera")
def test_a_camera_that_is_there_goes_before_the_file(picture: Path) -> None:
    choice = choose_source(camera=2, source=str(picture))
    assert (choice.kind, choice.fallback) == ("camera", False)
    choice.open_feed().close()


@pytest.mark.usefixtures("one_camera")
def test_a_file_alone_plays_even_where_there_is_a_camera(picture: Path) -> None:
    choice = choose_source(source=str(picture))
    assert (choice.kind, choice.label, choice.fallback) == ("file", "visitor.png", False)
    feed = choice.open_feed()
    assert isinstance(feed, FileFeed)
    times = [frame.time_s for _ in range(4) if (frame := feed.next(0.2)) is not None]
    assert np.diff(times) == pytest.approx(1 / 15, abs=1e-6)


def test_the_script_and_the_visitors_camera_can_be_asked_for() -> None:
    assert choose_source(source="script").fallback is False
    assert isinstance(choose_source(source="browser", browser=BrowserCamera()).open_feed(), BrowserFeed)
    with pytest.raises(InputError, match="browser"):
        choose_source(source="browser")


def test_a_stream_does_not_show_its_address_which_may_hold_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "open_source", lambda spec, **asked: LiveSource(Grabber, name=spec))
    choice = choose_source(source="rtsp://operator:secret@10.0.0.7/1")
    assert (choice.kind, choice.label) == ("stream", "")
    choice.open_feed().close()


@pytest.mark.parametrize("name", ["missing.mp4", "missing.png"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        choose_source(source=str(tmp_path / name))


def test_a_broken_file_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(InputError, match=r"broken\.mp4"):
        choose_source(source=str(broken))
