"""What is installed, what works, and what to do about what does not."""

from __future__ import annotations

import importlib
import os
import platform
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from visavis import __version__
from visavis.assets import AssetStore
from visavis.errors import SourceError
from visavis.sources import LiveSource
from visavis.sources.camera import CameraGrabber, camera_indices

__all__ = ["Finding", "examine", "examine_assets", "examine_cameras", "examine_packages", "examine_system"]

#: Assets without which the live portrait cannot run at all; each of the others is fetched when it is asked for.
_NEEDED_ASSETS: Final = ("face-landmarker", "bridgewater-madonna")
_DETECTOR_ASSETS: Final = ("centerface", "yunet")
#: Packages that load libraries of the system, and the name that they are imported by: these are really imported.
_NATIVE: Final = {"mediapipe": "mediapipe", "onnxruntime": "onnxruntime", "av": "av", "pyarrow": "pyarrow"}
_OPENCV: Final = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
#: Debian's package of each system library that a fresh machine may lack.
_LIBRARIES: Final = {
    "libGL.so": "libgl1",
    "libGLESv2.so": "libgles2",
    "libEGL.so": "libegl1",
    "libglib": "libglib2.0-0",
    "libgthread": "libglib2.0-0",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: `system`, `packages`, `assets` or `cameras`.
        name: what was looked at.
        state: `ok`; `note`, where something optional is missing; `bad`, where Visavis cannot run without it.
        detail: what was found.
        remedy: what to do; "" where nothing has to be done.
    """

    area: str
    name: str
    state: Literal["ok", "note", "bad"]
    detail: str
    remedy: str = ""


def examine(assets: AssetStore) -> Iterator[Finding]:
    """Look at everything; findings come as they are made, as cameras take seconds to open."""
    yield from examine_system()
    yield from examine_packages()
    yield from examine_assets(assets)
    yield from examine_cameras()


def examine_system(*, port: int = 8000) -> Iterator[Finding]:
    """Python, processor, and the port of the live page."""
    supported = sys.version_info >= (3, 11)
    yield Finding(
        "system",
        "Python",
        "ok" if supported else "bad",
        f"{platform.python_version()}, Visavis {__version__}, {platform.platform(terse=True)} {platform.machine()}",
        "" if supported else "install Python 3.11 or newer",
    )
    cores = len(os.sched_getaffinity(0))
    yield Finding(
        "system",
        "processor",
        "ok" if cores >= 2 else "note",
        f"{cores} core{'' if cores == 1 else 's'} for this process",
        "" if cores >= 2 else "the live portrait wants two cores to keep 30 frames a second",
    )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            yield Finding("system", f"port {port}", "ok", "free for the live page")
        except OSError as error:
            yield Finding(
                "system", f"port {port}", "note", f"taken ({error.strerror})", "the next free port will be used instead"
            )


def examine_packages() -> Iterator[Finding]:
    """Every package that Visavis requires, and those of its extras."""
    opencv = [name for name in _OPENCV if _version(name)]
    if len(opencv) > 1:
        yield Finding(
            "packages",
            "OpenCV",
            "bad",
            f"{' and '.join(opencv)} overwrite each other's files",
            f"pip uninstall {' '.join(opencv)}, then: pip install --force-reinstall --no-deps opencv-contrib-python",
        )
    else:
        yield _importable("OpenCV", "cv2", " ".join(f"{name} {_version(name)}" for name in opencv))
    missing: dict[str, list[str]] = {}
    for name, extra in _requirements():
        version = _version(name)
        if version is None and extra:
            missing.setdefault(extra, []).append(name)
        elif version is None:
            yield Finding("packages", name, "bad", "not installed", f"pip install {name}")
        elif name in _NATIVE:
            yield _importable(name, _NATIVE[name], version)
        else:
            yield Finding("packages", name, "ok", version)
    for extra, names in missing.items():
        detail = f"not installed: {', '.join(names)}"
        yield Finding("packages", f"extra {extra}", "note", detail, f"if wanted: pip install 'visavis[{extra}]'")


def examine_assets(assets: AssetStore) -> Iterator[Finding]:
    """Every model and artwork: whether its file is here and genuine."""
    # Portraits are rigged with one of two detectors of faces.
    states = {asset.name: assets.state(asset.name) for asset in assets.entries()}
    needed_names = set(_NEEDED_ASSETS)
    if "verified" not in {states.get(name, ("", ""))[0] for name in _DETECTOR_ASSETS}:
        needed_names.add(_DETECTOR_ASSETS[0])
    for asset in assets.entries():
        state, detail = states[asset.name]
        if state == "verified":
            yield Finding("assets", asset.name, "ok", detail)
        elif state == "missing":
            # Needed or not: it is fetched at its first use, unless there is no network then.
            needed = asset.name in needed_names
            yield Finding(
                "assets", asset.name, "bad" if needed else "note", detail, f"visavis assets fetch {asset.name}"
            )
        else:
            yield Finding("assets", asset.name, "bad", detail, "delete that file, then fetch it again")


def examine_cameras(devices: Path = Path("/dev"), *, timeout_s: float = 5.0) -> Iterator[Finding]:
    """Every camera: whether it opens and gives a picture."""
    indices = camera_indices(devices)
    if not indices:
        yield Finding(
            "cameras",
            "camera",
            "note",
            f"none: there is no {devices}/video*",
            "connect one, or use --source FILE, --source browser or --source script",
        )
    for index in indices:
        name = f"camera:{index}"

        def opened(index: int = index) -> CameraGrabber:
            return CameraGrabber(index, devices=devices)

        try:
            with LiveSource(opened, name=name, open_timeout_s=timeout_s) as camera:
                frame = camera.read()
            yield Finding("cameras", name, "ok", f"{frame.width} x {frame.height} pixels")
        except SourceError as error:
            yield Finding("cameras", name, "note", str(error), "a camera may have several devices: try another")


def _requirements() -> Sequence[tuple[str, str]]:
    """(package, extra) of each requirement that Visavis declares; extra is "" where it is not optional."""
    try:
        declared = metadata.requires("visavis") or []
    except metadata.PackageNotFoundError:
        return []
    found: dict[str, str] = {}  # a package that several extras ask for is told once
    for line in declared:
        name = re.match(r"[A-Za-z0-9._-]+", line)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", line)
        if name is not None:
            found.setdefault(name[0], extra[1] if extra else "")
    return list(found.items())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _importable(name: str, module: str, version: str) -> Finding:
    try:
        importlib.import_module(module)
    except ImportError as error:
        library = next((package for part, package in _LIBRARIES.items() if part in str(error)), None)
        remedy = f"apt-get install {library}" if library else f"pip install --force-reinstall {name}"
        return Finding("packages", name, "bad", f"cannot be imported: {error}", remedy)
    return Finding("packages", name, "ok", version)
