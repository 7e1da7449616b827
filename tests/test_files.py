"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from visavis.errors import OutputError
from visavis.files import check_suffix, check_writable, fitting_name, kind_of, printable, replacing


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with replacing(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_halfway() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left on device; make room"), replacing(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_what_may_not_be_written_is_a_matter_of_permissions(tmp_path: Path) -> None:
    for number in (errno.EACCES, errno.EROFS):
        with pytest.raises(OutputError, match="check its permissions"), replacing(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("bad", ["file/a.txt", "."])
def test_places_that_cannot_be_written(tmp_path: Path, bad: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"), replacing(tmp_path / bad):
        pytest.fail("the block must not run")


@pytest.mark.parametrize("bad", ["file/a.txt", "."])
def test_a_place_that_cannot_be_written_is_known_before(tmp_path: Path, bad: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write .*(file/a\.txt|folder)"):
        check_writable(tmp_path / bad)


def test_asking_leaves_no_trace_beside_the_file(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.txt"
    check_writable(target)
    assert list(target.parent.iterdir()) == []
    target.write_text("kept")
    check_writable(target)
    assert target.read_text() == "kept"


@pytest.mark.parametrize("name", ["肖" * 80 + ".png", "a" * 251 + ".png", "a." + "b" * 230, "é" * 127])
def test_a_name_may_be_as_long_as_the_system_takes(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    check_writable(target)
    with replacing(target) as temporary:
        assert temporary.name.endswith(target.suffix)
        temporary.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["肖" * 90 + ".png", "a" * 5000, "a" * 300 + "/a.png"])
def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*too long"):
        check_writable(tmp_path / name)
    with pytest.raises(OutputError, match="are written as"):
        check_suffix(tmp_path / name, [".csv"], "tables")
    assert not list(tmp_path.iterdir())


def test_what_is_at_a_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    kinds = {name: kind_of(tmp_path / name) for name in ("file", "pipe", ".", "loop", "none", "file/x", "a" * 5000)}
    assert list(kinds.values()) == ["file", "special", "folder", None, None, None, None]


def test_a_name_is_told_as_text_whatever_its_bytes() -> None:
    names = {b"a.jpg": "a.jpg", "肖像.png".encode(): "肖像.png", b"M\xe4dchen \xc3\xa4": r"M\xe4dchen ä"}
    assert {raw: printable(Path(os.fsdecode(raw))) for raw in names} == names
    assert printable("\ud800").encode("utf-8") == rb"\ud800"


def test_a_name_is_cut_between_letters_where_it_is_too_long() -> None:
    assert fitting_name("a", "-1.png") == "a-1.png"
    assert fitting_name("肖" * 90, "-1.png") == "肖" * 83 + "-1.png"
