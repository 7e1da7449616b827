"""How well the emotion table reads faces: FER2013's validation part, and smiling against resting in CelebA-HQ.

    python benchmarks/emotion_rules.py [--shared FOLDER] [--rules FILE]

Prints the balanced accuracy, the confusion in percent (rows: the label, columns: what was read), and what is read of
faces that CelebA calls smiling or not. Faces of 48 pixels are enlarged to 224 and framed, as the landmarker needs.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.images import read_image, resize
from visavis.reading import create_emotion_reader
from visavis.types import EMOTIONS

LABELS = dict(zip(("neutral", "happy", "surprise", "sad", "angry", "fear", "disgust"), EMOTIONS, strict=True))
SMILING_PICTURES = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("VISAVIS_SHARED") or "../shared"))
    parser.add_argument("--rules", type=Path)
    options = parser.parse_args()
    reader = create_emotion_reader("blendshapes", path=options.rules)

    with Landmarker(AssetStore(), min_detection=0.2, min_presence=0.2) as landmarker:

        def read(path: Path, frame: int) -> str | None:
            image = resize(read_image(path), height=224)
            faces = landmarker.detect(np.pad(image, ((frame, frame), (frame, frame), (0, 0)), mode="edge"))
            return reader.read(faces[0]).dominant if faces else None

        counts = np.zeros((len(EMOTIONS), len(EMOTIONS)))
        missed = 0
        folder = options.shared / "data/fer2013"
        for row in _rows(folder):
            if row["split"] == "val":
                said = read(folder / row["file"], 56)
                if said is None:
                    missed += 1
                else:
                    counts[EMOTIONS.index(LABELS[row["emotion"]]), EMOTIONS.index(said)] += 1
        share = 100 * counts / counts.sum(axis=1, keepdims=True)
        accuracy = np.diag(share).mean() / 100
        print(f"FER2013 val: balanced accuracy {accuracy:.3f}, {int(counts.sum())} faces, {missed} missed")
        print(" " * 10 + "".join(f"{label:>10}" for label in EMOTIONS))
        for label, line in zip(EMOTIONS, share, strict=True):
            print(f"{label:10}" + "".join(f"{value:10.0f}" for value in line))

        folder = options.shared / "data/celeba-hq-256"
        read_as: dict[str, list[str]] = {"1": [], "0": []}
        for row in [row for row in _rows(folder) if row["split"] == "val"][:SMILING_PICTURES]:
            said = read(folder / row["file"], 40)
            if said is not None:
                read_as[row["Smiling"]].append(said)
        for key, name in (("1", "smiling"), ("0", "not smiling")):
            parts = ", ".join(f"{label} {read_as[key].count(label) / len(read_as[key]):.0%}" for label in EMOTIONS)
            print(f"CelebA-HQ {name} ({len(read_as[key])}): {parts}")


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
