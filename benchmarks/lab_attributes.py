"""Attribute inference as the live product does it: crop, normalise, network, calibrate; one face a call.

    python benchmarks/lab_attributes.py [--card attributes.json]

Tells the median and spread of milliseconds a face on two threads, the processor time of one, which other work on the
machine moves less, and the memory that the reader adds.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import statistics
import time
from pathlib import Path

import numpy as np

from visavis.reading.attributes import AttributeReader
from visavis.types import Face


def resident_mb() -> float:
    """Resident memory of this process in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    import cv2  # noqa: F401  what the crop needs is there before, so that only the reader's own memory counts

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--card", type=Path)
    parser.add_argument("--repeats", type=int, default=300)
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    keypoints = np.array([[280, 200], [360, 200], [320, 250], [288, 290], [352, 290]], np.float32)
    face = Face(box=np.array([240, 140, 400, 330], np.float32), keypoints=keypoints)
    before = resident_mb()
    reader = AttributeReader.load(options.card)
    for _ in range(30):
        reader.read(image, face)
    times, spent = [], time.process_time()
    for _ in range(options.repeats):
        start = time.perf_counter()
        reader.read(image, face)
        times.append(1000 * (time.perf_counter() - start))
    spent = 1000 * (time.process_time() - spent) / options.repeats
    low, _, high = statistics.quantiles(times, n=4)
    print(
        f"{reader.card.name}: median {statistics.median(times):.2f} ms a face (quartiles {low:.2f} to {high:.2f}, "
        f"worst {max(times):.2f}), {spent:.2f} ms of processor time, adds {resident_mb() - before:.0f} MB; onnxruntime "
        f"{importlib.metadata.version('onnxruntime')}"
    )


if __name__ == "__main__":
    main()
