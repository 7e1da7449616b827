"""How a portrait's life goes, how far heads may turn, and what both cost; JSON on standard output.

    python benchmarks/life.py [--portraits bridgewater-madonna,...] [--height 1280] [--seconds 10] [--hours 1]

`life` counts blinks, breaths and looks over some hours of several seeds. For each portrait: the degrees of yaw, pitch
and roll that its paint bears, how far a breath moves paint in face widths, the largest mean change of a frame inside
the face, the pixels that ever changed, and the median time of a frame of a lonely life.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np

from visavis.assets import AssetStore
from visavis.portrait.gallery import DEFAULT_PORTRAIT, open_portrait
from visavis.portrait.life import CHAPTER_S, Life
from visavis.portrait.presence import Lived
from visavis.portrait.presets import emotion_presets
from visavis.portrait.render import MeshRenderer

SEEDS = range(5)
FRAMES_PER_SECOND = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", default=DEFAULT_PORTRAIT)
    parser.add_argument("--height", type=int, default=1280)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    assets = AssetStore()
    portraits = [
        measure(name, height=options.height, seconds=options.seconds, assets=assets)
        for name in options.portraits.split(",")
    ]
    json.dump({"life": statistics(options.hours), "portraits": portraits}, sys.stdout, indent=1)
    print()


def statistics(hours: float) -> dict[str, Any]:
    """Rhythms, over all seeds together."""
    count = round(hours * 3600 / CHAPTER_S)
    chapters = [[Life(seed).chapter(index) for index in range(count)] for seed in SEEDS]
    minutes = count * CHAPTER_S / 60
    starts = [np.concatenate([c.blinks[:, 0] + i * CHAPTER_S for i, c in enumerate(story)]) for story in chapters]
    gaps = np.concatenate([np.diff(times) for times in starts])
    blinks = np.concatenate([chapter.blinks for story in chapters for chapter in story])
    breaths = np.concatenate([np.diff(chapter.breaths[:, :2], axis=1) for story in chapters for chapter in story])
    looks = [chapter.roaming for story in chapters for chapter in story]
    sizes = np.concatenate([np.linalg.norm(np.diff(look.places, axis=0), axis=1) for look in looks])
    start = time.perf_counter()
    for time_s in np.arange(0, 60, 0.1):
        Life(0).at(float(time_s))
    return {
        "blinks_per_minute": round(float(np.mean([len(times) for times in starts])) / minutes, 1),
        "blink_interval_s": {"median": round(float(np.median(gaps)), 2), "mean": round(float(gaps.mean()), 2)},
        "blink_closing_ms": [round(1000 * float(value)) for value in (blinks[:, 1].min(), blinks[:, 1].max())],
        "breaths_per_minute": round(60 / float(breaths.mean()), 1),
        "breath_s": [round(float(value), 1) for value in np.quantile(breaths, [0.1, 0.9])],
        "saccade_degrees": {"median": round(float(np.median(sizes)), 1), "most": round(float(sizes.max()), 1)},
        "microseconds_a_moment": round(1e6 * (time.perf_counter() - start) / 600),
    }


def measure(name: str, *, height: int, seconds: float, assets: AssetStore) -> dict[str, Any]:
    """One portrait, alone."""
    portrait = open_portrait(name, assets=assets, height=height)
    rig, renderer = portrait.rig, MeshRenderer(portrait.rig)
    film = Lived(Life(), seconds, moods=emotion_presets())
    frames, spans = [], []
    for time_s in film.frame_times(FRAMES_PER_SECOND):
        start = time.perf_counter()
        frames.append(renderer.render(film.at(float(time_s))))
        spans.append(1000 * (time.perf_counter() - start))
    (x0, y0), (x1, y1) = (np.round(edge(rig.landmarks, axis=0)).astype(int) for edge in (np.min, np.max))
    faces = [frame[max(y0, 0) : y1, max(x0, 0) : x1].astype(np.int16) for frame in frames]
    jumps = [float(np.abs(later - earlier).mean()) for earlier, later in pairwise(faces)]
    changed = np.any([np.any(frame != frames[0], axis=2) for frame in frames[1:]], axis=0)
    return {
        "portrait": name,
        "size": list(rig.painting.shape[:2]),
        "face_width": round(rig.face_width),
        "largest_sway_degrees": [round(float(angle), 1) for angle in rig.largest_sway],
        "breath_face_widths": round(float(np.abs(rig.body.field).max()) / rig.face_width, 4),
        "starts_at_the_painting": bool(np.array_equal(frames[0], rig.painting)),
        "largest_jump": round(max(jumps), 2),
        "changed_share": round(float(changed.mean()), 3),
        "frame_ms": {"median": round(float(np.median(spans)), 1), "p10": round(float(np.quantile(spans, 0.1)), 1)},
    }


if __name__ == "__main__":
    main()
