"""The report's first network: handwritten digits through four layers of a hundred neurons."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ConfigError, InputError

__all__ = ["MnistResult", "mnist_network", "read_digits", "read_idx", "train_mnist"]

_IDX_UINT8: Final = 8


@dataclass(frozen=True, slots=True)
class MnistResult:
    """What a training gave: rows used, and accuracies in [0, 1]."""

    train_rows: int
    test_rows: int
    validation_accuracy: float
    accuracy: float


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file of bytes, plain or gzipped (http://yann.lecun.com/exdb/mnist/, "the IDX file format").

    Raises:
        InputError: missing, damaged, or of another type than unsigned bytes.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        zero, kind, axes = struct.unpack(">HBB", data[:4])
        if zero != 0 or kind != _IDX_UINT8:
            raise ValueError("it is not an idx file of unsigned bytes")
        shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
        return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise InputError(f"{path} cannot be read as idx ({error})") from error


def read_digits(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """All pictures (N, 28, 28) and labels (N,) of a folder of idx files; `train` files before `t10k`.

    Raises:
        InputError: there is no pair of pictures and labels, or they disagree.
    """
    pictures = sorted(folder.glob("*images-idx3-ubyte*"), key=lambda path: not path.name.startswith("train"))
    if not pictures:
        raise InputError(f"{folder} holds no *-images-idx3-ubyte file; give the folder of MNIST or Fashion-MNIST")
    parts = []
    for path in pictures:
        labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
        x, y = read_idx(path), read_idx(labels)
        if x.ndim != 3 or y.shape != (len(x),) or (len(y) and y.max() > 9):
            raise InputError(f"{path.name} and {labels.name} disagree: {x.shape} and {y.shape}, labels 0 to 9 expected")
        parts.append((x, y))
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def mnist_network() -> Any:
    """Flatten, four times Dense 100 with ReLU, Dense 10 with softmax: 109,810 parameters."""
    from visavis.lab.models import keras

    layers = keras.layers
    hidden = [layers.Dense(100, activation="relu", name=f"hidden_{number}") for number in range(1, 5)]
    return keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *hidden, layers.Dense(10, activation="softmax")])


def train_mnist(folder: Path, *, train_rows: int = 8000, epochs: int = 10, seed: int = 0) -> MnistResult:
    """Train as the report did: Adam, categorical cross-entropy, batches of 32, a fifth for validation.

    Args:
        folder: idx files; the rows are shuffled once by the seed.
        train_rows: how many are trained on (validation's fifth included); all others are held out.
        epochs: ten in the report.
        seed: of shuffling and of the first weights.

    Raises:
        InputError: no such files.
        ConfigError: fewer pictures than asked for, or none left to test on.
    """
    pictures, labels = read_digits(folder)
    if not 10 <= train_rows < len(pictures):
        raise ConfigError(f"train_rows must lie between 10 and {len(pictures) - 1}, not {train_rows}")
    from visavis.lab.models import keras

    keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(pictures))
    x, y = pictures[order].astype(np.float32) / 255, keras.utils.to_categorical(labels[order], 10)
    network = mnist_network()
    network.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(x[:train_rows], y[:train_rows], batch_size=32, epochs=epochs, validation_split=0.2, verbose=0)
    _, accuracy = network.evaluate(x[train_rows:], y[train_rows:], batch_size=1000, verbose=0)
    return MnistResult(train_rows, len(x) - train_rows, float(history.history["val_accuracy"][-1]), float(accuracy))
