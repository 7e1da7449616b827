"""The examples run as they are printed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from visavis.assets import AssetStore
from visavis.images import read_image

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_smile_changes_the_face_alone(assets: AssetStore, tmp_path: Path) -> None:
    painting = assets.path("bridgewater-madonna")
    runpy.run_path(str(EXAMPLES / "smile.py"))["main"](str(painting), str(tmp_path / "smile.png"))
    before, after = read_image(painting), read_image(tmp_path / "smile.png")
    changed = (before != after).any(axis=2)
    assert 0.001 < changed.mean() < 0.1


def test_a_wink_begins_at_rest(assets: AssetStore, tmp_path: Path) -> None:
    painting = assets.path("bridgewater-madonna")
    runpy.run_path(str(EXAMPLES / "your_own_expression.py"))["main"](str(painting), str(tmp_path), 3)
    frames = [read_image(path) for path in sorted(tmp_path.glob("wink-*.png"))]
    assert (frames[0] == read_image(painting)).all()
    assert (frames[1] != frames[0]).any()


def test_smile_says_when_there_is_no_face(tmp_path: Path) -> None:
    import numpy as np

    from visavis.errors import NoFaceError
    from visavis.images import write_image

    write_image(tmp_path / "wall.png", np.full((200, 200, 3), 120, np.uint8))
    with pytest.raises(NoFaceError, match="no face"):
        runpy.run_path(str(EXAMPLES / "smile.py"))["main"](str(tmp_path / "wall.png"), str(tmp_path / "out.png"))
