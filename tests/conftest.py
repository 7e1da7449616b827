"""Fixtures that every room shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from visavis.assets import AssetStore
from visavis.images import read_image
from visavis.types import Image


def _shared_folder() -> Path:
    root = Path(__file__).resolve().parents[1]
    return Path(os.environ.get("VISAVIS_SHARED") or root.parent / "shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (_shared_folder() / "data").is_dir():
        return
    skip = pytest.mark.skip(reason=f"the shared material is not at {_shared_folder()} (set VISAVIS_SHARED)")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared material; only for tests marked `shared`."""
    return _shared_folder()


@pytest.fixture(scope="session")
def assets() -> AssetStore:
    """The store of verified models and artworks."""
    return AssetStore()


@pytest.fixture(scope="session")
def astronaut(assets: AssetStore) -> Image:
    """A real face: the NASA astronaut, (512, 512, 3) RGB uint8."""
    return read_image(assets.path("astronaut"))


@pytest.fixture
def signals() -> Iterator[None]:
    """SIGINT as a terminal gives it, though tests may run in the background; it and SIGTERM are given back after."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
