"""How fast the live loop is on this machine: stages, throughput, latency to a listening page, and what the loop adds.

Three measurements over one clip, brought to one size before anything is timed:

1. each frame goes through MediaPipe's landmarker alone and through the whole loop (landmarks, tracks, emotion, answer,
   message), one after the other and in turn first, so that both meet the same machine;
2. the clip is played live through the real loop and the real server to a listener on a WebSocket, which subtracts the
   frame's capture time from the time the message arrived;
3. the CPU renderer draws the portrait.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from visavis.config import Config
from visavis.errors import InputError, SourceError
from visavis.stage.feeds import FileFeed
from visavis.stage.health import Health
from visavis.stage.hub import Hub
from visavis.stage.loop import Loop
from visavis.stage.pipeline import Pipeline
from visavis.stage.protocol import StageState
from visavis.types import Frame, Image

if TYPE_CHECKING:
    from visavis.assets import AssetStore

__all__ = ["BenchClip", "bench", "decode_clip"]

_WARM_UP: Final = 20
_SIZE: Final = (640, 480)
_PACKAGES: Final = ("numpy", "numba", "mediapipe", "opencv-contrib-python", "av", "starlette", "uvicorn", "websockets")


@dataclass(frozen=True, slots=True)
class BenchClip:
    """A clip in memory: frames of one size, and the milliseconds that decoding each took."""

    name: str
    frames: tuple[Frame, ...]
    decode_ms: tuple[float, ...]


def decode_clip(path: Path | None, *, assets: AssetStore, limit: int, size: tuple[int, int] | None) -> BenchClip:
    """Decode at most `limit` frames and bring them to `size`; without a path, a photo of a face that moves about.

    Raises:
        InputError: the file is no video, or too short.
    """
    if path is None:
        return _moving_photo(assets, limit=limit, size=size or _SIZE)
    from visavis.sources import open_source

    frames: list[Frame] = []
    decode_ms: list[float] = []
    with open_source(path) as source:
        while len(frames) < limit:
            start = time.perf_counter()
            frame = source.read()
            decode_ms.append((time.perf_counter() - start) * 1000)
            if frame is None:
                break
            frames.append(replace(frame, image=_resized(frame.image, size)))
    if len(frames) < 2:
        raise InputError(f"{path} holds {len(frames)} frames; a benchmark needs a clip")
    return BenchClip(path.name, tuple(frames), tuple(decode_ms[: len(frames)]))


def bench(
    clip: BenchClip,
    *,
    assets: AssetStore,
    config: Config | None = None,
    frames: int = 300,
    live_s: float = 10.0,
    drawings: int = 60,
) -> dict[str, Any]:
    """Measure, and report figures that are ready for JSON; times in milliseconds.

    Args:
        clip: what is played, over and over where it is too short.
        assets: where the models come from.
        config: settings of the installation.
        frames: how many frames the stages are measured on, after a warm-up.
        live_s: for how many seconds the clip is played live; 0 leaves that out.
        drawings: how many pictures the CPU renderer draws; 0 leaves it out.

    Raises:
        AssetError, ModelError: a model is missing or cannot be used.
    """
    settings = config or Config()
    report: dict[str, Any] = {
        "machine": _machine(),
        "versions": {name: metadata.version(name) for name in ("visavis", *_PACKAGES)},
        "clip": {
            "name": clip.name,
            "frames": len(clip.frames),
            "width": clip.frames[0].width,
            "height": clip.frames[0].height,
        },
    }
    report |= _measure_stages(clip, assets, settings, frames)
    if live_s > 0:
        report["live"] = _measure_live(clip, assets, settings, live_s)
    if drawings > 0:
        report["renderer"] = _measure_renderer(assets, settings, drawings)
    return report


def _measure_stages(clip: BenchClip, assets: AssetStore, config: Config, count: int) -> dict[str, Any]:
    from visavis.faces import Landmarker
    from visavis.reading import FaceReader, open_instruments
    from visavis.stage.installation import build_pipeline

    hub = Hub()
    state = StageState("file", clip.name, config.portrait.mode, state="playing")
    unsteadied = FaceReader(emotions=open_instruments(config.emotion).emotions, smoothing=None)
    times: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        times.setdefault(name, []).append(value)

    with Landmarker(assets, mode="video", max_faces=config.reading.max_faces) as landmarker:
        bare = _BareLandmarker(assets, config.reading.max_faces)
        try:
            pipeline = build_pipeline(landmarker, config)
            for index in range(count + _WARM_UP):
                frame = _nth(clip, index)
                loop_ms = bare_ms = read_ms = 0.0
                for turn in (0, 1):
                    start = time.perf_counter()
                    if (index + turn) % 2:
                        bare.detect(frame)
                        bare_ms = (time.perf_counter() - start) * 1000
                    else:
                        snapshot = pipeline.step(frame, frame.time_s)
                        hub.publish(snapshot, state)
                        loop_ms = (time.perf_counter() - start) * 1000
                start = time.perf_counter()
                for reading in snapshot.readings:
                    unsteadied.read(reading.face)
                read_ms = (time.perf_counter() - start) * 1000
                if index < _WARM_UP:
                    continue
                stages = pipeline.timings
                note("landmarks", stages["landmarks"])
                note("track", stages["track"])
                note("emotion", min(read_ms, stages["emotion"]))
                note("smooth", max(stages["emotion"] - read_ms, 0.0))
                note("answer", stages["answer"])
                note("serialise", hub.serialise_ms)
                note("loop", loop_ms)
                note("bare", bare_ms)
        finally:
            bare.close()
    loop, bare_times = times.pop("loop"), times.pop("bare")
    median_loop, median_bare = float(np.median(loop)), float(np.median(bare_times))
    decode = float(np.mean(clip.decode_ms)) if clip.decode_ms else 0.0
    return {
        "stages_ms": {"decode": _spread(clip.decode_ms), **{name: _spread(values) for name, values in times.items()}},
        "loop": {
            "frames": len(loop),
            "frames_per_second": round(1000 / float(np.mean(loop)), 1),
            "frames_per_second_with_decoding": round(1000 / (float(np.mean(loop)) + decode), 1),
            "frame_ms": _spread(loop),
            "bare_landmarker_ms": _spread(bare_times),
            "overhead_percent": round((median_loop / median_bare - 1) * 100, 1),
            # Work that is done on some frames only shows in the mean, and not in the median.
            "overhead_percent_of_means": round((float(np.mean(loop)) / float(np.mean(bare_times)) - 1) * 100, 1),
        },
    }


class _BareLandmarker:
    """MediaPipe's own call and nothing else, with the options that the loop's landmarker has."""

    def __init__(self, assets: AssetStore, max_faces: int) -> None:
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        from visavis.faces.native import without_chatter

        self._mediapipe = mediapipe
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(assets.path("face-landmarker"))),
            running_mode=vision.RunningMode.VIDEO,
            num_faces=max_faces,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        with without_chatter():
            self._task = vision.FaceLandmarker.create_from_options(options)
            # The native side speaks once more at its first picture.
            self.detect(Frame(np.zeros((64, 64, 3), np.uint8), time_s=-1.0))

    def detect(self, frame: Frame) -> None:
        """Find the landmarks of one frame and drop them."""
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=frame.image)
        self._task.detect_for_video(picture, round(frame.time_s * 1000) + 1001)

    def close(self) -> None:
        """Free the model."""
        self._task.close()


class _ClipFile:
    """A clip in memory, in the form of a file."""

    def __init__(self, clip: BenchClip) -> None:
        self._frames = iter(clip.frames)

    def read(self) -> Frame | None:
        """The next frame."""
        return next(self._frames, None)

    def close(self) -> None:
        """Nothing to free."""


def _measure_live(clip: BenchClip, assets: AssetStore, config: Config, seconds: float) -> dict[str, Any]:
    """Play the clip at its own pace, as a camera would give it, and listen as a page would."""
    from visavis.faces import Landmarker
    from visavis.stage.installation import build_pipeline
    from visavis.stage.rigfiles import RigFiles
    from visavis.stage.server import bind, build_app, build_server

    landmarker = Landmarker(assets, mode="video", max_faces=config.reading.max_faces)
    landmarker.load()
    hub, health = Hub(), Health(window=100_000)
    pipeline: Pipeline = build_pipeline(landmarker, config)
    loop = Loop(
        lambda: FileFeed(lambda: _ClipFile(clip)),
        pipeline,
        publish=hub.publish,
        state=StageState("file", clip.name, config.portrait.mode),
        health=health,
    )
    listener = bind("127.0.0.1", 0)
    address = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
    server = build_server(build_app(hub, RigFiles({"manifest.json": b"{}"}), loop=loop))
    serving = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="bench server")
    serving.start()
    try:
        latencies = _listen(address, seconds)
    finally:
        server.should_exit = True
        serving.join(10)
        landmarker.close()
    loop.check()
    if not latencies:
        raise SourceError("no message arrived; the loop did not start in time")
    return {
        "messages": len(latencies),
        "messages_per_second": round(len(latencies) / seconds, 1),
        "camera_to_message_ms": _spread(latencies),
    }


def _listen(address: str, seconds: float) -> list[float]:
    """Milliseconds from the capture of a frame to the arrival of its message, one for each frame."""
    from websockets.sync.client import connect

    latencies: list[float] = []
    with connect(address) as line:
        begin = time.monotonic() + 1.0  # the first second warms up
        last = -1.0
        while (now := time.monotonic()) < begin + seconds:
            try:
                message = json.loads(line.recv(timeout=1.0))
            except TimeoutError:
                continue
            arrived = time.monotonic()
            if now >= begin and message["ft"] > last:
                latencies.append((arrived - message["ft"]) * 1000)
            last = max(last, message["ft"])
    return latencies


def _measure_renderer(assets: AssetStore, config: Config, frames: int) -> dict[str, Any]:
    """Rig the portrait and draw it through a passage of emotions on the CPU."""
    from visavis.portrait.gallery import open_portrait
    from visavis.portrait.presets import emotion_presets
    from visavis.portrait.render import MeshRenderer
    from visavis.portrait.rig import make_rig

    image, face, _ = open_portrait(config.portrait.name, assets=assets)
    start = time.perf_counter()
    rig = make_rig(image, face)
    rig_ms = (time.perf_counter() - start) * 1000
    renderer = MeshRenderer(rig)
    presets = list(emotion_presets().values())
    draws = []
    for index in range(frames + 5):
        part, phase = divmod(index / (frames / len(presets)), 1.0)
        expression = presets[int(part) % len(presets)].mix(presets[(int(part) + 1) % len(presets)], phase)
        start = time.perf_counter()
        renderer.render(expression)
        if index >= 5:
            draws.append((time.perf_counter() - start) * 1000)
    return {
        "portrait": config.portrait.name,
        "width": image.shape[1],
        "height": image.shape[0],
        "rig_ms": round(rig_ms, 1),
        "render_ms": _spread(draws),
    }


def _nth(clip: BenchClip, index: int) -> Frame:
    """Frame `index` of the clip played over and over, its time going on."""
    turn, place = divmod(index, len(clip.frames))
    last, before = clip.frames[-1].time_s, clip.frames[-2].time_s
    length = last + max(last - before, 1 / 60)
    frame = clip.frames[place]
    return replace(frame, time_s=frame.time_s + turn * length, index=index)


def _moving_photo(assets: AssetStore, *, limit: int, size: tuple[int, int]) -> BenchClip:
    """The astronaut's photo, walked over by a slow camera."""
    from visavis.images import read_image

    photo = read_image(assets.path("astronaut"))
    width, height = size
    window = 320  # pixels of the photo: its face and some room to walk
    frames = []
    for index in range(min(limit, 150)):
        angle = 2 * np.pi * index / 150
        x, y = round(60 + 50 * np.sin(angle)), round(15 + 15 * np.cos(angle))
        picture = _resized(np.ascontiguousarray(photo[y : y + window * 3 // 4, x : x + window]), (width, height))
        frames.append(Frame(picture, index / 30, index, "photo"))
    return BenchClip("a photo that moves", tuple(frames), ())


def _resized(image: Image, size: tuple[int, int] | None) -> Image:
    if size is None or (image.shape[1], image.shape[0]) == size:
        return image
    import cv2

    resized: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return resized


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    array = np.asarray(values)
    return {
        "median": round(float(np.median(array)), 3),
        "p95": round(float(np.percentile(array, 95)), 3),
        "mean": round(float(array.mean()), 3),
    }


def _machine() -> dict[str, object]:
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
