"""How many of the shared portraits' sitters, and of the webcam frames' faces, each detector finds.

    python benchmarks/faces_found.py [--json FILE]

A portrait counts when the largest face is the sitter's: it overlaps by IoU 0.3 the sitter that the cascade finds (all
of which were looked at), profiles included. A frame counts when as many faces are found as were counted by eye.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

from visavis.assets import AssetStore
from visavis.faces import FaceFinder, create_detector
from visavis.faces.boxes import iou
from visavis.images import read_image
from visavis.types import Face, Image

Find = Callable[[Image], tuple[Face, ...]]


def finders(shared: Path) -> dict[str, Find]:
    """The cascade as each proposer makes it, and the four detectors alone."""
    assets = AssetStore()
    small = shared / "models" / "yoloface-500k" / "yoloface-500k-v2.cfg"
    found: dict[str, Find] = {
        f"cascade ({name})": FaceFinder(assets, detector=name).find for name in ("yunet", "centerface")
    }
    found["cascade (yunet), with faces that take no mesh"] = FaceFinder(
        assets, detector="yunet", require_landmarks=False
    ).find
    for name in ("mediapipe", "yunet", "centerface", "yolov3"):
        model = small if name == "yolov3" else None
        found[name] = create_detector(name, assets=assets, min_score=0.5, model=model).detect
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    shared = Path(os.environ.get("VISAVIS_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    portraits = [read_image(path) for path in sorted((shared / "data" / "portraits" / "images").glob("*.jpg"))]
    with (shared / "data" / "webcam-frames" / "frames.csv").open(encoding="utf-8") as file:
        rows = [
            (read_image(shared / "data" / "webcam-frames" / r["file"]), int(r["face_count_by_eye"]))
            for r in csv.DictReader(file)
        ]
    everything = finders(shared)
    sitters = [everything["cascade (yunet), with faces that take no mesh"](image)[0] for image in portraits]
    results = {}
    for name, find in everything.items():
        right = 0
        for image, sitter in zip(portraits, sitters, strict=True):
            faces = find(image)
            largest = max(faces, key=lambda face: face.area, default=None)
            right += largest is not None and float(iou(largest.box[None], sitter.box[None])[0, 0]) > 0.3
        counts = [(len(find(image)), count) for image, count in rows]
        results[name] = {
            "portraits": right,
            "of_portraits": len(portraits),
            "frames": sum(have == want for have, want in counts),
            "of_frames": len(rows),
            "faces_where_none_is": sum(have for have, want in counts if want == 0),
        }
        print(name, results[name], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
