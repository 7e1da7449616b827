"""Darknet networks through our ONNX path against OpenCV 4's own importer: the same boxes, and how much faster.

    python benchmarks/faces_darknet.py [--json FILE] [--rounds 20]

OpenCV 4 comes into a throw-away environment that is made for the run (OpenCV 5 no longer reads Darknet). Both sides get
the same letterboxed picture and two threads, and take turns, so that a busy machine slows both. Networks: the two small
ones below VISAVIS_SHARED with their own weights, and the full YOLOv3 with random weights of the right size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from visavis.assets import AssetStore
from visavis.faces.darknet import darknet_to_onnx
from visavis.faces.darknet_cfg import Network, read_cfg
from visavis.faces.darknet_weights import read_weights, write_random_weights
from visavis.faces.session import open_session
from visavis.faces.yolov3 import YoloHead, letterbox, yolo_boxes
from visavis.images import read_image
from visavis.types import Float32

OTHER_SIDE = Path(__file__).with_name("faces_opencv4.py")


def heads_of(network: Network) -> tuple[YoloHead, ...]:
    """The description of the heads that the product reads from the ONNX file's metadata."""
    heads = []
    for layer in network.heads:
        anchors = np.array(layer.numbers("anchors"), np.float32).reshape(-1, 2)[list(layer.integers("mask"))]
        heads.append(YoloHead(f"yolo_{layer.index}", str(layer), anchors, layer.number("classes", 20)))
    return tuple(heads)


def in_opencv_order(values: Float32, head: YoloHead) -> Float32:
    """One head's map with its cells in rows: row by row, column by column, anchor by anchor, as OpenCV lists them."""
    fields = 5 + head.classes
    _, rows, columns = values.shape
    return values.reshape(len(head.anchors), fields, rows * columns).transpose(2, 0, 1).reshape(-1, fields)


def worst_difference(maps: list[Float32], network: Network, theirs: dict[str, Any]) -> tuple[float, int]:
    """Largest difference of centres, sides (shares of the picture) and objectness over all boxes, and their number."""
    worst, count = 0.0, 0
    for values, head in zip(maps, heads_of(network), strict=True):
        rows = theirs[f"rows_{head.output.removeprefix('yolo_')}"]
        raw = in_opencv_order(values, head)
        cells, columns = len(raw) // len(head.anchors), values.shape[2]
        place = np.repeat(np.arange(cells), len(head.anchors))
        grid = np.array([columns, values.shape[1]])
        sigmoid = 1 / (1 + np.exp(-raw[:, [0, 1, 4]].astype(np.float64)))
        center = (np.stack([place % columns, place // columns], 1) + sigmoid[:, :2]) / grid
        sides = np.exp(raw[:, 2:4].astype(np.float64)) * np.tile(head.anchors, (cells, 1))
        ours = np.column_stack([center, sides / [network.width, network.height], sigmoid[:, 2]])
        # Random weights give some boxes of many pictures' width; those compare by ratio.
        worst = max(worst, float((np.abs(ours - rows[:, :5]) / np.maximum(np.abs(ours), 1)).max()))
        count += len(raw)
    return worst, count


def crowded(network: Network) -> list[Float32]:
    """Maps in which every candidate passes and small faces lie everywhere: the most that decoding can have to do."""
    draw = np.random.default_rng(0)
    maps = []
    for head in network.heads:
        anchors = len(head.integers("mask"))
        values = draw.normal(0, 1, (anchors, head.shape[0] // anchors, *head.shape[1:])).astype(np.float32)
        values[:, 2:4] = -3  # sides: a twentieth of the anchor's, so that hardly any overlap
        values[:, 4:] = draw.uniform(1.5, 6, values[:, 4:].shape)
        maps.append(values.reshape(head.shape))
    return maps


def decoding_ms(maps: list[Float32], network: Network) -> float:
    """Median milliseconds from a network's maps to its boxes."""
    heads, times = heads_of(network), []
    for _ in range(100):
        start = time.perf_counter()
        yolo_boxes(maps, heads, width=network.width, height=network.height, min_score=0.5)
        times.append((time.perf_counter() - start) * 1000)
    return round(float(np.median(times)), 3)


def compare(cfg: Path, weights: Path, picture: Path, python: Path, rounds: int, folder: Path) -> dict[str, Any]:
    """One network on both sides, in turns."""
    network = read_cfg(cfg)
    session = open_session(darknet_to_onnx(network, read_weights(weights, network)), name=cfg.stem)
    boxed = letterbox(read_image(picture), width=network.width, height=network.height)
    blob = (boxed.pixels.transpose(2, 0, 1)[None] / np.float32(255)).astype(np.float32)
    np.save(folder / "picture.npy", blob)
    heads = heads_of(network)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(4):
        command = [python, OTHER_SIDE, cfg, weights, folder / "picture.npy", folder / "out.npz", str(rounds)]
        subprocess.run([str(part) for part in command], check=True)
        with np.load(folder / "out.npz") as file:
            other = dict(file)
        theirs += other["times"].tolist()
        for attempt in range(rounds + 2):
            start = time.perf_counter()
            maps = [output[0] for output in session.run([head.output for head in heads], {"picture": blob})]
            if attempt >= 2:
                ours.append((time.perf_counter() - start) * 1000)
    difference, count = worst_difference(maps, network, other)
    return {
        "network": cfg.stem,
        "input": f"{network.width}x{network.height}",
        "parameters": network.parameter_count,
        "boxes": count,
        "worst_difference": difference,
        "ours_ms": round(float(np.median(ours)), 2),
        "ours_spread_ms": round(float(np.subtract(*np.percentile(ours, [75, 25]))), 2),
        "opencv_ms": round(float(np.median(theirs)), 2),
        "opencv_spread_ms": round(float(np.subtract(*np.percentile(theirs, [75, 25]))), 2),
        "ratio": round(float(np.median(theirs) / np.median(ours)), 2),
        "decode_and_nms_ms": decoding_ms(maps, network),
        "decode_and_nms_worst_ms": decoding_ms(crowded(network), network),
        "opencv": str(other["version"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--python", type=Path, help="an interpreter that has OpenCV 4 already")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("VISAVIS_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = arguments.python
        if python is None:
            venv.create(folder / "venv", with_pip=True)
            python = folder / "venv" / "bin" / "python"
            subprocess.run([python, "-m", "pip", "install", "-q", "opencv-python-headless<5"], check=True)
        full = shared / "models" / "yolov3-face" / "yolov3-face.cfg"
        random = folder / "yolov3-face.weights"
        write_random_weights(random, read_cfg(full))
        small = shared / "models" / "yoloface-500k"
        picture = AssetStore().path("astronaut")
        results = []
        for cfg, weights, rounds in (
            (small / "yoloface-500k.cfg", small / "yoloface-500k.weights", arguments.rounds * 5),
            (small / "yoloface-500k-v2.cfg", small / "yoloface-500k-v2.weights", arguments.rounds * 5),
            (full, random, max(arguments.rounds // 4, 3)),
        ):
            results.append(compare(cfg, weights, picture, python, rounds, folder))
            print(json.dumps(results[-1], indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    bad = [
        r["network"]
        for r in results
        if r["ratio"] < 1.3 or r["worst_difference"] > 1e-3 or r["decode_and_nms_worst_ms"] > 2
    ]
    sys.exit(f"below the bar: {', '.join(bad)}" if bad else 0)


if __name__ == "__main__":
    main()
