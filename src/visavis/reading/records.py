"""Readings as rows: JSON lines, CSV or Parquet, one row a face a frame, written as they come."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from visavis.files import check_suffix, printable, replacing
from visavis.reading.emotion import in_words
from visavis.types import BLENDSHAPES, EMOTIONS, Frame, Reading

__all__ = ["TABLE_SUFFIXES", "Columns", "Record", "RecordWriter", "open_table"]

#: Rows of one Parquet row group: what is held in memory until it is written.
_ROW_GROUP: Final = 1024
# Digits behind the point in text: pixels to a hundredth, seconds to the microsecond, coefficients to a millionth.
_PIXEL_DIGITS: Final = 2
_DIGITS: Final = 6
#: What follows from an emotion's probabilities.
_MEASURES: Final = ("intensity", "valence", "arousal")


@dataclass(frozen=True, slots=True)
class Record:
    """One face in one frame.

    Attributes:
        source: the file or device it comes from.
        frame: running number of the frame, from 0.
        time_s: seconds from the start of the source.
        face_id: the same number for the same face of one video; in a still picture the rank by size, from 0.
        reading: what was read.
    """

    source: str
    frame: int
    time_s: float
    face_id: int
    reading: Reading

    @classmethod
    def of(cls, frame: Frame, readings: Sequence[Reading]) -> tuple[Record, ...]:
        """The records of all faces of one frame."""
        return tuple(
            cls(
                frame.source,
                frame.index,
                frame.time_s,
                rank if reading.face.track_id is None else reading.face.track_id,
                reading,
            )
            for rank, reading in enumerate(readings)
        )

    def nested(self) -> dict[str, Any]:
        """The record as JSON takes it: `box` a list, `emotion`, `attributes` and `blendshapes` objects by name.

        `label` to `emotion` are absent when no emotion was read, `why` without reasons, `attributes` when no classifier
        is loaded.
        """
        face, emotion = self.reading.face, self.reading.emotion
        row: dict[str, Any] = {
            "source": printable(self.source),
            "frame": self.frame,
            "time_s": round(self.time_s, _DIGITS),
            "face_id": self.face_id,
            "box": [round(float(value), _PIXEL_DIGITS) for value in face.box],
            "score": round(float(face.score), _DIGITS),
        }
        if emotion is not None:
            row["label"], row["dominant"] = emotion.label, emotion.dominant
            for name in _MEASURES:
                row[name] = round(float(getattr(emotion, name)), _DIGITS)
            if self.reading.reasons:
                row["why"] = in_words(emotion, self.reading.reasons)
            row["emotion"] = {label: round(value, _DIGITS) for label, value in emotion.as_dict().items()}
        if self.reading.attributes is not None:
            row["attributes"] = {name: round(value, _DIGITS) for name, value in self.reading.attributes.items()}
        if face.blendshapes is not None:
            row["blendshapes"] = {
                name: round(float(value), _DIGITS) for name, value in zip(BLENDSHAPES, face.blendshapes, strict=True)
            }
        return row

    def flat(self) -> dict[str, Any]:
        """The record as a table takes it: nested values become `x0`..`y1`, `emotion_joy`, `attribute_Smiling`, ..."""
        row: dict[str, Any] = {}
        for key, value in self.nested().items():
            if key == "box":
                row.update(zip(("x0", "y0", "x1", "y1"), value, strict=True))
            elif isinstance(value, Mapping):
                prefix = {"attributes": "attribute", "blendshapes": "blendshape"}.get(key, key)
                row.update({f"{prefix}_{name}": inner for name, inner in value.items()})
            else:
                row[key] = value
        return row


@dataclass(frozen=True, slots=True)
class Columns:
    """Which optional columns a table has.

    Attributes:
        emotions: whether emotions are read.
        reasons: whether they are explained.
        attributes: names of the classifier's attributes; empty without one.
    """

    emotions: bool = True
    reasons: bool = False
    attributes: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """All column names, in order."""
        return (
            *("source", "frame", "time_s", "face_id", "x0", "y0", "x1", "y1", "score"),
            *(("label", "dominant", *_MEASURES) if self.emotions else ()),
            *(("why",) if self.emotions and self.reasons else ()),
            *(f"emotion_{label}" for label in EMOTIONS if self.emotions),
            *(f"attribute_{name}" for name in self.attributes),
            *(f"blendshape_{name}" for name in BLENDSHAPES),
        )


class RecordWriter(Protocol):
    """Takes records one after the other and writes them before memory fills."""

    def write(self, records: Sequence[Record]) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class _JsonLines:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, records: Sequence[Record]) -> None:
        for record in records:
            self._file.write(json.dumps(record.nested(), ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()


class _Csv:
    def __init__(self, path: Path, columns: Columns) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, columns.names(), extrasaction="ignore")
        self._writer.writeheader()

    def write(self, records: Sequence[Record]) -> None:
        self._writer.writerows(record.flat() for record in records)

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path, columns: Columns) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {
            "source": pa.dictionary(pa.int32(), pa.string()),
            "label": pa.dictionary(pa.int32(), pa.string()),
            "dominant": pa.dictionary(pa.int32(), pa.string()),
            "why": pa.string(),
            "frame": pa.int64(),
            "face_id": pa.int64(),
            "time_s": pa.float64(),
        }
        self._schema = pa.schema([(name, kinds.get(name, pa.float32())) for name in columns.names()])
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, records: Sequence[Record]) -> None:
        self._rows.extend(record.flat() for record in records)
        if len(self._rows) >= _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()


_WRITERS: Final[Mapping[str, Callable[[Path, Columns], RecordWriter]]] = {
    ".jsonl": _JsonLines,
    ".csv": _Csv,
    ".parquet": _Parquet,
}
#: What the name of a table may end in.
TABLE_SUFFIXES: Final = tuple(_WRITERS)


@contextmanager
def open_table(path: str | os.PathLike[str], *, columns: Columns = Columns()) -> Iterator[RecordWriter]:
    """A writer whose form the suffix of `path` chooses; the file appears when the block ends well, and not otherwise.

    >>> with open_table("faces.parquet") as table:               # doctest: +SKIP
    ...     table.write(Record.of(frame, reader.read_frame(frame)))

    Raises:
        OutputError: an unknown suffix, or the file cannot be written.
    """
    target = Path(path)
    check_suffix(target, TABLE_SUFFIXES, "tables")
    make = _WRITERS[target.suffix.lower()]
    with replacing(target) as temporary:
        writer = make(temporary, columns)
        try:
            yield writer
        finally:
            writer.close()
