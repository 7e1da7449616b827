"""`visavis portrait score` with instruments whose answer is known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from visavis.cli import main
from visavis.images import read_image, write_image
from visavis.portrait import score as score_module
from visavis.portrait.score import Instruments, read_scores
from visavis.types import Float32, Image

MADONNA = "bridgewater-madonna"


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No portraits but the built-in one, and a reader that sees nothing move."""

    def read(image: Image) -> Float32 | None:
        return np.zeros(52, np.float32)

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("VISAVIS_SHARED", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(Instruments, "of", classmethod(lambda cls, assets, **_: Instruments(read)))


@pytest.fixture
def head(tmp_path: Path, small_head_image: Image) -> Path:
    path = tmp_path / "head.png"
    write_image(path, small_head_image)
    return path


@pytest.fixture(scope="module")
def small_head_image() -> Image:
    from visavis.assets import AssetStore
    from visavis.images import resize

    madonna = read_image(AssetStore().path(MADONNA))
    return resize(np.ascontiguousarray(madonna[60:480, 180:560]), height=210)


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "wall.png"
    write_image(path, np.full((300, 300, 3), 120, np.uint8))
    return path


def test_figures_and_refusals_are_printed_and_written(
    tmp_path: Path, head: Path, blank: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.csv"
    assert main(["portrait", "score", str(blank), str(head), "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "1 of 2 portraits rigged" in text
    assert "0.00 ✗ ≥ 0.6" in text
    assert f"refused: no face was found in {blank}" in text
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["portrait"] for row in rows] == [str(blank), str(head)]
    assert rows[0]["refused"].startswith("no face")
    assert float(rows[1]["rest"]) == 1
    assert float(rows[1]["reach/jawOpen"]) == 0


def test_a_run_goes_on_where_it_was_stopped(
    tmp_path: Path, head: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores.json"
    (tmp_path / "second.png").write_bytes(head.read_bytes())
    portraits = [str(head), str(tmp_path / "second.png")]
    scored: list[str] = []
    really = score_module.score_portrait

    def stop_at_second(name: str, *rest: object) -> object:
        scored.append(name)
        if len(scored) == 2:
            raise KeyboardInterrupt
        return really(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(score_module, "score_portrait", stop_at_second)
    assert main(["portrait", "score", *portraits, "--out", str(out)]) == 130
    assert "stopped after 1 of 2" in capsys.readouterr().err
    assert [item.name for item in read_scores(out)] == portraits[:1]
    assert main(["portrait", "score", *portraits, "--out", str(out), "--resume"]) == 0
    assert scored == [portraits[0], portraits[1], portraits[1]]
    assert [item.name for item in read_scores(out)] == portraits


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--out", "scores.txt"], 5, "scores are written as .csv, .json, .md"),
        (["--resume"], 2, "goes on from a file"),
        (["--renderer", "oil"], 2, "no renderer 'oil'"),
        (["nobody.png"], 2, "nobody.png is not a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_wishes_are_told_before_any_work(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something is rigged")

    monkeypatch.setattr("visavis.portrait.gallery.open_portrait", never)
    assert main(["portrait", "score", MADONNA, *arguments]) == code
    assert words in capsys.readouterr().err.replace("\n", " ")


def test_when_nothing_can_be_scored_the_reason_is_told(blank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["portrait", "score", str(blank)]) == 2
    assert "none of the portraits could be scored" in capsys.readouterr().err
