"""Feeds: files keep their own pace and drop nothing, live pictures are always the newest."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.stage.stand_ins import Clock, ListFile, blank
from visavis.errors import InputError, SourceError
from visavis.stage.feeds import FileFeed, HeldPictures, LiveFeed, ScriptFeed
from visavis.types import Frame


def next_frame(feed: FileFeed | ScriptFeed) -> Frame:
    for _ in range(1000):
        frame = feed.next(0.05)
        if frame is not None:
            return frame
    raise AssertionError("no frame came")


def test_a_file_is_played_at_its_own_pace_and_drops_nothing() -> None:
    clock = Clock()
    times = [0.0, 0.04, 0.08, 0.5, 0.54]
    feed = FileFeed(lambda: ListFile(times), clock=clock, sleep=clock.sleep)
    for time_s in times:
        frame = next_frame(feed)
        assert clock.now == pytest.approx(100 + time_s)
        assert frame.time_s == pytest.approx(100 + time_s)


def test_a_slow_reader_still_gets_every_frame_of_a_file() -> None:
    clock = Clock()
    feed = FileFeed(lambda: ListFile([i / 30 for i in range(60)]), clock=clock, sleep=clock.sleep)
    indices = []
    for _ in range(60):
        indices.append(next_frame(feed).index)
        clock.now += 0.08  # slower than the file
    assert indices == list(range(60))


def test_frames_that_come_late_keep_their_due_times_until_the_gap_is_too_long() -> None:
    clock = Clock()
    feed = FileFeed(lambda: ListFile([i / 10 for i in range(50)]), clock=clock, sleep=clock.sleep)
    next_frame(feed)
    clock.now += 0.35
    assert next_frame(feed).time_s == pytest.approx(100.1)
    clock.now += 3600
    late = next_frame(feed)
    assert late.time_s == pytest.approx(clock.now)
    assert next_frame(feed).time_s == pytest.approx(late.time_s + 0.1)


def test_a_file_starts_again_at_its_end_and_time_goes_on() -> None:
    clock = Clock()
    opened: list[ListFile] = []

    def open_file() -> ListFile:
        opened.append(ListFile([0.0, 0.1, 0.2]))
        return opened[-1]

    feed = FileFeed(open_file, clock=clock, sleep=clock.sleep)
    frames = [next_frame(feed) for _ in range(8)]
    steps = [after.time_s - before.time_s for before, after in pairwise(frames)]
    assert steps == pytest.approx([0.1] * 7)
    assert [frame.index for frame in frames] == list(range(8))
    assert [file.is_closed for file in opened] == [True, True, False]
    feed.close()
    assert opened[-1].is_closed


def test_a_file_that_is_not_to_repeat_ends_with_an_error() -> None:
    clock = Clock()
    feed = FileFeed(lambda: ListFile([0.0]), clock=clock, sleep=clock.sleep, repeat=False)
    next_frame(feed)
    with pytest.raises(SourceError, match="ended"):
        feed.next(0.05)


def test_a_file_without_frames_is_refused() -> None:
    with pytest.raises(InputError, match="no frame"):
        FileFeed(lambda: ListFile([])).next(0.05)


def test_waiting_for_a_frame_never_takes_longer_than_asked() -> None:
    clock = Clock()
    feed = FileFeed(lambda: ListFile([0.0, 10.0]), clock=clock, sleep=clock.sleep)
    next_frame(feed)
    before = clock.now
    assert feed.next(0.05) is None
    assert clock.now == pytest.approx(before + 0.05)


class NewestOnly:
    """A camera whose newest frame the test sets."""

    def __init__(self) -> None:
        self.frame = blank()

    def read_latest(self, max_age_s: float) -> Frame:
        return self.frame

    def close(self) -> None:
        pass


def test_live_frames_are_given_once_and_the_newest_wins() -> None:
    clock = Clock()
    camera = NewestOnly()
    feed = LiveFeed(camera, sleep=clock.sleep)
    assert feed.next(0.01) is camera.frame
    assert feed.next(0.01) is None
    camera.frame = blank(index=1)
    camera.frame = newest = blank(index=7)
    assert feed.next(0.01) is newest


def test_the_script_ticks_at_a_steady_rate() -> None:
    clock = Clock()
    feed = ScriptFeed(rate=30, clock=clock, sleep=clock.sleep)
    frames = [next_frame(feed) for _ in range(31)]
    assert frames[-1].time_s - frames[0].time_s == pytest.approx(1.0)


def test_still_pictures_are_held_and_take_turns() -> None:
    pictures = ListFile([])
    pictures.frames = [blank(value=1), blank(value=2)]
    held = HeldPictures(pictures, hold_s=2.0, rate=10)
    values, times = [], []
    while (frame := held.read()) is not None:
        values.append(int(frame.image[0, 0, 0]))
        times.append(frame.time_s)
    assert values == [1] * 20 + [2] * 20
    assert times == pytest.approx([i / 10 for i in range(40)])
