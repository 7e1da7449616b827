"""A live source: the newest frame wins, a stale one is an error, a dead thread says why, stopping is bounded."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from visavis.errors import SourceError
from visavis.sources import LiveSource
from visavis.sources.stream import StreamGrabber
from visavis.types import Image


class ToldGrabber:
    """Gives a picture for each number that the test puts; an exception put is raised; None hangs until let go."""

    def __init__(self) -> None:
        self.told: queue.Queue[int | BaseException | None] = queue.Queue()
        self.let_go = threading.Event()
        self.closed = threading.Event()
        self._value = 0

    def grab(self) -> None:
        while not self.closed.is_set():
            try:
                told = self.told.get(timeout=0.005)
            except queue.Empty:
                return  # the same picture again, as a camera that sees nothing new
            if told is None:
                self.let_go.wait(10)
                return
            if isinstance(told, BaseException):
                raise told
            self._value = told
            return

    def retrieve(self) -> Image:
        return np.full((2, 2, 3), self._value, np.uint8)

    def close(self) -> None:
        self.closed.set()


def _value(image: Image) -> int:
    return int(image[0, 0, 0])


def _wait_for(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.002)


def test_a_slow_reader_sees_the_newest_frame() -> None:
    grabber = ToldGrabber()
    with LiveSource(lambda: grabber, name="test") as source:
        for value in range(1, 30):
            grabber.told.put(value)
        _wait_for(lambda: _value(source.read_latest(5.0).image) == 29)
        frame = source.read_latest(5.0)
        assert frame.source == "test"
        assert frame.index >= 29
    assert grabber.closed.is_set()


def test_read_gives_each_frame_once_and_times_rise() -> None:
    with LiveSource(ToldGrabber, name="test") as source:
        frames = [source.read() for _ in range(5)]
    assert all(b.index > a.index and b.time_s > a.time_s for a, b in pairwise(frames))


def test_the_frame_bears_the_time_of_its_grab() -> None:
    now = [100.0]
    source = LiveSource(ToldGrabber, name="test", clock=lambda: now[0])
    with source:
        assert source.read().time_s == 100.0


def test_a_stale_frame_is_an_error() -> None:
    grabber = ToldGrabber()
    now = [0.0]
    with LiveSource(lambda: grabber, name="camera:7", clock=lambda: now[0], stale_s=0.05) as source:
        grabber.told.put(None)
        _wait_for(grabber.told.empty)
        now[0] = 3.0
        with pytest.raises(SourceError, match=r"camera:7 has given no frame for 3.0 s \(at most 0.5 s"):
            source.read_latest(max_age_s=0.5)
        source.read_latest(max_age_s=4.0)
        with pytest.raises(SourceError, match=r"no frame within 0.05 s"):
            list(source)
        grabber.let_go.set()


def test_a_dead_thread_raises_its_own_reason_each_time() -> None:
    grabber = ToldGrabber()
    with LiveSource(lambda: grabber, name="test") as source:
        grabber.told.put(SourceError("the cable is out"))
        _wait_for(grabber.closed.is_set)
        for _ in range(2):
            with pytest.raises(SourceError, match="the cable is out"):
                source.read_latest(10.0)
        with pytest.raises(SourceError, match="the cable is out"):
            source.read()


def test_an_unforeseen_fault_in_the_thread_is_told_too() -> None:
    grabber = ToldGrabber()
    with LiveSource(lambda: grabber, name="test") as source:
        grabber.told.put(ZeroDivisionError("a fault"))
        _wait_for(grabber.closed.is_set)
        with pytest.raises(SourceError, match="test stopped: a fault") as caught:
            source.read_latest(10.0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_cannot_be_opened_says_so_at_once_and_may_be_tried_again() -> None:
    attempts = []

    def opens_at_the_second_try() -> ToldGrabber:
        attempts.append(1)
        if len(attempts) == 1:
            raise SourceError("in use by another program")
        return ToldGrabber()

    source = LiveSource(opens_at_the_second_try, name="test")
    with pytest.raises(SourceError, match="in use"):
        source.start()
    with source:
        assert source.read().image.shape == (2, 2, 3)


def test_a_camera_without_a_first_frame_is_an_error() -> None:
    grabber = ToldGrabber()
    grabber.told.put(None)
    source = LiveSource(lambda: grabber, name="test", open_timeout_s=0.05)
    threading.Timer(0.1, grabber.let_go.set).start()
    with pytest.raises(SourceError, match=r"no frame within 0.05 s"):
        source.start()


def test_it_can_stop_and_start_again() -> None:
    grabbers: list[ToldGrabber] = []

    def opened() -> ToldGrabber:
        grabbers.append(ToldGrabber())
        return grabbers[-1]

    source = LiveSource(opened, name="test")
    for _ in range(3):
        source.start()
        source.read()
        assert source.stop()
    assert len(grabbers) == 3
    assert all(grabber.closed.is_set() for grabber in grabbers)
    assert source.stop(), "stopping twice does nothing"


def test_stopping_is_bounded_when_the_driver_hangs() -> None:
    hanging = ToldGrabber()
    source = LiveSource(lambda: hanging, name="test")
    source.start()
    hanging.told.put(None)
    _wait_for(hanging.told.empty)
    before = time.monotonic()
    assert not source.stop(timeout_s=0.1)
    assert time.monotonic() - before < 1.0
    assert not hanging.closed.is_set()
    hanging.let_go.set()
    _wait_for(hanging.closed.is_set)


def test_an_address_that_fails_is_told_without_its_password() -> None:
    with pytest.raises(SourceError) as caught:
        StreamGrabber("rtsp://guard:secret@127.0.0.1:1/door?token=hidden")
    assert "rtsp://127.0.0.1:1 cannot be opened" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
