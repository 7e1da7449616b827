"""The learned reader of emotion as the live product uses it: crop, network, weighing; one face a call.

    python benchmarks/lab_emotion.py [--card emotion.json]

Tells the median and spread of milliseconds a face on two threads. Landmarks and attributes are measured elsewhere.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
import time
from pathlib import Path

import numpy as np

from visavis.reading.learned import LearnedReader
from visavis.types import BLENDSHAPES, Face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--repeats", type=int, default=300)
    options = parser.parse_args()
    dice = np.random.default_rng(0)
    image = dice.integers(0, 256, (480, 640, 3), np.uint8)
    keypoints = np.array([[280, 200], [360, 200], [320, 250], [288, 290], [352, 290]], np.float32)
    weights = dice.random(len(BLENDSHAPES)).astype(np.float32)
    face = Face(box=np.array([240, 140, 400, 330], np.float32), keypoints=keypoints, blendshapes=weights)
    reader = LearnedReader.load(options.card)
    attributes = dict.fromkeys(reader.card.attributes, 0.5)
    times = []
    for _ in range(options.repeats + 30):
        start = time.perf_counter()
        reader.read(face, image=image, attributes=attributes)
        times.append(1000 * (time.perf_counter() - start))
    times = times[30:]
    low, _, high = statistics.quantiles(times, n=4)
    print(
        f"{reader.card.name}: median {statistics.median(times):.2f} ms a face (quartiles {low:.2f} to {high:.2f}, "
        f"worst {max(times):.2f}); onnxruntime {importlib.metadata.version('onnxruntime')}"
    )


if __name__ == "__main__":
    main()
