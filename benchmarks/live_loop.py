"""The live loop's bars, measured over several runs: frames a second, latency, and what the loop adds.

    python benchmarks/live_loop.py [CLIP ...] [--runs 3]

Each clip is measured `--runs` times; the median run and the spread over runs are told, with the bar beside them.
Without a clip, a photo that moves is measured. Losses are printed like gains: the exit code is 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any, Final

from visavis.assets import AssetStore
from visavis.stage.bench import bench, decode_clip

#: name, where it is in the report, the bar, and whether more is better
BARS: Final = (
    ("frames a second", ("loop", "frames_per_second"), 30.0, True),
    ("camera to message, p95, ms", ("live", "camera_to_message_ms", "p95"), 50.0, False),
    ("loop over the landmarker, %", ("loop", "overhead_percent"), 25.0, False),
    ("the same by means, %", ("loop", "overhead_percent_of_means"), 25.0, False),
)


def value_at(report: dict[str, Any], path: tuple[str, ...]) -> float:
    value: Any = report
    for key in path:
        value = value[key]
    return float(value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=6.0)
    arguments = parser.parse_args()
    assets = AssetStore()
    missed = 0
    for path in arguments.clips or [None]:
        clip = decode_clip(path, assets=assets, limit=arguments.frames, size=(640, 480))
        reports = [
            bench(clip, assets=assets, frames=arguments.frames, live_s=arguments.seconds, drawings=0)
            for _ in range(arguments.runs)
        ]
        machine, versions = reports[0]["machine"], reports[0]["versions"]
        print(f"{clip.name}: {machine['cores']} cores of {machine['processor']}, MediaPipe {versions['mediapipe']}")
        for name, place, bar, more_is_better in BARS:
            values = sorted(value_at(report, place) for report in reports)
            middle = median(values)
            kept = middle >= bar if more_is_better else middle <= bar
            missed += not kept
            sign = "at least" if more_is_better else "at most"
            verdict = "" if kept else "   MISSED"
            print(f"  {name:30} {middle:7.1f}   ({values[0]:.1f} to {values[-1]:.1f}; {sign} {bar:g}){verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
