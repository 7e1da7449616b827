"""The loop: turns, losses, restarts, and its thread."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from tests.stage.stand_ins import PRESETS, Clock, Published, SteadyFeed, ToldFinder, blank, make_pipeline, smiling_face
from visavis.errors import SourceError
from visavis.portrait.life import Life
from visavis.portrait.presence import Presence
from visavis.sources import LiveSource
from visavis.stage.feeds import LiveFeed
from visavis.stage.health import Health, RestartBudget
from visavis.stage.loop import Loop
from visavis.stage.protocol import StageState
from visavis.types import Expression, Frame, Image, Snapshot

STATE = StageState("camera", "camera:0", "answer")


def test_a_smile_in_front_of_the_source_becomes_a_smile_that_is_published() -> None:
    clock, published = Clock(), Published()
    loop = Loop(lambda: SteadyFeed(clock, clock.sleep), make_pipeline(), publish=published, state=STATE, clock=clock)
    for _ in range(60):
        snapshot = loop.turn()
    assert snapshot.answer["mouthSmileLeft"] > 0.8
    assert snapshot.lead is not None
    assert snapshot.frame_time_s <= snapshot.time_s
    assert published.states == ["opening", "playing"]
    assert loop.health.report(clock.now)["frames"] == 60


def test_the_portrait_goes_back_to_rest_when_the_spectator_leaves() -> None:
    clock, finder = Clock(), ToldFinder((smiling_face(),))
    loop = Loop(
        lambda: SteadyFeed(clock, clock.sleep), make_pipeline(finder), publish=Published(), state=STATE, clock=clock
    )
    for _ in range(60):
        loop.turn()
    finder.faces = ()
    for _ in range(120):
        snapshot = loop.turn()
    assert snapshot.lead is None
    assert snapshot.answer.is_neutral


def test_between_the_frames_of_a_slow_source_the_reading_holds() -> None:
    clock = Clock()

    class SlowFeed(SteadyFeed):
        def next(self, timeout_s: float) -> Frame | None:
            self.count += 1
            clock.sleep(timeout_s)
            return blank(time_s=clock.now, index=self.count) if self.count % 10 == 1 else None

    loop = Loop(lambda: SlowFeed(clock, clock.sleep), make_pipeline(), publish=Published(), state=STATE, clock=clock)
    smiles = [loop.turn().answer["mouthSmileLeft"] for _ in range(40)]
    assert all(after >= before for before, after in pairwise(smiles))
    assert smiles[-1] > 0.8


def test_a_camera_that_vanishes_is_told_and_opened_again() -> None:
    clock, published = Clock(), Published()
    feeds: list[SteadyFeed] = []

    def open_feed() -> SteadyFeed:
        feeds.append(SteadyFeed(clock, clock.sleep, breaks_after=30 if not feeds else 10**9))
        return feeds[-1]

    loop = Loop(open_feed, make_pipeline(), publish=published, state=STATE, clock=clock, sleep=clock.sleep)
    for _ in range(120):
        loop.turn()
    assert [feed.is_closed for feed in feeds] == [True, False]
    assert published.states == ["opening", "playing", "lost", "playing"]
    assert loop.health.last_error == "the cable was pulled"
    # While the camera was away nobody was seen, and the portrait began to rest.
    away = [snapshot for snapshot, state in published.items if state.state == "lost"]
    assert all(snapshot.lead is None for snapshot in away)
    assert away[-1].answer["mouthSmileLeft"] < away[0].answer["mouthSmileLeft"]


def test_a_camera_that_never_comes_back_is_given_up_by_budget_yet_looked_for_now_and_then() -> None:
    clock, published = Clock(), Published()
    tries: list[float] = []

    def open_feed() -> SteadyFeed:
        tries.append(clock.now)
        raise SourceError("no camera is connected")

    loop = Loop(
        open_feed,
        make_pipeline(),
        publish=published,
        state=STATE,
        clock=clock,
        sleep=clock.sleep,
        budget=RestartBudget(limit=3, window_s=60, first_wait_s=1, longest_wait_s=4, slow_wait_s=30),
    )
    while clock.now < 200:
        loop.turn()
    waits = [after - before for before, after in pairwise(tries)]
    assert waits == pytest.approx([1, 2, 4, 30, 30, 30], abs=0.06)
    assert "failed" in published.states


def test_the_thread_publishes_stops_in_time_and_can_be_started_again() -> None:
    published = Published()
    loop = Loop(lambda: SteadyFeed(time.monotonic, time.sleep), make_pipeline(), publish=published, state=STATE)
    for _ in range(2):
        count = len(published.items)
        loop.start()
        loop.start()
        assert published.wait_for(count + 5)
        assert loop.is_running
        before = time.monotonic()
        assert loop.stop(timeout_s=2.0)
        assert time.monotonic() - before < 1.0
        loop.check()
    names = [thread.name for thread in threading.enumerate()]
    assert "visavis loop" not in names


def test_an_exception_ends_the_thread_is_kept_and_raised() -> None:
    class Broken(ToldFinder):
        def detect(self, image: object, time_s: float = 0.0) -> tuple[()]:
            raise ZeroDivisionError("a bug")

    feed = SteadyFeed(time.monotonic, time.sleep)
    loop = Loop(lambda: feed, make_pipeline(Broken()), publish=Published(), state=STATE)
    loop.start()
    deadline = time.monotonic() + 20
    while loop.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        loop.check()
    assert loop.state.state == "failed"
    assert feed.is_closed


def test_stop_is_bounded_when_the_source_hangs() -> None:
    hanging, entered = threading.Event(), threading.Event()

    class Hanging(SteadyFeed):
        def next(self, timeout_s: float) -> Frame | None:
            entered.set()
            hanging.wait(10)
            return None

    loop = Loop(lambda: Hanging(time.monotonic, time.sleep), make_pipeline(), publish=Published(), state=STATE)
    loop.start()
    assert entered.wait(5)
    try:
        before = time.monotonic()
        assert not loop.stop(timeout_s=0.1)
        assert time.monotonic() - before < 1.0
        with pytest.raises(SourceError, match="hangs"):
            loop.start()
    finally:
        hanging.set()
    assert loop.stop(timeout_s=5)


def test_no_frame_leaves_the_loop_unless_somebody_is_to_watch() -> None:
    clock = Clock()
    seen: list[Frame] = []

    def watch(frame: Frame, snapshot: Snapshot) -> None:
        seen.append(frame)

    for watcher in (None, watch):
        loop = Loop(
            lambda: SteadyFeed(clock, clock.sleep),
            make_pipeline(),
            publish=Published(),
            state=STATE,
            watch=watcher,
            clock=clock,
        )
        loop.turn()
        assert len(seen) == (watcher is not None)


def test_the_gaze_goes_to_where_the_spectator_stands() -> None:
    clock = Clock()

    def gaze_for(x: float) -> float:
        loop = Loop(
            lambda: SteadyFeed(clock, clock.sleep),
            make_pipeline(ToldFinder((smiling_face(x=x),))),
            publish=Published(),
            state=STATE,
            clock=clock,
        )
        for _ in range(60):
            answer: Expression = loop.turn().answer
        return float(answer.gaze[0])

    # On the left of the picture is on the sitter's left.
    assert gaze_for(0) > 0.3
    assert gaze_for(44) < -0.3


def test_health_counts_rates_and_latencies() -> None:
    health = Health()
    for index in range(61):
        health.frame(index / 30, 0.02, {"landmarks": 10.0})
    report = health.report(2.0)
    assert report["frames_per_second"] == pytest.approx(30.0)
    assert report["latency_ms"] == {"p50": 20.0, "p95": 20.0}
    assert report["stages_ms"] == {"landmarks": 10.0}


def test_everybodys_mean_can_lead_and_is_read_once() -> None:
    from visavis.faces import LeadPolicy, Tracker
    from visavis.portrait.answer import Answerer
    from visavis.reading import FaceReader, to_expression
    from visavis.stage.pipeline import Pipeline

    finder = ToldFinder((smiling_face(0.2, x=0), smiling_face(1.0, x=40)))
    pipeline = Pipeline(
        finder, tracker=Tracker(), lead=LeadPolicy("average"), reader=FaceReader(), answerer=Answerer(PRESETS)
    )
    snapshot = pipeline.step(blank(), 0.0)
    assert snapshot.lead is not None
    assert to_expression(snapshot.lead.face)["mouthSmileLeft"] == pytest.approx(0.6)
    assert len(snapshot.readings) == 2
    assert [reading is snapshot.lead for reading in snapshot.readings].count(True) == 1


def test_a_camera_whose_thread_dies_is_opened_again_and_plays_on() -> None:
    opened: list[int] = []

    class Grabber:
        def __init__(self) -> None:
            opened.append(len(opened))
            self.count = 0

        def grab(self) -> None:
            time.sleep(0.005)
            self.count += 1
            if len(opened) == 1 and self.count > 10:
                raise SourceError("camera:0 stopped giving pictures")

        def retrieve(self) -> Image:
            return blank().image

        def close(self) -> None:
            pass

    def open_feed() -> LiveFeed:
        source = LiveSource(Grabber, name="camera:0")
        source.start()
        return LiveFeed(source)

    published, told = Published(), []
    loop = Loop(
        open_feed,
        make_pipeline(),
        publish=published,
        state=STATE,
        tell=lambda state, reason: told.append((state.state, reason)),
    )
    loop.start()
    deadline = time.monotonic() + 10
    while published.states != ["opening", "playing", "lost", "playing"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert loop.stop()
    loop.check()
    assert published.states == ["opening", "playing", "lost", "playing"]
    assert told == [("playing", ""), ("lost", "camera:0 stopped giving pictures"), ("playing", "")]


def test_left_alone_the_portrait_lives_by_itself_and_says_so() -> None:
    clock, finder, published = Clock(), ToldFinder(()), Published()
    loop = Loop(
        lambda: SteadyFeed(clock, clock.sleep),
        make_pipeline(finder, presence=Presence(Life(seed=1), attract_after_s=2.0, moods=PRESETS)),
        publish=published,
        state=STATE,
        clock=clock,
    )
    begun = clock.now
    while clock.now < begun + 25:
        snapshot = loop.turn()
        assert snapshot.attract == (snapshot.time_s - begun >= 2.0)
    assert max(abs(item.answer.gaze[0]) for item, _ in published.items) > 0.1
    assert max(item.answer["eyeBlinkLeft"] for item, _ in published.items) > 0.5
    finder.faces = (smiling_face(),)
    for _ in range(3):
        snapshot = loop.turn()
    assert not snapshot.attract
