"""The benchmark reports what it promises; how fast this machine is, no test asks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from visavis.assets import AssetStore
from visavis.cli import main
from visavis.errors import InputError
from visavis.images import write_image
from visavis.stage.bench import bench, decode_clip

STAGES = ("decode", "landmarks", "track", "emotion", "smooth", "answer", "serialise")


def test_it_reports_stages_loop_latency_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json", "--frames", "12", "--seconds", "0.5", "--no-renderer"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert tuple(report["stages_ms"]) == STAGES
    for stage in STAGES[1:]:
        assert 0 <= report["stages_ms"][stage]["median"] <= report["stages_ms"][stage]["p95"]
    assert report["clip"]["width"] == 640
    assert report["clip"]["height"] == 480
    loop = report["loop"]
    assert loop["frames"] == 12
    assert loop["frame_ms"]["median"] >= report["stages_ms"]["landmarks"]["median"]
    expected = (loop["frame_ms"]["median"] / loop["bare_landmarker_ms"]["median"] - 1) * 100
    assert loop["overhead_percent"] == pytest.approx(expected, abs=0.2)
    assert report["live"]["messages"] > 5
    assert 0 < report["live"]["camera_to_message_ms"]["median"] < 5000
    assert {"visavis", "mediapipe", "numpy"} <= set(report["versions"])
    assert report["machine"]["cores"] >= 1


def test_the_table_names_every_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--frames", "10", "--seconds", "0", "--no-renderer"]) == 0
    output = capsys.readouterr().out
    assert all(stage in output for stage in STAGES[1:])
    assert "frames a second" in output


def test_the_renderer_is_measured_on_the_portrait(assets: AssetStore) -> None:
    clip = decode_clip(None, assets=assets, limit=4, size=(320, 240))
    report = bench(clip, assets=assets, frames=10, live_s=0, drawings=5)
    assert report["renderer"]["portrait"] == "bridgewater-madonna"
    assert report["renderer"]["height"] == 1200
    assert report["renderer"]["render_ms"]["median"] > 0
    assert "live" not in report


@pytest.mark.parametrize("size", ["640", "640x", "0x0", "axb", "99999x10"])
def test_a_wrong_size_is_refused(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--size", size]) == 2
    assert "640x480" in capsys.readouterr().err


def test_a_single_picture_is_no_clip(tmp_path: Path, assets: AssetStore) -> None:
    path = tmp_path / "one.png"
    write_image(path, np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(InputError, match="needs a clip"):
        decode_clip(path, assets=assets, limit=10, size=None)
