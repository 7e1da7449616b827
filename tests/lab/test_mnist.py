from __future__ import annotations

import gzip
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConfigError, InputError
from visavis.lab.mnist import read_digits, read_idx

needs_keras = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "keras")), reason="needs Keras: pip install 'visavis[lab]'"
)


def _idx(path: Path, array: np.ndarray) -> None:
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def _bars(folder: Path, count: int = 400) -> Path:
    """Made-up digits: a bar whose row tells its label."""
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 10, count)
    pictures = dice.integers(0, 60, (count, 28, 28))
    for picture, label in zip(pictures, labels, strict=True):
        picture[4 + 2 * label : 6 + 2 * label, 4:24] = 255
    _idx(folder / "t10k-images-idx3-ubyte.gz", pictures)
    _idx(folder / "t10k-labels-idx1-ubyte.gz", labels)
    return folder


def test_idx_files_plain_and_gzipped(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    for name in ("a", "a.gz"):
        _idx(tmp_path / name, array)
        assert (read_idx(tmp_path / name) == array).all()
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:-2])
    for name in ("b", "none"):
        with pytest.raises(InputError, match="idx"):
            read_idx(tmp_path / name)
    with pytest.raises(InputError, match="holds no"):
        read_digits(tmp_path)


@needs_keras
def test_the_reports_first_network_learns(tmp_path: Path) -> None:
    from visavis.lab.mnist import mnist_network, train_mnist

    assert mnist_network().count_params() == 109_810
    result = train_mnist(_bars(tmp_path), train_rows=300, epochs=6)
    assert result.test_rows == 100
    assert result.accuracy > 0.9
    with pytest.raises(ConfigError, match="train_rows"):
        train_mnist(tmp_path, train_rows=400)


@needs_keras
@pytest.mark.shared
def test_real_digits(shared: Path) -> None:
    from visavis.lab.mnist import train_mnist

    result = train_mnist(shared / "data/mnist", train_rows=8000, epochs=4)
    assert result.accuracy > 0.90  # ten epochs, as in the report, pass 0.93
