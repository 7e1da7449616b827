"""`visavis portrait` and the files it is given: paintings are never written over, and odd names get one clear line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.output import one_line
from visavis.assets import AssetStore
from visavis.cli import main
from visavis.images import read_image, write_image
from visavis.portrait.gallery import DEFAULT_PORTRAIT, Gallery


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own: the user's gallery is left alone; and files without a folder are the test's own."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def head(tmp_path: Path, assets: AssetStore) -> Path:
    """A small painting with one face."""
    path = tmp_path / "head.png"
    image = read_image(assets.path(DEFAULT_PORTRAIT))
    write_image(path, np.ascontiguousarray(image[60:480, 180:560]))
    return path


@pytest.mark.parametrize("verb", [["check", "--draw"], ["check", "--crop"], ["sheet", "--out"]], ids=" ".join)
@pytest.mark.parametrize("link", [False, True])
def test_no_drawing_is_written_over_the_painting(
    head: Path, verb: list[str], link: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    before, out = head.read_bytes(), head
    if link:
        out = head.with_name("link.png")
        out.symlink_to(head)
    assert main(["portrait", verb[0], str(head), verb[1], str(out)]) == 5
    error = one_line(capsys)
    assert "written over what it is made from" in error
    assert verb[1] in error
    assert head.read_bytes() == before


def test_two_drawings_need_two_files(tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portrait", "check", str(head), "--crop", "new.png", "--draw", str(tmp_path / "new.png")]) == 5
    assert "by both --draw and --crop" in one_line(capsys)
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize("verb", [["render", "--emotion", "joy", "--out"], ["check", "--draw"]], ids=" ".join)
def test_a_portrait_of_the_gallery_is_not_written_over(
    head: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["portrait", "add", str(head), "--name", "al"]) == 0
    capsys.readouterr()
    painting = Gallery().find("al").path
    assert painting is not None
    assert main(["portrait", verb[0], "al", *verb[1:], str(painting)]) == 5
    assert "written over what it is made from" in one_line(capsys)
    assert painting.read_bytes() == head.read_bytes()


def test_a_listing_warns_of_a_damaged_card(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = home / "visavis" / "portraits" / "lady" / "portrait.json"
    card.parent.mkdir(parents=True)
    card.write_text("{", encoding="utf-8")
    assert main(["portrait", "list"]) == 0
    captured = capsys.readouterr()
    assert DEFAULT_PORTRAIT in captured.out
    assert captured.err.count("\n") == 1
    assert "visavis portrait remove lady" in captured.err
    assert main(["portrait", "remove", "lady"]) == 0
    assert not card.parent.exists()


@pytest.mark.parametrize("suffix", ["", ".png"])
@pytest.mark.parametrize("verb", [["portrait", "check"], ["read", "--explain"], ["portrait", "fetch"]], ids=" ".join)
def test_a_name_that_is_too_long_is_told_as_one_that_is_not_there(
    verb: list[str], suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for name in ("a" * 5000, "nowhere"):
        code = main([*verb, name + suffix])
        told.append((code, one_line(capsys).replace(name, "NAME")))
    assert told[0] == told[1]
    assert told[0][0] in (1, 2)


def test_a_driver_with_a_name_that_is_too_long_is_not_there(head: Path, capsys: pytest.CaptureFixture[str]) -> None:
    driver = "a" * 5000 + ".mp4"
    assert main(["portrait", "render", str(head), "--driver", driver, "--out", "a.mp4"]) == 2
    assert one_line(capsys) == f"error: {driver} does not exist; check the path"


def test_a_picture_as_a_driver_is_told_before_any_work(
    head: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visavis.portrait.gallery.open_portrait", None)
    assert main(["portrait", "render", str(head), "--driver", str(head), "--out", "a.mp4"]) == 2
    assert f"{head} is a picture" in one_line(capsys)


def test_a_file_name_that_is_no_text_still_gives_a_title(home: Path, head: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(head.parent) + b"/bad\xff.png"))
    head.rename(odd)
    assert main(["portrait", "add", str(odd), "--name", "bd", "--artist", os.fsdecode(b"R\xe9my")]) == 0
    portrait = Gallery().find("bd")
    assert (portrait.title, portrait.artist) == (r"bad\xff", r"R\xe9my")


def test_a_terminal_without_our_letters_gets_question_marks(head: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "visavis", "portrait", "check", str(head)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"?, pitch" in done.stdout


@pytest.mark.parametrize("verb", [["render", "--emotion", "joy", "--out"], ["check", "--draw"]], ids=" ".join)
def test_a_folder_that_may_not_be_entered_is_an_output_error(
    tmp_path: Path,
    head: Path,
    verb: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o600)
    stat = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.parent == closed:  # as the system does; root would be let in
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    out = closed / "a.png"
    assert main(["portrait", verb[0], str(head), *verb[1:], str(out)]) == 5
    assert one_line(capsys).startswith(f"error: cannot write {out}: Permission denied")
