"""What keeping the features of a frozen trunk gains: Keras `fit` against `visavis lab train`, VGG-19, 256 pixels.

    python benchmarks/lab_features.py --part plain  --out plain.json    # one epoch of fit on a few pictures
    python benchmarks/lab_features.py --part kept   --out kept.json     # ten epochs on 500 pictures, features first
    python benchmarks/lab_features.py --compare plain.json kept.json

Time does not depend on what the weights or pictures are, so both are random. Plain `fit` is timed on fewer pictures and
told per picture: ten epochs of 500 are ten times 500 times that. The kept way is timed whole, on 500.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS = 10


def plain(count: int, *, frozen: int, batch: int) -> float:
    """Seconds a picture and epoch of plain Keras `fit`, after a warm-up step."""
    from visavis.lab.models import keras, report_vgg19

    network = report_vgg19(256, weights=None, frozen=frozen)
    network.model.compile(optimizer="adam", loss="binary_crossentropy", metrics=[keras.metrics.Precision()])
    dice = np.random.default_rng(0)
    pictures = dice.random((count, 256, 256, 3), np.float32)
    labels = dice.integers(0, 2, (count, 6)).astype(np.float32)
    network.model.fit(pictures[:8], labels[:8], batch_size=8, epochs=1, verbose=0)
    start = time.perf_counter()
    network.model.fit(pictures, labels, batch_size=batch, epochs=1, verbose=0)
    return (time.perf_counter() - start) / count


def kept(count: int, *, frozen: int) -> tuple[float, float]:
    """Seconds of computing the features of `count` pictures, and of ten epochs on them with validation on none."""
    from visavis.lab.features import cut_network, feature_store
    from visavis.lab.models import report_vgg19
    from visavis.lab.pixels import PixelStore
    from visavis.lab.recipe import load_recipe
    from visavis.lab.train import half_precision, train, use_resident_memory
    from visavis.lab.training_data import TrainingData

    use_resident_memory()
    recipe = load_recipe("report-2019")
    network = report_vgg19(256, weights=None, frozen=frozen)
    dice = np.random.default_rng(0)
    pixels = dice.integers(0, 256, (count, 256, 256, 3), np.uint8)
    store = PixelStore(pixels, np.ones(count, np.bool_), "benchmark")
    half = half_precision(recipe.train.precision)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cut = cut_network(network)
        features = feature_store(cut, network, store, folder=Path(folder), half=half)
        made = time.perf_counter()
        labels = dice.integers(0, 2, (count, 6)).astype(np.uint8)
        rows = np.arange(count)
        data = TrainingData(recipe.data.names, labels, rows, rows[:8], features, features, "benchmark")
        train(recipe, cut.rest, data, folder=Path(folder) / "run")
        return made - start, time.perf_counter() - made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("plain", "kept"))
    parser.add_argument("--forms", nargs="+", default=["report", "frozen"], choices=("report", "frozen"))
    parser.add_argument("--pictures", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--compare", nargs=2, type=Path)
    options = parser.parse_args()
    if options.compare:
        first, second = (json.loads(path.read_text()) for path in options.compare)
        for form in sorted(set(first["seconds"]) & set(second["seconds"])):
            count = second["pictures"]
            whole = first["seconds"][form] * count * EPOCHS
            made, trained = second["seconds"][form]
            print(
                f"{form}: plain {whole:.0f} s (from {first['seconds'][form]:.3f} s a picture and epoch, measured on "
                f"{first['pictures']}), kept {made:.1f} + {trained:.1f} s on {count}: "
                f"{whole / (made + trained):.1f} times"
            )
        return
    count = options.pictures or (64 if options.part == "plain" else 500)
    layers = {"report": 20, "frozen": 22}
    seconds: dict[str, Any] = {}
    for form in options.forms:
        frozen = layers[form]
        seconds[form] = plain(count, frozen=frozen, batch=64) if options.part == "plain" else kept(count, frozen=frozen)
        print(options.part, form, seconds[form], flush=True)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "keras", "numpy")}
    result = {
        "part": options.part,
        "pictures": count,
        "seconds": seconds,
        "versions": versions,
        "cores": os.cpu_count(),
    }
    if options.out:
        options.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
