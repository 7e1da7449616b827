"""`visavis doctor` says what is missing and what to do."""

from __future__ import annotations

import json
import socket
from importlib import metadata
from pathlib import Path

import pytest

from visavis import doctor
from visavis.assets import AssetStore
from visavis.cli import main


def test_it_tells_of_every_area(capsys: pytest.CaptureFixture[str], assets: AssetStore) -> None:
    for name in ("face-landmarker", "centerface", "bridgewater-madonna"):
        assets.path(name)
    assert main(["doctor", "--json"]) == 0
    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {finding["area"] for finding in findings} == {"system", "packages", "assets", "cameras"}
    for finding in findings:
        assert finding["state"] == "ok" or finding["remedy"], finding


def test_it_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    out = capsys.readouterr().out
    assert "mediapipe" in out
    assert "face-landmarker" in out


def test_a_machine_without_models_is_not_ready(tmp_path: Path) -> None:
    store = AssetStore(cache_dir=tmp_path, folders=(), shared=tmp_path)
    states = {finding.name: finding for finding in doctor.examine_assets(store)}
    for name in ("face-landmarker", "centerface", "bridgewater-madonna"):
        assert states[name].state == "bad"
        assert states[name].remedy == f"visavis assets fetch {name}"
    assert states["astronaut"].state == "note"


def test_a_wrong_model_is_bad(tmp_path: Path) -> None:
    store = AssetStore(cache_dir=tmp_path, folders=(), shared=tmp_path)
    (tmp_path / store.get("face-landmarker").file).write_text("not the model")
    finding = next(found for found in doctor.examine_assets(store) if found.name == "face-landmarker")
    assert finding.state == "bad"
    assert "fetch" in finding.remedy


def test_cameras(tmp_path: Path) -> None:
    (none,) = doctor.examine_cameras(tmp_path)
    assert none.state == "note"
    assert "--source" in none.remedy
    (tmp_path / "video99").touch()
    (dead,) = doctor.examine_cameras(tmp_path, timeout_s=1)
    assert dead.name == "camera:99"
    assert dead.state == "note"
    assert "cannot be opened" in dead.detail


def test_a_taken_port_is_noted() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = next(f for f in doctor.examine_system(port=port) if f.name == f"port {port}")
    assert found.state == "note"


def test_missing_and_clashing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    versions = {"opencv-python": "5.0", "opencv-contrib-python": "5.0"}

    def version(name: str) -> str:
        if name in versions:
            return versions[name]
        if name in ("rich", "optuna"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    found = {finding.name: finding for finding in doctor.examine_packages()}
    assert found["OpenCV"].state == "bad"
    assert "pip uninstall opencv-python opencv-contrib-python" in found["OpenCV"].remedy
    assert found["rich"].state == "bad"
    assert found["extra search"].state == "note"


def test_a_missing_system_library_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("importlib.import_module", refuse)
    found = {finding.name: finding for finding in doctor.examine_packages()}
    assert found["OpenCV"].remedy == "apt-get install libgl1"
