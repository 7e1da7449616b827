"""`visavis portrait` and several portraits at once: sheets, the list of names, and names that nobody has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.images import read_image, write_image
from visavis.portrait.gallery import DEFAULT_PORTRAIT


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
