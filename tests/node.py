"""Packages of npm that some tests use where they are installed: in `node_modules`, or where NODE_PATH says."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def require_node_package(name: str) -> Path:
    """The folder of an npm package; skips the test, with the reason, where it or node is absent."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    places = [Path(__file__).resolve().parents[1] / "node_modules"]
    places += [Path(place) for place in os.environ.get("NODE_PATH", "").split(os.pathsep) if place]
    for place in places:
        if (place / name / "package.json").is_file():
            return place / name
    pytest.skip(f"the npm package {name} is not installed (npm install --no-save {name})")
