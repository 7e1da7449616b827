"""`visavis demo`: every file it promises, from real parts; and the live page that follows."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.images import read_image


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def output(demo_folder: Path) -> str:
    """What the demo prints; its film drawn at two frames a second."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr("visavis.cli.demo._FRAMES_PER_SECOND", 2.0)
        assert main(["demo", "--out", str(demo_folder), "--no-serve"]) == 0
    return printed.getvalue()


def test_the_reading_is_a_table_with_bars(output: str) -> None:
    rows = [line for line in output.splitlines() if "joy" in line and "█" in line]
    assert len(rows) == 1
    assert rows[0].count("█") > 15
    assert "mouthSmileLeft" in output
    assert "sees joy and answers with" in output


def test_the_pictures_are_there(output: str, demo_folder: Path, assets: AssetStore) -> None:
    for name in ("reading.png", "answer.png", "answers.png", "answer.mp4"):
        assert f"{demo_folder / name}" in output
    assert read_image(demo_folder / "reading.png").shape[1] > 720
    answer = read_image(demo_folder / "answer.png")
    painting = read_image(assets.path("bridgewater-madonna"))
    height, width = painting.shape[:2]
    assert answer.shape[0] > height
    assert answer.shape[1] > 2 * width
    # The painting stands on the left as it is, and on the right with another face.
    rows = next(row for row in range(120) if np.array_equal(answer[row + 700, 50:150], painting[700, :100]))
    np.testing.assert_array_equal(answer[rows : rows + height, 50 : 50 + width], painting)
    assert read_image(demo_folder / "answers.png").shape[1] > 1200


def test_the_film_passes_through_six_emotions(output: str, demo_folder: Path) -> None:
    with av.open(str(demo_folder / "answer.mp4")) as container:
        frames = [frame.to_ndarray(format="gray")[100:460, 200:560].astype(int) for frame in container.decode(video=0)]
    assert len(frames) > 25
    change = np.array([np.abs(frame - frames[0]).mean() for frame in frames])
    assert change[-1] < 0.8  # but for a breath it is the painting again
    apexes = int(np.sum((change[1:-1] > 0.8) & (change[1:-1] >= change[:-2]) & (change[1:-1] > change[2:])))
    assert apexes >= 4


@pytest.mark.parametrize(
    ("cameras", "source", "expected"),
    [
        ((), None, {}),
        ((), "clip", {"camera": 0, "source": "clip"}),
        ((2,), "clip", {"camera": 2, "source": "clip"}),
        ((), "script", {"source": "script"}),
    ],
    ids=["nothing", "file", "file and camera", "script"],
)
def test_the_live_page_follows(
    cameras: tuple[int, ...], source: str | None, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from visavis.cli import demo

    served: list[dict[str, Any]] = []
    monkeypatch.setattr("visavis.cli.run.serve_portrait", lambda **given: served.append(given))
    monkeypatch.setattr("visavis.sources.camera_indices", lambda: cameras)
    demo._serve(source, 8123)
    assert served == [expected | {"changes": {"server": {"port": 8123}}}]


def test_a_source_that_is_not_there_is_told_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo"), "--source", str(tmp_path / "none.mp4")]) == 2
    assert capsys.readouterr().err.endswith("none.mp4 does not exist; check the path\n")
    assert not (tmp_path / "demo").exists()
