"""Face pictures with binary attributes, from whichever form they are published in, as one frozen `Dataset`.

    plain      labels.csv (file, [identity], [split], attributes 0/1) beside the pictures
    celeba     img_align_celeba/, list_attr_celeba.txt, list_eval_partition.txt, identity_CelebA.txt
    celeba-hq  CelebA-HQ-img/, CelebAMask-HQ-attribute-anno.txt, CelebA-HQ-to-CelebA-mapping.txt
    report     a CSV of `id_img id_pers id_img_orig` and attribute columns, beside the pictures
    parquet    shards with the columns `image` (bytes, or a struct with `bytes`) and those of the plain form

No pixels are read here. Attributes are 0 or 1; CelebA's -1 becomes 0.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ConfigError, InputError
from visavis.lab.dataset import ATTRIBUTES, SIX, SPLITS, Dataset

__all__ = [
    "ATTRIBUTES",
    "FORMS",
    "SIX",
    "SPLITS",
    "Dataset",
    "open_dataset",
    "read_celeba",
    "read_celeba_hq",
    "read_parquet",
    "read_plain",
    "read_report_csv",
]


def _rows(path: Path, *, delimiter: str | None = ",") -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, or of a table parted by white space when `delimiter` is None."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the data set's folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error})") from error
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line.split() for line in lines] if delimiter is None else list(csv.reader(lines, delimiter=delimiter))
    if not rows:
        raise InputError(f"{path} is empty; expected a header and one row a picture")
    return rows[0], rows[1:]


def _binary(values: Sequence[Sequence[str]], *, where: Path) -> NDArray[np.uint8]:
    """Texts `1`, `0`, `-1` as uint8 0/1."""
    try:
        numbers = np.array(values, dtype=np.int64).reshape(len(values), -1)
    except ValueError as error:
        raise InputError(
            f"{where} holds a label that is no whole number ({error}); expected 0 and 1, or -1 and 1"
        ) from None
    if not np.isin(numbers, (-1, 0, 1)).all():
        raise InputError(f"{where} holds labels other than -1, 0 and 1")
    return np.asarray(numbers == 1, np.uint8)


def _official(value: str) -> str:
    """`0`, `1`, `2` of CelebA's partition file as names; names stay."""
    return dict(zip("012", SPLITS, strict=True)).get(value, value)


def _whole(values: Sequence[str], *, where: Path, default: int = -1) -> NDArray[np.int64]:
    try:
        return np.array([int(value) if value.strip() else default for value in values], np.int64)
    except ValueError as error:
        raise InputError(f"{where} holds a person's number that is no whole number ({error})") from None


def _labelled(
    root: Path, columns: Mapping[str, Sequence[str]], files: Sequence[str], attributes: Sequence[str], *, where: Path
) -> Dataset:
    """A data set of text columns: attributes, and `identity` and `split` where they are given."""
    count = len(files)
    labels = _binary([[columns[name][row] for name in attributes] for row in range(count)], where=where)
    people, sides = columns.get("identity", [""] * count), columns.get("split", [""] * count)
    return Dataset(
        root,
        tuple(files),
        tuple(attributes),
        labels.reshape(count, len(attributes)),
        _whole(people, where=where),
        tuple(map(_official, sides)),
    )


def _columns(path: Path, *, delimiter: str = ",") -> dict[str, list[str]]:
    """A CSV file by column.

    Raises:
        InputError: a line has another number of fields than the header.
    """
    header, rows = _rows(path, delimiter=delimiter)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputError(f"{path}, line {number}: {len(row)} fields, where the header has {len(header)}")
    return {name: [row[place] for row in rows] for place, name in enumerate(header)}


def read_plain(root: Path) -> Dataset:
    """Our own form: `labels.csv` with `file`, optionally `identity` and `split`, and attribute columns.

    Attribute columns are those named as CelebA's 40 are; when there is none, every column after the named ones is.

    Raises:
        InputError: no such table, or a damaged one.
    """
    path = root / "labels.csv"
    columns = _columns(path)
    if "file" not in columns:
        raise InputError(f"{path} has no column 'file'; expected file, identity, split and attributes of 0 and 1")
    known = [name for name in columns if name in ATTRIBUTES]
    attributes = known or [name for name in columns if name not in ("file", "identity", "split")]
    return _labelled(root, columns, columns["file"], attributes, where=path)


def _attribute_list(path: Path) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """CelebA's attribute table: a count, the names, then `file value ...` a line."""
    _, lines = _rows(path, delimiter=None)
    if not lines:
        raise InputError(f"{path} has no header of attribute names")
    names, rows = tuple(lines[0]), lines[1:]
    for number, row in enumerate(rows, start=3):
        if len(row) != len(names) + 1:
            raise InputError(f"{path}, line {number}: {len(row) - 1} labels, where the header names {len(names)}")
    return names, {row[0]: row[1:] for row in rows}


def _pairs(path: Path) -> dict[str, str]:
    """A table of `file value` without a header; empty when the file is not there."""
    if not path.is_file():
        return {}
    first, rest = _rows(path, delimiter=None)
    return {row[0]: row[-1] for row in (first, *rest)}


def _published(root: Path, table: str, pictures: str, *, celeba: Path, origin: Callable[[str], str]) -> Dataset:
    """Pictures with an attribute list of CelebA's form; `origin` gives a picture's name in CelebA, whose partition and
    people are told in the folder `celeba`, where they are known."""
    names, rows = _attribute_list(root / table)
    partition, people = _pairs(celeba / "list_eval_partition.txt"), _pairs(celeba / "identity_CelebA.txt")
    originals = [origin(file) for file in rows]
    return Dataset(
        root,
        tuple(f"{pictures}/{file}" for file in rows),
        names,
        _binary(list(rows.values()), where=root / table),
        _whole([people.get(file, "") for file in originals], where=celeba / "identity_CelebA.txt"),
        tuple(_official(partition.get(file, "")) for file in originals),
    )


def read_celeba(root: Path) -> Dataset:
    """CelebA as published (http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html): aligned pictures with four text files.

    Raises:
        InputError: the attribute list is missing or damaged.
    """
    pictures = "img_align_celeba" if (root / "img_align_celeba").is_dir() else "img_celeba"
    return _published(root, "list_attr_celeba.txt", pictures, celeba=root, origin=lambda file: file)


def read_celeba_hq(root: Path, *, celeba: Path | None = None) -> Dataset:
    """CelebAMask-HQ as published (https://github.com/switchablenorms/CelebAMask-HQ).

    Args:
        root: folder with `CelebA-HQ-img/`, the attribute annotation and the mapping to CelebA.
        celeba: folder with CelebA's `list_eval_partition.txt` and `identity_CelebA.txt`; by default `root`. Without
            them identity and split stay unknown.

    Raises:
        InputError: the annotation is missing or damaged.
    """
    mapping = root / "CelebA-HQ-to-CelebA-mapping.txt"
    originals: dict[str, str] = {}
    if mapping.is_file():
        header, lines = _rows(mapping, delimiter=None)
        if "idx" not in header or "orig_file" not in header:
            raise InputError(f"{mapping} must have the columns idx and orig_file, not {' '.join(header)}")
        originals = {row[header.index("idx")]: row[header.index("orig_file")] for row in lines}
    return _published(
        root, "CelebAMask-HQ-attribute-anno.txt", "CelebA-HQ-img", celeba=celeba or root,
        origin=lambda file: originals.get(Path(file).stem, ""),
    )  # fmt: skip


def read_report_csv(path: Path, *, images: Path | None = None) -> Dataset:
    """The founding report's own table: `id_img, id_pers, id_img_orig` and its attributes; no split is given in it.

    Args:
        path: the CSV file; comma, semicolon or tab.
        images: folder of the pictures, by default that of the table; `id_img` names them, `.jpg` when bare.

    Raises:
        InputError: columns are missing, or the table is damaged.
    """
    first = path.read_text(encoding="utf-8-sig").split("\n", 1)[0] if path.is_file() else ""
    columns = _columns(path, delimiter=next((mark for mark in ";\t" if mark in first), ","))
    attributes = [name for name in columns if name in ATTRIBUTES]
    if "id_img" not in columns or not attributes:
        raise InputError(f"{path} must have the column id_img and attributes of CelebA, not {', '.join(columns)}")
    files = [name if Path(name).suffix else f"{name}.jpg" for name in columns["id_img"]]
    people = {"identity": columns["id_pers"]} if "id_pers" in columns else {}
    labels = {name: columns[name] for name in attributes}
    return _labelled(images or path.parent, labels | people, files, attributes, where=path)


def read_parquet(root: Path) -> Dataset:
    """Shards of pictures with labels, as data hubs publish them; `root` is a folder of `*.parquet` or one file.

    Raises:
        InputError: there is no shard, or one cannot be read or has other columns.
    """
    import pyarrow
    import pyarrow.parquet

    shards = [root] if root.is_file() else sorted(root.glob("*.parquet"))
    if not shards:
        raise InputError(f"{root} holds no .parquet file")
    columns: dict[str, list[str]] = {}
    files: list[str] = []
    for shard in shards:
        try:
            names = pyarrow.parquet.read_schema(shard).names
            table = pyarrow.parquet.read_table(shard, columns=[name for name in names if name != "image"])
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{shard} cannot be read as Parquet ({error})") from error
        attributes = [name for name in names if name in ATTRIBUTES]
        if "image" not in names or not attributes or (columns and set(columns) != set(table.column_names)):
            raise InputError(
                f"{shard} must have the column image and CelebA's attributes, alike in every shard, not "
                f"{', '.join(names)}"
            )
        for name, values in table.to_pydict().items():
            columns.setdefault(name, []).extend(_text(value) for value in values)
        files += [f"{shard.name}#{row}" for row in range(table.num_rows)]
    known = [name for name in columns if name in ATTRIBUTES]
    return _labelled(root.parent if root.is_file() else root, columns, files, known, where=root)


def _text(value: Any) -> str:
    """A cell as the text forms have it."""
    return "" if value is None else str(int(value)) if isinstance(value, bool | float) else str(value)


#: The forms by name, each with the reader of its folder.
FORMS: Final[Mapping[str, Callable[[Path], Dataset]]] = {
    "plain": read_plain,
    "celeba": read_celeba,
    "celeba-hq": read_celeba_hq,
    "report": read_report_csv,
    "parquet": read_parquet,
}


def open_dataset(path: Path, *, form: str = "") -> Dataset:
    """Open a data set; without a form, the files in the folder tell which one it is.

    Raises:
        ConfigError: unknown form.
        InputError: nothing there is a data set, or it is damaged.
    """
    if form:
        if form not in FORMS:
            raise ConfigError(f"unknown form of data set {form!r}; known are {', '.join(FORMS)}")
        return FORMS[form](path)
    if path.suffix.lower() == ".parquet" or (path.is_dir() and any(path.glob("*.parquet"))):
        return read_parquet(path)
    if path.suffix.lower() == ".csv":
        return read_report_csv(path)
    for name, reader in (
        ("labels.csv", read_plain),
        ("CelebAMask-HQ-attribute-anno.txt", read_celeba_hq),
        ("list_attr_celeba.txt", read_celeba),
    ):
        if (path / name).is_file():
            return reader(path)
    raise InputError(
        f"{path} is no data set: expected labels.csv, list_attr_celeba.txt, CelebAMask-HQ-attribute-anno.txt, "
        "*.parquet, or the path of the report's CSV"
    )
