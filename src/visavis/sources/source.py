"""What every source of frames offers."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from visavis.types import Frame

__all__ = ["Source"]


class Source(Protocol):
    """Frames, one after the other; a context manager that frees its device or file at the end.

    Attributes:
        name: what the frames come from, as in `Frame.source`.
        is_live: True where time passes by itself and frames are dropped to keep up; False where every frame comes.
    """

    name: str
    is_live: bool

    def read(self) -> Frame | None:
        """The next frame; None at the end of a source that ends.

        Raises:
            InputError: a file cannot be opened or decoded.
            SourceError: a camera or stream cannot be opened, or stopped giving frames.
        """
        ...

    def close(self) -> None:
        """Free the device or file; reading again starts anew. Closing twice does nothing."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
