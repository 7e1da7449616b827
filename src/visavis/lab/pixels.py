"""Decoded pictures on disk, as one memory-mapped array: decoded and cropped once, read by every epoch and every run.

The name of a store is the hash of all that went into it: the data set's rows, the files' sizes and times, the crop. A
store appears whole or not at all, and two runs that need the same one share it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputError
from visavis.files import replacing
from visavis.images import resize
from visavis.lab.datasets import Dataset
from visavis.lab.pictures import Pictures
from visavis.types import Image

__all__ = ["Cut", "PixelStore", "Progress", "open_store", "whole"]

#: Told after each picture: how many are done, and how many there are.
Progress = Callable[[int, int], None]

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Cut:
    """A way from a picture to a square.

    Attributes:
        key: tells it from every other way; part of the store's name.
        size: side of the square in pixels.
        make: `(image, row) -> (size, size, 3) uint8`, or None where the picture has no usable face.
    """

    key: str
    size: int
    make: Callable[[Image, int], Image | None]


def whole(size: int) -> Cut:
    """The picture as it is, scaled; for sets that are aligned already."""
    return Cut(f"whole-{size}", size, lambda image, _: resize(image, width=size, height=size))


@dataclass(frozen=True, slots=True, eq=False)
class PixelStore:
    """The squares of a data set.

    Attributes:
        pixels: (N, size, size, 3) uint8 RGB, memory-mapped; black where `usable` is false.
        usable: (N,) bool: the picture could be read and cut.
        key: sha256 of what went in.
    """

    pixels: NDArray[np.uint8]
    usable: NDArray[np.bool_]
    key: str


def _key(dataset: Dataset, cut: Cut) -> str:
    digest = hashlib.sha256(f"1\n{dataset.fingerprint()}\n{cut.key}\n".encode())
    for row in range(len(dataset)):
        path = dataset.root / dataset.files[row].partition("#")[0]
        try:
            stat = path.stat()
            digest.update(f"{stat.st_size} {stat.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(b"missing\n")
    return digest.hexdigest()


def open_store(
    dataset: Dataset, cut: Cut, *, folder: Path, workers: int = 2, progress: Progress | None = None
) -> PixelStore:
    """Open the store of a data set and a cut, making it first where it is not there.

    Args:
        dataset: whose pictures.
        cut: how they become squares.
        folder: where stores are kept.
        workers: threads that decode.
        progress: told how far the making is.

    Raises:
        InputError: not one picture of the data set could be read and cut.
        OutputError: the store cannot be written.
    """
    key = _key(dataset, cut)
    path = folder / f"pixels-{key[:16]}.npy"
    marks = path.with_suffix(".usable.npy")
    if not (path.is_file() and marks.is_file()):
        usable = np.zeros(len(dataset), np.bool_)
        with replacing(path) as temporary:
            shape = (len(dataset), cut.size, cut.size, 3)
            pixels = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            _fill(dataset, cut, pixels, usable, workers, progress)
            if not usable.any():
                raise InputError(f"not one of the {len(dataset)} pictures of {dataset.root} could be read and cut")
            pixels.flush()
        with replacing(marks) as temporary:
            np.save(temporary, usable)
    return PixelStore(np.load(path, mmap_mode="r"), np.load(marks), key)


def _fill(
    dataset: Dataset,
    cut: Cut,
    pixels: NDArray[np.uint8],
    usable: NDArray[np.bool_],
    workers: int,
    progress: Progress | None,
) -> None:
    def one(row: int) -> Image | None:
        try:
            return cut.make(pictures[row], row)
        except InputError:
            return None  # told by `usable`; `visavis lab check` names the files

    with Pictures(dataset) as pictures, ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(dataset), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(dataset)))
            for row, square in zip(rows, pool.map(one, rows), strict=True):
                if square is not None:
                    pixels[row], usable[row] = square, True
            if progress is not None:
                progress(rows.stop, len(dataset))
