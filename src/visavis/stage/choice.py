"""Which source plays: what was asked for, or, where it is not there, the next best; and whether that is a fallback."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from visavis.config import CameraConfig
from visavis.errors import InputError, SourceError
from visavis.files import printable
from visavis.stage.feeds import Feed, FileFeed, HeldPictures, LiveFeed, ScriptFeed
from visavis.stage.protocol import SourceKind

if TYPE_CHECKING:
    from visavis.sources import LiveSource
    from visavis.stage.browser import BrowserCamera

__all__ = ["SourceChoice", "choose_source"]

_CAMERA: Final = re.compile(r"camera:\d+")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.IGNORECASE)


def _nothing() -> None:
    """There is nothing to free."""


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """A source that plays.

    Attributes:
        kind: `camera`, `stream`, `file`, `browser` or `script`.
        label: its name for people: never a path, never an address, which may hold a password.
        open_feed: opens it for the loop, each time anew.
        fallback: True when it stands in for a camera.
        reason: why the camera does not play, in words; empty when nothing was wrong.
        close: frees a camera that was opened to see whether it is there, where no feed has taken it over.
    """

    kind: SourceKind
    label: str
    open_feed: Callable[[], Feed]
    fallback: bool = False
    reason: str = ""
    close: Callable[[], None] = _nothing


def choose_source(
    *,
    camera: int | None = None,
    source: str | None = None,
    camera_config: CameraConfig | None = None,
    browser: BrowserCamera | None = None,
) -> SourceChoice:
    """Choose what plays.

    With a `camera`, that camera; where it does not open, `source`, and without one the scripted face. Without a
    `camera`, `source`; and with neither, the first camera that opens, or else the scripted face.

    Args:
        camera: N of /dev/videoN.
        source: path, URL, `camera:N`, `browser` or `script`.
        camera_config: what is asked of a camera.
        browser: the slot that the visitor's pictures arrive in; needed for `browser`.

    Raises:
        InputError: `source` names nothing that exists.
        SourceError: a stream that was asked for does not open.
    """
    config = camera_config or CameraConfig()
    if camera is None and source is not None and _CAMERA.fullmatch(source):
        camera, source = int(source.removeprefix("camera:")), None
    named = None if source is None else _named(source, config, browser)
    if camera is None and named is not None:
        return named
    from visavis.sources import camera_indices

    wanted = (camera,) if camera is not None else camera_indices()
    reasons = []
    for index in wanted:
        try:
            return _live("camera", f"camera:{index}", f"camera:{index}", config)
        except SourceError as error:
            reasons.append(str(error))
    instead = named or SourceChoice("script", "", ScriptFeed)
    return replace(instead, fallback=True, reason="; ".join(reasons) or "no camera is connected")


def _named(source: str, config: CameraConfig, browser: BrowserCamera | None) -> SourceChoice:
    if source == "script":
        return SourceChoice("script", "", ScriptFeed)
    if source == "browser":
        from visavis.stage.browser import BrowserFeed

        if browser is None:
            raise InputError("the source 'browser' needs the server; it cannot be used here")
        return SourceChoice("browser", "", lambda: BrowserFeed(browser))
    if _URL.fullmatch(source):
        return _live("stream", source, "", config)
    return _file(source)


def _live(kind: SourceKind, spec: str, label: str, config: CameraConfig) -> SourceChoice:
    """Open the source at once, to know that it is there; the loop's first feed takes it over."""

    def open_live() -> LiveSource:
        from visavis.sources import LiveSource, open_source

        live = open_source(spec, width=config.width, height=config.height, frames_per_second=config.frames_per_second)
        if not isinstance(live, LiveSource):
            raise InputError(f"{spec!r} is no camera and no stream")
        live.start()
        return live

    opened = [open_live()]

    def open_feed() -> Feed:
        return LiveFeed(opened.pop() if opened else open_live(), max_age_s=config.max_age_s)

    def close() -> None:
        while opened:
            opened.pop().close()

    return SourceChoice(kind, label, open_feed, close=close)


def _file(path: str) -> SourceChoice:
    from visavis.sources import PictureSource, open_source

    # Read once before anything is served: a broken file is told at the start, in one line.
    with open_source(path) as source:
        if source.read() is None:
            raise InputError(f"{path} holds no picture; give another file")
        pictures = isinstance(source, PictureSource)

    def open_feed() -> Feed:
        if pictures:
            return FileFeed(lambda: HeldPictures(open_source(path)))
        return FileFeed(lambda: open_source(path))

    return SourceChoice("file", printable(Path(path).name), open_feed)
