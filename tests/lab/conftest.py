"""A small made-up data set: coloured squares whose attributes can be seen in their pixels."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from visavis.images import write_image
from visavis.lab.datasets import Dataset, read_plain

LAB_INSTALLED = all(importlib.util.find_spec(name) is not None for name in ("torch", "keras", "onnxscript"))
needs_lab = pytest.mark.skipif(not LAB_INSTALLED, reason="needs torch and Keras: pip install 'visavis[lab]'")

NAMES = ("Smiling", "Male", "Young")


def make_plain(folder: Path, *, count: int = 96, size: int = 48, seed: int = 0) -> Path:
    """A plain data set: red tells Smiling, a bright upper half Male, a dark frame Young; four pictures a person."""
    dice = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        labels = dice.integers(0, 2, 3)
        picture = dice.integers(60, 110, (size, size, 3))
        picture[..., 0] += 90 * labels[0]
        picture[: size // 2] += 50 * labels[1]
        if labels[2]:
            picture[:5] = picture[-5:] = 10
        write_image(folder / f"images/{index:03d}.png", np.clip(picture, 0, 255).astype(np.uint8))
        side = ("train", "train", "val", "test")[(index // 4) % 4]
        rows.append([f"images/{index:03d}.png", index // 4, side, *labels])
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "identity", "split", *NAMES])
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def plain_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_plain(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def plain(plain_folder: Path) -> Dataset:
    return read_plain(plain_folder)
