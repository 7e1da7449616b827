"""The scores of portraits as files, and as two tables for people: by blendshape and by emotion."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from visavis.errors import InputError
from visavis.files import check_suffix, printable, replacing
from visavis.portrait.score.measure import PortraitScore
from visavis.portrait.score.reach import SHAPES
from visavis.portrait.score.summary import LEVEL, Row, judges_of, summarise
from visavis.types import EMOTIONS

__all__ = ["SUFFIXES", "Cell", "Table", "read_scores", "tables", "write_scores"]

#: Suffixes that `write_scores` writes.
SUFFIXES: Final = (".csv", ".json", ".md")

_BY_SHAPE: Final = {"reach": "rise", "reach-half": "at half", "monotone": "never falls", "crosstalk": "crosstalk"}
_BY_EMOTION: Final = {
    "likeness": "likeness",
    "motion": "motion / human",
    "seen-motion": "  as it is seen",
    "seen-motion-95": "  95 % of points",
    "texture": "texture departs",
    "jump": "jump, of 255",
    "background": "background kept",
    "reach": "rise",
}
#: Judges whose package is spelt otherwise than their figures.
_SPELT: Final = {"faceapi": "face-api"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of a table.

    Attributes:
        text: the mean over the portraits.
        target: what it should be, or "".
        kept: share of the portraits that keep the target by themselves, or "".
        met: whether the mean keeps it; None without a target.
    """

    text: str = ""
    target: str = ""
    kept: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below column names; each row has a name of its own."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def tables(scores: Sequence[PortraitScore]) -> tuple[Table, Table]:
    """By blendshape and by emotion: means over the portraits, beside the product's own targets."""
    found = {row.figure: row for row in summarise(scores)}
    by_shape = []
    for name in SHAPES:
        rise, *others = (found.get(f"{kind}/{name}") for kind in _BY_SHAPE)
        median = Cell() if rise is None else Cell(f"{rise.median:.2f}")
        by_shape.append((name, (_cell(rise), median, *map(_cell, others))))
    labels = (*EMOTIONS[1:], "four")
    kinds = [pair for judge in judges_of(found) for pair in _by_judge(judge)] + list(_BY_EMOTION.items())
    by_emotion = [(text, tuple(_cell(found.get(f"{kind}/{label}")) for label in labels)) for kind, text in kinds]
    return (
        Table("blendshape", ("rise", "median", *list(_BY_SHAPE.values())[1:]), _filled(by_shape)),
        Table("emotion", labels, _filled(by_emotion)),
    )


def _by_judge(judge: str) -> tuple[tuple[str, str], ...]:
    """The rows of one judge: the kind of figure and what it is called."""
    named = _SPELT.get(judge, judge)
    return (judge, f"read by {named}"), (f"{judge}{LEVEL}", "  eyes level"), (f"{judge}-p", "  probability")


def _filled(rows: Sequence[tuple[str, tuple[Cell, ...]]]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    """Those rows of which something was measured."""
    return tuple(row for row in rows if any(cell.text for cell in row[1]))


def _cell(row: Row | None) -> Cell:
    if row is None:
        return Cell()
    if row.target is None or row.share is None:
        return Cell(f"{row.mean:.2f}")
    return Cell(f"{row.mean:.2f}", str(row.target), f"{row.share:.0%}", row.met)


def write_scores(path: Path, scores: Sequence[PortraitScore]) -> None:
    """Write scores to `.csv` (a line a portrait), `.json` (portraits and summary) or `.md` (two tables), atomically.

    Raises:
        OutputError: another suffix, or the file cannot be written.
    """
    check_suffix(path, SUFFIXES, "scores")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        names = list(dict.fromkeys(name for score in scores for name in score.figures))
        with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["portrait", "refused", *names])
            for score in scores:
                cells = [f"{score.figures[name]:.4f}" if name in score.figures else "" for name in names]
                writer.writerow([printable(score.name), printable(score.refused), *cells])
    elif suffix == ".json":
        document: dict[str, Any] = {
            "portraits": [
                {
                    "name": printable(score.name),
                    "refused": printable(score.refused),
                    "figures": dict(score.figures),
                }
                for score in scores
            ],
            "summary": [
                {
                    "figure": row.figure,
                    "count": row.count,
                    "mean": row.mean,
                    "median": row.median,
                    "worst": row.worst,
                    "share": row.share,
                    "target": None if row.target is None else str(row.target),
                    "met": row.met,
                }
                for row in summarise(scores)
            ],
        }
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    else:
        with replacing(path) as temporary:
            rigged = sum(bool(score.figures) for score in scores)
            head = (
                f"Means over {rigged} of {len(scores)} portraits; in brackets the target, and how many portraits keep "
                "it by themselves; bold where the mean misses it."
            )
            texts = [head, *map(_markdown, tables(scores))]
            temporary.write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def read_scores(path: Path) -> list[PortraitScore]:
    """Read what `write_scores` wrote.

    Raises:
        InputError: the file is missing or not of that form.
    """
    try:
        # As bytes: a refusal may hold line breaks of any kind, which reading as text would make one.
        text = path.read_bytes().decode("utf-8")
        if path.suffix.lower() == ".json":
            scores = [
                PortraitScore(
                    item["name"], {key: float(value) for key, value in item["figures"].items()}, item["refused"]
                )
                for item in json.loads(text)["portraits"]
            ]
        else:
            scores = []
            for line in csv.DictReader(io.StringIO(text, newline="")):
                cells = {key: value for key, value in line.items() if key not in ("portrait", "refused") and value}
                figures = {key: float(value) for key, value in cells.items()}
                scores.append(PortraitScore(line["portrait"], figures, line["refused"]))
        if not all(isinstance(word, str) for score in scores for word in (score.name, score.refused)):
            raise TypeError("a name or a refusal is missing")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        csv.Error,
    ) as error:
        raise InputError(f"{path} holds no scores of `visavis portrait score` ({error})") from error
    return scores


def _markdown(table: Table) -> str:
    lines = [f"| {table.title} | {' | '.join(table.columns)} |", "|---" * (len(table.columns) + 1) + "|"]
    for name, cells in table.rows:
        texts = []
        for cell in cells:
            value = f"**{cell.text}**" if cell.met is False else cell.text
            texts.append(f"{value} ({cell.target}: {cell.kept})" if cell.target else value)
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines)
