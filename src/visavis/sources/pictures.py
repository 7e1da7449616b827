"""Still pictures as a source."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from visavis.errors import InputError
from visavis.images import IMAGE_SUFFIXES, read_image
from visavis.sources.source import Source
from visavis.types import Frame

__all__ = ["PictureSource"]


class PictureSource(Source):
    """Picture files in the order given, each once; `interval_s` seconds lie between two of them.

    >>> [frame.time_s for frame in PictureSource(["a.jpg", "b.jpg"], interval_s=2.0)]   # doctest: +SKIP
    [0.0, 2.0]
    """

    is_live = False

    def __init__(self, paths: Sequence[str | os.PathLike[str]], *, interval_s: float = 1.0, name: str = "") -> None:
        self.paths = tuple(Path(path) for path in paths)
        self.interval_s = interval_s
        self.name = name or ", ".join(str(path) for path in self.paths)
        self._next = 0

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str], *, interval_s: float = 1.0) -> PictureSource:
        """The pictures directly in a folder, by name.

        Raises:
            InputError: the folder cannot be read or holds no picture.
        """
        try:
            paths = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
        except OSError as error:
            raise InputError(f"the folder {folder} cannot be read: {error.strerror}; check its permissions") from None
        if not paths:
            raise InputError(f"the folder {folder} holds no picture; expected files such as .jpg, .png or .webp")
        return cls(paths, interval_s=interval_s, name=str(folder))

    def read(self) -> Frame | None:
        """The next picture; None after the last.

        Raises:
            InputError: the file cannot be read; the next call goes on with the one after it.
        """
        if self._next >= len(self.paths):
            return None
        index = self._next
        self._next += 1
        path = self.paths[index]
        return Frame(read_image(path), time_s=index * self.interval_s, index=index, source=str(path))

    def close(self) -> None:
        """Start anew at the first picture."""
        self._next = 0
