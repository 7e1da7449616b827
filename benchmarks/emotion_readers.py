"""How well each reader of emotion reads still faces, and how far its probabilities can be believed.

    python benchmarks/emotion_readers.py [--shared FOLDER] [--reader NAME ...] [--table FILE]
    python benchmarks/emotion_readers.py --fit

Prints, on FER2013's validation part: balanced accuracy, expected calibration error, what `unsure` takes out, and the
confusion in percent (rows: the label, columns: what was read); then what is read of portraits that CelebA calls smiling
or not. `--fit` fits the temperature, the threshold of `unsure` and the reach of the readers that are tables, on the
training part, and prints them as they stand in `blendshapes.toml` and `rules.toml`.

FER's faces of 48 pixels are enlarged to 224 and framed, as the landmarker needs.
"""

from __future__ import annotations

import argparse
import csv
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.images import read_image, resize
from visavis.reading import EMOTION_READERS, EmotionReader, create_emotion_reader
from visavis.reading.attributes import default_attributes
from visavis.reading.emotion_card import LEARNED_CARD
from visavis.reading.tables import TableReader
from visavis.types import EMOTIONS, Emotion, Face, Image

LABELS = dict(zip(("neutral", "happy", "surprise", "sad", "angry", "fear", "disgust"), EMOTIONS, strict=True))
SMILING_PICTURES = 400
UNSURE_SHARE = 0.1
BINS = 15
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """One labelled face, as the readers are given it."""

    truth: int
    image: Image
    face: Face
    attributes: Any


def seen(rows: list[dict[str, str]], folder: Path, *, height: int, frame: int, label: str) -> list[Seen]:
    """The faces that are found; `label` names the column of the truth."""
    classifier = default_attributes()
    faces = []
    with Landmarker(AssetStore(), min_detection=0.2, min_presence=0.2) as landmarker:
        for row in rows:
            image = resize(read_image(folder / row["file"]), height=height)
            image = np.pad(image, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            found = landmarker.detect(image)
            if found:
                truth = EMOTIONS.index(LABELS[row[label]]) if row[label] in LABELS else int(row[label])
                told = classifier.read(image, found[0]) if classifier else None
                faces.append(Seen(truth, image, found[0], told))
    return faces


def read_all(reader: EmotionReader, faces: list[Seen]) -> list[Emotion]:
    return [reader.read(one.face, image=one.image, attributes=one.attributes) for one in faces]


def calibration_error(probabilities: Array, truth: NDArray[np.int64]) -> float:
    """Mean gap between confidence and accuracy over 15 bins of confidence (Guo et al., 2017), by their size."""
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(sum(abs((hit - confidence)[place == index].sum()) for index in range(BINS)) / len(truth))


def report(name: str, emotions: list[Emotion], truth: NDArray[np.int64]) -> None:
    probabilities = np.stack([emotion.probabilities for emotion in emotions]).astype(float)
    hit = probabilities.argmax(axis=1) == truth
    unsure = np.array([emotion.unsure for emotion in emotions])
    counts = np.zeros((len(EMOTIONS), len(EMOTIONS)))
    np.add.at(counts, (truth, probabilities.argmax(axis=1)), 1)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    print(
        f"{name}: balanced accuracy {np.diag(share).mean() / 100:.3f}, accuracy {hit.mean():.3f}, "
        f"calibration error {calibration_error(probabilities, truth):.3f}, unsure {unsure.mean():.3f} "
        f"(right {hit[unsure].mean() if unsure.any() else 0:.2f}, of the others {hit[~unsure].mean():.2f})"
    )
    print(" " * 10 + "".join(f"{label:>10}" for label in EMOTIONS))
    for label, line in zip(EMOTIONS, share, strict=True):
        print(f"{label:10}" + "".join(f"{value:10.0f}" for value in line))


def fit(reader: TableReader, faces: list[Seen]) -> None:
    """Print the temperature of the best likelihood with all emotions at equal weight, the threshold, and the reach."""
    from scipy.optimize import minimize_scalar

    table = reader.table
    strengths = [table.strengths(one.face.blendshapes, one.attributes) for one in faces]
    evidence = np.stack([table.evidence(each) for each in strengths]).astype(float)
    truth = np.array([one.truth for one in faces])
    weight = 1 / np.bincount(truth, minlength=len(EMOTIONS))[truth]

    def softmax(temperature: float) -> Array:
        odds = np.exp((evidence - evidence.max(axis=1, keepdims=True)) / temperature)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def loss(temperature: float) -> float:
        return float(-(weight * np.log(softmax(temperature)[np.arange(len(truth)), truth])).sum())

    best = minimize_scalar(loss, bounds=(0.3, 5.0), method="bounded").x
    threshold = np.quantile(softmax(best).max(axis=1), UNSURE_SHARE)
    print(f"{reader.name}.toml\n\n[calibration]\ntemperature = {best:.2f}\nunsure_below = {threshold:.3f}\n\n[reach]")
    codes = list(table.signs)
    for index, label in enumerate(EMOTIONS):
        if index:
            for_it = np.array(
                [
                    max(next((r.weight for r in table.rules if (r.emotion, r.sign) == (label, code)), 0), 0)
                    for code in codes
                ]
            )
            shown = np.array([[each[code] for code in codes] for each in strengths])[truth == index]
            print(f"{label} = {np.quantile(shown @ for_it, 0.95):.2f}")
    print()


def rows_of(folder: Path, split: str) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("VISAVIS_SHARED") or "../shared"))
    parser.add_argument("--reader", choices=list(EMOTION_READERS), action="append")
    parser.add_argument("--table", type=Path, help="of one's own, for the reader that is named")
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    there = [name for name in EMOTION_READERS if name != "learned" or LEARNED_CARD.is_file()]
    readers = [create_emotion_reader(name, path=options.table) for name in options.reader or there]
    fer, celeba = options.shared / "data/fer2013", options.shared / "data/celeba-hq-256"

    if options.fit:
        faces = seen(rows_of(fer, "train"), fer, height=224, frame=56, label="emotion")
        for reader in readers:
            if isinstance(reader, TableReader):
                fit(reader, faces)
        return
    rows = rows_of(fer, "val")
    faces = seen(rows, fer, height=224, frame=56, label="emotion")
    print(f"FER2013 val: {len(faces)} faces found of {len(rows)}")
    truth = np.array([one.truth for one in faces])
    for reader in readers:
        report(reader.name, read_all(reader, faces), truth)
    faces = seen(rows_of(celeba, "val")[:SMILING_PICTURES], celeba, height=256, frame=40, label="Smiling")
    for reader in readers:
        for smiling, name in ((1, "smiling"), (0, "not smiling")):
            emotions = read_all(reader, [one for one in faces if one.truth == smiling])
            parts = ", ".join(f"{x} {np.mean([e.label == x for e in emotions]):.0%}" for x in (*EMOTIONS, "unsure"))
            print(f"{reader.name}, CelebA-HQ {name} ({len(emotions)}): {parts}")


if __name__ == "__main__":
    main()
