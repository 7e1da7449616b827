"""The pictures of a data set, one by one: from files, or from Parquet shards that are never held whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from visavis.errors import InputError
from visavis.images import read_image
from visavis.lab.dataset import Dataset
from visavis.types import Image

__all__ = ["Pictures"]

#: Rows that are read from a shard at a time.
_BATCH: Final = 32


class Pictures:
    """Reads the pictures of a data set; threads may share one.

    Rows of a shard are read forwards in batches of 32, so going through a data set in order reads each shard once and
    holds two batches of it; jumping back starts at the row group that holds the row.

    >>> with Pictures(dataset) as pictures:                                      # doctest: +SKIP
    ...     pictures[0].shape
    (1024, 1024, 3)
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._lock = threading.Lock()
        self._shard: _Shard | None = None

    def __enter__(self) -> Pictures:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the shard that is open; the next picture opens it again."""
        with self._lock:
            if self._shard is not None:
                self._shard.close()
            self._shard = None

    def __getitem__(self, row: int) -> Image:
        """One picture, (H, W, 3) uint8 RGB.

        Raises:
            InputError: it cannot be read.
        """
        name, mark, place = self._dataset.files[row].rpartition("#")
        if not mark or not name.endswith(".parquet"):
            return read_image(self._dataset.path(row))
        with self._lock:
            path = self._dataset.root / name
            if self._shard is None or self._shard.path != path:
                if self._shard is not None:
                    self._shard.close()
                self._shard = _Shard(path)
            data = self._shard.cell(int(place))
        import tempfile

        with tempfile.NamedTemporaryFile(suffix=".img") as file:
            file.write(data)
            file.flush()
            try:
                return read_image(file.name)
            except InputError as error:
                text = str(error).replace(file.name, self._dataset.files[row])
                raise InputError(text) from error


class _Shard:
    """One Parquet file, read forwards."""

    def __init__(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        self.path = path
        try:
            # Mapped, and neither buffered nor fetched ahead, a column's pages come as they are needed: of 80 MB in one
            # row group 6 MB are held, where a buffer of any size holds all.
            self._file: Any = pyarrow.parquet.ParquetFile(path, memory_map=True, pre_buffer=False)
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path} cannot be read as Parquet ({error})") from error
        counts = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = [sum(counts[:group]) for group in range(len(counts) + 1)]
        self._batches: Iterator[Any] = iter(())
        self._first = 0
        self._cells: list[Any] = []

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def cell(self, row: int) -> bytes:
        """The picture file in one row."""
        import pyarrow

        if not 0 <= row < self._starts[-1]:
            raise InputError(f"{self.path} has {self._starts[-1]} rows, so no row {row}")
        group = max(number for number, start in enumerate(self._starts[:-1]) if start <= row)
        try:
            behind, ahead = row < self._first, self._starts[group] > self._first + len(self._cells)
            if behind or ahead or not self._cells:
                groups = list(range(group, len(self._starts) - 1))
                self._batches = self._file.iter_batches(batch_size=_BATCH, row_groups=groups, columns=["image"])
                self._first, self._cells = self._starts[group], []
            while row >= self._first + len(self._cells):
                # The batch before stays: threads ask for neighbours in no strict order.
                gone = max(len(self._cells) - _BATCH, 0)
                self._cells = self._cells[gone:] + next(self._batches).column(0).to_pylist()
                self._first += gone
        except (OSError, StopIteration, pyarrow.ArrowException) as error:
            raise InputError(f"{self.path}, row {row} cannot be read ({error})") from error
        cell = self._cells[row - self._first]
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(data, bytes):
            raise InputError(f"{self.path}, row {row} holds no picture; expected bytes, or a struct with bytes")
        return data
