"""How long rigging and rendering take, where the time goes, and how much memory a rig needs; JSON on standard output.

    python benchmarks/render.py [--portraits bridgewater-madonna,...] [--heights 1280,2160] [--rounds 15] [--threads 2]
        [--opencv-threads 2]

Renders the six emotions and two expressions with many small weights, as a mirrored spectator has, without and with a
breath; reports the median, the 10th and 90th percentile over all, in milliseconds, and `cpu_ms`, the processor's time a
frame, all threads together (on a busy machine it tells more than the others). `parts` gives the median a frame of each
function, without what it calls, on one thread.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np

from visavis.assets import AssetStore
from visavis.portrait import render
from visavis.portrait.gallery import DEFAULT_PORTRAIT, find_sitter_of
from visavis.portrait.movement import Movement
from visavis.portrait.presets import emotion_presets
from visavis.portrait.render import MeshRenderer
from visavis.portrait.rig import make_rig
from visavis.types import Expression

#: Functions of the renderer that are timed apart, where they exist.
METHODS = ("render", "_begin", "_begin_body", "_crease", "_paint_eyes", "_prepare_mouth")
MOVEMENT = ("face", "lips")
FUNCTIONS = (
    *("invert", "moving_nodes", "node_sources", "pixel_sources", "bands_of", "magnified"),
    *("moved_paint", "squeezed_paint", "over", "lid_positions", "light_of", "paint_eye", "_shifted"),
)
OPENCV = ("remap", "resize", "warpAffine", "GaussianBlur", "LUT", "multiply", "scaleAdd", "medianBlur")
#: How deep the breath is that is measured.
BREATH = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", default=DEFAULT_PORTRAIT)
    parser.add_argument("--heights", default="1280,2160")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2, help="that draw")
    parser.add_argument("--opencv-threads", type=int, default=2, help="that each step of the drawing may use")
    options = parser.parse_args()
    cv2.setNumThreads(options.opencv_threads)
    assets = AssetStore()
    results = [
        measure(name, int(height), rounds=options.rounds, helper=options.threads > 1, assets=assets)
        for name in options.portraits.split(",")
        for height in options.heights.split(",")
    ]
    versions = {"python": platform.python_version(), "opencv": cv2.__version__}
    versions |= {package: version(package) for package in ("numpy", "numba")}
    threads = {"drawing": options.threads, "opencv": options.opencv_threads}
    json.dump({"threads": threads, "versions": versions, "results": results}, sys.stdout, indent=1)
    print()


def measure(name: str, height: int, *, rounds: int, helper: bool, assets: AssetStore) -> dict[str, Any]:
    """One portrait at one height."""
    image, face = find_sitter_of(name, assets=assets, height=height)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        rig = make_rig(image, face)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    rig = make_rig(image, face)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    renderer = MeshRenderer(rig, helper=helper)
    expressions = [expression for label, expression in emotion_presets().items() if label != "neutral"] + mirrored()
    still = timed(renderer, expressions, rounds)
    breathing = timed(renderer, [replace(expression, breath=BREATH) for expression in expressions], rounds)
    frames, alone = [], MeshRenderer(rig, helper=False)
    with taken_apart() as totals:
        for expression in expressions * rounds:
            totals.clear()
            alone.render(expression)
            frames.append(dict(totals))
    parts = {part: np.median([frame.get(part, 0.0) for frame in frames]) for part in {p for f in frames for p in f}}
    return {
        "portrait": name,
        "height": image.shape[0],
        "width": image.shape[1],
        "face_width": round(rig.face_width),
        "grid": [rig.grid.columns, rig.grid.rows, rig.grid.step],
        "rigging_s": round(float(np.median(seconds)), 2),
        "sharpness": round(rig.sharpness, 2),
        "still": still,
        "breathing": breathing,
        "rig_mb": round(rig.nbytes / 1e6, 1),
        "rigging_peak_mb": round(peak / 1e6),
        "parts_ms": {
            part: round(1000 * float(span), 2) for part, span in sorted(parts.items(), key=lambda pair: -pair[1])
        },
    }


def timed(renderer: MeshRenderer, expressions: Sequence[Expression], rounds: int) -> dict[str, float]:
    """Milliseconds a frame."""
    for expression in expressions:
        renderer.render(expression)
    spans, begun = [], time.process_time()
    for _ in range(rounds):
        for expression in expressions:
            start = time.perf_counter()
            renderer.render(expression)
            spans.append(1000 * (time.perf_counter() - start))
    return {
        "render_ms": round(float(np.median(spans)), 2),
        "render_ms_p10": round(float(np.quantile(spans, 0.1)), 2),
        "render_ms_p90": round(float(np.quantile(spans, 0.9)), 2),
        "cpu_ms": round(1000 * (time.process_time() - begun) / len(spans), 2),
    }


def mirrored() -> list[Expression]:
    """Two expressions as a spectator's face gives them: nearly every weight is above zero, most are small."""
    random = np.random.default_rng(1)
    weights = [np.minimum(random.exponential(0.12, 52), 1).astype(np.float32) for _ in range(2)]
    return [Expression(one, random.uniform(-0.5, 0.5, 2).astype(np.float32)) for one in weights]


@contextmanager
def taken_apart() -> Iterator[dict[str, float]]:
    """Time the renderer's functions, each without what it calls; put everything back at the end."""
    totals: dict[str, float] = defaultdict(float)
    inner = [0.0]

    def wrapped(label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                span = time.perf_counter() - start
                totals[label] += span - inner.pop()
                inner[-1] += span

        return wrapper

    places: list[tuple[Any, str]] = [(MeshRenderer, name) for name in METHODS]
    places += [(Movement, name) for name in MOVEMENT]
    places += [(render, name) for name in FUNCTIONS] + [(cv2, name) for name in OPENCV]
    places = [(owner, name) for owner, name in places if hasattr(owner, name)]
    kept = [(owner, name, getattr(owner, name)) for owner, name in places]
    for owner, name, function in kept:
        setattr(owner, name, wrapped(f"cv2.{name}" if owner is cv2 else name.strip("_"), function))
    try:
        yield totals
    finally:
        for owner, name, function in kept:
            setattr(owner, name, function)


if __name__ == "__main__":
    main()
