from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConfigError, InputError
from visavis.images import read_image
from visavis.lab.check import check_dataset
from visavis.lab.datasets import ATTRIBUTES, SIX, SPLITS, Dataset, open_dataset, read_report_csv
from visavis.lab.pictures import Pictures
from visavis.lab.pixels import open_store, whole
from visavis.lab.splits import official_split, shared_people, split_by_identity


def test_the_forty_attributes_are_in_celebas_order() -> None:
    assert len(ATTRIBUTES) == 40
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES, key=str.lower)
    assert set(SIX) < set(ATTRIBUTES)


def test_plain_form_keeps_labels_people_and_split(plain: Dataset) -> None:
    assert (len(plain), plain.attributes) == (96, ("Smiling", "Male", "Young"))
    red = [float(read_image(plain.path(row))[20:, :, 0].mean()) for row in range(len(plain))]
    assert [value > 120 for value in red] == list(plain.column("Smiling") == 1)
    assert plain.column("Male").tolist() == plain.columns(("Young", "Male"))[:, 1].tolist()


def _celeba(folder: Path) -> Path:
    (folder / "list_attr_celeba.txt").write_text("2\nSmiling Male\n000001.jpg  1 -1\n000002.jpg -1 1\n")
    (folder / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n")
    (folder / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 7\n")
    return folder


def test_celeba_as_published(tmp_path: Path) -> None:
    dataset = open_dataset(_celeba(tmp_path))
    assert dataset.labels.tolist() == [[1, 0], [0, 1]]
    assert dataset.split == ("train", "test")
    assert dataset.identity.tolist() == [2880, 7]
    assert dataset.files[0].endswith("/000001.jpg")


def test_celeba_hq_follows_its_mapping_to_people(tmp_path: Path) -> None:
    _celeba(tmp_path)
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").write_text("2\nSmiling Male\n0.jpg  1 -1\n1.jpg  -1 -1\n")
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx orig_idx orig_file\n0 1 000002.jpg\n1 0 000001.jpg\n"
    )
    dataset = open_dataset(tmp_path)
    assert dataset.files == ("CelebA-HQ-img/0.jpg", "CelebA-HQ-img/1.jpg")
    assert dataset.identity.tolist() == [7, 2880]
    assert dataset.split == ("test", "train")


def test_the_reports_own_table(tmp_path: Path) -> None:
    header = ";".join(("id_img", "id_pers", "id_img_orig", *SIX))
    (tmp_path / "t.csv").write_text(header + "\n0;5;000009.jpg;1;0;1;0;0;1\n")
    dataset = read_report_csv(tmp_path / "t.csv")
    assert dataset.attributes == SIX
    assert (dataset.files, dataset.identity.tolist()) == (("0.jpg",), [5])
    assert dataset.labels.tolist() == [[1, 0, 1, 0, 0, 1]]


def test_parquet_gives_the_same_pictures_and_labels(plain: Dataset, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = range(6)
    table = {"image": [{"bytes": plain.path(row).read_bytes(), "path": None} for row in rows]}
    columns = {name: plain.column(name)[:6].astype(int).tolist() for name in plain.attributes}
    extra = {"identity": plain.identity[:6].tolist(), "split": list(plain.split[:6])}
    pyarrow.parquet.write_table(pyarrow.table(table | columns | extra), tmp_path / "a.parquet")
    dataset = open_dataset(tmp_path)
    assert dataset.split == plain.split[:6]
    assert (dataset.columns(plain.attributes) == plain.labels[:6]).all()
    with Pictures(dataset) as pictures:
        assert (pictures[3] == read_image(plain.path(3))).all()


def _shard(path: Path, plain: Dataset, rows: range, *, group: int, padding: int = 0) -> None:
    """Pictures of the plain set as a shard; bytes after the end of a PNG make it as large as one likes."""
    import pyarrow
    import pyarrow.parquet

    cells = [plain.path(row).read_bytes() + bytes(padding) for row in rows]
    labels = {"Smiling": [int(plain.column("Smiling")[row]) for row in rows]}
    table = pyarrow.table({"image": cells, **labels})
    pyarrow.parquet.write_table(table, path, row_group_size=group, compression="none", use_dictionary=False)


@pytest.mark.parametrize("group", [7, 96])
def test_shards_are_read_in_any_order(plain: Dataset, tmp_path: Path, group: int) -> None:
    _shard(tmp_path / "a.parquet", plain, range(0, 60), group=group)
    _shard(tmp_path / "b.parquet", plain, range(60, 96), group=group)
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 96
    with Pictures(dataset) as pictures:
        for row in (*range(96), 95, 0, 33, 34, 2, 61, 59, 60):
            assert (pictures[row] == read_image(plain.path(row))).all()


def test_a_shard_is_never_held_whole(plain: Dataset, tmp_path: Path) -> None:
    import pyarrow

    padding = 200_000
    _shard(tmp_path / "a.parquet", plain, range(96), group=96, padding=padding)
    del plain
    dataset = open_dataset(tmp_path)
    pool = pyarrow.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    with Pictures(dataset) as pictures:
        for row in range(0, 96, 3):
            assert pictures[row].shape == (48, 48, 3)
            most = max(most, pool.bytes_allocated() - before)
    assert most < 0.5 * 96 * padding


def test_a_damaged_shard_is_told(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "a.parquet").write_bytes(b"no shard")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        open_dataset(tmp_path)
    table = pyarrow.table({"image": [b"no picture", None], "Smiling": [1, 0], "identity": [4, None]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    dataset = open_dataset(tmp_path)
    assert dataset.identity.tolist() == [4, -1]
    with Pictures(dataset) as pictures:
        with pytest.raises(InputError, match=r"a\.parquet#0 .*not a picture"):
            pictures[0]
        with pytest.raises(InputError, match="holds no picture"):
            pictures[1]


@pytest.mark.parametrize(
    "text",
    ["", "name,Smiling\na.png,1\n", "file,Smiling\na.png,yes\n", "file,Smiling\na.png\n", "file,Smiling\na.png,3\n"],
)
def test_a_damaged_table_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=r"labels\.csv"):
        open_dataset(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        open_dataset(tmp_path)
    with pytest.raises(ConfigError, match="unknown form"):
        open_dataset(tmp_path, form="voc")


def test_no_person_stands_on_two_sides(plain: Dataset) -> None:
    for seed in range(5):
        dealt = split_by_identity(plain, seed=seed)
        assert shared_people(dealt) == ()
        shares = [len(dealt.indices(side)) / len(dealt) for side in SPLITS]
        assert np.allclose(shares, (0.70, 0.15, 0.15), atol=0.06)
    assert split_by_identity(plain, seed=1).split != split_by_identity(plain, seed=2).split


def test_a_split_by_row_is_refused(plain: Dataset) -> None:
    from dataclasses import replace

    by_row = replace(plain, split=tuple(SPLITS[row % 3] for row in range(len(plain))))
    with pytest.raises(InputError, match="two sides"):
        official_split(by_row)
    with pytest.raises(InputError, match="who they show"):
        split_by_identity(replace(plain, identity=np.full(len(plain), -1, np.int64)))


def test_check_finds_broken_files_and_twins(plain_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(plain_folder, folder)
    (folder / "images/001.png").write_bytes(b"no picture")
    shutil.copy(folder / "images/002.png", folder / "images/005.png")
    found = check_dataset(open_dataset(folder))
    assert [name for name, _ in found.unreadable] == ["images/001.png"]
    assert found.duplicates == (("images/002.png", "images/005.png"),)
    assert found.counts == {"train": 48, "val": 24, "test": 24}
    assert sum(found.people.values()) == 24


def test_a_store_is_made_once_and_marks_what_cannot_be_read(plain_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(plain_folder, folder)
    (folder / "images/001.png").write_bytes(b"no picture")
    dataset, calls = open_dataset(folder), []
    first = open_store(dataset, whole(32), folder=tmp_path / "cache", progress=lambda done, _: calls.append(done))
    again = open_store(dataset, whole(32), folder=tmp_path / "cache", progress=lambda done, _: calls.append(done))
    assert calls[-1] == 96
    assert len(calls) == 2
    assert first.pixels.shape == (96, 32, 32, 3)
    assert np.flatnonzero(~again.usable).tolist() == [1]
    other = open_store(dataset, whole(16), folder=tmp_path / "cache")
    assert other.key != first.key


@pytest.mark.shared
def test_the_shared_set_has_no_person_on_two_sides(shared: Path) -> None:
    dataset = official_split(open_dataset(shared / "data/celeba-hq-256"))
    assert {side: len(dataset.indices(side)) for side in SPLITS} == {"train": 7000, "val": 1200, "test": 1352}
    assert dataset.attributes == ATTRIBUTES
    assert shared_people(dataset) == ()
    assert shared_people(split_by_identity(dataset)) == ()
