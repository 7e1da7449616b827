"""Rows: one a face a frame, the same in every form, and a file that is whole or absent."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from visavis.errors import OutputError
from visavis.reading.records import TABLE_SUFFIXES, Columns, Record, open_table
from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Expression, Face, Frame, Reading, Reason


def _reading(
    *, track_id: int | None = None, emotion: bool = True, attributes: Mapping[str, float] | None = None
) -> Reading:
    blendshapes = np.linspace(0, 1, len(BLENDSHAPES), dtype=np.float32)
    face = Face(np.array([1, 2, 30.125, 40], np.float32), score=0.75, blendshapes=blendshapes, track_id=track_id)
    joy = Emotion.from_mapping({"joy": 3, "fear": 1}) if emotion else None
    return Reading(face, Expression(), emotion=joy, attributes=attributes)


def _frame(index: int = 3) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), time_s=index / 25, index=index, source="Gäste, 1.mp4")


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


EXPECTED = [
    *("source", "frame", "time_s", "face_id", "x0", "y0", "x1", "y1", "score", "label", "dominant"),
    *("intensity", "valence", "arousal"),
    *(f"emotion_{label}" for label in EMOTIONS),
    *(f"blendshape_{name}" for name in BLENDSHAPES),
]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_has_the_promised_columns_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open_table(path) as table:
        table.write(Record.of(_frame(), [_reading(track_id=7), _reading(track_id=9)]))
    rows = _rows(path)
    assert [list(row) for row in rows] == [EXPECTED, EXPECTED]
    row = rows[0]
    assert (row["source"], int(row["frame"]), int(row["face_id"]), row["dominant"]) == ("Gäste, 1.mp4", 3, 7, "joy")
    assert float(row["time_s"]) == pytest.approx(0.12)
    assert [float(row[key]) for key in ("x0", "y0", "x1", "y1")] == pytest.approx([1, 2, 30.12, 40], abs=0.01)
    assert float(row["emotion_joy"]) == pytest.approx(0.75)
    assert float(row["blendshape_noseSneerRight"]) == pytest.approx(1)


def test_json_lines_are_nested(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open_table(path) as table:
        table.write(Record.of(_frame(), [_reading(track_id=7)]))
        table.write(Record.of(_frame(4), [_reading()]))
    first, second = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    names = ["source", "frame", "time_s", "face_id", "box", "score", "label", "dominant"]
    names += ["intensity", "valence", "arousal", "emotion", "blendshapes"]
    assert list(first) == names
    assert list(first["emotion"]) == list(EMOTIONS)
    assert list(first["blendshapes"]) == list(BLENDSHAPES)
    assert len(first["box"]) == 4
    assert second["face_id"] == 0, "where nobody follows the face, its rank by size"


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_what_is_not_read_has_no_column(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open_table(path, columns=Columns(emotions=False)) as table:
        table.write(Record.of(_frame(), [_reading(emotion=False)]))
    keys = list(json.loads(path.read_text()) if suffix == ".jsonl" else _rows(path)[0])
    assert not [key for key in keys if key.startswith(("emotion", "dominant", "label", "attribute"))]
    assert not {"intensity", "valence", "arousal", "why"} & set(keys)


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_an_unsure_emotion_is_labelled_so_and_explained_where_that_is_asked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    emotion = Emotion.from_mapping({"joy": 0.6, "fear": 0.4}, unsure=True, extent=0.5)
    face = dataclasses.replace(_reading(), emotion=emotion, reasons=(Reason("smiling", 0.5, 1.0),))
    with open_table(path, columns=Columns(reasons=True)) as table:
        table.write(Record.of(_frame(), [face]))
    row = json.loads(path.read_text()) if suffix == ".jsonl" else _rows(path)[0]
    assert (row["label"], row["dominant"]) == ("unsure", "joy")
    assert row["why"] == "unsure, joy 0.60: smiling 0.50"
    for name in ("intensity", "valence", "arousal"):
        assert float(row[name]) == pytest.approx(getattr(emotion, name), abs=1e-5)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_attributes_stand_between_emotions_and_blendshapes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open_table(path, columns=Columns(attributes=("Smiling", "Narrow_Eyes"))) as table:
        table.write(Record.of(_frame(), [_reading(attributes={"Smiling": 0.9, "Narrow_Eyes": 0.2})]))
    row = _rows(path)[0]
    place = list(row).index("attribute_Smiling")
    assert list(row)[place - 1 : place + 3] == [
        "emotion_disgust",
        "attribute_Smiling",
        "attribute_Narrow_Eyes",
        "blendshape__neutral",
    ]
    assert float(row["attribute_Narrow_Eyes"]) == pytest.approx(0.2)


def test_parquet_is_written_in_groups_as_rows_come(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with open_table(path) as table:
        for index in range(2500):
            table.write(Record.of(_frame(index), [_reading(track_id=1)]))
    file = pq.ParquetFile(path)
    assert file.metadata.num_rows == 2500
    assert file.metadata.num_row_groups == 3
    assert pq.read_table(path).column("frame").to_pylist() == list(range(2500))


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_table_without_faces_is_a_file_all_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with open_table(path):
        pass
    assert path.is_file()
    if suffix == ".parquet":
        assert pq.read_table(path).column_names == EXPECTED


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_an_error_leaves_no_half_table(tmp_path: Path, suffix: str) -> None:
    def fail_halfway() -> None:
        with open_table(tmp_path / f"a{suffix}") as table:
            table.write(Record.of(_frame(), [_reading()]))
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert not list(tmp_path.iterdir())


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.jsonl, \.csv, \.parquet"), open_table(tmp_path / "a.xlsx"):
        pass
